/** Runs `transact` in one transaction of the database: locks all rows, then checks, then writes. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type { SqlError } from "effect/sql/SqlError"
import { StoreError } from "../../../CacheError.ts"
import { holdsFor } from "../../../internal/store/conditions.ts"
import { idOf } from "../../../internal/store/many.ts"
import { aboveMaxValue } from "../../../internal/store/tooLarge.ts"
import * as Transact from "../../../internal/store/transact.ts"
import type { Counter, Store, Transacted, TransactRequest, TransactStep } from "../../../ports/store.ts"
import type { Changed } from "../../shared/recentChanges.ts"
import { atomically, type Inside } from "../../shared/sql/client.ts"
import { storeName } from "../../shared/sql/fault.ts"
import { nameOf } from "../session/names.ts"
import { note, numbers, type Session } from "../session/session.ts"
import { putting, removing, touching, withoutRepeats } from "./entries.ts"
import { committing } from "./leases.ts"
import { recovered } from "./recovery.ts"
import { keysOf, outcomesOf, placed, wholesOf } from "./rows.ts"
import { invalidating } from "./tags.ts"

type Step = Effect.Effect<unknown, SqlError | StoreError>

export const transact = (self: Session): NonNullable<Store["transact"]> => (request) =>
  Transact.unlessTooLarge(storeName, request, () => {
    const written = request.steps.filter((step) => step._tag === "Set" || step._tag === "Commit")
    const refused = aboveMaxValue(storeName, "set", written, self.maxValue)
    if (refused !== undefined) return Effect.fail(refused)
    return Effect.flatMap(Clock.currentTimeMillis, (now) =>
      Effect.catchIf(
        Effect.map(
          recovered(self, atomically(self, "transact", (ask) => carryOut({ self, ask, now }, request))),
          (transacted): Transacted => {
            note(self, request.steps.flatMap(changedBy))
            return transacted
          }
        ),
        (error: StoreError) => error instanceof Undone,
        (error) => Effect.succeed((error as Undone).conflict)
      ))
  })

const changedBy = (step: TransactStep): ReadonlyArray<Changed> => {
  switch (step._tag) {
    case "Set":
    case "Remove":
      return [{ _tag: "Entry", id: step.id }]
    case "InvalidateTags":
      return step.tags.map(({ tag }) => ({ _tag: "Tag", tag }))
    case "Clear":
      return [{ _tag: "All" }]
    default:
      return []
  }
}

/** Rolls the transaction back, so that a conflict leaves no row behind that was created only to be locked. */
class Undone extends StoreError {
  readonly conflict: Transacted
  constructor(conflict: Transacted) {
    super({ store: storeName, operation: "transact", reason: "Unavailable" })
    this.conflict = conflict
  }
}

interface Running {
  readonly self: Session
  readonly ask: Inside
  readonly now: number
}

const carryOut = Effect.fnUntraced(function*(
  running: Running,
  { checks, steps }: TransactRequest
): Effect.fn.Return<Transacted, SqlError | StoreError> {
  const { ask, self: { channel, statements } } = running
  const position = checks.find((check) => check._tag === "Position")?.position
  // Two transactions of which each reads what the other writes must not both succeed.
  const isAlone = position !== undefined || steps.some(({ _tag }) => _tag === "Clear")
  yield* ask(isAlone ? statements.alone : statements.beside, [channel])
  const ids = Transact.idsOf(checks, steps)
  const present = yield* hold(running, ids)
  const counters = yield* holdCounters(running, Transact.namesOf({ checks, steps }))
  const live = (name: string) => counters.get(name)
  const hasMoved = position !== undefined && (yield* isMoved(running, position))
  const conflict = Transact.conflictOf(checks, {
    holds: ({ condition, id }) => holdsFor(condition, present.has(id), present.get(id)),
    counter: live,
    position: () => hasMoved ? undefined : position
  })
  if (conflict !== undefined) return yield* new Undone(conflict)
  const counted = Transact.counterChanges(storeName, steps, live)
  if (counted instanceof StoreError) return yield* counted
  const refused: Array<string> = []
  for (const group of groupsOf(steps)) yield* run(running, group, refused)
  yield* writeCounters(running, counted.counters)
  if (ids.length > 0) yield* ask(statements.drop_blank, [keysOf(placed(ids))])
  const [row] = yield* ask(statements.position, [])
  return { _tag: "Committed", refused, position: `${String(row![0])}/${String(row![1])}` }
})

