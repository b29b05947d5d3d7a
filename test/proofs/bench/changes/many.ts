/** The many entries that one process writes and removes, and another one has in memory. */
import { Schema } from "effect"
import { CacheKey } from "effect-cached"

export class Many extends CacheKey.Class<Many>()("Many", { payload: { i: Schema.Number }, success: Schema.Number }) {}

export const many = (count: number): ReadonlyArray<Many> => Array.from({ length: count }, (_, i) => new Many({ i }))
