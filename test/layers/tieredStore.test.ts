/** The store of `CacheLayer.tiered`: the laws of stores hold for it, with two tiers and with three. */
import { describe, expect, it } from "@effect/vitest"
import { Effect, Fiber, Layer, Queue, References, Stream } from "effect"
import { Cached, type CacheError, CacheLayer } from "effect-cached"
import { Store } from "effect-cached/adapters"
import { MemoryStore } from "effect-cached/memory"
import { SqliteStore } from "effect-cached/sqlite"
import { ChaosStore, sharedStoreLaws, storeLaws, withTimePassing } from "effect-cached/testing"
import { TestClock } from "effect/testing"
import { readdirSync } from "node:fs"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import * as Tiered from "../../src/layers/tieredStore.ts"
import { singly } from "../../src/testing/internal/singly.ts"
import { elapse, settle, start } from "../support/caches.ts"
import { thirdOf } from "../support/everything.ts"
import { slowStore } from "../support/slowStore.ts"
import { storeFrom } from "../support/storeFrom.ts"
import { tempDirectory } from "../support/tempDirectory.ts"
import { test } from "../support/tests.ts"

const over = (last: Store.Store, ...middles: ReadonlyArray<Store.Store>) =>
  Tiered.make({
    middles: middles.map((store) => ({ store, ttlMillis: Infinity, timeoutMillis: 100, maxStalenessMillis: 5000 })),
    last,
    storeTimeoutMillis: 500
  })

const memory = Effect.sync(() => MemoryStore.make())
const at = (directory: string) => storeFrom(SqliteStore.layer({ directory }))
const sqlite = Effect.flatMap(tempDirectory, at)
/** A copy is trusted from the next millisecond on, so each operation takes one. */
const slowly = (store: Store.Store) => ChaosStore.make(store, { seed: 1, delay: 1 }).store
const failing = (store: Store.Store) => ChaosStore.make(store, { seed: 1, failRate: 0.3 }).store

const stores = {
  "memory before sqlite": Effect.flatMap(Effect.all([memory, sqlite]), ([a, b]) => over(slowly(b), a)),
  "memory before memory": Effect.flatMap(Effect.all([memory, memory]), ([a, b]) => over(b, a)),
  "a slow store before memory": Effect.flatMap(Effect.all([slowStore, memory]), ([a, b]) => over(b, a)),
  "memory and memory before sqlite": Effect.flatMap(
    Effect.all([memory, memory, sqlite]),
    ([a, b, c]) => over(slowly(c), a, b)
  ),
  "a store that fails at times before memory": Effect.flatMap(
    Effect.all([memory, memory]),
    ([a, b]) => over(b, failing(a))
  )
}

for (const [turn, [name, make]] of Object.entries(stores).entries()) {
  describe(`the laws of stores hold for ${name}`, () => {
    for (const law of thirdOf(storeLaws<unknown>(make), turn)) it.effect(law.name, () => withTimePassing(law.run))
  })
}

/** A middle tier before a tier that reports only what the test says. What `set` changes there is not reported. */
const told = Effect.fnUntraced(function*(getMillis: number) {
  const reports = yield* Queue.unbounded<Store.Change, CacheError.StoreError>()
  const [last, middle] = [MemoryStore.make(), MemoryStore.make()]
  const tiered = yield* over({
    ...last,
    capabilities: { ...last.capabilities, shared: true, changes: true },
    changes: Stream.fromQueue(reports),
    changesUnsafe: undefined,
    getUnsafe: undefined,
    get: (...asked) => Effect.delay(last.get(...asked), getMillis)
  }, middle)
  const tell = (change: Store.Change) =>
    Effect.andThen(Queue.offer(reports, change), Effect.andThen(settle, TestClock.adjust(1)))
  const times = { createdAt: 0, softExpiresAt: 1e15, expiresAt: 1e15, loadMillis: 0 }
  const set = (writeId: string) =>
    singly(last).set("k", {
      meta: { ...times, outcome: "success", tags: [], writeId, serializer: 1 },
      payload: new Uint8Array(3)
    })
  const ask = Effect.gen(function*() {
    const reading = yield* start(tiered.get("k", []))
    yield* TestClock.adjust(1)
    return reading
  })
  const answered = Effect.fnUntraced(function*(reading: Fiber.Fiber<Store.Answer, CacheError.StoreError>) {
    yield* elapse(getMillis + 1)
    return (yield* Fiber.join(reading)).entry?.meta.writeId
  })
  yield* start(Stream.runDrain(tiered.changes))
  yield* settle
  yield* tell({ _tag: "Coherent" })
  return { answered, ask, last, middle, set, tell, tiered, writeIdOf: Effect.flatMap(ask, answered) }
})

test("a cache without memory follows the changes too, so copies are served", function*() {
  const last = MemoryStore.make()
  let asked = 0
  const tiered = yield* over({
    ...last,
    capabilities: { ...last.capabilities, shared: true, changes: true },
    changes: Stream.concat(Stream.succeed<Store.Change>({ _tag: "Coherent" }), Stream.never),
    changesUnsafe: undefined,
    getUnsafe: undefined,
    get: (...given) => Effect.suspend(() => (asked++, last.get(...given)))
  }, MemoryStore.make())
  const layer = CacheLayer.layer({ memory: false }).pipe(Layer.provide(Layer.succeed(Store.Store, tiered)))
  const read = Effect.succeed(1).pipe(Cached.ttl("k", { ttl: "1 hour" }))
  yield* Effect.gen(function*() {
    yield* settle
    yield* TestClock.adjust(1)
    yield* read
    yield* TestClock.adjust(1)
    const before = asked
    yield* read
    expect([before > 0, asked]).toEqual([true, before])
  }).pipe(Effect.provide(layer))
})

