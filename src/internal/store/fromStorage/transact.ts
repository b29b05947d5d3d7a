/** `transact` over an asynchronous storage of one process. A transaction holds its ids while its steps run. */
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { StoreError } from "../../../CacheError.ts"
import type { Counter, Store, TransactCheck, Transacted, TransactRequest, TransactStep } from "../../../ports/store.ts"
import * as Transact from "../transact.ts"
import * as Entries from "./entries.ts"
import * as Lines from "./lines.ts"

/**
 * Makes `transact`. Other writes to a transaction's ids wait for its end, but reads do not. If a step fails, the
 * entries of all steps are removed, so that the transaction is not left half done. If the process dies, the steps
 * written so far remain. Counters are read first and changed at the end. If another caller increments a counter in the
 * meantime, that increment is not lost, but a check of the counter may be outdated.
 */
export const transacting = (self: Entries.Lined, store: Store): NonNullable<Store["transact"]> => (request) =>
  Transact.unlessTooLarge(store.name, request, () => {
    const held = Transact.idsOf(request.steps, request.checks)
    return Effect.uninterruptible(holding(self.lines, held, carryOut(self, store, request, new Set(held))))
  })

const carryOut = Effect.fnUntraced(function*(
  self: Entries.Lined,
  store: Store,
  request: TransactRequest,
  held: ReadonlySet<string>
): Effect.fn.Return<Transacted, StoreError> {
  const { checks, steps } = request
  const broken = new Set<TransactCheck>()
  for (const check of checks) {
    if (check._tag === "Entry" && !(yield* Entries.accepts(self, check.id, check.condition))) broken.add(check)
  }
  const now = (yield* Clock.Clock).currentTimeMillisUnsafe()
  const counters = new Map<string, Counter>()
  for (const name of Transact.namesOf(request)) {
    const counter = yield* store.counter(name)
    if (counter !== undefined && counter.expiresAt > now) counters.set(name, counter)
  }
  const live = (name: string) => counters.get(name)
  const conflict = Transact.conflictOf(checks, {
    holds: (check) => !broken.has(check),
    counter: live,
    position: () => undefined
  })
  if (conflict !== undefined) return conflict
  const counted = Transact.counterChanges(store.name, steps, live)
  if (counted instanceof StoreError) return yield* counted
  if (counted.clear && !Entries.canClear(self)) {
    return yield* new StoreError({ store: store.name, operation: "clear", reason: "Unsupported" })
  }
  const refused: Array<string> = []
  const entries = Effect.forEach(steps, (step) =>
    Effect.map(stepOf(self, step, held), (done) => {
      if (step._tag === "Commit" && done === false) refused.push(step.id)
    }), { discard: true })
  yield* Effect.onError(entries, () => undo(self, steps))
  for (const step of steps) yield* countIn(store, step)
  return { _tag: "Committed", refused }
})

const undo = ({ leases, storage }: Entries.Lined, steps: ReadonlyArray<TransactStep>): Effect.Effect<void> =>
  Effect.forEach(Transact.idsOf(steps), (id) => {
    leases.end(id)
    return Effect.exit(storage.remove(id))
  }, { discard: true })

/** Carries out a step. Returns `false` if the step is a `Commit` whose generation has ended. */
const stepOf = (
  self: Entries.Lined,
  step: TransactStep,
  held: ReadonlySet<string>
): Effect.Effect<unknown, StoreError> => {
  switch (step._tag) {
    case "Set":
      return Entries.write(self, step.id, step.entry)
    case "Commit":
      return Entries.commit(self, step)
    case "Remove":
      self.leases.end(step.id)
      return self.storage.remove(step.id)
    case "Touch":
      return Entries.touch(self, step.id, step.options)
    case "InvalidateTags":
      return Effect.forEach(
        step.tags,
        ({ tag, version }) => self.tags.invalidate([tag], () => version, step.mode),
        { discard: true }
      )
    case "Clear":
      return Entries.clearWhileHolding(self, held)
    default:
      return Effect.void
  }
}

const countIn = (store: Store, step: TransactStep): Effect.Effect<unknown, StoreError> => {
  switch (step._tag) {
    case "Increment":
      return store.increment(step.name, step.by, { expiresAt: step.expiresAt })
    case "TouchCounter":
      return store.touchCounter(step.name, step.expiresAt)
    case "RemoveCounter":
      return store.removeCounter(step.name)
    case "Clear":
      // Removes counters that are kept in this process. A storage with counters of its own removes them in `clear`.
      return Effect.ignore(Stream.runForEach(store.scanCounters(), ({ name }) => store.removeCounter(name)))
    default:
      return Effect.void
  }
}

/** Runs an effect while holding the turns of all ids. Cannot deadlock, because all turns are requested in one step. */
const holding = <A, E>(
  lines: Lines.Lines,
  ids: ReadonlyArray<string>,
  effect: Effect.Effect<A, E>
): Effect.Effect<A, E> =>
  ids.length === 0 ? effect : Effect.suspend(() => {
    const ended = Deferred.makeUnsafe<void>()
    const turns = ids.map(() => Deferred.makeUnsafe<void>())
    const inTurn = (i: number) => Effect.andThen(Deferred.succeed(turns[i]!, undefined), Deferred.await(ended))
    const asked = Effect.forEach(ids, (id, i) => Lines.run(lines, id, "write", inTurn(i)), {
      concurrency: "unbounded",
      discard: true
    })
    return Effect.flatMap(
      Effect.forkChild(asked, { startImmediately: true }),
      () =>
        Effect.ensuring(
          Effect.andThen(Effect.forEach(turns, Deferred.await, { discard: true }), effect),
          Deferred.succeed(ended, undefined)
        )
    )
  })
