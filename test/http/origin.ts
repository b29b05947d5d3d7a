/** An origin whose answers a test writes, and clients that cache them. */
import { Effect, Stream } from "effect"
import { CachedHttpClient } from "effect-cached/http"
import { HttpClient, HttpClientError, type HttpClientRequest, HttpClientResponse } from "effect/http"

export interface Reply {
  readonly status?: number
  readonly headers?: Record<string, string>
  readonly body?: string | ReadableStream<Uint8Array> | null
  /** The final URL, if redirects were followed. */
  readonly url?: string
}

type Handle = (request: HttpClientRequest.HttpClientRequest, count: number) => Reply | Effect.Effect<Reply, "down">

export interface Origin {
  readonly client: HttpClient.HttpClient
  readonly requests: Array<HttpClientRequest.HttpClientRequest>
}

export const originOf = (handle: Handle): Origin => {
  const requests: Array<HttpClientRequest.HttpClientRequest> = []
  const client = HttpClient.make((request) =>
    Effect.suspend(() => {
      requests.push(request)
      const reply = handle(request, requests.length)
      return (Effect.isEffect(reply) ? reply : Effect.succeed(reply)).pipe(
        Effect.map(({ body = "", headers, status = 200, url }) => {
          const hasBody = ![204, 205, 304].includes(status) && body !== null
          const source = new Response(hasBody ? body : null, { status, headers: headers ?? {} })
          if (url !== undefined) Object.defineProperty(source, "url", { value: url })
          return HttpClientResponse.fromWeb(request, source)
        }),
        Effect.mapError((cause) =>
          new HttpClientError.HttpClientError({ reason: new HttpClientError.TransportError({ request, cause }) })
        )
      )
    })
  )
  return { client, requests }
}

export const privately = (origin: Origin, options: Partial<CachedHttpClient.Options> = {}) =>
  CachedHttpClient.wrap(origin.client, { mode: "private", ...options } as CachedHttpClient.Options)

export const shared = (origin: Origin, options: Partial<CachedHttpClient.Options> = {}) =>
  CachedHttpClient.wrap(origin.client, { mode: "shared", ...options } as CachedHttpClient.Options)

export const url = "http://example.com/a"

/** The status, the text, and the parts of `Cache-Status`. */
export const seen = (response: HttpClientResponse.HttpClientResponse) =>
  Effect.map(response.text, (text) => ({ status: response.status, text, cache: response.headers["cache-status"] }))

export const textOf = (client: HttpClient.HttpClient, at = url, headers: Record<string, string> = {}) =>
  Effect.flatMap(client.get(at, { headers }), (response) => response.text)

/** A body that arrives when the test says so. */
export const slowBody = () => {
  let controller!: ReadableStreamDefaultController<Uint8Array>
  const body = new ReadableStream<Uint8Array>({ start: (one) => void (controller = one) })
  return {
    body,
    send: (text: string) => controller.enqueue(new TextEncoder().encode(text)),
    end: () => controller.close(),
    fail: () => controller.error(new Error("connection lost"))
  }
}

export const collect = (response: HttpClientResponse.HttpClientResponse) =>
  Effect.map(
    Stream.runCollect(response.stream),
    (chunks) => chunks.map((one) => new TextDecoder().decode(one)).join("")
  )
