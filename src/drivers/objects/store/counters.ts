/** Counters: an object for each name. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { StoreError } from "../../../CacheError.ts"
import * as Counters from "../../../internal/store/counters.ts"
import type { StorageCounters, SyncCounters } from "../../../ports/storage.ts"
import type { NamedCounter } from "../../../ports/store.ts"
import { serverNow } from "../bucket/client.ts"
import { refusal, storeName } from "../bucket/fault.ts"
import { listed } from "./entries.ts"
import { changeInLine, type Next, type Objects, read, type Seen } from "./objects.ts"
import { none } from "./record.ts"

const keyOf = (name: string) => ({ kind: "c", id: name }) as const

/** Runs a step of a table of counters on the one counter of an object. */
const withCounter = <A>({ body }: Seen, step: (table: SyncCounters) => A): Next<A> => {
  const before = body?.head.counter
  const [answer, counter] = Counters.onOne(before, step)
  return counter === before ? { answer } : { answer, write: { head: { counter }, frame: none } }
}

export const countersOf = (self: Objects): StorageCounters => ({
  ...Counters.operations(
    storeName,
    (operation, name, step) =>
      changeInLine(self, { operation, ...keyOf(name) }, (seen, isRepeated) =>
        isRepeated && operation === "increment"
          ? refusal(operation, "Unavailable", "it may have been carried out, and its answer was lost")
          : Effect.flatMap(Clock.currentTimeMillis, (local) =>
            Effect.try({
              try: () => withCounter(seen, (table) => step(table, serverNow(self.bucket, local))),
              catch: (error) => error as StoreError
            })))
  ),
  counter: (name) =>
    Effect.flatMap(read(self, "counter", "c", name), (seen) =>
      Effect.map(Clock.currentTimeMillis, (local) => {
        const counter = seen.body?.head.counter
        return counter !== undefined && counter.expiresAt > serverNow(self.bucket, local) ? counter : undefined
      })),
  scanCounters: ({ prefix = "" } = {}) =>
    listed(self, "scanCounters", "c", prefix).pipe(
      Stream.map(({ head: { counter, id } }): NamedCounter | undefined => counter && { name: id, ...counter }),
      Stream.filter((one) => one !== undefined)
    )
})
