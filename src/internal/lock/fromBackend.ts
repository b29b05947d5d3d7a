/** Builds a lock from a backend: adds waiting in line, holding and renewing. */
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Latch from "effect/Latch"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import { LockError } from "../../CacheError.ts"
import type { AcquireOptions, Backend, Lease, Lock } from "../../ports/lock.ts"
import { toMillis } from "../../Ttl.ts"
import { chunk, many } from "../defaults/bounds.ts"
import { mistake, refuseUnknown, requireType } from "../options/options.ts"

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
  /** When the lease ends, on the monotonic clock. Unless it is renewed, another holder may then have the lock. */
  readonly untilMillis: number
}

/** The delay between a lease's end and the next attempt, so that the attempt never comes too early. */
const graceMillis = 5

const steps = ["tryAcquire", "renew", "release"]

/** The locks created in this module, each with the effect that opens it if necessary. */
const made = new WeakMap<Lock, Effect.Effect<Self, LockError>>()

export const make = (backend: Backend): Lock => {
  requireType("Lock.make", backend, ["name"], "string")
  const optional = (["isHeld", "releaseMany", "watch"] as const).filter((step) => backend[step] !== undefined)
  requireType("Lock.make", backend, [...steps, ...optional], "function")
  const self: Self = { backend, lines: new Map() }
  const lock: Lock = {
    name: backend.name,
    acquire: (name, options) => {
      const asked = check(name, options)
      return whenHeld(self, asked, (held) => holding(self, held))
    },
    isLocked: (name) => {
      requireName("Lock.isLocked", name)
      return backend.isHeld?.(name) ?? Effect.fail(new LockError({ lock: name, reason: "Unsupported" }))
    }
  }
  made.set(lock, Exit.succeed(self))
  return lock
}

/** Makes a lock that is opened on first use. `open` must always return the same lock. */
export const lazily = (name: string, open: Effect.Effect<Lock, LockError>): Lock => {
  const lock: Lock = {
    name,
    acquire: (name, options) => Effect.flatMap(open, (opened) => opened.acquire(name, options)),
    isLocked: (name) => Effect.flatMap(open, (opened) => opened.isLocked(name))
  }
  made.set(lock, Effect.flatMap(open, (opened) => made.get(opened)!))
  return lock
}

/** Holds a lock while `use` runs, with less overhead than a scope. Returns `undefined` for a lock made elsewhere. */
export const during = <A, E, R>(
  lock: Lock,
  asked: Asked,
  use: (token: bigint) => Effect.Effect<A, E, R>
): Effect.Effect<A, E | LockError, R> | undefined => {
  const opened = made.get(lock)
  if (opened === undefined) return undefined
  return Effect.flatMapEager(opened, (self) =>
    whenHeld(self, asked, (held, restore) =>
      Effect.ensuring(
        restore(Effect.raceFirst(use(held.token), failWhenLost(self, held))),
        release(self, held)
      )))
}

export type Acquire = (asked: Asked) => Effect.Effect<void, LockError>

/** Holds many locks until the scope closes. One fiber renews all of them, and the loss of a lock is not reported. */
export const together = (lock: Lock, scope: Scope.Scope): Acquire => {
  const opened = made.get(lock)
  if (opened === undefined) {
    return ({ leaseMillis, name, waitMillis }) =>
      Scope.provide(Effect.asVoid(lock.acquire(name, { lease: leaseMillis, wait: waitMillis })), scope)
  }
  const all = new Set<Held>()
  let hasBegun = false
  const begin = (self: Self, { leaseMillis }: Asked): Effect.Effect<unknown> => {
    if (hasBegun) return Effect.void
    hasBegun = true
    return Effect.andThen(
      Scope.addFinalizer(scope, Effect.suspend(() => releaseAll(self, Array.from(all)))),
      Effect.forkIn(renewing(self, all, leaseMillis), scope)
    )
  }
  return (asked) =>
    Effect.flatMapEager(opened, (self) =>
      whenHeld(self, asked, (held) => {
        all.add(held)
        return Effect.asVoid(begin(self, asked))
      }))
}

const releaseAll = (self: Self, all: ReadonlyArray<Held>): Effect.Effect<void> => {
  const { releaseMany } = self.backend
  if (releaseMany === undefined) return eachOf(all, many.concurrency, (held) => release(self, held))
  return inPieces(all, { size: chunk, atOnce: many.concurrency }, (piece) =>
    Effect.andThen(
      Effect.exit(releaseMany(piece)),
      Effect.sync(() => piece.forEach(({ name }) => wakeFirst(self, name)))
    ))
}

interface Pieces {
  readonly size: number
  readonly atOnce: number
}

/** Runs a function for each piece of a long list. Each piece begins in its own turn of the event loop. */
const inPieces = (
  all: ReadonlyArray<Held>,
  { atOnce, size }: Pieces,
  run: (piece: ReadonlyArray<Held>) => Effect.Effect<void>
): Effect.Effect<void> => {
  if (all.length <= size) return run(all)
  return Effect.gen(function*() {
    const pieces: Array<Fiber.Fiber<void>> = []
    for (let from = 0; from < all.length; from += size) {
      pieces.push(yield* Effect.forkChild(run(all.slice(from, from + size))))
      yield* Effect.yieldNow
      if (pieces.length >= atOnce) yield* Fiber.await(pieces[pieces.length - atOnce]!)
    }
    yield* Fiber.awaitAll(pieces)
  })
}

