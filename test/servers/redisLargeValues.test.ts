/** Large values on a server that limits its output: many at once, and one that is larger than the limit. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "@effect/vitest"
import { Effect, Exit, Option, Schema } from "effect"
import { Cached, CacheKey, CacheLayer } from "effect-cached"
import { createHash } from "node:crypto"
import { warningsOf } from "../support/logged.ts"
import { isMissing } from "../support/needs.ts"
import { startProxy } from "../support/proxy.ts"
import { freshPrefix, program, type Server, startServer, urlOfDocumented } from "../support/redis.ts"

const timeout = 60_000
const large = Array.from({ length: 200 }, (_, i) => `large ${i}`)
const small = Array.from({ length: 200 }, (_, i) => `small ${i}`)
const count = (ids: ReadonlyArray<string>) =>
  Effect.map(Cached.getMany(ids), (found) => found.filter(Option.isSome).length)

describe.skipIf(isMissing(program))("Redis · values of half a megabyte, where the server may buffer 32 MiB", () => {
  let server: Server
  const prefix = freshPrefix()
  const layer = () =>
    CacheLayer.redis({ url: server.url, prefix, connect: "required", storeTimeout: "30 seconds", memory: false })

  beforeAll(async () => {
    server = await startServer({ args: ["--client-output-buffer-limit", "normal 32mb 0 0"] })
    const value = "x".repeat(524_288)
    const fill = Effect.gen(function*() {
      for (const id of large) yield* Cached.set(id, value)
      for (const id of small) yield* Cached.set(id, id)
    })
    await Effect.runPromise(Effect.provide(fill, layer()))
  }, timeout)
  afterAll(() => server?.end())

  it.live("are all read, when nothing is known of their sizes", () =>
    Effect.gen(function*() {
      expect(yield* count(large)).toBe(large.length)
    }).pipe(Effect.provide(layer())), timeout)

  it.live(
    "are read in smaller parts once they have cost a connection, because those before were small",
    () =>
      Effect.gen(function*() {
        expect(yield* count(small)).toBe(small.length)
        expect(yield* count(small)).toBe(small.length)
        let reads = 0
        while (reads < 10 && (yield* count(large)) < large.length) {
          reads++
          yield* Effect.sleep(500)
          // Small reads in between change nothing.
          for (const id of small.slice(0, 20)) yield* count([id])
        }
        expect(reads).toBeGreaterThan(0)
        expect(reads).toBeLessThan(10)
        expect(yield* count(large)).toBe(large.length)
      }).pipe(Effect.provide(layer())),
    timeout
  )
})

class Page extends CacheKey.Class<Page>()("Page", {
  payload: { number: Schema.Number },
  success: Schema.String
}) {}

describe.skipIf(isMissing(program))("Redis · one value, larger than the server may buffer for a connection", () => {
  const limit = 262_144
  const value = "x".repeat(2 * limit)
  let server: Server
  let prefix: string
  const limitTo = (bytes: number) =>
    Effect.promise(() => server.ask("CONFIG", "SET", "client-output-buffer-limit", `normal ${bytes} 0 0`))
  const connections = Effect.promise(async () =>
    Number(/total_connections_received:(\d+)/.exec(String(await server.ask("INFO", "stats")))![1])
  )
  const layer = (url = server.url) => CacheLayer.redis({ url, prefix, connect: "required", memory: false })
  const ids = small.slice(0, 20)
  const load = Effect.succeed(value).pipe(Cached.ttl("big", { ttl: "1 hour" }))

  const proxied = Effect.acquireRelease(
    Effect.promise(() => startProxy(server.port)),
    ({ end }) => Effect.promise(end)
  )

  /** Stores values while the server has no limit, and then limits it. */
  const filled = Effect.gen(function*() {
    yield* limitTo(0)
    yield* Effect.provide(Cached.setMany([["big", value], ...ids.map((id) => [id, id] as const)]), layer())
    yield* limitTo(limit)
  })

  const connected = Effect.repeat(Effect.delay(count(ids.slice(0, 1)), 20), { until: (found) => found === 1 })

  /** Reads many times, each time with a connection. Returns how many connections were lost, too. */
  const often = <A, E, R>(read: Effect.Effect<A, E, R>) =>
    Effect.gen(function*() {
      yield* count(ids)
      const before = yield* connections
      const rounds = yield* Effect.forEach(Array.from({ length: 8 }), () => Effect.tap(read, connected))
      // The administrator's question takes a connection, too.
      return { rounds, lost: (yield* connections) - before - 1 }
    })

  beforeAll(async () => {
    server = await startServer()
  }, timeout)
  beforeEach(() => {
    prefix = freshPrefix()
  })
  afterAll(() => server?.end())

  it.live(
    "costs a connection once: it is loaded, small values are found, and one warning names the limit",
    () =>
      Effect.gen(function*() {
        yield* filled
        const both = Effect.all([load, count(ids)], { concurrency: "unbounded" })
        const reading = Effect.gen(function*() {
          const { lost, rounds } = yield* often(both)
          expect(lost).toBe(1)
          for (const [read] of rounds) expect(read).toBe(value)
          for (const [, found] of rounds.slice(1)) expect(found).toBe(ids.length)
        })
        const warnings = yield* warningsOf(Effect.provide(reading, layer()))
        expect(warnings.filter((line) => line.includes("client-output-buffer-limit"))).toHaveLength(1)
      }),
    timeout
  )

  it.live(
    "is named in the warning as the cache shows ids",
    () =>
      Effect.gen(function*() {
        yield* filled
        const of = (cache: ReturnType<typeof layer>) =>
          Effect.map(
            warningsOf(Effect.provide(often(count(["big", ...ids])), cache)),
            (lines) => lines.filter((line) => line.includes("client-output-buffer-limit")).join()
          )
        expect(yield* of(layer())).toContain("the value of \"big\" has")
        const digest = createHash("sha256").update("big").digest("hex").slice(0, 16)
        expect(yield* of(CacheLayer.withTelemetry(layer(), { ids: "digest" }))).toContain(
          `the value of "${digest}" has`
        )
      }),
    timeout
  )

  it.live(
    "is missing from a look-up of many, which finds the others and loses one connection",
    () =>
      Effect.gen(function*() {
        yield* filled
        const reading = Effect.map(often(count(["big", ...ids])), ({ lost, rounds }) => {
          expect(lost).toBe(1)
          expect(rounds.slice(1)).toEqual(rounds.slice(1).map(() => ids.length))
        })
        const warnings = yield* warningsOf(Effect.provide(reading, layer()))
        expect(warnings.filter((line) => line.includes("client-output-buffer-limit"))).toHaveLength(1)
      }),
    timeout
  )

  it.live("costs a connection once in a bulk load, and with it all values of that size", () =>
    Effect.gen(function*() {
      const pages = Cached.many(Page, (keys) => Effect.succeed(keys.map(() => Exit.succeed(value))), { ttl: "1 hour" })
      const load = pages([1, 2, 3].map((number) => ({ number })))
      yield* filled
      yield* limitTo(0)
      yield* Effect.provide(load, layer())
      yield* limitTo(limit)
      const { lost, rounds } = yield* Effect.provide(often(load), layer())
      expect(lost).toBe(1)
      for (const exits of rounds) expect(exits.filter(Exit.isSuccess)).toHaveLength(3)
    }), timeout)

  it.live(
    "costs a connection once if loads ask for their lease first, because the server is far away",
    () =>
      Effect.gen(function*() {
        yield* filled
        const proxy = yield* proxied
        proxy.delay(20)
        const both = Effect.all([load, count(ids)], { concurrency: "unbounded" })
        const { lost, rounds } = yield* Effect.provide(often(both), layer(proxy.url))
        expect(lost).toBe(1)
        for (const [read] of rounds) expect(read).toBe(value)
      }),
    timeout
  )

  for (const millis of [0, 20]) {
    it.live(
      `costs three connections a minute if the user may not read the limit, ${millis} ms away`,
      () =>
        Effect.gen(function*() {
          yield* filled
          const proxy = yield* proxied
          proxy.delay(millis)
          const url = yield* Effect.promise(() => urlOfDocumented({ ...server, url: proxy.url }))
          const both = Effect.all([load, count(ids)], { concurrency: "unbounded" })
          const reading = Effect.map(often(both), ({ lost, rounds }) => {
            expect(lost).toBe(3)
            for (const [read] of rounds) expect(read).toBe(value)
          })
          const warnings = yield* warningsOf(Effect.provide(reading, layer(url)))
          expect(warnings.join()).toContain("client-output-buffer-limit")
        }),
      timeout
    )
  }

  it.live("is not stored again, until the limit is raised", () =>
    Effect.gen(function*() {
      yield* filled
      yield* Effect.gen(function*() {
        yield* often(count(["big"]))
        yield* Cached.set("another", value)
        expect(yield* count(["another"])).toBe(0)
        yield* limitTo(4 * limit)
        yield* Cached.set("another", value)
        yield* Cached.set("another", value)
        expect(yield* count(["another"])).toBe(1)
      }).pipe(Effect.provide(layer()))
    }), timeout)

  it.live("is not replaced by a conditional set, which must not take it for missing", () =>
    Effect.gen(function*() {
      yield* filled
      yield* Effect.gen(function*() {
        yield* often(count(["big"]))
        yield* Effect.exit(Cached.set("big", "new", { ifAbsent: true }))
      }).pipe(Effect.provide(layer()))
      yield* limitTo(0)
      expect(yield* Effect.provide(Cached.getOption("big"), layer())).toEqual(Option.some(value))
    }), timeout)

  it.live(
    "also if it is just below the limit, because the server counts what it allocates",
    () =>
      Effect.gen(function*() {
        yield* filled
        yield* limitTo(0)
        yield* Effect.provide(Cached.set("big", value.slice(0, limit - 10_000)), layer())
        yield* limitTo(limit)
        const { lost } = yield* Effect.provide(often(count(["big", ...ids])), layer())
        expect(lost).toBe(1)
      }),
    timeout
  )

  it.live("is not suspected again for reads that were lost together", () =>
    Effect.gen(function*() {
      // Three values at once are below this limit.
      yield* limitTo(8 * limit)
      const proxy = yield* proxied
      const url = yield* Effect.promise(() => urlOfDocumented({ ...server, url: proxy.url }))
      yield* Effect.gen(function*() {
        yield* Cached.set("innocent", value)
        yield* Cached.set(ids[0]!, "small")
        proxy.cutAfter(limit / 4)
        const read = Cached.getOption("innocent")
        yield* Effect.all([read, read, read], { concurrency: "unbounded" })
        yield* connected
        expect(yield* count(["innocent"])).toBe(1)
      }).pipe(Effect.provide(layer(url)))
    }), timeout)

  it.live("is distinguished from a value whose connections something else cuts", () =>
    Effect.gen(function*() {
      yield* filled
      const proxy = yield* proxied
      const documented = yield* Effect.promise(() => urlOfDocumented({ ...server, url: proxy.url }))
      // Without the right to read the limit, the third loss in a row condemns a value.
      for (const [url, cuts] of [[proxy.url, 5], [documented, 2]] as const) {
        yield* Effect.gen(function*() {
          yield* Cached.set("innocent", value.slice(0, limit / 2))
          for (let i = 0; i < cuts; i++) {
            proxy.cutAfter(limit / 4)
            expect(yield* count(["innocent"])).toBe(0)
            yield* connected
          }
          expect(yield* count(["innocent"])).toBe(1)
        }).pipe(Effect.provide(layer(url)))
      }
    }), timeout)
})
