/** The fields in which a response names its tags for caches and CDNs. They go no further. */
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import { ownField } from "../rules/targeted.ts"

const names = ["surrogate-key", "cache-tag", "xkey"] as const

/** The fields that are not sent. */
const unsent = [...names, ownField]

/** `Surrogate-Key` and `xkey` separate by spaces, `Cache-Tag` by commas. */
export const tagsOf = (headers: { readonly [name: string]: string | undefined }): ReadonlyArray<string> => {
  const tags = names.flatMap((name) => headers[name]?.split(name === "cache-tag" ? "," : /[\s,]+/) ?? [])
  return Array.from(new Set(tags.map((tag) => tag.trim()).filter((tag) => tag !== "")))
}

export const withoutTags = (response: HttpServerResponse.HttpServerResponse): HttpServerResponse.HttpServerResponse => {
  let left = response
  for (const name of unsent) if (left.headers[name] !== undefined) left = HttpServerResponse.removeHeader(left, name)
  return left
}
