/** Replaces `resource.ts` outside Node: the warnings already appear where a program is tested. */
import type * as Resource from "./resource.ts"

export const warnOfResource: typeof Resource.warnOfResource = () => {}
