/** A clock that advances on request: two million operations need not wait for sleeping fibers. */
import { type Clock, Duration, Effect } from "effect"

export interface VirtualClock extends Clock.Clock {
  /** Ends what sleeps until then, in its order. */
  readonly advance: (millis: number) => void
}

export const make = (): VirtualClock => {
  let now = 1_800_000_000_000
  // By whole milliseconds: so many sleep and are interrupted that a sorted list would take most of the time.
  const sleeping = new Map<number, Set<() => void>>()
  const at = (millis: number): Set<() => void> => {
    const known = sleeping.get(millis)
    if (known !== undefined) return known
    const made = new Set<() => void>()
    sleeping.set(millis, made)
    return made
  }
  const sleep = (duration: Duration.Duration): Effect.Effect<void> =>
    Effect.callback((resume) => {
      const until = now + Math.max(1, Math.ceil(Duration.toMillis(duration)))
      const wake = () => resume(Effect.void)
      if (until === Infinity) return
      at(until).add(wake)
      return Effect.sync(() => {
        const others = sleeping.get(until)
        others?.delete(wake)
        if (others?.size === 0) sleeping.delete(until)
      })
    })
  const nanos = (): bigint => BigInt(now) * 1_000_000n
  return {
    currentTimeMillisUnsafe: () => now,
    currentTimeMillis: Effect.sync(() => now),
    currentTimeNanosUnsafe: nanos,
    currentTimeNanos: Effect.sync(nanos),
    monotonicTimeNanosUnsafe: nanos,
    monotonicTimeNanos: Effect.sync(nanos),
    sleep,
    advance: (millis) => {
      for (const end = now + millis; now < end;) {
        now++
        const due = sleeping.get(now)
        sleeping.delete(now)
        due?.forEach((wake) => wake())
      }
    }
  }
}
