/** Effects and streams that run one at a time. */
import { describe, expect, it } from "@effect/vitest"
import { type Cause, Deferred, Duration, Effect, Exit, Fiber, Queue, Stream } from "effect"
import { Cached, CacheError, CacheLayer, Guard } from "effect-cached"
import { Lock } from "effect-cached/adapters"
import { MemoryGuards } from "effect-cached/memory"
import { TestClock } from "effect/testing"
import { test, testIn } from "../support/tests.ts"

const inMemory = testIn(MemoryGuards.layer)

const isHeld = Effect.flatMap(Lock.Lock, (lock) => lock.isLocked("door"))

const onItsOwn = Effect.provide(MemoryGuards.layer)

const token = Effect.map(Guard.Held, ({ token }) => token)

describe("Guard.locked", () => {
  inMemory("CA-18 · CA-42 · AI-19 · one at a time, in the order of their calls, for ever if need be", function*() {
    let running = 0
    let most = 0
    const ended: Array<number> = []
    const job = (n: number) =>
      Effect.gen(function*() {
        most = Math.max(most, ++running)
        yield* Effect.sleep("1 hour")
        running--
        ended.push(n)
      }).pipe(Guard.locked({ key: "door" }))
    const fiber = yield* Effect.forkChild(Effect.all([job(1), job(2), job(3)], { concurrency: "unbounded" }))
    yield* TestClock.adjust("3 hours")
    yield* TestClock.adjust("1 second")
    yield* Fiber.join(fiber)
    expect([most, ended]).toEqual([1, [1, 2, 3]])
    expect(yield* isHeld).toBe(false)
  })

  inMemory(
    "CA-42 · wait: 0 tries once, a duration ends with Timeout, which says how long the holder has its lease",
    function*() {
      const holder = yield* Effect.forkChild(Effect.never.pipe(Guard.locked({ key: "door", lease: "9 seconds" })))
      yield* Effect.yieldNow
      const once = Effect.void.pipe(Guard.locked({ key: "door", wait: 0 }))
      expect(yield* Effect.flip(once)).toMatchObject({
        _tag: "LockError",
        reason: "Timeout",
        retryAfter: Duration.seconds(9),
        retryAfterHeader: "9"
      })
      const waiting = yield* Effect.forkChild(
        Effect.void.pipe(Guard.locked({ key: "door", wait: "20 seconds" }), Effect.exit)
      )
      yield* TestClock.adjust("19 seconds")
      expect(waiting.pollUnsafe()).toBeUndefined()
      yield* TestClock.adjust("1 second")
      expect(yield* Fiber.join(waiting)).toMatchObject({ _tag: "Failure" })
      // An expired lock of cashews blocks until it is swept, and any caller may release it.
      yield* Fiber.interrupt(holder)
      yield* once
    }
  )

  inMemory("releases after a failure, a defect and an interruption", function*() {
    const guard = Guard.locked({ key: "door", wait: 0 })
    expect(yield* Effect.flip(Effect.fail("mine").pipe(guard))).toBe("mine")
    expect(yield* isHeld).toBe(false)
    expect(Exit.isFailure(yield* Effect.exit(Effect.die("broken").pipe(guard)))).toBe(true)
    expect(yield* isHeld).toBe(false)
    const fiber = yield* Effect.forkChild(Effect.never.pipe(guard))
    yield* Effect.yieldNow
    expect(yield* isHeld).toBe(true)
    yield* Fiber.interrupt(fiber)
    expect(yield* isHeld).toBe(false)
    expect(yield* Effect.succeed(1).pipe(guard)).toBe(1)
  })

  inMemory("a token inside, which grows", function*() {
    const held = token.pipe(Guard.locked({ key: "door" }))
    const first = yield* held
    expect((yield* held) > first).toBe(true)
    // @ts-expect-error outside of a lock there is none
    const outside: Effect.Effect<bigint> = token
    expect(Exit.isFailure(yield* Effect.exit(outside))).toBe(true)
  })

  inMemory("CA-42 · a stream holds the lock to its end, and while it is not pulled", function*() {
    const gate = yield* Deferred.make<void>()
    const pages = Stream.make(1, 2).pipe(
      Stream.concat(Stream.fromEffect(Effect.as(Deferred.await(gate), 3))),
      Guard.locked({ key: "door", wait: 0 })
    )
    const reader = yield* Effect.forkChild(Stream.runCollect(pages))
    yield* TestClock.adjust("1 hour")
    expect(yield* isHeld).toBe(true)
    expect(yield* Effect.flip(Stream.runCollect(pages))).toMatchObject({ reason: "Timeout" })
    yield* Deferred.succeed(gate, undefined)
    expect(yield* Fiber.join(reader)).toEqual([1, 2, 3])
    expect(yield* isHeld).toBe(false)
    expect(yield* Stream.runCollect(Stream.take(Guard.locked(pages, { key: "window" }), 1))).toEqual([1])
    expect(yield* isHeld).toBe(false)
    const tokens = yield* Stream.runCollect(Stream.fromEffect(token).pipe(Guard.locked({ key: "door" })))
    expect(tokens).toHaveLength(1)
  })

  inMemory("a fiber that a stream has forked lives as long as the stream", function*() {
    const counted = Effect.gen(function*() {
      const numbers = yield* Queue.unbounded<number, Cause.Done>()
      const counting = Effect.forEach([1, 2], (n) => Effect.delay(Queue.offer(numbers, n), "1 second"))
      yield* Effect.forkChild(Effect.andThen(counting, Queue.end(numbers)))
      return Stream.fromQueue(numbers)
    })
    const reader = yield* Effect.forkChild(
      Stream.runCollect(Guard.locked(Stream.unwrap(counted), { key: "door" }))
    )
    yield* TestClock.adjust("10 seconds")
    expect(yield* Fiber.join(reader)).toEqual([1, 2])
  })

  it.effect("inside a cached effect it runs once, and a reader that joins waits for no lock", () =>
    Effect.gen(function*() {
      let loads = 0
      const report = Effect.sync(() => ++loads).pipe(
        Guard.locked({ key: "door" }),
        Cached.ttl("report", { ttl: "1 hour" })
      )
      expect(yield* Effect.all([report, report, report], { concurrency: "unbounded" })).toEqual([1, 1, 1])
    }).pipe(Effect.provide(CacheLayer.memory()), onItsOwn))
})

