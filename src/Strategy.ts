/**
 * The types of strategies, which decide whether to serve a stored entry or to load, and how long to keep a new result.
 * A strategy is pure, so its tests need neither a cache nor a clock.
 * @since 0.1.0
 */
export type { Decision, Input, Lifetime, Strategy } from "./ports/strategy.ts"
