/** A server that forwards to the suite's, behind `HttpCacheMiddleware`, and other programs in its place. */
import { NodeHttpClient, NodeHttpServer } from "@effect/platform-node"
import { Effect, type Layer, Layer as Layers, ManagedRuntime } from "effect"
import { HttpCacheMiddleware } from "effect-cached/http"
import {
  HttpClient,
  HttpClientRequest,
  HttpRouter,
  HttpServer,
  HttpServerRequest,
  HttpServerResponse
} from "effect/http"
import { createServer } from "node:http"
import { request as undiciRequest } from "undici"
import { harmless, type Started } from "./caches.ts"
import { type Program, type Proxy, startProxy } from "./proxies.ts"
import type { Answer } from "./suite.ts"

const ofSuite: HttpCacheMiddleware.Options = { allowCookies: true, harmless, targets: ["CDN-Cache-Control"] }

export const overServer = async (cache: Layer.Layer<any, any>, options = ofSuite): Promise<Started> => {
  let origin = ""
  const forward = Effect.gen(function*() {
    const request = yield* HttpServerRequest.HttpServerRequest
    const asked = HttpClientRequest.setUrl(HttpServerRequest.toClientRequest(request), `${origin}${request.url}`)
    return HttpServerResponse.fromClientResponse(yield* HttpClient.execute(asked))
  })
  const app = Layers.mergeAll(
    HttpRouter.add("*", "/*", forward),
    HttpCacheMiddleware.layer(options)
  )
  const served = HttpRouter.serve(app as never, { disableLogger: true, disableListenLog: true }).pipe(
    Layers.provideMerge(NodeHttpServer.layer(createServer, { port: 0, host: "127.0.0.1" })),
    Layers.provide([cache, NodeHttpClient.layerNodeHttp])
  )
  const runtime = ManagedRuntime.make(served as Layer.Layer<HttpServer.HttpServer>)
  const { address } = await runtime.runPromise(HttpServer.HttpServer)
  const proxy = `http://127.0.0.1:${(address as unknown as { readonly port: number }).port}`
  return {
    fetch: async (url, init = {}) => {
      origin = new URL(url).origin
      return await through(proxy, url, init)
    },
    stop: () => runtime.dispose()
  }
}

/** Another program in front of the suite's server, whose port is known with the first request. */
export const overProxy = (program: Program): Started => {
  let started: Promise<Proxy> | undefined
  return {
    fetch: async (url, init = {}) => {
      started ??= startProxy(program, Number(new URL(url).port))
      return await through(`http://127.0.0.1:${(await started).port}`, url, init)
    },
    stop: async () => await (await started)?.stop()
  }
}

/** Asks a proxy. `fetch` would add fields of its own to a request with conditions. */
const through = async (proxy: string, url: string, init: Record<string, any>): Promise<Answer> => {
  const { body, headers, statusCode } = await undiciRequest(url.replace(new URL(url).origin, proxy), {
    method: init["method"] ?? "GET",
    headers: Object.fromEntries(new Headers(init["headers"])),
    body: init["body"]
  })
  const text = await body.text()
  const fields = new Headers()
  for (const [name, value] of Object.entries(headers)) {
    for (const one of [value ?? []].flat()) fields.append(name, one)
  }
  return { status: statusCode, statusText: "", headers: fields, text: () => Promise.resolve(text) }
}
