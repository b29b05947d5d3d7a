/** The fields in which a response names its tags for caches and CDNs. They go no further. */
import * as Headers from "effect/http/Headers"

const names = ["surrogate-key", "cache-tag", "xkey"] as const

/** `Surrogate-Key` and `xkey` separate by spaces, `Cache-Tag` by commas. */
export const tagsOf = (headers: { readonly [name: string]: string | undefined }): ReadonlyArray<string> => {
  const tags = names.flatMap((name) => headers[name]?.split(name === "cache-tag" ? "," : /[\s,]+/) ?? [])
  return Array.from(new Set(tags.map((tag) => tag.trim()).filter((tag) => tag !== "")))
}

export const withoutTags = (headers: Headers.Headers): Headers.Headers =>
  names.some((name) => headers[name] !== undefined) ? Headers.removeMany(headers, names) : headers
