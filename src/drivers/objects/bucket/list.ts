/** Lists the names of objects, in pages of a thousand. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import type { StoreError } from "../../../CacheError.ts"
import { type Bucket, send } from "./client.ts"
import { refusal } from "./fault.ts"
import { listed } from "./xml.ts"

/** The names, below the prefix of the store, that begin with `start`. */
export const list = (bucket: Bucket, operation: string, start: string): Stream.Stream<string, StoreError> => {
  const below = `${bucket.config.prefix}/`
  return Stream.paginate(undefined as string | undefined, (token) => {
    const query = {
      "list-type": "2",
      prefix: below + start,
      ...token === undefined ? {} : { "continuation-token": token }
    }
    return Effect.flatMap(send(bucket, { operation, method: "GET", name: "", query }), ({ body }) => {
      const page = listed(body)
      if (page === undefined || page.next === token && token !== undefined) {
        return refusal(operation, "Corrupt", "it gave no list of objects")
      }
      const names = page.names.flatMap((name) => name.startsWith(below + start) ? [name.slice(below.length)] : [])
      return Effect.succeed([names, page.next === undefined ? Option.none() : Option.some(page.next)] as const)
    })
  })
}
