/** Replaces `unfit.ts` outside Node, without warnings: they appear where the program is tested, which is in Node. */
import type * as Unfit from "./unfit.ts"

export const warnOfValue: typeof Unfit.warnOfValue = () => {}
