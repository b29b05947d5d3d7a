/** The commits of one cache, one after the other, and the savepoints of one level. */
import type * as Effect from "effect/Effect"
import * as Semaphore from "effect/Semaphore"
import type { Engine } from "../engine.ts"
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