const eachOf = (
  all: ReadonlyArray<Held>,
  atOnce: number,
  run: (held: Held) => Effect.Effect<void>
): Effect.Effect<void> =>
  inPieces(
    all,
    { size: many.steps, atOnce },
    (piece) => Effect.forEach(piece, run, { concurrency: "unbounded", discard: true })
  )

/** Renews all locks after each third of the lease. An unanswered renewal delays the next round by at most a third. */
const renewing = ({ backend }: Self, all: Set<Held>, leaseMillis: number): Effect.Effect<never> => {
  const third = leaseMillis / 3
  const renew = (held: Held) =>
    Effect.map(
      Effect.exit(Effect.timeoutOption(backend.renew(held.name, held.token, leaseMillis), third)),
      (exit) => {
        if (Exit.isSuccess(exit) && Option.contains(exit.value, false)) all.delete(held)
      }
    )
  // All renewals run concurrently, so an unanswered one does not keep other locks from being renewed.
  const renewAll = Effect.suspend(() => eachOf(Array.from(all), Infinity, renew))
  return Effect.forever(Effect.andThen(Effect.sleep(third), renewAll))
}

type Restore = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>

/** Waits for the lock. Interruptible only while asleep: an interrupted attempt could get the lock and keep it. */
const whenHeld = <A, E, R>(
  self: Self,
  asked: Asked,
  use: (held: Held, restore: Restore) => Effect.Effect<A, E, R>
): Effect.Effect<A, E | LockError, R> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.flatMap(
      waiting(self, asked, restore),
      (held): Effect.Effect<A, E | LockError, R> =>
        typeof held === "number"
          ? Effect.fail(new LockError({ lock: asked.name, reason: "Timeout", retryAfterMillis: held }))
          : use(held, restore)
    )
  )

const requireName = (what: string, name: string): void => {
  if (typeof name !== "string") throw mistake(`${what} needs a name: pass a string`)
}

const check = (name: string, options: AcquireOptions): Asked => {
  requireName("Lock.acquire", name)
  refuseUnknown("Lock.acquire", options, ["lease", "wait"])
  const leaseMillis = toMillis(options.lease, "lease of Lock.acquire")
  const waitMillis = toMillis(options.wait, "wait of Lock.acquire")
  if (!(leaseMillis > 0 && leaseMillis < Infinity)) {
    throw mistake(`lease of Lock.acquire must be longer than 0 and finite, not ${leaseMillis} ms`)
  }
  if (waitMillis < 0) throw mistake(`wait of Lock.acquire must be 0 or longer, not ${waitMillis} ms`)
  return { name, leaseMillis, waitMillis }
}

const millisOf = (clock: Clock.Clock): number => Number(clock.monotonicTimeNanosUnsafe()) / 1_000_000

/** Waits in line for the lock. If `wait` ends first, returns the time left of the holder's lease, in milliseconds. */
const waiting = (self: Self, asked: Asked, restore: Restore): Effect.Effect<Held | number, LockError> =>
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

interface Place {
  readonly latch: Latch.Latch
  readonly line: Line
  readonly sleep: (millis: number) => Effect.Effect<unknown>
  /** Stops watching the lock in the backend. `undefined` if it is not watched yet, or cannot be watched. */
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
  let leftMillis = asked.leaseMillis
  for (;;) {
    // Closes the latch before the attempt, because a wake-up during the attempt must trigger another one.
    latch.closeUnsafe()
    const now = millisOf(clock)
    let retryMillis = Infinity
    if (first(line) === latch) {
      const answer = yield* backend.tryAcquire(asked.name, asked.leaseMillis)
      if (answer._tag === "Held") return { ...asked, token: answer.token, untilMillis: now + asked.leaseMillis }
      place.unwatch ??= backend.watch?.(asked.name, () => latch.openUnsafe())
      leftMillis = answer.leftMillis
      retryMillis = Math.min(backend.pollMillis ?? Infinity, answer.leftMillis + graceMillis)
    }
    const left = end - millisOf(clock)
    if (left <= 0) return leftMillis
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

const holding = Effect.fnUntraced(function*(self: Self, held: Held) {
  const lost = Deferred.makeUnsafe<never, LockError>()
  yield* Effect.addFinalizer(() => release(self, held))
  yield* Effect.forkScoped(Effect.catch(failWhenLost(self, held), (error) => Deferred.fail(lost, error)))
  const lease: Lease = { token: held.token, lost: Deferred.await(lost) }
  return lease
})

const release = (self: Self, { name, token }: Held): Effect.Effect<void> =>
  Effect.andThen(Effect.exit(self.backend.release(name, token)), Effect.sync(() => wakeFirst(self, name)))

const failWhenLost = (self: Self, held: Held): Effect.Effect<never, LockError> =>
  Effect.flatMap(untilLost(self, held), () => Effect.fail(new LockError({ lock: held.name, reason: "Lost" })))

/** Renews the lock each time a third of its lease has passed. Returns once another holder may have the lock. */
const untilLost = Effect.fnUntraced(function*({ backend }: Self, { leaseMillis, name, token, ...held }: Held) {
  const clock = yield* Clock.Clock
  let until = held.untilMillis
  for (;;) {
    const left = () => Math.max(0, until - millisOf(clock))
    yield* Effect.sleep(Math.min(leaseMillis / 3, left()))
    const asked = millisOf(clock)
    // A failure, or no answer in time, does not mean that the lock is lost, so another attempt follows.
    const renewal = yield* Effect.exit(Effect.timeoutOption(backend.renew(name, token, leaseMillis), left()))
    const answer = renewal._tag === "Success" ? Option.getOrUndefined(renewal.value) : undefined
    if (answer === true) until = asked + leaseMillis
    else if (answer === false || left() === 0) return
  }
})
