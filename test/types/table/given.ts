/** The parts of the uses in the table of mistakes. This file contains no mistake. */
import { type Effect, type Exit, type RequestResolver, Schema, type Stream } from "effect"
import { CacheKey } from "effect-cached"

export class Person extends Schema.Class<Person>("Person")({ name: Schema.String, maxAge: Schema.Number }) {}
export class NotFound extends Schema.TaggedError<NotFound>()("NotFound", {}) {}
export class Down extends Schema.TaggedError<Down>()("Down", {}) {}
export class User extends CacheKey.Class<User>()("User", {
  payload: { id: Schema.Int },
  success: Person,
  error: NotFound
}) {}
export const ada = new User({ id: 1 })
export const person = new Person({ name: "Ada", maxAge: 1 })
export declare const get: (id: number) => Effect.Effect<Person, NotFound | Down>
export declare const sure: (id: number) => Effect.Effect<Person>
export declare const untagged: (id: number) => Effect.Effect<Person, string>
export declare const load: Effect.Effect<Person, NotFound | Down>
export declare const getMany: (
  ids: ReadonlyArray<number>
) => Effect.Effect<ReadonlyArray<Exit.Exit<Person, NotFound>>, Down>
export declare const rows: Stream.Stream<Person, NotFound | Down>
export declare const resolver: RequestResolver.RequestResolver<User>
export const toKey = (id: number) => `user:${id}`