test("copies stand in for a last tier that fails while its changes are not tracked, of one id and of many", function*() {
  const last = MemoryStore.make()
  const { set, store } = ChaosStore.make(last, { seed: 1 })
  const capabilities = { ...last.capabilities, shared: true, changes: true }
  const tiered = yield* over({ ...store, capabilities, changes: Stream.never }, MemoryStore.make())
  const times = { createdAt: 0, softExpiresAt: 1e15, expiresAt: 1e15, loadMillis: 0 }
  const meta = { ...times, outcome: "success", tags: [], writeId: "1", serializer: 1 } as const
  const entry = { meta, payload: new Uint8Array(3) }
  yield* withTimePassing(tiered.set(["a", "b"].map((id) => ({ id, entry }))))
  yield* last.remove(["a", "b"])
  const read = withTimePassing(Effect.all([tiered.get("a", []), tiered.getMany(["b", "a"])]))
  yield* set({ failRate: 1 })
  expect(yield* read).toMatchObject([{ entry }, [entry, entry]])
  expect(yield* Effect.flip(withTimePassing(tiered.getMany(["a", "c"])))).toMatchObject({ reason: "Unavailable" })
  yield* set({ failRate: 0 })
  expect(yield* read).toMatchObject([{ entry: undefined }, [undefined, undefined]])
})

test("a copy that is older than what acquire shows is not read", function*() {
  const { set, tiered, writeIdOf } = yield* told(0)
  yield* set("1")
  expect(yield* writeIdOf).toBe("1")
  // The change is not reported yet, but the question for a lease shows it.
  yield* set("2")
  expect(yield* writeIdOf).toBe("1")
  const request = { id: "k", owner: "me", leaseMillis: 1000, rejectedWriteId: "1", join: false }
  const [answer] = yield* tiered.acquire([request])
  expect(answer).toMatchObject({ _tag: "Hit", entry: { meta: { writeId: "2" } } })
  expect(yield* writeIdOf).toBe("2")
})

test("a removal that begins in any step of the one before it reaches the middle tier too", function*() {
  const lost: Array<string> = []
  for (let operations = 4; operations < 12; operations++) {
    for (let pauses = 0; pauses < 12; pauses++) {
      const [last, middle] = [MemoryStore.make(), MemoryStore.make()]
      const removed: Array<string> = []
      const told: Array<Store.Change> = []
      const tiered = yield* over(
        { ...last, capabilities: { ...last.capabilities, changes: true }, changesUnsafe: () => told.splice(0) },
        { ...middle, remove: (ids) => Effect.suspend(() => (removed.push(...ids), middle.remove(ids))) }
      ).pipe(Effect.provideService(References.MaxOpsBeforeYield, operations))
      for (const id of ["a", "b"]) {
        told.push({ _tag: "Changed", id })
        tiered.changesUnsafe!()
        for (let i = 0; i < pauses; i++) yield* Effect.yieldNow
      }
      yield* settle
      if (removed.join() !== "a,b") lost.push(`${operations} operations, ${pauses} pauses: ${removed}`)
    }
  }
  expect(lost).toEqual([])
})

test("reads of what no tier has, and reads that fail, leave no leases in a middle tier", function*() {
  const directory = yield* tempDirectory
  const { set, store } = ChaosStore.make(MemoryStore.make(), { seed: 1 })
  const tiered = yield* over(store, yield* at(directory))
  const file = readdirSync(directory).find((name) => name.endsWith(".db"))!
  const database = new DatabaseSync(join(directory, file), { readOnly: true })
  for (const failRate of [0, 1]) {
    yield* set({ failRate })
    for (let i = 0; i < 10; i++) {
      yield* Effect.exit(tiered.getMany(Array.from({ length: 256 }, (_, k) => `${failRate} ${i} ${k}`)))
      yield* settle
      yield* TestClock.adjust("2 seconds")
    }
  }
  const [{ leases }] = database.prepare("SELECT count(*) AS leases FROM lease").all() as [{ leases: number }]
  database.close()
  // Records of leases that have ended are removed at times.
  expect(leases).toBeLessThan(2000)
})

/** Two processes on a common store. */
const machines = {
  "two machines": Effect.gen(function*() {
    const last = yield* tempDirectory
    const open = Effect.flatMap(Effect.all([at(last), memory]), ([store, middle]) => over(slowly(store), middle))
    return [yield* open, yield* open] as const
  }),
  "one machine": Effect.gen(function*() {
    const [last, middle] = [yield* tempDirectory, yield* memory]
    const open = Effect.flatMap(at(last), (store) => over(slowly(store), middle))
    return [yield* open, yield* open] as const
  })
}

for (const [turn, [name, two]] of Object.entries(machines).entries()) {
  describe(`the laws of shared stores hold for processes of ${name}`, () => {
    for (const law of thirdOf(sharedStoreLaws<unknown>(two), turn)) it.effect(law.name, () => withTimePassing(law.run))
  })
}
