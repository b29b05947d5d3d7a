/** Encodes a transaction for its script. A check has a letter, a key and a value; a step has three values instead. */
import * as Effect from "effect/Effect"
import * as Conditions from "../../../../internal/store/conditions.ts"
import * as Turns from "../../../../internal/time/turns.ts"
import type { Counter, TransactStep } from "../../../../ports/store.ts"
import type { Told } from "../../../shared/recentChanges.ts"
import { keysOfWrite, leaseKeys, markerOf, type Named } from "../../protocol/keys.ts"
import { tagsOf } from "../conditions.ts"
import type { Present } from "../reads.ts"
import { momentOf, type StoreState } from "../state.ts"
import { beginWrite } from "../writes.ts"

type Arg = string | Buffer

export interface Program {
  readonly keys: Array<Named>
  readonly checks: Array<Arg>
  readonly steps: Array<Arg>
  readonly committed: Array<string>
  readonly changes: Array<Told>
}

export interface Facts {
  readonly entries: ReadonlyMap<string, Present>
  readonly counters: ReadonlyMap<string, Counter | undefined>
  readonly now: number
  /** Whether a tag's marker is in the transaction's slot, so that the script can compare it. */
  readonly reaches: (tag: string) => boolean
}

export const programOf = Effect.fnUntraced(function*(
  self: StoreState,
  steps: ReadonlyArray<TransactStep>,
  facts: Facts
): Effect.fn.Return<Program> {
  const program: Program = { keys: [], checks: [], steps: [], committed: [], changes: [] }
  yield* Turns.forEach(facts.entries, ([id, entry]) => addEntryCheck(program, facts, id, entry))
  yield* Turns.forEach(facts.counters, ([name, counter]) => {
    program.checks.push("n", add(program, ["n", name]), counter === undefined ? "" : String(counter.value))
  })
  yield* Turns.forEach(steps, (step) => addStep(self, program, facts, step))
  return program
})

const add = ({ keys }: Program, ...named: ReadonlyArray<Named>): string =>
  String(keys.push(...named) - named.length + 1)

const addEntryCheck = (program: Program, facts: Facts, id: string, { head, versions }: Present): void => {
  program.checks.push("h", add(program, ["v", id]), head)
  for (const [tag, version = ""] of versions) {
    if (!facts.reaches(tag)) continue
    program.checks.push("t", add(program, markerOf(tag)), Buffer.from(version.slice(0, 12), "hex"))
  }
}

const addStep = (self: StoreState, program: Program, facts: Facts, step: TransactStep): void => {
  const { changes, committed } = program
  const { isCluster } = self.session.wire
  const push = (letter: string, key: string, ...[a = "", b = "", c = ""]: ReadonlyArray<Arg>) =>
    void program.steps.push(letter, key, a, b, c)
  switch (step._tag) {
    case "Set":
      changes.push({ _tag: "Entry", id: step.id })
      return push("S", add(program, ...keysOfWrite(step.id, isCluster)), ...beginWrite(self, step))
    case "Commit":
      committed.push(step.id)
      changes.push({ _tag: "Load", id: step.id })
      return push("K", add(program, ...leaseKeys(step.id)), ...beginWrite(self, step), step.generation)
    case "Remove":
      changes.push({ _tag: "Entry", id: step.id })
      return push("R", add(program, ...keysOfWrite(step.id, isCluster)))
    case "Touch": {
      const found = facts.entries.get(step.id)!
      const entry = Conditions.touched(found.entry, step.options, facts.now, tagsOf(found))
      if (entry === undefined) return
      changes.push({ _tag: "Load", id: step.id })
      return push("T", add(program, ["v", step.id]), ...beginWrite(self, { id: step.id, entry }))
    }
    case "InvalidateTags":
      for (const { tag, version } of step.tags) {
        changes.push({ _tag: "Tag", tag })
        push("I", add(program, markerOf(tag)), Buffer.from(version, "hex"), step.mode)
      }
      return
    case "Increment":
      return push(
        "N",
        add(program, ["n", step.name]),
        String(step.by === 0 ? 0 : step.by),
        momentOf(self, step.expiresAt ?? Infinity)
      )
    case "TouchCounter":
      return push("P", add(program, ["n", step.name]), momentOf(self, step.expiresAt))
    case "RemoveCounter":
      return push("D", add(program, ["n", step.name]))
  }
}
