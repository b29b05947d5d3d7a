/** Reads beside a requested refresh, which does not read the store: they ask the store before they join it. */
import { expect, it } from "@effect/vitest"
import { Effect, Exit } from "effect"
import { Cached, CacheError, CachePolicy, type Caching } from "effect-cached"
import { StoreError } from "effect-cached/CacheError"
import { TestClock } from "effect/testing"
import { ended, fakeStore, over, settle, start, within } from "../../../support/caches.ts"

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
      yield* TestClock.adjust(5)
      yield* settle
      yield* options.meanwhile ?? Effect.void
      yield* TestClock.adjust(95)
      yield* settle
      const seen = () => {
        const exit = ended(reader)
        return exit !== "still waiting" && Exit.isSuccess(exit) ? exit.value : exit
      }
      const first = seen()
      yield* TestClock.adjust("1 second")
      yield* settle
      const { stale, storeHits } = yield* Cached.stats
      return { first, later: seen(), storeHits, stale }
    })
  )
}

const joined = ["loaded", [{ source: "joined" }]]

it.effect("what the store has is served at once", () =>
  Effect.gen(function*() {
    expect(yield* beside(plain())).toMatchObject({ first: ["stored", [{ source: "store" }]], storeHits: 1, stale: 0 })
  }))

it.effect("what is due is served without another load", () =>
  Effect.gen(function*() {
    const due = Cached.refreshAhead(slow, "k", { ttl: "3 days", refreshAfter: "1 minute" })
    expect(yield* beside(due)).toMatchObject({ first: ["stored", [{ source: "store" }]], storeHits: 1, stale: 0 })
  }))

it.effect("what the reader's strategy does not want is not served, and the refresh is joined", () =>
  Effect.gen(function*() {
    const failover = Cached.failover(slow, "k", { ttl: "3 days" })
    expect(yield* beside(failover)).toMatchObject({ first: "still waiting", later: joined, storeHits: 0 })
  }))

it.effect("what may have changed since the store was asked is not served", () =>
  Effect.gen(function*() {
    expect(yield* beside(plain(), { meanwhile: Cached.set("other", 1) })).toMatchObject({
      first: "still waiting",
      later: joined,
      storeHits: 0
    })
  }))

it.effect("a store that fails is a failure of a strict read alone", () =>
  Effect.gen(function*() {
    expect(yield* beside(plain(), { fails: true })).toMatchObject({ first: "still waiting", later: joined })
    const { first } = yield* beside(CachePolicy.strict(plain()), { fails: true })
    expect(Exit.isExit(first) && Exit.isFailure(first)).toBe(true)
  }))

it.effect("the time of the question counts as time of the read", () =>
  Effect.gen(function*() {
    const { first } = yield* beside(plain({ timeout: 8 }))
    expect(first).not.toBe("still waiting")
    expect(Exit.isExit(first) && Exit.isFailure(first) && first.cause.reasons[0]).toMatchObject({
      error: expect.any(CacheError.LoadTimeout)
    })
    expect(yield* beside(plain({ timeout: "10 seconds", tags: ["t"] }), { meanwhile: Cached.set("other", 1) }))
      .toMatchObject({
        later: joined
      })
  }))
