/** A module with a key class, which a test evaluates more than once, as a hot reload does. */
import { Schema } from "effect"
import { CacheKey } from "effect-cached"

export class Item extends CacheKey.Class<Item>()("Reloaded", {
  payload: { n: Schema.Number },
  success: Schema.String
}) {}
