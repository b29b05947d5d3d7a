/** Leaders that fail one after the other: the waiting callers need not all try. */
import { describe, expect } from "@effect/vitest"
import { Context, Effect, Exit, Fiber, Layer, Schema } from "effect"
import { Cached, CacheKey, CacheLayer, Caching } from "effect-cached"
import { Store } from "effect-cached/adapters"
import { MemoryStore } from "effect-cached/memory"
import { TestClock } from "effect/testing"
import { test } from "../support/tests.ts"

class Down extends Schema.TaggedError<Down>()("Down", { attempt: Schema.Int }) {}

class Told extends CacheKey.Class<Told>()("Told", { success: Schema.Int, error: Down }) {}
class Untold extends CacheKey.Class<Untold>()("Untold", { success: Schema.Int }) {}

/** Programs of their own on one store, as processes are. */
const programs = (count: number) =>
  Effect.gen(function*() {
    const store = MemoryStore.make()
    const shared = Layer.succeed(Store.Store, { ...store, capabilities: { ...store.capabilities, shared: true } })
    const contexts = yield* Effect.forEach(
      Array.from({ length: count }),
      () => Layer.build(Layer.fresh(Layer.provide(CacheLayer.layer(), shared)))
    )
    return contexts.map((context) => Context.get(context, Caching.Caching))
  })

const failing = (count: number, key: () => CacheKey.CacheKey<number, Down> | CacheKey.CacheKey<number>) =>
  Effect.gen(function*() {
    const caches = yield* programs(count)
    let loads = 0
    const load = Effect.suspend(() => Effect.delay(Effect.fail(new Down({ attempt: ++loads })), "200 millis"))
    const fibers = yield* Effect.forEach(caches, (caching) =>
      load.pipe(
        Cached.ttl(key() as CacheKey.CacheKey<number, Down>, { ttl: "1 hour" }),
        Effect.provideService(Caching.Caching, caching),
        Effect.forkChild
      ))
    const answers = () => fibers.map((fiber) => fiber.pollUnsafe()).filter((exit) => exit !== undefined)
    return { fibers, answers, loads: () => loads, load, caches }
  })

describe("leaders that fail one after the other", () => {
  test("are three: a waiting caller then fails as the last of them did", function*() {
    const { answers, fibers, loads } = yield* failing(6, () => new Told())
    yield* TestClock.adjust("590 millis")
    expect(answers()).toHaveLength(2)
    yield* TestClock.adjust("500 millis")
    expect(loads()).toBe(3)
    const exits = yield* Effect.forEach(fibers, Fiber.await)
    const attempts = exits.map((exit) => Exit.isFailure(exit) ? (exit.cause.reasons[0] as { error: Down }).error : exit)
    expect(attempts.every((error) => error instanceof Down)).toBe(true)
    expect(attempts.map((error) => (error as Down).attempt).sort()).toEqual([1, 2, 3, 3, 3, 3])
  })

  test("do not prevent a later caller from trying", function*() {
    const { caches, fibers, load, loads } = yield* failing(6, () => new Told())
    yield* TestClock.adjust("1500 millis")
    yield* Effect.forEach(fibers, Fiber.await)
    expect(loads()).toBe(3)
    const later = yield* load.pipe(
      Cached.ttl(new Told(), { ttl: "1 hour" }),
      Effect.provideService(Caching.Caching, caches[0]!),
      Effect.forkChild
    )
    yield* TestClock.adjust("1 second")
    expect(Exit.isFailure(yield* Fiber.await(later))).toBe(true)
    expect(loads()).toBe(4)
  })

  test("are all waiting callers, where the key has no error schema for the failure", function*() {
    const { fibers, loads } = yield* failing(5, () => new Untold())
    yield* TestClock.adjust("10 seconds")
    yield* Effect.forEach(fibers, Fiber.await)
    expect(loads()).toBe(5)
  })
})
