/**
 * Changes by others on a Redis server: how long they take to arrive elsewhere, and until callers that wait for a load
 * are served; what a thousand invalidated tags a second cost a loading process, and how long turns are while a hundred
 * thousand removals arrive.
 */
import { Deferred, Effect, Exit, Fiber } from "effect"
import { Cached, CacheLayer } from "effect-cached"
import { type ChildProcess, fork } from "node:child_process"
import { once } from "node:events"
import { fileURLToPath } from "node:url"
import { createClient } from "redis"
import { Many, many } from "../changes/many.ts"
import type { News, Order } from "../changes/worker.ts"
import { inTurn, measure, median, nanos, repeat, startRedis, took, turnsOf } from "../measure.ts"

const invalidations = 200
const waits = 40
/** The number of waits before measuring: compilation takes a tenth of the time. */
const warmWaits = 150
const waiters = 7
const loadsOfRound = 200
const entries = 100_000

const url = await startRedis()
const start = () =>
  fork(fileURLToPath(new URL("../changes/worker.ts", import.meta.url)), [url], {
    execArgv: ["--conditions=effect-cached-source"]
  }).once("exit", (code) => {
    // Its messages will not come, so the run cannot end.
    if (code !== null && code !== 0) process.exit(1)
  })

const other = start()

const newsOf = async (from: ChildProcess, tag: News["_tag"]): Promise<News> => {
  for (;;) {
    const [told] = await once(from, "message") as [News]
    if (told._tag === tag) return told
  }
}

const news = (tag: News["_tag"]) => newsOf(other, tag)

const ready = news("Done")

const order = (what: Order) =>
  Effect.promise(() => {
    const done = news("Done")
    other.send(what)
    return done
  })

/** Nanoseconds from the invalidation here until the entry leaves the memory of the other process. */
const heard = Effect.gen(function*() {
  const times: Array<number> = []
  for (let i = 0; i < invalidations; i++) {
    yield* order({ _tag: "Keep", key: "k" })
    const left = news("Left")
    const start = nanos()
    yield* Cached.invalidate("k")
    const told = yield* Effect.promise(() => left)
    times.push(told._tag === "Left" ? told.at - start : NaN)
  }
  return median(times)
})

/** Nanoseconds by `nanos`, at a time of the server's clock, which is that of this machine. */
const nanosAt = (seconds: number): number =>
  nanos() - (performance.timeOrigin + performance.now()) * 1e6 + seconds * 1e9

/** When the server has stored an entry, as it reports itself: by key. */
const stored = new Map<string, number>()

const monitor = Effect.acquireRelease(
  Effect.promise(async () => {
    const client = await createClient({ url }).connect()
    await client.monitor((line) => {
      const [, seconds, key] = /^([\d.]+) \[\d+ lua\] "SET" "[^"]*(waited \d+)"/.exec(String(line)) ?? []
      if (key !== undefined) stored.set(key, nanosAt(Number(seconds)))
    })
    return client
  }),
  (client) => Effect.sync(() => client.destroy())
)

/** Nanoseconds from the commit of a load on the server until another process that has waited for it is served. */
const served = Effect.scoped(Effect.gen(function*() {
  yield* monitor
  const all = Array.from({ length: waiters }, start)
  yield* Effect.promise(() => Promise.all(all.map((one) => newsOf(one, "Done"))))
  const times: Array<number> = []
  for (let i = -warmWaits; i < waits; i++) {
    const key = `waited ${i}`
    const begun = Deferred.makeUnsafe<void>()
    const load = Effect.andThen(Deferred.succeed(begun, undefined), Effect.sleep(i < 0 ? "60 millis" : "100 millis"))
    const loading = yield* Effect.forkChild(Cached.ttl(load, key, { ttl: "1 hour" }))
    yield* Deferred.await(begun)
    const told = all.map((one) => newsOf(one, "Served"))
    for (const one of all) one.send({ _tag: "Read", key } satisfies Order)
    const heard = yield* Effect.promise(() => Promise.all(told))
    yield* Fiber.join(loading)
    for (const news of heard) {
      if (i >= 0) times.push(news._tag === "Served" ? news.at - stored.get(key)! : NaN)
    }
  }
  for (const one of all) one.disconnect()
  return median(times)
}))

/** Nanoseconds that a load takes from asking to storing, one after the other. */
const loads = inTurn(
  { quiet: false, "1,000 invalidated tags a second": true },
  { warmup: 2, rounds: 12 },
  (is, round) => {
    const load = (i: number) => Cached.ttl(Effect.succeed(i), `${is} ${round} ${i}`, { ttl: "1 hour", tags: ["own"] })
    const loads = Effect.delay(took(repeat(load, loadsOfRound), loadsOfRound), "50 millis")
    const storm = (is: boolean) => order({ _tag: "Storm", is })
    return Effect.tap(Effect.andThen(storm(is), loads), () => storm(false))
  }
)

const readAll = Cached.many(
  Many,
  // Few at most: entries that a busy machine has not stored.
  (keys) => Effect.succeed(keys.map(({ i }) => Exit.succeed(i))),
  { ttl: "1 hour" }
)

/** The longest turn in processor time, until all that was in memory has left it. */
const drained = Effect.gen(function*() {
  yield* order({ _tag: "Write", entries })
  yield* readAll(many(entries))
  const { size } = yield* Cached.stats
  if (size < entries) throw new Error(`only ${size} in memory`)
  globalThis.gc!()
  const { longest } = yield* turnsOf(Effect.gen(function*() {
    yield* order({ _tag: "Remove" })
    while ((yield* Cached.stats).size > 0) yield* Effect.sleep("20 millis")
  }))
  return longest
})

const program = Effect.gen(function*() {
  yield* Effect.promise(() => ready)
  const soon = yield* heard
  const waited = yield* served
  const rows = yield* loads
  yield* Cached.clear
  const longest = yield* drained
  return [
    { name: "an invalidation", value: soon },
    { name: "seven waiting processes", value: waited },
    ...rows,
    { name: "100,000 removals, the longest turn", value: longest }
  ]
})

const cache = CacheLayer.redis({ url, connect: "required", storeTimeout: "1 minute", capacity: 2 * entries })
await measure(program.pipe(Effect.provide(cache)))
