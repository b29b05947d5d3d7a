/**
 * One program over several storages: `npm start storages`, or `npm start storages keyv`.
 *
 *     DATABASE_URL=postgres://postgres@127.0.0.1/postgres npm start storages postgres
 *     S3_ENDPOINT=http://127.0.0.1:9000 AWS_ACCESS_KEY_ID=… AWS_SECRET_ACCESS_KEY=… npm start storages bucket
 *
 * Watch the counts: each of the three runs is a new cache, as after a restart. What the storage keeps is not loaded
 * again, until its tag is invalidated. Keyv has no counters, so these are those of the cache.
 */
import { Console, Effect, Layer, Redacted, Schema } from "effect"
import { Cached, CacheKey, CacheLayer } from "effect-cached"
import { KeyvStore } from "effect-cached/keyv"
import { Keyv } from "keyv"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

const folder = mkdtempSync(join(tmpdir(), "storages-"))
const keyv = new Keyv({ namespace: "storages-example", throwOnErrors: true })

const storages = {
  files: CacheLayer.files({ directory: folder }),
  keyv: CacheLayer.layer().pipe(Layer.provide(KeyvStore.layer(keyv))),
  postgres: CacheLayer.postgres({
    url: process.env["DATABASE_URL"] ?? "postgres://postgres@127.0.0.1/postgres",
    schema: "storages_example"
  }),
  bucket: CacheLayer.objects({
    bucket: "cache",
    endpoint: process.env["S3_ENDPOINT"] ?? "http://127.0.0.1:9000",
    credentials: {
      accessKeyId: process.env["AWS_ACCESS_KEY_ID"] ?? "minioadmin",
      secretAccessKey: Redacted.make(process.env["AWS_SECRET_ACCESS_KEY"] ?? "minioadmin")
    },
    prefix: "storages-example"
  })
}

// This line switches the storage.
const storage = storages[(process.argv[2] ?? "files") as keyof typeof storages]

class Price extends CacheKey.Class<Price>()("Price", {
  payload: { article: Schema.String },
  success: Schema.Struct({ article: Schema.String, cents: Schema.Int }),
  tags: () => ["prices"]
}) {}

let loads = 0
const price = Cached.fn(Price, ({ article }) =>
  Effect.sync(() => {
    loads++
    return { article, cents: article.length * 100 }
  }), { ttl: "1 hour" })

const program = (name: string) =>
  Effect.gen(function*() {
    const before = loads
    const [apple, pear] = yield* Effect.all([price({ article: "apple" }), price({ article: "pear" })])
    const visits = yield* Cached.counter("visits").increment()
    yield* Console.log(
      `${name}: ${apple.cents} and ${pear.cents} cents, ${loads - before} loads, visit ${visits}, ` +
        `${yield* Cached.size} entries`
    )
  })

/** Each run has a cache of its own, with a memory of its own, over the same storage. */
const run = <A, E>(effect: Effect.Effect<A, E, Layer.Success<typeof storage>>) =>
  Effect.runPromise(Effect.provide(effect, Layer.fresh(storage)))

await run(Effect.andThen(Cached.clear, program("first run")))
await run(program("after a restart"))
await run(Effect.andThen(Cached.invalidate({ tag: "prices" }), program("after an invalidation")))
await run(Cached.clear)
rmSync(folder, { recursive: true })
