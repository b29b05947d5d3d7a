/** Serializes the commits of one cache, and the savepoints of one level, and spreads beginnings over turns. */
import * as Effect from "effect/Effect"
import type { SchedulerDispatcher } from "effect/Scheduler"
import * as Semaphore from "effect/Semaphore"
import { many } from "../../defaults/bounds.ts"
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

interface Beginnings {
  /** How many transactions may still begin in this turn. */
  left: number
  readonly waiting: Set<() => void>
}

const beginnings = new WeakMap<Engine, Beginnings>()

/** Waits for a later turn of the event loop if many transactions of a cache have begun in this one. */
export const inLaterTurn = (of: Engine): Effect.Effect<void> =>
  Effect.withFiber(({ currentDispatcher }) => {
    const self = beginnings.get(of) ?? { left: many.steps, waiting: new Set() }
    beginnings.set(of, self)
    if (self.left === many.steps) nextTurn(self, currentDispatcher)
    if (self.left > 0) {
      self.left--
      return Effect.void
    }
    return Effect.callback((resume) => {
      const begin = () => resume(Effect.void)
      self.waiting.add(begin)
      return Effect.sync(() => self.waiting.delete(begin))
    })
  })

const nextTurn = (self: Beginnings, dispatcher: SchedulerDispatcher): void =>
  dispatcher.scheduleTask(() => {
    self.left = many.steps
    if (self.waiting.size > 0) nextTurn(self, dispatcher)
    for (const begin of self.waiting) {
      if (self.left <= 0) break
      self.left--
      self.waiting.delete(begin)
      begin()
    }
  }, 0)
