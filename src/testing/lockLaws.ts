/**
 * Test laws that every lock has to satisfy.
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Latch from "effect/Latch"
import * as Scope from "effect/Scope"
import type { LockError } from "../CacheError.ts"
import type { Lease, Lock } from "../Lock.ts"
import { law } from "./internal/onTime.ts"
import { oddTexts } from "./internal/storeFixtures.ts"
import { type Law, same } from "./law.ts"

/**
 * The laws of a lock. `make` opens two fresh `Lock` services on one backend, as two processes would; for a lock inside
 * one process it returns the same service twice. Each law runs `make` once. Laws sleep for a few seconds on Effect's
 * `Clock`, and expect the lock to answer within one second.
 *
 * **When to use**
 *
 * Use to test a custom lock.
 *
 * **Example** (Checking a lock)
 *
 * ```ts
 * import { Context, Effect, Layer } from "effect"
 * import { Lock } from "effect-cached/adapters"
 * import { MemoryGuards } from "effect-cached/memory"
 * import { lockLaws } from "effect-cached/testing"
 *
 * const lock = Effect.map(Layer.build(MemoryGuards.layer), Context.get(Lock.Lock))
 * const laws = lockLaws(Effect.map(lock, (one) => [one, one] as const))
 * await Effect.runPromise(laws[0]!.run)
 * ```
 *
 * @see `storeLaws` for the laws of stores
 * @category testing
 * @since 0.1.0
 */
export const lockLaws = <E>(make: Effect.Effect<readonly [Lock, Lock], E, Scope.Scope>): ReadonlyArray<Law> =>
  Object.entries({ ...exclusionLaws, ...waitingLaws, ...leaseLaws }).map(([name, check]) =>
    law(name, make, ([one, other]) => check(one, other))
  )

type Check = (one: Lock, other: Lock) => Effect.Effect<unknown, unknown, Scope.Scope>

const once = { lease: "3 seconds", wait: 0 } as const
const patient = { lease: "3 seconds", wait: "20 seconds" } as const

const hold = Effect.fnUntraced(function*(lock: Lock, name: string, options: Parameters<Lock["acquire"]>[1] = once) {
  const scope = yield* Scope.make()
  const lease = yield* Scope.provide(lock.acquire(name, options), scope)
  return { ...lease, letGo: Scope.close(scope, Exit.void) }
})

const isTaken = (lock: Lock, name: string, message: string) =>
  Effect.scoped(Effect.exit(lock.acquire(name, once))).pipe(
    Effect.flatMap((exit) => same(reasonOf(exit), "Timeout", message))
  )

const isFree = (lock: Lock, name: string, message: string) =>
  Effect.scoped(Effect.exit(lock.acquire(name, once))).pipe(
    Effect.flatMap((exit) => same(reasonOf(exit), "held", message))
  )

const reasonOf = (exit: Exit.Exit<Lease, { readonly reason: string }>): string =>
  Exit.match(exit, {
    onSuccess: () => "held",
    onFailure: (cause) =>
      cause.reasons.map((reason) => reason._tag === "Fail" ? reason.error.reason : reason._tag).join()
  })

/** The answer to `isLocked`, or `undefined` if the lock does not support `isLocked`. */
const answered = (told: Effect.Effect<boolean, LockError>): Effect.Effect<boolean | undefined, LockError> =>
  Effect.catchIf(told, ({ reason }) => reason === "Unsupported", () => Effect.undefined)

const isBetween = (actual: number, least: number, most: number, message: string) =>
  same(actual >= least && actual <= most, true, `${message}, between ${least} and ${most} ms: ${actual}`)

const elapsed = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.clockWith((clock) => {
    const start = clock.currentTimeMillisUnsafe()
    return Effect.map(effect, (result) => [clock.currentTimeMillisUnsafe() - start, result] as const)
  })

// The tolerance in milliseconds for real timers, which may fire slightly early.
const early = 5

