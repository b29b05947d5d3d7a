/** Replaces `resource.ts` outside Node. Never warns, because the program's tests, which run in Node, already warn. */
import type * as Resource from "./resource.ts"

export const warnOfResource: typeof Resource.warnOfResource = () => {}
