/** Uses of the flat options that the compiler must accept, with the types that functions among them see; not run. */
import { type Cause, Effect, Exit, Stream } from "effect"
import { Cached, type CacheError, type CacheKey, type Caching, type Strategy } from "effect-cached"
import { is, same } from "./same.ts"
import {
  ada,
  type Down,
  get,
  getMany,
  load,
  type NotFound,
  Person,
  person,
  resolver,
  rows,
  sure,
  toKey,
  untagged,
  User
} from "./table/given.ts"

type Cache = Caching.Caching
type Loaded = Effect.Effect<Person, NotFound | Down, Cache>
type TimedOut = Effect.Effect<Person, NotFound | Down | CacheError.LoadTimeout, Cache>
const soft = { softTtl: "5 minutes", ttl: "1 hour" } as const
declare const own: Strategy.Strategy
const byAge = (exit: Exit.Exit<Person, unknown>) => Exit.isSuccess(exit) ? exit.value.maxAge : 0

// ---------------------------------------------------------------------------------------------------------------------
// functions
// ---------------------------------------------------------------------------------------------------------------------

const ofStrings = [
  Cached.fn(toKey, get, { ttl: "1 hour" }),
  Cached.fn(toKey, get, { ttl: (exit) => Exit.isSuccess(exit) ? exit.value.maxAge : 0, storeFailures: ["NotFound"] }),
  Cached.fn((id: number) => `user:${id}`, (id) => get(id + 1), {
    ttl: (exit, key) => Exit.isSuccess(exit) ? exit.value.maxAge + key.length : 0,
    storeIf: (value) => value.maxAge > 0
  }),
  Cached.fn(toKey, get, { strategy: "failover", ttl: "1 hour", fallbackOn: (cause) => cause.reasons.length > 0 }),
  Cached.fn(toKey, get, {
    strategy: "untilInvalidated",
    tags: (exit) => Exit.isSuccess(exit) ? [exit.value.name] : []
  }),
  Cached.fn(toKey, get, { strategy: "probabilistic", ttl: byAge, beta: 2 }),
  Cached.fn(toKey, get, { strategy: "sliding", idle: "1 hour" }),
  Cached.fn(toKey, get, { strategy: "maxHits", ttl: "1 hour", hits: 3, refreshAfter: 2 }),
  Cached.fn(toKey, get, {
    strategy: own,
    fallbackOn: ["Down"],
    when: (exit, key) => Exit.isSuccess(exit) && key !== ""
  })
] as const
same<ReturnType<(typeof ofStrings)[number]>, Loaded>(true)
same<Parameters<(typeof ofStrings)[2]["key"]>, [id: number]>(true)
const ofClass = [
  Cached.fn(User, ({ id }) => get(id), { ttl: "5 minutes" }),
  Cached.fn(User, ({ id }) => get(id), {
    strategy: "softTtl",
    ...soft,
    fallbackOn: ["Down"],
    storeFailures: ["NotFound"]
  }),
  Cached.recursive(User, ({ id }, self) => Effect.andThen(get(id), self({ id: 0 })), {
    strategy: "softTtl",
    ...soft,
    fallbackOn: ["Down"]
  })
] as const
same<ReturnType<(typeof ofClass)[number]>, Loaded>(true)
same<ReturnType<(typeof ofClass)[number]["key"]>, User>(true)

// A timeout shows in the failures, also in what the function of the cause gets.
const timed = [
  Cached.fn(toKey, get, { strategy: own, timeout: "1 second" }),
  Cached.fn(User, ({ id }) => get(id), { ttl: "1 hour", timeout: (key) => key.id }),
  Cached.fn(toKey, get, {
    strategy: "softTtl",
    ...soft,
    timeout: 5,
    fallbackOn: (cause) => {
      const all: Cause.Cause<NotFound | Down | CacheError.LoadTimeout> = cause
      // @ts-expect-error it may be a timeout
      const few: Cause.Cause<NotFound | Down> = cause
      void [all, few]
      return true
    }
  })
] as const
same<ReturnType<(typeof timed)[number]>, TimedOut>(true)

// A lookup that cannot fail, or only by a timeout, need not name outages.
Cached.fn(toKey, sure, { strategy: "softTtl", ...soft })
Cached.fn((id: number) => `user:${id}`, (id) => sure(id), { strategy: "softTtl", ...soft, timeout: "1 second" })
Cached.fn(toKey, untagged, { strategy: "softTtl", ...soft, fallbackOn: "all" })
// @ts-expect-error its failures have no tags
Cached.fn(toKey, untagged, { strategy: "softTtl", ...soft, fallbackOn: ["Down"] })
// @ts-expect-error outages are not named
Cached.fn(toKey, untagged, { strategy: "softTtl", ...soft })
Cached.fn(User, () => Effect.succeed(person), { strategy: "refreshAhead", ttl: byAge, refreshAfter: "1 minute" })
// @ts-expect-error a value of another type
Cached.fn(User, () => Effect.succeed("Ada"), { ttl: "1 hour" })
// @ts-expect-error there are no options
Cached.fn(toKey, get)
// @ts-expect-error the class declares no such failure
Cached.fn(User, ({ id }) => get(id), { ttl: "1 hour", storeFailures: ["Down"] })
// @ts-expect-error only softTtl and failover fall back
Cached.fn(toKey, get, { ttl: "1 hour", fallbackOn: ["Down"] })
// @ts-expect-error the lifetime is the strategy's
Cached.fn(toKey, get, { strategy: own, ttl: "1 hour" })

