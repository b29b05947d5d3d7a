/** Takes reports of many changes apart: which ids that this process knows may have changed. */
import type { Change } from "../../../ports/store.ts"
import type { Flights } from "../state.ts"
import type { StoreTier } from "../storeTier/storeTier.ts"
import * as Log from "../telemetry/log.ts"

/** Yields changes one by one. After `ManyChanged`, also yields a change for each known id that may have changed. */
export function* apart(self: Flights, tier: StoreTier, changes: ReadonlyArray<Change>): Iterable<Change | undefined> {
  for (const change of changes) {
    if (change._tag === "Gap" && change.why !== undefined) {
      const { name } = tier.store
      Log.warnOnce(
        self,
        "changes lost",
        `Not all changes of the store "${name}" are known: memory is cleared (${change.why})`
      )
    }
    yield change
    if (change._tag !== "ManyChanged") continue
    Log.warnOnce(
      self,
      "changes waited",
      `The process was too busy to follow each change of the store "${tier.store.name}" ` +
        "in time: entries in memory that may have changed are read again"
    )
    yield* known(self, tier, change.mayBe)
  }
}

/** Yields a change for each id that this process knows and that may have changed, and `undefined` for the others. */
export function* known(self: Flights, tier: StoreTier, mayBe: (id: string) => boolean): Iterable<Change | undefined> {
  for (const { id } of self.flights.all()) yield mayBe(id) ? { _tag: "Changed", id } : undefined
  for (const { id, isOpen } of self.flights.stubs?.all() ?? []) {
    yield isOpen && mayBe(id) ? { _tag: "Changed", id } : undefined
  }
  for (const { id } of self.memory.entries.values()) yield mayBe(id) ? { _tag: "Changed", id } : undefined
  for (const id of tier.pending.ids.keys()) yield mayBe(id) ? { _tag: "Changed", id } : undefined
}
