/** A key class without something that it needs. */
import { Schema } from "effect"
import { CacheKey } from "effect-cached"

export class NoSelf extends CacheKey.Class()("NoSelf", { success: Schema.String }) {}
export class NoSuccess extends CacheKey.Class<NoSuccess>()("NoSuccess", { payload: { id: Schema.Int } }) {}
export class Index extends CacheKey.Class<Index>()("Index", {
  payload: { id: Schema.Int },
  success: Schema.String,
  indexes: ["di"]
}) {}
