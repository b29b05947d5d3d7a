/**
 * Derived entries over Redis: a change by one process ends the entries that others have derived, in the store and in
 * memory.
 */
import { afterAll, beforeAll, describe, expect } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { Cached, CacheLayer, type Caching, Transaction } from "effect-cached"
import { isMissing } from "../support/needs.ts"
import { freshPrefix, program, type RedisCluster, type Server, startCluster, startServer } from "../support/redis.ts"
import { test } from "../support/tests.ts"

const timeout = 180_000
const changes = { inherit: "changes", ttl: "1 day" } as const

type Run = <A, E>(effect: Effect.Effect<A, E, Caching.Caching>) => Effect.Effect<A, E>

const over = (
  name: string,
  layerOf: () => Layer.Layer<Caching.Caching, unknown>,
  written: ReadonlyArray<readonly [id: number, by: string]>
) =>
  describe(`derived entries over ${name}`, () => {
    const world = Effect.gen(function*() {
      const layer = layerOf()
      const make: Effect.Effect<Run, unknown, any> = Effect.map(
        Layer.build(Layer.fresh(layer)),
        (context) => (effect) => Effect.provideContext(effect, context)
      )
      const versions = new Map<string, number>()
      const loads = { page: 0 }
      const user = (id: number) =>
        Effect.sync(() => `user ${id} v${versions.get(`user:${id}`) ?? 0}`).pipe(
          Cached.ttl(`user:${id}`, { ttl: "1 day", tags: [`team ${id}`] })
        )
      const pageOf = (ids: ReadonlyArray<number>, key = "page") =>
        Effect.suspend(() => {
          loads.page++
          return Effect.map(Effect.forEach(ids, user), (users) => users.join(", "))
        }).pipe(Cached.ttl(key, changes))
      const site = pageOf([1, 2]).pipe(Cached.ttl("site", changes))
      const rename = (id: number) => versions.set(`user:${id}`, (versions.get(`user:${id}`) ?? 0) + 1)
      return { a: yield* make, b: yield* make, make, loads, pageOf, rename, site }
    })

    /** Waits until both have received the change; otherwise fails with the last value that was read. */
    const becomes = (read: Effect.Effect<string>, expected: string) =>
      Effect.gen(function*() {
        let last = ""
        for (let i = 0; i < 400 && (last = yield* read) !== expected; i++) yield* Effect.sleep("20 millis")
        expect(last).toBe(expected)
      })

    /** Both read it from memory: no further change arrives. */
    const settled = ({ a, b, loads, site }: Effect.Success<typeof world>) =>
      Effect.gen(function*() {
        for (let quiet = 0; quiet < 10;) {
          const before = loads.page
          yield* a(site)
          yield* b(site)
          yield* Effect.sleep("30 millis")
          quiet = loads.page === before ? quiet + 1 : 0
        }
      })

    test.live("P8 · a removal, a write by hand and a tag end what all processes have made", function*() {
      const all = yield* world
      const { a, b, make, rename, site } = all
      expect(yield* a(site)).toBe("user 1 v0, user 2 v0")
      yield* settled(all)
      rename(1)
      yield* b(Cached.invalidate("user:1"))
      expect(yield* b(site)).toBe("user 1 v1, user 2 v0")
      yield* becomes(a(site), "user 1 v1, user 2 v0")
      yield* settled(all)
      yield* a(Cached.set("user:2", "by hand", { ttl: "1 day" }))
      // It learns of the set alone: the page was not made again.
      yield* becomes(b(site), "user 1 v1, by hand")
      expect(yield* a(site)).toBe("user 1 v1, by hand")
      expect(yield* (yield* make)(site)).toBe("user 1 v1, by hand")
      yield* settled(all)
      rename(1)
      yield* b(Cached.invalidate({ tag: "team 1" }))
      expect(yield* b(site)).toBe("user 1 v2, by hand")
      yield* becomes(a(site), "user 1 v2, by hand")
    })

    test.live("is loaded once: markers that come, and what was not read, end nothing", function*() {
      const all = yield* world
      const { a, b, loads, make, site } = all
      yield* settled(all)
      const before = loads.page
      yield* a(Cached.invalidate("user:3"))
      yield* a(Cached.set("other", 1, { ttl: "1 day" }))
      yield* Effect.sleep("300 millis")
      yield* a(site)
      yield* b(site)
      yield* (yield* make)(site)
      expect(loads.page).toBe(before)
      // A process that makes more of the same.
      yield* (yield* make)(all.pageOf([1, 2, 3], "another"))
      yield* Effect.sleep("300 millis")
      yield* a(site)
      yield* b(site)
      expect(loads.page).toBe(before + 1)
    })

    test.live("is stored by its first load, although its tags are new on the server", function*() {
      const loadsOf = Effect.gen(function*() {
        const { a, b, loads, pageOf } = yield* world
        const page = pageOf([1, 2])
        yield* a(page)
        yield* Effect.sleep("300 millis")
        yield* a(page)
        yield* b(page)
        const first = loads.page
        // And by the first one after a tag was invalidated here.
        yield* a(Cached.invalidate({ tag: "team 1" }))
        yield* a(page)
        yield* Effect.sleep("300 millis")
        yield* a(page)
        yield* b(page)
        return [first, loads.page - first]
      })
      // On a machine under load, a report of the server counts as a change of another.
      let loads: ReadonlyArray<number> = []
      for (let i = 0; i < 20 && loads.join() !== "1,1"; i++) loads = yield* loadsOf
      expect(loads).toEqual([1, 1])
    })

    test.live("P8 · of more than 64 ids each counts", function*() {
      const { a, b, pageOf, rename } = yield* world
      const many = Array.from({ length: 70 }, (_, i) => i)
      const page = Effect.map(pageOf(many, "many"), (text) => text.split(", ")[69]!)
      yield* becomes(a(page), "user 69 v0")
      yield* b(page)
      rename(69)
      yield* b(Cached.invalidate("user:69"))
      expect(yield* b(page)).toBe("user 69 v1")
      yield* becomes(a(page), "user 69 v1")
    })

    test.live("P8 · a transaction ends what derives from what it writes", function*() {
      const all = yield* world
      const { a, b, site } = all
      yield* settled(all)
      yield* b(Transaction.run(Effect.forEach(written, ([id, by]) => Cached.set(`user:${id}`, by, { ttl: "1 day" }))))
      const expected = [1, 2].map((id) => new Map(written).get(id) ?? `user ${id} v0`).join(", ")
      expect(yield* b(site)).toBe(expected)
      yield* becomes(a(site), expected)
    })
  })

describe.skipIf(isMissing(program))("Redis", { timeout }, () => {
  let server: Server
  let cluster: RedisCluster
  beforeAll(async () => {
    server = await startServer()
    cluster = await startCluster()
  }, timeout)
  afterAll(async () => {
    await server.end()
    await cluster.end()
  })

  const options = () => ({ prefix: freshPrefix(), maxStaleness: "1 hour", storeTimeout: "5 seconds" } as const)
  over("a server", () => CacheLayer.redis({ url: server.url, ...options() }), [[1, "one"], [2, "two"]])
  // In one slot.
  over("a cluster", () => CacheLayer.redis({ nodes: cluster.nodes, ...options() }), [[1, "one"]])
})
