/** Locks over any backend: options, tokens, waiting callers, a backend that fails, any interleaving. */
import { describe, expect, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Layer, Scope } from "effect"
import { CacheError } from "effect-cached"
import { Lock } from "effect-cached/adapters"
import { MemoryGuards } from "effect-cached/memory"
import { SeededScheduler } from "effect-cached/testing"
import { TestClock } from "effect/testing"
import * as processLocks from "../src/internal/lock/process.ts"
import { dice as diceFrom } from "../src/testing/internal/dice.ts"
import { processLock } from "./support/services.ts"

const options = { lease: "3 seconds", wait: "1 minute" } as const

describe("options", () => {
  const lock = processLock()
  const wrong: ReadonlyArray<readonly [message: string, options: object]> = [
    ["lease of Lock.acquire must be longer than 0 and finite, not 0 ms", { lease: 0, wait: 0 }],
    ["lease of Lock.acquire must be longer than 0 and finite, not Infinity ms", { lease: Infinity, wait: 0 }],
    ["lease of Lock.acquire is not a duration", { lease: "soon", wait: 0 }],
    ["wait of Lock.acquire must be 0 or longer, not -1 ms", { lease: 1, wait: -1 }],
    ["wait of Lock.acquire is not a duration: NaN", { lease: 1, wait: Number.NaN }],
    ["Lock.acquire has no option \"ttl\"", { lease: 1, wait: 1, ttl: 1 }]
  ]
  for (const [message, options] of wrong) {
    it(`are refused at once: ${message}`, () => {
      expect(() => lock.acquire("name", options as Parameters<Lock.Lock["acquire"]>[1])).toThrow(message)
      expect(() => lock.acquire("name", options as Parameters<Lock.Lock["acquire"]>[1])).toThrow(
        CacheError.CacheConfigError
      )
    })
  }

  it.effect("a wait without end is fine", () =>
    Effect.gen(function*() {
      const first = yield* Scope.make()
      yield* Scope.provide(lock.acquire("name", options), first)
      const waiter = yield* Effect.forkChild(Effect.scoped(lock.acquire("name", { ...options, wait: Infinity })))
      yield* TestClock.adjust("10 minutes")
      yield* Scope.close(first, Exit.void)
      expect((yield* Fiber.join(waiter)).token).toBeGreaterThan(0n)
    }))
})

describe("the default", () => {
  it.effect("is one lock for the process", () =>
    Effect.gen(function*() {
      const lock = yield* Lock.Lock
      expect(lock.name).toBe("process")
      yield* lock.acquire("default", options)
      const again = yield* Lock.Lock
      const error = yield* Effect.flip(again.acquire("default", { ...options, wait: 0 }))
      expect(error).toEqual(new CacheError.LockError({ lock: "default", reason: "Timeout", retryAfterMillis: 3000 }))
    }))

  it.effect("is not what a layer provides", () =>
    Effect.gen(function*() {
      const inside = yield* Effect.provide(Lock.Lock, MemoryGuards.layer)
      expect(inside).not.toBe(yield* Lock.Lock)
      const mine = processLock()
      expect(yield* Effect.provide(Lock.Lock, Layer.succeed(Lock.Lock, mine))).toBe(mine)
    }))
})

describe("tokens", () => {
  it.effect("are not below the microseconds since 1970, so that they grow when the process starts again", () =>
    Effect.gen(function*() {
      yield* TestClock.setTime(1_700_000_000_000)
      const token = Effect.map(Effect.scoped(processLock().acquire("name", options)), ({ token }) => token)
      const before = yield* token
      expect(before).toBe(1_700_000_000_000_000n)
      yield* TestClock.adjust(1)
      expect(yield* token).toBeGreaterThan(before)
    }))

  it.effect("grow though the clock is set back", () =>
    Effect.gen(function*() {
      const lock = processLock()
      const token = Effect.map(Effect.scoped(lock.acquire("name", options)), ({ token }) => token)
      yield* TestClock.setTime(1_700_000_000_000)
      const before = yield* token
      yield* TestClock.setTime(1_600_000_000_000)
      expect(yield* token).toBe(before + 1n)
    }))
})

