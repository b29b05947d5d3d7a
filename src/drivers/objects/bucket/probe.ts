/**
 * Finds out, with an object of its own, whether a bucket can be used, and whether it honours the conditions of writes:
 * a bucket that ignores them would let two processes overwrite each other.
 */
import * as Effect from "effect/Effect"
import type { StoreError } from "../../../CacheError.ts"
import { type Bucket, type Condition, send } from "./client.ts"

const encoder = new TextEncoder()

const refusals = [404, 409, 412]
const unknown = [400, 501]

export const honoursConditions = Effect.fnUntraced(function*(
  self: Bucket
): Effect.fn.Return<boolean, StoreError> {
  const operation = "open"
  const name = `probe/${self.tokens.next(16)}`
  // Fails if the bucket is missing, or if the key may not learn that an object is missing.
  yield* send(self, { operation, method: "GET", name }, [404])
  let writes = 0
  const write = (condition?: Condition) =>
    Effect.map(
      send(
        self,
        { operation, method: "PUT", name, body: encoder.encode(String(++writes)), condition },
        [...refusals, ...unknown]
      ),
      ({ etag, status }) => ({ etag, isWritten: status < 300, isRefused: refusals.includes(status) })
    )
  const remove = Effect.asVoid(send(self, { operation, method: "DELETE", name }, [404]))
  const first = yield* write({ etag: undefined })
  if (!first.isWritten) {
    // Fails for a key that may not write. A bucket that only knows no conditions takes this one.
    yield* write()
    yield* remove
    return false
  }
  const isKept = (yield* write({ etag: undefined })).isRefused
  const replaced = first.etag === undefined ? first : yield* write({ etag: first.etag })
  const isGuarded = first.etag !== undefined && (yield* write({ etag: first.etag })).isRefused
  yield* remove
  return isKept && replaced.isWritten && replaced.etag !== undefined && replaced.etag !== first.etag && isGuarded
})
