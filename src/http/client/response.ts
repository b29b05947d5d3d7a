/** Responses of an HTTP client whose head, or head and body, come from a cache. */
import * as Cookies from "effect/http/Cookies"
import * as Headers from "effect/http/Headers"
import * as HttpBody from "effect/http/HttpBody"
import type { HttpClientError } from "effect/http/HttpClientError"
import type { HttpClientRequest } from "effect/http/HttpClientRequest"
import type { HttpClientResponse } from "effect/http/HttpClientResponse"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Stream from "effect/Stream"
import type { Fields } from "../rules/fields.ts"

export type Body = Stream.Stream<Uint8Array, HttpClientError>

/** The bytes, or a stream of them. */
export type Content = Uint8Array | Body

interface Parts {
  readonly request: HttpClientRequest
  readonly url: string
  readonly status: number
  readonly fields: Fields
  readonly cookies: ReadonlyArray<string>
}

/** The class of the client's view of a server's response, which Effect does not export. */
const OfServer = HttpServerResponse.toClientResponse(HttpServerResponse.empty()).constructor as new(
  request: HttpClientRequest,
  response: HttpServerResponse.HttpServerResponse
) => HttpClientResponse

export class CachedResponse extends OfServer {
  /** The same as the response of a server. */
  readonly server: HttpServerResponse.HttpServerResponse
  override readonly url: string

  constructor({ cookies, fields, request, status, url }: Parts, content: Content) {
    const headers = Headers.isHeaders(fields) ? fields : Headers.fromRecordUnsafe(fields as { [name: string]: string })
    // The constructors of Effect would copy the fields, which no one else has: each answer has its own.
    const server: { -readonly [Name in keyof CachedResponse["server"]]: CachedResponse["server"][Name] } = Object
      .create(
        shape
      )
    server.status = status
    server.statusText = undefined
    server.cookies = cookies.length === 0 ? Cookies.empty : Cookies.fromSetCookie(cookies)
    server.body = content instanceof Uint8Array
      ? content.length === 0 ? HttpBody.empty : HttpBody.uint8Array(content, headers["content-type"])
      : HttpBody.stream(content, headers["content-type"])
    server.headers = headers
    super(request, server)
    this.server = server
    this.url = url
  }

  override get stream(): Body {
    const { body } = this.server
    if (body._tag === "Stream") return body.stream as Body
    // A copy, because the caller may change it.
    return body._tag === "Uint8Array" ? Stream.succeed(body.body.slice()) : Stream.empty
  }
}

const shape: object = Object.getPrototypeOf(HttpServerResponse.empty())

export const make = (parts: Parts, content: Content): HttpClientResponse => new CachedResponse(parts, content)

/** The response with other fields; its body and its connection stay. */
export const withFields = (response: HttpClientResponse, fields: Fields): HttpClientResponse =>
  Object.create(response, { headers: { value: Headers.fromRecordUnsafe(fields as { [name: string]: string }) } })

/** The body of a response as a stream: empty where the client says that there is none. */
export const bodyOf = (response: HttpClientResponse): Body =>
  Stream.catch(response.stream, (error) => error.reason._tag === "EmptyBodyError" ? Stream.empty : Stream.fail(error))

/** Takes the bytes from `start` to before `end`. */
export const slice = (stream: Body, start: number, end: number): Body =>
  Stream.suspend(() => {
    let at = 0
    return stream.pipe(
      Stream.takeUntil((chunk) => (at += chunk.length) >= end),
      Stream.mapAccum(() => 0, (before, chunk: Uint8Array) => {
        const part = chunk.subarray(Math.max(0, start - before), Math.max(0, end - before))
        return [before + chunk.length, part.length === 0 ? [] : [part]]
      })
    )
  })
