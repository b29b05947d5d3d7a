/** The caches that the suite is run with: `CachedHttpClient` over stores, and undici's cache. */
import { Effect, Layer, ManagedRuntime } from "effect"
import { CacheLayer } from "effect-cached"
import { CachedHttpClient } from "effect-cached/http"
import { Cookies, FetchHttpClient, HttpClient, HttpClientRequest } from "effect/http"
import { Agent, fetch as undiciFetch, interceptors } from "undici"
import type { Answer, Fetch, Mode } from "./suite.ts"

export interface Started {
  readonly fetch: Fetch
  readonly stop: () => Promise<void>
}

/** The fields of the suite's own requests, which name no user. */
export const harmless = ["Test-ID", "Test-Name", "Req-Num", "Foo", "Bar", "Baz", "Abc", "Other"]

const { fetch: platformFetch } = globalThis

/** Sends what the suite asks for through an `HttpClient` of Effect. */
export const overClient = (mode: Mode, cache: Layer.Layer<any, any>): Started => {
  const ofMode = mode === "shared" ? { targets: ["CDN-Cache-Control"], allowCookies: true } : {}
  const client = CachedHttpClient.layer({ mode, harmless, ...ofMode }).pipe(
    Layer.provide([FetchHttpClient.layer, cache])
  )
  const runtime = ManagedRuntime.make(Layer.mergeAll(
    client,
    Layer.succeed(FetchHttpClient.RequestInit, { redirect: "manual" }),
    Layer.succeed(FetchHttpClient.Fetch, platformFetch)
  ))
  const fetch: Fetch = (url, init = {}) =>
    runtime.runPromise(Effect.gen(function*() {
      const headers = new Headers(init["headers"])
      // As a browser does for this mode of its `fetch`.
      if (init["cache"] === "no-cache") headers.set("cache-control", "max-age=0")
      const request = HttpClientRequest.make(init["method"] ?? "GET")(url, {
        headers: Object.fromEntries(headers),
        ...init["body"] === undefined ? {} : { body: yield* bodyOf(init["body"]) }
      })
      const client = yield* HttpClient.HttpClient
      const response = yield* client.execute(request)
      const text = response.status === 304 || init["method"] === "HEAD" ? "" : yield* response.text
      const fields = new Headers(Object.entries(response.headers).filter(([name]) => name !== "set-cookie"))
      for (const cookie of Cookies.toSetCookieHeaders(response.cookies)) fields.append("set-cookie", cookie)
      const answer: Answer = {
        status: response.status,
        statusText: "",
        headers: fields,
        text: () => Promise.resolve(text)
      }
      return answer
    }))
  return { fetch, stop: () => runtime.dispose() }
}

const bodyOf = (text: string) => Effect.succeed(HttpClientRequest.bodyText(HttpClientRequest.post("/"), text).body)

export const ofUndici = (mode: Mode): Started => {
  const agent = new Agent().compose(interceptors.cache({ type: mode }))
  return {
    fetch: async (url, init = {}) => {
      const { cache, ...others } = init
      // The suite asks a `fetch` without a cache not to use one, which here would be this cache.
      const given = cache === "no-store" ? others : init
      return await undiciFetch(url, { redirect: "manual", ...given, dispatcher: agent as never }) as unknown as Answer
    },
    stop: () => Promise.resolve()
  }
}

export const inMemory = CacheLayer.memory({ capacity: 10_000 })
