/** How many requests reads send to a store that several processes share, near or far. */
import { describe, expect } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, Layer, Option, Schema, Stream } from "effect"
import { Cached, CacheKey, CacheLayer, CachePolicy } from "effect-cached"
import { Store } from "effect-cached/adapters"
import { StoreError } from "effect-cached/CacheError"
import { MemoryStore } from "effect-cached/memory"
import { TestClock } from "effect/testing"
import { mapOperations } from "../../src/internal/store/tapped.ts"
import { process } from "../support/bulkCalls.ts"
import { settle, start, started } from "../support/caches.ts"
import { test } from "../support/tests.ts"

class Item extends CacheKey.Class<Item>()("Item", { payload: { n: Schema.Int }, success: Schema.String }) {}

const hour = { ttl: "1 hour" } as const
const payloads = (count: number) => Array.from({ length: count }, (_, n) => ({ n }))
const itemsOf = (gate: Effect.Effect<unknown> = Effect.void) =>
  Cached.many(Item, (keys) => Effect.as(gate, keys.map(({ n }) => Exit.succeed(`${n}`))), hour)

const item = Cached.fn(Item, ({ n }) => Effect.succeed(`${n}`), hour)

/** Reads items one by one, all in one turn. */
const each = (count: number) =>
  Effect.forEach(payloads(count), (payload) => item(payload), { concurrency: "unbounded" })

const texts = (count: number) => payloads(count).map(({ n }) => `${n}`)

/** A shared store in memory that counts its requests by their operations. */
const counting = (
  parts: Partial<Store.Store> = {},
  before: (operation: string, times: number) => Effect.Effect<unknown, StoreError> = () => Effect.void
) => {
  const asked: Record<string, number> = {}
  const base: Store.Store = {
    ...MemoryStore.make(),
    capabilities: { shared: true, changes: true, dependencies: true },
    changes: Stream.concat(Stream.make({ _tag: "Coherent" }), Stream.never),
    changesUnsafe: undefined,
    ...parts
  }
  const store = mapOperations(base, (operation, _, run) =>
    Effect.suspend(() => {
      asked[operation] = (asked[operation] ?? 0) + 1
      return Effect.andThen(Effect.andThen(Effect.yieldNow, before(operation, asked[operation])), run())
    }))
  /** The counts since the last call. */
  const take = (): Record<string, number> => {
    const counts = { ...asked }
    for (const operation of Object.keys(asked)) delete asked[operation]
    return counts
  }
  const layer = CacheLayer.layer().pipe(Layer.provide(Layer.succeed(Store.Store, store)))
  return { layer, take }
}

const distances = [
  ["near", {}],
  ["far", { distanceMillis: () => 50 }]
] as const

describe.each(distances)("over a store that is %s", (_, parts) => {
  test("a bulk call reads the markers of its class once, and nothing else for answers that do not come", function*() {
    const { layer, take } = counting(parts)
    const here = yield* process(layer)
    expect((yield* here(itemsOf()(payloads(1000)))).every(Exit.isSuccess)).toBe(true)
    yield* settle
    // The first load of a class in a process writes the record of its fingerprints, which no read waits for.
    expect(take()).toEqual({ getMany: 4, markers: 1, acquire: 4, commit: 4, set: 1 })
  })

  test("P2 · a bulk call reads the markers of its class again if they have changed meanwhile", function*() {
    const gate = yield* Deferred.make<void>()
    const { layer, take } = counting(
      parts,
      (operation, times) => operation === "acquire" && times === 1 ? Deferred.await(gate) : Effect.void
    )
    const here = yield* process(layer)
    const reading = yield* started(here(itemsOf()(payloads(1000))))
    yield* here(Cached.invalidate({ all: Item }))
    yield* Deferred.succeed(gate, undefined)
    expect((yield* Fiber.join(reading)).length).toBe(1000)
    yield* settle
    expect(take()["markers"]).toBeGreaterThan(1)
    // The keys whose leases were asked for after the invalidation have results that are valid in the store.
    const there = yield* process(layer)
    const found = (n: number) => there(Cached.getOption(new Item({ n })))
    expect([yield* found(0), yield* found(999)]).toEqual([Option.none(), Option.some("999")])
  })

  test("single reads that begin in one turn share their requests, after the first few", function*() {
    const { layer, take } = counting(parts)
    const here = yield* process(layer)
    expect(yield* here(each(100))).toEqual(texts(100))
    yield* settle
    const { acquire = 0, get = 0, getMany } = take()
    expect([get <= 8, getMany, acquire <= 17]).toEqual([true, 1, true])
    // Entries with tags that the store has: one more request for their markers.
    const there = yield* process(layer)
    expect(yield* there(each(100))).toEqual(texts(100))
    const again = take()
    expect([(again["get"] ?? 0) + (again["acquire"] ?? 0), again["getMany"]]).toEqual([9, 1])
  })
})

describe("single reads that share a request", () => {
  test("a few ask alone and at once", function*() {
    const { layer, take } = counting()
    const here = yield* process(layer)
    expect(yield* here(each(8))).toEqual(texts(8))
    expect([take()["get"], take()["getMany"]]).toEqual([8, undefined])
  })

  test("a store that asks for each id separately gets each request at once", function*() {
    const { layer, take } = counting({ capabilities: { shared: true, changes: true, separate: true } })
    const here = yield* process(layer)
    expect(yield* here(each(100))).toEqual(texts(100))
    expect(take()).toMatchObject({ get: 100 })
  })

  test("P3 · the others continue if readers leave before or after it is sent", function*() {
    const gate = yield* Deferred.make<void>()
    const { layer } = counting({}, (operation) => operation === "getMany" ? Deferred.await(gate) : Effect.void)
    const here = yield* process(layer)
    const readers = yield* Effect.forEach(payloads(20), (payload) => start(here(item(payload))))
    yield* Fiber.interrupt(readers[10]!)
    yield* settle
    yield* Fiber.interrupt(readers[11]!)
    yield* Deferred.succeed(gate, undefined)
    yield* settle
    const ended = readers.map((reader) => reader.pollUnsafe())
    expect(ended.filter((exit) => exit !== undefined && Exit.isSuccess(exit)).length).toBe(18)
  })

  test("P3 · a request that hangs costs its readers their budgets, and later readers nothing", function*() {
    const { layer } = counting(
      {},
      (operation, times) => operation === "getMany" && times === 1 ? Effect.never : Effect.void
    )
    const here = yield* process(layer)
    const reading = yield* started(here(each(20)))
    expect(reading.pollUnsafe()).toBe(undefined)
    const later = yield* started(
      here(Effect.forEach(payloads(40).slice(20), (payload) => item(payload), { concurrency: "unbounded" }))
    )
    expect(later.pollUnsafe()).toMatchObject({ _tag: "Success" })
    yield* TestClock.adjust("500 millis")
    expect(yield* Fiber.join(reading)).toEqual(texts(20))
  })

  test("one that fails is a fault of each: a strict reader fails, and the others load", function*() {
    const down = new StoreError({ store: "down", operation: "getMany", reason: "Unavailable" })
    const { layer } = counting({}, (operation) => operation === "getMany" ? Effect.fail(down) : Effect.void)
    const here = yield* process(layer)
    const busy = yield* start(here(each(20)))
    const strict = yield* start(here(Effect.exit(CachePolicy.strict(item({ n: 50 })))))
    expect(yield* Fiber.join(busy)).toEqual(texts(20))
    expect(Exit.isFailure(yield* Fiber.join(strict))).toBe(true)
  })
})