/** A lock whose answers can be set: of `Lock.make`, or one that has nothing but what a `Lock` must have. */
const place = (isOwn: boolean) => {
  const self = { renews: true, fails: false, released: 0 }
  const unavailable = new CacheError.LockError({ lock: "door", reason: "Unavailable" })
  const lock = Lock.make({
    name: "told",
    tryAcquire: () =>
      Effect.suspend(() => self.fails ? Effect.fail(unavailable) : Effect.succeed({ _tag: "Held", token: 1n })),
    renew: () => Effect.sync(() => self.renews),
    release: () => Effect.sync(() => void self.released++)
  })
  return Object.assign(self, { provided: Effect.provideService(Lock.Lock, isOwn ? { ...lock } : lock) })
}

describe.each([["of Lock.make", false], ["of somebody's own", true]])("a lock %s that is lost", (_, isOwn) => {
  test("interrupts the effect and fails with Lost", function*() {
    const told = place(isOwn)
    let interrupted = false
    const job = Effect.never.pipe(
      Effect.onInterrupt(() => Effect.sync(() => interrupted = true)),
      Guard.locked({ key: "door", lease: "3 seconds" }),
      told.provided
    )
    const fiber = yield* Effect.forkChild(Effect.flip(job))
    yield* TestClock.adjust("10 seconds")
    expect(fiber.pollUnsafe()).toBeUndefined()
    told.renews = false
    yield* TestClock.adjust("1 second")
    expect(yield* Fiber.join(fiber)).toMatchObject({ _tag: "LockError", reason: "Lost" })
    expect([interrupted, told.released]).toEqual([true, 1])
  })

  test("ends a stream with Lost, also one that waits for its next element", function*() {
    const told = place(isOwn)
    let closed = false
    const pages = Stream.make(1).pipe(
      Stream.concat(Stream.never),
      Stream.ensuring(Effect.sync(() => closed = true)),
      Guard.locked({ key: "door", lease: "3 seconds" })
    )
    const fiber = yield* Effect.forkChild(Effect.flip(Stream.runDrain(pages)).pipe(told.provided))
    yield* TestClock.adjust("10 seconds")
    expect(fiber.pollUnsafe()).toBeUndefined()
    told.renews = false
    yield* TestClock.adjust("1 second")
    expect(yield* Fiber.join(fiber)).toMatchObject({ _tag: "LockError", reason: "Lost" })
    expect([closed, told.released]).toEqual([true, 1])
  })

  test("an effect that ignores its interruption holds up the release, so that no other one runs beside it", function*() {
    const told = place(isOwn)
    let ended = false
    const job = Effect.sleep("1 minute").pipe(
      Effect.andThen(Effect.sync(() => ended = true)),
      Effect.uninterruptible,
      Guard.locked({ key: "door", lease: "3 seconds" }),
      told.provided
    )
    const fiber = yield* Effect.forkChild(Effect.flip(job))
    told.renews = false
    yield* TestClock.adjust("30 seconds")
    expect([ended, told.released]).toEqual([false, 0])
    yield* TestClock.adjust("30 seconds")
    expect(yield* Fiber.join(fiber)).toMatchObject({ reason: "Lost" })
    expect([ended, told.released]).toEqual([true, 1])
  })

  test("an effect that is interrupted or fails while it holds it releases it once", function*() {
    const told = place(isOwn)
    const guard = Guard.locked({ key: "door", lease: "3 seconds" })
    const fiber = yield* Effect.forkChild(Effect.never.pipe(guard, told.provided))
    yield* TestClock.adjust("10 seconds")
    yield* Fiber.interrupt(fiber)
    expect(told.released).toBe(1)
    expect(yield* Effect.flip(Effect.fail("mine").pipe(guard, told.provided))).toBe("mine")
    expect(Exit.isFailure(yield* Effect.exit(Effect.die("bug").pipe(guard, told.provided)))).toBe(true)
    expect(told.released).toBe(3)
  })

  test("a place of locks that fails is Unavailable: the effect does not run", function*() {
    const told = place(isOwn)
    told.fails = true
    let runs = 0
    const job = Effect.sync(() => ++runs).pipe(Guard.locked({ key: "door" }), told.provided)
    expect(yield* Effect.flip(job)).toMatchObject({ reason: "Unavailable" })
    expect(runs).toBe(0)
  })
})

describe("bad input is a CacheConfigError where the guard is made", () => {
  it.each([
    ["no key", () => Guard.locked({} as never), /Guard.locked needs "key"/],
    ["a lease of zero", () => Guard.locked({ key: "a", lease: 0 }), /lease of Guard.locked must be longer than 0/],
    ["a lease without end", () => Guard.locked({ key: "a", lease: "Infinity" }), /at most a century/],
    ["a negative wait", () => Guard.locked({ key: "a", wait: -1 }), /wait of Guard.locked must be 0 or longer/],
    ["a wait that is no duration", () => Guard.locked({ key: "a", wait: "soon" as never }), /not a duration/],
    ["an unknown option", () => Guard.locked({ key: "a", waits: 1 } as never), /did you mean "wait"/]
  ])("%s", (_, make, message) => {
    expect(make).toThrow(CacheError.CacheConfigError)
    expect(make).toThrow(message)
  })
})
