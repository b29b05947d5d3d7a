/** Runs commits of a cache, and savepoints of a level, one at a time. Spreads the starts of transactions over turns. */
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

/** Runs one effect of a cache or level at a time. Savepoints that ran concurrently would miss each other's writes. */
export const inTurn = <A, E, R>(of: Engine | Overlay, effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> => {
  const turn = turns.get(of) ?? Semaphore.makeUnsafe(1)
  turns.set(of, turn)
  return Semaphore.withPermit(turn, effect)
}

const beginnings = new WeakMap<Engine, TurnLimit.TurnLimit>()

/** Waits for a later turn of the event loop if many of the cache's transactions have begun in the current turn. */
export const inLaterTurn = (of: Engine): Effect.Effect<void> =>
  Effect.suspend(() => {
    const limit = beginnings.get(of) ??
      TurnLimit.make(many.steps, lastingDispatcher(Context.get(of.context, Scheduler.Scheduler)))
    beginnings.set(of, limit)
    return TurnLimit.pass(limit)
  })
