/** Mistakes of a function that makes its class, and of one over string keys. */
import { Effect, Schema } from "effect"
import { Cached, Strategy } from "effect-cached"
import { load } from "./given.ts"

const strategy = Strategy.ttl({ ttl: "1 hour" })

Cached.fn("user", { payload: { id: Schema.Int }, success: Schema.String, lookup: () => Effect.succeed("Ada") })
Cached.fn("user", { payload: { id: Schema.Int }, lookup: () => Effect.succeed("Ada"), strategy })
Cached.fn("user", {
  paylaod: { id: Schema.Int },
  success: Schema.String,
  lookup: () => Effect.succeed("Ada"),
  strategy
})
Cached.fn("user", { success: Schema.String, lookup: () => Effect.succeed(1), strategy })
Cached.fn((id: number) => `user:${id}`, () => load, {})
Cached.fn((id: number) => `user:${id}`, () => load, { strategy })
Cached.fn((id: number) => id, () => load, { strategy })
Cached.fn((id: number) => `user:${id}`, () => load, { strategy, ttl: "1 hour" })
Cached.fn("user", { payload: { id: "number" }, success: Schema.String, lookup: () => Effect.succeed("Ada"), strategy })
Cached.fn("user", { payload: { id: Schema.Int }, success: Schema.String, lookup: async () => "Ada", strategy })
