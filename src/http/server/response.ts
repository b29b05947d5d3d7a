/** The responses of the cache as responses of a server. */
import * as Cookies from "effect/http/Cookies"
import * as HttpBody from "effect/http/HttpBody"
import type { HttpClientResponse } from "effect/http/HttpClientResponse"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import { bodyOf, CachedResponse } from "../client/response.ts"
import { originalOf } from "./handled.ts"
import { sentFields, withoutTags } from "./tags.ts"

type Response = HttpServerResponse.HttpServerResponse

export const toServer = (response: HttpClientResponse): Response => {
  if (response instanceof CachedResponse && response.inline !== undefined) return ofBytes(response, response.inline)
  const original = originalOf(response)?.response
  if (original !== undefined) {
    const cacheStatus = response.headers["cache-status"]
    return withoutTags(
      cacheStatus === undefined ? original : HttpServerResponse.setHeader(original, "cache-status", cacheStatus)
    )
  }
  const { cookies, headers, status } = response
  return withoutTags(HttpServerResponse.stream(bodyOf(response), { status, headers, cookies }))
}

/**
 * A response with bytes. The constructors of Effect would copy its fields twice, which no one else has: each hit has
 * its own.
 */
const ofBytes = (response: CachedResponse, bytes: Uint8Array): Response => {
  const { headers, status } = response
  if (bytes.length > 0 && Number(headers["content-length"]) !== bytes.length) {
    return withoutTags(HttpServerResponse.uint8Array(bytes, { status, headers, cookies: response.cookies }))
  }
  const own = Object.create(shape) as { -readonly [Name in keyof Response]: Response[Name] }
  own.status = status
  own.statusText = undefined
  own.cookies = response.hasCookies ? response.cookies : Cookies.empty
  own.body = bytes.length === 0 ? HttpBody.empty : HttpBody.uint8Array(bytes, headers["content-type"])
  own.headers = sentFields(headers)
  return own
}

const shape: object = Object.getPrototypeOf(HttpServerResponse.empty())
