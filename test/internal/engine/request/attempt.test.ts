/**
 * A try of a load: a second one inherits nothing, and what outlives a load neither keeps it nor counts as inside it.
 */
import { describe, expect } from "@effect/vitest"
import { Context, Deferred, Effect, Exit, type Fiber, Option, Schedule, Schema } from "effect"
import { Cached, CacheKey, CacheLayer } from "effect-cached"
import { TestClock } from "effect/testing"
import { Within } from "../../../../src/internal/engine/request/attempt.ts"
import type { Attempt, Flight } from "../../../../src/internal/engine/state.ts"
import { caches, elapse, ended, settle, start } from "../../../support/caches.ts"
import { testIn } from "../../../support/tests.ts"

class Page extends CacheKey.Class<Page>()("Page", {
  payload: { n: Schema.Number },
  success: Schema.Number,
  error: Schema.String
}) {}

describe.each(caches)("over $name", (cache) => {
  const test = testIn(cache.layer())

  test("pages that prefetch the next do not keep one another", function*() {
    const seen: Array<{ readonly attempt: Attempt; readonly flight: Flight }> = []
    const page: (n: number) => Effect.Effect<number, never, any> = (n) =>
      Effect.gen(function*() {
        const attempt = (yield* Within)!
        seen.push({ attempt, flight: attempt.flight! })
        if (n < 200) yield* Effect.forkDetach(Effect.andThen(Effect.yieldNow, page(n + 1)))
        return n
      }).pipe(Cached.ttl(`page ${n}`, { ttl: "1 hour" }))
    yield* page(0)
    for (let i = 0; i < 20; i++) yield* settle
    expect(seen).toHaveLength(201)
    for (const { attempt, flight } of seen) {
      expect(attempt.flight).toBeUndefined()
      expect(flight.parent).toBeUndefined()
      expect(flight.starter.context).toBe(Context.empty())
      expect(flight.depth).toBe(1)
    }
  })

  test("a flight does not keep the one whose load needed it", function*() {
    const flights: Array<Flight> = []
    const parents: Array<Flight | undefined> = []
    const load = (key: string, needs: Effect.Effect<unknown, never, any>) =>
      Effect.gen(function*() {
        const { flight } = (yield* Within)!
        flights.push(flight!)
        parents.push(flight!.parent)
        yield* needs
      }).pipe(Cached.ttl(key, { ttl: "1 hour" }))
    yield* load("outer", load("inner", Effect.void))
    expect(parents).toEqual([undefined, flights[0]])
    for (const { parent } of flights) expect(parent).toBeUndefined()
  })

  test("the last reader's context is not kept", function*() {
    const engine = yield* Effect.map(Within, (within) => within!.flight!.engine).pipe(
      Cached.ttl("e", { ttl: 1 })
    )
    yield* Effect.succeed(1).pipe(Cached.ttl("k", { ttl: "1 hour" }))
    yield* settle
    expect(engine.lastReadContext).toBeUndefined()
  })

  testIn(cache.layer({ refresh: { retry: Schedule.recurs(1) } }))(
    "a second try of a refresh is not derived from the stale value that the first has read",
    function*() {
      const inner = (load: Effect.Effect<string, string>) =>
        load.pipe(Cached.failover("inner", { ttl: "1 hour", fallbackOn: "all" }))
      yield* inner(Effect.succeed("old"))
      let tries = 0
      const outer = Effect.suspend(() =>
        ++tries === 2
          // The first try of the refresh reads a stale value, and fails.
          ? Effect.andThen(inner(Effect.fail("down")), Effect.fail("again"))
          : Effect.succeed(tries)
      ).pipe(Cached.refreshAhead("outer", { ttl: "1 hour", refreshAfter: "1 minute" }))
      expect(yield* outer).toBe(1)
      yield* TestClock.adjust("2 minutes")
      expect(yield* outer).toBe(1)
      yield* settle
      yield* elapse("1 second")
      expect(tries).toBe(3)
      expect(yield* Cached.getOption("outer")).toEqual(Option.some(3))
    }
  )

  testIn(cache.layer({ refresh: { retry: Schedule.recurs(1) } }))("a second try of a batch neither", function*() {
    let calls = 0
    const inner = (load: Effect.Effect<string, string>) =>
      load.pipe(Cached.failover("inner", { ttl: "1 hour", fallbackOn: "all" }))
    yield* inner(Effect.succeed("old"))
    const pages = Cached.many(Page, (keys) =>
      Effect.suspend(() =>
        ++calls === 2
          ? Effect.andThen(inner(Effect.fail("down")), Effect.fail("again"))
          : Effect.succeed(keys.map(() => Exit.succeed(calls)))
      ), { strategy: "refreshAhead", ttl: "1 hour", refreshAfter: "1 minute" })
    const two = pages([{ n: 1 }, { n: 2 }])
    yield* two
    yield* TestClock.adjust("2 minutes")
    yield* two
    yield* settle
    yield* elapse("1 second")
    expect(calls).toBe(3)
    expect(yield* Cached.getOption(new Page({ n: 2 }))).toEqual(Option.some(3))
  })
})

testIn(CacheLayer.memory())(
  "a fiber that outlives its load may wait for what waits for that load: there is no cycle",
  function*() {
    const gate = yield* Deferred.make<void>()
    let daemon: Fiber.Fiber<string, unknown> | undefined
    const b: Effect.Effect<string, never, any> = Effect.suspend(() => Effect.andThen(Effect.sleep("1 second"), a)).pipe(
      Cached.ttl("b", { ttl: "1 hour" })
    )
    const a: Effect.Effect<string, never, any> = Effect.gen(function*() {
      daemon ??= yield* Effect.forkDetach(Effect.andThen(Deferred.await(gate), b))
      return "a"
    }).pipe(Cached.ttl("a", { ttl: 1 }))
    yield* a
    yield* TestClock.adjust("1 second")
    yield* Deferred.succeed(gate, undefined)
    yield* settle
    yield* TestClock.adjust("1 second")
    expect(ended(daemon!)).toMatchObject({ _tag: "Success", value: "a" })
  }
)

testIn(CacheLayer.memory({ refresh: { concurrency: 1 } }))("a queued refresh does not count as begun", function*() {
  const get = (key: string, load: Effect.Effect<number>) =>
    load.pipe(Cached.refreshAhead(key, { ttl: "1 hour", refreshAfter: "1 minute" }))
  for (const key of ["a", "b"]) yield* get(key, Effect.succeed(1))
  yield* TestClock.adjust("2 minutes")
  for (const key of ["a", "b"]) yield* get(key, Effect.never)
  yield* settle
  const phases = yield* Effect.map(
    Effect.map(Within, (within) => within!.flight!.engine.flights).pipe(Cached.ttl("e", { ttl: 1 })),
    (flights) => flights.all().map(({ attempt, phase }) => [phase, attempt.startedAt !== undefined])
  )
  expect(phases).toEqual([["Loading", true], ["Queued", false]])
  yield* start(Effect.void)
})
