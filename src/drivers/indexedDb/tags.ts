/** Implements the store's operations on tags, as transactions. */
import * as Effect from "effect/Effect"
import { newVersion } from "../../internal/store/markers/markers.ts"
import type { Change, Store } from "../../ports/store.ts"
import { type IndexedDb, telling, writing } from "./operations.ts"
import * as Markers from "./tables/markers.ts"

const changesOf = (tags: ReadonlyArray<string>): ReadonlyArray<Change> =>
  tags.map((tag) => ({ _tag: "TagChanged", tag }))

export const markers = (self: IndexedDb): Store["markers"] => (tags) => {
  const write = writing(
    self,
    "markers",
    ["markers", "numbers"],
    (transaction) => Markers.getOrMake(transaction, tags, () => newVersion(self.tokens))
  )
  const told = telling(self, [], write, ({ dropped }) => changesOf(dropped))
  return Effect.map(told, ({ markers, seq }) => ({ markers, seq }))
}

export const invalidate = (self: IndexedDb): Store["invalidateTags"] => (tags, mode) => {
  const write = writing(
    self,
    "invalidateTags",
    ["markers", "numbers"],
    (transaction) => Markers.invalidate(transaction, tags, mode, () => newVersion(self.tokens))
  )
  return Effect.asVoid(telling(self, changesOf(tags), write, (dropped) => changesOf([...tags, ...dropped])))
}
