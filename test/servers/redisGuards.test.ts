/**
 * Guards on Redis: the scripts are the pure functions, and a limit holds for all clients of the server. Time is the
 * server's.
 */
import { afterAll, beforeAll, describe, expect, it } from "@effect/vitest"
import { Effect, Random, Redacted } from "effect"
import { CacheLayer, Guard } from "effect-cached"
import { GuardStore } from "effect-cached/adapters"
import { MemoryGuards } from "effect-cached/memory"
import { RedisGuards } from "effect-cached/redis"
import { guardsOver } from "../../src/drivers/redis/guards.ts"
import * as Open from "../../src/drivers/redis/open.ts"
import { configOf } from "../../src/drivers/redis/options.ts"
import { bucket } from "../../src/internal/guard/bucket.ts"
import { circuit } from "../../src/internal/guard/circuit.ts"
import { fixedWindow } from "../../src/internal/guard/fixedWindow.ts"
import * as memory from "../../src/internal/guard/memory.ts"
import { slidingCounter } from "../../src/internal/guard/slidingCounter.ts"
import { slidingLog } from "../../src/internal/guard/slidingLog.ts"
import { isMissing } from "../support/needs.ts"
import {
  freshPrefix,
  program,
  type RedisCluster,
  type Server,
  startCluster,
  startServer,
  urlOfDocumented
} from "../support/redis.ts"
import { guardsOf } from "../support/services.ts"

const timeout = 180_000

const below = (bound: number) => Random.nextIntBetween(0, bound, { halfOpen: true })

const oneOf = <A>(...all: ReadonlyArray<A>) => Effect.map(below(all.length), (i) => all[i]!)

/** A limit that falls now and then. If it rose, what a state that has expired left behind would not be full. */
const falling = (bound: number) =>
  Effect.map(below(bound), (above) => {
    let limit = 1 + above
    return Effect.suspend(() => Effect.map(below(15 * limit), (at) => at < limit ? limit = 1 + at : limit))
  })

/** Inputs of each kind: those of one run have the same options but for the limit, as calls of one guard have. */
const kinds = [
  {
    kind: fixedWindow,
    inputs: Effect.gen(function*() {
      const limit = yield* falling(4)
      const input = {
        windowMillis: yield* oneOf(500, 1000, 1.5),
        banMillis: yield* oneOf(0, 2000),
        renewsBan: yield* oneOf(true, false)
      }
      return () => Effect.map(limit, (limit) => ({ ...input, limit }))
    })
  },
  ...[slidingLog, slidingCounter].map((kind) => ({
    kind,
    inputs: Effect.gen(function*() {
      const limit = yield* falling(6)
      const windowMillis = yield* oneOf(500, 777, 1000)
      return () => Effect.map(limit, (limit) => ({ limit, windowMillis }))
    })
  })),
  {
    kind: bucket,
    inputs: Effect.gen(function*() {
      const limit = yield* falling(30)
      const refillMillis = yield* oneOf(100, 1000 / 3, 7.5)
      return () =>
        Effect.map(Effect.all([limit, below(3)]), ([limit, more]) => ({ tokens: 1 + more, limit, refillMillis }))
    })
  },
  {
    kind: circuit,
    inputs: Effect.gen(function*() {
      const openTime = { millis: 400, longestMillis: yield* oneOf(400, 3000) }
      const trip = yield* oneOf(
        { failures: 2, rate: 0, minimumCalls: 0, windowMillis: 0, windowCalls: 0 },
        { failures: 0, rate: 0.5, minimumCalls: 2, windowMillis: 700, windowCalls: 0 },
        { failures: 4, rate: 0.34, minimumCalls: 3, windowMillis: 0, windowCalls: 5 }
      )
      const idleMillis = yield* oneOf(1000, 60_000)
      const retakes = (yield* below(3)) === 0
      return (generation: number) =>
        Effect.gen(function*() {
          const at = yield* below(10)
          if (at === 0) return { _tag: "Read", idleMillis } as const
          if (at < 5) {
            return {
              _tag: "Admit",
              probeMillis: 300,
              openTime: retakes ? undefined : openTime,
              idleMillis
            } as const
          }
          const outcome = yield* oneOf("Success", "Failure", "Failure", "Ignored")
          return { _tag: "Record", generation, outcome, trip, openTime, idleMillis } as const
        })
    })
  }
] as ReadonlyArray<{
  readonly kind: GuardStore.Kind<any, any, any>
  readonly inputs: Effect.Effect<(generation: number) => Effect.Effect<unknown>>
}>

