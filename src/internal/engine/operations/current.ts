/** The entry that an update changes, and the condition under which the update may replace it. */
import * as Effect from "effect/Effect"
import { StoreError } from "../../../CacheError.ts"
import type { SetCondition } from "../../../ports/store.ts"
import { idOf, type Key, tagsOf } from "../../key/ofKey.ts"
import type { Engine } from "../engine.ts"
import { Entry } from "../memory/entry.ts"
import * as Policy from "../request/callPolicy.ts"
import { budgetOf } from "../storeTier/ask.ts"
import { isFault } from "../storeTier/faults.ts"
import { fetch } from "../storeTier/fetch.ts"
import * as Pending from "../storeTier/pendingInvalidations.ts"
import { type Fault, type Fetched, Rejected, type StoreTier } from "../storeTier/storeTier.ts"
import { storedMany } from "./lookup.ts"

export interface Current<E> {
  readonly entry: E | undefined
  readonly condition: SetCondition
}

const ifAbsent: SetCondition = { _tag: "IfAbsent" }

export const currentOf = <E extends Entry>(entry: E | undefined): Current<E> => ({
  entry,
  condition: entry === undefined ? ifAbsent : { _tag: "IfUnchanged", writeId: entry.writeId! }
})

/** Reads even if the policy forbids it. Only the first try uses memory: if outdated, the store refuses the write. */
export const current = (self: Engine, key: Key, tries: number): Effect.Effect<Current<Entry>, StoreError, any> => {
  const { storeTier: tier } = self
  const found = tier === undefined || tries === 0
    ? Effect.map(storedMany(self, [key], refused(self)), ([entry]) => {
      if (entry !== undefined) entry.writeId ??= self.tokens.next(16)
      return currentOf(entry)
    })
    : Effect.map(inStore(self, tier, key), (found) => {
      if (found instanceof Entry) return currentOf(found)
      // To the store, a rejected entry is absent if it has expired, and present if it is undecodable. Tries alternate.
      return found instanceof Rejected && !found.isInvalid && tries % 2 === 1
        ? { entry: undefined, condition: { _tag: "IfUnchanged", writeId: found.writeId } } as const
        : currentOf(undefined)
    })
  return Effect.updateService(found, Policy.Current, Policy.readingAll)
}

const inStore = Effect.fnUntraced(function*(
  self: Engine,
  tier: StoreTier,
  key: Key
): Effect.fn.Return<Fetched, StoreError, any> {
  const id = idOf(key)
  const budget = budgetOf(tier, yield* Policy.Current)
  const found = yield* fetch(tier, budget, { key, id, tags: tagsOf(key), isGone: Pending.isGone })
  return isFault(found) ? yield* refused(self)(found) : found
})

/** Fails the caller with a fault of the store, because only the store knows the current entry. */
const refused = (self: Engine) => (fault: Fault): Effect.Effect<never, StoreError> =>
  Effect.fail(
    fault instanceof StoreError
      ? fault
      : new StoreError({ store: self.storeTier!.store.name, operation: "get", reason: "Unavailable", cause: fault })
  )
