/** Redis servers that URLs and variables name: one server, one with a password, Sentinels, a cluster. */
import { describe, expect, it } from "@effect/vitest"
import { ConfigProvider, Effect } from "effect"
import { Cached } from "effect-cached"
import { CacheConfig } from "effect-cached/config"
import { ending } from "../support/ending.ts"
import { isMissing } from "../support/needs.ts"
import { freshPrefix, program, startCluster, startSentinel, startServer } from "../support/redis.ts"
import { test } from "../support/tests.ts"

const answer = (value: number) => Effect.succeed(value).pipe(Cached.ttl("answer", { ttl: "1 hour" }))

const from = (value: number, url: string, variables: Record<string, string> = {}) => {
  const env = { CACHE_URL: url, CACHE_MEMORY: "false", CACHE_CONNECT: "required", ...variables }
  return answer(value).pipe(
    Effect.provide(CacheConfig.layer("CACHE", { default: "disabled:" })),
    Effect.provide(ConfigProvider.layer(ConfigProvider.fromEnv({ env })))
  )
}

describe.skipIf(isMissing(program))("a URL of Redis", () => {
  const server = ending(() => startServer({ args: ["--requirepass", "open sesame/?#@%"] }))

  test.live("names a server, a database and a prefix; the password is in the URL or in a variable", function*() {
    const { port } = yield* server
    const host = `127.0.0.1:${port}`
    const password = "open sesame/?#@%"
    const secret = { CACHE_PASSWORD: password }
    expect(yield* from(1, `redis://${host}/1`, secret)).toBe(1)
    expect(yield* from(2, `redis://:${encodeURIComponent(password)}@${host}/1`)).toBe(1)
    expect(yield* from(3, `redis://${host}?database=1`, secret)).toBe(1)
    expect(yield* from(4, `redis://${host}/2`, secret)).toBe(4)
    expect(yield* from(9, `redis://${host}/2`, { ...secret, CACHE_DATABASE: "1" })).toBe(1)
    expect(yield* from(5, `redis://${host}/1?prefix=${encodeURIComponent(freshPrefix())}`, secret)).toBe(5)
    const error = yield* Effect.flip(from(6, `redis://:wrong@${host}`))
    expect(error._tag).toBe("StoreError")
    expect(String(error)).not.toContain("wrong@")
  })

  it.live("names Sentinels and their master", () =>
    Effect.gen(function*() {
      const { nodes } = yield* ending(startSentinel)
      const url = `redis+sentinel://${["127.0.0.1:1", ...nodes].join(",")}/main`
      expect(yield* from(1, url)).toBe(1)
      expect(yield* from(2, `${url}?compress=gzip`)).toBe(1)
    }).pipe(Effect.scoped), 240_000)

  it.live("names nodes of a cluster", () =>
    Effect.gen(function*() {
      const { nodes } = yield* ending(() => startCluster())
      const hosts = nodes.map((node) => node.replace("redis://", ""))
      expect(yield* from(1, `redis+cluster://${hosts.join(",")}`)).toBe(1)
      expect(yield* from(2, `redis+cluster://${hosts[0]}/`)).toBe(1)
    }).pipe(Effect.scoped), 240_000)
})
