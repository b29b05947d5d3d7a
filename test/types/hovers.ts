/** Names whose hover text `hovers.test.ts` compares. */
import { type Effect, Schema } from "effect"
import { Cached, CacheKey } from "effect-cached"

class Down extends Schema.TaggedError<Down>()("Down", {}) {}
class User extends CacheKey.Class<User>()("User", { payload: { id: Schema.Int }, success: Schema.String }) {}

declare const load: Effect.Effect<string, Down>
const key = new User({ id: 1 })
const strategy = { ttl: "1 hour" } as const

export const hovers = [
  Cached.ttl(key, { ttl: "1 hour" }),
  Cached.ttl("ada", { ttl: "1 hour" }),
  Cached.ttl(load, key, { ttl: "1 hour" }),
  Cached.softTtl(key, { ttl: "1 hour", softTtl: "1 minute", fallbackOn: ["Down"] }),
  Cached.softTtl("ada", { ttl: "1 hour", softTtl: "1 minute", fallbackOn: "all" }),
  Cached.withStrategy("ada", { strategy }),
  Cached.fn(User, () => load, strategy)
]
