/** Reactivity's keys and a cache's tags invalidate each other. */
import { describe, expect, it } from "@effect/vitest"
import { Context, Effect, Fiber, Hash, Layer, Queue, type Scope, Stream } from "effect"
import { Cached, CacheError, CacheLayer, CachePolicy, Caching } from "effect-cached"
import { Store } from "effect-cached/adapters"
import * as CacheReactivity from "effect-cached/CacheReactivity"
import { MemoryStore } from "effect-cached/memory"
import { withTimePassing } from "effect-cached/testing"
import { Reactivity } from "effect/reactivity"
import { type Cache, cacheOf } from "../src/internal/engine/boundCache.ts"
import { invalidateTags } from "../src/internal/engine/operationTable.ts"

/** A source and its cached values, in two calls that can be distinguished. */
const source = (tags: ReadonlyArray<string>, key = "value") => {
  let value = 1
  let loads = 0
  return {
    write: (next: number) => Effect.sync(() => (value = next)),
    loads: () => loads,
    cached: Effect.sync(() => {
      loads++
      return value
    }).pipe(Cached.ttl(key, { ttl: "1 hour", tags }))
  }
}

type Services = Caching.Caching | Reactivity.Reactivity | Scope.Scope

const memory = CacheReactivity.layer(CacheLayer.memory())

const onStore = (store: Store.Store) =>
  CacheReactivity.layer(CacheLayer.layer().pipe(Layer.provide(Layer.succeed(Store.Store, store))))

const caches = {
  "in memory": () => memory,
  "on a store": () => onStore(MemoryStore.make())
}

/** All that has been answered so far, once everything that can run has run. */
const answers = <A>(queue: Queue.Dequeue<A>) =>
  Effect.andThen(Effect.yieldNow, Effect.map(Queue.clear(queue), Array.from))

