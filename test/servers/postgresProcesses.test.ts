/** The promises, by real processes that share a PostgreSQL server, and are killed and stopped. */
import { afterAll, beforeAll, describe } from "@effect/vitest"
import { bulkTests } from "../processes/bulkTests.ts"
import { leaseTests } from "../processes/leaseTests.ts"
import { type Open, pool } from "../processes/processes.ts"
import { promiseTests, stoppedServerTests } from "../processes/promiseTests.ts"
import { releaseTests } from "../processes/releaseTests.ts"
import { sized } from "../support/everything.ts"
import { isPostgresMissing, type Server, startPostgres } from "../support/postgres.ts"

describe.skipIf(isPostgresMissing())("PostgreSQL", () => {
  const { end, open } = pool()
  let server: Server
  beforeAll(async () => {
    server = await startPostgres()
  }, 60_000)
  afterAll(async () => {
    await end()
    await server.end()
  })
  // A machine under load answers late, and a caller that waits in vain loads beside others.
  const onServer: Open = (count, options) =>
    open(count, { storeTimeout: 5000, ...options, postgres: { url: server.url } })
  leaseTests(onServer)
  bulkTests(onServer, sized(1000, 500))
  promiseTests(onServer)
  releaseTests(onServer)
  stoppedServerTests(onServer, (name) => server.signal(name))
})
