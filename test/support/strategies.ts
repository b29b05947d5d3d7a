/** Strategies for tests of their two functions alone. */
import type { Strategy } from "effect-cached"
import { strategyOf } from "../../src/cached/checkCall.ts"

/** The strategy that an option of a layer or of `Cached.withStrategy` gives. */
export const made = (given: Strategy.Input<any, any, any>): Strategy.Strategy<any, any, any> => strategyOf(given)
