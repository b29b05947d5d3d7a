/** The commits of one cache, one after the other. */
import * as Effect from "effect/Effect"
import * as Semaphore from "effect/Semaphore"
import type { Engine } from "../engine.ts"
import * as Pending from "../storeTier/pendingInvalidations.ts"

const turns = new WeakMap<Engine, Semaphore.Semaphore>()

/** Runs a commit when no other one runs: its writes are pending until they are answered, and must not displace another's. */
export const inTurn = <A, E, R>(base: Engine, effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> => {
  const turn = turns.get(base) ?? Semaphore.makeUnsafe(1)
  turns.set(base, turn)
  return Semaphore.withPermit(turn, effect)
}

/** What a commit writes just now is neither old nor new: a transaction that would read it waits for the answer. */
export const afterCommits = <A, E, R>(
  base: Engine,
  ids: ReadonlyArray<string>,
  effect: Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> =>
  Effect.suspend(() => {
    const turn = turns.get(base)
    const pending = base.storeTier?.pending
    return turn === undefined || pending === undefined || !ids.some((id) => Pending.isPending(pending, id))
      ? effect
      : Effect.andThen(Semaphore.withPermit(turn, Effect.void), effect)
  })
