/** Caches over Memcached and Redis, by the adapters of Keyv. */
import { describe, expect } from "@effect/vitest"
import KeyvRedis from "@keyv/redis"
import { Effect, Exit, Layer, Option, Schema, Stream } from "effect"
import { Cached, CacheKey, CacheLayer, CachePolicy } from "effect-cached"
import { KeyvStore } from "effect-cached/keyv"
import { lastingStoreLaws, storeLaws, withTimePassing } from "effect-cached/testing"
import { Keyv } from "keyv"
import { Keyv as Keyv6 } from "keyv6"
import { setTimeout } from "node:timers/promises"
import { forAll } from "../support/forAll.ts"
import { type Running, startMemcached } from "../support/memcached.ts"
import { isMissing } from "../support/needs.ts"
import { program, startServer } from "../support/redis.ts"
import { storeFrom } from "../support/storeFrom.ts"
import { test } from "../support/tests.ts"

class User extends CacheKey.Class<User>()("User", { payload: { id: Schema.Int }, success: Schema.String }) {}

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
    test.live("keeps entries and tags for the next process, and does without a server that is gone", function*() {
      const { adapter, end } = yield* Effect.promise(start)
      let ended: Promise<unknown> | undefined
      const kill = Effect.promise(() => ended ??= end())
      yield* Effect.addFinalizer(() => kill)
      const inProcess = <A, E>(effect: Effect.Effect<A, E, any>) => {
        const keyv = new Keyv({ store: adapter(), namespace: "cache", throwOnErrors: true })
        keyv.on("error", () => {})
        // A client of a server that is gone may wait for it for ever.
        const disconnect = Effect.promise(() => Promise.race([keyv.disconnect().catch(() => {}), setTimeout(500)]))
        const cache = CacheLayer.layer().pipe(Layer.provide(KeyvStore.layer(keyv)))
        return Effect.ensuring(Effect.provide(effect, cache) as Effect.Effect<A, E>, disconnect)
      }
      let loads = 0
      const get = Effect.sync(() => `user ${++loads}`).pipe(
        Cached.ttl(new User({ id: 1 }), { ttl: "1 hour", tags: ["all"] })
      )
      const ids = ["a", "a b\r\nc", "ä".repeat(300)]
      yield* inProcess(Effect.andThen(Cached.setMany(ids.map((id) => [id, id] as const), { ttl: "1 hour" }), get))
      yield* inProcess(get)
      yield* inProcess(Effect.gen(function*() {
        const before = loads
        expect((yield* Cached.getMany(ids)).map(Option.getOrUndefined)).toEqual(ids)
        yield* get
        expect(loads).toBe(before)
        yield* Cached.invalidate({ tag: "all" })
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
    })
  })
}

/** Laws that Memcached breaks. It refuses items of more than 1 MiB, and a value in base64 takes a third more. */
const broken = new Set(["an empty and a large payload come back"])

for (const version of [5, 6]) {
  describe.skipIf(isMissing("memcached"))(
    `AI-01 · the laws of stores over a Memcached server, by Keyv ${version}`,
    () => {
      const running = forAll(() => startMemcached())

      /** The adapter clears the whole server, which Keyv 6 refuses for an instance with a namespace. */
      const opened = Effect.flatMap(
        Effect.acquireRelease(
          Effect.sync(() => {
            const store = running.adapter()
            return version === 5 ? new Keyv({ store, throwOnErrors: true }) : new Keyv6({ store: store as never })
          }),
          (keyv) => Effect.promise(() => keyv.disconnect())
        ),
        (keyv) => storeFrom(KeyvStore.layer(keyv))
      )
      const empty = Effect.tap(opened, ({ clear }) => Effect.orDie(clear))
      const lasting = Effect.as(Effect.scoped(empty), { open: opened })
      const laws = [...storeLaws(empty), ...lastingStoreLaws<never, unknown>(lasting)]

      for (const { name, run } of laws) {
        test(name, function*() {
          const exit = yield* Effect.exit(withTimePassing(run))
          if (broken.has(name)) expect(Exit.isFailure(exit)).toBe(true)
          else expect(exit).toEqual(Exit.void)
        })
      }

      test("lists nothing", function*() {
        const store = yield* empty
        expect((yield* Effect.flip(Stream.runCount(store.scan()))).reason).toBe("Unsupported")
      })
    }
  )
}