for (const [name, layer] of Object.entries(caches)) {
  const test = <E>(program: () => Effect.Effect<void, E, Services>) => () =>
    Effect.scoped(program()).pipe(Effect.provide(layer()))

  describe(`Reactivity and a cache ${name}`, () => {
    it.effect(
      "keys invalidated through Reactivity are loaded again",
      test(Effect.fnUntraced(function*() {
        const users = source(["users"])
        yield* users.cached
        yield* users.write(2)
        expect(yield* users.cached).toBe(1)
        yield* Reactivity.invalidate(["others"])
        expect(yield* users.cached).toBe(1)
        yield* Reactivity.invalidate(["users"])
        expect(yield* users.cached).toBe(2)
        expect(users.loads()).toBe(2)
      }))
    )

    it.effect(
      "a query runs again after an invalidation by tag, once, and sees the new value",
      test(Effect.fnUntraced(function*() {
        const users = source(["users"])
        const queue = yield* Reactivity.query(users.cached, ["users"])
        expect(yield* answers(queue)).toEqual([1])
        yield* users.write(2)
        yield* Cached.invalidate({ tag: "others" })
        expect(yield* answers(queue)).toEqual([])
        yield* Cached.invalidate({ tag: "users" })
        expect(yield* answers(queue)).toEqual([2])
        yield* users.write(3)
        yield* Effect.succeed("saved").pipe(Cached.invalidateAfter({ tag: "users" }))
        expect(yield* answers(queue)).toEqual([3])
        expect(users.loads()).toBe(3)
      }))
    )

    it.effect(
      "a query that runs again after an invalidation through Reactivity is never answered with the old value",
      test(Effect.fnUntraced(function*() {
        const users = source(["users"])
        const queue = yield* Reactivity.query(users.cached, ["users"])
        expect(yield* answers(queue)).toEqual([1])
        const reactivity = yield* Reactivity.Reactivity
        const ways = [
          Reactivity.invalidate(["users"]),
          Effect.sync(() => reactivity.invalidateUnsafe(["users"])),
          Effect.void.pipe(Reactivity.mutation(["users"])),
          reactivity.withBatch(Reactivity.invalidate(["users"]))
        ]
        for (const [i, way] of ways.entries()) {
          yield* users.write(10 + i)
          yield* way
          expect(yield* answers(queue)).toEqual([10 + i])
          expect(users.loads()).toBe(2 + i)
        }
      }))
    )

    it.effect(
      "a stream continues with new values",
      test(Effect.fnUntraced(function*() {
        const users = source(["users"])
        const seen: Array<number> = []
        const listening = Reactivity.stream(users.cached, { users: [1] }).pipe(
          Stream.runForEach((value) => Effect.sync(() => seen.push(value)))
        )
        yield* Effect.forkScoped(listening, { startImmediately: true })
        yield* Effect.yieldNow
        yield* users.write(2)
        yield* Cached.invalidate({ tag: "users" })
        yield* Effect.yieldNow
        yield* users.write(3)
        yield* Reactivity.invalidate({ users: [1] })
        yield* Effect.yieldNow
        expect(seen).toEqual([1, 2, 3])
      }))
    )

    it.effect(
      "a mutation invalidates when it has succeeded, and leaves the cache alone when it fails",
      test(Effect.fnUntraced(function*() {
        const users = source(["users"])
        yield* users.cached
        yield* Effect.flip(users.write(2).pipe(Effect.andThen(Effect.fail("no")), Reactivity.mutation(["users"])))
        expect(yield* users.cached).toBe(1)
        expect(yield* users.write(3).pipe(Reactivity.mutation(["users"]))).toBe(3)
        expect(yield* users.cached).toBe(3)
      }))
    )

    it.effect(
      "a record names its keys and each of their ids",
      test(Effect.fnUntraced(function*() {
        const [all, one, two, three] = [["users"], ["users:1"], ["users:2"], ["users:3"]].map((tags) =>
          source(tags, tags[0]!)
        )
        const loads = () => [all, one, two, three].map((source) => source!.loads())
        const readAll = Effect.all([all, one, two, three].map((source) => source!.cached))
        yield* readAll
        yield* Reactivity.invalidate({ users: [1, "2"] })
        yield* readAll
        expect(loads()).toEqual([2, 2, 2, 1])
        yield* Reactivity.invalidate(["users:3"])
        yield* readAll
        expect(loads()).toEqual([2, 2, 2, 2])
      }))
    )

    it.effect(
      "odd names are the tags of the same name, both ways",
      test(Effect.fnUntraced(function*() {
        const names = ["~Own", "x".repeat(500), "", 7, true, 7n]
        for (const name of names) {
          const odd = source([String(name)], `key of ${typeof name} ${name}`)
          const queue = yield* Reactivity.query(odd.cached, [name])
          yield* answers(queue)
          yield* odd.write(2)
          yield* Cached.invalidate({ tag: String(name) })
          expect(yield* answers(queue)).toEqual([2])
          yield* odd.write(3)
          yield* Reactivity.invalidate([name])
          expect(yield* answers(queue)).toEqual([3])
          expect(odd.loads()).toBe(3)
        }
      }))
    )

    it.effect(
      "odd names run handlers and streams too",
      test(Effect.fnUntraced(function*() {
        const { registerUnsafe, stream } = yield* Reactivity.Reactivity
        let handled = 0
        let streamed = 0
        registerUnsafe({ "~Own": ["x"] }, () => handled++)
        yield* Effect.forkScoped(Stream.runDrain(stream({ "~Own": ["x"] }, Effect.sync(() => ++streamed))), {
          startImmediately: true
        })
        yield* Effect.yieldNow
        for (const tag of ["~Own", "~Own:x"]) yield* Cached.invalidate({ tag })
        yield* Effect.yieldNow
        expect([handled, streamed]).toEqual([2, 3])
      }))
    )

    it.effect(
      "an object names queries alone",
      test(Effect.fnUntraced(function*() {
        const key = { users: 1 }
        let runs = 0
        yield* Reactivity.query(Effect.sync(() => ++runs), [key])
        yield* Reactivity.query(Effect.sync(() => ++runs), { users: [key] })
        yield* Reactivity.invalidate([key])
        yield* Reactivity.invalidate({ users: [key] })
        yield* Effect.yieldNow
        expect(runs).toBe(4)
      }))
    )

    it.effect(
      "an entry that a batch loads in between is loaded once more at its end, before the queries run",
      test(Effect.fnUntraced(function*() {
        const users = source(["users"])
        const queue = yield* Reactivity.query(users.cached, ["users"])
        yield* answers(queue)
        const { withBatch } = yield* Reactivity.Reactivity
        const invalidations = [Reactivity.invalidate(["users"]), Cached.invalidate({ tag: "users" })]
        for (const [i, invalidate] of invalidations.entries()) {
          yield* withBatch(Effect.gen(function*() {
            yield* invalidate
            // Another reader, before the batch has written.
            yield* users.cached
            yield* users.write(10 + i)
            expect(yield* answers(queue)).toEqual([])
          }))
          expect(yield* answers(queue)).toEqual([10 + i])
        }
      }))
    )
  })
}

