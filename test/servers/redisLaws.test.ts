/** The laws of stores hold for Redis: a server, and a cluster. Time is real, since the server's counts. */
import { afterAll, beforeAll, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as RedisLock from "effect-cached/locks/RedisLock"
import * as RedisStore from "effect-cached/stores/RedisStore"
import { lockLaws, sharedStoreLaws, storeLaws } from "effect-cached/testing"
import { isMissing } from "../support/needs.ts"
import { freshPrefix, program, type RedisCluster, type Server, startCluster, startServer } from "../support/redis.ts"

const timeout = 120_000
const connect = "required"
/** a machine under load answers late */
const storeTimeout = 5000

describe.skipIf(isMissing(program))("Redis", () => {
  describe.concurrent("CA-07 · AI-01 · a server", () => {
    let server: Server
    beforeAll(async () => {
      server = await startServer()
    })
    afterAll(() => server.end())
    const make = Effect.suspend(() =>
      RedisStore.make({ url: server.url, prefix: freshPrefix(), connect, storeTimeout })
    )
    for (const law of storeLaws(make)) it.live(law.name, () => law.run, timeout)
    const two = Effect.suspend(() => {
      const options = { url: server.url, prefix: freshPrefix(), connect, storeTimeout } as const
      return Effect.all([RedisStore.make(options), RedisStore.make(options)])
    })
    for (const law of sharedStoreLaws(two)) it.live(`shared: ${law.name}`, () => law.run, timeout)
    const locks = Effect.suspend(() => {
      const options = { url: server.url, prefix: freshPrefix(), connect } as const
      return Effect.all([RedisLock.make(options), RedisLock.make(options)])
    })
    for (const law of lockLaws(locks)) it.live(`locks: ${law.name}`, () => law.run, timeout)
  })

  describe.concurrent("CA-07 · AI-01 · a cluster", () => {
    let cluster: RedisCluster
    beforeAll(async () => {
      cluster = await startCluster()
    }, 60_000)
    afterAll(() => cluster.end())
    const make = Effect.suspend(() =>
      RedisStore.makeCluster({ nodes: cluster.nodes, prefix: freshPrefix(), connect, storeTimeout })
    )
    for (const law of storeLaws(make)) it.live(law.name, () => law.run, timeout)
    const two = Effect.suspend(() => {
      const options = { nodes: cluster.nodes, prefix: freshPrefix(), connect, storeTimeout } as const
      return Effect.all([RedisStore.makeCluster(options), RedisStore.makeCluster(options)])
    })
    for (const law of sharedStoreLaws(two)) it.live(`shared: ${law.name}`, () => law.run, timeout)
    const locks = Effect.suspend(() => {
      const options = { nodes: cluster.nodes, prefix: freshPrefix(), connect } as const
      return Effect.all([RedisLock.makeCluster(options), RedisLock.makeCluster(options)])
    })
    for (const law of lockLaws(locks)) it.live(`locks: ${law.name}`, () => law.run, timeout)
  })
})
