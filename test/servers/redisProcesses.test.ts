/** The promises, by real processes that share a Redis server, and a cluster. */
import { afterAll, beforeAll, describe } from "@effect/vitest"
import { bulkTests } from "../processes/bulkTests.ts"
import { leaseTests } from "../processes/leaseTests.ts"
import { type Open, type OpenOptions, pool } from "../processes/processes.ts"
import { promiseTests, stoppedServerTests } from "../processes/promiseTests.ts"
import { releaseTests } from "../processes/releaseTests.ts"
import { sized } from "../support/everything.ts"
import { isMissing } from "../support/needs.ts"
import { program, type RedisCluster, type Server, startCluster, startServer } from "../support/redis.ts"

const timeout = 180_000

describe.skipIf(isMissing(program))("Redis", () => {
  const { end, open } = pool()
  let server: Server
  let cluster: RedisCluster
  beforeAll(async () => {
    server = await startServer()
    cluster = await startCluster()
  }, timeout)
  afterAll(async () => {
    await end()
    await Promise.all([server.end(), cluster.end()])
  })
  const on = (redis: () => NonNullable<OpenOptions["redis"]>): Open => (count, options) =>
    // A machine under load answers late, and a caller that waits in vain loads beside others.
    open(count, { storeTimeout: 5000, ...options, redis: redis() })

  describe("a server", () => {
    const onServer = on(() => ({ url: server.url }))
    leaseTests(onServer)
    bulkTests(onServer, sized(2000, 1000))
    promiseTests(onServer)
    releaseTests(onServer)
    stoppedServerTests(onServer, (name) => server.signal(name))
  })

  describe("a cluster", () => {
    const onCluster = on(() => ({ nodes: cluster.nodes }))
    leaseTests(onCluster)
    promiseTests(onCluster)
    releaseTests(onCluster)
  })
})
