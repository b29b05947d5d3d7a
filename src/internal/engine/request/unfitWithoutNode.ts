/** Replaces `unfit.ts` outside Node: the warnings already appear where a program is tested. */
import type * as Unfit from "./unfit.ts"

export const warnOfValue: typeof Unfit.warnOfValue = () => {}
