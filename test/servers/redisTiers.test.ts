/** `CacheLayer.tiered` over Redis: machines whose processes share a folder, and a server that reports changes. */
import { afterAll, beforeAll, describe, expect, it } from "@effect/vitest"
import { type Context, Effect, Layer, Schedule } from "effect"
import { Cached, CacheLayer, type Caching } from "effect-cached"
import { RedisStore } from "effect-cached/redis"
import { SqliteStore } from "effect-cached/sqlite"
import { sharedStoreLaws } from "effect-cached/testing"
import * as Tiered from "../../src/layers/tieredStore.ts"
import { isMissing } from "../support/needs.ts"
import { freshPrefix, program, type Server, startServer, urlOfDocumented } from "../support/redis.ts"
import { storeFrom } from "../support/storeFrom.ts"
import { tempDirectory } from "../support/tempDirectory.ts"
import { test } from "../support/tests.ts"

const storeTimeout = 5000

describe.skipIf(isMissing(program))("CacheLayer.tiered over Redis", () => {
  let server: Server
  let url: string
  beforeAll(async () => {
    server = await startServer()
    url = await urlOfDocumented(server)
  })
  afterAll(() => server.end())

  const two = Effect.gen(function*() {
    const [directory, prefix] = [yield* tempDirectory, freshPrefix()]
    const open = Effect.gen(function*() {
      return yield* Tiered.make({
        middles: [{
          store: yield* storeFrom(SqliteStore.layer({ directory })),
          ttlMillis: Infinity,
          timeoutMillis: 1000,
          maxStalenessMillis: 5000
        }],
        last: yield* storeFrom(RedisStore.layer({ url, prefix, connect: "required", storeTimeout })),
        storeTimeoutMillis: storeTimeout
      })
    })
    return [yield* open, yield* open] as const
  })
  describe.concurrent("keeps the laws of shared stores", () => {
    for (const law of sharedStoreLaws(two)) it.live(law.name, () => law.run)
  })

  test.live("what one process changes reaches those of its machine and of another, through their folders", function*() {
    const prefix = freshPrefix()
    const machines = [yield* tempDirectory, yield* tempDirectory]
    const processes: Array<Context.Context<Caching.Caching>> = []
    for (const directory of [...machines, ...machines]) {
      const tiers = CacheLayer.tiered([
        CacheLayer.memory({ capacity: 2 }),
        CacheLayer.disk({ directory, storeTimeout }),
        CacheLayer.redis({ url, prefix, connect: "required", storeTimeout })
      ])
      processes.push(yield* Layer.build(tiers))
    }
    const origin = { value: 1 }
    const keys = ["a", "b", "c", "d", "e"]
    const readOf = (key: string) =>
      Effect.sync(() => origin.value).pipe(Cached.ttl(key, { ttl: "1 hour", tags: ["all"] }))
    const readAll = Effect.forEach(processes, (services) => Effect.provide(Effect.forEach(keys, readOf), services))
    for (let round = 0; round < 6; round++) {
      yield* readAll
      yield* Effect.sleep(20)
      yield* readAll
      origin.value++
      const changing = processes[round % processes.length]!
      const change = round % 2 === 0 ? Cached.invalidate(keys) : Cached.invalidate({ tag: "all" })
      yield* Effect.provide(change, changing)
      const current = keys.map(() => origin.value)
      // At once where it was changed, and soon in the other processes.
      expect(yield* Effect.provide(Effect.forEach(keys, readOf), changing)).toEqual(current)
      yield* Effect.retry(
        Effect.filterOrFail(readAll, (all) => all.every((values) => values.join() === current.join())),
        Schedule.spaced(10)
      )
      expect(yield* readAll).toEqual(processes.map(() => current))
    }
  })
})
