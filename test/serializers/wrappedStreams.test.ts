/** Streams over serializers that compress, sign or encrypt. Over Redis: `test/servers/redisSerializers.test.ts`. */
import { describe, expect } from "@effect/vitest"
import { Effect, Layer, Stream } from "effect"
import { Cached, CacheLayer } from "effect-cached"
import { Serializer, Store } from "effect-cached/adapters"
import { FilesStore } from "effect-cached/files"
import { MemoryStore } from "effect-cached/memory"
import * as Compressed from "effect-cached/serializers/Compressed"
import { Json } from "effect-cached/serializers/Json"
import { SqliteStore } from "effect-cached/sqlite"
import { warningsOf } from "../support/logged.ts"
import { storeFrom } from "../support/storeFrom.ts"
import { tempDirectory } from "../support/tempDirectory.ts"
import { test } from "../support/tests.ts"
import { streamsOver } from "./streamsOver.ts"

describe("streams in memory", () => streamsOver(Effect.sync(() => MemoryStore.make())))

describe("streams on disk", () =>
  streamsOver(Effect.flatMap(tempDirectory, (directory) => storeFrom(SqliteStore.layer({ directory })))))

describe("streams in files", () =>
  streamsOver(Effect.flatMap(tempDirectory, (directory) => storeFrom(FilesStore.layer({ directory })))))

test("a stream with an element or a page that cannot be encoded is not stored, with one warning", function*() {
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
})
