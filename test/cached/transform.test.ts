/** `Cached.transform`: a stream of payloads through a function of many. */
import { expect, it } from "@effect/vitest"
import { Cause, Effect, Exit, Latch, Schema, Stream } from "effect"
import { Cached, CacheKey, CacheLayer } from "effect-cached"
import { test } from "../support/tests.ts"

class User extends CacheKey.Class<User>()("User", {
  payload: { id: Schema.Int },
  success: Schema.String,
  error: Schema.String
}) {}

const make = () => {
  const calls: Array<number> = []
  const users = Cached.many(User, (keys) =>
    Effect.sync(() => {
      calls.push(keys.length)
      return keys.map(({ id }) => id === 13 ? Exit.fail("unlucky") : Exit.succeed(`user ${id}`))
    }), { ttl: "1 hour" })
  return { calls, users }
}

const payloads = (count: number) => Stream.map(Stream.range(1, count), (id) => ({ id }))

it.effect("PW-04 · each payload comes with its result, in order, by calls of a chunk", () => {
  const { calls, users } = make()
  return Effect.gen(function*() {
    const all = yield* Stream.runCollect(Cached.transform(payloads(1000), users, { chunk: 300 }))
    expect(all.length).toBe(1000)
    expect(all[999]).toEqual([{ id: 1000 }, Exit.succeed("user 1000")])
    expect(all[12]).toEqual([{ id: 13 }, Exit.fail("unlucky")])
    expect(all.map(([{ id }]) => id)).toEqual(Array.from({ length: 1000 }, (_, i) => i + 1))
    expect(calls).toEqual([300, 300, 300, 100])
    expect(yield* Stream.runCount(Cached.transform(payloads(12), users))).toBe(12)
    expect(calls.length).toBe(4)
  }).pipe(Effect.provide(CacheLayer.memory()))
})

test("results come as soon as their call ends, if the order does not matter", function*() {
  const first = Latch.makeUnsafe()

  const slow = (part: ReadonlyArray<number>) =>
    Effect.as(part[0] === 0 ? first.await : first.open, part.map((n) => Exit.succeed(n)))
  const all = Cached.transform(Stream.make(0, 1), slow, { chunk: 1, concurrency: 2, ordered: false })
  expect((yield* Stream.runCollect(all)).map(([n]) => n)).toEqual([1, 0])
})

it.effect("payloads that fail in the middle fail the stream once, and what was loaded stays", () => {
  const { calls, users } = make()
  return Effect.gen(function*() {
    const failing = Stream.concat(payloads(20), Stream.fail("lost"))
    const exit = yield* Effect.exit(Stream.runCollect(Cached.transform(failing, users, { chunk: 10, concurrency: 1 })))
    expect(Exit.isFailure(exit) && exit.cause.reasons.length === 1 && Cause.squash(exit.cause)).toBe("lost")
    yield* Stream.runDrain(Cached.transform(payloads(12), users))
    expect(calls).toEqual([10, 10])
  }).pipe(Effect.provide(CacheLayer.memory()))
})

test("a call that fails as a whole fails the stream", function*() {
  const down = () => Effect.fail("down" as const)
  expect(yield* Effect.flip(Stream.runDrain(Cached.transform(Stream.make(1), down)))).toBe("down")
})

test("a function that answers another number of results is a defect that names both", function*() {
  const one = () => Effect.succeed([Exit.succeed(1)])
  const exit = yield* Effect.exit(Stream.runDrain(Cached.transform(Stream.make(1, 2), one)))
  expect(String(Exit.isFailure(exit) && Cause.squash(exit.cause))).toContain("got 2 payloads and returned 1 results")
})

it("wrong arguments are refused at the call", () => {
  const { users } = make()
  const any = Cached.transform as (...args: ReadonlyArray<unknown>) => unknown
  expect(() => any([{ id: 1 }], users)).toThrow("needs a stream of payloads")
  expect(() => any(Stream.empty, 1)).toThrow("needs a function of many")
  for (const wrong of [0, -1, 1.5, NaN, "10"]) {
    expect(() => any(Stream.empty, users, { chunk: wrong })).toThrow("chunk of Cached.transform must be a whole number")
    expect(() => any(Stream.empty, users, { concurrency: wrong })).toThrow("concurrency of Cached.transform must be")
  }
  expect(() => any(Stream.empty, users, { ordered: "yes" })).toThrow(
    "ordered of Cached.transform must be true or false"
  )
  expect(() => any(Stream.empty, users, { size: 1 })).toThrow(`"size"`)
})

test("a function that does not return one Exit for each payload is a mistake", function*() {
  const mistakeOf = (self: (part: ReadonlyArray<number>) => unknown) =>
    Effect.map(
      Effect.exit(Stream.runDrain(Cached.transform(Stream.make(1, 2), self as never)) as Effect.Effect<void>),
      (exit) => Exit.isFailure(exit) && String(Cause.squash(exit.cause))
    )
  const one = Exit.succeed(1)
  expect(yield* mistakeOf(() => Effect.succeed([one]))).toContain("got 2 payloads and returned 1 results")
  expect(yield* mistakeOf(() => Effect.succeed([one, 2]))).toContain("returned an element that is not an Exit")
  const sparse = new Array<typeof one>(2)
  sparse[0] = one
  expect(yield* mistakeOf(() => Effect.succeed(sparse))).toContain("returned an element that is not an Exit")
  expect(yield* mistakeOf(() => Effect.succeed(undefined))).toContain("must return a list: return one Exit")
  expect(yield* mistakeOf(async () => [])).toContain("must return an effect, not a Promise")
})
