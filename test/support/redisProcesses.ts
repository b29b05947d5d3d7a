/** Processes on one Redis server, each a cache of its own with memory. */
import { expect } from "@effect/vitest"
import { Effect, Layer, Logger } from "effect"
import { Cached, CacheLayer } from "effect-cached"
import type { Caching } from "effect-cached/Caching"
import { warner } from "./logged.ts"
import { freshPrefix, type Server } from "./redis.ts"
import { until } from "./until.ts"

/** The warnings of an effect. */
export const warned = <A, E, R>(effect: (warnings: ReadonlyArray<string>) => Effect.Effect<A, E, R>) => {
  const { logger, warnings } = warner()
  return effect(warnings).pipe(Effect.provide(Logger.layer([logger])))
}

export const processesOn = (server: () => Server, shared: Partial<CacheLayer.RedisOptions> = {}) => {
  let loaded = 0

  /** A process: a cache with memory that trusts its copies for an hour, unless a change arrives. */
  const process = (prefix: string, options: Partial<CacheLayer.RedisOptions> = {}) =>
    Effect.gen(function*() {
      const of = { loads: 0 }
      const load = Effect.sync(() => {
        of.loads++
        return ++loaded
      })
      const layer = CacheLayer.redis({
        // On a machine under load, a server may count as far.
        defaults: { waitForWrite: true },
        url: server().url,
        prefix,
        maxStaleness: "1 hour",
        storeTimeout: "5 seconds",
        ...shared,
        ...options
      })
      const context = yield* Layer.build(layer)
      const use = <A, E>(effect: Effect.Effect<A, E, Caching>) => Effect.provideContext(effect, context)
      const read = (key = "k") => use(Cached.ttl(load, key, { ttl: "1 hour", tags: ["t"] }))
      /** A load of its own, which reads that one. */
      const derived = use(
        Cached.ttl(load, "k", { ttl: "1 hour", tags: ["t"] }).pipe(
          Cached.ttl("derived", { ttl: "1 hour", inherit: "changes" })
        )
      )
      const storeHits = Effect.map(use(Cached.stats), (stats) => stats.storeHits)
      /** Reads from memory alone. */
      const isInMemory = Effect.gen(function*() {
        const before = yield* storeHits
        yield* read()
        return (yield* storeHits) === before
      })
      return { derived, isInMemory, load, of, read, use }
    })

  /** After a while: a server that names the writer of a change late costs a look at the store. */
  const areInMemory = (...processes: ReadonlyArray<{ readonly isInMemory: Effect.Effect<boolean> }>) =>
    Effect.map(
      Effect.delay(Effect.all(processes.map(({ isInMemory }) => isInMemory)), "200 millis"),
      (are) => are.every((is) => is)
    )

  const ask = (...args: ReadonlyArray<string>) => Effect.promise(() => server().ask(...args))

  /** The address for a user with all rights but some. */
  const urlOf = (user: string, ...rights: ReadonlyArray<string>) =>
    Effect.map(
      ask("ACL", "SETUSER", user, "reset", "on", `>${user}`, "~*", "&*", "+@all", ...rights),
      () => server().url.replace("redis://", `redis://${user}:${user}@`)
    )

  /** Two that have the same value in memory. */
  const two = Effect.gen(function*() {
    const prefix = freshPrefix()
    const [a, b] = [yield* process(prefix), yield* process(prefix)]
    const value = yield* a.read()
    expect(yield* b.read()).toBe(value)
    // Both listen, and have received their own changes.
    yield* until("both memories", areInMemory(a, b))
    return { a, b, prefix, value }
  })

  return { areInMemory, ask, process, two, urlOf }
}
