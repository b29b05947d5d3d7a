/** Cached handlers whose runs are counted, and requests to them. */
import { Effect } from "effect"
import { CacheLayer, type Caching } from "effect-cached"
import { HttpCacheMiddleware } from "effect-cached/http"
import { HttpServerRequest, HttpServerResponse } from "effect/http"
import { testIn } from "../support/tests.ts"

export type Handler = (
  request: HttpServerRequest.HttpServerRequest,
  run: number
) => Effect.Effect<HttpServerResponse.HttpServerResponse, unknown, Caching.Caching>

/** A cached handler, whose runs are counted. `ask` answers as a browser or a proxy would see it. */
export const serving = Effect.fnUntraced(function*(
  handler: Handler,
  options?: HttpCacheMiddleware.Options,
  around: <E, R>(app: Effect.Effect<HttpServerResponse.HttpServerResponse, E, R>) => typeof app = (app) => app
) {
  const state = { runs: 0 }
  const cached = around((yield* HttpCacheMiddleware.make(options))(
    HttpServerRequest.HttpServerRequest.use((request) => Effect.suspend(() => handler(request, ++state.runs)))
  ))
  const ask = Effect.fnUntraced(function*(path = "/", init?: RequestInit) {
    const request = HttpServerRequest.fromWeb(new Request(new URL(path, "http://example.com"), init))
    const response = yield* Effect.provideService(cached, HttpServerRequest.HttpServerRequest, request)
    const context = yield* Effect.context<never>()
    const web = HttpServerResponse.toWeb(response, { withoutBody: init?.method === "HEAD", context })
    const text = yield* Effect.promise(() => web.text())
    const { headers, status } = web
    const field = (name: string) => headers.get(name) ?? undefined
    return { status, text, field, cacheStatus: field("cache-status")?.replace("effect-cached; ", "") }
  })
  return { state, ask }
})

export const text = (control?: string, headers: Record<string, string> = {}): Handler => (_, run) =>
  Effect.succeed(
    HttpServerResponse.text(`run ${run}`, {
      headers: { ...headers, ...control === undefined ? {} : { "cache-control": control } }
    })
  )

export const inMemory = testIn(CacheLayer.memory())