describe.skipIf(isMissing(program))("guards on Redis", () => {
  let server: Server
  let url: string
  beforeAll(async () => {
    server = await startServer()
    url = await urlOfDocumented(server)
  })
  afterAll(() => server.end())

  describe.each(kinds)("the script of $kind.name", ({ inputs, kind }) => {
    it.live(
      "answers as the pure function, on random inputs at random times, forwards and back",
      () =>
        Effect.gen(function*() {
          const config = configOf("test", { url, prefix: freshPrefix(), connect: "required" })
          let now = 0
          const redis = guardsOver(yield* Effect.orDie(Open.open(config)), () => now)
          for (let run = 0; run < 20; run++) {
            const pure = memory.make()
            const draw = yield* inputs
            now = 1_700_000_000_000 + run
            let generation = 0
            for (let step = 0; step < 60; step++) {
              const jump = yield* below(20)
              now += jump === 0 ? -(yield* below(3000)) : jump < 5 ? yield* below(1500) : yield* below(90)
              const input = yield* draw(generation)
              const expected = pure.runUnsafe(kind, `name ${run}`, input, now)
              const answer = yield* redis.run(kind, `name ${run}`, input)
              expect({ run, step, input, answer }).toEqual({ run, step, input, answer: expected })
              // Mostly a generation that counts, now and then one of before.
              if (expected.isAdmitted === true && (yield* below(5)) > 0) generation = expected.generation
            }
          }
        }).pipe(Effect.scoped, Random.withSeed(kind.name)),
      timeout
    )
  })

  it.live.each([
    { kind: fixedWindow, fields: ["c", "u"], input: { limit: 3, windowMillis: 1000, banMillis: 0, renewsBan: false } },
    { kind: slidingLog, fields: ["0", "-1"], input: { limit: 3, windowMillis: 1000 } },
    { kind: slidingCounter, fields: ["t", "b", "c"], input: { limit: 3, windowMillis: 1000 } },
    { kind: bucket, fields: ["n", "t"], input: { tokens: 1, limit: 3, refillMillis: 1000 } },
    {
      kind: circuit,
      fields: ["p", "g", "s", "t", "u", "o", "om", "pm", "r", "x"],
      input: { _tag: "Admit", probeMillis: 300, openTime: undefined, idleMillis: 1000 }
    }
  ] as ReadonlyArray<{ kind: GuardStore.Kind<any, any, any>; fields: ReadonlyArray<string>; input: unknown }>)(
    "the state of $kind.name counts as missing if one of its numbers is none",
    ({ fields, input, kind }) =>
      Effect.gen(function*() {
        const prefix = freshPrefix()
        let now = 1_700_000_000_000
        const opened = yield* Effect.orDie(Open.open(configOf("test", { url, prefix, connect: "required" })))
        const redis = guardsOver(opened, () => now)
        for (const field of fields) {
          for (const damage of ["nan", "inf", "1e400", "-1", "-inf", "-1e15", "x", ""]) {
            const name = `${field} ${damage}`
            const key = opened.session.keys.guard(kind.name, name)
            for (let i = 0; i < 3; i++) yield* redis.run(kind, name, input)
            now++
            const set = kind === slidingLog ? "LSET" : "HSET"
            yield* Effect.promise(() => server.ask(set, key, field, damage))
            expect([name, yield* redis.run(kind, name, input)]).toEqual([
              name,
              kind.step(undefined, now, input).answer
            ])
          }
        }
      }).pipe(Effect.scoped),
    timeout
  )

  it.live("a step that is refused leaves the state as it is", () =>
    Effect.gen(function*() {
      const prefix = freshPrefix()
      const call = Effect.void.pipe(
        Guard.rateLimit({ key: "api", limit: 1, window: "1 minute", onStoreError: "fail" })
      )
      const username = "limited"
      yield* Effect.promise(() => server.ask("ACL", "SETUSER", username, "reset", "on", "nopass", "~*", "&*", "+@all"))
      const provided = yield* inRedis(() => ({ url, prefix, username, password: Redacted.make("any") }))
      yield* provided(call)
      yield* Effect.promise(() => server.ask("ACL", "SETUSER", username, "-hset"))
      expect(yield* Effect.flip(provided(call))).toMatchObject({ _tag: "StoreError", reason: "Denied" })
      yield* Effect.promise(() => server.ask("ACL", "SETUSER", username, "+hset"))
      expect(yield* Effect.flip(provided(call))).toMatchObject({ _tag: "RateLimitExceeded" })
    }).pipe(Effect.scoped))

  const inRedis = (options: () => Parameters<typeof RedisGuards.layer>[0]) =>
    Effect.map(
      guardsOf(RedisGuards.layer({ ...options(), connect: "required" })),
      (store) => Effect.provideService(GuardStore.GuardStore, store)
    )

  it.live("a limit is one for all clients of the server, and its state expires there", () =>
    Effect.gen(function*() {
      const prefix = freshPrefix()
      const options = () => ({ url, prefix })
      const [here, there] = [yield* inRedis(options), yield* inRedis(options)]
      const call = Effect.as(Effect.void, "ok").pipe(
        Guard.rateLimit({ key: "api", limit: 4, window: "1 minute", onStoreError: "fail" }),
        Effect.catchTag("RateLimitExceeded", () => Effect.succeed("refused"))
      )
      const answers = yield* Effect.all(Array.from({ length: 10 }, (_, i) => (i % 2 === 0 ? here : there)(call)), {
        concurrency: "unbounded"
      })
      expect(answers.filter((answer) => answer === "ok")).toHaveLength(4)
      for (
        const guard of [
          Guard.rateLimit({ key: "log", limit: 1, window: "1 minute", algorithm: "sliding-log" }),
          Guard.rateLimit({ key: "counter", limit: 1, window: "1 minute", algorithm: "sliding-counter" }),
          Guard.rateLimit({ key: "bucket", limit: 1, window: "1 minute", algorithm: "token-bucket" })
        ]
      ) {
        yield* here(Effect.void.pipe(guard))
        expect(yield* Effect.flip(there(Effect.void.pipe(guard)))).toMatchObject({ _tag: "RateLimitExceeded" })
      }
      const breaker = Guard.circuitBreaker({ key: "api", failures: 1, open: "1 minute" })
      yield* Effect.flip(here(Effect.fail("down").pipe(breaker)))
      expect(yield* Effect.flip(there(Effect.void.pipe(breaker)))).toMatchObject({ _tag: "CircuitOpen", state: "Open" })
      const names = (yield* Effect.promise(() => server.ask("KEYS", `${prefix}:g:*`))) as ReadonlyArray<string>
      expect(names).toHaveLength(5)
      for (const name of names) {
        const left = Number(yield* Effect.promise(() => server.ask("PTTL", name)))
        expect(left).toBeGreaterThan(0)
        expect(left).toBeLessThanOrEqual(3_660_000)
      }
    }).pipe(Effect.scoped), timeout)

  it.live("CacheLayer.redis keeps the state of guards on its server", () =>
    Effect.gen(function*() {
      const prefix = freshPrefix()
      const call = Effect.void.pipe(Guard.rateLimit({ key: "api", limit: 1, window: "1 minute" }))
      const cache = () => CacheLayer.redis({ url, prefix, connect: "required", storeTimeout: "10 seconds" })
      yield* call.pipe(Effect.provide(cache()))
      expect(yield* Effect.flip(call.pipe(Effect.provide(cache())))).toMatchObject({ _tag: "RateLimitExceeded" })
      yield* call.pipe(Effect.provide(cache()), Effect.provide(MemoryGuards.layer))
    }), timeout)

  it.live("CA-48 · bits of two processes are merged on the server", () =>
    Effect.gen(function*() {
      const prefix = freshPrefix()
      const [here, there] = [
        yield* inRedis(() => ({ url, prefix })),
        yield* inRedis(() => ({ url, prefix }))
      ]
      const filter = Guard.bloom({ key: "names", capacity: 100_000 })
      const names = (from: number) => Array.from({ length: 500 }, (_, i) => `name ${from + i}`)
      yield* Effect.all([here(filter.addAll(names(0))), there(filter.addAll(names(500)))], { concurrency: 2 })
      const count = (from: number) =>
        Effect.map(Effect.forEach(names(from), filter.mayHave), (all) => all.filter(Boolean).length)
      expect([yield* here(count(500)), yield* there(count(0)), yield* there(count(1000))]).toEqual([500, 500, 0])
      expect((yield* here(filter.report)).items).toBeGreaterThan(950)
      yield* here(filter.clear)
      expect(yield* here(filter.mayHave("name 1"))).toBe(false)
      expect(yield* Effect.promise(() => server.ask("KEYS", `${prefix}:g:*`))).toEqual([])
    }).pipe(Effect.scoped), timeout)

  it.live("a server that is gone: limits continue in this process", () =>
    Effect.gen(function*() {
      const own = yield* Effect.promise(() => startServer())
      const provided = yield* inRedis(() => ({ url: own.url, prefix: freshPrefix() }))
      const call = Effect.as(Effect.void, "ok").pipe(
        Guard.rateLimit({ key: "api", limit: 2, window: "1 minute" }),
        Effect.catch(() => Effect.succeed("refused")),
        provided
      )
      expect(yield* call).toBe("ok")
      yield* Effect.promise(() => own.end())
      expect(yield* Effect.all([call, call, call])).toEqual(["ok", "ok", "refused"])
    }).pipe(Effect.scoped), timeout)

  describe("on a cluster", () => {
    let cluster: RedisCluster
    beforeAll(async () => {
      cluster = await startCluster()
    }, timeout)
    afterAll(() => cluster.end())

    it.live("limits, circuits and filters", () =>
      Effect.gen(function*() {
        const options = { nodes: cluster.nodes, prefix: freshPrefix(), connect: "required" } as const
        const provided = Effect.provideService(GuardStore.GuardStore, yield* guardsOf(RedisGuards.layer(options)))
        yield* Effect.gen(function*() {
          for (let i = 0; i < 10; i++) {
            const call = Effect.void.pipe(
              Guard.rateLimit({
                key: `key ${i}`,
                limit: 1,
                window: "1 minute",
                onStoreError: "fail",
                algorithm: "sliding-log"
              })
            )
            yield* call
            expect(yield* Effect.flip(call)).toMatchObject({ _tag: "RateLimitExceeded" })
            yield* Effect.void.pipe(Guard.circuitBreaker({ key: `key ${i}`, onStoreError: "fail" }))
            const filter = Guard.bloom({ key: `key ${i}`, capacity: 100 })
            yield* filter.add("ann")
            expect([yield* filter.mayHave("ann"), yield* filter.mayHave("bob")]).toEqual([true, false])
          }
        }).pipe(provided)
      }).pipe(Effect.scoped), timeout)
  })
})
