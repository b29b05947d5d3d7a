/** A store that goes wrong in a later wave of a bulk call: the call continues, warns once, and waits for one budget. */
import { describe, expect, it } from "@effect/vitest"
import { Clock, Deferred, Effect, Exit, Fiber, Option } from "effect"
import { Cached, CachePolicy } from "effect-cached"
import { StoreError } from "effect-cached/CacheError"
import { TestClock } from "effect/testing"
import { found, idOf, key, over, payloads, process, read, sharedStore, take } from "../support/bulkCalls.ts"
import { ended, settle, start } from "../support/caches.ts"
import { warningsOf } from "../support/logged.ts"

const count = 1000
const wave = 256
const budgetMillis = 1000

type Asked = "getMany" | "get" | "markers" | "renewMany"

const outcomes: Readonly<Record<string, (operation: Asked) => Effect.Effect<never, StoreError>>> = {
  fails: (operation) => Effect.fail(new StoreError({ store: "s", operation, reason: "Unavailable" })),
  hangs: () => Effect.never,
  "dies of a bug": () => Effect.die(new Error("a bug")),
  lies: () => Effect.succeed(["of another kind"] as never)
}

/** Two processes over one store, which goes wrong for the first one when an operation is asked for the n-th time. */
const twoProcesses = Effect.fnUntraced(function*(operation: Asked, how: string, nth = 2) {
  const state = { asked: 0, isWrong: false }
  const { layer, store } = sharedStore((store) => ({
    [operation]: (...args: ReadonlyArray<never>) =>
      Effect.suspend(() => {
        if (state.isWrong && ++state.asked === nth) return outcomes[how]!(operation)
        return (store[operation] as unknown as (...args: ReadonlyArray<never>) => Effect.Effect<never, StoreError>)(
          ...args
        )
      })
  }))
  const here = yield* process(over(layer, { storeTimeout: budgetMillis, lease: 2400 }))
  const there = yield* process(over(layer))
  return { here, there, store, state }
})

/** Lets a reader run until it ends. Returns its answer, and how long it has waited. */
const timed = Effect.fnUntraced(function*<A, E, R>(reading: Effect.Effect<A, E, R>) {
  const beganAt = yield* Clock.currentTimeMillis
  const fiber = yield* start(reading)
  yield* settle
  for (let i = 0; i < 100 && fiber.pollUnsafe() === undefined; i++) {
    yield* TestClock.adjust("100 millis")
    yield* settle
  }
  const exit = ended(fiber)
  expect(exit).not.toBe("still waiting")
  return [yield* exit as Exit.Exit<A, E>, (yield* Clock.currentTimeMillis) - beganAt] as const
})

const incidents = (warnings: ReadonlyArray<string>) => warnings.filter((text) => text.includes("The store"))

const all = payloads(count)
const keys = all.map(({ id }) => key(id))
const texts = (exits: ReadonlyArray<Exit.Exit<string, string>>) =>
  exits.map((exit) => Exit.isSuccess(exit) && exit.value)

