/** Encodes a transaction: one group of the script that writes. */
import * as Effect from "effect/Effect"
import * as Conditions from "../../../../internal/store/conditions.ts"
import * as Transact from "../../../../internal/store/transact.ts"
import * as Turns from "../../../../internal/time/turns.ts"
import type { Counter, TransactStep } from "../../../../ports/store.ts"
import { markerOf, type Named } from "../../protocol/keys.ts"
import type { Present } from "../reads.ts"
import type { StoreState } from "../state.ts"
import { tagsOf } from "../writing/conditions.ts"
import * as Program from "../writing/program.ts"

export interface Facts {
  readonly entries: ReadonlyMap<string, Present>
  readonly counters: ReadonlyMap<string, Counter | undefined>
  readonly now: number
  /** Whether a tag's marker is in the transaction's slot, so that the script can compare it. */
  readonly reaches: (tag: string) => boolean
}

/** Returns the program of a transaction, and the ids of its commits by the numbers of their steps. */
export const programOf = Effect.fnUntraced(function*(
  self: StoreState,
  steps: ReadonlyArray<TransactStep>,
  facts: Facts
): Effect.fn.Return<readonly [Program.Program, ReadonlyMap<number, string>]> {
  const { bytes } = Transact.sizeOf(steps)
  const program = Program.make(self, bytes, steps.length)
  const committed = new Map<number, string>()
  const end = Program.beginGroup(program)
  let checked = 0
  let added = 0
  const check = (kind: "h" | "t" | "n", key: Named, expected: Program.Arg) => {
    checked++
    Program.check(program, kind, key, expected)
  }
  yield* Turns.forEach(facts.entries, ([id, { head, versions }]) => {
    check("h", ["v", id], head)
    for (const [tag, version = ""] of versions) {
      if (facts.reaches(tag)) check("t", markerOf(tag), Buffer.from(version.slice(0, 12), "hex"))
    }
  })
  yield* Turns.forEach(facts.counters, ([name, counter]) => {
    check("n", ["n", name], counter === undefined ? "" : String(counter.value))
  })
  yield* Turns.forEach(steps, (step) => {
    if (step._tag === "Commit") committed.set(added, step.id)
    added += addStep(program, facts, step)
  })
  end(checked, added)
  return [program, committed]
})

/** Returns how many steps of the script a step of a transaction becomes. */
const addStep = (program: Program.Program, facts: Facts, step: TransactStep): number => {
  switch (step._tag) {
    case "Set":
      Program.set(program, step)
      break
    case "Commit":
      Program.commit(program, step)
      break
    case "Remove":
      Program.remove(program, step.id)
      break
    case "Touch": {
      const found = facts.entries.get(step.id)!
      const entry = Conditions.touched(found.entry, step.options, facts.now, tagsOf(found))
      if (entry === undefined) return 0
      Program.touch(program, step.id, entry)
      break
    }
    case "InvalidateTags":
      for (const tag of step.tags) Program.invalidate(program, { ...tag, mode: step.mode })
      return step.tags.length
    case "Increment":
      Program.increment(program, step.name, step.by, step.expiresAt ?? Infinity)
      break
    case "TouchCounter":
      Program.touchCounter(program, step.name, step.expiresAt)
      break
    case "RemoveCounter":
      Program.removeCounter(program, step.name)
  }
  return 1
}
