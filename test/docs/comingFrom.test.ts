/**
 * Features that `docs/coming-from.md` and the pages of `docs/coming-from/` claim, and that are easily claimed: each is
 * run here.
 */
import { describe, expect, it } from "@effect/vitest"
import { Effect, Option } from "effect"
import { Cached, CacheLayer, CachePolicy, Transaction } from "effect-cached"
import { Lock, Weigher } from "effect-cached/adapters"
import { TestClock } from "effect/testing"
import { globSync, readFileSync } from "node:fs"
import { join, resolve } from "node:path"
import { policies } from "../../src/internal/eviction/policies.ts"
import { fakeStore, over, settle, start } from "../support/caches.ts"
import { testIn } from "../support/tests.ts"

const test = testIn(CacheLayer.memory())
const hour = { ttl: "1 hour" } as const

describe("cashews", () => {
  test(
    "CA-75 · half a second is half a second, 1,200 writes are 1,200, and a condition looks at the store",
    function*() {
      yield* Cached.set("there", 0)
      const answers = yield* Transaction.run(Effect.gen(function*() {
        yield* Cached.set("short", 1, { ttl: "500 millis" })
        yield* Cached.setMany(Array.from({ length: 1200 }, (_, i) => [`k${i}`, i] as const))
        return [yield* Cached.set("there", 1, { ifPresent: true }), yield* Cached.set("there", 2, { ifAbsent: true })]
      }))
      expect(answers).toEqual([true, false])
      expect(yield* Cached.size).toBe(1202)
      expect(yield* Cached.getOption("there")).toEqual(Option.some(1))
      yield* TestClock.adjust("500 millis")
      expect([yield* Cached.has("short"), yield* Cached.has("k1199")]).toEqual([false, true])
    }
  )

  testIn(CacheLayer.memory({ capacity: 3 }))(
    "CA-06 · an expired entry leaves a full memory before a live one, without a sweep",
    function*() {
      yield* Cached.set("live", 1, { ttl: "1 day" })
      yield* Effect.forEach(["a", "b"], (key) => Cached.set(key, key, hour))
      yield* TestClock.adjust("1 hour")
      yield* Effect.forEach(["c", "d"], (key) => Cached.set(key, key, hour))
      expect(yield* Effect.filter(["live", "a", "b", "c", "d"], Cached.has)).toEqual(["live", "c", "d"])
    }
  )
})

describe("aiocache", () => {
  test(
    "AI-02 · add answers whether it has added, a limit for the steps of one command",
    function*() {
      expect([yield* Cached.set("k", 1, { ifAbsent: true }), yield* Cached.set("k", 2, { ifAbsent: true })])
        .toEqual([true, false])
      const fake = fakeStore()
      fake.behave = () => ({ before: Effect.never })
      const reading = yield* start(
        Effect.result(CachePolicy.strict(Cached.getOption("k"))).pipe(
          CachePolicy.storeTimeout("100 millis"),
          Effect.provide(over(fake, { memory: false }))
        )
      )
      yield* TestClock.adjust("100 millis")
      yield* settle
      expect(reading.pollUnsafe()).toMatchObject({ _tag: "Success", value: { _tag: "Failure" } })
      yield* TestClock.adjust("1 minute")
    }
  )
})

describe("pages about other caches deny nothing that exists", () => {
  const root = resolve(import.meta.dirname, "../..")
  const pages = globSync(["docs/coming-from.md", "docs/coming-from/*.md", "docs/compare.md"], { cwd: root })
  const denials = {
    "CacheLayer.redis": [
      CacheLayer.redis,
      /no Redis|Redis (is|comes) (not|later)|between machines there is nothing|: one machine/i
    ],
    "a cluster with CacheLayer.redis": [
      CacheLayer.redis,
      /no (backplane|client-side caching|cluster)|backplane (is|comes) (not|later)/i
    ],
    "Weigher.bytes": [Weigher.bytes, /no (weights|sizes)\b|pluses:[^.]*\b(weights|sizes)\b/i],
    "the eviction wTinyLfu": [policies.wTinyLfu, /no (TinyLFU|W-TinyLFU)|pluses:[^.]*TinyLFU/i],
    "Transaction.run": [Transaction.run, /no transactions/i],
    "Cached.stream": [Cached.stream, /no streams/i],
    "Lock.make": [Lock.make, /no locks?\b(?! against)/i]
  } as const

  it.each(Object.entries(denials))("%s", (_, [exported, denial]) => {
    expect(exported).toBeDefined()
    const denying = pages.filter((page) => denial.test(readFileSync(join(root, page), "utf8")))
    expect(denying).toEqual([])
  })
})
