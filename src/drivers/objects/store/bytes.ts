/**
 * The store over a bucket that ignores conditions: for one process at a time. Names have an era, so that `clear` is one
 * write, whatever time is left to remove the values of former ones.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { StoreError } from "../../../CacheError.ts"
import { concurrency } from "../../../internal/defaults/objects.ts"
import { OnlyExisting } from "../../../internal/options/onlyExisting.ts"
import { newVersion } from "../../../internal/store/markers/markers.ts"
import { tooLarge } from "../../../internal/store/tooLarge.ts"
import type * as Store from "../../../ports/stores.ts"
import * as ByteStorage from "../../shared/byteStorage.ts"
import { type Bucket, send } from "../bucket/client.ts"
import { storeName } from "../bucket/fault.ts"
import { list } from "../bucket/list.ts"
import { nameOf, placeOf } from "../bucket/names.ts"
import { decode, encode, none } from "./record.ts"

const eraName = nameOf(placeOf("r"), "era")

export const bytesOver = Effect.fnUntraced(function*(
  bucket: Bucket
): Effect.fn.Return<Store.Store, StoreError, Scope.Scope> {
  const scope = yield* Effect.scope
  const found = yield* send(bucket, { operation: "open", method: "GET", name: eraName }, [404])
  const former = found.status === 404 ? undefined : decode(found.body)?.head.version
  let era = former ?? newVersion(bucket.tokens)
  const begin = (operation: string, version: string) => {
    const body = encode({ id: "era", stamp: version, version }, none)
    return Effect.map(send(bucket, { operation, method: "PUT", name: eraName, body }), () => void (era = version))
  }
  if (former === undefined && !(yield* OnlyExisting)) yield* begin("open", era)
  const nameNow = (key: string) => nameOf(placeOf("p", era), key)
  const read = (name: string) =>
    Effect.map(
      send(bucket, { operation: "get", method: "GET", name }, [404]),
      ({ body, status }) => status === 404 ? undefined : body
    )
  const { maxValue } = bucket.config
  const remove = (name: string) => send(bucket, { operation: "remove", method: "DELETE", name }, [404])
  /** A write under way may still arrive in the place of a former era, where nothing is read. */
  const removeFormer = Stream.runDrain(Stream.mapEffect(
    Stream.filter(list(bucket, "clear", placeOf("p")), (name) => !name.startsWith(placeOf("p", era))),
    remove,
    { concurrency }
  ))
  return ByteStorage.make({
    name: storeName,
    get: (key) => Effect.suspend(() => read(nameNow(key))),
    set: (key, body) =>
      body.length > maxValue
        ? Effect.fail(
          tooLarge({ store: storeName, operation: "set", id: key, size: body.length, limit: ["maxValue", maxValue] })
        )
        : Effect.suspend(() => send(bucket, { operation: "set", method: "PUT", name: nameNow(key), body })),
    remove: (key) =>
      Effect.suspend(() => {
        const name = nameNow(key)
        return Effect.flatMap(
          read(name),
          (found) => found === undefined ? Effect.succeed(false) : Effect.as(remove(name), true)
        )
      }),
    list: Stream.suspend(() => Stream.mapEffect(list(bucket, "scan", placeOf("p", era)), read, { concurrency })),
    clear: Effect.andThen(
      Effect.suspend(() => begin("clear", newVersion(bucket.tokens))),
      Effect.forkIn(Effect.ignore(removeFormer), scope)
    )
  })
})
