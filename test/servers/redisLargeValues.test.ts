/** Large values on a server that limits its output: many at once, and a limit below the largest value. */
import { afterAll, beforeAll, describe, expect } from "@effect/vitest"
import { Effect, Layer, Option } from "effect"
import { Cached, CacheLayer } from "effect-cached"
import { isMissing } from "../support/needs.ts"
import { freshPrefix, program, type Server, startServer, urlOfDocumented } from "../support/redis.ts"
import { test, testIn } from "../support/tests.ts"

const timeout = 60_000
const large = Array.from({ length: 200 }, (_, i) => `large ${i}`)
const small = Array.from({ length: 200 }, (_, i) => `small ${i}`)
const count = (ids: ReadonlyArray<string>) =>
  Effect.map(Cached.getMany(ids), (found) => found.filter(Option.isSome).length)

describe.skipIf(isMissing(program))("Redis · values of half a megabyte, where the server may buffer 32 MiB", () => {
  let server: Server
  const prefix = freshPrefix()
  const layer = () =>
    CacheLayer.redis({ url: server.url, prefix, connect: "required", storeTimeout: "30 seconds", memory: false })

  beforeAll(async () => {
    server = await startServer({ args: ["--client-output-buffer-limit", "normal 32mb 0 0"] })
    const value = "x".repeat(524_288)
    const fill = Effect.gen(function*() {
      for (const id of large) yield* Cached.set(id, value)
      for (const id of small) yield* Cached.set(id, id)
    })
    await Effect.runPromise(Effect.provide(fill, layer()))
  }, timeout)
  afterAll(() => server?.end())

  testIn(Layer.suspend(layer)).live("are all read, when nothing is known of their sizes", function*() {
    expect(yield* count(large)).toBe(large.length)
  })

  testIn(Layer.suspend(layer)).live(
    "are read in smaller parts once they have cost a connection, because those before were small",
    function*() {
      expect(yield* count(small)).toBe(small.length)
      expect(yield* count(small)).toBe(small.length)
      let reads = 0
      while (reads < 10 && (yield* count(large)) < large.length) {
        reads++
        yield* Effect.sleep(500)
        // Small reads in between change nothing.
        for (const id of small.slice(0, 20)) yield* count([id])
      }
      expect(reads).toBeGreaterThan(0)
      expect(reads).toBeLessThan(10)
      expect(yield* count(large)).toBe(large.length)
    }
  )
})

describe.skipIf(isMissing(program))("Redis · a server that may buffer less than the largest value", () => {
  let server: Server
  const prefix = freshPrefix()
  const layer = (more: object = {}) =>
    CacheLayer.redis({ url: server.url, prefix, connect: "required", memory: false, ...more })
  // The server counts up to a quarter more for an answer than the size of the value.
  const fits = 208_896

  beforeAll(async () => {
    server = await startServer({ args: ["--client-output-buffer-limit", "normal 262144 0 0"] })
  }, timeout)
  afterAll(() => server?.end())

  test.live("is refused at once, with the size that fits", function*() {
    const refusal = yield* Effect.flip(Effect.provide(Effect.void, layer()))
    expect(refusal).toMatchObject({ _tag: "StoreError", reason: "Unsupported" })
    expect(String(refusal)).toContain(`set "maxValue" to at most ${fits}`)
  })

  testIn(Layer.suspend(() => layer({ maxValue: fits }))).live(
    "keeps and sends values of the size that fits",
    function*() {
      yield* Cached.set("large", "x".repeat(fits - 100))
      expect(yield* count(["large"])).toBe(1)
    }
  )

  test.live("is used by a user without the right to ask for its limit", function*() {
    const url = yield* Effect.promise(() => urlOfDocumented(server))
    expect(yield* Effect.provide(count(small), layer({ url }))).toBe(0)
  })
})
