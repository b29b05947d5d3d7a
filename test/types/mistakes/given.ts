/** Shared parts of the mistakes beside this file. It contains no mistake. */
import { Context, Effect, Schema } from "effect"
import { CacheKey } from "effect-cached"

export class Person extends Schema.Class<Person>("Person")({ name: Schema.String }) {}
export class NotFound extends Schema.TaggedError<NotFound>()("NotFound", {}) {}
export class Down extends Schema.TaggedError<Down>()("Down", {}) {}
export class Http
  extends Context.Service<Http, { readonly get: (id: number) => Effect.Effect<Person, NotFound | Down> }>()(
    "Http"
  )
{}

export class User extends CacheKey.Class<User>()("User", {
  payload: { id: Schema.Int, region: Schema.String },
  success: Person,
  error: NotFound,
  indexes: ["region"]
}) {}

export const ada = new User({ id: 1, region: "eu" })
export const load = Effect.flatMap(Http, ({ get }) => get(1))