describe("waiting callers", () => {
  it.effect("are served in the order they came, and none overtakes", () =>
    Effect.gen(function*() {
      const lock = processLock()
      const served: Array<number> = []
      const first = yield* Scope.make()
      yield* Scope.provide(lock.acquire("name", options), first)
      const enter = (n: number) =>
        Effect.scoped(Effect.gen(function*() {
          yield* lock.acquire("name", options)
          served.push(n)
          yield* Effect.sleep("10 millis")
        }))
      const waiters = yield* Effect.forEach([0, 1, 2, 3, 4], (n) =>
        Effect.forkChild(enter(n), { startImmediately: true }))
      yield* Fiber.interrupt(waiters[2]!)
      yield* Scope.close(first, Exit.void)
      // The first is awake, but has not looked yet.
      const late = yield* Effect.exit(Effect.scoped(lock.acquire("name", { ...options, wait: 0 })))
      expect(Exit.isSuccess(late)).toBe(false)
      yield* TestClock.adjust("1 second")
      expect(served).toEqual([0, 1, 3, 4])
    }))

  it.effect("do not sleep through a lock that is given back while they ask", () =>
    Effect.gen(function*() {
      const kept = processLocks.make()
      const lock = Lock.make({
        ...kept,
        tryAcquire: (...input) => Effect.delay(kept.tryAcquire(...input), "10 millis")
      })
      // The answer is old when it comes.
      const stale = Lock.make({
        ...kept,
        tryAcquire: (...input) => Effect.tap(kept.tryAcquire(...input), Effect.sleep("10 millis"))
      })
      for (const waits of [lock, stale]) {
        const first = yield* Scope.make()
        const holding = yield* Effect.forkChild(Scope.provide(waits.acquire("name", options), first))
        yield* TestClock.adjust("10 millis")
        yield* Fiber.join(holding)
        const waiter = yield* Effect.forkChild(Effect.scoped(waits.acquire("name", options)), {
          startImmediately: true
        })
        yield* TestClock.adjust("5 millis")
        yield* Scope.close(first, Exit.void)
        yield* TestClock.adjust("30 millis")
        expect(waiter.pollUnsafe()).toBeDefined()
        yield* Fiber.join(waiter)
      }
    }))

  it.effect("cost one poll, however many they are", () =>
    Effect.gen(function*() {
      let asked = 0
      const lock = Lock.make({
        name: "held",
        pollMillis: 50,
        tryAcquire: () =>
          Effect.sync(() => {
            asked++
            return { _tag: "Wait", leftMillis: 10_000 }
          }),
        renew: () => Effect.succeed(true),
        release: () => Effect.void
      })
      const waiting = Effect.exit(Effect.scoped(lock.acquire("name", { ...options, wait: "1 second" })))
      const waiters = yield* Effect.forkChild(Effect.all(Array.from({ length: 1000 }, () => waiting), {
        concurrency: "unbounded"
      }))
      yield* TestClock.adjust("900 millis")
      expect(asked).toBeGreaterThan(15)
      expect(asked).toBeLessThan(25)
      yield* TestClock.adjust("100 millis")
      expect((yield* Fiber.join(waiters)).every(Exit.isFailure)).toBe(true)
    }))
})

