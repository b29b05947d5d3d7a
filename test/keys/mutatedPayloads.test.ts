/** A load sees the payload from which the id of its key was computed, whatever the caller does with its own objects. */
import { describe, expect, it } from "@effect/vitest"
import { Cause, Effect, Exit, Option, RequestResolver, Schema, Stream } from "effect"
import { Cached, CacheError, CacheKey, CacheLayer, CachePolicy, Transaction } from "effect-cached"
import { caches, fakeStore, over, settle, start, within } from "../support/caches.ts"

class Sum extends CacheKey.Class<Sum>()("Sum", { payload: { ids: Schema.Array(Schema.Int) }, success: Schema.Int }) {
  get total(): number {
    return this.ids.reduce((a, b) => a + b, 0)
  }
}

const add = (key: Sum): Effect.Effect<number> => Effect.sync(() => key.total)
const hour = { ttl: "1 hour" } as const
const refreshing = { strategy: "refreshAhead", ttl: "1 hour", refreshAfter: 0 } as const

/** Starts a read, and changes the caller's array while the read waits. */
const changing = <A, E, R>(read: Effect.Effect<A, E, R>, mine: Array<number>) =>
  Effect.gen(function*() {
    const fiber = yield* start(Effect.exit(read))
    mine.push(100)
    yield* settle
    return fiber.pollUnsafe()
  })

const ok = <A>(value: A) => Exit.succeed(Exit.succeed(value))

for (const { layer, memory, name } of caches) {
  describe(`a payload that its caller changes, over ${name}`, () => {
    if (memory) {
      it.effect("is what a refresh in the background gets", () =>
        within(
          layer(),
          Effect.gen(function*() {
            const sum = Cached.fn(Sum, add, refreshing)
            yield* sum({ ids: [1, 2] })
            const mine = [1, 2]
            yield* sum({ ids: mine })
            mine.push(100)
            yield* settle
            expect(yield* Cached.getOption(new Sum({ ids: [1, 2] }))).toEqual(Option.some(3))
          })
        ))

      it.effect("is what the refreshes of a bulk call get", () =>
        within(
          layer(),
          Effect.gen(function*() {
            const lookup = (keys: ReadonlyArray<Sum>) => Effect.sync(() => keys.map(({ total }) => Exit.succeed(total)))
            const sums = Cached.many(Sum, lookup, refreshing)
            yield* sums([{ ids: [1, 2] }, { ids: [5] }])
            const mine = [1, 2]
            yield* sums([{ ids: mine }, { ids: [5] }])
            mine.push(100)
            yield* settle
            expect(yield* Cached.getOption(new Sum({ ids: [1, 2] }))).toEqual(Option.some(3))
          })
        ))
    }

    it.effect("is what a load gets that starts later", () =>
      within(
        layer(),
        Effect.gen(function*() {
          const seen: Array<ReadonlyArray<number>> = []
          const lookup = (key: Sum) => Effect.sync(() => void seen.push(key.ids)).pipe(Effect.andThen(add(key)))
          const sum = Cached.fn(Sum, (key) => Effect.andThen(Effect.yieldNow, lookup(key)), hour)
          const mine = [1, 2]
          expect(yield* changing(sum({ ids: mine }), mine)).toEqual(ok(3))
          const other = [1, 2]
          expect(yield* changing(sum.refresh({ ids: other }), other)).toEqual(ok(3))
          const third = [7]
          expect(yield* changing(sum({ ids: third }).pipe(CachePolicy.strict), third)).toEqual(ok(7))
          expect(seen).toEqual([[1, 2], [1, 2], [7]])
        })
      ))

    it.effect("is what a bulk call loads", () =>
      within(
        layer(),
        Effect.gen(function*() {
          const lookup = (keys: ReadonlyArray<Sum>) =>
            Effect.andThen(
              Effect.yieldNow,
              Effect.sync(() => new Map(keys.map((key) => [key, Exit.succeed(key.total)])))
            )
          const sums = Cached.many(Sum, lookup, hour)
          const mine = [1, 2]
          const read = Effect.map(sums([{ ids: mine }, { ids: [5] }]), (exits) => exits.map(Exit.getSuccess))
          expect(yield* changing(read, mine)).toEqual(ok([Option.some(3), Option.some(5)]))
        })
      ))

    it.effect("is what a resolver gets", () =>
      within(
        layer(),
        Effect.gen(function*() {
          const origins = new Set<number>()
          const origin = RequestResolver.make<Sum>((entries) =>
            Effect.sync(() => origins.add(entries.length)).pipe(
              Effect.andThen(Effect.yieldNow),
              Effect.andThen(Effect.yieldNow),
              Effect.andThen(Effect.sync(() => {
                for (const entry of entries) entry.completeUnsafe(Exit.succeed(entry.request.total))
              }))
            )
          )
          const mine = [1, 2]
          const resolver = yield* Cached.resolver(origin, hour)
          const fiber = yield* start(Effect.request(new Sum({ ids: mine }), resolver))
          while (origins.size === 0) yield* Effect.yieldNow
          mine.push(100)
          yield* settle
          expect(fiber.pollUnsafe()).toEqual(Exit.succeed(3))
        })
      ))

    it.effect("is what a load in a transaction gets", () =>
      within(
        layer(),
        Effect.gen(function*() {
          const sum = Cached.fn(Sum, (key) => Effect.andThen(Effect.yieldNow, Effect.suspend(() => add(key))), {
            ...hour
          })
          const mine = [1, 2]
          expect(yield* changing(Transaction.run(sum({ ids: mine })), mine)).toEqual(ok(3))
        })
      ))

    it.effect("is what functions of the key get", () =>
      within(
        layer(),
        Effect.gen(function*() {
          const seen: Array<ReadonlyArray<number>> = []
          const note = <A>({ ids }: Sum, answer: A): A => {
            seen.push(ids)
            return answer
          }
          const mine = [1, 2]
          const key = new Sum({ ids: mine })
          const read = Effect.as(Effect.yieldNow, 1).pipe(Cached.ttl(key, {
            ttl: (_: unknown, key: Sum) => note(key, "1 hour" as const),
            tags: (_: unknown, key: Sum) => note(key, ["a"])
          }))
          expect(yield* changing(read, mine)).toEqual(ok(1))
          const others = [1]
          const stream = Stream.fromEffect(Effect.as(Effect.yieldNow, 1)).pipe(
            Cached.stream(new Sum({ ids: others }), { ttl: (_: unknown, key: Sum) => note(key, "1 hour" as const) })
          )
          yield* changing(Stream.runDrain(stream), others)
          expect(new Set(seen.map(String))).toEqual(new Set(["1,2", "1"]))
        })
      ))
  })
}

