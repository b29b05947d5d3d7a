/** Runs a handler in place of an origin, and makes of its response one that a shared cache may keep. */
import { sha256 } from "@noble/hashes/sha2.js"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Base64Url from "effect/encoding/Base64Url"
import * as Headers from "effect/http/Headers"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientError from "effect/http/HttpClientError"
import type { HttpClientRequest } from "effect/http/HttpClientRequest"
import type { HttpClientResponse } from "effect/http/HttpClientResponse"
import * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import { http } from "../../internal/defaults/options.ts"

type Response = HttpServerResponse.HttpServerResponse

export type Handler = Effect.Effect<Response, unknown, any>

/** `Cache-Control` of responses that say nothing about caching. */
type Control = ((response: Response) => string | undefined) | undefined

/** The failure of a handler, as an origin that cannot be reached. */
class HandlerFailed {
  readonly failure: Cause.Cause<unknown>
  constructor(failure: Cause.Cause<unknown>) {
    this.failure = failure
  }
}

/** Fields with which a client could steer a response, although they are in no key. */
const steering =
  /^(forwarded|x-forwarded-(host|proto|port|prefix|server|scheme|path|uri)|x-(host|original-(url|uri|host)|rewrite-url|http-method-override|method-override))$/

/** A client that answers requests by the handler, for one request of the server. */
export const clientOf = (
  handler: Handler,
  request: HttpServerRequest.HttpServerRequest,
  control: Control
): HttpClient.HttpClient =>
  HttpClient.makeWith<never, never, HttpClientError.HttpClientError, never>(
    Effect.flatMap((asked) => handle(handler, request, asked, control)),
    Effect.succeed
  ) as HttpClient.HttpClient.With<HttpClientError.HttpClientError, never>

const handle = (
  handler: Handler,
  request: HttpServerRequest.HttpServerRequest,
  asked: HttpClientRequest,
  control: Control
): Effect.Effect<HttpClientResponse, HttpClientError.HttpClientError> => {
  const isLoad = asked.method === "GET" || asked.method === "HEAD"
  const given = isLoad ? request.modify({ headers: unsteered(asked.headers) }) : request
  return Effect.provideService(handler as Effect.Effect<Response>, HttpServerRequest.HttpServerRequest, given).pipe(
    Effect.flatMap((response) => isLoad ? tagged(saying(response, asked.headers, control)) : Effect.succeed(response)),
    Effect.map((response) => {
      const answer = HttpServerResponse.toClientResponse(response, { request: asked })
      originals.set(answer, response)
      return answer
    }),
    Effect.catchCause((cause) =>
      Cause.hasInterrupts(cause) ? Effect.failCause(cause as Cause.Cause<never>) : Effect.fail(
        new HttpClientError.HttpClientError({
          reason: new HttpClientError.TransportError({ request: asked, cause: new HandlerFailed(cause) })
        })
      )
    )
  )
}

const originals = new WeakMap<object, Response>()

/** The response of the handler, if the cache has passed it without reading its body. */
export const originalOf = (response: HttpClientResponse): Response | undefined =>
  originals.get(response) ?? originals.get(Object.getPrototypeOf(response))

/** Fails as the handler has failed. */
export const asHandled = (error: HttpClientError.HttpClientError): Effect.Effect<never, unknown> => {
  const { cause } = error.reason as { readonly cause?: unknown }
  return cause instanceof HandlerFailed ? Effect.failCause(cause.failure) : Effect.fail(error)
}

const unsteered = (headers: Headers.Headers): Headers.Headers => {
  const names = Object.keys(headers).filter((name) => steering.test(name))
  return names.length === 0 ? headers : Headers.removeMany(headers, names)
}

/** Gives a response an `ETag` of its body. */
const tagged = (response: Response): Effect.Effect<Response> => {
  const { body, headers, status } = response
  if (status !== 200 || headers["etag"] !== undefined || body._tag !== "Uint8Array") return Effect.succeed(response)
  return Effect.map(
    digestOf(body.body as Uint8Array<ArrayBuffer>),
    (digest) => HttpServerResponse.setHeader(response, "etag", `"${Base64Url.encode(digest.subarray(0, 18))}"`)
  )
}

/** Digests a large body on another thread. */
const digestOf = (bytes: Uint8Array<ArrayBuffer>): Effect.Effect<Uint8Array> =>
  bytes.length <= http.inlineBytes
    ? Effect.sync(() => sha256(bytes))
    : Effect.promise(async () => new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)))

/**
 * Gives `Cache-Control` to a response that says nothing. It holds for requests without credentials alone: nothing says
 * that the handler answers all users alike.
 */
const saying = (response: Response, asked: Headers.Headers, control: Control): Response => {
  const { headers } = response
  if (headers["cache-control"] !== undefined || headers["expires"] !== undefined) return response
  const usual = credentials.some((name) => asked[name] !== undefined) ? undefined : control?.(response)
  if (usual === undefined) return response
  const vary = [headers["vary"] ?? [], credentials].flat().join(", ")
  return HttpServerResponse.setHeaders(response, { "cache-control": usual, vary })
}

const credentials = ["authorization", "cookie"]
