/** Serializes the commits of one cache, and the savepoints of one level. */
import type * as Effect from "effect/Effect"
import * as Semaphore from "effect/Semaphore"
import type { Engine } from "../engine.ts"
import type { Overlay } from "./overlay.ts"

const turns = new WeakMap<Engine | Overlay, Semaphore.Semaphore>()

/**
 * Runs a commit alone in its cache: its writes are pending until answered and must not displace another's. Runs a
 * savepoint alone in its level: concurrent ones would not see each other's writes.
 */
export const inTurn = <A, E, R>(of: Engine | Overlay, effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> => {
  const turn = turns.get(of) ?? Semaphore.makeUnsafe(1)
  turns.set(of, turn)
  return Semaphore.withPermit(turn, effect)
}
