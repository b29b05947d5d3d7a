/** Opens a bucket, and makes the store that it can carry. */
import * as Effect from "effect/Effect"
import * as HttpClient from "effect/http/HttpClient"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { StoreError } from "../../CacheError.ts"
import { OnlyExisting } from "../../internal/options/onlyExisting.ts"
import * as Tokens from "../../internal/token.ts"
import type * as Store from "../../ports/stores.ts"
import { type Bucket, make } from "./bucket/client.ts"
import { list } from "./bucket/list.ts"
import { placeOf } from "./bucket/names.ts"
import { honoursConditions } from "./bucket/probe.ts"
import * as Signing from "./bucket/sign.ts"
import type { Config } from "./options.ts"
import { tidying } from "./room/tidy.ts"
import { bytesOver } from "./store/bytes.ts"
import * as Objects from "./store/objects.ts"
import { storeOver } from "./store/store.ts"

const isPlain = (bucket: Bucket): Effect.Effect<boolean, StoreError> =>
  Effect.map(Stream.runHead(list(bucket, "open", placeOf("p"))), Option.isSome)

export const open = Effect.fnUntraced(function*(
  config: Config
): Effect.fn.Return<Store.Store, StoreError, HttpClient.HttpClient | Scope.Scope> {
  const tokens = Tokens.make(yield* Tokens.Seed)
  const bucket = make(config, yield* HttpClient.HttpClient, tokens, yield* Signing.make)
  // The probe writes, which an inspection must not, so what is there shows how it was written.
  if (yield* OnlyExisting) return (yield* isPlain(bucket)) ? yield* bytesOver(bucket) : storeOver(Objects.make(bucket))
  if (yield* honoursConditions(bucket)) {
    const self = Objects.make(bucket)
    yield* tidying(self)
    return storeOver(self)
  }
  yield* Effect.logWarning(
    `The bucket "${config.bucket}" ignores conditional writes (If-Match, If-None-Match), so it serves one process at ` +
      "a time: each process loads what it misses, and sees no tags of others"
  )
  return yield* bytesOver(bucket)
})
