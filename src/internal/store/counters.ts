/** Counters: integers that are read, changed and written in one step. The functions work on any table of counters. */
import type * as Effect from "effect/Effect"
import { StoreError } from "../../CacheError.ts"
import type { SyncCounters } from "../../ports/storage.ts"
import type { Counter, Store } from "../../ports/store.ts"
import type { WallTime } from "../time/wallTime.ts"

export interface Counters extends SyncCounters {
  readonly size: () => number
  readonly scan: NonNullable<SyncCounters["scan"]>
}

const sweepFloor = 1024

/** A table in memory. If `time` has noticed that the wall clock was set back, counters expire as if it had not been. */
export const make = (time: Pick<WallTime, "setBackMillis"> = { setBackMillis: 0 }): Counters => {
  const counters = new Map<string, Counter>()
  let sweepAt = sweepFloor

  // Removes expired counters. Runs when the table has doubled: amortized O(1) per counter.
  const sweep = (now: number) => {
    for (const [name, { expiresAt }] of counters) if (expiresAt <= now + time.setBackMillis) counters.delete(name)
    sweepAt = Math.max(sweepFloor, counters.size * 2)
  }

  return {
    get(name) {
      const counter = counters.get(name)
      return counter && moved(counter, -time.setBackMillis)
    },
    set(name, counter, now) {
      if (counters.size >= sweepAt) sweep(now)
      counters.set(name, moved(counter, time.setBackMillis))
    },
    remove: (name) => counters.delete(name),
    clear: () => counters.clear(),
    size: () => counters.size,
    *scan(prefix) {
      for (const [name, counter] of counters) {
        if (name.startsWith(prefix)) yield { name, ...moved(counter, -time.setBackMillis) }
      }
    }
  }
}

const moved = ({ expiresAt, value }: Counter, millis: number): Counter => ({ value, expiresAt: expiresAt + millis })

export const live = (self: SyncCounters, name: string, now: number): Counter | undefined => {
  const counter = self.get(name)
  return counter !== undefined && counter.expiresAt > now ? counter : undefined
}

/** Runs a step of a table on one counter, which a storage keeps by itself. Returns the counter after the step, too. */
export const onOne = <A>(
  before: Counter | undefined,
  step: (table: SyncCounters) => A
): readonly [answer: A, after: Counter | undefined] => {
  let after = before
  const answer = step({
    get: () => after,
    set: (_, counter) => void (after = counter),
    remove: () => {
      after = undefined
      return before !== undefined
    },
    clear: () => void (after = undefined)
  })
  return [answer, after]
}

interface Addition {
  readonly store: string
  readonly name: string
  readonly by: number
  readonly now: number
  /** The expiry of the counter. Used only if the addition creates the counter. */
  readonly expiresAt: number | undefined
}

/** Adds to a counter. Throws a `StoreError` if the sum is not a safe integer. Adding 0 creates no counter. */
export const increment = (self: SyncCounters, { by, expiresAt = Infinity, name, now, store }: Addition): number => {
  const counter = live(self, name, now)
  const value = (counter?.value ?? 0) + by
  if (!Number.isSafeInteger(value)) throw new StoreError({ store, operation: "increment", reason: "OutOfRange" })
  if (by !== 0) self.set(name, { value, expiresAt: counter?.expiresAt ?? expiresAt }, now)
  return value
}

export const touch = (
  self: SyncCounters,
  name: string,
  { expiresAt, now }: { readonly expiresAt: number; readonly now: number }
): boolean => {
  const counter = live(self, name, now)
  if (counter !== undefined) self.set(name, { value: counter.value, expiresAt }, now)
  return counter !== undefined
}

export const remove = (self: SyncCounters, name: string, now: number): boolean => {
  const isLive = live(self, name, now) !== undefined
  return self.remove(name) && isLive
}

/** Runs a step on the table that has a counter. */
type Run = <A>(
  operation: string,
  name: string,
  step: (table: SyncCounters, now: number) => A
) => Effect.Effect<A, StoreError>

/** The operations of a store on single counters. */
export const operations = (
  store: string,
  run: Run
): Pick<Store, "increment" | "counter" | "touchCounter" | "removeCounter"> => ({
  increment: (name, by, options) =>
    run(
      "increment",
      name,
      (table, now) => increment(table, { store, name, by, now, expiresAt: options?.expiresAt })
    ),
  counter: (name) => run("counter", name, (table, now) => live(table, name, now)),
  touchCounter: (name, expiresAt) => run("touchCounter", name, (table, now) => touch(table, name, { expiresAt, now })),
  removeCounter: (name) => run("removeCounter", name, (table, now) => remove(table, name, now))
})
