/** Implements the store's operations on counters, as transactions. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Counters from "../../internal/store/counters.ts"
import type { SyncCounters } from "../../ports/storage.ts"
import type { Store } from "../../ports/store.ts"
import { type IndexedDb, listing, reading, storeName, writing } from "./operations.ts"

export const get = (self: IndexedDb): Store["counter"] => (name) =>
  Effect.flatMap(Clock.currentTimeMillis, (now) =>
    reading(self, "counter", ["counters"], async (transaction) => {
      const counter = await transaction.objectStore("counters").get(name)
      return counter !== undefined && counter.expiresAt > now ? counter : undefined
    }))

export const increment = (self: IndexedDb): Store["increment"] => (name, by, { expiresAt } = {}) =>
  updating(
    self,
    "increment",
    name,
    (counters, now) => Counters.increment(counters, { store: storeName, name, by, now, expiresAt })
  )

export const touch = (self: IndexedDb): Store["touchCounter"] => (name, expiresAt) =>
  updating(self, "touchCounter", name, (counters, now) => Counters.touch(counters, name, { expiresAt, now }))

export const remove = (self: IndexedDb): Store["removeCounter"] => (name) =>
  updating(self, "removeCounter", name, (counters, now) => Counters.remove(counters, name, now))

export const scan = (self: IndexedDb): Store["scanCounters"] =>
  listing(self, { operation: "scanCounters", table: "counters", toItem: (name, counter) => ({ name, ...counter }) })

const updating = <A>(
  self: IndexedDb,
  operation: string,
  name: string,
  step: (counters: SyncCounters, now: number) => A
) =>
  writing(self, operation, ["counters"], async (transaction, now) => {
    const records = transaction.objectStore("counters")
    const before = await records.get(name)
    const [answer, after] = Counters.onOne(before, (counters) => step(counters, now))
    if (after === undefined) await records.delete(name)
    else if (after !== before) await records.put(after, name)
    return answer
  })
