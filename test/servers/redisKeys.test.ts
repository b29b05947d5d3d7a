/** Tracking by key: a process receives the changes of all keys that it has read, and of no others. */
import { afterAll, beforeAll, describe, expect, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { Cached, CacheLayer, Store } from "effect-cached"
import { RedisStore } from "effect-cached/redis"
import { createClient } from "redis"
import { hashOf, slotOf } from "../../src/drivers/redis/protocol/keys.ts"
import { tracking } from "../../src/internal/defaults/redis.ts"
import { isMissing } from "../support/needs.ts"
import { startProxy } from "../support/proxy.ts"
import {
  freshPrefix,
  moveSlot,
  program,
  type RedisCluster,
  type Server,
  startCluster,
  startServer
} from "../support/redis.ts"
import { processesOn, warned } from "../support/redisProcesses.ts"
import { until } from "../support/until.ts"

const timeout = 180_000

describe.skipIf(isMissing(program))("Redis · tracking by key", () => {
  let server: Server
  beforeAll(async () => {
    server = await startServer()
  })
  afterAll(() => server.end())

  const { areInMemory, ask, process, two, urlOf } = processesOn(() => server, { coherence: "keys" })

  const clients = Effect.map(ask("CLIENT", "LIST", "TYPE", "normal"), (list) => String(list).trim().split("\n"))

  /** The ids of the connections for data, or of those that listen. */
  const idsOf = (flag: "t" | "B") =>
    Effect.map(
      clients,
      (lines) =>
        lines.filter((line) =>
          flag === "B" ? / flags=\S*B/.test(line) : / flags=\S*t/.test(line) && !/ flags=\S*B/.test(line)
        ).map((line) => /^id=(\d+)/.exec(line)![1]!)
    )

  it.live(
    "a process receives the changes of only those keys that it has read",
    () =>
      Effect.scoped(Effect.gen(function*() {
        const { a, b, prefix } = yield* two
        const c = yield* process(prefix, { coherence: "broadcast" })
        yield* c.read()
        yield* until("its memory", c.isInMemory)
        const told = Effect.map(
          Effect.all([b.use(Cached.stats), c.use(Cached.stats)]),
          (all) => all.map((stats) => stats.told)
        )
        expect((yield* b.use(Cached.stats)).coherence).toBe("keys")
        yield* until("its reports", Effect.map(c.use(Cached.stats), ({ coherence }) => coherence === "broadcast"))
        const [beforeB, beforeC] = yield* told
        const others = Array.from({ length: 200 }, (_, i) => `other ${i}`)
        yield* a.use(Cached.setMany(others.map((key) => [key, 1] as const), { ttl: "1 hour" }))
        yield* until("all changes", Effect.map(told, ([, now]) => now! - beforeC! >= 200))
        const { toldInVain, toldUnchanged } = yield* c.use(Cached.stats)
        expect(toldInVain).toBeGreaterThanOrEqual(200)
        expect(toldUnchanged).toBe(0)
        expect((yield* told)[0]! - beforeB!).toBe(0)
        yield* a.use(Cached.set("k", -1, { ttl: "1 hour" }))
        yield* until("what b holds", Effect.map(b.read(), (now) => now === -1))
        expect((yield* told)[0]! - beforeB!).toBeLessThanOrEqual(2)
      })),
    timeout
  )

  it.live(
    "P2 · the values of many loads that begin at once leave memory when others change them",
    () =>
      Effect.scoped(Effect.gen(function*() {
        const { a, b } = yield* two
        const keys = Array.from({ length: 400 }, (_, i) => `many ${i}`)
        const readAll = Effect.forEach(keys, (key) => a.read(key), { concurrency: "unbounded" })
        yield* readAll
        yield* b.use(Cached.setMany(keys.map((key) => [key, -1] as const), { ttl: "1 hour" }))
        yield* until("all changes", Effect.map(readAll, (values) => values.every((value) => value === -1)))
      })),
    timeout
  )

  it.live.each([["the connection for data", "t"], ["the connection that listens", "B"]] as const)(
    "F22 · what was changed while %s was lost leaves memory",
    ([, flag]) =>
      Effect.scoped(Effect.gen(function*() {
        const { b, prefix } = yield* two
        const keys = (yield* ask("KEYS", `${prefix}:v:*`)) as ReadonlyArray<string>
        const ids = yield* idsOf(flag)
        expect(ids.length).toBeGreaterThanOrEqual(2)
        // In one step, before any of them can connect again.
        yield* Effect.promise(async () => {
          const client = await createClient({ url: server.url }).connect()
          const kills = ids.map((id) => client.sendCommand(["CLIENT", "KILL", "ID", id]))
          await Promise.all([...kills, client.sendCommand(["UNLINK", ...keys.map(String)])])
          client.destroy()
        })
        yield* until("another load", Effect.map(b.read(), () => b.of.loads > 0))
        yield* until("reports again", Effect.map(b.use(Cached.stats), ({ coherence }) => coherence === "keys"))
      })),
    timeout
  )

  it.live.each([["on the connection for data", "SCRIPT"], ["on the connection that listens", "BCAST"]] as const)(
    "F22 · tracking that was switched off unheard %s is noticed within a second",
    ([, clients]) =>
      Effect.scoped(Effect.gen(function*() {
        const prefix = freshPrefix()
        const proxy = yield* Effect.acquireRelease(
          Effect.promise(() => startProxy(server.port)),
          ({ end }) => Effect.promise(end)
        )
        const [a, b] = [yield* process(prefix), yield* process(prefix, { url: proxy.url })]
        const value = yield* a.read()
        yield* until("b's memory", Effect.andThen(b.read(), areInMemory(b)))
        proxy.inject("CLIENT REPLY SKIP\r\nCLIENT TRACKING OFF\r\n", clients)
        yield* a.use(Cached.set("k", -1, { ttl: "1 hour" }))
        const isSeen = Effect.map(b.read(), (now) => now !== value)
        yield* Effect.timeout(until("the change", isSeen), "3 seconds")
      })),
    timeout
  )

  it.live(
    "P2 · where the server does not say which connection is which, changes are published, and that is warned of once",
    () =>
      warned((warnings) =>
        Effect.scoped(Effect.gen(function*() {
          const url = yield* urlOf("nameless", "-client|id")
          const prefix = freshPrefix()
          const [a, b] = [yield* process(prefix), yield* process(prefix, { url })]
          yield* until("the warning", Effect.sync(() => warnings.some((one) => one.includes("cannot all be followed"))))
          expect((yield* b.use(Cached.stats)).coherence).toBe("none")
          yield* a.read()
          for (let i = 1; i <= 3; i++) {
            yield* until("b's memory", Effect.andThen(b.read(), b.isInMemory))
            yield* a.use(Cached.set("k", -i, { ttl: "1 hour" }))
            yield* until("the change", Effect.map(b.read(), (now) => now === -i))
          }
          expect(warnings.filter((one) => one.includes("cannot all be followed"))).toHaveLength(1)
        }))
      ),
    timeout
  )

  it.live(
    "P2 · two caches over one store both receive changes, and neither takes them from the other",
    () =>
      warned((warnings) =>
        Effect.scoped(Effect.gen(function*() {
          const prefix = freshPrefix()
          const a = yield* process(prefix)
          const store = yield* RedisStore.make({ url: server.url, prefix, coherence: "keys" })
          const caches = yield* Effect.all([1, 2].map(() =>
            Layer.build(Layer.fresh(Layer.provide(
              CacheLayer.layerWith({ maxStaleness: "1 hour" }),
              Layer.succeed(Store.Store, store)
            )))
          ))
          const read = Cached.ttl(Effect.succeed(1), { key: "k", ttl: "1 hour" })
          const stats = Effect.forEach(caches, (cache) => Effect.provideContext(Cached.stats, cache))
          const areCoherent = Effect.map(stats, (all) => all.every(({ coherence }) => coherence === "keys"))
          yield* until("both to listen", areCoherent)
          yield* Effect.sleep("2 seconds")
          for (let i = 1; i <= 3; i++) {
            yield* a.use(Cached.set("k", i, { ttl: "1 hour" }))
            for (const cache of caches) {
              yield* until("the change", Effect.map(Effect.provideContext(read, cache), (value) => value === i))
            }
          }
          expect(warnings).toEqual([])
        }))
      ),
    timeout
  )

  it.live(
    "P2 · a server that forgets keys that were read reports these, and a full table is warned of once",
    () =>
      warned((warnings) =>
        Effect.scoped(Effect.gen(function*() {
          const prefix = freshPrefix()
          const a = yield* process(prefix)
          const keys = Array.from({ length: 300 }, (_, i) => `t${i}`)
          yield* ask("CONFIG", "SET", "tracking-table-max-keys", "50")
          yield* Effect.addFinalizer(() => ask("CONFIG", "SET", "tracking-table-max-keys", "1000000"))
          yield* Effect.forEach(keys, (key) => a.read(key), { concurrency: "unbounded" })
          const b = yield* process(prefix)
          const fullOnes = () => warnings.filter((one) => one.includes("tracking-table-max-keys"))
          const readAll = Effect.forEach(keys, (key) => b.read(key), { concurrency: "unbounded" })
          const told = Effect.map(b.use(Cached.stats), ({ told }) => told > 200)
          yield* until("reports", Effect.andThen(readAll, told))
          yield* a.use(Cached.setMany(keys.map((key) => [key, -1] as const), { ttl: "1 hour" }))
          const areNew = Effect.map(
            Effect.forEach(keys, (key) => b.read(key), { concurrency: "unbounded" }),
            (all) => all.every((one) => one === -1)
          )
          yield* until("all new values", areNew)
          const c = yield* process(prefix)
          yield* until("the warning", Effect.andThen(c.read(), Effect.sync(() => fullOnes().length > 0)))
          // Each of the three processes may warn.
          expect(fullOnes().length).toBeLessThanOrEqual(3)
        }))
      ),
    timeout
  )

  it.live(
    "processes that do nothing leave a full table alone",
    () =>
      Effect.scoped(Effect.gen(function*() {
        yield* ask("CONFIG", "SET", "tracking-table-max-keys", "50")
        yield* Effect.addFinalizer(() => ask("CONFIG", "SET", "tracking-table-max-keys", "1000000"))
        const { a } = yield* two
        yield* Effect.forEach(Array.from({ length: 200 }, (_, i) => `own ${i}`), (key) => a.read(key))
        const asked = Effect.map(ask("INFO", "stats"), (info) =>
          Number(/^total_commands_processed:(\d+)/m.exec(String(info))![1]))
        const isQuiet = Effect.gen(function*() {
          const before = yield* asked
          yield* Effect.sleep("1 second")
          return (yield* asked) - before < 200
        })
        yield* until("quiet", isQuiet)
      })),
    timeout
  )

  it.live(
    "a table that fills while a process reads is found to be full before the next regular look",
    () =>
      warned((warnings) =>
        Effect.scoped(Effect.gen(function*() {
          const a = yield* process(freshPrefix())
          yield* a.read()
          yield* until("its memory", a.isInMemory)
          // It has looked at the table once now, and looks regularly every 30 seconds.
          yield* Effect.sleep("300 millis")
          yield* ask("CONFIG", "SET", "tracking-table-max-keys", "50")
          yield* Effect.addFinalizer(() => ask("CONFIG", "SET", "tracking-table-max-keys", "1000000"))
          const keys = Array.from({ length: 300 }, (_, i) => `w${i}`)
          const readAll = Effect.forEach(keys, (key) => a.read(key), { concurrency: "unbounded" })
          const isWarned = Effect.sync(() => warnings.some((one) => one.includes("is full (")))
          yield* Effect.timeout(until("the warning", Effect.andThen(readAll, isWarned)), "20 seconds")
        }))
      ),
    timeout
  )

  it.live(
    "a full table is warned of if the user may not read its limit",
    () =>
      warned((warnings) =>
        Effect.scoped(Effect.gen(function*() {
          yield* ask("ACL", "SETUSER", "noconfig", "reset", "on", ">no", "~*", "&*", "+@all", "-config")
          const { tableKeys, tableTolerance } = tracking
          Object.assign(tracking, { tableKeys: 300, tableTolerance: 10 })
          yield* Effect.addFinalizer(() => Effect.sync(() => Object.assign(tracking, { tableKeys, tableTolerance })))
          const prefix = freshPrefix()
          const a = yield* process(prefix)
          // Memory keeps no value that was loaded before the server reports changes.
          yield* until("its reports", Effect.andThen(a.read(), a.isInMemory))
          yield* Effect.forEach(Array.from({ length: 400 }, (_, i) => `f${i}`), (key) => a.read(key), {
            concurrency: "unbounded"
          })
          const fullOnes = () => warnings.filter((one) => one.includes("is full ("))
          const b = yield* process(prefix, { url: server.url.replace("redis://", "redis://noconfig:no@") })
          yield* until("the warning", Effect.andThen(b.read(), Effect.sync(() => fullOnes().length > 0)))
          expect(fullOnes()).toHaveLength(1)
        }))
      ),
    timeout
  )

  it("an unknown kind of coherence is refused", () => {
    expect(() => CacheLayer.redis({ coherence: "key" as never })).toThrow(
      `CacheLayer.redis: "coherence" must be "auto", "broadcast", "keys", "messages" or "none"`
    )
  })
})

describe.skipIf(isMissing(program))("Redis · tracking by key on a cluster", () => {
  let cluster: RedisCluster
  beforeAll(async () => {
    cluster = await startCluster()
  }, timeout)
  afterAll(() => cluster.end())

  it.live(
    "P2 · a value that only memory has leaves it when it is invalidated behind a slot that has moved",
    () =>
      Effect.gen(function*() {
        const [first, second] = cluster.servers as [Server, Server]
        const options = {
          nodes: cluster.nodes,
          prefix: freshPrefix(),
          maxStaleness: "1 hour",
          coherence: "keys",
          maxValue: 100
        } as const
        const [a, b] = [
          yield* Layer.build(CacheLayer.redisCluster(options)),
          yield* Layer.build(CacheLayer.redisCluster(options))
        ]
        const id = Array.from({ length: 100_000 }, (_, i) => `id ${i}`).find((id) => slotOf(hashOf(id)) < 5000)!
        let loads = 0
        const load = Effect.sync(() => `${++loads}${"x".repeat(1000)}`)
        const read = Effect.provideContext(Cached.ttl(load, { key: id, ttl: "1 hour" }), b)
        const isInMemory = Effect.map(Effect.all([read, Effect.delay(read, "200 millis")]), ([one, two]) => one === two)
        yield* until("its memory", isInMemory)
        yield* Effect.promise(() => moveSlot(slotOf(hashOf(id)), first, second, cluster.servers.slice(0, 3)))
        const before = loads
        yield* Effect.provideContext(Cached.invalidate(id), a)
        yield* Effect.timeout(until("another load", Effect.map(read, () => loads > before)), "5 seconds")
      }).pipe(Effect.scoped),
    timeout
  )
})
