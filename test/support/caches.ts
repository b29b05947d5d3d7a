/** Building blocks of the engine's tests: caches over every kind of store, loads that count themselves. */
import { type Duration, Effect, type Exit, Fiber, Layer, Scope, Stream } from "effect"
import { Cached, CacheLayer, type Caching } from "effect-cached"
import { type CacheEntry, Store } from "effect-cached/adapters"
import { StoreError } from "effect-cached/CacheError"
import { MemoryStore } from "effect-cached/memory"
import { TestClock } from "effect/testing"
import { mapOperations } from "../../src/internal/store/tapped.ts"
import { isEverything, thirdOf } from "./everything.ts"

/** Behaviour of one operation of a fake store, before and after it touches its entries. */
export interface Behaviour {
  readonly before?: Effect.Effect<unknown, StoreError>
  readonly after?: Effect.Effect<unknown, StoreError>
}

export type Operation = "get" | "set" | "remove" | "clear" | "scan"

/** An asynchronous store whose operations can be delayed, failed, hung, and answered late. */
export const fakeStore = () => {
  const entries = new Map<string, CacheEntry.Stored>()
  const calls: Array<string> = []
  const fake = {
    entries,
    calls,
    /** How many of one operation were asked. */
    count: (operation: Operation) => calls.filter((call) => call.startsWith(`${operation} `)).length,
    behave: (_operation: Operation, _id: string): Behaviour => ({}),
    store: undefined as unknown as Store.Store,
    layer: undefined as unknown as Layer.Layer<Store.Store>
  }
  const step = <A>(operation: Operation, id: string, run: () => A): Effect.Effect<A, StoreError> =>
    Effect.suspend(() => {
      calls.push(`${operation} ${id}`)
      const { after = Effect.void, before = Effect.yieldNow } = fake.behave(operation, id)
      return before.pipe(Effect.andThen(Effect.sync(run)), Effect.tap(after))
    })
  fake.store = Store.make({
    name: "fake",
    get: (id) => step("get", id, () => entries.get(id)),
    set: (id, entry) => step("set", id, () => void entries.set(id, entry)),
    remove: (id) => step("remove", id, () => entries.delete(id)),
    scan: () => Stream.fromIterable(Array.from(entries, ([id, { meta }]) => ({ id, meta }))),
    clear: step("clear", "", () => entries.clear())
  })
  fake.layer = Layer.succeed(Store.Store, fake.store)
  return fake
}

export type FakeStore = ReturnType<typeof fakeStore>

/** A cache over a fake store. */
export const over = (
  fake: { readonly layer: Layer.Layer<Store.Store> },
  options?: CacheLayer.LayerOptions
): Layer.Layer<Caching.Caching> => Layer.provide(CacheLayer.layer(options), fake.layer)

/** A program with a cache over a fake store. */
export const overFake = <Step extends Effect.Effect<any, any, any>, A>(
  program: (fake: FakeStore) => Generator<Step, A, never>,
  options?: CacheLayer.LayerOptions
) => {
  const fake = fakeStore()
  return Effect.provide(Effect.gen(() => program(fake)), over(fake, options))
}

/** Every third operation goes wrong, without taking time. */
const disturbed = (store: Store.Store, how: string): Store.Store => {
  let asked = 0
  return how === "in order" ? store : mapOperations(store, (operation, _, run) =>
    Effect.suspend(() => {
      if (++asked % 3 > 0) return run()
      return how === "that forgets"
        ? Effect.andThen(store.clear, run())
        : Effect.fail(new StoreError({ store: "disturbed", operation, reason: "Unavailable" }))
    }))
}

export interface Cache {
  readonly name: string
  /** Every entry outlives the memory tier. */
  readonly store: boolean
  readonly memory: boolean
  readonly layer: (options?: CacheLayer.MemoryOptions) => Layer.Layer<Caching.Caching>
}

