/** Background work lives as long as it must, and ends when the cache is closed. */
import { describe, expect, it } from "@effect/vitest"
import { Cause, Clock, Context, Effect, Exit, Layer, Logger, Random, Schema, Scope, Stream } from "effect"
import { Cached, CacheKey, CacheLayer, Caching } from "effect-cached"
import { Serializer, Store } from "effect-cached/adapters"
import { MemoryStore } from "effect-cached/memory"
import { TestClock } from "effect/testing"
import * as Background from "../../../../src/internal/engine/storeTier/background.ts"
import { dice as diceFrom } from "../../../../src/testing/internal/dice.ts"
import { singly } from "../../../../src/testing/internal/singly.ts"
import { counting, elapse, ended, fakeStore, over, settle, start } from "../../../support/caches.ts"
import { listenersOf } from "../../../support/listeners.ts"
import { pluralOf } from "../../../support/pluralOf.ts"
import { test } from "../../../support/tests.ts"

const cacheOver = (store: Store.Store, options?: CacheLayer.LayerOptions) =>
  Layer.provide(CacheLayer.layer(options), Layer.succeed(Store.Store, store))

/** Notes what is logged while an effect runs. */
const logged = <A, E, R>(use: (messages: Array<string>) => Effect.Effect<A, E, R>) =>
  Effect.suspend(() => {
    const messages: Array<string> = []
    const logger = Logger.make(({ message }) => void messages.push(String(message)))
    return Effect.provide(use(messages), Logger.layer([logger]))
  })

const make = Effect.map(
  Effect.context<never>(),
  (context) => ({ context, self: Background.make({ context, listeners: { events: undefined } } as never) })
)

const nothing: Effect.Effect<never> = Effect.suspend(() => undefined as never)

describe("a worker", () => {
  it.effect.each(
    [["dies", Effect.die("boom")], ["interrupts itself", Effect.interrupt], ["runs no effect", nothing]] as const
  )(
    "that %s runs again, later each time, after what it had to do is taken over",
    ([, death]) =>
      logged((messages) =>
        Effect.gen(function*() {
          const { context, self } = yield* make
          const steps: Array<string> = []
          const note = (what: string) => Effect.map(Clock.currentTimeMillis, (now) => steps.push(`${what} ${now}`))
          let deaths = 0
          Background.supervise(self, {
            name: "works",
            context,
            run: Effect.andThen(note("run"), Effect.suspend(() => ++deaths <= 3 ? death : Effect.never)),
            onDeath: () => steps.push("taken over")
          })
          yield* TestClock.adjust("1 minute")
          expect(steps).toEqual(["run 0", "taken over", "run 100", "taken over", "run 300", "taken over", "run 700"])
          yield* settle
          expect(messages).toEqual([expect.stringContaining("The worker that works died")])
          expect(self.workers.size).toBe(1)
        })
      )
  )

  it.effect("that has lived long runs again soon, and that is a warning of its own", () =>
    logged((messages) =>
      Effect.gen(function*() {
        const { context, self } = yield* make
        const begun: Array<number> = []
        Background.supervise(self, {
          name: "works",
          context,
          run: Effect.gen(function*() {
            begun.push(yield* Clock.currentTimeMillis)
            yield* Effect.sleep("1 hour")
            return yield* Effect.die("boom")
          })
        })
        yield* TestClock.adjust("150 minutes")
        const hour = 3_600_000
        expect(begun).toEqual([0, hour + 100, 2 * hour + 200])
        yield* settle
        expect(messages).toHaveLength(2)
      })
    ))

  test("that ends, or is stopped, does not run again", function*() {
    const { context, self } = yield* make
    let runs = 0
    const counted = (run: Effect.Effect<unknown>) => Effect.andThen(Effect.sync(() => ++runs), run)
    Background.supervise(self, { name: "ends", context, run: counted(Effect.void) })
    Background.supervise(self, { name: "is stopped", context, run: counted(Effect.never) }).interruptUnsafe()
    const worker: Background.Worker = Background.supervise(self, {
      name: "is stopped as it dies",
      context,
      run: counted(Effect.die("boom")).pipe(Effect.delay(1)),
      onDeath: () => worker.interruptUnsafe()
    })
    yield* TestClock.adjust("1 minute")
    expect(runs).toBe(3)
    expect(self.workers.size).toBe(0)
  })

  test("that is stopped while it waits to run again does not", function*() {
    const { context, self } = yield* make
    let runs = 0
    const run = Effect.suspend(() => (runs++, Effect.die("boom")))
    const worker = Background.supervise(self, { name: "dies", context, run })
    yield* TestClock.adjust(50)
    worker.interruptUnsafe()
    yield* TestClock.adjust("1 minute")
    expect(runs).toBe(1)
    expect(self.workers.size).toBe(0)
  })
})

