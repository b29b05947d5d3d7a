/** A hit in memory inside a fiber: how long it takes, or with `--bytes` what it allocates. */
import { Cache, Clock, Context, Data, Effect, Effectable, Exit, type Fiber, Schema } from "effect"
import { Cached, CacheKey, CacheLayer } from "effect-cached"
import { PerformanceObserver } from "node:perf_hooks"
import { setTimeout } from "node:timers/promises"
import { type Body, measure, repeat, type Row, timeCalls } from "../measure.ts"

const keys = 250
const idsOf = (prefix: string): ReadonlyArray<string> => Array.from({ length: keys }, (_, i) => `${prefix}:${i}`)
const ids = idsOf("user")
const idOf = (i: number): string => ids[i % keys]!

/** Ids of one subject alone: an entry that another strategy has filled is compared with the reader's, once. */
const ownIds = (prefix: string) => {
  const own = idsOf(prefix)
  return (i: number): string => own[i % keys]!
}

const idOfTtl = ownIds("ttls")
const idOfSoft = ownIds("soft")
const idOfPiped = ownIds("pipe")
const idOfOther = ownIds("else")

const fields = (i: number) => ({ name: idOf(i), page: i % keys, open: true })
const fieldsOfSoft = (i: number) => ({ name: idOfSoft(i), page: i % keys, open: true })

class DataKey extends Data.Class<{ readonly name: string; readonly page: number; readonly open: boolean }> {}

class Page extends CacheKey.Class<Page>()("Page", {
  payload: { name: Schema.String, page: Schema.Number, open: Schema.Boolean },
  success: Schema.Number
}) {}

class User extends CacheKey.Class<User>()("User", { payload: { name: Schema.String }, success: Schema.Number }) {}

const lookup = Effect.sync(() => 1)
const strategy = { strategy: "softTtl", ttl: "10 minutes", softTtl: "7 minutes" } as const
const page = Cached.fn(Page, () => lookup, strategy)

/**
 * The least that a hit of a cache in the context takes: an effect made for each read, its service, a look-up in a
 * `Map`, the time, a stored `Exit`.
 */
interface Floor extends Effect.Effect<unknown> {
  readonly id: string
}

interface Stored {
  readonly expiresAt: number
  readonly exit: Exit.Exit<unknown>
}

class Floors extends Context.Service<Floors, Map<string, Stored>>()("bench/Floors") {}

const Floor = function(this: { id: string }, id: string) {
  this.id = id
} as unknown as new(id: string) => Floor
Object.defineProperty(Floor, "prototype", {
  value: Effectable.Prototype<Floor>({
    label: "Floor",
    evaluate(fiber: Fiber.Fiber<any, any>) {
      const stored = Context.get(fiber.context as Context.Context<Floors>, Floors).get(this.id)
      const now = fiber.getRef(Clock.Clock).currentTimeMillisUnsafe()
      return stored !== undefined && now < stored.expiresAt ? stored.exit : Exit.die("not stored")
    }
  })
})

const makeSubjects = Effect.gen(function*() {
  const strings = yield* Cache.make({ capacity: 5000, lookup: (_: string) => lookup, timeToLive: "1 hour" })
  const objects = yield* Cache.make({ capacity: 5000, lookup: (_: DataKey) => lookup, timeToLive: "1 hour" })
  const done = Exit.succeed(1)
  const subjects: { readonly [name: string]: Body } = {
    "the loop alone": () => done,
    "the floor, string": (i) => new Floor(idOf(i)),
    "the floor, template literal": (i) => new Floor(`User:${idOf(i)}`),
    "Effect Cache.get, string": (i) => Cache.get(strings, idOf(i)),
    "Cached.ttl(effect, …), string": (i) => Cached.ttl(lookup, idOfTtl(i), { ttl: "10 minutes" }),
    "Cached.ttl(effect, …), fresh key of one field": (i) =>
      Cached.ttl(lookup, new User({ name: idOf(i) }), { ttl: "10 minutes" }),
    "Cached.softTtl(effect, …), string": (i) =>
      Cached.softTtl(lookup, idOfSoft(i), { ttl: "10 minutes", softTtl: "7 minutes" }),
    "effect.pipe(Cached.softTtl(…)), string": (i) =>
      lookup.pipe(Cached.softTtl(idOfPiped(i), { ttl: "10 minutes", softTtl: "7 minutes" })),
    "Effect Cache.get, fresh object": (i) => Cache.get(objects, new DataKey(fields(i))),
    "Cached.softTtl(effect, …), fresh object": (i) =>
      Cached.softTtl(lookup, new Page(fieldsOfSoft(i)), { ttl: "10 minutes", softTtl: "7 minutes" }),
    "Cached.fn, fresh object": (i) => page(fields(i))
  }
  return subjects
})

/** As in a program that uses all of the library: the compiler must not take one combinator for the only one. */
const useEverything = Effect.gen(function*() {
  for (let i = 0; i < 20_000; i++) {
    const key = idOfOther(i)
    yield* Cached.refreshAhead(lookup, key, { ttl: "10 minutes", refreshAfter: "8 minutes" })
    yield* Cached.probabilistic(lookup, key, { ttl: "10 minutes" })
    yield* Cached.untilInvalidated(lookup, key)
    yield* Cached.withStrategy(lookup, key, { strategy })
    if (i % 10 === 0) yield* Cached.failover(lookup, key, { ttl: "10 minutes" })
  }
})

/**
 * Bytes a call, in a young generation so large that nothing is collected; a round that was collected in is repeated.
 */
const allocated = Effect.fnUntraced(function*(body: Body) {
  const calls = 100_000
  const collections: Array<number> = []
  const observer = new PerformanceObserver((list) => {
    for (const { startTime } of list.getEntries()) collections.push(startTime)
  })
  observer.observe({ entryTypes: ["gc"] })
  yield* repeat(body, 2 * calls)
  for (let attempt = 0; attempt < 20; attempt++) {
    globalThis.gc!()
    const start = performance.now()
    const before = process.memoryUsage().heapUsed
    yield* repeat(body, calls)
    const bytes = process.memoryUsage().heapUsed - before
    const end = performance.now()
    // The observer reports collections later.
    yield* Effect.promise(() => setTimeout(20))
    if (!collections.some((at) => at >= start && at <= end)) {
      observer.disconnect()
      return bytes / calls
    }
  }
  throw new Error("every round was collected in")
})

const program = Effect.gen(function*() {
  const subjects = yield* makeSubjects
  yield* useEverything
  if (!process.argv.includes("--bytes")) {
    return yield* timeCalls(subjects, { calls: 10_000, warmup: 20, rounds: 25 })
  }
  const rows: Array<Row> = []
  for (const [name, body] of Object.entries(subjects)) {
    // A million bytes a round are too many for the young generation.
    if (name !== "Effect Cache.get, fresh object") rows.push({ name, value: yield* allocated(body) })
  }
  return rows
})

const inAnHour = (): Stored => ({ expiresAt: Date.now() + 3_600_000, exit: Exit.succeed(1) })
const floors = new Map(ids.flatMap((id) => [[id, inAnHour()], [`User:${id}`, inAnHour()]] as const))

await measure(program.pipe(Effect.provide(CacheLayer.memory()), Effect.provideService(Floors, floors)))
