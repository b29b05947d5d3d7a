/**
 * The commands and bytes that operations send to a Redis server, and the bytes that it answers: fewer commands to a
 * server that seems to be far, as it does on a busy machine.
 */
import { afterAll, beforeAll, describe, expect, it } from "@effect/vitest"
import { ManagedRuntime } from "effect"
import { CacheLayer } from "effect-cached"
import { costsOf, missesAtOnce, operations, whereMostReadsLoad } from "../../support/costs.ts"
import { type Counted, redis, startCounted } from "../../support/counted.ts"
import { isMissing } from "../../support/needs.ts"
import { program, type Server, startServer } from "../../support/redis.ts"

/** Commands, bytes sent, bytes received. */
const costs = {
  "a hit": [1, 84, 331],
  "a hit with a tag": [1, 123, 385],
  "a hit of a class": [1, 136, 386],
  "50 hits at once": [1, 2437, 15228],
  "a miss": [3, 1204, 67],
  "a miss with a tag": [4, 1459, 164],
  "many, 100 hits": [2, 6052, 32496],
  "many, 100 misses": [6, 83381, 1457],
  "set": [1, 786, 4],
  "setMany of 100": [4, 61056, 584],
  "remove": [1, 475, 4],
  "remove of 100": [4, 27625, 8084],
  "invalidate a tag": [1, 307, 4],
  "a miss, where most reads load": [2, 1120, 35]
}

describe.skipIf(isMissing(program))("Redis", () => {
  let server: Server
  let counted: Counted
  beforeAll(async () => {
    server = await startServer()
    counted = await startCounted(server.port, redis)
  })
  afterAll(async () => {
    await counted.end()
    await server.end()
  })

  it("operations send as many commands and bytes as the table says", async () => {
    const open = (port: number) =>
      ManagedRuntime.make(CacheLayer.redis({
        url: `redis://127.0.0.1:${port}`,
        prefix: "costs",
        connect: "required",
        // A machine under load answers late, and its leases would be renewed.
        storeTimeout: "10 seconds",
        lease: "9 seconds",
        memory: false
      }))
    const tableOf = (all: typeof operations) =>
      costsOf(open(counted.port), open(server.port), all, counted.passed, costs)
    const [[commands]] = Object.values(await tableOf(missesAtOnce)) as [[number]]
    // A command for each would be 150.
    expect(commands).toBeLessThan(30)
    expect({ ...await tableOf(operations), ...await tableOf(whereMostReadsLoad) }).toEqual(costs)
  })
})
