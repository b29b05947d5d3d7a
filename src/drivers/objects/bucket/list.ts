/** Lists objects, in pages of a thousand. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import type { StoreError } from "../../../CacheError.ts"
import { type Bucket, send } from "./client.ts"
import { refusal } from "./fault.ts"
import { type Listed, listed } from "./xml.ts"

interface Page {
  /** Objects with their names below the prefix of the store. */
  readonly objects: ReadonlyArray<Listed>
  /** The beginning of the next page. `undefined` at the end of the list. */
  readonly next: string | undefined
}

/** A page of the objects, below the prefix of the store, whose names begin with `start`. */
export const page = (
  bucket: Bucket,
  operation: string,
  start: string,
  token?: string
): Effect.Effect<Page, StoreError> => {
  const below = `${bucket.config.prefix}/`
  const query = {
    "list-type": "2",
    prefix: below + start,
    ...token === undefined ? {} : { "continuation-token": token }
  }
  return Effect.flatMap(send(bucket, { operation, method: "GET", name: "", query }), ({ body }) => {
    const found = listed(body)
    if (found === undefined || found.next === token && token !== undefined) {
      return refusal(operation, "Corrupt", "it gave no list of objects")
    }
    const objects: Array<Listed> = []
    for (const { etag, modifiedAt, name, size } of found.objects) {
      if (name.startsWith(below + start)) objects.push({ name: name.slice(below.length), size, etag, modifiedAt })
    }
    // To read a page takes some milliseconds, so other work has its turn before the page is used.
    return Effect.as(Effect.yieldNow, { objects, next: found.next })
  })
}

/** The names, below the prefix of the store, that begin with `start`. */
export const list = (bucket: Bucket, operation: string, start: string): Stream.Stream<string, StoreError> =>
  Stream.paginate(
    undefined as string | undefined,
    (token) =>
      Effect.map(page(bucket, operation, start, token), ({ next, objects }) =>
        [
          objects.map(({ name }) => name),
          next === undefined ? Option.none() : Option.some(next)
        ] as const)
  )
