/**
 * The API that the job asks, `GET /v1/disposable/{email}` -> `{"disposable": boolean}`: a client for it, and a small
 * server that stands in for it, so that the example runs without internet.
 */
import { NodeHttpServer } from "@effect/platform-node"
import { Effect, Schema } from "effect"
import { HttpClient, HttpClientResponse, HttpRouter, HttpServer, HttpServerResponse } from "effect/http"
import { createServer } from "node:http"

const path = "/v1/disposable/"

const Answer = Schema.Struct({ disposable: Schema.Boolean })

/** Why there is no answer for an address. */
export class ApiError extends Schema.TaggedError<ApiError>()("ApiError", {
  email: Schema.String,
  reason: Schema.String
}) {}

/** One request: whether the API takes the address for a disposable one. */
export const askApi = (api: URL, email: string): Effect.Effect<boolean, ApiError, HttpClient.HttpClient> => {
  const url = new URL(api)
  url.pathname = url.pathname.replace(/\/+$/, "") + path + encodeURIComponent(email)
  const failed = (reason: string) => new ApiError({ email, reason })
  return HttpClient.get(url).pipe(
    Effect.flatMap(HttpClientResponse.filterStatusOk),
    Effect.flatMap(HttpClientResponse.schemaBodyJson(Answer)),
    Effect.map((answer) => answer.disposable),
    Effect.timeout("10 seconds"),
    Effect.catchTags({
      TimeoutError: () => failed("no answer within 10 seconds"),
      SchemaError: () => failed(`the answer is not {"disposable": boolean}`),
      HttpClientError: ({ reason }) => failed(explain(reason))
    })
  )
}

const explain = (reason: { readonly _tag: string; readonly response?: HttpClientResponse.HttpClientResponse }) => {
  switch (reason._tag) {
    case "StatusCodeError":
      return `the API answered ${reason.response?.status}`
    case "TransportError":
      return "the API cannot be reached"
    default:
      return "the answer is no JSON"
  }
}

const disposable = new Set(["wegwerf.example", "tenminutes.example"])

/** Starts the stand-in on a free port of loopback; it runs until the scope closes, and logs what it is asked. */
export const startServer = Effect.gen(function*() {
  const log: Array<string> = []
  const handle = Effect.gen(function*() {
    const { email = "" } = yield* HttpRouter.params
    log.push(email)
    // Some answers take longer than others, as in life.
    yield* Effect.sleep(120 + 40 * (email.length % 5))
    return HttpServerResponse.jsonUnsafe({ disposable: disposable.has(email.slice(email.lastIndexOf("@") + 1)) })
  })
  const router = yield* HttpRouter.make
  yield* router.add("GET", `${path}:email`, handle)
  const server = yield* NodeHttpServer.make(createServer, { host: "127.0.0.1", port: 0 })
  yield* server.serve(router.asHttpEffect())
  return { url: new URL(HttpServer.formatAddress(server.address)), log: log as ReadonlyArray<string> }
})
