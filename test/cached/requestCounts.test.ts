/** How many requests reads send to a store that several processes share, near or far. */
import { describe, expect, it } from "@effect/vitest"
import { Effect, Exit, Layer, Schema, Stream } from "effect"
import { Cached, CacheKey, CacheLayer, Store, Strategy } from "effect-cached"
import { MemoryStore } from "effect-cached/memory"
import { mapOperations } from "../../src/internal/store/tapped.ts"
import { process } from "../support/bulkCalls.ts"
import { settle } from "../support/caches.ts"

class Item extends CacheKey.Class<Item>()("Item", { payload: { n: Schema.Int }, success: Schema.String }) {}

const hour = Strategy.ttl({ ttl: "1 hour" })
const payloads = (count: number) => Array.from({ length: count }, (_, n) => ({ n }))
const itemsOf = (gate: Effect.Effect<unknown> = Effect.void) =>
  Cached.many(Item, {
    lookup: (keys) => Effect.as(gate, keys.map(({ n }) => Exit.succeed(`${n}`))),
    strategy: hour
  })

/** A shared store in memory that counts its requests by their operations. */
const counting = (parts: Partial<Store.Store> = {}) => {
  const asked: Record<string, number> = {}
  const base: Store.Store = {
    ...MemoryStore.make(),
    capabilities: { shared: true, changes: true, dependencies: true },
    changes: Stream.concat(Stream.make({ _tag: "Coherent" }), Stream.never),
    changesUnsafe: undefined,
    ...parts
  }
  const store = mapOperations(base, (operation, _, run) =>
    Effect.suspend(() => {
      asked[operation] = (asked[operation] ?? 0) + 1
      return Effect.andThen(Effect.yieldNow, run())
    }))
  /** The counts since the last call. */
  const take = (): Record<string, number> => {
    const counts = { ...asked }
    for (const operation of Object.keys(asked)) delete asked[operation]
    return counts
  }
  const layer = CacheLayer.layerWith().pipe(Layer.provide(Layer.succeed(Store.Store, store)))
  return { base, layer, take }
}

const distances = [
  ["near", {}],
  ["far", { distanceMillis: () => 50 }]
] as const

describe.each(distances)("over a store that is %s", (_, parts) => {
  it.effect("a bulk call reads the markers of its class once, and nothing else for answers that do not come", () =>
    Effect.gen(function*() {
      const { layer, take } = counting(parts)
      const here = yield* process(layer)
      expect((yield* here(itemsOf()(payloads(1000)))).every(Exit.isSuccess)).toBe(true)
      yield* settle
      expect(take()).toEqual({ getMany: 4, markers: 1, acquireMany: 4, commitMany: 4 })
    }).pipe(Effect.scoped))
})
