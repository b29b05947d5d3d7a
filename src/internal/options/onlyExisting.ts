/** Tells a store that it is opened for an inspection, which creates nothing. */
import * as Context from "effect/Context"

/** Whether a store that is not there must not be created. */
export const OnlyExisting = Context.Reference<boolean>("effect-cached/OnlyExisting", { defaultValue: () => false })
