/** Replaces `unfit.ts` outside Node and gives no warnings, because a program is tested in Node, which gives them. */
import type * as Unfit from "./unfit.ts"

export const warnOfValue: typeof Unfit.warnOfValue = () => {}
