/** The locks that a transaction holds: renewed together, and released together. */
import { describe, expect } from "@effect/vitest"
import { Effect, Fiber, Layer } from "effect"
import { Cached, CacheLayer, Transaction } from "effect-cached"
import { Lock } from "effect-cached/adapters"
import { SqliteGuards } from "effect-cached/sqlite"
import { TestClock } from "effect/testing"
import { start } from "../support/caches.ts"
import { lockOf } from "../support/services.ts"
import { tempDirectory } from "../support/tempDirectory.ts"
import { test } from "../support/tests.ts"

/** A backend of locks, and a record of its calls. */
const place = (hangs: ReadonlySet<string> = new Set()) => {
  const held = new Map<string, { readonly token: bigint; readonly until: number }>()
  const released: Array<ReadonlyArray<string>> = []
  const renewed: Array<string> = []
  let last = 0n
  const free = (name: string, token: bigint) => held.get(name)?.token === token && held.delete(name)
  const now = Effect.clockWith((clock) => Effect.succeed(clock.currentTimeMillisUnsafe()))
  const backend: Lock.Backend = {
    name: "place",
    tryAcquire: (name, leaseMillis) =>
      Effect.map(now, (now): Lock.Acquired => {
        const leftMillis = (held.get(name)?.until ?? 0) - now
        if (leftMillis > 0) return { _tag: "Wait", leftMillis }
        held.set(name, { token: ++last, until: now + leaseMillis })
        return { _tag: "Held", token: last }
      }),
    renew: (name, token, leaseMillis) =>
      Effect.flatMap(now, (now) => {
        renewed.push(name)
        if (hangs.has(name)) return Effect.never
        if (held.get(name)?.token !== token) return Effect.succeed(false)
        held.set(name, { token, until: now + leaseMillis })
        return Effect.succeed(true)
      }),
    release: (name, token) => Effect.sync(() => void (released.push([name]), free(name, token)))
  }
  const releaseMany: Lock.Backend["releaseMany"] = (all) =>
    Effect.sync(() => {
      released.push(all.map(({ name }) => name))
      for (const { name, token } of all) free(name, token)
    })
  return { backend, releaseMany, held, released, renewed }
}

const over = (lock: Lock.Lock) => Layer.merge(CacheLayer.memory(), Layer.succeed(Lock.Lock, lock))

/** Writes two keys, and then runs for so long. */
const writing = (millis: number) =>
  Transaction.run(
    Effect.gen(function*() {
      yield* Cached.set("a", 1)
      yield* Effect.sleep(1000)
      yield* Cached.set("b", 1)
      yield* Effect.sleep(millis)
    }),
    { timeout: "1 hour" }
  )

/** In steps: each is a turn of its own. */
const pass = (millis: number) =>
  Effect.forEach(Array.from({ length: millis / 500 }), () => TestClock.adjust(500), { discard: true })

const isHeld = (names: ReadonlyArray<string>, { held }: ReturnType<typeof place>) =>
  Effect.clockWith((clock) =>
    Effect.sync(() => names.map((name) => (held.get(name)?.until ?? 0) > clock.currentTimeMillisUnsafe()))
  )

