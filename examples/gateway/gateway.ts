/** A small service in front of another one: with a cache and guards, and without. */
import { Data, Effect, Schema } from "effect"
import { Cached, type CacheError, CacheKey, type Caching, Guard } from "effect-cached"
import { HttpClient, type HttpClientError, HttpClientResponse, HttpRouter, HttpServerResponse } from "effect/http"
import { limit } from "./upstream.ts"

const Product = Schema.Struct({ id: Schema.String, price: Schema.Finite })

class ProductOf extends CacheKey.Class<ProductOf>()("Product", {
  payload: { id: Schema.String },
  success: Product,
  tags: ["products"]
}) {}

class UpstreamFailed extends Data.TaggedError("UpstreamFailed")<{ readonly status: number }> {}

type Failure = UpstreamFailed | HttpClientError.HttpClientError | Schema.SchemaError

const decoded = (response: HttpClientResponse.HttpClientResponse): Effect.Effect<typeof Product.Type, Failure> =>
  response.status === 200
    ? HttpClientResponse.schemaBodyJson(Product)(response)
    : Effect.fail(new UpstreamFailed({ status: response.status }))

export interface Products<E, R> {
  readonly find: (id: string) => Effect.Effect<typeof Product.Type, E, R>
  readonly raise: (id: string) => Effect.Effect<typeof Product.Type, E, R>
}

/** Every request is one to the upstream. */
export const plain = (url: string): Products<Failure, HttpClient.HttpClient> => ({
  find: (id) => Effect.flatMap(HttpClient.get(`${url}/products/${id}`), decoded),
  raise: (id) => Effect.flatMap(HttpClient.put(`${url}/products/${id}`), decoded)
})

/**
 * Sends no requests to an upstream that is down, and never more than it allows. An earlier answer is served instead of
 * a failure.
 */
export const guarded = (url: string): Products<
  Failure | CacheError.RateLimitExceeded | CacheError.CircuitOpen,
  HttpClient.HttpClient | Caching.Caching
> => {
  const { find, raise } = plain(url)
  const breaker = Guard.circuitBreaker({ key: "upstream", failures: 3, open: "1 second", maxOpen: "4 seconds" })
  // Leaves a little room for changes, which count too.
  const quota = Guard.rateLimit({ key: "upstream", limit: limit - 4, window: "1 second" })
  return {
    // The limit is around the breaker, because a request refused here says nothing about the upstream.
    find: (id) =>
      find(id).pipe(
        breaker,
        quota,
        Cached.softTtl(new ProductOf({ id }), {
          ttl: "1 minute",
          softTtl: "2 seconds",
          retryAfter: "500 millis",
          fallbackOn: "all"
        })
      ),
    raise: (id) =>
      raise(id).pipe(
        breaker,
        Cached.invalidateAfter(new ProductOf({ id }))
      )
  }
}

const statusOf = (error: unknown) => error instanceof UpstreamFailed ? error.status : 502

/** The response to clients. Guards say when to retry. */
const respond = <R>(product: Effect.Effect<typeof Product.Type, { readonly _tag: string }, R>) =>
  product.pipe(
    Effect.map((product) => HttpServerResponse.jsonUnsafe(product)),
    Effect.catch((error) => {
      const headers = "retryAfterHeader" in error ? { "retry-after": String(error.retryAfterHeader) } : {}
      return Effect.succeed(
        HttpServerResponse.empty({ status: "retryAfterHeader" in error ? 503 : statusOf(error), headers })
      )
    })
  )

export const makeGateway = Effect.fnUntraced(function*<E extends { readonly _tag: string }, R>(
  products: Products<E, R>
) {
  const router = yield* HttpRouter.make
  const context = yield* Effect.context<R>()
  const withId = (use: (id: string) => Effect.Effect<typeof Product.Type, E, R>) =>
    Effect.flatMap(HttpRouter.params, ({ id = "" }) => Effect.provideContext(respond(use(id)), context))
  yield* router.add("GET", "/products/:id", withId(products.find))
  yield* router.add("PUT", "/products/:id", withId(products.raise))
  return router.asHttpEffect()
})
