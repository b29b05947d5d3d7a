/** Policies that are made while a test runs. */
import { expect, it } from "@effect/vitest"
import { Option } from "effect"
import { Cached, CacheLayer, CachePolicy } from "effect-cached"
import { counting } from "../../../support/caches.ts"
import { testIn } from "../../../support/tests.ts"

it("a name that is no operation is refused with those that are", () => {
  expect(() => CachePolicy.disable("read" as never)).toThrow(
    `CachePolicy.disable has no operation "read": use one of get, set, remove, invalidate, clear`
  )
})

testIn(CacheLayer.memory())("each operation is disabled alone", function*() {
  const { load } = counting()
  const read = load.pipe(Cached.ttl("k", { ttl: "1 hour" }))
  yield* CachePolicy.disable("set")(read)
  expect(yield* Cached.has("k")).toBe(false)
  expect(yield* read).toBe(2)
  expect(yield* CachePolicy.disable("invalidate")(CachePolicy.invalidating(read))).toBe(2)
  expect(yield* CachePolicy.invalidating(CachePolicy.disable("invalidate")(read))).toBe(2)
  expect(yield* CachePolicy.invalidating(CachePolicy.disable("set")(read))).toBe(3)
  expect(yield* CachePolicy.disable("get")(read)).toBe(4)
})

testIn(CacheLayer.memory())("an update sees what is stored, whatever the policy around it reads", function*() {
  yield* Cached.set("k", 0)
  const policies = [CachePolicy.refresh, CachePolicy.disable("get"), CachePolicy.disable("get")]
  for (const under of policies) yield* under(Cached.update("k", Option.map((n: number) => n + 1)))
  expect(yield* Cached.getOption("k")).toEqual(Option.some(policies.length))
})
