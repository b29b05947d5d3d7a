/** Replaces `resource.ts` outside Node. Never warns, because tests of the program, which run in Node, already do. */
import type * as Resource from "./resource.ts"

export const warnOfResource: typeof Resource.warnOfResource = () => {}