describe("Reactivity and a cache", () => {
  it.effect("a query registered with the Reactivity below runs too", () =>
    Effect.gen(function*() {
      let runs = 0
      const object = { id: 1 }
      const other = Layer.effectDiscard(Effect.map(Reactivity.Reactivity, ({ registerUnsafe }) => {
        registerUnsafe(["users"], () => runs++)
        registerUnsafe([`users:${Hash.hash(object)}`], () => runs++)
      })).pipe(Layer.provide(Reactivity.layer))
      yield* Effect.andThen(Cached.invalidate({ tag: "users" }), Reactivity.invalidate({ users: [object] })).pipe(
        Effect.provide(Layer.merge(memory, other))
      )
      expect(runs).toBe(3)
    }))

  it.effect("the registration of a handler ends", () =>
    Effect.gen(function*() {
      const { registerUnsafe } = yield* Reactivity.Reactivity
      let runs = 0
      const end = registerUnsafe({ users: [1] }, () => runs++)
      yield* Cached.invalidate({ tag: "users:1" })
      end()
      yield* Cached.invalidate({ tag: "users:1" })
      expect(runs).toBe(1)
    }).pipe(Effect.provide(memory)))

  it.effect("an invalidation that the policy disables leaves the cache alone, and runs the queries", () =>
    Effect.gen(function*() {
      const users = source(["users"])
      const queue = yield* Reactivity.query(users.cached, ["users"])
      yield* answers(queue)
      yield* users.write(2)
      yield* Reactivity.invalidate(["users"]).pipe(CachePolicy.disable("invalidate"))
      expect(yield* answers(queue)).toEqual([1])
    }).pipe(Effect.scoped, Effect.provide(memory)))

  const down = new CacheError.StoreError({ store: "memory", operation: "invalidateTags", reason: "Unavailable" })

  it.effect("a store that fails or hangs does not keep queries from running, nor answers them (P4)", () =>
    Effect.gen(function*() {
      for (const broken of [Effect.fail(down), Effect.die("a mistake")]) {
        yield* Effect.gen(function*() {
          const users = source(["users"])
          const queue = yield* Reactivity.query(users.cached, ["users"])
          yield* answers(queue)
          const reactivity = yield* Reactivity.Reactivity
          const ways = [
            Reactivity.invalidate(["users"]),
            Effect.sync(() => reactivity.invalidateUnsafe(["users"])),
            Cached.invalidate({ tag: "users" }),
            Effect.exit(Cached.invalidate({ tag: "users" }).pipe(CachePolicy.strict))
          ]
          for (const [i, way] of ways.entries()) {
            yield* users.write(10 + i)
            yield* way
            expect(yield* answers(queue)).toEqual([10 + i])
          }
        }).pipe(Effect.scoped, Effect.provide(onStore({ ...MemoryStore.make(), invalidateTags: () => broken })))
      }
    }))

  it.effect("a caller interrupted while the store is asked has run the queries", () =>
    Effect.gen(function*() {
      const users = source(["users"])
      const queue = yield* Reactivity.query(users.cached, ["users"])
      yield* answers(queue)
      for (const [i, way] of [Reactivity.invalidate(["users"]), Cached.invalidate({ tag: "users" })].entries()) {
        yield* users.write(10 + i)
        const fiber = yield* Effect.forkChild(way, { startImmediately: true })
        expect(yield* answers(queue)).toEqual([])
        yield* Fiber.interrupt(fiber)
        expect(yield* answers(queue)).toEqual([10 + i])
      }
    }).pipe(
      Effect.scoped,
      Effect.provide(onStore({ ...MemoryStore.make(), invalidateTags: () => Effect.never })),
      // The cache tries once more when it closes.
      withTimePassing
    ))

  it.effect("parameters of an invalidation that are not known here are passed on", () =>
    Effect.gen(function*() {
      const asked: Array<unknown> = []
      const inner = cacheOf(Context.get(yield* Layer.build(CacheLayer.memory()), Caching.Caching))
      const shape: Cache = {
        ...inner,
        perform: (operation, ...args) =>
          operation as unknown === invalidateTags
            ? Effect.sync(() => void asked.push(args)) as ReturnType<typeof operation.over>
            : inner.perform(operation, ...args)
      }
      const layer = CacheReactivity.layer(Layer.succeed(Caching.Caching, shape))
      const built = yield* Layer.build(layer)
      const wrapped = cacheOf(Context.get(built, Caching.Caching))
      const invalidate = (...call: ReadonlyArray<unknown>) => wrapped.perform(invalidateTags, ...call as [never])
      yield* invalidate(["users"], { mode: "soft" })
      expect(asked).toEqual([[["users"], { mode: "soft" }]])
      asked.length = 0
      const { withBatch } = Context.get(built, Reactivity.Reactivity)
      yield* withBatch(Effect.all([
        invalidate(["a"], "soft"),
        invalidate(["b"], "soft"),
        invalidate(["b"])
      ]))
      expect(asked).toEqual([[["a"], "soft"], [["b"], "soft"], [["b"]], [["a", "b"], "soft"], [["b"]]])
    }).pipe(Effect.scoped))
})
