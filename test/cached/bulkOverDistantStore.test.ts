/** Bulk calls with so many leases over a distant store that renewing one wave after the other takes too long. */
import { describe, expect, it } from "@effect/vitest"
import { Clock, Effect, Exit, Fiber, Layer, Schema } from "effect"
import { Cached, CacheKey } from "effect-cached"
import { Store } from "effect-cached/adapters"
import { MemoryStore } from "effect-cached/memory"
import { TestClock } from "effect/testing"
import { over, settle, start } from "../support/caches.ts"

class Row extends CacheKey.Class<Row>()("Row", { payload: { n: Schema.Int }, success: Schema.Int }) {}

const rows = Cached.many(
  Row,
  (keys) => Effect.delay(Effect.succeed(keys.map(({ n }) => Exit.succeed(n))), "15 seconds"),
  { ttl: "1 day" }
)

/** Counts the leases that ended before they were renewed, over a store that takes its time. */
const renewals = Effect.fnUntraced(
  function*(count: number, takes: (count: number) => Effect.Effect<void>) {
    const inner = MemoryStore.make()
    const until = new Map<string, number>()
    const seen = { ended: 0, renewed: 0, longestMillis: 0 }
    const grant = (ids: Iterable<string>, leaseMillis: number) =>
      Effect.map(Clock.currentTimeMillis, (now) => {
        seen.longestMillis = Math.max(seen.longestMillis, leaseMillis)
        for (const id of ids) until.set(id, now + leaseMillis)
      })
    const store: Store.Store = {
      ...inner,
      capabilities: { ...inner.capabilities, shared: true, changes: false },
      getUnsafe: undefined,
      acquireMany: (requests) =>
        grant(requests.map(({ id }) => id), requests[0]!.leaseMillis).pipe(
          Effect.andThen(takes(requests.length)),
          Effect.andThen(inner.acquireMany(requests))
        ),
      renewMany: (ids, owner, leaseMillis) =>
        Effect.gen(function*() {
          yield* takes(ids.length)
          const now = yield* Clock.currentTimeMillis
          for (const id of ids) {
            seen.renewed++
            if (until.get(id)! < now) seen.ended++
          }
          yield* grant(ids, leaseMillis)
          return yield* inner.renewMany(ids, owner, leaseMillis)
        })
    }
    yield* Effect.gen(function*() {
      const reading = yield* start(rows(Array.from({ length: count }, (_, n) => ({ n }))))
      yield* settle
      for (let i = 0; i < 1500 && reading.pollUnsafe() === undefined; i++) {
        yield* Effect.andThen(TestClock.adjust(20), settle)
      }
      expect(yield* Fiber.join(reading)).toHaveLength(count)
    }).pipe(
      Effect.provide(
        over({ layer: Layer.succeed(Store.Store, store) }, { memory: false, lease: 2000, storeTimeout: "1 minute" })
      )
    )
    return seen
  }
)

describe("P1 · all leases of a huge bulk call are renewed before they end", () => {
  it.effect("by several requests at once, if the store is only far away", () =>
    Effect.gen(function*() {
      const { ended, longestMillis } = yield* renewals(30_000, () => Effect.sleep(40))
      expect(ended).toBe(0)
      expect(longestMillis).toBeLessThan(5000)
    }), 60_000)
})
