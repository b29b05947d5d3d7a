/** Types of a pipe, whose effect is known before the options; checked by `tsc`, not run. */
import { type Cause, Effect, type Exit, Schema } from "effect"
import { Cached, CacheKey, type Strategy } from "effect-cached"

class Person extends Schema.Class<Person>("Person")({ name: Schema.String }) {}
class Down extends Schema.TaggedError<Down>()("Down", {}) {}
class NotFound extends Schema.TaggedError<NotFound>()("NotFound", {}) {}
class User extends CacheKey.Class<User>()("User", { payload: { id: Schema.Int }, success: Person, error: NotFound }) {}
class Maybe extends CacheKey.Class<Maybe>()("Maybe", { success: Schema.UndefinedOr(Person) }) {}

declare const load: Effect.Effect<Person, Down>
const key = new User({ id: 1 })
const ttl = "1 hour"

type Personal = Effect.Effect<Person, any, any>

/** Calls with types that a type parameter of the caller leaves open. */
export const generic = {
  keyOfValue: <A>(one: Effect.Effect<A>, key: CacheKey.CacheKey<A>) => one.pipe(Cached.ttl(key, { ttl })),
  narrowerValue: <A extends Person>(one: Effect.Effect<A>) => one.pipe(Cached.ttl(key, { ttl })),
  anyKey: <A, K extends CacheKey.Any>(one: Effect.Effect<A>, key: K) => one.pipe(Cached.ttl(key, { ttl })),
  keyOfPerson: <A extends Person, K extends CacheKey.CacheKey<Person>>(one: Effect.Effect<A>, key: K) =>
    one.pipe(Cached.ttl(key, { ttl })),
  anEffect: <F extends Effect.Effect<Person>>(one: F) => one.pipe(Cached.ttl(key, { ttl })),
  anEffectByText: <F extends Effect.Effect<Person>>(one: F) => one.pipe(Cached.ttl("k", { ttl })),
  failures: <A, E>(one: Effect.Effect<A, E | Down>) =>
    one.pipe(Cached.softTtl("k", { ttl, softTtl: 1, fallbackOn: ["Down"], storeFailures: ["Down"] })),
  failuresOfKey: <E>(one: Effect.Effect<Person, E | Down>) =>
    one.pipe(Cached.softTtl(key, { ttl, softTtl: 1, fallbackOn: ["Down", "NotFound"], storeFailures: ["NotFound"] })),
  functions: <A, E>(one: Effect.Effect<A, E>) =>
    one.pipe(Cached.softTtl("k", {
      ttl: (_: Exit.Exit<A, E>) => 1,
      softTtl: 1,
      storeIf: (_: A) => true,
      fallbackOn: (_: Cause.Cause<E>) => true
    })),
  strategy: <A, E>(one: Effect.Effect<A, E>, strategy: Strategy.Strategy<A, E>) =>
    one.pipe(Cached.withStrategy("k", { strategy }))
}

export const fitting = [
  // The value may be narrower than the key's.
  load.pipe(Cached.ttl(new Maybe(), { ttl })),
  Effect.succeed({} as any).pipe(Cached.ttl(key, { ttl })),
  Effect.fail(new Down()).pipe(Cached.ttl(key, { ttl })),
  // A function may take more than the value.
  load.pipe(Cached.ttl(key, { ttl, storeIf: (value: Person | undefined) => value !== undefined })),
  load.pipe(Cached.ttl("k", { ttl, storeIf: (value: Person | undefined) => value !== undefined })),
  load.pipe(Cached.softTtl("k", { ttl, softTtl: 1, fallbackOn: (cause: Cause.Cause<unknown>) => !!cause })),
  load.pipe(Cached.withStrategy("k", { strategy: { ttl: (_: Exit.Exit<unknown, unknown>) => 1 } }))
]

export const assigned: (self: Effect.Effect<Person>) => Personal = Cached.ttl(key, { ttl })
const reused = Cached.softTtl(key, { ttl, softTtl: 1, fallbackOn: ["Down"] })
export const reusedInPipe = load.pipe(reused)

// @ts-expect-error
Effect.succeed("Ada").pipe(Cached.withStrategy(key, { strategy: { ttl } }))
// @ts-expect-error
Effect.succeed<Person | undefined>(undefined).pipe(Cached.ttl(key, { ttl }))
// @ts-expect-error
load.pipe(Cached.softTtl(key, { ttl, softTtl: 1, fallbackOn: ["Down", "Dwon"] }))
// @ts-expect-error
load.pipe(Cached.withStrategy("k", { strategy: { ttl: (_: Exit.Exit<string, Down>) => 1 } }))