const many = Cached.many(User, (keys) => getMany(keys.map(({ id }) => id)), {
  strategy: "softTtl",
  ...soft,
  storeFailures: ["NotFound"],
  fallbackOn: ["Down"]
})
same<
  ReturnType<typeof many>,
  Effect.Effect<ReadonlyArray<Exit.Exit<Person, NotFound>>, Down, Cache>
>(true)

const made = Cached.make(Cached.fn(toKey, (id) => get(id), { ttl: byAge }))
Cached.fn(toKey, (id) => get(id), { ttl: byAge })
export const find: Effect.Effect<(id: number) => Effect.Effect<Person, NotFound | Down>, never, Cache> = made
export const resolved = [
  Cached.resolver(resolver, { ttl: "1 hour" }),
  Cached.resolver(resolver, { strategy: "failover", ttl: "1 hour", fallbackOn: ["NotFound"] })
]
// @ts-expect-error a request has no place for a LoadTimeout
Cached.resolver(resolver, { ttl: "1 hour", timeout: "1 second" })

// ---------------------------------------------------------------------------------------------------------------------
// effects
// ---------------------------------------------------------------------------------------------------------------------

const effects = [
  load.pipe(Cached.ttl("ada", { ttl: (exit) => Exit.isSuccess(exit) ? exit.value.maxAge : 0 })),
  load.pipe(Cached.softTtl(ada, { ...soft, fallbackOn: ["Down"] })),
  Cached.softTtl(load, "ada", { ...soft, fallbackOn: ["Down"] }),
  Cached.failover(load, ada, { ttl: "1 hour", storeFailures: ["NotFound"], fallbackOn: "all" }),
  load.pipe(Cached.withStrategy("ada", { strategy: own })),
  load.pipe(Cached.withStrategy("ada")),
  Cached.withStrategy(load, ada),
  Cached.withStrategy(load, ada, { fallbackOn: ["Down"] }),
  load.pipe(Cached.untilInvalidated("ada")),
  load.pipe(Cached.untilInvalidated(ada, { tags: ["users"] })),
  Cached.untilInvalidated(load, "ada"),
  Cached.untilInvalidated(load, ada, { tags: ["users"] }),
  Cached.ttl("ada", { ttl: "1 hour" })(load)
] as const
same<(typeof effects)[number], Loaded>(true)
export const sureEffects: ReadonlyArray<Effect.Effect<Person, never, Cache>> = [
  sure(1).pipe(Cached.softTtl("ada", soft)),
  Cached.failover(sure(1), "ada", { ttl: "1 hour" })
]
is<TimedOut>()(load.pipe(Cached.ttl(ada, { ttl: "1 hour", timeout: (key) => key.id })))
is<Effect.Effect<number, NotFound | Down, Cache>>()(load.pipe(
  Effect.map(({ name }) => name),
  Cached.ttl("name", { ttl: "1 hour", storeIf: (name) => name.length > 0 }),
  Effect.map((name) => name.length)
))
// @ts-expect-error the key's value is a Person
Effect.succeed("Ada").pipe(Cached.ttl(ada, { ttl: "1 hour" }))
// @ts-expect-error the key's value is a Person
Cached.ttl(Effect.succeed("Ada"), ada, { ttl: "1 hour" })
// @ts-expect-error the key's value is a Person
Cached.ttl(ada, { ttl: "1 hour" })(Effect.succeed("Ada"))
// @ts-expect-error outside of a pipe, the effect may fail
Cached.softTtl("ada", soft)
// @ts-expect-error no options
Cached.ttl("ada")

// In a generic function, too.
export const softly = <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E, R | Cache> =>
  self.pipe(Cached.softTtl("k", { ...soft, fallbackOn: "all" })) as Effect.Effect<A, E, R | Cache>
export const byKey = <K extends CacheKey.Any>(key: K) => Effect.never.pipe(Cached.ttl(key, { ttl: "1 hour" }))

// ---------------------------------------------------------------------------------------------------------------------
// streams
// ---------------------------------------------------------------------------------------------------------------------

const streams = [
  rows.pipe(Cached.stream("rows", { ttl: (exit) => Exit.isSuccess(exit) ? exit.value.elements : 0 })),
  rows.pipe(Cached.stream(ada, { strategy: "softTtl", ...soft, fallbackOn: ["Down"], emit: "whenComplete" })),
  Cached.stream(rows, "rows", { strategy: "untilInvalidated", maxBytes: "1MB" }),
  Cached.stream(rows, ada, { ttl: "1 hour", storeFailures: ["NotFound"] })
] as const
same<
  (typeof streams)[number],
  Stream.Stream<Person, NotFound | Down | CacheError.StreamCut | CacheError.StreamLagged, Cache>
>(true)
Stream.make(1).pipe(Cached.stream("numbers", { strategy: "softTtl", ...soft }))
// @ts-expect-error the key's elements are of another type
Stream.make(1).pipe(Cached.stream(ada, { ttl: "1 hour" }))
// @ts-expect-error streams do not slide
rows.pipe(Cached.stream("rows", { strategy: "sliding", idle: "1 hour" }))
void [Person]
