/** Replaces `unfit.ts` outside Node and gives no warnings: programs are tested in Node, where the warnings appear. */
import type * as Unfit from "./unfit.ts"

export const warnOfValue: typeof Unfit.warnOfValue = () => {}

export const warnOfLifetime: typeof Unfit.warnOfLifetime = () => {}
