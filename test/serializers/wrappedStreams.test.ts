/** Streams over serializers that compress, sign or encrypt. Over Redis: `test/servers/redisSerializers.test.ts`. */
import { describe, expect, it } from "@effect/vitest"
import { Effect, Layer, References, Stream } from "effect"
import { Cached, CacheLayer } from "effect-cached"
import { Serializer, Store } from "effect-cached/adapters"
import { FilesStore } from "effect-cached/files"
import { MemoryStore } from "effect-cached/memory"
import * as Compressed from "effect-cached/serializers/Compressed"
import * as Encrypted from "effect-cached/serializers/Encrypted"
import { Json } from "effect-cached/serializers/Json"
import * as Signed from "effect-cached/serializers/Signed"
import { Structured } from "effect-cached/serializers/Structured"
import { SqliteStore } from "effect-cached/sqlite"
import { singly } from "../../src/testing/internal/singly.ts"
import { warningsOf } from "../support/logged.ts"
import { storeFrom } from "../support/storeFrom.ts"
import { tempDirectory } from "../support/tempDirectory.ts"
import { streamsOver } from "./streamsOver.ts"
import { keys, wrapIn } from "./support.ts"

describe("streams in memory", () => streamsOver(Effect.sync(() => MemoryStore.make())))

describe("streams on disk", () =>
  streamsOver(Effect.flatMap(tempDirectory, (directory) => storeFrom(SqliteStore.layer({ directory })))))

describe("streams in files", () =>
  streamsOver(Effect.flatMap(tempDirectory, (directory) => storeFrom(FilesStore.layer({ directory })))))

it.effect("a stream that one setting writes is read by every other as it was, or runs again", () =>
  Effect.gen(function*() {
    const elements = [{ a: "é" }, { a: "=1" }, { a: "text ".repeat(300) }]
    const orders = [[], ["gzip"], ["zstd"], ["signed"], ["aes"], ["xchacha"], ["zstd", "aes"], ["aes", "signed"]]
    const settings = [
      ...[Json, Structured].flatMap((format) => orders.map((names) => wrapIn(format, names))),
      Signed.make(Json, { ...keys, current: "b" }),
      Signed.make(Json, { ...keys, acceptPlain: true }),
      Encrypted.make(wrapIn(Json, ["zstd"]), { ...keys, acceptPlain: true })
    ]
    let [read, missed] = [0, 0]
    for (const writer of settings) {
      const written = MemoryStore.make()
      let runs = 0
      const rows = Stream.suspend(() => (runs++, Stream.fromIterable(elements))).pipe(
        Cached.stream("rows", { ttl: "1 hour" })
      )
      const under = (serializer: Serializer.Serializer, store: Store.Store) =>
        Effect.provide(
          Stream.runCollect(rows),
          CacheLayer.layer({ memory: false }).pipe(
            Layer.provide(Layer.succeed(Store.Store, store)),
            Layer.provide(Layer.succeed(Serializer.Serializer, serializer))
          )
        )
      yield* under(writer, written)
      const entries = yield* Effect.forEach(
        yield* Stream.runCollect(written.scan({ prefix: "" })),
        ({ id }) => Effect.map(written.get(id, []), ({ entry }) => [id, entry!] as const)
      )
      for (const reader of settings) {
        const store = MemoryStore.make()
        for (const [id, entry] of entries) yield* singly(store).set(id, entry)
        const before = runs
        expect(yield* under(reader, store), `${writer.name}, read by ${reader.name}`).toEqual(elements)
        if (runs === before) read++
        else missed++
      }
    }
    expect([read > 40, missed > 250]).toEqual([true, true])
  }).pipe(Effect.provideService(References.MinimumLogLevel, "Error")))

it.effect("a stream with an element or a page that cannot be encoded is not stored, with one warning", () =>
  Effect.gen(function*() {
    const large = Stream.make("a", "x".repeat(2000), "b")
    const odd = Stream.make(1, () => 2, () => 3)
    for (const elements of [large, odd] as ReadonlyArray<Stream.Stream<unknown>>) {
      let runs = 0
      const store = MemoryStore.make()
      const rows = Stream.suspend(() => (runs++, elements)).pipe(Cached.stream("rows", { ttl: "1 hour" }))
      const twice = Effect.andThen(Stream.runDrain(rows), Stream.runDrain(rows))
      const warnings = yield* warningsOf(Effect.provide(
        twice,
        CacheLayer.layer({ memory: false }).pipe(
          Layer.provide(Layer.succeed(Store.Store, store)),
          Layer.provide(Layer.succeed(Serializer.Serializer, Compressed.make(Json, { maxSize: "1 kB" })))
        )
      ))
      expect(warnings).toEqual([expect.stringMatching(/^The stream "rows" is not stored\. The serializer "json/)])
      expect(warnings.join()).toMatch(/larger than 1000 bytes|which is not JSON|is a function/)
      expect([runs, yield* store.size]).toEqual([2, 0])
    }
  }))