describe("the locks of a transaction", () => {
  test("are renewed as long as it runs, and released in one step", function*() {
    const one = place()
    const layer = over(Lock.make({ ...one.backend, releaseMany: one.releaseMany }))
    const fiber = yield* start(Effect.provide(writing(30_000), layer))
    for (let seconds = 2; seconds < 30; seconds++) {
      yield* pass(1000)
      expect(yield* isHeld(["tx:a", "tx:b"], one)).toEqual([true, seconds > 1])
    }
    expect(one.released).toEqual([])
    yield* pass(5000)
    yield* Fiber.join(fiber)
    expect(one.released).toEqual([["tx:a", "tx:b"]])
    expect(one.held.size).toBe(0)
    const { length } = one.renewed
    yield* pass(20_000)
    expect(one.renewed.length).toBe(length)
  })

  test("of many keys are renewed and released in pieces, and others have their turn in between", function*() {
    const one = place()
    const layer = over(Lock.make({ ...one.backend, releaseMany: one.releaseMany }))
    const done = { renewed: 0, released: 0 }
    /** How much was done in one turn of the others. */
    let most = 0
    const watching = Effect.forever(Effect.andThen(
      Effect.sync(() => {
        const now = { renewed: one.renewed.length, released: one.released.flat().length }
        most = Math.max(most, now.renewed - done.renewed, now.released - done.released)
        Object.assign(done, now)
      }),
      Effect.yieldNow
    ))
    const keys = Array.from({ length: 1500 }, (_, i) => `k${i}`)
    const program = Transaction.run(
      Effect.andThen(Cached.setMany(keys.map((key) => [key, 1] as const)), Effect.sleep(2500)),
      { timeout: "1 hour" }
    )
    const fiber = yield* start(Effect.provide(program, layer))
    while (one.held.size < 1500) yield* Effect.yieldNow
    const watched = yield* Effect.forkChild(watching)
    yield* pass(10_000)
    yield* Fiber.join(fiber)
    yield* Fiber.interrupt(watched)
    expect(one.renewed.length).toBeGreaterThanOrEqual(1500)
    expect(one.released.flat().sort()).toEqual(keys.map((key) => `tx:${key}`).sort())
    expect(one.held.size).toBe(0)
    expect(most).toBeGreaterThan(0)
    expect(most).toBeLessThanOrEqual(512)
  })

  test("are released one by one where the place has no step for several, also when it fails", function*() {
    const one = place()
    const failing = Transaction.run(Effect.andThen(Cached.setMany([["a", 1], ["b", 2]]), Effect.fail("no")))
    expect(yield* Effect.flip(Effect.provide(failing, over(Lock.make(one.backend))))).toBe("no")
    expect(one.released).toEqual([["tx:a"], ["tx:b"]])
    expect(one.held.size).toBe(0)
  })

  test("do not end because a place does not answer to the renewal of another one", function*() {
    const one = place(new Set(["tx:a"]))
    const fiber = yield* start(Effect.provide(writing(30_000), over(Lock.make(one.backend))))
    yield* pass(25_000)
    expect(yield* isHeld(["tx:a", "tx:b"], one)).toEqual([false, true])
    yield* pass(10_000)
    yield* Fiber.join(fiber)
  })

  test("are not renewed, and not taken from their new holder, when they are lost", function*() {
    const one = place()
    const fiber = yield* start(Effect.provide(writing(30_000), over(Lock.make(one.backend))))
    yield* pass(2000)
    const other = { token: 100n, until: 1e9 }
    one.held.set("tx:a", other)
    yield* pass(3000)
    const asked = one.renewed.filter((name) => name === "tx:a").length
    yield* pass(30_000)
    yield* Fiber.join(fiber)
    expect(one.renewed.filter((name) => name === "tx:a").length).toBe(asked)
    expect(one.held).toEqual(new Map([["tx:a", other]]))
  })

  test("of a lock that was not made here are held until its end too", function*() {
    const held = new Set<string>()
    const lock: Lock.Lock = {
      name: "somebody else's",
      acquire: (name) =>
        Effect.acquireRelease(
          Effect.sync(() => (held.add(name), { token: 1n, lost: Effect.never })),
          () => Effect.sync(() => held.delete(name))
        ),
      isLocked: (name) => Effect.succeed(held.has(name))
    }
    const program = Transaction.run(
      Effect.andThen(Cached.setMany([["a", 1], ["b", 2]]), Effect.sync(() => Array.from(held)))
    )
    expect(yield* Effect.provide(program, over(lock))).toEqual(["tx:a", "tx:b"])
    expect(held.size).toBe(0)
  })

  test("on disk keep other processes out, and are free after it", function*() {
    const directory = yield* tempDirectory
    const other = yield* lockOf(SqliteGuards.layer({ directory }))
    const locked = Effect.forEach(["tx:a", "tx:b"], other.isLocked)
    const program = Transaction.run(Effect.andThen(Cached.setMany([["a", 1], ["b", 2]]), locked))
    expect(yield* Effect.provide(program, CacheLayer.disk({ directory }))).toEqual([true, true])
    expect(yield* locked).toEqual([false, false])
  })
})