const all: ReadonlyArray<Cache> = [
  { name: "memory", store: false, memory: true, layer: (options) => CacheLayer.memory(options) },
  ...[true, false].flatMap((memory) => {
    const tier = memory ? "with" : "without"
    return [
      {
        name: `a synchronous store, ${tier} memory`,
        store: true,
        memory,
        layer: (options?: CacheLayer.MemoryOptions) =>
          Layer.provide(CacheLayer.layer({ ...options, memory }), MemoryStore.layer)
      },
      {
        name: `an asynchronous store, ${tier} memory`,
        store: true,
        memory,
        layer: (options?: CacheLayer.MemoryOptions) => Layer.suspend(() => over(fakeStore(), { ...options, memory }))
      }
    ]
  })
]

/** For a person who waits: each tier and each kind of store, but not all pairs of them. */
const quick = new Set(["memory", "a synchronous store, without memory", "an asynchronous store, with memory"])

/** Every kind of cache there is in one process. */
export const caches = isEverything ? all : all.filter(({ name }) => quick.has(name))

/** Caches of three tiers too, of which the one in the middle goes wrong. */
export const cachesAndTiers: ReadonlyArray<Cache> = [
  ...caches,
  ...thirdOf(["that fails at times", "in order", "that forgets"]).map((how) => ({
    name: `a store ${how} before another, with memory`,
    store: true,
    memory: true,
    layer: ({ storeTimeout, ...options }: CacheLayer.LayerOptions = {}) =>
      CacheLayer.tiered([
        CacheLayer.memory(options),
        Layer.provide(CacheLayer.layer(), Layer.sync(Store.Store, () => disturbed(MemoryStore.make(), how))),
        Layer.suspend(() => over(fakeStore(), { storeTimeout }))
      ])
  }))
]

/** A load that takes its time, counts itself, and gives the number of its run; and a cached read of it. */
export const counting = (delayMillis = 0) => {
  const counts = { started: 0, ended: 0, interrupted: 0 }
  const run = (): Effect.Effect<number> =>
    Effect.suspend(() => {
      const n = ++counts.started
      const work = delayMillis === 0 ? Effect.void : Effect.sleep(delayMillis)
      return work.pipe(
        Effect.map(() => {
          counts.ended++
          return n
        }),
        Effect.onInterrupt(() => Effect.sync(() => counts.interrupted++))
      )
    })
  const load = Effect.suspend(run)
  return { counts, load, get: Cached.ttl(load, "k", { ttl: "1 hour" }) }
}

/** Starts a reader at once. */
export const start = <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.forkChild(self, { startImmediately: true })

/** The result of what ends while the clock moves on by so much. */
export const taking = <A, E, R>(duration: Duration.Input, self: Effect.Effect<A, E, R>) =>
  Effect.gen(function*() {
    const fiber = yield* start(self)
    yield* TestClock.adjust(duration)
    return yield* Fiber.join(fiber)
  })

/** Uses a cache and closes it while the clock moves on: closing sends the store its unacknowledged invalidations. */
export const within = <A, E, R>(layer: Layer.Layer<Caching.Caching>, use: Effect.Effect<A, E, R>) =>
  Effect.gen(function*() {
    const scope = yield* Scope.make()
    const context = yield* Layer.buildWithScope(layer, scope)
    const exit = yield* Effect.exit(Effect.provide(use, context))
    const closing = yield* start(Scope.close(scope, exit))
    yield* TestClock.adjust("1 minute")
    yield* Fiber.join(closing)
    return yield* exit
  })

/** As `within`, of a generator. */
export const inside = <Step extends Effect.Effect<any, any, any>, A>(
  layer: Layer.Layer<Caching.Caching>,
  program: () => Generator<Step, A, never>
) => within(layer, Effect.gen(program))

/** Lets everything run that does not wait for time to pass. */
export const settle: Effect.Effect<void> = Effect.gen(function*() {
  for (let i = 0; i < 200; i++) yield* Effect.yieldNow
})

/** Starts a reader, and waits until only time can bring it further. */
export const started = <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.tap(start(self), () => settle)

/** Moves the clock, and lets everything run that waits for no more than that. */
export const elapse = (duration: Duration.Input) => Effect.andThen(TestClock.adjust(duration), settle)

/** The exits of fibers that must have ended by now: a fiber that hangs is a failure of the test, not its end. */
export const ended = <A, E>(fiber: Fiber.Fiber<A, E>): Exit.Exit<A, E> | "still waiting" =>
  fiber.pollUnsafe() ?? "still waiting"
