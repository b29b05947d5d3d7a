/** The store over a bucket that ignores conditions: for one process at a time. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { concurrency } from "../../../internal/defaults/objects.ts"
import { tooLarge } from "../../../internal/store/tooLarge.ts"
import type * as Store from "../../../Store.ts"
import * as ByteStorage from "../../shared/byteStorage.ts"
import { type Bucket, send } from "../bucket/client.ts"
import { storeName } from "../bucket/fault.ts"
import { list } from "../bucket/list.ts"
import { nameOf, startOf } from "../bucket/names.ts"

export const bytesOver = (bucket: Bucket): Store.Store => {
  const read = (name: string) =>
    Effect.map(
      send(bucket, { operation: "get", method: "GET", name }, [404]),
      ({ body, status }) => status === 404 ? undefined : body
    )
  const { maxValue } = bucket.config
  const remove = (name: string) => send(bucket, { operation: "remove", method: "DELETE", name }, [404])
  return ByteStorage.make({
    name: storeName,
    get: (key) => read(nameOf("p", key)),
    set: (key, body) =>
      body.length > maxValue
        ? Effect.fail(
          tooLarge({ store: storeName, operation: "set", id: key, size: body.length, limit: ["maxValue", maxValue] })
        )
        : send(bucket, { operation: "set", method: "PUT", name: nameOf("p", key), body }),
    remove: (key) =>
      Effect.flatMap(
        read(nameOf("p", key)),
        (found) => found === undefined ? Effect.succeed(false) : Effect.as(remove(nameOf("p", key)), true)
      ),
    list: Stream.mapEffect(list(bucket, "scan", startOf("p", "")), read, { concurrency }),
    clear: Stream.runDrain(Stream.mapEffect(list(bucket, "clear", startOf("p", "")), remove, { concurrency }))
  })
}