/** Locks the rows of ids. Returns the `writeId` of each live entry. */
const hold = ({ ask, now, self: { statements } }: Running, ids: ReadonlyArray<string>) => {
  const all = placed(ids)
  if (all.length === 0) return Effect.succeed(new Map<string, string>())
  return Effect.map(
    ask(statements.hold, [keysOf(all), wholesOf(all), String(now)]),
    (rows) =>
      new Map(
        rows.filter(([, isLive]) => isLive === true)
          .map(([n, , writeId]) => [all[Number(n) - 1]!.item, Buffer.from(writeId as Uint8Array).toString("hex")])
      )
  )
}

const holdCounters = Effect.fnUntraced(function*(
  { ask, now, self: { statements } }: Running,
  names: ReadonlyArray<string>
): Effect.fn.Return<ReadonlyMap<string, Counter>, SqlError> {
  if (names.length === 0) return new Map()
  const all = placed(names)
  const rows = yield* ask(statements.holdCounters, [keysOf(all), wholesOf(all), String(now)])
  return new Map(
    rows.filter((row) => row[4] === true)
      .map((row) => [nameOf(row[0], row[1]), { value: Number(row[2]), expiresAt: Number(row[3]) }])
  )
})

const isMoved = ({ ask, self: { statements } }: Running, position: string): Effect.Effect<boolean, SqlError> => {
  const [snapshot, own = ""] = position.split("/")
  return Effect.map(ask(statements.has_moved, [snapshot, own]), ([row]) => row?.[0] !== false)
}

/** Divides steps into groups of one kind and of different ids, which one statement carries out, in their order. */
const groupsOf = (steps: ReadonlyArray<TransactStep>): ReadonlyArray<ReadonlyArray<TransactStep>> =>
  withoutRepeats(
    steps,
    (step) => "id" in step ? step.id : "",
    ({ _tag }, step) => step._tag === _tag && (_tag === "Set" || _tag === "Commit" || _tag === "Remove")
  )

type Of<Tag> = ReadonlyArray<Extract<TransactStep, { readonly _tag: Tag }>>

const run = ({ ask, now, self }: Running, group: ReadonlyArray<TransactStep>, refused: Array<string>): Step => {
  const { statements } = self
  const step = group[0]!
  switch (step._tag) {
    case "Set":
      return ask(statements.put, putting(self, group as Of<"Set">, now))
    case "Commit": {
      const commits = group as Of<"Commit">
      return Effect.map(ask(statements.commit, committing(self, commits, { now, isDurable: true })), (rows) => {
        outcomesOf(commits, rows).forEach((isStored, i) => isStored || refused.push(commits[i]!.id))
      })
    }
    case "Remove":
      return ask(statements.remove, removing(self, (group as Of<"Remove">).map(idOf), now))
    case "Touch":
      return ask(statements.touch, touching(self, step.id, step.options, { now, isDurable: true }))
    case "InvalidateTags": {
      const tags = new Map(step.tags.map(({ tag, version }) => [tag, version]))
      return tags.size === 0
        ? Effect.void
        : ask(statements.invalidate, invalidating(self, tags, step.mode === "soft"))
    }
    case "Clear":
      return ask(statements.clear, [self.origin])
    default:
      return Effect.void
  }
}

const writeCounters = Effect.fnUntraced(function*(
  { ask, now, self: { statements } }: Running,
  counters: ReadonlyMap<string, Counter | undefined>
): Effect.fn.Return<void, SqlError> {
  const all = placed(Array.from(counters.keys()))
  if (all.length === 0) return
  // A removed counter stays as one that has expired, because its row is locked anyway.
  const values = all.map(({ item }) => counters.get(item) ?? { value: 0, expiresAt: -Infinity })
  yield* ask(statements.putCounters, [
    keysOf(all),
    wholesOf(all),
    values.map(({ value }) => String(value)),
    numbers(values.map(({ expiresAt }) => expiresAt)),
    String(now)
  ])
})