class Point extends Schema.Class<Point>("Point")({ at: Schema.Array(Schema.Int) }) {}

const Everything = {
  list: Schema.Array(Schema.Array(Schema.Int)),
  date: Schema.Date,
  map: Schema.ReadonlyMap(Schema.String, Schema.Array(Schema.Int)),
  set: Schema.ReadonlySet(Schema.Int),
  bytes: Schema.Uint8Array,
  struct: Schema.Struct({ inner: Schema.Struct({ n: Schema.mutableKey(Schema.Int) }) }),
  record: Schema.Record(Schema.String, Schema.Int),
  url: Schema.URL,
  option: Schema.Option(Schema.Array(Schema.Int)),
  point: Point,
  maybe: Schema.optional(Schema.Array(Schema.Int))
}

class All extends CacheKey.Class<All>()("All", { payload: Everything, success: Schema.Int }) {}

const make = () => ({
  list: [[1], [2]],
  date: new Date(0),
  map: new Map([["a", [1]]]),
  set: new Set([1]),
  bytes: Uint8Array.of(1, 2),
  struct: { inner: { n: 1 } },
  record: JSON.parse(`{ "a": 1, "__proto__": 2 }`) as Record<string, number>,
  url: new URL("http://a.example/"),
  option: Option.some([1]),
  point: new Point({ at: [1] }),
  maybe: [1]
})

