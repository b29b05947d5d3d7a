/** Opens a bucket, and makes its store: for one process at a time if the bucket ignores conditions. */
import * as Effect from "effect/Effect"
import * as HttpClient from "effect/http/HttpClient"
import type * as Scope from "effect/Scope"
import type { StoreError } from "../../CacheError.ts"
import { OnlyExisting } from "../../internal/options/onlyExisting.ts"
import * as Tokens from "../../internal/token.ts"
import type * as Store from "../../ports/stores.ts"
import { make } from "./bucket/client.ts"
import { honoursConditions } from "./bucket/probe.ts"
import * as Signing from "./bucket/sign.ts"
import type { Config } from "./options.ts"
import { tidying } from "./room/tidy.ts"
import * as Objects from "./store/objects.ts"
import { storeOver } from "./store/store.ts"

export const open = Effect.fnUntraced(function*(
  config: Config
): Effect.fn.Return<Store.Store, StoreError, HttpClient.HttpClient | Scope.Scope> {
  const tokens = Tokens.make(yield* Tokens.Seed)
  const bucket = make(config, yield* HttpClient.HttpClient, tokens, yield* Signing.make)
  // The probe writes, which an inspection must not.
  if (yield* OnlyExisting) return storeOver(Objects.make(bucket))
  bucket.guardsWrites = yield* honoursConditions(bucket)
  if (!bucket.guardsWrites) {
    yield* Effect.logWarning(
      `The bucket "${config.bucket}" ignores conditional writes (If-Match, If-None-Match), so it serves one process ` +
        "at a time: each process loads what it misses, and sees no tags of others"
    )
  }
  const self = Objects.make(bucket)
  yield* tidying(self)
  return storeOver(self)
})
