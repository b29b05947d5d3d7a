/**
 * How many round trips the operations over Redis take. A proxy that delays answers counts those for which a client has
 * waited, and the table in docs/redis.md says the same.
 */
import { afterAll, beforeAll, describe, expect, it } from "@effect/vitest"
import { Effect, Exit, Layer, ManagedRuntime, Schema } from "effect"
import { Cached, CacheKey, CacheLayer, Transaction } from "effect-cached"
import { Lock, Store } from "effect-cached/adapters"
import { RedisGuards, RedisStore } from "effect-cached/redis"
import { readFileSync } from "node:fs"
import { isMissing } from "../support/needs.ts"
import { type Proxy, startProxy } from "../support/proxy.ts"
import { freshPrefix, program, type Server, startServer } from "../support/redis.ts"
import { storeFrom } from "../support/storeFrom.ts"

const connect = "required"
const delayMillis = 25

class Item extends CacheKey.Class<Item>()("Item", {
  payload: { n: Schema.Int },
  success: Schema.String
}) {}

const load = Effect.succeed("loaded")
const ttl = "1 hour"
const items = Cached.many(Item, (keys) => Effect.succeed(keys.map(({ n }) => Exit.succeed(`${n}`))), { ttl })
const read = (key: string) => load.pipe(Cached.ttl(key, { ttl }))
const tagged = (key: string) => load.pipe(Cached.ttl(key, { ttl, tags: ["tag"] }))
const some = (from: number) => Array.from({ length: 50 }, (_, i) => ({ n: 100 * from + i }))

type Run = Effect.Effect<unknown, unknown, any>

interface Operation {
  readonly run: Run
  /** Run before it, in this process and in another one. */
  readonly here?: Run
  readonly there?: Run
}

/** Each as the table names it. */
const operations: Record<string, (i: number) => Operation> = {
  "a read of an entry in memory": (i) => ({ there: read(`a ${i}`), here: read(`a ${i}`), run: read(`a ${i}`) }),
  "a read of an entry on the server": (i) => ({ there: read(`b ${i}`), run: read(`b ${i}`) }),
  "the same, with `tags`": (i) => ({ there: tagged(`c ${i}`), run: tagged(`c ${i}`) }),
  "a read that loads": (i) => ({ run: read(`d ${i}`) }),
  "a read that loads, with `tags`": (i) => ({ run: tagged(`e ${i}`) }),
  "a read that loads, with `waitForWrite: false`": (i) => ({
    run: load.pipe(Cached.ttl(`f ${i}`, { ttl, waitForWrite: false }))
  }),
  "a read that loads, with `waitForWrite: true`": (i) => ({
    run: load.pipe(Cached.ttl(`g ${i}`, { ttl, waitForWrite: true }))
  }),
  "a read of 50 entries on the server": (i) => ({ there: items(some(i)), run: items(some(i)) }),
  "a read that loads 50 entries": (i) => ({ run: items(some(100 + i)) }),
  "`getOption`, `has`": (i) => ({ run: Cached.has(`h ${i}`) }),
  "`set`": (i) => ({ run: Cached.set(`i ${i}`, "set") }),
  "`set` with `ifAbsent` or `ifPresent`": (i) => ({ run: Cached.set(`j ${i}`, "set", { ifAbsent: true }) }),
  "`remove`, `invalidate`": (i) => ({ run: Cached.remove(`k ${i}`) }),
  "`invalidate({ tag })`": () => ({ run: Cached.invalidate({ tag: "tag" }) }),
  "`increment`": () => ({ run: Cached.counter("visits").increment() }),
  "acquiring and releasing a free lock": (i) => ({
    run: Effect.scoped(Effect.flatMap(Lock.Lock, (lock) => lock.acquire(`l ${i}`, { lease: "10 seconds", wait: 0 })))
  }),
  "a transaction with a look-up and a `set`": (i) => ({
    run: Transaction.run(Effect.andThen(Cached.getOption(`m ${i}`), Cached.set(`m ${i}`, "set")))
  })
}

describe.skipIf(isMissing(program))("Redis", () => {
  let server: Server
  let proxy: Proxy
  beforeAll(async () => {
    server = await startServer()
    proxy = await startProxy(server.port)
    proxy.delay(delayMillis)
  })
  afterAll(async () => {
    await proxy.end()
    await server.end()
  })

  /** A cache over a store that says how far away it is. */
  const open = (prefix: string, distanceMillis: number) => {
    const store = Layer.effect(
      Store.Store,
      Effect.map(
        storeFrom(RedisStore.layer({ url: proxy.url, prefix, connect })),
        (store) => ({ ...store, distanceMillis: () => distanceMillis })
      )
    )
    // A machine under load answers late.
    const cache = Layer.provide(CacheLayer.layer({ storeTimeout: "10 seconds" }), store)
    return ManagedRuntime.make(Layer.merge(cache, RedisGuards.layer({ url: proxy.url, prefix, connect })))
  }

  const settle = () => new Promise((resolve) => setTimeout(resolve, 5 * delayMillis))

  /** The first count that is seen three times, because a process under load sometimes asks something else meanwhile. */
  const counted = async (distanceMillis: number): Promise<ReadonlyArray<number>> => {
    const prefix = freshPrefix()
    const runtime = open(prefix, distanceMillis)
    const other = open(prefix, distanceMillis)
    const counts: Array<number> = []
    const countOf = async ({ here = Effect.void, run, there = Effect.void }: Operation) => {
      await other.runPromise(there as Effect.Effect<unknown>)
      await settle()
      await runtime.runPromise(here as Effect.Effect<unknown>)
      await settle()
      const until = proxy.roundTrips("subscribe")
      await runtime.runPromise(run as Effect.Effect<unknown>)
      return proxy.roundTrips("subscribe") - until
    }
    for (const make of Object.values(operations)) {
      const seen = new Map<number, number>()
      let count = -1
      for (let i = 1; (seen.get(count) ?? 0) < 3; i++) {
        count = await countOf(make(i))
        seen.set(count, (seen.get(count) ?? 0) + 1)
      }
      counts.push(count)
    }
    await runtime.dispose()
    await other.dispose()
    return counts
  }

  it("as many round trips as the table says", async () => {
    const near = await counted(0)
    const far = await counted(100)
    const rows = Object.keys(operations).map((name, i) => `| ${name} | ${near[i]} | ${far[i]} |`)
    const docs = readFileSync(new URL("../../docs/redis.md", import.meta.url), "utf8")
    expect(docs.match(/^\| .+ \| \d+ \| \d+ \|$/gm)).toEqual(rows)
  })

  it(
    "two for a load on a near server, once reads have loaded more than twice as often as they have found",
    async () => {
      const runtime = open(freshPrefix(), 0)
      const roundTripsOf = async (key: string) => {
        await settle()
        const until = proxy.roundTrips("subscribe")
        await runtime.runPromise(read(key))
        return proxy.roundTrips("subscribe") - until
      }
      await roundTripsOf("a")
      expect(await roundTripsOf("b")).toBe(2)
      expect(await roundTripsOf("c")).toBe(2)
      await runtime.dispose()
    }
  )
})