describe("closing", () => {
  test("stops workers, waits for jobs, and then starts nothing", function*() {
    const { context, self } = yield* make
    const done: Array<string> = []
    const note = (what: string) => Effect.sync(() => done.push(what))
    Background.supervise(self, {
      name: "works",
      context,
      run: Effect.onInterrupt(Effect.never, () => Effect.delay(note("stopped"), 50))
    })
    Background.spawn(self, context, Effect.delay(note("job"), 100))
    const closing = yield* start(Background.close(self))
    Background.spawn(self, context, note("late job"))
    Background.supervise(self, { name: "late", context, run: note("late worker") })
    yield* TestClock.adjust(99)
    expect(closing.pollUnsafe()).toBeUndefined()
    yield* TestClock.adjust(1)
    expect(ended(closing)).toEqual(Exit.void)
    expect(done).toEqual(["stopped", "job"])
  })
})

/** How long the layer takes to close, in virtual milliseconds, after `use`. */
const closingMillis = <E>(layer: Layer.Layer<Caching.Caching>, use: Effect.Effect<unknown, E, Caching.Caching>) =>
  Effect.gen(function*() {
    const scope = yield* Scope.make()
    const context = yield* Layer.buildWithScope(layer, scope)
    yield* Effect.provideContext(use, context)
    const startedAt = yield* Clock.currentTimeMillis
    const closing = yield* start(Effect.andThen(Scope.close(scope, Exit.void), Clock.currentTimeMillis))
    for (let i = 0; i < 500 && closing.pollUnsafe() === undefined; i++) {
      yield* elapse(10)
    }
    const exit = ended(closing)
    return exit !== "still waiting" && Exit.isSuccess(exit) ? exit.value - startedAt : exit
  })

describe("a cache closes within one store timeout", () => {
  it.effect("while sliding reads continue, and each touches the store", () => {
    const memory = MemoryStore.make()
    const store: Store.Store = {
      ...memory,
      touch: (id, options) => Effect.delay(memory.touch(id, options), 400)
    }
    return Effect.gen(function*() {
      const read = Effect.succeed(1).pipe(Cached.sliding("k", { idle: "1 second", ttl: "1 day" }))
      const millis = yield* closingMillis(
        cacheOver(store, { storeTimeout: "500 millis" }),
        Effect.gen(function*() {
          yield* read
          const reading = Effect.forever(Effect.delay(read, 150))
          yield* Effect.forkDetach(reading, { startImmediately: true })
          yield* TestClock.adjust("3 seconds")
        })
      )
      expect(millis).toBeLessThanOrEqual(500)
    })
  })

  it.effect("however long the stream of changes, a release and a replay take", () => {
    const memory = MemoryStore.make()
    const state = { isDown: false }
    const hangs = <A>(effect: Effect.Effect<A, never>) => Effect.suspend(() => state.isDown ? Effect.never : effect)
    const store: Store.Store = {
      ...memory,
      capabilities: { shared: true, changes: true },
      getUnsafe: undefined,
      changes: Stream.fromEffect(Effect.onInterrupt(Effect.never, () => Effect.sleep("1 hour"))),
      release: () => hangs(Effect.succeed(true)),
      remove: pluralOf.remove(() => hangs(Effect.succeed(true)))
    }
    return logged((messages) =>
      Effect.gen(function*() {
        const millis = yield* closingMillis(
          cacheOver(store, { storeTimeout: "500 millis", shutdownTimeout: 1 }),
          Effect.gen(function*() {
            state.isDown = true
            yield* start(Effect.never.pipe(Cached.ttl("loads", { ttl: "1 hour" })))
            yield* start(Cached.invalidate("k"))
            yield* settle
          })
        )
        expect(millis).toBeLessThanOrEqual(510)
        expect(messages).toContainEqual(expect.stringContaining("has not acknowledged (1)"))
      })
    )
  })

  it.effect("and sends what is pending, though the stream of changes does not close", () => {
    const memory = MemoryStore.make()
    const removed: Array<string> = []
    const state = { isDown: true }
    const store: Store.Store = {
      ...memory,
      capabilities: { shared: true, changes: true },
      getUnsafe: undefined,
      changes: Stream.fromEffect(Effect.onInterrupt(Effect.never, () => Effect.sleep("1 hour"))),
      remove: pluralOf.remove((id) =>
        Effect.suspend(() => state.isDown ? Effect.die("down") : Effect.sync(() => removed.push(id) > 0))
      )
    }
    return Effect.gen(function*() {
      const millis = yield* closingMillis(
        cacheOver(store, { storeTimeout: "500 millis" }),
        Effect.andThen(Cached.invalidate("k"), Effect.sync(() => (state.isDown = false)))
      )
      expect(millis).toBeLessThanOrEqual(500)
      expect(removed).toEqual(["k"])
    }).pipe(Effect.provide(Logger.layer([])))
  })
})

