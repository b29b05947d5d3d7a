/** P8: a value made of cached values is served no longer than they are, and sees no change of them too late. */
import { describe, expect } from "@effect/vitest"
import { Deferred, Effect, Fiber, Layer, Schema } from "effect"
import { Cached, CacheKey, CacheLayer, CachePolicy } from "effect-cached"
import { Store } from "effect-cached/adapters"
import { MemoryStore } from "effect-cached/memory"
import { TestClock } from "effect/testing"
import { settle, started } from "../support/caches.ts"
import { test, testIn } from "../support/tests.ts"

class User extends CacheKey.Class<User>()("User", {
  payload: { id: Schema.Int },
  success: Schema.String,
  indexes: ["id"]
}) {}

const ada = new User({ id: 1 })

const overMemoryStore = (options?: CacheLayer.LayerOptions) =>
  Layer.provide(CacheLayer.layer(options), MemoryStore.layer)

const caches = [
  { name: "memory", layer: () => CacheLayer.memory() },
  { name: "a store, with memory", layer: () => overMemoryStore() },
  { name: "a store, without memory", layer: () => overMemoryStore({ memory: false }) },
  {
    name: "a store before another, without memory",
    layer: () => CacheLayer.tiered([overMemoryStore(), overMemoryStore()])
  }
]

/** A user with versions, a page made of it, and a site made of the page. */
const world = (inherit: "life" | "changes", ttl = 10) => {
  const state = { version: 0, pages: 0, sites: 0 }
  const options = { inherit, ttl: "1 day" } as const
  const user = Effect.sync(() => `v${state.version}`).pipe(
    Cached.softTtl(ada, { ttl: `${ttl} minutes`, softTtl: `${ttl / 2} minutes`, tags: ["people"] })
  )
  const page = Effect.suspend(() => {
    state.pages++
    return Effect.map(user, (name) => `page of ${name}`)
  }).pipe(Cached.ttl("page", options))
  const site = Effect.suspend(() => {
    state.sites++
    return Effect.map(page, (page) => `site of ${page}`)
  }).pipe(Cached.ttl("site", options))
  return { page, site, state, user }
}

const minutes = (n: number) => TestClock.adjust(n * 60_000)

describe.each(caches)("over $name", ({ layer }) => {
  const test = testIn(layer())

  const inherits = ["life", "changes"].flatMap((inherit) => ["loaded", "found"].map((how) => [inherit, how] as const))

  test.each(inherits as ReadonlyArray<readonly ["life" | "changes", "loaded" | "found"]>)(
    "P8 · with \"%s\" an entry is served until the first end of what its load has %s, and no millisecond longer",
    function*([inherit, how]) {
      const { page, site, state } = world(inherit)
      if (how === "found") yield* page
      yield* site
      yield* minutes(10)
      yield* TestClock.adjust(-1)
      state.version = 1
      expect(yield* site).toBe("site of page of v0")
      yield* TestClock.adjust(1)
      expect(yield* site).toBe("site of page of v1")
      expect(state).toMatchObject({ pages: 2, sites: 2 })
    }
  )

  const changes = {
    "an invalidation": Cached.invalidate(ada),
    "a removal": Cached.remove(ada),
    "a write by hand": Cached.set(ada, "by hand", { ttl: "1 day" }),
    "an invalidation by a tag": Cached.invalidate({ tag: "people" }),
    "an invalidation by an index": Cached.invalidate({ where: [User, { id: 1 }] }),
    "an invalidation of the class": Cached.invalidate({ all: User })
  }

  test.each(Object.keys(changes) as Array<keyof typeof changes>)(
    "P8 · with \"changes\" no reader after %s sees a value from before, through derived entries too",
    function*(change) {
      const { page, site, state } = world("changes")
      const list = Effect.map(page, (page) => `list of ${page}`).pipe(
        Cached.ttl("list", { ttl: "1 day", inherit: "changes" })
      )
      expect([yield* site, yield* site]).toEqual(["site of page of v0", "site of page of v0"])
      expect(state.sites).toBe(1)
      // Its load finds the page, and loads nothing.
      yield* list
      expect(state.pages).toBe(1)
      state.version = 1
      yield* changes[change]
      const now = change === "a write by hand" ? "by hand" : "v1"
      expect([yield* list, yield* site]).toEqual([`list of page of ${now}`, `site of page of ${now}`])
    }
  )

  test("P8 · nor what is still being made when it changes: its callers alone get that", function*() {
    const { state, user } = world("changes")
    const gate = yield* Deferred.make<void>()
    const slow = Effect.tap(user, () => Deferred.await(gate)).pipe(
      Cached.ttl("slow", { ttl: "1 day", inherit: "changes" })
    )
    const early = yield* started(slow)
    state.version = 1
    yield* Cached.invalidate(ada)
    const later = yield* started(slow)
    yield* Deferred.succeed(gate, undefined)
    yield* Fiber.join(early)
    expect(yield* Fiber.join(later)).toBe("v1")
    expect(yield* slow).toBe("v1")
  })

  test("P8 · a refresh of what was read, by its own strategy, changes nothing", function*() {
    const { page, site, state, user } = world("changes")
    yield* site
    yield* minutes(6)
    state.version = 1
    // Stale: the strategy refreshes it.
    yield* user
    yield* settle
    yield* CachePolicy.refresh(user)
    expect(yield* user).toBe("v1")
    expect([yield* page, yield* site]).toEqual(["page of v0", "site of page of v0"])
    expect(state).toMatchObject({ pages: 1, sites: 1 })
  })
})

describe("in other processes", () => {
  /** Two caches on one store that reports no changes: memory is trusted for `maxStaleness`. */
  const twoProcesses = Effect.gen(function*() {
    const store = MemoryStore.make()
    const shared = { ...store, capabilities: { ...store.capabilities, shared: true } }
    const process = Effect.map(
      Layer.build(Layer.fresh(Layer.provide(
        CacheLayer.layer({ maxStaleness: "10 seconds" }),
        Layer.succeed(Store.Store, shared)
      ))),
      (context) => Effect.provide(context)
    )
    return [yield* process, yield* process] as const
  })

  test("P8 · within the bounds of P2", function*() {
    const [here, there] = yield* twoProcesses
    const { site, state } = world("changes")
    expect(yield* here(site)).toBe("site of page of v0")
    expect(yield* there(site)).toBe("site of page of v0")
    expect(state.sites).toBe(1)
    state.version = 1
    yield* here(Cached.invalidate(ada))
    expect(yield* here(site)).toBe("site of page of v1")
    yield* TestClock.adjust("10 seconds")
    expect(yield* there(site)).toBe("site of page of v1")
  })
})