describe.each(Object.keys(outcomes))("P4 · a store that %s in the second wave", (how) => {
  const hangs = how === "hangs"

  describe.each(["getMany", "get"] as const)("when it is asked for entries or their tags (%s)", (operation) => {
    it.effect("leaves the other waves of a read as they are stored", () =>
      Effect.gen(function*() {
        const warnings = yield* warningsOf(
          Effect.gen(function*() {
            const { here, state, store, there } = yield* twoProcesses(operation, how)
            yield* there(read(count))
            state.isWrong = true
            const [exits, millis] = yield* timed(here(read(count, Effect.void, "new")))
            // A store that hangs is not asked again. Another finds the entries when it is asked for their leases.
            expect(texts(exits)).toEqual(all.map(({ id }) => hangs && id >= wave ? `new ${id}` : `old ${id}`))
            expect(millis).toBe(hangs ? budgetMillis : 0)
            // The results that could not be stored are in memory, and no lease is left.
            expect(yield* here(found(999))).toBe(hangs ? "new 999" : "old 999")
            expect(yield* there(found(999))).toBe("old 999")
            for (const id of [0, 300, 999]) expect(yield* take(store, id)).toMatchObject({ _tag: "Hit" })
          }).pipe(Effect.scoped)
        )
        expect(incidents(warnings)).toHaveLength(1)
      }))

    it.effect("leaves the other waves of a look-up as they are stored", () =>
      Effect.gen(function*() {
        const warnings = yield* warningsOf(
          Effect.gen(function*() {
            const { here, state, there } = yield* twoProcesses(operation, how)
            yield* there(read(count))
            state.isWrong = true
            const [options, millis] = yield* timed(here(Cached.getMany(keys)))
            expect(options.map(Option.getOrUndefined)).toEqual(
              all.map(({ id }) => id < wave || (!hangs && id >= 2 * wave) ? `old ${id}` : undefined)
            )
            expect(millis).toBe(hangs ? budgetMillis : 0)
            expect(yield* here(found(300))).toBe("old 300")
          }).pipe(Effect.scoped)
        )
        expect(incidents(warnings)).toHaveLength(1)
      }))

    it.effect("fails a strict look-up, after one budget", () =>
      Effect.gen(function*() {
        const { here, state, there } = yield* twoProcesses(operation, how)
        yield* there(read(count))
        state.isWrong = true
        const [error, millis] = yield* timed(here(Effect.flip(CachePolicy.strict(Cached.getMany(keys)))))
        expect(error).toMatchObject({ _tag: "StoreError" })
        expect(millis).toBe(hangs ? budgetMillis : 0)
      }).pipe(Effect.scoped))
  })

  it.effect("when it is asked for markers, stores the results of the other waves", () =>
    Effect.gen(function*() {
      const warnings = yield* warningsOf(
        Effect.gen(function*() {
          const { here, state, store, there } = yield* twoProcesses("markers", how)
          state.isWrong = true
          const [exits, millis] = yield* timed(here(read(count)))
          expect(texts(exits)).toEqual(all.map(({ id }) => `old ${id}`))
          expect(millis).toBe(hangs ? budgetMillis : 0)
          expect(yield* here(found(300))).toBe("old 300")
          // A store that hangs is not asked to take the results of the first wave either.
          expect(yield* there(Effect.forEach([0, 300, 999], found))).toEqual(
            hangs ? [undefined, undefined, undefined] : ["old 0", undefined, "old 999"]
          )
          expect(yield* take(store, 300)).toMatchObject({ _tag: "Granted" })
        }).pipe(Effect.scoped)
      )
      expect(incidents(warnings)).toHaveLength(1)
    }))

  it.effect("when it is asked to renew leases, keeps the leases of the other waves, and takes all results", () =>
    Effect.gen(function*() {
      const warnings = yield* warningsOf(
        Effect.gen(function*() {
          const { here, state, store, there } = yield* twoProcesses("renewMany", how)
          state.isWrong = true
          const gate = yield* Deferred.make<void>()
          const reading = yield* start(here(read(count, Deferred.await(gate))))
          yield* settle
          const lost: Array<string> = []
          for (let millis = 100; millis <= 6000; millis += 100) {
            yield* TestClock.adjust(100)
            yield* settle
            for (const id of [0, 300, 600, 999]) {
              if ((yield* take(store, id))._tag === "Wait") continue
              yield* store.release(idOf(id), "other")
              lost.push(`${id} after ${millis} ms`)
            }
          }
          yield* Deferred.succeed(gate, undefined)
          expect(texts(yield* Fiber.join(reading))).toEqual(all.map(({ id }) => `old ${id}`))
          expect(yield* there(Effect.forEach([0, 300, 999], found))).toEqual(["old 0", "old 300", "old 999"])
          expect(lost).toEqual([])
        }).pipe(Effect.scoped)
      )
      expect(incidents(warnings)).toHaveLength(1)
    }))
})