const exclusionLaws: Record<string, Check> = {
  "a lock has one holder, and is free when its scope is closed": Effect.fnUntraced(function*(one, other) {
    const holder = yield* hold(one, "name")
    yield* isTaken(one, "name", "held by this one")
    yield* isTaken(other, "name", "held by the other")
    yield* holder.letGo
    yield* isFree(other, "name", "let go")
  }),

  "isLocked reports a holder without acquiring the lock": Effect.fnUntraced(function*(one, other) {
    const tells = (expected: boolean, message: string) =>
      Effect.forEach(
        [one, other],
        (lock) => Effect.flatMap(answered(lock.isLocked("name")), (told) => same(told ?? expected, expected, message))
      )
    yield* tells(false, "never held")
    const holder = yield* hold(one, "name")
    yield* tells(true, "held")
    yield* same((yield* answered(other.isLocked("another name"))) ?? false, false, "another name")
    yield* holder.letGo
    yield* tells(false, "let go")
    yield* isFree(other, "name", "still free")
  }),

  "a holder that fails or is interrupted releases the lock": Effect.fnUntraced(function*(one, other) {
    yield* Effect.exit(Effect.scoped(Effect.andThen(one.acquire("name", once), Effect.die("a bug of the holder"))))
    yield* isFree(other, "name", "its holder died")
    const holder = yield* Effect.forkChild(Effect.scoped(Effect.andThen(one.acquire("name", patient), Effect.never)))
    yield* Effect.sleep("1 second")
    yield* isTaken(other, "name", "its holder lives")
    yield* Fiber.interrupt(holder)
    yield* isFree(other, "name", "its holder was interrupted")
  }),

  "locks of different names are independent, unusual names too": Effect.fnUntraced(function*(one, other) {
    for (const name of oddTexts) yield* one.acquire(name, once)
    for (const [i, name] of oddTexts.entries()) yield* isTaken(other, name, `odd name ${i}`)
  }),

  "there is never more than one holder": Effect.fnUntraced(function*(one, other) {
    let inside = 0
    let most = 0
    const enter = Effect.fnUntraced(function*(n: number) {
      yield* (n % 2 === 0 ? one : other).acquire("name", patient)
      most = Math.max(most, ++inside)
      yield* Effect.sleep("10 millis")
      inside--
    }, Effect.scoped)
    yield* Effect.all(Array.from({ length: 10 }, (_, n) => enter(n)), { concurrency: "unbounded" })
    yield* same(most, 1, "at most so many at once")
  }),

  "tokens grow from holder to holder": Effect.fnUntraced(function*(one, other) {
    let last = -1n
    for (let i = 0; i < 20; i++) {
      const { letGo, token } = yield* hold(i % 3 === 0 ? one : other, "name")
      yield* same(token > last, true, `${token} is larger than ${last}`)
      last = token
      yield* letGo
    }
  })
}

const waitingLaws: Record<string, Check> = {
  "a waiting caller gets the lock when it is released": Effect.fnUntraced(function*(one, other) {
    for (const lock of [one, other]) {
      const holder = yield* hold(one, "name", { ...once, lease: "1 minute" })
      const waiter = yield* Effect.forkChild(elapsed(hold(lock, "name", patient)))
      yield* Effect.sleep("2 seconds")
      yield* holder.letGo
      const [millis, next] = yield* Fiber.join(waiter)
      yield* isBetween(millis, 1000, 3000, "it is let go after 2000 ms")
      yield* next.letGo
    }
  }),

  "a waiting caller fails after its wait, not before": Effect.fnUntraced(function*(one, other) {
    yield* one.acquire("name", { ...once, lease: "1 minute" })
    for (const lock of [one, other]) {
      const waiting = Effect.exit(Effect.scoped(lock.acquire("name", { ...patient, wait: "500 millis" })))
      const [millis, exit] = yield* elapsed(waiting)
      yield* same(reasonOf(exit), "Timeout", "it fails")
      yield* isBetween(millis, 500 - early, 1500, "it waits")
    }
  }),

  "a waiting caller is served although the one before it gave up": Effect.fnUntraced(function*(one, other) {
    const holder = yield* hold(one, "name", { ...once, lease: "1 minute" })
    const wait = (wait: Duration.Input) =>
      Effect.forkChild(elapsed(Effect.exit(hold(other, "name", { ...once, wait }))), { startImmediately: true })
    const impatient = yield* wait("300 millis")
    const next = yield* wait("20 seconds")
    yield* Fiber.join(impatient)
    yield* Effect.sleep("700 millis")
    yield* holder.letGo
    const [millis] = yield* Fiber.join(next)
    yield* isBetween(millis, 1000 - early, 2000, "it is let go after 1000 ms")
  }),

  "an interrupted waiting caller leaves nothing behind": Effect.fnUntraced(function*(one, other) {
    const holder = yield* hold(one, "name", { ...once, lease: "1 minute" })
    const waiters = yield* Effect.forEach(
      [one, other, other, one],
      (lock) => Effect.forkChild(Effect.scoped(Effect.andThen(lock.acquire("name", patient), Effect.never)))
    )
    yield* Effect.sleep("200 millis")
    yield* Fiber.interruptAll(waiters)
    yield* holder.letGo
    yield* isFree(one, "name", "neither held nor awaited")
    yield* isFree(other, "name", "neither held nor awaited")
  })
}