it.effect("a read while changes are applied starts no second tracker", () => {
  const memory = MemoryStore.make()
  const pushed: Array<Store.Change> = []
  let polls = 0
  const store: Store.Store = {
    ...memory,
    capabilities: { shared: true, changes: true },
    changesUnsafe: () => (polls++, pushed.splice(0))
  }
  return Effect.gen(function*() {
    const context = yield* Effect.context<Caching.Caching>()
    const read = (key: string) => Effect.succeed(key).pipe(Cached.ttl(key, { ttl: "1 hour" }))
    yield* Effect.forEach(["a", "b"], read)
    // Without reads tracking rests.
    yield* TestClock.adjust("1 second")
    // As the bridge to `Reactivity` does.
    listenersOf(Context.get(context, Caching.Caching)).onRemoval(() => void Effect.runForkWith(context)(read("b")))
    pushed.push({ _tag: "Changed", id: "a" })
    polls = 0
    yield* read("b")
    for (let i = 0; i < 20; i++) {
      yield* TestClock.adjust("50 millis")
      yield* read("b")
    }
    // The first one when it begins.
    expect(polls).toBeLessThanOrEqual(1 + 20)
  }).pipe(Effect.provide(cacheOver(store)))
})

it.effect("a follower that dies is followed by another, which empties memory", () => {
  const memory = MemoryStore.make()
  const coherent: Store.Change = { _tag: "Coherent" }
  const state = { followed: 0 }
  const store: Store.Store = {
    ...memory,
    capabilities: { shared: true, changes: true },
    // It might store what another process has changed.
    transact: undefined,
    getUnsafe: undefined,
    // The first one ends after a second, and the program's `Random` throws where the follower draws its pause.
    changes: Stream.concat(
      Stream.make(coherent),
      Stream.fromEffectDrain(Effect.suspend(() => ++state.followed > 1 ? Effect.never : Effect.sleep(1000)))
    )
  }
  const dice = diceFrom(1)
  const brokenOnce: typeof dice = {
    ...dice,
    nextDoubleUnsafe: () => {
      if (state.followed === 1) throw new Error("broken")
      return dice.nextDoubleUnsafe()
    }
  }
  return logged((messages) =>
    Effect.gen(function*() {
      yield* settle
      const read = counting().load.pipe(Cached.ttl("k", { ttl: "1 hour" }))
      const slow = Effect.as(Effect.sleep("1 minute"), 1).pipe(Cached.ttl("slow", { ttl: "1 hour" }))
      yield* read
      const loading = yield* start(slow)
      yield* Cached.set("k", 70).pipe(Effect.provide(cacheOver(memory, { memory: false })))
      yield* TestClock.adjust("999 millis")
      expect(yield* read).toBe(1)
      yield* TestClock.adjust("1 millis")
      yield* elapse("100 millis")
      expect(state.followed).toBe(2)
      expect(yield* read).toBe(70)
      yield* TestClock.adjust("1 minute")
      expect(ended(loading)).toEqual(Exit.succeed(1))
      // It began before the gap.
      expect((yield* Cached.getOption("slow"))._tag).toBe("None")
      expect(messages).toContainEqual(expect.stringContaining("follows the changes of the store died"))
    }).pipe(Effect.provide(Layer.provide(cacheOver(store), Layer.succeed(Random.Random, brokenOnce))))
  )
})

