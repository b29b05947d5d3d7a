/** Options, functions and causes of users that are wrong or rare. */
import { expect, it } from "@effect/vitest"
import { Cause, Effect, Exit, Fiber, Layer, Logger, Schema } from "effect"
import { Cached, CacheKey, CacheLayer, CachePolicy } from "effect-cached"
import { TestClock } from "effect/testing"
import { counting, elapse, ended, fakeStore, over, settle, start } from "../../../support/caches.ts"
import { made } from "../../../support/strategies.ts"
import { testIn } from "../../../support/tests.ts"

const hour = made({ ttl: "1 hour" })

/** The message of the defect that a read ends with. */
const defectOf = <A, E, R>(read: Effect.Effect<A, E, R>) =>
  Effect.map(Effect.exit(read), (exit) => Exit.isFailure(exit) ? (Cause.squash(exit.cause) as Error).message : exit)

const test = testIn(CacheLayer.memory())

testIn(over(fakeStore()))("a load that fails without a reason does so for all its callers", function*() {
  const load = Effect.andThen(Effect.sleep(10), Effect.failCause(Cause.empty))
  const read = load.pipe(Cached.ttl("k", { ttl: "1 hour" }))
  const readers = [yield* start(read), yield* start(read)]
  yield* elapse(10)
  expect(readers.map(ended)).toEqual([Exit.failCause(Cause.empty), Exit.failCause(Cause.empty)])
})

test("tags of a class that throw nothing are a defect all the same", function*() {
  class Page extends CacheKey.Class<Page>()("Page", {
    payload: { n: Schema.Int },
    success: Schema.Int,
    tags: (): ReadonlyArray<string> => {
      throw undefined
    }
  }) {}
  expect(yield* defectOf(Effect.succeed(1).pipe(Cached.ttl(new Page({ n: 1 }), { ttl: "1 hour" })))).toBe(
    `"undefined" was thrown`
  )
})

test("a timeout that a function gives wrongly is named with its key", function*() {
  const read = Effect.succeed(1)
  const wrong = () => "soon" as never
  expect(yield* defectOf(read.pipe(Cached.ttl("k", { ttl: "1 hour", timeout: wrong })))).toContain(
    `timeout of "k"`
  )
  expect(yield* defectOf(read.pipe(Cached.failover("k", { ttl: "1 hour", softTimeout: wrong })))).toContain(
    `softTimeout of "k"`
  )
})

test("a strategy's retryAfter that is no duration is named", function*() {
  const strategy = { ...hour, name: "mine", retryAfter: "soon" as never }
  const read = (options: object) => Effect.succeed(1).pipe(Cached.withStrategy("k", { strategy, ...options }))
  for (const options of [{}, { minLoad: 0 }]) expect(yield* defectOf(read(options))).toContain("retryAfter")
})

test("a decision that is none is named", function*() {
  const wrong: ReadonlyArray<readonly [decision: unknown, said: string]> = [["keep", `"keep"`], [
    1,
    "a value of type number"
  ]]
  for (const [decision, said] of wrong) {
    const strategy = { ...hour, name: "mine", decide: () => decision as never }
    const read = Effect.succeed(1).pipe(Cached.withStrategy(said, { strategy }))
    yield* read
    expect(yield* defectOf(read)).toContain(`The strategy "mine" decided ${said}: decide must return one of`)
  }
})

it.effect("an end that is no number is named by the cause of the warning", () => {
  const causes: Array<string> = []
  const logger = Logger.make(({ cause, logLevel }) => {
    if (logLevel === "Warn") causes.push((Cause.squash(cause) as Error).message)
  })
  return Effect.gen(function*() {
    const sliding = made({ strategy: "sliding", idle: "1 hour" })
    class One extends CacheKey.Class<One>()("One", { payload: {}, success: Schema.Int }) {}
    class Two extends CacheKey.Class<Two>()("Two", { payload: {}, success: Schema.Int }) {}
    for (const [key, moved] of [[new One({}), NaN], [new Two({}), "soon" as never]] as const) {
      const strategy = { ...sliding, name: "mine", touch: () => moved }
      const read = Effect.succeed(1).pipe(Cached.withStrategy(key, { strategy }))
      yield* Effect.andThen(read, read)
      yield* settle
    }
    expect(causes).toEqual(["touch returned NaN", "touch returned a value of type string"])
  }).pipe(Effect.provide(Layer.provide(CacheLayer.memory(), Logger.layer([logger]))))
})

test("a caller with a wrong maxLoad joins no load", function*() {
  const { load } = counting(10)
  const read = (options: object) => load.pipe(Cached.ttl("k", { ttl: "1 hour", ...options }))
  const right = yield* start(read({}))
  expect(yield* defectOf(read({ maxLoad: 0 }))).toContain("maxLoad")
  yield* TestClock.adjust(10)
  expect(yield* Fiber.join(right)).toBe(1)
})

it.effect("a read that asks the store while a refresh runs has the rest of its timeout for the load", () => {
  const fake = fakeStore()
  fake.behave = (operation) => operation === "get" ? { before: Effect.sleep(10) } : {}
  return Effect.gen(function*() {
    const { load } = counting(1000)
    const read = load.pipe(Cached.ttl("k", { ttl: "1 hour", timeout: "1 minute" }))
    yield* start(CachePolicy.refresh(read))
    yield* settle
    const joins = yield* start(read)
    for (let i = 0; i < 12; i++) yield* Effect.andThen(TestClock.adjust(100), settle)
    expect(ended(joins)).toEqual(Exit.succeed(1))
  }).pipe(Effect.provide(over(fake)))
})
