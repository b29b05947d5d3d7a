/** Opens a bucket, and makes the store that it can carry. */
import * as Effect from "effect/Effect"
import * as HttpClient from "effect/http/HttpClient"
import type { StoreError } from "../../CacheError.ts"
import * as Tokens from "../../internal/token.ts"
import type * as Store from "../../Store.ts"
import { make } from "./bucket/client.ts"
import { honoursConditions } from "./bucket/probe.ts"
import type { Config } from "./options.ts"
import { bytesOver } from "./store/bytes.ts"
import { storeOver } from "./store/store.ts"

export const open = Effect.fnUntraced(function*(
  config: Config
): Effect.fn.Return<Store.Store, StoreError, HttpClient.HttpClient> {
  const bucket = make(config, yield* HttpClient.HttpClient, Tokens.make(yield* Tokens.Seed))
  if (yield* honoursConditions(bucket)) return storeOver(bucket)
  yield* Effect.logWarning(
    `The bucket "${config.bucket}" ignores conditional writes (If-Match, If-None-Match), so it serves one process at ` +
      "a time: each process loads what it misses, and sees no tags of others"
  )
  return bytesOver(bucket)
})
