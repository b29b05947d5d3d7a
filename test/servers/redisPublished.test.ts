/** Published changes of a Redis server: to whom they go, with which rights, and while a slot moves. */
import { describe, expect, it } from "@effect/vitest"
import { Cause, Deferred, Effect, Exit, Fiber, Layer } from "effect"
import { Cached, CacheLayer, CachePolicy } from "effect-cached"
import type { Caching } from "effect-cached/Caching"
import { hashOf, hashTags, slotOf } from "../../src/drivers/redis/protocol/keys.ts"
import { forAll } from "../support/forAll.ts"
import { isMissing } from "../support/needs.ts"
import { freshPrefix, program, type Server, startCluster, startServer } from "../support/redis.ts"
import { processesOn, warned } from "../support/redisProcesses.ts"
import { test } from "../support/tests.ts"
import { until } from "../support/until.ts"

const timeout = 180_000
const together = { concurrency: "unbounded" } as const

describe.skipIf(isMissing(program))("Redis · published changes", { timeout }, () => {
  const server = forAll(() => startServer())

  const { areInMemory, ask, process, urlOf } = processesOn(() => server)

  const subscribers = (prefix: string) =>
    Effect.map(ask("PUBSUB", "NUMSUB", `${prefix}:m`), (told) => Number((told as Array<unknown>)[1]))

  test.live.each([["may not publish", ["-publish"]], ["may not use the channel", ["resetchannels"]]] as const)(
    "a user who %s is refused, because no process would learn of its changes",
    function*([, rights]) {
      const url = yield* urlOf("silent", ...rights)
      const layer = CacheLayer.redis({ url, prefix: freshPrefix() })
      const exit = yield* Effect.exit(Effect.scoped(Layer.build(layer)))
      expect(exit).toMatchObject({ _tag: "Failure" })
      const error = Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined
      expect(error).toMatchObject({ _tag: "StoreError", reason: "Denied" })
      expect(String((error as Error).message)).toContain("publish")
    }
  )

  it.live("a user who may subscribe after all receives every change from then on", () =>
    warned((warnings) =>
      Effect.scoped(Effect.gen(function*() {
        const url = yield* urlOf("later", "-subscribe")
        const prefix = freshPrefix()
        const [a, b] = [yield* process(prefix), yield* process(prefix, { url })]
        yield* until("the other's subscription", Effect.map(subscribers(prefix), (count) => count === 1))
        yield* until("the warning", Effect.sync(() => warnings.length > 0))
        yield* urlOf("later")
        for (let i = 0; (yield* subscribers(prefix)) < 2; i++) {
          if (i === 400) throw new Error("it was not tried again")
          yield* Effect.sleep("100 millis")
        }
        yield* until("both memories", areInMemory(a, b))
        const value = yield* b.read()
        yield* a.use(Cached.invalidate("k"))
        yield* until("the change", Effect.map(b.read(), (now) => now !== value))
        expect(warnings).toHaveLength(1)
      }))
    ))

  test.live("a layer without memory does not subscribe, and its changes are published", function*() {
    const prefix = freshPrefix()
    const [a, b] = [yield* process(prefix, { memory: false }), yield* process(prefix)]
    const value = yield* b.read()
    yield* until("its memory", areInMemory(b))
    expect(yield* subscribers(prefix)).toBe(1)
    yield* a.use(Cached.invalidate("k"))
    yield* until("the change", Effect.map(b.read(), (now) => now !== value))
  })

  test.live("P2 · the result of a load is published, and so is anything that is not understood", function*() {
    const prefix = freshPrefix()
    const [a, b] = [yield* process(prefix), yield* process(prefix)]
    yield* a.read()
    yield* b.read()
    yield* until("both memories", areInMemory(a, b))
    const fresh = yield* CachePolicy.refresh(b.read())
    yield* until("the result", Effect.map(a.read(), (now) => now === fresh))
    yield* until("both memories", areInMemory(a, b))
    const keys = (yield* ask("KEYS", `${prefix}:v:*`)) as ReadonlyArray<string>
    yield* ask("UNLINK", ...keys.map(String))
    expect(yield* a.read()).toBe(fresh)
    yield* ask("PUBLISH", `${prefix}:m`, "{}")
    yield* until("another load", Effect.map(a.read(), (now) => now !== fresh))
  })

  test.live("P6 · a load that fails elsewhere removes no value from memory, and those that wait for its lease load then", function*() {
    const prefix = freshPrefix()
    const [a, b] = [yield* process(prefix), yield* process(prefix)]
    const value = yield* a.read()
    yield* b.read()
    yield* until("both memories", areInMemory(a, b))
    const down = Effect.fail("down").pipe(Cached.ttl("k", { ttl: "1 hour", tags: ["t"] }))
    expect(yield* Effect.flip(CachePolicy.refresh(b.use(down)))).toBe("down")
    yield* Effect.sleep("200 millis")
    yield* ask("UNLINK", ...((yield* ask("KEYS", `${prefix}:v:*`)) as ReadonlyArray<string>).map(String))
    expect(yield* a.read()).toBe(value)

    const gate = yield* Deferred.make<never, string>()
    const failing = Deferred.await(gate).pipe(Cached.ttl("other", { ttl: "1 hour" }))
    const leading = yield* Effect.forkChild(Effect.flip(b.use(failing)))
    yield* Effect.sleep("3 seconds")
    const waiting = yield* Effect.forkChild(a.read("other"))
    yield* Effect.sleep("100 millis")
    yield* Deferred.fail(gate, "down")
    yield* Fiber.join(leading)
    expect(yield* Fiber.join(waiting)).toBeGreaterThan(value)
  })

  test.live("a subscriber that the server cuts off, because it does not read, empties its memory", function*() {
    const prefix = freshPrefix()
    const [a, b] = [yield* process(prefix), yield* process(prefix)]
    const value = yield* a.read()
    yield* b.read()
    yield* until("both memories", areInMemory(a, b))
    yield* ask("CONFIG", "SET", "client-output-buffer-limit", "pubsub 100kb 0 0")
    const script = `for i = 1, 400 do redis.call("PUBLISH", ARGV[1], string.rep("x", 100000)) end
        redis.call("PUBLISH", ARGV[1], "[]")`
    yield* ask("EVAL", script, "0", `${prefix}:m`)
    yield* ask("CONFIG", "SET", "client-output-buffer-limit", "pubsub 32mb 8mb 60")
    yield* until("their subscriptions", Effect.map(subscribers(prefix), (count) => count === 2))
    yield* a.use(Cached.invalidate("k"))
    yield* until("the change", Effect.map(b.read(), (now) => now !== value))
  })
})

