/** Carries out `transact` over a synchronous storage, as one step. */
import { StoreError } from "../../../CacheError.ts"
import type { Transacted, TransactRequest, TransactStep } from "../../../ports/store.ts"
import * as Counters from "../counters.ts"
import * as Transact from "../transact.ts"
import * as Entries from "./entries.ts"
import { commit } from "./leases.ts"
import { clearingOf } from "./listing.ts"
import { isShared, type Sync } from "./sync.ts"

const positionOf = (self: Sync): string | undefined => {
  const { position } = self.storage
  return position === undefined ? isShared(self) ? undefined : String(self.moves) : position()
}

export const transact = (self: Sync, { checks, steps }: TransactRequest, now: number): Transacted => {
  const { counters, storage } = self
  const live = (counter: string) => Counters.live(counters, counter, now)
  const conflict = Transact.conflictOf(checks, {
    holds: ({ condition, id }) => Entries.accepts(self, id, condition, now),
    counter: live,
    position: () => positionOf(self)
  })
  if (conflict !== undefined) return conflict
  // Anything that can be refused is refused before the first step.
  const counted = Transact.counterChanges(storage.name, steps, live)
  if (counted instanceof StoreError) throw counted
  if (counted.clear && clearingOf(self) === undefined) {
    throw new StoreError({ store: storage.name, operation: "clear", reason: "Unsupported" })
  }
  const refused = carryOutAll(self, steps, now)
  if (counted.clear) counters.clear()
  for (const [counter, value] of counted.counters) {
    if (value === undefined) counters.remove(counter)
    else counters.set(counter, value, now)
  }
  return { _tag: "Committed", refused, position: positionOf(self) }
}

/** Carries out all steps. Returns the ids of `Commit`s whose generation has ended. */
const carryOutAll = (self: Sync, steps: ReadonlyArray<TransactStep>, now: number): ReadonlyArray<string> => {
  try {
    return steps.flatMap((step) => carryOut(self, step, now) ? [] : [(step as { readonly id: string }).id])
  } catch (thrown) {
    if (self.storage.atomic === undefined) undo(self, steps)
    throw thrown
  }
}

/** Carries out a step. Returns `false` if the step is a `Commit` whose generation has ended. */
const carryOut = (self: Sync, step: TransactStep, now: number): boolean => {
  switch (step._tag) {
    case "Set":
      Entries.setAll(self, [step], now)
      break
    case "Commit":
      return commit(self, step, now)
    case "Remove":
      Entries.drop(self, step.id)
      break
    case "Touch":
      Entries.touch(self, step.id, step.options, now)
      break
    case "InvalidateTags":
      self.moves++
      for (const { tag, version } of step.tags) self.tags.invalidate([tag], () => version, step.mode, now)
      break
    case "Clear":
      clearingOf(self)!()
  }
  return true
}

/** If a step fails without `atomic`, removes the entries of all steps, so that no reader sees half of the steps. */
const undo = (self: Sync, steps: ReadonlyArray<TransactStep>): void => {
  for (const id of Transact.idsOf(steps)) {
    try {
      Entries.drop(self, id)
    } catch {
    }
  }
}
