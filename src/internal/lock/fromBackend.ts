/** A lock over a backend: who waits, who holds, and for how long. */
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import * as Option from "effect/Option"
import { CacheConfigError, LockError } from "../../CacheError.ts"
import type { AcquireOptions, Backend, Lease, Lock } from "../../ports/lock.ts"
import { toMillis } from "../../Ttl.ts"
import { refuseUnknown } from "../options.ts"

/** Those who wait for one name, in the order they came, each asleep at a latch. */
type Line = Set<Latch.Latch>

interface Self {
  readonly backend: Backend
  readonly lines: Map<string, Line>
}

interface Asked {
  readonly name: string
  readonly leaseMillis: number
  readonly waitMillis: number
}

interface Held extends Asked {
  readonly token: bigint
  /** on the monotonic clock: from here on it may be another's, unless it was prolonged */
  readonly untilMillis: number
}

/** So long after a lease's end the next one looks: not before it, and not much later. */
const graceMillis = 5

export const make = (backend: Backend): Lock => {
  const self: Self = { backend, lines: new Map() }
  return {
    name: backend.name,
    acquire: (name, options) => {
      const asked = check(name, options)
      // The backend's answer is never lost to an interruption: only sleeping can be interrupted.
      return Effect.uninterruptibleMask((restore) =>
        Effect.flatMap(
          waiting(self, asked, restore),
          (held) => held === undefined ? Effect.fail(new LockError({ name, reason: "Timeout" })) : holding(self, held)
        )
      )
    }
  }
}

const check = (name: string, options: AcquireOptions): Asked => {
  refuseUnknown("Lock.acquire", options, ["lease", "wait"])
  const leaseMillis = toMillis(options.lease, "lease")
  const waitMillis = toMillis(options.wait, "wait")
  if (!(leaseMillis > 0 && leaseMillis < Infinity)) {
    throw new CacheConfigError({ message: `lease is longer than nothing and has an end, not ${leaseMillis} ms` })
  }
  if (waitMillis < 0) throw new CacheConfigError({ message: `wait is not negative, as ${waitMillis} ms` })
  return { name, leaseMillis, waitMillis }
}

const millisOf = (clock: Clock.Clock): number => Number(clock.monotonicTimeNanosUnsafe()) / 1_000_000

// ---------------------------------------------------------------------------------------------------------------------
// waiting
// ---------------------------------------------------------------------------------------------------------------------

/** `undefined`: the time to wait is over. */
const waiting = (
  self: Self,
  asked: Asked,
  restore: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
): Effect.Effect<Held | undefined, LockError> =>
  Effect.suspend(() => {
    const latch = Latch.makeUnsafe()
    const line = self.lines.get(asked.name) ?? new Set()
    self.lines.set(asked.name, line.add(latch))
    const sleep = (millis: number) => restore(Effect.timeoutOption(latch.await, millis))
    return Effect.ensuring(
      turns(self, asked, { latch, line, sleep }),
      Effect.sync(() => leave(self, asked.name, latch))
    )
  })

/** A place in the line of those who wait for one name. */
interface Place {
  readonly latch: Latch.Latch
  readonly line: Line
  readonly sleep: (millis: number) => Effect.Effect<unknown>
}

const turns = Effect.fnUntraced(function*(
  { backend }: Self,
  asked: Asked,
  { latch, line, sleep }: Place
) {
  const clock = yield* Clock.Clock
  const end = millisOf(clock) + asked.waitMillis
  for (;;) {
    // Before looking: a wake-up from here on means that looking again is worth while.
    latch.closeUnsafe()
    const now = millisOf(clock)
    let again = Infinity
    if (first(line) === latch) {
      const taken = yield* backend.tryAcquire(asked.name, asked.leaseMillis)
      if (taken._tag === "Held") return { ...asked, token: taken.token, untilMillis: now + asked.leaseMillis }
      again = Math.min(backend.pollMillis ?? Infinity, taken.leftMillis + graceMillis)
    }
    const left = end - millisOf(clock)
    if (left <= 0) return undefined
    yield* sleep(Math.min(again, left))
  }
})

const first = (line: Line | undefined): Latch.Latch | undefined => line?.values().next().value

const wakeFirst = ({ lines }: Self, name: string): void => {
  first(lines.get(name))?.openUnsafe()
}

const leave = (self: Self, name: string, latch: Latch.Latch): void => {
  const line = self.lines.get(name)!
  const wasFirst = first(line) === latch
  line.delete(latch)
  if (line.size === 0) self.lines.delete(name)
  else if (wasFirst) wakeFirst(self, name)
}

// ---------------------------------------------------------------------------------------------------------------------
// holding
// ---------------------------------------------------------------------------------------------------------------------

const holding = Effect.fnUntraced(function*(self: Self, held: Held) {
  const { name, token } = held
  const lost = Deferred.makeUnsafe<never, LockError>()
  yield* Effect.addFinalizer(() =>
    Effect.exit(self.backend.release(name, token)).pipe(Effect.andThen(Effect.sync(() => wakeFirst(self, name))))
  )
  yield* Effect.forkScoped(
    Effect.flatMap(untilLost(self, held), () => Deferred.fail(lost, new LockError({ name, reason: "Lost" })))
  )
  const lease: Lease = { token, lost: Deferred.await(lost) }
  return lease
})

/** Prolongs a lock for as long as it can be, and ends when it may be another's. */
const untilLost = Effect.fnUntraced(function*({ backend }: Self, { leaseMillis, name, token, ...held }: Held) {
  const clock = yield* Clock.Clock
  let until = held.untilMillis
  for (;;) {
    const left = () => Math.max(0, until - millisOf(clock))
    yield* Effect.sleep(Math.min(leaseMillis / 3, left()))
    const asked = millisOf(clock)
    // No answer, or a failure, is not a no. Late is better than never: nobody else may have wanted it.
    const kept = yield* Effect.exit(Effect.timeoutOption(backend.renew(name, token, leaseMillis), left()))
    const answer = kept._tag === "Success" ? Option.getOrUndefined(kept.value) : undefined
    if (answer === true) until = asked + leaseMillis
    else if (answer === false || left() === 0) return
  }
})
