/** Implements `transact`: evaluates the checks in this process, and lets the script verify that nothing has changed. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { StoreError } from "../../../../CacheError.ts"
import * as Limits from "../../../../internal/defaults/redis.ts"
import * as Conditions from "../../../../internal/store/conditions.ts"
import { aboveMaxValue } from "../../../../internal/store/tooLarge.ts"
import * as Transact from "../../../../internal/store/transact.ts"
import type { SetCondition, Transacted, TransactRequest } from "../../../../ports/store.ts"
import { noAnswer, storeError, storeName } from "../../fault.ts"
import { counters } from "../counters.ts"
import { sendTurn } from "../many.ts"
import { present } from "../reads.ts"
import { asking, contended, list, now, type Operation, refusalOf, type StoreState } from "../state.ts"
import { tagsOf } from "../writing/conditions.ts"
import { type Program, run } from "../writing/program.ts"
import { commit } from "../writing/writes.ts"
import { type Commit, inOneSlot, otherSlot, type Placed, reaches, unsupported } from "./slots.ts"
import { type Facts, programOf } from "./steps.ts"

export const transact = (self: StoreState, request: TransactRequest): Operation<Transacted> =>
  Effect.suspend(() => {
    const { steps } = request
    const tooLarge = Transact.tooLarge(storeName, Transact.sizeOf(steps), Limits.transaction)
    if (tooLarge !== undefined) return Effect.fail(tooLarge)
    for (const step of steps) {
      // The script knows only the key names of the current era, but `Clear` would start a new era.
      if (step._tag === "Clear") return Effect.fail(unsupported("a transaction on Redis cannot clear the store"))
    }
    const refused = aboveMaxValue(
      storeName,
      "set",
      steps.filter((step) => step._tag === "Set" || step._tag === "Commit"),
      self.maxValue
    )
    if (refused !== undefined) return Effect.fail(refused)
    return self.session.wire.isCluster ? onCluster(self, request) : attempt(self, { request, slot: undefined })
  })

const onCluster = Effect.fnUntraced(function*(
  self: StoreState,
  request: TransactRequest
): Effect.fn.Return<Transacted, StoreError> {
  const { elsewhere, ...placed } = yield* inOneSlot(request)
  const { checks, steps } = placed.request
  const answer: Transacted = checks.length + steps.length === 0
    ? { _tag: "Committed", refused: [] }
    : yield* attempt(self, placed)
  return answer._tag === "Committed" && elsewhere.length > 0
    ? { ...answer, refused: [...answer.refused, ...yield* commitElsewhere(self, elsewhere)] }
    : answer
})

/** Stores results of loads in other slots, within a time limit. Returns the ids whose results may be unstored. */
const commitElsewhere = (self: StoreState, steps: ReadonlyArray<Commit>): Effect.Effect<ReadonlyArray<string>> =>
  Effect.map(
    Effect.timeoutOption(
      Effect.forEach(
        steps,
        (step) => Effect.orElseSucceed(Effect.map(commit(self, [step]), ([isStored]) => isStored!), () => false),
        { concurrency: "unbounded" }
      ),
      Limits.transaction.otherSlotsMillis
    ),
    (answers) => steps.filter((_, i) => Option.isNone(answers) || !answers.value[i]).map(({ id }) => id)
  )

/** Evaluates the checks and runs the script. Starts again if another process has written meanwhile. */
const attempt = Effect.fnUntraced(function*(
  self: StoreState,
  { request: { checks, steps }, slot }: Placed
): Effect.fn.Return<Transacted, StoreError> {
  const ids = Transact.idsOf(checks, steps.filter(({ _tag }) => _tag === "Touch"))
  const names = Array.from(new Set(checks.flatMap((check) => check._tag === "Counter" ? [check.name] : [])))
  for (let left = Limits.conflicts; left > 0; left--) {
    const [entries, values] = yield* Effect.all([present(self, "transact", ids), counters(self, "transact", names)])
    const facts: Facts = {
      entries: new Map(ids.map((id, i) => [id, entries[i]!])),
      counters: new Map(names.map((name, i) => [name, values[i]])),
      now: now(self),
      reaches: (tag) => reaches(slot, tag)
    }
    const holds = (id: string, condition: SetCondition): boolean => {
      const found = facts.entries.get(id)!
      return Conditions.holds(condition, found.entry, facts.now, tagsOf(found))
    }
    const conflict = Transact.conflictOf(checks, {
      holds: ({ condition, id }) => holds(id, condition),
      counter: (name) => facts.counters.get(name),
      position: () => undefined
    })
    if (conflict !== undefined) return conflict
    for (const id of Transact.idsOf(checks)) {
      const beyond = Array.from(facts.entries.get(id)!.versions.keys()).find((tag) => !facts.reaches(tag))
      // The script cannot check a marker in another slot. An invalid entry stays invalid, so it needs no such check.
      if (beyond === undefined || !holds(id, { _tag: "IfPresent" })) continue
      return yield* Effect.fail(otherSlot(id, beyond))
    }
    const [program, committed] = yield* programOf(self, steps, facts)
    const answers = yield* runProgram(self, program)
    if (answers !== undefined) {
      return { _tag: "Committed", refused: Array.from(committed).flatMap(([i, id]) => answers[i] === 0 ? [id] : []) }
    }
  }
  return yield* Effect.fail(storeError("transact", contended))
})

/** Returns the answers of all steps, or `undefined` if a check has failed. */
const runProgram = (self: StoreState, program: Program): Operation<ReadonlyArray<unknown> | undefined> =>
  asking("transact", (done) => {
    sendTurn(self)
    run(program, 1, done)
  }, (answers) => {
    const [answer] = list(answers)
    if (answer === 0) return undefined
    return refusalOf(answer) ?? (Array.isArray(answer) ? answer : noAnswer("transact"))
  })
