/** Targets that are none. */
import { Schema } from "effect"
import { Cached, CacheKey } from "effect-cached"
import { ada, User } from "./given.ts"

class NoIndex extends CacheKey.Class<NoIndex>()("NoIndex", { payload: { id: Schema.Int }, success: Schema.String }) {}

Cached.invalidate(User)
Cached.invalidate({ where: [User, { id: 1 }] })
Cached.invalidate({ where: [NoIndex, { id: 1 }] })
Cached.getMany(ada)