describe.skipIf(isMissing(program))("Redis · published changes on a cluster", { timeout }, () => {
  const cluster = forAll(() => startCluster())

  const build = (prefix: string) =>
    Effect.map(
      Layer.build(CacheLayer.redis({ nodes: cluster.nodes, prefix, maxStaleness: "1 hour" })),
      (context) => <A, E>(effect: Effect.Effect<A, E, Caching>) => Effect.provideContext(effect, context)
    )

  test.live.each([1, 2])(
    "P2 · tags that are invalidated while their slot moves are seen by the others, and what follows too (%i at once)",
    function*(count) {
      const [from, to] = cluster.servers as [Server, Server]
      const slot = hashTags.map(slotOf)[2 + count]!
      const tags = Array.from({ length: 100_000 }, (_, i) => `tag ${i}`)
        .filter((tag) => slotOf(hashOf(tag)) === slot).slice(0, count)
      const ask = (server: Server, ...args: ReadonlyArray<string>) => Effect.promise(() => server.ask(...args))
      const prefix = freshPrefix()
      const [a, b] = [yield* build(prefix), yield* build(prefix)]
      let loads = 0
      const load = Effect.sync(() => ++loads)
      const readAll = Effect.forEach(
        tags,
        (tag) => b(load.pipe(Cached.ttl(`of ${tag}`, { ttl: "1 hour", tags: [tag] })))
      )
      const storeHits = Effect.map(b(Cached.stats), ({ storeHits }) => storeHits)
      const areInMemory = Effect.gen(function*() {
        const before = [loads, yield* storeHits]
        yield* readAll
        return `${[loads, yield* storeHits]}` === `${before}`
      })
      const areSeen = (when: string) =>
        Effect.gen(function*() {
          yield* until("both memories", areInMemory)
          const before = yield* readAll
          yield* a(CachePolicy.strict(Effect.all(tags.map((tag) => Cached.invalidate({ tag })), together)))
          const areNewer = Effect.map(readAll, (now) => now.every((value, i) => value > before[i]!))
          yield* until(`the invalidations ${when}`, areNewer)
        })
      yield* areSeen("before")
      const fromId = String(yield* ask(from, "CLUSTER", "MYID"))
      const toId = String(yield* ask(to, "CLUSTER", "MYID"))
      yield* ask(to, "CLUSTER", "SETSLOT", String(slot), "IMPORTING", fromId)
      yield* ask(from, "CLUSTER", "SETSLOT", String(slot), "MIGRATING", toId)
      const keys = (yield* ask(from, "CLUSTER", "GETKEYSINSLOT", String(slot), "100")) as ReadonlyArray<unknown>
      expect(keys).toHaveLength(count)
      const migrate = (key: unknown) => ask(from, "MIGRATE", "127.0.0.1", String(to.port), String(key), "0", "5000")
      // The script of an invalidation runs at the new owner, and the subscribers are at the former one.
      for (const key of keys) {
        yield* migrate(key)
        yield* areSeen("meanwhile")
      }
      for (const server of cluster.servers.slice(0, 3)) {
        yield* ask(server, "CLUSTER", "SETSLOT", String(slot), "NODE", toId)
      }
      yield* Effect.sleep("1 second")
      yield* areSeen("afterwards")
    }
  )
})
