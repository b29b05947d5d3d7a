/** A process that fills a bucket with a `maxSize`, and stays until its parent has seen enough. */
import { Effect, Redacted } from "effect"
import { ObjectStore } from "effect-cached/objects"
import { FetchHttpClient } from "effect/http"
import { entry } from "../support/stored.ts"

const { accessKeyId, count, endpoint, maxSize, secret } = JSON.parse(process.argv[2]!)

process.on("disconnect", () => process.exit())

const store = ObjectStore.make({
  bucket: "cache",
  endpoint,
  maxSize,
  accessKeyId,
  secretAccessKey: Redacted.make(secret)
}).pipe(Effect.provide(FetchHttpClient.layer))

await Effect.runPromise(Effect.scoped(Effect.gen(function*() {
  const { set } = yield* store
  for (let i = 0; i < count; i++) yield* set(`${accessKeyId} ${i}`, entry(i, 10_000))
  process.send!("written")
  return yield* Effect.never
})))
