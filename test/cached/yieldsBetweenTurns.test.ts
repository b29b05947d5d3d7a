/** Limits of what begins in one turn of the event loop: whoever has to wait for a later turn gets one. */
import { expect, it } from "@effect/vitest"
import { Effect, Exit, Layer, Logger } from "effect"
import { Cached, CacheLayer, Transaction } from "effect-cached"
import { Store } from "effect-cached/adapters"
import { MemoryStore } from "effect-cached/memory"
import { SeededScheduler } from "effect-cached/testing"
import { withShortTurns } from "../simulation/shortTurns.ts"
import { pluralOf } from "../support/pluralOf.ts"

const hanging = Store.complete({
  ...MemoryStore.make(),
  name: "hanging",
  getUnsafe: undefined,
  get: () => Effect.never,
  acquire: pluralOf.acquire(() => Effect.never)
})

const overStore = (store: Store.Store) => Layer.provide(CacheLayer.layer(), Layer.succeed(Store.Store, store))

const read = (i: number) => Effect.succeed(i).pipe(Cached.ttl(`k${i}`, { ttl: "1 hour" }))

it.each([
  { name: "a read of a store", one: read, layer: overStore(MemoryStore.make()) },
  { name: "the timeout of a store", one: read, layer: overStore(hanging) },
  { name: "a transaction", one: (i: number) => Transaction.run(Effect.as(read(i), i)), layer: CacheLayer.memory() }
])("$name that yields just when the next turn begins does not wait for ever", ({ layer, one }) => {
  const ids = Array.from({ length: 300 }, (_, i) => i)
  const all = Effect.forEach(ids, one, { concurrency: "unbounded" }).pipe(
    Effect.provide(Layer.fresh(layer)),
    Effect.provide(Logger.layer([]))
  )
  for (const seed of [1, 2, 3, 4, 5]) {
    const { exit } = SeededScheduler.make({ seed, yieldChance: 0.3 }).run(all)
    expect(exit).toEqual(Exit.succeed(ids))
  }
})

it("an operation that blocks the thread, and yields just when its turn ends, does not wait for ever", () => {
  const both = Effect.all([Cached.invalidate("a"), Cached.invalidate("b")], { concurrency: 2, discard: true })
  const layer = overStore(MemoryStore.make())
  for (let seed = 1; seed <= 50; seed++) {
    const run = () => SeededScheduler.make({ seed, yieldChance: 0.3 }).run(Effect.provide(both, Layer.fresh(layer)))
    expect(withShortTurns(true, run).exit).toEqual(Exit.void)
  }
})