const leaseLaws: Record<string, Check> = {
  "a running holder keeps the lock beyond its lease": Effect.fnUntraced(function*(one, other) {
    // The lock renews the lease every 500 ms, so the lease is lost only if a renewal is more than 1000 ms late.
    const lease = yield* one.acquire("name", { ...once, lease: "1500 millis" })
    const lost = yield* Effect.forkChild(lease.lost)
    for (let i = 0; i < 8; i++) {
      yield* Effect.sleep("500 millis")
      yield* isTaken(other, "name", `${(i + 1) * 500} ms into a lease of 1500`)
    }
    yield* same(lost.pollUnsafe(), undefined, "it is not lost")
  }),

  "a stopped holder loses the lock to one other at the end of its lease": Effect.fnUntraced(
    function*(one, other) {
      const stopped = stoppable(yield* Clock.Clock)
      const late = yield* hold(one, "name", { ...once, lease: "1 second" }).pipe(
        Effect.provideService(Clock.Clock, stopped.clock)
      )
      stopped.stop()
      const [millis, next] = yield* elapsed(hold(other, "name", patient))
      yield* isBetween(millis, 500, 2000, "the lease has 1000 ms left at most")
      yield* isTaken(one, "name", "the next one holds it")
      yield* same(next.token > late.token, true, "the next one's token is larger")

      const lost = yield* Effect.forkChild(Effect.exit(late.lost))
      stopped.go()
      yield* Effect.sleep("1 second")
      yield* same(lost.pollUnsafe() && reasonOf(yield* Fiber.join(lost)), "Lost", "the late holder has lost it")
      yield* late.letGo
      yield* isTaken(one, "name", "the late holder releases nothing")
      yield* isTaken(other, "name", "the late holder releases nothing")
      yield* next.letGo
      yield* isFree(one, "name", "the next one has let go")
    }
  ),

  "a holder that was stopped without a successor still has the lock, or its lost fails": Effect.fnUntraced(
    function*(one, other) {
      const stopped = stoppable(yield* Clock.Clock)
      const late = yield* hold(one, "name", { ...once, lease: "1 second" }).pipe(
        Effect.provideService(Clock.Clock, stopped.clock)
      )
      stopped.stop()
      yield* Effect.sleep("2 seconds")
      stopped.go()
      const lost = yield* Effect.forkChild(Effect.exit(late.lost))
      yield* Effect.sleep("100 millis")
      yield* lost.pollUnsafe() === undefined
        ? isTaken(other, "name", "the late holder still has it")
        : isFree(other, "name", "the late holder has lost it")
    }
  )
}

/** Simulates a process that is stopped and continued by signals: while the clock is stopped, no sleep ends. */
const stoppable = (clock: Clock.Clock) => {
  const running = Latch.makeUnsafe(true)
  return {
    stop: () => running.closeUnsafe(),
    go: () => running.openUnsafe(),
    clock: {
      currentTimeMillisUnsafe: () => clock.currentTimeMillisUnsafe(),
      currentTimeMillis: clock.currentTimeMillis,
      currentTimeNanosUnsafe: () => clock.currentTimeNanosUnsafe(),
      currentTimeNanos: clock.currentTimeNanos,
      monotonicTimeNanosUnsafe: () => clock.monotonicTimeNanosUnsafe(),
      monotonicTimeNanos: clock.monotonicTimeNanos,
      sleep: (duration) => Effect.andThen(clock.sleep(duration), running.await)
    } satisfies Clock.Clock
  }
}
