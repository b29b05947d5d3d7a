/** Serializes the commits of one cache, and the savepoints of one level, and spreads beginnings over turns. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Scheduler from "effect/Scheduler"
import * as Semaphore from "effect/Semaphore"
import { many } from "../../defaults/bounds.ts"
import { lastingDispatcher } from "../../time/lastingDispatcher.ts"
import * as TurnLimit from "../../time/turnLimit.ts"
import type { Engine } from "../engine.ts"
import type { Overlay } from "./overlay.ts"

const turns = new WeakMap<Engine | Overlay, Semaphore.Semaphore>()

/**
 * A commit runs alone in its cache: its writes are pending until answered and must not displace another's. A savepoint
 * runs alone in its level: concurrent ones would not see each other's writes.
 */
export const inTurn = <A, E, R>(of: Engine | Overlay, effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> => {
  const turn = turns.get(of) ?? Semaphore.makeUnsafe(1)
  turns.set(of, turn)
  return Semaphore.withPermit(turn, effect)
}

const beginnings = new WeakMap<Engine, TurnLimit.TurnLimit>()

/** Waits for a later turn of the event loop if many transactions of a cache have begun in this one. */
export const inLaterTurn = (of: Engine): Effect.Effect<void> =>
  Effect.suspend(() => {
    const limit = beginnings.get(of) ??
      TurnLimit.make(many.steps, lastingDispatcher(Context.get(of.context, Scheduler.Scheduler)))
    beginnings.set(of, limit)
    return TurnLimit.pass(limit)
  })
