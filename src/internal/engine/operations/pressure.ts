/** Shrinks memory while the heap is almost full (`CacheLayer.withHeapLimit`). */
import * as Effect from "effect/Effect"
import type { Engine } from "../engine.ts"
import * as Log from "../telemetry/log.ts"
import { resize } from "./resize.ts"

/** Memory grows again while the heap is below this share of the limit. */
const relaxedAt = 0.9

interface Lowered {
  readonly from: number
  readonly to: number
  /** The value of `resizes` after this change. If `resizes` differs later, the user's resize takes precedence. */
  readonly change: number
}

/** Returns a function for the used share of the heap after each garbage collection. Above `most`, it halves memory. */
export const pressureOn = (self: Engine, most: number): (share: number) => void => {
  const { memory } = self
  let lowered: Lowered | undefined
  const change = (capacity: number): void => {
    Effect.runForkWith(self.context)(resize(self, capacity))
  }
  return (share) => {
    if (memory.capacity === 0 || self.closed) return
    if (lowered !== undefined && memory.resizes !== lowered.change) lowered = undefined
    if (share > most) {
      const from = lowered?.from ?? memory.capacity
      const to = Math.max(1, Math.floor(memory.weight / 2))
      change(to)
      lowered = { from, to, change: memory.resizes }
      Log.warnOnce(
        self,
        "heap",
        `The heap is ${Math.round(share * 100)} % full: the memory of this cache shrinks until it is below ${
          Math.round(most * 100)
        } %. Lower its capacity, or give the process more heap`
      )
    } else if (lowered !== undefined && share < most * relaxedAt) {
      const { from } = lowered
      const to = Math.min(from, lowered.to * 2)
      change(to)
      lowered = to === from ? undefined : { from, to, change: memory.resizes }
    }
  }
}
