/** The lease that a load gets after another process has not returned: its markers, strict callers, its release. */
import { describe, expect } from "@effect/vitest"
import { Deferred, Effect, Exit, Layer, Stream } from "effect"
import { Cached, CacheLayer, CachePolicy, type Caching } from "effect-cached"
import { Store } from "effect-cached/adapters"
import { StoreError } from "effect-cached/CacheError"
import { MemoryStore } from "effect-cached/memory"
import { TestClock } from "effect/testing"
import { singly } from "../../../../src/testing/internal/singly.ts"
import { elapse, ended, settle, start } from "../../../support/caches.ts"
import { test } from "../../../support/tests.ts"

const ttl = "1 hour" as const
const lease = { leaseMillis: 3000, rejectedWriteId: undefined, join: false } as const

interface View {
  /** Whether no other process has the lease. */
  readonly isUnleased?: boolean
  /** Whether its answers about leases lack the number of invalidations. */
  readonly lacksSeq?: boolean
  /** Whether the nth question for markers fails, from 0 on. */
  readonly fails?: (n: number) => boolean
}

/** A far store, in which usually a process that never returns has the lease of "k". */
const farStore = Effect.fnUntraced(function*({ fails = () => false, isUnleased = false, lacksSeq = false }: View = {}) {
  const inner = MemoryStore.make()
  const asked: Array<ReadonlyArray<string>> = []
  const refused = new StoreError({ store: "s", operation: "markers", reason: "Unavailable" })
  const store: Store.Store = {
    ...inner,
    capabilities: { shared: true, changes: false },
    getUnsafe: undefined,
    distanceMillis: () => 50,
    acquire: (requests) =>
      Effect.map(
        inner.acquire(requests),
        (answers) =>
          answers.map((answer) => lacksSeq && answer._tag === "Granted" ? { ...answer, seq: undefined } : answer)
      ),
    markers: (tags) =>
      Effect.suspend(() => {
        const place = asked.push(tags) - 1
        return fails(place) ? Effect.fail(refused) : inner.markers(tags)
      })
  }
  if (!isUnleased) yield* singly(inner).acquire("k", { owner: "gone", ...lease })
  const cache = yield* Layer.build(Layer.fresh(
    Layer.provide(CacheLayer.layer(), Layer.succeed(Store.Store, store))
  ))
  // Runs before the layer closes, which waits for what is loaded.
  yield* Effect.addFinalizer(() => TestClock.adjust("1 minute"))
  const isFree = Effect.map(
    singly(inner).acquire("k", { owner: "other", ...lease, leaseMillis: 1 }),
    ({ _tag }) => _tag !== "Wait"
  )
  const isStored = Effect.map(inner.get("k", []), ({ entry }) => entry !== undefined)
  const read = <A, E>(effect: Effect.Effect<A, E, Caching.Caching>) => start(Effect.provide(effect, cache))
  return { asked, isFree, isStored, read }
})

const loaded = Effect.succeed("loaded")

describe("a load that gets its lease after a wait", () => {
  test("asks for no markers where it has no tags, or its load names them and the answer says what was invalidated", function*() {
    for (const tags of [[], () => ["t"]]) {
      const { asked, isStored, read } = yield* farStore()
      const reader = yield* read(loaded.pipe(Cached.ttl("k", { ttl, tags })))
      yield* TestClock.adjust("2900 millis")
      expect(ended(reader)).toBe("still waiting")
      const before = asked.length
      yield* TestClock.adjust("1 second")
      expect(ended(reader)).toEqual(Exit.succeed("loaded"))
      expect(asked.slice(before)).toEqual(Array.isArray(tags) ? [] : [["t"]])
      expect(yield* isStored).toBe(true)
    }
  })

  test("asks for the markers of its tags where they could not be read with the lease", function*() {
    const { asked, isStored, read } = yield* farStore({ fails: (n) => n === 0 })
    const reader = yield* read(loaded.pipe(Cached.ttl("k", { ttl, tags: ["t"] })))
    yield* TestClock.adjust("4 seconds")
    expect(ended(reader)).toEqual(Exit.succeed("loaded"))
    expect(asked).toEqual([["t"], ["t"]])
    expect(yield* isStored).toBe(true)
  })

  test("gives it back where it still cannot read them, and fails only strict callers", function*() {
    const { isFree, isStored, read } = yield* farStore({ fails: () => true })
    const gate = yield* Deferred.make<void>()
    const options = { ttl, tags: ["t"] } as const
    const reader = yield* read(Effect.as(Deferred.await(gate), "loaded").pipe(Cached.ttl("k", options)))
    const strict = yield* read(
      CachePolicy.strict(Effect.as(Deferred.await(gate), "loaded").pipe(Cached.ttl("k", options)))
    )
    yield* TestClock.adjust("4 seconds")
    expect(ended(reader)).toBe("still waiting")
    expect(Exit.isFailure(ended(strict) as Exit.Exit<string, unknown>)).toBe(true)
    expect(yield* isFree).toBe(true)
    yield* Deferred.succeed(gate, undefined)
    yield* settle
    expect(ended(reader)).toEqual(Exit.succeed("loaded"))
    expect(yield* isStored).toBe(false)
  })

  test("does not fail for want of markers that only its result would need", function*() {
    const { isStored, read } = yield* farStore({ fails: () => true, lacksSeq: true })
    const reader = yield* read(CachePolicy.strict(loaded.pipe(Cached.ttl("k", { ttl, tags: () => ["t"] }))))
    yield* TestClock.adjust("4 seconds")
    expect(ended(reader)).toEqual(Exit.succeed("loaded"))
    expect(yield* isStored).toBe(false)
  })

  test("tells how long it has waited, in an event", function*() {
    const { read } = yield* farStore()
    const told: Array<unknown> = []
    yield* read(Stream.runForEach(Cached.events({ of: ["Waited"] }), (event) => Effect.sync(() => told.push(event))))
    const reader = yield* read(loaded.pipe(Cached.ttl("k", { ttl })))
    yield* TestClock.adjust("4 seconds")
    expect(ended(reader)).toEqual(Exit.succeed("loaded"))
    yield* settle
    expect(told).toMatchObject([{ _tag: "Waited", id: "k" }])
    const [{ millis }] = told as [{ readonly millis: number }]
    expect(millis).toBeGreaterThanOrEqual(3000)
    expect(millis).toBeLessThan(3010)
  })

  test("or at once, with tags that only its result names, has read what the answer about the lease lacks", function*() {
    for (const isUnleased of [false, true]) {
      const { isStored, read } = yield* farStore({ lacksSeq: true, isUnleased })
      const reader = yield* read(loaded.pipe(Cached.ttl("k", { ttl, tags: () => ["t"] })))
      yield* elapse("4 seconds")
      expect(ended(reader)).toEqual(Exit.succeed("loaded"))
      expect(yield* isStored).toBe(true)
    }
  })
})
