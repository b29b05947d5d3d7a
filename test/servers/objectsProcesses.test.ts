/** The promises of leases, by real processes that share a bucket, and are killed and stopped. */
import { afterAll, beforeAll, describe } from "@effect/vitest"
import { leaseTests } from "../processes/leaseTests.ts"
import { type Open, pool } from "../processes/processes.ts"
import { listen, type Listening, make } from "../support/s3.ts"

describe("a bucket", () => {
  const { end, open } = pool()
  let server: Listening
  beforeAll(async () => {
    server = await listen(make())
  })
  afterAll(async () => {
    await end()
    await server.stop()
  })
  // A machine under load answers late, and a caller that waits in vain loads beside others.
  const onServer: Open = (count, options) =>
    open(count, { storeTimeout: 5000, ...options, objects: { endpoint: server.endpoint } })
  leaseTests(onServer)
})
