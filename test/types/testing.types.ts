/**
 * Types that the compiler must infer from the helpers for tests and the bridge to Reactivity; checked by `tsc`, not
 * run.
 */
import { Context, Effect, type Exit, Layer, type Scope } from "effect"
import { type CacheError, CacheLayer, type Caching } from "effect-cached"
import { type Lock, type Serializer, Store } from "effect-cached/adapters"
import * as CacheReactivity from "effect-cached/CacheReactivity"
import * as Testing from "effect-cached/testing"
import type { Reactivity } from "effect/reactivity"
import { is, same } from "./same.ts"

class Client extends Context.Service<Client, { readonly url: string }>()("Client") {}
declare const store: Store.Store
declare const lock: Lock.Lock
declare const serializer: Serializer.Serializer
declare const opened: Effect.Effect<Store.Store, CacheError.StoreError, Scope.Scope>
declare const overClient: Layer.Layer<Caching.Caching, "down", Client>

// A cache that records.
const recording = Testing.RecordingCache.layer(CacheLayer.memory())
type Recording = Testing.RecordingCache
same<typeof recording, Layer.Layer<Caching.Caching | Recording>>(true)
is<Layer.Layer<Caching.Caching | Recording, "down", Client>>()(Testing.RecordingCache.layer(overClient))
const reads = Effect.flatMap(Testing.RecordingCache, ({ reads }) => reads("k"))
same<
  typeof reads,
  Effect.Effect<ReadonlyArray<"hit" | "load" | "joined" | "stale" | "fallback" | "miss">, never, Recording>
>(true)
// @ts-expect-error a store is no cache
Testing.RecordingCache.layer(Layer.effect(Store.Store, opened))

// A store that goes wrong.
const chaos = Testing.ChaosStore.make(store, { seed: 1, failRate: 0.5, delay: ["1 milli", "1 second"], silent: false })
same<typeof chaos, Testing.ChaosStore.ChaosStore>(true)
is<Effect.Effect<void>>()(chaos.set({ late: "1 minute", lateRate: 1, dropRate: 0.1 }))
same<typeof chaos.counts, Effect.Effect<Testing.ChaosStore.Counts>>(true)
// @ts-expect-error no seed
Testing.ChaosStore.make(store, { failRate: 0.5 })
// @ts-expect-error an unknown fault
chaos.set({ slow: true })

// A scheduler with a seed.
const outcome = Testing.SeededScheduler.make({ seed: 1, yieldChance: 0.5, maxTasks: 10 }).run(Effect.fail("down"))
same<typeof outcome, Testing.SeededScheduler.Outcome<never, string>>(true)
same<typeof outcome.exit, Exit.Exit<never, string> | undefined>(true)
const scheduler = Testing.SeededScheduler.make({ seed: 1 })
same<typeof scheduler.context, Context.Context<never>>(true)
// @ts-expect-error services: it runs what has all it needs
Testing.SeededScheduler.make({ seed: 1 }).run(Client)
// @ts-expect-error no seed
Testing.SeededScheduler.make({})

// Laws
type Laws = ReadonlyArray<Testing.Law>
const laws = [
  Testing.storeLaws(opened),
  Testing.sharedStoreLaws(Effect.zip(opened, opened)),
  Testing.lockLaws(Effect.succeed([lock, lock] as const)),
  Testing.serializerLaws(serializer, [1, "a"]),
  Testing.serializerLaws(serializer)
] as const
same<(typeof laws)[number], Laws>(true)
same<Testing.Law["run"], Effect.Effect<void, unknown>>(true)
// @ts-expect-error one lock is not two
Testing.lockLaws(Effect.succeed(lock))
// @ts-expect-error a store, not what makes one
Testing.storeLaws(store)
// @ts-expect-error services: laws run by themselves
Testing.storeLaws(Effect.as(Client, store))

// The bridge.
is<Layer.Layer<Caching.Caching | Reactivity.Reactivity>>()(CacheReactivity.layer(CacheLayer.memory()))
is<Layer.Layer<Caching.Caching | Reactivity.Reactivity, "down", Client>>()(CacheReactivity.layer(overClient))
// @ts-expect-error no cache
CacheReactivity.layer(Layer.succeed(Client, { url: "" }))
