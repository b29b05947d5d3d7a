/** A cache that is provided to the routes alone, whose handlers use it too. */
import { Effect, Layer } from "effect"
import { Cached, CacheLayer } from "effect-cached"
import { HttpRouter, type HttpServer, HttpServerResponse } from "effect/http"

declare const httpServer: Layer.Layer<HttpServer.HttpServer>

const save = Effect.as(Cached.invalidate({ tag: "news" }), HttpServerResponse.empty())
const app = HttpRouter.add("POST", "/news", save).pipe(Layer.provide(CacheLayer.memory()))

HttpRouter.toWebHandler(app).handler(new Request("http://localhost/news"))
Effect.runPromise(Layer.launch(HttpRouter.serve(app).pipe(Layer.provide(httpServer))))
