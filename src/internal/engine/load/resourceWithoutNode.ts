/** Replaces `resource.ts` outside Node, without warnings: they appear where the program is tested, which is in Node. */
import type * as Resource from "./resource.ts"

export const warnOfResource: typeof Resource.warnOfResource = () => {}
