/** `transact` over an asynchronous storage that no other process uses: its ids are held while its steps are carried out. */
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { StoreError } from "../../CacheError.ts"
import type { Counter, SetCondition, Store, Transacted, TransactRequest, TransactStep } from "../../ports/store.ts"
import type { Lines } from "./lines.ts"
import * as Transact from "./transact.ts"

/** The parts of the store that do not wait for the line of an id. */
interface Unlined {
  readonly lines: Lines
  readonly holds: (id: string, condition: SetCondition, now: number) => Effect.Effect<boolean, StoreError>
  /** clears, but for what holds the ids' lines; `undefined` where the storage cannot be cleared */
  readonly clear: ((held: ReadonlySet<string>) => Store["clear"]) | undefined
  /** carries out a step on one id, or on tags; `false`: the generation of a `Commit` has ended */
  readonly step: (step: TransactStep) => Effect.Effect<unknown, StoreError>
}

/**
 * While it runs, whatever else writes one of its ids waits. Reads do not wait. Where a step fails, the ids of all steps are
 * removed: nobody reads half of it. A process that dies leaves what it has written until then.
 *
 * Counters are looked at first and changed at the end, each by itself: a counter that somebody else increments meanwhile
 * keeps both sums, but a check of it may have been too early.
 */
export const transacting = (store: Store, { clear, holds, lines, step }: Unlined): NonNullable<Store["transact"]> => {
  const carryOut = Effect.fnUntraced(function*(request: TransactRequest): Effect.fn.Return<Transacted, StoreError> {
    const { checks, steps } = request
    const now = (yield* Clock.Clock).currentTimeMillisUnsafe()
    const broken = new Set<TransactRequest["checks"][number]>()
    for (const check of checks) {
      if (check._tag === "Entry" && !(yield* holds(check.id, check.condition, now))) broken.add(check)
    }
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
    if (counted.clear && clear === undefined) {
      return yield* new StoreError({ store: store.name, operation: "clear", reason: "Unsupported" })
    }
    const refused: Array<string> = []
    const entries = Effect.forEach(
      steps,
      (one) =>
        Effect.map(one._tag === "Clear" ? clear!(new Set(Transact.idsOf(steps, checks))) : step(one), (done) => {
          if (one._tag === "Commit" && done === false) refused.push(one.id)
        }),
      { discard: true }
    )
    const undo = Effect.forEach(Transact.idsOf(steps), (id) => Effect.exit(step({ _tag: "Remove", id })), {
      discard: true
    })
    yield* Effect.onError(entries, () => undo)
    for (const one of steps) yield* countIn(store, one)
    return { _tag: "Committed", refused }
  })

  return (request) =>
    Transact.unlessTooLarge(
      store.name,
      request,
      () => Effect.uninterruptible(holding(lines, Transact.idsOf(request.steps, request.checks), carryOut(request)))
    )
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
      // those that a storage keeps were removed by its own `clear`
      return Effect.ignore(Stream.runForEach(store.scanCounters(), ({ name }) => store.removeCounter(name)))
    default:
      return Effect.void
  }
}

/** Runs an effect when it is the turn of all ids. Two never wait for each other: each asks for all its turns in one step. */
const holding = <A, E>(lines: Lines, ids: ReadonlyArray<string>, effect: Effect.Effect<A, E>): Effect.Effect<A, E> =>
  ids.length === 0 ? effect : Effect.suspend(() => {
    const ended = Deferred.makeUnsafe<void>()
    const turns = ids.map(() => Deferred.makeUnsafe<void>())
    const inTurn = (i: number) => Effect.andThen(Deferred.succeed(turns[i]!, undefined), Deferred.await(ended))
    const asked = Effect.forEach(ids, (id, i) => lines.run(id, "write", inTurn(i)), {
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
