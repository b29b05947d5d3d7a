/** Caches over Memcached and Redis, by the adapters of Keyv. */
import { describe, expect, it } from "@effect/vitest"
import { KeyvMemcache } from "@keyv/memcache"
import KeyvRedis from "@keyv/redis"
import { Effect, Layer, Option, Schema } from "effect"
import { Cached, CacheKey, CacheLayer, CachePolicy } from "effect-cached"
import { KeyvStore } from "effect-cached/keyv"
import { Keyv, type KeyvStoreAdapter } from "keyv"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { connect } from "node:net"
import { setTimeout } from "node:timers/promises"
import { isMissing } from "../support/needs.ts"
import { freePorts, program, startServer } from "../support/redis.ts"

class User extends CacheKey.Class<User>()("User", { payload: { id: Schema.Int }, success: Schema.String }) {}

interface Running {
  readonly adapter: () => KeyvStoreAdapter
  readonly end: () => Promise<unknown>
}

const startMemcached = async (): Promise<Running> => {
  const [port] = await freePorts(1)
  const child = spawn("memcached", ["-u", "nobody", "-l", "127.0.0.1", "-p", String(port)], { stdio: "ignore" })
  for (let isOpen = false; !isOpen;) {
    const socket = connect(port!, "127.0.0.1")
    isOpen = await Promise.race([once(socket, "connect"), once(socket, "error")]).then(() => true, () => false)
    socket.destroy()
    if (!isOpen) await setTimeout(20)
  }
  return {
    adapter: () => new KeyvMemcache(`127.0.0.1:${port}`) as unknown as KeyvStoreAdapter,
    end: () => {
      child.kill("SIGKILL")
      return once(child, "exit")
    }
  }
}

const startRedis = async (): Promise<Running> => {
  const { end, url } = await startServer()
  return { adapter: () => new KeyvRedis(url, { throwOnConnectError: true, throwOnErrors: true }), end }
}

const servers = [
  { name: "Memcached", needs: "memcached", start: startMemcached },
  { name: "Redis", needs: program, start: startRedis }
]

for (const { name, needs, start } of servers) {
  describe.skipIf(isMissing(needs))(`a cache over ${name}, by Keyv`, () => {
    it.live(
      "keeps entries and tags for the next process, and does without a server that is gone",
      () =>
        Effect.gen(function*() {
          const { adapter, end } = yield* Effect.promise(start)
          let ended: Promise<unknown> | undefined
          const kill = Effect.promise(() => ended ??= end())
          yield* Effect.addFinalizer(() => kill)
          const inProcess = <A, E>(effect: Effect.Effect<A, E, any>) => {
            const keyv = new Keyv({ store: adapter(), namespace: "cache", throwOnErrors: true })
            keyv.on("error", () => {})
            // A client of a server that is gone may wait for it for ever.
            const disconnect = Effect.promise(() => Promise.race([keyv.disconnect().catch(() => {}), setTimeout(500)]))
            const cache = CacheLayer.layer.pipe(Layer.provide(KeyvStore.layer(keyv)))
            return Effect.ensuring(Effect.provide(effect, cache) as Effect.Effect<A, E>, disconnect)
          }
          let loads = 0
          const get = Effect.sync(() => `user ${++loads}`).pipe(
            Cached.ttl({ key: new User({ id: 1 }), ttl: "1 hour", tags: ["all"] })
          )
          const ids = ["a", "a b\r\nc", "ä".repeat(300)]
          yield* inProcess(Effect.andThen(Cached.setMany(ids.map((id) => [id, id] as const), { ttl: "1 hour" }), get))
          yield* inProcess(get)
          yield* inProcess(Effect.gen(function*() {
            const before = loads
            expect((yield* Cached.getMany(ids)).map(Option.getOrUndefined)).toEqual(ids)
            yield* get
            expect(loads).toBe(before)
            yield* Cached.invalidateTag("all")
            yield* Cached.remove("a")
          }))
          yield* inProcess(Effect.gen(function*() {
            expect(yield* Cached.getOption(new User({ id: 1 }))).toEqual(Option.none())
            expect(yield* Cached.has("a")).toBe(false)
            yield* Cached.clear
            expect(yield* Cached.has(ids[1]!)).toBe(false)
            // Too large for Memcached: kept in memory alone.
            yield* Cached.set("large", "x".repeat(2_000_000))
            expect(yield* Cached.has("large")).toBe(true)
          }))
          yield* inProcess(Effect.gen(function*() {
            yield* kill
            expect(yield* get).toMatch(/^user \d+$/)
            expect((yield* Effect.flip(CachePolicy.strict(Cached.invalidate("a"))))._tag).toBe("StoreError")
          }))
        }).pipe(Effect.scoped),
      120_000
    )
  })
}
