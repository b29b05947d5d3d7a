/** Which values are checked, how often, and what the warnings are about. */
import { expect } from "@effect/vitest"
import { Effect, Layer, Logger, References, Schema } from "effect"
import { Cached, CacheKey, CacheLayer, type Caching } from "effect-cached"
import { checkedBytes, checkedResults } from "../../../../src/internal/defaults/bounds.ts"
import { settle } from "../../../support/caches.ts"
import { test } from "../../../support/tests.ts"

const load = (key: string | CacheKey.Any, value: unknown): Effect.Effect<unknown, never, Caching.Caching> =>
  Effect.succeed(value).pipe(Cached.ttl(key, { ttl: "1 hour" } as never)) as never

/** The warnings of a cache in memory, with the keys that they are about. */
const warningsOf = (use: Effect.Effect<unknown, never, Caching.Caching>) => {
  const warnings: Array<readonly [text: string, key: unknown]> = []
  const logger = Logger.make(({ fiber, logLevel, message }) => {
    if (logLevel === "Warn") {
      warnings.push([String(message), fiber.getRef(References.CurrentLogAnnotations)["cache.key"]])
    }
  })
  const layer = Layer.provide(CacheLayer.memory(), Logger.layer([logger]))
  return Effect.as(Effect.provide(Effect.andThen(use, settle), layer), warnings)
}

test("each kind of value that can be read once has a warning of its own, about its key", function*() {
  const values = [() => new Response("text"), () => [1].values(), () => new Response("other")]
  const warnings = yield* warningsOf(Effect.forEach(values, (make, i) => load(`key ${i}`, make())))
  expect(warnings.map(([, key]) => key)).toEqual(["key 0", "key 1"])
  for (const [text] of warnings) {
    expect(text).toContain("read it in the load, and cache its content (logged once a key class or cause)")
  }
})

test("each class whose values do not fit has a warning of its own, about its key", function*() {
  class One extends CacheKey.Class<One>()("One", { payload: { n: Schema.Int }, success: Schema.String }) {}
  class Two extends CacheKey.Class<Two>()("Two", { payload: { n: Schema.Int }, success: Schema.String }) {}
  const keys = [new One({ n: 1 }), new Two({ n: 1 }), new One({ n: 2 })]
  const warnings = yield* warningsOf(Effect.forEach(keys, (key) => load(key, 1)))
  expect(warnings).toEqual(
    keys.slice(0, 2).map((key) => {
      const id = CacheKey.id(key)
      return [
        expect.stringMatching(/^The value of ".*" is cached in memory, but no store .* \(logged once a key class\)$/),
        id
      ]
    })
  )
})

test("of the results of a class the first are checked, and later those at powers of two, unless they are large", function*() {
  const seen: Array<number> = []
  class Counted extends CacheKey.Class<Counted>()("Counted", {
    payload: { n: Schema.Int },
    success: Schema.Struct({ n: Schema.Number, text: Schema.String }).check(Schema.makeFilter(({ n }) => {
      seen.push(n)
      return true
    }))
  }) {}
  const count = 4 * checkedResults
  yield* warningsOf(Effect.forEach(
    Array.from({ length: count }, (_, n) => n),
    (n) => load(new Counted({ n }), { n, text: n === 3 ? "x".repeat(checkedBytes) : "" })
  ))
  const isPower = (n: number) => Number.isInteger(Math.log2(n))
  expect([...new Set(seen)]).toEqual(
    Array.from({ length: count }, (_, n) => n).filter((n) => n !== 3 && (n < checkedResults || isPower(n)))
  )
})
