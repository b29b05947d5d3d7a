/**
 * A try of a load: a second one inherits nothing, and what outlives a load neither keeps it nor counts as inside it.
 */
import { describe, expect, it } from "@effect/vitest"
import { Context, Deferred, Effect, Exit, type Fiber, Option, Schedule, Schema } from "effect"
import { Cached, CacheKey, CacheLayer } from "effect-cached"
import { TestClock } from "effect/testing"
import { Within } from "../../../../src/internal/engine/request/attempt.ts"
import type { Attempt, Flight } from "../../../../src/internal/engine/state.ts"
import { caches, ended, settle, start } from "../../../support/caches.ts"

class Page extends CacheKey.Class<Page>()("Page", {
  payload: { n: Schema.Number },
  success: Schema.Number,
  error: Schema.String
}) {}

describe.each(caches)("over $name", (cache) => {
  it.effect("pages that prefetch the next do not keep one another", () =>
    Effect.gen(function*() {
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
    }).pipe(Effect.provide(cache.layer())))

  it.effect("a flight does not keep the one whose load needed it", () =>
    Effect.gen(function*() {
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
    }).pipe(Effect.provide(cache.layer())))

  it.effect("the last reader's context is not kept", () =>
    Effect.gen(function*() {
      const engine = yield* Effect.map(Within, (within) => within!.flight!.engine).pipe(
        Cached.ttl("e", { ttl: 1 })
      )
      yield* Effect.succeed(1).pipe(Cached.ttl("k", { ttl: "1 hour" }))
      yield* settle
      expect(engine.lastReadContext).toBeUndefined()
    }).pipe(Effect.provide(cache.layer())))

  it.effect("a second try of a refresh is not derived from the stale value that the first has read", () =>
    Effect.gen(function*() {
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
      yield* TestClock.adjust("1 second")
      yield* settle
      expect(tries).toBe(3)
      expect(yield* Cached.getOption("outer")).toEqual(Option.some(3))
    }).pipe(Effect.provide(cache.layer({ refresh: { retry: Schedule.recurs(1) } }))))

  it.effect("a second try of a batch neither", () =>
    Effect.gen(function*() {
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
      yield* TestClock.adjust("1 second")
      yield* settle
      expect(calls).toBe(3)
      expect(yield* Cached.getOption(new Page({ n: 2 }))).toEqual(Option.some(3))
    }).pipe(Effect.provide(cache.layer({ refresh: { retry: Schedule.recurs(1) } }))))
})

it.effect("a fiber that outlives its load may wait for what waits for that load: there is no cycle", () =>
  Effect.gen(function*() {
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
  }).pipe(Effect.provide(CacheLayer.memory())))

it.effect("a queued refresh does not count as begun", () =>
  Effect.gen(function*() {
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
  }).pipe(Effect.provide(CacheLayer.memory({ refresh: { concurrency: 1 } }))))
