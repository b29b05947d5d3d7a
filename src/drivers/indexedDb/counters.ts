/** Implements the store's operations on counters, as transactions. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Counters from "../../internal/store/counters.ts"
import type { Store } from "../../ports/store.ts"
import { type IndexedDb, listing, reading, storeName, writing } from "./operations.ts"

export const operations = (self: IndexedDb) => ({
  ...Counters.operations(
    storeName,
    (operation, name, step) =>
      writing(self, operation, ["counters"], async (transaction, now) => {
        const records = transaction.objectStore("counters")
        const before = await records.get(name)
        const [answer, after] = Counters.onOne(before, (counters) => step(counters, now))
        if (after === undefined) await records.delete(name)
        else if (after !== before) await records.put(after, name)
        return answer
      })
  ),
  counter: (name: string) =>
    Effect.flatMap(Clock.currentTimeMillis, (now) =>
      reading(self, "counter", ["counters"], async (transaction) => {
        const counter = await transaction.objectStore("counters").get(name)
        return counter !== undefined && counter.expiresAt > now ? counter : undefined
      }))
})

export const scan = (self: IndexedDb): Store["scanCounters"] =>
  listing(self, { operation: "scanCounters", table: "counters", toItem: (name, counter) => ({ name, ...counter }) })
