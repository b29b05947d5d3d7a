/** The responses of the cache as responses of a server. */
import type { HttpClientResponse } from "effect/http/HttpClientResponse"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import { CachedResponse } from "../client/response.ts"
import { originalOf } from "./handled.ts"
import { withoutTags } from "./tags.ts"

type Response = HttpServerResponse.HttpServerResponse

export const toServer = (response: HttpClientResponse): Response => {
  if (response instanceof CachedResponse) return withLength(withoutTags(response.server))
  const { response: original } = originalOf(response)!
  const status = response.headers["cache-status"]
  return withoutTags(status === undefined ? original : HttpServerResponse.setHeader(original, "cache-status", status))
}

const withLength = (response: Response): Response => {
  const { body, headers } = response
  return body._tag !== "Uint8Array" || Number(headers["content-length"]) === body.contentLength
    ? response
    : HttpServerResponse.setHeader(response, "content-length", String(body.contentLength))
}
