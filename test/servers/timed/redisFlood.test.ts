/** More changes of others than a process can read, which the server gives up if it falls behind for too long. */
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { Cached, CacheLayer } from "effect-cached"
import { createClient } from "redis"
import { forAll } from "../../support/forAll.ts"
import { isMissing } from "../../support/needs.ts"
import { freshPrefix, program, startServer } from "../../support/redis.ts"
import { processesOn, warned } from "../../support/redisProcesses.ts"
import { test } from "../../support/tests.ts"
import { until } from "../../support/until.ts"

const timeout = 180_000

describe.skipIf(isMissing(program))("Redis", { timeout }, () => {
  const server = forAll(() => startServer())

  const processes = processesOn(() => server)

  it.live("20,000 loads at once are all stored, without a warning", () =>
    warned((warnings) =>
      Effect.gen(function*() {
        const ids = Array.from({ length: 20_000 }, (_, i) => `${i}`)
        const load = (key: string) => Cached.ttl(Effect.succeed(key), key, { ttl: "1 hour" })
        yield* Effect.forEach(ids, load, { concurrency: "unbounded", discard: true })
        const { loads, notStored, storeFailures } = yield* Cached.stats
        expect({ loads, notStored, storeFailures, warnings }).toEqual({
          loads: ids.length,
          notStored: 0,
          storeFailures: 0,
          warnings: []
        })
        yield* Effect.repeat(Effect.delay(Cached.size, "50 millis"), {
          until: (size) => size === ids.length,
          times: 200
        })
        expect(yield* Cached.size).toBe(ids.length)
      }).pipe(Effect.provide(CacheLayer.redis({ url: server.url, prefix: freshPrefix(), capacity: 10 })))
    ))

  test.live("more changes of other entries than can be kept apart leave memory as it is", function*() {
    const { a, b, prefix, value } = yield* processes.two
    const client = yield* Effect.acquireRelease(
      Effect.promise(() => createClient({ url: server.url }).connect()),
      (client) => Effect.sync(() => client.destroy())
    )
    const others = Array.from({ length: 500 }, (_, i) => `other ${i}`)
    yield* b.use(Effect.forEach(others, (id) => Cached.set(id, 1, { ttl: "1 hour" }), { concurrency: "unbounded" }))
    const size = () => Effect.map(b.use(Cached.stats), ({ size }) => size)
    const before = yield* size()
    const script = `for i = 1, 30000 do
          redis.call("PUBLISH", ARGV[1], '["them",' .. i .. ',[],["their ' .. i .. '"],[],false,[]]')
        end`
    const flood = client.eval(script, { arguments: [`${prefix}:m`] })
    // The changes come while nothing here has a turn.
    for (const end = performance.now() + 500; performance.now() < end;);
    yield* Effect.promise(() => flood)
    yield* a.use(Cached.invalidate("k"))
    yield* until("the last change", Effect.map(b.read(), (now) => now !== value))
    expect(yield* size()).toBeGreaterThan(0.9 * before)
  })
})
