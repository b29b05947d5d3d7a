/**
 * Finds out, with an object of its own, whether a bucket can be used, and whether it honours the conditions of writes:
 * a bucket that ignores them would let two processes overwrite each other.
 */
import * as Effect from "effect/Effect"
import type { StoreError } from "../../../CacheError.ts"
import * as Defaults from "../../../internal/defaults/objects.ts"
import { type Bucket, type Condition, send } from "./client.ts"
import { refusal } from "./fault.ts"

const encoder = new TextEncoder()

const refusals = [404, 412]
const unknown = [400, 501]
const conflict = 409

const operation = "open"

/** Whether conditions are honoured. `undefined` if it is not known, because a request was repeated, or met another. */
const attempt = Effect.fnUntraced(function*(
  self: Bucket
): Effect.fn.Return<boolean | undefined, StoreError> {
  const name = `probe/${self.tokens.next(16)}`
  // Fails if the bucket is missing, or if the key may not learn that an object is missing.
  yield* send(self, { operation, method: "GET", name }, [404])
  let writes = 0
  let isUncertain = false
  const write = (condition?: Condition) =>
    Effect.map(
      send(
        self,
        { operation, method: "PUT", name, body: encoder.encode(String(++writes)), condition },
        [...refusals, ...unknown, conflict]
      ),
      ({ etag, isRepeated, status }) => {
        isUncertain ||= isRepeated || status === conflict
        return { etag, isWritten: status < 300, isRefused: refusals.includes(status) }
      }
    )
  const remove = Effect.asVoid(send(self, { operation, method: "DELETE", name }, [404]))
  const honours = Effect.gen(function*() {
    const first = yield* write({ etag: undefined })
    if (!first.isWritten) {
      // Fails for a key that may not write. A bucket that only knows no conditions takes this one.
      yield* write()
      return false
    }
    const isKept = (yield* write({ etag: undefined })).isRefused
    const replaced = first.etag === undefined ? first : yield* write({ etag: first.etag })
    const isGuarded = first.etag !== undefined && (yield* write({ etag: first.etag })).isRefused
    if (isGuarded) {
      const condition = { etag: first.etag }
      const { status } = yield* send(
        self,
        { operation, method: "DELETE", name, condition },
        [...refusals, ...unknown, conflict]
      )
      self.guardsDeletes = status === 412
    }
    return isKept && replaced.isWritten && replaced.etag !== undefined && replaced.etag !== first.etag && isGuarded
  })
  const answer = yield* honours
  yield* remove
  return isUncertain ? undefined : answer
})

export const honoursConditions = Effect.fnUntraced(function*(
  self: Bucket
): Effect.fn.Return<boolean, StoreError> {
  for (let tries = 0; tries < Defaults.probes; tries++) {
    const answer = yield* attempt(self)
    if (answer !== undefined) return answer
  }
  return yield* refusal(
    operation,
    "Unavailable",
    "its answers were lost, so it is not known whether it honours conditions"
  )
})