it.effect("a lease is kept though one renewal of it throws", () => {
  const memory = MemoryStore.make()
  let renewals = 0
  const store: Store.Store = {
    ...memory,
    capabilities: { shared: true, changes: false },
    renew: pluralOf.renew((...input) => {
      if (++renewals === 1) throw new Error("broken")
      return singly(memory).renew(...input)
    })
  }
  return Effect.gen(function*() {
    const [a, b] = yield* Effect.all([
      Layer.build(Layer.fresh(cacheOver(store, { wait: "1 minute" }))),
      Layer.build(Layer.fresh(cacheOver(store, { wait: "1 minute" })))
    ])
    const { counts, load } = counting(20_000)
    const read = load.pipe(Cached.ttl("k", { ttl: "1 hour" }))
    const readers = [yield* start(Effect.provide(read, a)), yield* start(Effect.provide(read, b))]
    for (let i = 0; i < 30; i++) yield* TestClock.adjust("1 second")
    expect(readers.map(ended)).toEqual([Exit.succeed(1), Exit.succeed(1)])
    expect(counts.started).toBe(1)
  }).pipe(Effect.provide(Logger.layer([])))
})

it.effect("a lease is released though the failure makes no note", () => {
  class Report extends CacheKey.Class<Report>()("Report", {
    payload: { n: Schema.Number },
    success: Schema.Number,
    error: Schema.String
  }) {}
  const silent: Serializer.Serializer = {
    name: "silent",
    contentType: "text/plain",
    extension: ".txt",
    make: () => ({
      id: 200,
      encode: () => Effect.succeed(undefined as never),
      decode: () => Effect.die("nothing was encoded")
    })
  }
  const fake = fakeStore()
  const shared = { ...fake.store, capabilities: { shared: true, changes: false } }
  return Effect.gen(function*() {
    const layer = over({ layer: Layer.succeed(Store.Store, shared) }).pipe(
      Layer.provide(Layer.succeed(Serializer.Serializer, silent))
    )
    const [a, b] = yield* Effect.all([Layer.build(Layer.fresh(layer)), Layer.build(Layer.fresh(layer))])
    const report = Cached.fn(Report, () => Effect.fail("down"), { ttl: "1 hour" })
    for (const context of [a, b]) {
      const reader = yield* start(Effect.provide(report({ n: 1 }), context))
      yield* settle
      const exit = ended(reader)
      expect(exit !== "still waiting" && Exit.isFailure(exit) && Cause.squash(exit.cause)).toBe("down")
    }
  }).pipe(Effect.provide(Logger.layer([])))
})

it.effect("closing interrupts what has not ended in time, and logs no death", () =>
  logged((messages) =>
    Effect.gen(function*() {
      const fake = fakeStore()
      const scope = yield* Scope.make()
      const context = yield* Layer.buildWithScope(over(fake), scope)
      const read = Effect.succeed(1).pipe(Cached.ttl("k", { ttl: "1 hour" }))
      yield* Effect.provideContext(read, context)
      yield* TestClock.adjust(10)
      const closing = yield* start(Scope.close(scope, Exit.void))
      yield* TestClock.adjust("1 second")
      expect(ended(closing)).toEqual(Exit.void)
      expect(messages).toEqual([])
    })
  ))
