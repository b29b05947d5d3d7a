/** Formats and wrappers over Redis: what one process writes another one reads, and what a client plants is a miss. */
import { afterAll, beforeAll, describe, expect } from "@effect/vitest"
import { Effect, Layer, Option, Redacted, Schema, Stream } from "effect"
import { Cached, CacheKey, CacheLayer, CachePolicy } from "effect-cached"
import { Serializer } from "effect-cached/adapters"
import { RedisStore } from "effect-cached/redis"
import * as Compressed from "effect-cached/serializers/Compressed"
import { Csv } from "effect-cached/serializers/Csv"
import * as Encrypted from "effect-cached/serializers/Encrypted"
import { Json } from "effect-cached/serializers/Json"
import { Parquet } from "effect-cached/serializers/Parquet"
import * as Signed from "effect-cached/serializers/Signed"
import { singly } from "../../src/testing/internal/singly.ts"
import { streamsOver } from "../serializers/streamsOver.ts"
import { keys, nestings, secretBytes, wrapIn } from "../serializers/support.ts"
import { warningsOf } from "../support/logged.ts"
import { isMissing } from "../support/needs.ts"
import { freshPrefix, program, type Server, startServer } from "../support/redis.ts"
import { storeFrom } from "../support/storeFrom.ts"
import { test } from "../support/tests.ts"

const timeout = 60_000

const Rows = Schema.Array(Schema.Struct({ city: Schema.String, at: Schema.Date, big: Schema.BigInt }))
const rows = [{ city: "Berlin", at: new Date(1500), big: 5n }]

class InCsv extends CacheKey.Class<InCsv>()("InCsv", { success: Rows, serializer: Csv }) {}
class InParquet extends CacheKey.Class<InParquet>()("InParquet", { success: Rows, serializer: Parquet }) {}

describe.skipIf(isMissing(program))("Redis", () => {
  let server: Server
  beforeAll(async () => {
    server = await startServer()
  }, timeout)
  afterAll(() => server?.end())

  const layer = (prefix: string, serializer: Serializer.Serializer) =>
    CacheLayer.redis({ url: server.url, prefix, connect: "required", storeTimeout: "5 seconds", memory: false }).pipe(
      Layer.provide(Layer.succeed(Serializer.Serializer, serializer))
    )

  const wrapped = nestings.map((names) => [names.join(" in "), wrapIn(Json, names)] as const)
  test.live.each(wrapped)(
    "keeps all that is written through %s: values, streams, times and tags",
    function*([, serializer]) {
      const prefix = freshPrefix()
      const text = "a text that is compressed ".repeat(100)
      const options = { ttl: "1 hour", tags: ["a", "é"], etag: "W/\"1\"" } as const
      let runs = 0
      const elements = Stream.suspend(() => (runs++, Stream.make(text, "b"))).pipe(
        Cached.stream("stream", { ttl: "1 hour" })
      )
      const write = Effect.all([
        Cached.set("text", text, options),
        Cached.set("forever", [1], { ttl: "Infinity" }),
        Cached.set(new InCsv(), rows, options),
        Cached.set(new InParquet(), rows),
        Stream.runDrain(elements)
      ])
      yield* Effect.provide(write, layer(prefix, serializer))
      const read = Effect.all([
        Cached.getOption("text"),
        Cached.getOption("forever"),
        Cached.getOption(new InCsv()),
        Cached.getOption(new InParquet()),
        Stream.runCollect(elements)
      ])
      const expected = [Option.some(text), Option.some([1]), Option.some(rows), Option.some(rows), [text, "b"]]
      expect(yield* Effect.provide(read, layer(prefix, serializer))).toEqual(expected)
      expect(runs).toBe(1)
      yield* Effect.provide(Cached.invalidate({ tag: "é" }), layer(prefix, serializer))
      expect(yield* Effect.provide(Cached.getOption("text"), layer(prefix, serializer))).toEqual(Option.none())
    }
  )

  test.live.each([["Signed", Signed.make], ["Encrypted", Encrypted.make]] as const)(
    "%s: an entry that a client moves or changes is a miss, and an error under strict; a prolonged one is a miss",
    function*([, make]) {
      const prefix = freshPrefix()
      const serializer = make(Compressed.make(Json), keys)
      const cache = layer(prefix, serializer)
      const store = yield* storeFrom(RedisStore.layer({ url: server.url, prefix }))
      const role = (key: string) => Effect.succeed(`role of ${key}`).pipe(Cached.ttl(key, { ttl: "1 hour" }))
      yield* Effect.provide(Effect.all([role("ada"), role("eve")]), cache)
      const { entry } = yield* store.get("ada", [])
      const changed = {
        ...entry!,
        payload: entry!.payload.map((byte, i, { length }) => i === length - 1 ? byte ^ 1 : byte)
      }
      const prolonged = { ...entry!, meta: { ...entry!.meta, expiresAt: entry!.meta.expiresAt + 3_600_000 } }
      for (const [id, planted] of [["eve", entry!], ["ada", changed]] as const) {
        yield* singly(store).set(id, planted)
        const failure = yield* role(id).pipe(CachePolicy.strict, Effect.flip, Effect.provide(cache))
        expect(failure).toMatchObject({ _tag: "SerializerError", operation: "decode" })
        const warnings = yield* warningsOf(Effect.provide(role(id), cache))
        expect(warnings).toHaveLength(1)
        expect(yield* Effect.provide(Cached.getOption(id), cache)).toEqual(Option.some(`role of ${id}`))
      }
      yield* singly(store).set("ada", prolonged)
      expect(yield* Effect.provide(Cached.getOption("ada"), cache)).toEqual(Option.none())
    }
  )

  describe("streams", () =>
    streamsOver(Effect.suspend(() => storeFrom(RedisStore.layer({ url: server.url, prefix: freshPrefix() })))))

  test.live("keys rotate while processes with the old and the new ones share the server", function*() {
    const prefix = freshPrefix()
    const [may, june] = [Redacted.make(secretBytes(5)), Redacted.make(secretBytes(6))]
    let loads = 0
    const load = (key: string) => Effect.sync(() => ++loads).pipe(Cached.ttl(key, { ttl: "1 hour" }))
    const steps = [
      { keys: { may }, current: "may" },
      { keys: { may, june }, current: "may" },
      { keys: { may, june }, current: "june" }
    ]
    const seen: Array<string> = []
    for (const [i, step] of steps.entries()) {
      const before = steps[Math.max(0, i - 1)]!
      seen.push(`${i}`)
      for (const options of [step, before]) {
        yield* Effect.provide(Effect.forEach(seen, load), layer(prefix, Encrypted.make(Json, options)))
      }
    }
    expect(loads).toBe(3)
  })
})