describe("the copy of a payload", () => {
  it.effect("covers mutable values of every kind", () =>
    within(
      over(fakeStore()),
      Effect.gen(function*() {
        const mine = make()
        let seen: All | undefined
        const all = Cached.fn(All, (key) => Effect.sync(() => (seen = key, 1)), hour)
        const key = new All(mine)
        const id = CacheKey.id(key)
        const fiber = yield* start(all(key))
        mine.list[0]!.push(9)
        mine.date.setTime(9)
        mine.map.get("a")!.push(9)
        mine.map.set("b", [])
        mine.set.add(9)
        mine.bytes[0] = 9
        mine.struct.inner.n = 9
        mine.record["a"] = 9
        mine.url.pathname = "/changed"
        Option.getOrThrow(mine.option).push(9)
        ;(mine.point.at as Array<number>).push(9)
        mine.maybe.push(9)
        yield* settle
        expect(fiber.pollUnsafe()).toEqual(Exit.succeed(1))
        expect(seen).toBeInstanceOf(All)
        expect(seen!.point).toBeInstanceOf(Point)
        expect({ ...seen }).toEqual(make())
        expect(Object.keys(seen!.record)).toEqual(["a", "__proto__"])
        expect(CacheKey.id(seen!)).toBe(id)
        expect(CacheKey.id(new All({ ...seen! }))).toBe(id)
      })
    ))

  it.effect("is another one for each load, so that a load may change its own", () =>
    within(
      CacheLayer.memory(),
      Effect.gen(function*() {
        const lookup = ({ ids }: Sum) => Effect.sync(() => (ids as Array<number>).splice(0).length)
        const read = Cached.fn(Sum, lookup, hour)({ ids: [1, 2] })
        expect(yield* read).toBe(2)
        expect(yield* read.pipe(CachePolicy.refresh)).toBe(2)
        const many = Cached.many(Sum, (keys) => Effect.forEach(keys, (key) => Effect.map(lookup(key), Exit.succeed)), {
          ...hour
        })
        const key = new Sum({ ids: [3, 4] })
        expect(yield* many([key])).toEqual([Exit.succeed(2)])
        expect(yield* many([key]).pipe(CachePolicy.refresh)).toEqual([Exit.succeed(2)])
        expect(key.ids).toEqual([3, 4])
      })
    ))

  it.effect("stays with the key, which may be used again after the caller's array has changed", () =>
    within(
      CacheLayer.memory(),
      Effect.gen(function*() {
        const sum = Cached.fn(Sum, add, hour)
        const mine = [1, 2]
        const key = Object.freeze(new Sum({ ids: mine }))
        expect(yield* sum(key)).toBe(3)
        mine.push(100)
        yield* Cached.invalidate(key)
        expect(yield* sum(key)).toBe(3)
      })
    ))

  it.effect("is refused for a key whose array has changed before its first load, and for that caller alone", () =>
    within(
      CacheLayer.memory(),
      Effect.gen(function*() {
        const sum = Cached.fn(Sum, add, hour)
        const mine = [1, 2]
        const changed = new Sum({ ids: mine })
        CacheKey.id(changed)
        mine.push(100)
        const exit = yield* Effect.exit(sum(changed))
        const defect = Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined
        expect(defect).toBeInstanceOf(CacheError.CacheConfigError)
        expect(String(defect)).toContain("has changed since its id was computed")
        expect(yield* Effect.exit(Cached.set(changed, 103))).toEqual(exit)
        expect(yield* Effect.exit(Cached.setMany([[changed, 103]], { ttl: "1 hour" }))).toEqual(exit)
        const lookup = (keys: ReadonlyArray<Sum>) => Effect.sync(() => keys.map(({ total }) => Exit.succeed(total)))
        const exits = yield* Cached.resolver(
          RequestResolver.make<Sum>((entries) =>
            Effect.sync(() => {
              for (const entry of entries) entry.completeUnsafe(Exit.succeed(entry.request.total))
            })
          ),
          hour
        ).pipe(
          Effect.flatMap((resolver) =>
            Effect.forEach([changed, new Sum({ ids: [5] })], (key) => Effect.exit(Effect.request(key, resolver)), {
              concurrency: "unbounded"
            })
          )
        )
        expect(exits.map(Exit.isSuccess)).toEqual([false, true])
        expect(yield* Effect.exit(Cached.many(Sum, lookup, hour)([{ ids: [5] }]))).toEqual(
          Exit.succeed([Exit.succeed(5)])
        )
        expect(yield* sum({ ids: [1, 2] })).toBe(3)
      })
    ))

  it.effect("is not made for hits, nor for primitives and ignored fields", () =>
    within(
      CacheLayer.memory(),
      Effect.gen(function*() {
        let reads = 0
        const watched = () =>
          new Proxy([1, 2], {
            get: (target, name, self) => {
              reads++
              return Reflect.get(target, name, self) as unknown
            }
          })
        const sum = Cached.fn(Sum, add, hour)
        yield* sum({ ids: [1, 2] })
        CacheKey.id(new Sum({ ids: watched() }))
        const ofId = reads
        reads = 0
        yield* sum({ ids: watched() })
        expect(reads).toBe(ofId)

        class Plain extends CacheKey.Class<Plain>()("Plain", {
          payload: { a: Schema.Int, b: Schema.optional(Schema.String), client: Schema.Any },
          success: Schema.Boolean,
          ignore: ["client"]
        }) {}
        const client = { list: [1] }
        const key = new Plain({ a: 1, b: "b", client })
        const same = Cached.fn(Plain, (own) => Effect.succeed(own === key && own.client === client), hour)
        expect(yield* same(key)).toBe(true)
      })
    ))

  it.effect("keeps what throws when it is read again, and what no copy could replace", () =>
    within(
      CacheLayer.memory(),
      Effect.gen(function*() {
        class Secret {
          readonly #n: number
          constructor(n: number) {
            this.#n = n
          }
          get n() {
            return this.#n
          }
        }
        class Odd extends CacheKey.Class<Odd>()("Odd", {
          payload: { name: Schema.String, more: Schema.Any },
          success: Schema.Int,
          id: CacheKey.template("odd:{name}", { name: Schema.String }, { lossy: true })
        }) {}
        const odd = Cached.fn(Odd, ({ more }) => Effect.sync(() => (more as { n: number }).n), hour)
        expect(yield* odd({ name: "a", more: new Secret(7) })).toBe(7)
        const broken = {
          get n() {
            throw new Error("broken")
          }
        }
        const exit = yield* Effect.exit(odd({ name: "b", more: broken }))
        expect(Exit.isFailure(exit) && String(Cause.squash(exit.cause))).toContain("broken")
        const circle: { n: number; self?: unknown } = { n: 3 }
        circle.self = circle
        expect(yield* odd({ name: "c", more: circle })).toBe(3)
      })
    ))
})