describe("a place where locks are kept that fails", () => {
  const unavailable = Effect.fail(new CacheError.LockError({ lock: "name", reason: "Unavailable" }))
  const backend = (more: Partial<Lock.Backend>): Lock.Backend => ({
    name: "failing",
    tryAcquire: () => Effect.succeed({ _tag: "Held", token: 1n }),
    renew: () => Effect.succeed(true),
    release: () => Effect.void,
    ...more
  })

  it.effect("fails a caller that asks whether a lock is held, as does one that cannot answer (CA-18)", () =>
    Effect.gen(function*() {
      const reason = (more: Partial<Lock.Backend>) =>
        Effect.map(Effect.flip(Lock.make(backend(more)).isLocked("name")), ({ reason }) => reason)
      expect(yield* reason({ isHeld: () => unavailable })).toBe("Unavailable")
      expect(yield* reason({})).toBe("Unsupported")
    }))

  it.effect("fails the caller, and lets the next one ask", () =>
    Effect.gen(function*() {
      let fails = true
      const take = () => fails ? unavailable : backend({}).tryAcquire("", 0)
      const lock = Lock.make(backend({ tryAcquire: () => Effect.suspend(take) }))
      expect((yield* Effect.flip(lock.acquire("name", options))).reason).toBe("Unavailable")
      fails = false
      expect((yield* lock.acquire("name", options)).token).toBe(1n)
    }))

  const unanswered: ReadonlyArray<readonly [how: string, renew: Lock.Backend["renew"]]> = [
    ["fails", () => unavailable],
    ["dies", () => Effect.die("a bug")],
    ["does not answer", () => Effect.never]
  ]
  for (const [how, renew] of unanswered) {
    it.effect(`and ${how} when the lock is prolonged: it is lost at the lease's end, not before`, () =>
      Effect.gen(function*() {
        const { lost } = yield* Lock.make(backend({ renew })).acquire("name", options)
        const fiber = yield* Effect.forkChild(Effect.flip(lost))
        yield* TestClock.adjust("2999 millis")
        expect(fiber.pollUnsafe()).toBeUndefined()
        yield* TestClock.adjust("1 millis")
        expect((yield* Fiber.join(fiber)).reason).toBe("Lost")
      }))
  }

  it.effect("once in a while does no harm", () =>
    Effect.gen(function*() {
      let calls = 0
      const keep = () => calls++ % 3 === 2 ? Effect.succeed(true) : unavailable
      const { lost } = yield* Lock.make(backend({ renew: () => Effect.suspend(keep) })).acquire("name", options)
      const fiber = yield* Effect.forkChild(Effect.flip(lost))
      yield* TestClock.adjust("1 hour")
      expect(calls).toBeGreaterThan(1000)
      expect(fiber.pollUnsafe()).toBeUndefined()
    }))

  it.effect("to give a lock back does not fail its holder", () =>
    Effect.gen(function*() {
      const lock = Lock.make(backend({ release: () => Effect.die("a bug") }))
      expect(yield* Effect.scoped(Effect.as(lock.acquire("name", options), "done"))).toBe("done")
    }))
})

describe("any interleaving", () => {
  /** Fibers that acquire, work, fail, give up and are interrupted, under one schedule. */
  const program = (seed: number) => {
    const random = diceFrom(seed ^ 0xabc)
    const upTo = (most: number) => Math.floor(random.nextDoubleUnsafe() * most)
    const lock = processLock()
    const state = { inside: 0, most: 0, tokens: [] as Array<bigint>, wrong: 0 }
    const enter = Effect.fnUntraced(function*(wait: number, work: number) {
      const { token } = yield* lock.acquire("name", { lease: 30, wait })
      state.most = Math.max(state.most, ++state.inside)
      state.tokens.push(token)
      yield* Effect.ensuring(Effect.sleep(work), Effect.sync(() => state.inside--))
    }, Effect.scoped)
    const one = Effect.gen(function*() {
      yield* Effect.sleep(upTo(20))
      const fiber = yield* Effect.forkChild(enter(upTo(3) * 20, upTo(100)))
      if (upTo(3) === 0) {
        yield* Effect.sleep(upTo(40))
        yield* Fiber.interrupt(fiber)
      }
      yield* Fiber.await(fiber)
    })
    const all = Effect.all(Array.from({ length: 8 }, () => one), { concurrency: "unbounded" })
    const last = Effect.scoped(lock.acquire("name", { lease: 30, wait: 0 }))
    return { state, run: Effect.andThen(all, last) }
  }

  it("has one holder at a time, growing tokens, and no waiter left behind", () => {
    for (let seed = 0; seed < 300; seed++) {
      const { run, state } = program(seed)
      const { exit, fibers } = SeededScheduler.make({ seed }).run(run)
      expect([seed, exit?._tag, fibers, state.most, state.inside]).toEqual([seed, "Success", 0, 1, 0])
      expect(state.tokens).toEqual(state.tokens.toSorted((a, b) => a < b ? -1 : 1))
      expect(new Set(state.tokens).size).toBe(state.tokens.length)
    }
  })
})

it("a backend that is not complete is refused", () => {
  const backend = { name: "mine", renew: () => Effect.succeed(true), release: () => Effect.void }
  expect(() => Lock.make(backend as never)).toThrow("Lock.make needs \"tryAcquire\", a function")
  const whole = { ...backend, tryAcquire: () => Effect.succeed({ _tag: "Held", token: 1n }), isHeld: true }
  expect(() => Lock.make(whole as never)).toThrow("Lock.make needs \"isHeld\", a function")
  expect(() => Lock.make(undefined as never)).toThrow(CacheError.CacheConfigError)
})
