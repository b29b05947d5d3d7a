/** The commits of one cache, one after the other, and the savepoints of one level. */
import * as Effect from "effect/Effect"
import * as Semaphore from "effect/Semaphore"
import type { Engine } from "../engine.ts"
import * as Pending from "../storeTier/pendingInvalidations.ts"
import type { Overlay } from "./overlay.ts"

const turns = new WeakMap<Engine | Overlay, Semaphore.Semaphore>()

/**
 * Runs a commit when no other one of the cache runs: its writes are pending until they are answered, and must not
 * displace another's. Or a savepoint when no other one of its level runs: they would not see what the others write.
 */
export const inTurn = <A, E, R>(of: Engine | Overlay, effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> => {
  const turn = turns.get(of) ?? Semaphore.makeUnsafe(1)
  turns.set(of, turn)
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
