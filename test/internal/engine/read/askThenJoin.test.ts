/** Reads beside a requested refresh, which does not read the store: they ask the store before they join it. */
import { expect } from "@effect/vitest"
import { Effect, Exit } from "effect"
import { Cached, CacheError, CachePolicy, type Caching } from "effect-cached"
import { StoreError } from "effect-cached/CacheError"
import { TestClock } from "effect/testing"
import { elapse, ended, fakeStore, over, settle, start, within } from "../../../support/caches.ts"
import { test } from "../../../support/tests.ts"

const slow = Effect.delay(Effect.succeed("loaded"), "1 second")

const plain = (options: object = {}) =>
  Cached.ttl(slow, "k", { ttl: "1 hour", ...options }) as Effect.Effect<string, unknown, Caching.Caching>

/**
 * The answers to a read after 100 ms, and after a second more, if it begins while a value of a day ago is loaded
 * again.
 */
const beside = (
  read: Effect.Effect<unknown, unknown, Caching.Caching>,
  options: { readonly meanwhile?: Effect.Effect<unknown, unknown, Caching.Caching>; readonly fails?: boolean } = {}
) => {
  const fake = fakeStore()
  return within(
    over(fake, { memory: false }),
    Effect.gen(function*() {
      yield* TestClock.adjust("1 day")
      yield* Cached.set("k", "stored", { ttl: "2 days" })
      yield* TestClock.adjust("1 day")
      yield* start(CachePolicy.refresh(plain()))
      yield* settle
      fake.behave = (operation) =>
        operation !== "get" ? {} : options.fails
          ? { before: Effect.fail(new StoreError({ store: "fake", operation: "get", reason: "Unavailable" })) }
          : { before: Effect.sleep(10) }
      const reader = yield* start(Cached.detect(read))
      yield* elapse(5)
      yield* options.meanwhile ?? Effect.void
      yield* elapse(95)
      const seen = () => {
        const exit = ended(reader)
        return exit !== "still waiting" && Exit.isSuccess(exit) ? exit.value : exit
      }
      const first = seen()
      yield* elapse("1 second")
      const { stale, storeHits } = yield* Cached.stats
      return { first, later: seen(), storeHits, stale }
    })
  )
}

const joined = ["loaded", [{ source: "joined" }]]

test("what the store has is served at once", function*() {
  expect(yield* beside(plain())).toMatchObject({ first: ["stored", [{ source: "store" }]], storeHits: 1, stale: 0 })
})

test("what is due is served without another load", function*() {
  const due = Cached.refreshAhead(slow, "k", { ttl: "3 days", refreshAfter: "1 minute" })
  expect(yield* beside(due)).toMatchObject({ first: ["stored", [{ source: "store" }]], storeHits: 1, stale: 0 })
})

test("what the reader's strategy does not want is not served, and the refresh is joined", function*() {
  const failover = Cached.failover(slow, "k", { ttl: "3 days" })
  expect(yield* beside(failover)).toMatchObject({ first: "still waiting", later: joined, storeHits: 0 })
})

test("what may have changed since the store was asked is not served", function*() {
  expect(yield* beside(plain(), { meanwhile: Cached.set("other", 1) })).toMatchObject({
    first: "still waiting",
    later: joined,
    storeHits: 0
  })
})

test("a store that fails is a failure of a strict read alone", function*() {
  expect(yield* beside(plain(), { fails: true })).toMatchObject({ first: "still waiting", later: joined })
  const { first } = yield* beside(CachePolicy.strict(plain()), { fails: true })
  expect(Exit.isExit(first) && Exit.isFailure(first)).toBe(true)
})

test("the time of the question counts as time of the read", function*() {
  const { first } = yield* beside(plain({ timeout: 8 }))
  expect(first).not.toBe("still waiting")
  expect(Exit.isExit(first) && Exit.isFailure(first) && first.cause.reasons[0]).toMatchObject({
    error: expect.any(CacheError.LoadTimeout)
  })
  expect(yield* beside(plain({ timeout: "10 seconds", tags: ["t"] }), { meanwhile: Cached.set("other", 1) }))
    .toMatchObject({
      later: joined
    })
})
