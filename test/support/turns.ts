/** Counts what happens in each turn of the event loop, whose length depends on the machine. */
import { Effect } from "effect"

export const turns = Effect.map(
  Effect.acquireRelease(
    Effect.sync(() => {
      const self = { turn: 0, next: setImmediate(() => {}) }
      const next = () => {
        self.turn++
        self.next = setImmediate(next)
      }
      next()
      return self
    }),
    (self) => Effect.sync(() => clearImmediate(self.next))
  ),
  (self) => {
    const counts = new Map<number, number>()
    return {
      note: Effect.sync(() => void counts.set(self.turn, (counts.get(self.turn) ?? 0) + 1)),
      /** The most notes of one turn. */
      most: () => Math.max(0, ...counts.values())
    }
  }
)
