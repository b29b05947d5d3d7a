/** Tiers in the middle: machines whose processes share copies of what the common store holds, and which go wrong. */
import { Effect, Layer } from "effect"
import { CacheError } from "effect-cached"
import { Store } from "effect-cached/adapters"
import { MemoryStore } from "effect-cached/memory"
import { mapOperations } from "../../src/internal/store/tapped.ts"
import * as Tiered from "../../src/layers/tieredStore.ts"
import { singly } from "../../src/testing/internal/singly.ts"
import type { Extras } from "./features.ts"
import type { Fleet } from "./fleetRules.ts"

interface At {
  readonly process: number
  readonly layer: number
}

type Operation = Effect.Effect<unknown, CacheError.StoreError>

/** The store of a process: that of all, behind those of its machine. */
export const tiersOf = (self: Fleet, extras: Extras) => {
  const { clocks, faults, maxStaleness, setBacks, storeTimeout } = self.config
  const dice = extras.diceOf("tiers")
  const machines = new Map<string, Store.Store>()
  const [count, isShared] = [1 + dice.below(2), dice.chance(0.7)]
  const ofMachine = (process: number, tier: number): Store.Store => {
    // The processes of a machine have one clock.
    const isAlone = clocks[process] !== 0 || setBacks.some((one) => one.process === process)
    const machine = isShared && !isAlone ? `machine ${process % 2}` : `process ${process}`
    const name = `${machine}, tier ${tier}`
    const store = machines.get(name) ?? MemoryStore.make()
    machines.set(name, store)
    return store
  }
  const happens = (chance: number) => chance > 0 && !self.healthy && dice.chance(chance)
  const faulty = (store: Store.Store, { process, tier }: { readonly process: number; readonly tier: number }) => {
    const ids = new Set<string>()
    const carryOut = (name: string, what: unknown, operation: () => Operation): Operation => {
      for (const one of Array.isArray(what) ? what : [what]) if (typeof one === "string") ids.add(one)
      if (ids.size > 0 && happens(faults)) {
        self.say(() => `[${process}] tier ${tier} forgets`)
        return Effect.andThen(Effect.ignore(singly(store).remove(dice.pick(Array.from(ids)))), operation())
      }
      const delay = self.healthy ? Effect.void : Effect.sleep(dice.below(6))
      const done = Effect.andThen(delay, operation())
      if (happens(faults)) {
        const [applied, hangs] = [dice.chance(0.5), dice.chance(0.5)]
        self.say(() => `[${process}] tier ${tier}: ${name} ${hangs ? "hangs" : "fails"}${applied ? " when done" : ""}`)
        const failed = hangs
          ? Effect.never
          : Effect.fail(new CacheError.StoreError({ store: "tier", operation: name, reason: "Unavailable" }))
        return Effect.andThen(applied ? done : delay, failed)
      }
      return Effect.tap(done, (answer) => {
        self.say(() => `[${process}] tier ${tier}: ${name} ${String(what)} -> ${JSON.stringify(answer)?.slice(0, 150)}`)
        return delay
      })
    }
    return mapOperations(store, (name, [what], operation) => Effect.suspend(() => carryOut(name, what, operation)))
  }
  return (last: Store.Store, { layer, process }: At): Layer.Layer<Store.Store> => {
    if (!extras.features.has("tiers")) return Layer.succeed(Store.Store, last)
    const middles = Array.from({ length: count }, (_, tier) => ({
      store: faulty(ofMachine(process, tier), { process, tier }),
      ttlMillis: dice.pick([100, Infinity]),
      timeoutMillis: storeTimeout / 5,
      maxStalenessMillis: maxStaleness / 2
    }))
    const made = Tiered.make({ middles, last, storeTimeoutMillis: storeTimeout })
    return Layer.effect(
      Store.Store,
      Effect.map(made, (store) => ({
        ...store,
        changesUnsafe: store.changesUnsafe && (() => {
          const changes = store.changesUnsafe!()
          if (layer === 0) self.heard[process] = self.polled[process]!
          return changes
        })
      }))
    )
  }
}
