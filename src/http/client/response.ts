/** Responses of an HTTP client whose head, or head and body, come from a cache. */
import * as Effect from "effect/Effect"
import * as Cookies from "effect/http/Cookies"
import * as Headers from "effect/http/Headers"
import * as HttpClientError from "effect/http/HttpClientError"
import type { HttpClientRequest } from "effect/http/HttpClientRequest"
import * as HttpClientResponse from "effect/http/HttpClientResponse"
import * as HttpIncomingMessage from "effect/http/HttpIncomingMessage"
import * as UrlParams from "effect/http/UrlParams"
import * as Inspectable from "effect/Inspectable"
import * as Option from "effect/Option"
import { pipeArguments } from "effect/Pipeable"
import type * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import type { Fields } from "../rules/fields.ts"

type HttpError = HttpClientError.HttpClientError

export type Body = Stream.Stream<Uint8Array, HttpError>

/** The bytes, or a stream of them. */
export type Content = Uint8Array | Body

interface Parts {
  readonly request: HttpClientRequest
  readonly url: string
  readonly status: number
  readonly fields: Fields
  readonly cookies: ReadonlyArray<string>
}

const decoder = new TextDecoder()

export class CachedResponse extends Inspectable.Class implements HttpClientResponse.HttpClientResponse {
  readonly [HttpIncomingMessage.TypeId]: typeof HttpIncomingMessage.TypeId = HttpIncomingMessage.TypeId
  readonly [HttpClientResponse.TypeId]: typeof HttpClientResponse.TypeId = HttpClientResponse.TypeId
  readonly request: HttpClientRequest
  readonly url: string
  readonly status: number
  readonly headers: Headers.Headers
  private readonly setCookies: ReadonlyArray<string>
  private readonly content: Content

  constructor({ cookies, fields, request, status, url }: Parts, content: Content) {
    super()
    this.request = request
    this.url = url
    this.status = status
    this.headers = Headers.isHeaders(fields) ? fields : Headers.fromRecordUnsafe(fields as { [name: string]: string })
    this.setCookies = cookies
    this.content = content
  }

  get cookies(): Cookies.Cookies {
    return Cookies.fromSetCookie(this.setCookies)
  }

  get hasCookies(): boolean {
    return this.setCookies.length > 0
  }

  /** The bytes, unless they are a stream. */
  get inline(): Uint8Array | undefined {
    return this.content instanceof Uint8Array ? this.content : undefined
  }

  get remoteAddress(): Option.Option<string> {
    return Option.none()
  }

  get stream(): Body {
    const { content } = this
    if (!(content instanceof Uint8Array)) return content
    return content.length === 0 ? Stream.empty : Stream.succeed(content.slice())
  }

  private get bytes(): Effect.Effect<Uint8Array, HttpError> {
    const { content } = this
    return content instanceof Uint8Array ? Effect.succeed(content) : Effect.map(Stream.runCollect(content), joined)
  }

  get arrayBuffer(): Effect.Effect<ArrayBuffer, HttpError> {
    // A copy, because the caller may change it.
    return Effect.map(this.bytes, (bytes) => Uint8Array.from(bytes).buffer)
  }

  get text(): Effect.Effect<string, HttpError> {
    return Effect.map(this.bytes, (bytes) => decoder.decode(bytes))
  }

  get json(): Effect.Effect<Schema.Json, HttpError> {
    return Effect.flatMap(this.text, (text) =>
      Effect.try({
        try: () => text === "" ? null : JSON.parse(text),
        catch: (cause) => this.decodeError(cause)
      }))
  }

  get urlParamsBody(): Effect.Effect<UrlParams.UrlParams, HttpError> {
    return Effect.map(this.text, (text) => UrlParams.fromInput(new URLSearchParams(text)))
  }

  get formData(): Effect.Effect<FormData, HttpError> {
    return Effect.flatMap(this.arrayBuffer, (body) =>
      Effect.tryPromise({
        try: () => new Response(body, { headers: { "content-type": this.headers["content-type"] ?? "" } }).formData(),
        catch: (cause) => this.decodeError(cause)
      }))
  }

  get upgrade(): Effect.Effect<never, HttpError> {
    return Effect.fail(
      new HttpClientError.HttpClientError({
        reason: new HttpClientError.StatusCodeError({
          request: this.request,
          response: this,
          description: "a cached response has no connection to hand over"
        })
      })
    )
  }

  private decodeError(cause: unknown): HttpError {
    return decodeError(this, cause)
  }

  toJSON(): unknown {
    return HttpIncomingMessage.inspect(this, {
      _id: "HttpClientResponse",
      request: this.request.toJSON(),
      status: this.status
    })
  }

  pipe() {
    return pipeArguments(this, arguments)
  }
}

export const make = (parts: Parts, content: Content): HttpClientResponse.HttpClientResponse =>
  new CachedResponse(parts, content)

/** The response with other fields; its body and its connection stay. */
export const withFields = (
  response: HttpClientResponse.HttpClientResponse,
  fields: Fields
): HttpClientResponse.HttpClientResponse =>
  Object.create(response, { headers: { value: Headers.fromRecordUnsafe(fields as { [name: string]: string }) } })

export const decodeError = (
  response: HttpClientResponse.HttpClientResponse,
  cause: unknown,
  description?: string
): HttpError =>
  new HttpClientError.HttpClientError({
    reason: new HttpClientError.DecodeError({
      request: response.request,
      response,
      cause,
      ...description === undefined ? {} : { description }
    })
  })

const joined = (chunks: ReadonlyArray<Uint8Array>): Uint8Array => {
  if (chunks.length === 1) return chunks[0]!
  const bytes = new Uint8Array(chunks.reduce((total, { length }) => total + length, 0))
  let at = 0
  for (const chunk of chunks) {
    bytes.set(chunk, at)
    at += chunk.length
  }
  return bytes
}

/** The body of a response as a stream: empty where the client says that there is none. */
export const bodyOf = (
  response: HttpClientResponse.HttpClientResponse
): Body =>
  Stream.catch(response.stream, (error) => error.reason._tag === "EmptyBodyError" ? Stream.empty : Stream.fail(error))

/** Takes `length` bytes from `skip` on. */
export const slice = (
  stream: Body,
  start: number,
  end: number
): Body =>
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
