/** A lock backend in the memory of this process. */
import type * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type { Backend } from "../../ports/lock.ts"

interface Held {
  readonly token: bigint
  readonly untilNanos: bigint
}

/** The next fencing token: at least the microseconds since 1970, so tokens grow even if the last one was lost. */
export const nextToken = (last: bigint, clock: Clock.Clock): bigint => {
  const micros = clock.currentTimeNanosUnsafe() / 1000n
  return micros > last ? micros : last + 1n
}

export const make = (): Backend => {
  const held = new Map<string, Held>()
  let last = 0n
  const leftNanos = (name: string, clock: Clock.Clock): bigint => {
    const other = held.get(name)
    return other === undefined ? 0n : other.untilNanos - clock.monotonicTimeNanosUnsafe()
  }
  const hold = (name: string, token: bigint, leaseMillis: number, clock: Clock.Clock): void => {
    held.set(name, { token, untilNanos: clock.monotonicTimeNanosUnsafe() + BigInt(Math.ceil(leaseMillis * 1_000_000)) })
  }
  return {
    name: "process",
    tryAcquire: (name, leaseMillis) =>
      Effect.clockWith((clock) =>
        Effect.sync(() => {
          const left = leftNanos(name, clock)
          if (left > 0n) return { _tag: "Wait", leftMillis: Number(left) / 1_000_000 }
          const token = last = nextToken(last, clock)
          hold(name, token, leaseMillis, clock)
          return { _tag: "Held", token }
        })
      ),
    renew: (name, token, leaseMillis) =>
      Effect.clockWith((clock) =>
        Effect.sync(() => {
          if (held.get(name)?.token !== token) return false
          hold(name, token, leaseMillis, clock)
          return true
        })
      ),
    release: (name, token) =>
      Effect.sync(() => {
        if (held.get(name)?.token === token) held.delete(name)
      }),
    isHeld: (name) => Effect.clockWith((clock) => Effect.sync(() => leftNanos(name, clock) > 0n))
  }
}
