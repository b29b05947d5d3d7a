/**
 * The wall clock as one cache reads it. It may be set back while the cache runs, but no entry may live longer for that.
 * So entries in memory keep their times on a scale that never goes back: the wall clock plus `setBackMillis`.
 */
import type * as Clock from "effect/Clock"
import { clocks } from "../defaults/processes.ts"
import { monotonicMillis } from "./monotonic.ts"

export class WallTime {
  /** By how much the wall clock has been set back since the cache was made. */
  setBackMillis = 0
  /** The wall time after it was last set back. */
  private setBackAt = -Infinity
  /** The wall time that was read last. `Infinity` before the first read. */
  seen = Infinity
  private clock: Clock.Clock | undefined
  /** How far the wall clock is ahead of the monotonic one, which tells after an idle time whether it was set back. */
  private ahead = 0
  private lookAt = Infinity

  /** The wall time. Reads the monotonic clock too if the wall clock seems to be set back, and about once a second. */
  now(clock: Clock.Clock): number {
    const now = clock.currentTimeMillisUnsafe()
    if (now >= this.seen && now < this.lookAt && clock === this.clock) return this.seen = now
    return this.seen = this.look(clock, now)
  }

  /** How much older a stored entry is than its times say, because it was made before the wall clock was set back. */
  olderBy(createdAt: number): number {
    return createdAt < this.setBackAt ? this.setBackMillis : 0
  }

  // A separate method, so that V8 inlines the few instructions of `now`.
  private look(clock: Clock.Clock, now: number): number {
    const ahead = now - monotonicMillis(clock)
    this.lookAt = now + clocks.lookMillis
    // The times of two clocks cannot be compared. A test may read a cache with a clock of its own.
    if (clock !== this.clock) {
      this.clock = clock
      this.ahead = ahead
      return now
    }
    const setBack = Math.max(this.ahead - ahead, this.seen - now)
    if (setBack > clocks.slewMillis) {
      this.setBackMillis += Math.ceil(setBack)
      this.ahead = ahead
      return this.setBackAt = now
    }
    // The wall clock was set forward, or the machine was suspended, while the monotonic clock stood still.
    this.ahead = Math.max(this.ahead, ahead)
    return Math.max(now, this.seen)
  }
}
