/** The states of a store that a soak goes through. */
import { Effect } from "effect"
import { CacheError } from "effect-cached"
import type { Store } from "effect-cached/adapters"
import { MemoryStore } from "effect-cached/memory"
import { ChaosStore } from "effect-cached/testing"
import { dice } from "../../../src/testing/internal/dice.ts"

type Port = Store.Store

/** Possible answers of an adapter that breaks every promise of its types. */
const nonsense: ReadonlyArray<unknown> = [
  undefined,
  null,
  42,
  "",
  true,
  false,
  [],
  {},
  { _tag: "Hit" },
  { _tag: "Wait" },
  { _tag: "Wait", leftMillis: 10 },
  { _tag: "Granted" },
  { _tag: "Granted", generation: "" },
  { _tag: "Else" },
  { entry: undefined, versions: [] },
  { seq: 0, markers: [] }
]

/** Answers one operation of ten with nonsense, whatever was asked. */
const lying = (store: Port): Port => {
  const random = dice(1)
  const lie = <A>(truth: Effect.Effect<A, any>): Effect.Effect<A, any> =>
    Effect.suspend(() =>
      random.nextDoubleUnsafe() >= 0.1
        ? truth
        : Effect.succeed(nonsense[Math.floor(random.nextDoubleUnsafe() * nonsense.length)] as A)
    )
  const ofFunction =
    (run: (...args: ReadonlyArray<any>) => Effect.Effect<unknown, any>) => (...args: ReadonlyArray<any>) =>
      lie(run(...args))
  const lies: Record<string, unknown> = { ...store, getUnsafe: undefined }
  for (const [name, member] of Object.entries(store)) {
    if (typeof member === "function" && !["getUnsafe", "changesUnsafe", "scan"].includes(name)) {
      lies[name] = ofFunction(member as never)
    }
  }
  return lies as never
}

/** Takes nothing that would need room. */
const full = (store: Port): Port => {
  const refuse = (operation: string) => () =>
    Effect.fail(new CacheError.StoreError({ store: "full", operation, reason: "Full" }))
  return {
    ...store,
    set: refuse("set"),
    commit: refuse("commit"),
    increment: refuse("increment")
  }
}

/** Each makes a store of its own; `memory` has none. */
export const states: { readonly [state: string]: () => Port | undefined } = {
  memory: () => undefined,
  healthy: () => MemoryStore.make(),
  slow: () => ChaosStore.make(MemoryStore.make(), { seed: 1, delay: ["1 millis", "40 millis"], lateRate: 0.01 }).store,
  down: () => ChaosStore.make(MemoryStore.make(), { seed: 1, failRate: 1 }).store,
  silent: () => ChaosStore.make(MemoryStore.make(), { seed: 1, silent: true }).store,
  lying: () => lying(MemoryStore.make()),
  full: () => full(MemoryStore.make())
}
