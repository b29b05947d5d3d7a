/** Copies of values that have nothing to freeze, or little. */
import { expect } from "@effect/vitest"
import { Effect } from "effect"
import { Cached, CacheLayer } from "effect-cached"
import { testIn } from "../../../support/tests.ts"

testIn(CacheLayer.memory())("a function that copies is called for numbers and for frozen objects too", function*() {
  const read = <A>(key: string, value: A, copy: "freeze" | "structured" | ((value: A) => A)) =>
    Effect.succeed(value).pipe(Cached.ttl(key, { ttl: "1 hour", copy }))
  yield* read("number", 1, "freeze")
  expect(yield* read("number", 1, (n) => n + 1)).toBe(2)
  const object = { n: 1 }
  yield* read("object", object, "freeze")
  const [first, second] = [
    yield* read("object", object, (o) => ({ ...o })),
    yield* read("object", object, "structured")
  ]
  for (const copy of [first, second]) {
    expect(copy).toEqual(object)
    expect(copy).not.toBe(object)
  }
})

testIn(CacheLayer.memory())("what holds null is frozen", function*() {
  const value = yield* Effect.succeed({ none: null }).pipe(Cached.ttl("k", { ttl: "1 hour", copy: "freeze" }))
  expect([Object.isFrozen(value), yield* Cached.has("k")]).toEqual([true, true])
})
