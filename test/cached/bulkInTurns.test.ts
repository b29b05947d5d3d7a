/** Waves of a bulk call whose answers arrive together are handled in turns of their own, so that timers run between. */
import { expect, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Latch, Layer, Schema, Scope } from "effect"
import { Cached, CacheKey, CacheLayer, type Caching } from "effect-cached"
import { Store } from "effect-cached/adapters"
import { MemoryStore } from "effect-cached/memory"
import { TestClock } from "effect/testing"
import { turns } from "../../src/internal/time/turns.ts"
import { over, process, read, sharedStore } from "../support/bulkCalls.ts"
import { ended, settle, start } from "../support/caches.ts"

const wave = 256
const count = 15 * wave

/** How many values have been encoded or decoded in each turn of the event loop. */
const values = new Map<number, number>()
let turn = 0
const counted = Schema.makeFilter<string>(() => {
  values.set(turn, (values.get(turn) ?? 0) + 1)
  return true
})

const counting = Effect.forever(Effect.andThen(Effect.yieldNow, Effect.sync(() => void turn++)))

class Row
  extends CacheKey.Class<Row>()("Row", { payload: { id: Schema.Int }, success: Schema.String.check(counted) })
{}

const keys = Array.from({ length: count }, (_, id) => new Row({ id }))
const pairs = keys.map((key) => [key, `row ${key.id}`] as const)
const rows = Cached.many(Row, (keys) => Effect.succeed(keys.map(() => Exit.succeed("loaded"))), { ttl: "1 hour" })

const operations: ReadonlyArray<readonly [string, Effect.Effect<unknown, unknown, Caching.Caching>]> = [
  ["setMany", Cached.setMany(pairs)],
  ["getMany", Cached.getMany(keys)],
  ["a function of many", rows(keys)]
]

it.effect.each(operations)("%s, over a store that is far away", ([, operation]) =>
  Effect.gen(function*() {
    const inner = MemoryStore.make()
    // Answers all requests for markers and tags together, a millisecond later.
    let gate = Latch.makeUnsafe(false)
    let waiting = 0
    let most = 0
    const together = <A, E>(answer: Effect.Effect<A, E>) =>
      Effect.suspend(() => {
        most = Math.max(most, ++waiting)
        return Effect.andThen(gate.await, answer)
      })
    const store = Store.complete({
      ...inner,
      getUnsafe: undefined,
      workedMillis: undefined,
      get: (id, tags) => together(inner.get(id, tags)),
      markers: (tags) => together(inner.markers(tags))
    })
    const layer = Layer.provide(CacheLayer.layerWith({ memory: false }), Layer.succeed(Store.Store, store))
    const running = <A, E>(effect: Effect.Effect<A, E>) =>
      Effect.gen(function*() {
        const fiber = yield* start(effect)
        for (let i = 0; i < 100 && fiber.pollUnsafe() === undefined; i++) {
          yield* settle
          yield* TestClock.adjust("1 millis")
          waiting = 0
          const open = gate
          gate = Latch.makeUnsafe(false)
          yield* open.open
        }
        expect(ended(fiber)).not.toBe("still waiting")
        return yield* ended(fiber) as Exit.Exit<A, E>
      })
    yield* start(counting)
    const context = yield* Layer.build(layer)
    yield* running(Effect.provideContext(Cached.setMany(pairs), context))
    values.clear()
    most = 0
    yield* running(Effect.provideContext(operation, context))
    expect(most).toBeGreaterThan(2)
    expect(Array.from(values.values()).reduce((sum, some) => sum + some)).toBe(count)
    // Two, because the fiber that counts the turns has its own in the middle of those of the event loop.
    expect(Math.max(...values.values())).toBeLessThanOrEqual(2 * wave)
  }))

it.effect("a clear gives up the leases of a bulk call over several turns", () =>
  Effect.gen(function*() {
    const released: Array<number> = []
    const { layer } = sharedStore((store) => ({
      release: (id, owner) => {
        released.push(turn)
        return store.release(id, owner)
      }
    }))
    const here = yield* process(over(layer))
    const gate = Latch.makeUnsafe(false)
    const reading = yield* start(here(read(count, gate.await)))
    for (let i = 0; i < 10; i++) yield* settle
    yield* start(counting)
    yield* settle
    const clearedAt = turn
    // From now on, each turn counts as long.
    const { millis, steps } = turns
    yield* Effect.acquireRelease(Effect.sync(() => turns.millis = 0), () => Effect.sync(() => turns.millis = millis))
    yield* here(Cached.clear)
    for (let i = 0; i < 10; i++) yield* settle
    yield* gate.open
    yield* Fiber.join(reading)
    expect(released.length).toBe(count)
    // The first one is that of the flight that leads the call.
    expect(released[1]! - clearedAt).toBeGreaterThan(count / steps / 3)
  }).pipe(Effect.scoped))

it.live(
  "P7 · a layer that ends soon after a long bulk call was interrupted gives up all of its leases",
  () =>
    Effect.gen(function*() {
      const counts = { acquired: 0, released: 0 }
      const { layer } = sharedStore((store) => ({
        acquireMany: (requests) => {
          counts.acquired += requests.length
          return store.acquireMany(requests)
        },
        release: (id, owner) => {
          counts.released++
          return store.release(id, owner)
        }
      }))
      const many = 100_000
      const scope = yield* Scope.make()
      const context = yield* Layer.buildWithScope(Layer.fresh(over(layer)), scope)
      const reading = yield* start(Effect.provideContext(read(many, Effect.never), context))
      while (counts.acquired < many) yield* Effect.sleep(5)
      yield* Effect.sleep(50)
      yield* Fiber.interrupt(reading)
      yield* Scope.close(scope, Exit.void)
      expect(counts.released).toBe(many)
    }),
  60_000
)
