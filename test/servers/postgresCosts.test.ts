/** The statements that operations send to a PostgreSQL server. */
import { afterAll, beforeAll, describe, expect, it } from "@effect/vitest"
import { ManagedRuntime } from "effect"
import { CacheLayer } from "effect-cached"
import { costsOf, operations, whereMostReadsLoad } from "../support/costs.ts"
import { type Counted, postgres, startCounted } from "../support/counted.ts"
import { isPostgresMissing, type Server, startPostgres } from "../support/postgres.ts"

const costs = {
  "a hit": [1],
  "a hit with a tag": [1],
  "a hit of a class": [1],
  "50 hits at once": [1],
  "a miss": [3],
  "a miss with a tag": [4],
  "many, 100 hits": [2],
  "many, 100 misses": [10],
  "set": [1],
  "setMany of 100": [6],
  "remove": [1],
  "remove of 100": [5],
  "invalidate a tag": [1],
  "a miss, where most reads load": [2]
}

describe.skipIf(isPostgresMissing())("PostgreSQL", () => {
  let server: Server
  let counted: Counted
  beforeAll(async () => {
    server = await startPostgres()
    counted = await startCounted(server.port, postgres)
  })
  afterAll(async () => {
    await counted.end()
    await server.end()
  })

  it("operations send as many statements as the table says", async () => {
    const open = (port: number) =>
      ManagedRuntime.make(CacheLayer.postgres({
        url: `postgres://postgres@127.0.0.1:${port}/postgres`,
        // A machine under load answers late, and its leases would be renewed.
        storeTimeout: "10 seconds",
        lease: "1 minute",
        memory: false
      }))
    const tableOf = (all: typeof operations) =>
      costsOf(open(counted.port), open(server.port), all, () => counted.passed().slice(0, 1), costs)
    expect({ ...await tableOf(operations), ...await tableOf(whereMostReadsLoad) }).toEqual(costs)
  }, 120_000)
})
