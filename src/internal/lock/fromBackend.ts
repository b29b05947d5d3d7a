/** A lock over a backend: waiting in line, holding and renewing. */
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import * as Option from "effect/Option"
import { CacheConfigError, LockError } from "../../CacheError.ts"
import type { AcquireOptions, Backend, Lease, Lock } from "../../ports/lock.ts"
import { toMillis } from "../../Ttl.ts"
import { refuseUnknown, requireType } from "../options.ts"

/** The fibers that wait for one name, in the order in which they came, each at a latch of its own. */
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
  /** on the monotonic clock: from then on another may hold it, unless it was renewed */
  readonly untilMillis: number
}

/** How long after the end of a lease the next fiber tries: not before the end, and not much later. */
const graceMillis = 5

const steps = ["tryAcquire", "renew", "release"]

export const make = (backend: Backend): Lock => {
  requireType("Lock.make", backend, ["name"], "string")
  const optional = (["isHeld", "watch"] as const).filter((step) => backend[step] !== undefined)
  requireType("Lock.make", backend, [...steps, ...optional], "function")
  const self: Self = { backend, lines: new Map() }
  return {
    name: backend.name,
    acquire: (name, options) => {
      const asked = check(name, options)
      // Only the sleep can be interrupted: otherwise a granted lock could be lost, and nobody would release it.
      return Effect.uninterruptibleMask((restore) =>
        Effect.flatMap(
          waiting(self, asked, restore),
          (held) => held === undefined ? Effect.fail(new LockError({ name, reason: "Timeout" })) : holding(self, held)
        )
      )
    },
    isLocked: (name) => {
      requireName("Lock.isLocked", name)
      return backend.isHeld?.(name) ?? Effect.fail(new LockError({ name, reason: "Unsupported" }))
    }
  }
}

const requireName = (what: string, name: string): void => {
  if (typeof name !== "string") throw new CacheConfigError({ message: `${what} got no name: pass a string` })
}

const check = (name: string, options: AcquireOptions): Asked => {
  requireName("Lock.acquire", name)
  refuseUnknown("Lock.acquire", options, ["lease", "wait"])
  const leaseMillis = toMillis(options.lease, "lease")
  const waitMillis = toMillis(options.wait, "wait")
  if (!(leaseMillis > 0 && leaseMillis < Infinity)) {
    throw new CacheConfigError({ message: `lease must be longer than 0 and finite, not ${leaseMillis} ms` })
  }
  if (waitMillis < 0) throw new CacheConfigError({ message: `wait must not be negative, as ${waitMillis} ms is` })
  return { name, leaseMillis, waitMillis }
}

const millisOf = (clock: Clock.Clock): number => Number(clock.monotonicTimeNanosUnsafe()) / 1_000_000

/** Waits in line for the lock; `undefined`: `wait` is over. */
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
    const place: Place = { latch, line, sleep, unwatch: undefined }
    return Effect.ensuring(
      turns(self, asked, place),
      Effect.sync(() => {
        place.unwatch?.()
        leave(self, asked.name, latch)
      })
    )
  })

/** A place in the line of one name. */
interface Place {
  readonly latch: Latch.Latch
  readonly line: Line
  readonly sleep: (millis: number) => Effect.Effect<unknown>
  /** ends the watch of the backend, where there is one */
  unwatch: (() => void) | undefined
}

const turns = Effect.fnUntraced(function*(
  { backend }: Self,
  asked: Asked,
  place: Place
) {
  const { latch, line, sleep } = place
  const clock = yield* Clock.Clock
  const end = millisOf(clock) + asked.waitMillis
  for (;;) {
    // Before the attempt: a wake-up during it must lead to another one.
    latch.closeUnsafe()
    const now = millisOf(clock)
    let retryMillis = Infinity
    if (first(line) === latch) {
      const answer = yield* backend.tryAcquire(asked.name, asked.leaseMillis)
      if (answer._tag === "Held") return { ...asked, token: answer.token, untilMillis: now + asked.leaseMillis }
      place.unwatch ??= backend.watch?.(asked.name, () => latch.openUnsafe())
      retryMillis = Math.min(backend.pollMillis ?? Infinity, answer.leftMillis + graceMillis)
    }
    const left = end - millisOf(clock)
    if (left <= 0) return undefined
    yield* sleep(Math.min(retryMillis, left))
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

/** Releases the lock with the scope, and renews it until then. */
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

/** Renews the lock every third of its lease, and ends when another may hold it. */
const untilLost = Effect.fnUntraced(function*({ backend }: Self, { leaseMillis, name, token, ...held }: Held) {
  const clock = yield* Clock.Clock
  let until = held.untilMillis
  for (;;) {
    const left = () => Math.max(0, until - millisOf(clock))
    yield* Effect.sleep(Math.min(leaseMillis / 3, left()))
    const asked = millisOf(clock)
    // A failure, or no answer in time, does not say that the lock is lost: another attempt follows while the lease
    // lasts.
    const renewal = yield* Effect.exit(Effect.timeoutOption(backend.renew(name, token, leaseMillis), left()))
    const answer = renewal._tag === "Success" ? Option.getOrUndefined(renewal.value) : undefined
    if (answer === true) until = asked + leaseMillis
    else if (answer === false || left() === 0) return
  }
})
