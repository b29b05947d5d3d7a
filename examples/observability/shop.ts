/** A shop in two replicas that share a store. Its products come from a slow origin; origin and store can be stopped. */
import { type Context, Data, Effect, Fiber, Layer, Random, Schema, Stream } from "effect"
import { Cached, CacheKey, CacheLayer, type Caching, Guard, Transaction } from "effect-cached"
import { Store } from "effect-cached/adapters"
import * as CacheMetrics from "effect-cached/CacheMetrics"
import { Explanation } from "effect-cached/explain"
import { MemoryStore } from "effect-cached/memory"
import { ChaosStore } from "effect-cached/testing"

const products = 200

class Product extends CacheKey.Class<Product>()("Product", {
  payload: { id: Schema.Int },
  success: Schema.Struct({ id: Schema.Int, price: Schema.Int }),
  tags: ["products"]
}) {}

class OriginDown extends Data.TaggedError("OriginDown")<{}> {}

export interface Answers {
  answered: number
  failed: number
}

export const makeShop = Effect.gen(function*() {
  const answers: Answers = { answered: 0, failed: 0 }
  let isDown = false
  let isCrawled = false
  // As if the two caches were in two processes: the store is shared, and reports no changes.
  const shared = { ...MemoryStore.make(), capabilities: { shared: true, changes: false } }
  const chaos = ChaosStore.make(shared, { seed: 1, delay: "1 millis" })
  const cache = Layer.provide(
    CacheLayer.layer({ capacity: 100, maxStaleness: "2 seconds", storeTimeout: "100 millis" }),
    Layer.succeed(Store.Store, chaos.store)
  )
  const replicas = yield* Effect.forEach(
    ["replica 1", "replica 2"],
    (name) => Layer.build(CacheMetrics.layer(Explanation.layer(Layer.fresh(cache)), { name }))
  )

  const ask = <A>(answer: A) =>
    Effect.andThen(
      Effect.sleep("20 millis"),
      Effect.suspend(() => isDown ? Effect.fail(new OriginDown()) : Effect.succeed(answer))
    )
  const product = (id: number) =>
    ask({ id, price: 100 }).pipe(
      Cached.softTtl(new Product({ id }), {
        ttl: "30 seconds",
        softTtl: "1 second",
        retryAfter: "500 millis",
        fallbackOn: ["OriginDown"]
      })
    )

  /** The page is refreshed in the background, so that no reader waits for it. */
  const page = ask("welcome").pipe(Cached.refreshAhead("page", { ttl: "1 minute", refreshAfter: "300 millis" }))

  /** The catalogue for partners, stored in pages. */
  const catalogue = Stream.range(1, products).pipe(Cached.stream("catalogue", { ttl: "500 millis" }))

  /** Popular products are read more often than others. */
  const visit = Effect.flatMap(Random.next, (share) => product(Math.floor(products * share ** 3))).pipe(
    Effect.match({
      onSuccess: () => void answers.answered++,
      onFailure: () => void answers.failed++
    })
  )

  /** A crawler reads everything once, and so pushes out of memory what others read again and again. */
  const crawl = Effect.suspend(() =>
    isCrawled
      ? Effect.forEach(Array.from({ length: 20 }), () => product(products + crawled++ % 2000), {
        concurrency: "unbounded"
      })
      : Effect.void
  )
  let crawled = 0

  const last = products - 1
  const edit = Effect.gen(function*() {
    yield* Cached.invalidate(new Product({ id: yield* Random.nextIntBetween(0, products) }))
    // An edit during a load: its result is not stored.
    yield* Cached.invalidate(new Product({ id: last }))
    const loading = yield* Effect.forkChild(Effect.exit(product(last)))
    yield* Effect.sleep("10 millis")
    yield* Cached.invalidate(new Product({ id: last }))
    yield* Cached.invalidate({ tag: "sales" })
    yield* Effect.exit(Transaction.run(Cached.set("sales", 1), { isolation: "fast" }))
    yield* Effect.exit(Guard.rateLimit(Effect.void, { key: "exports", limit: 2, window: "1 second" }))
    yield* Fiber.join(loading)
  })

  const repeat = (self: Effect.Effect<unknown, unknown, Caching.Caching>, millis: number) =>
    Effect.forever(Effect.andThen(Effect.exit(self), Effect.sleep(millis)))
  const jobs = (replica: Context.Context<Caching.Caching>) =>
    Effect.provide(
      Effect.all([
        ...Array.from({ length: 5 }, () => repeat(visit, 10)),
        repeat(page, 50),
        repeat(Stream.runDrain(catalogue), 100),
        repeat(edit, 200),
        repeat(crawl, 20)
      ], {
        concurrency: "unbounded",
        discard: true
      }),
      replica
    )

  return {
    answers,
    /** Explains a product to a user of the first replica. */
    explain: (id: number) => Effect.provide(Effect.map(Explanation.of(product(id)), ({ text }) => text), replicas[0]!),
    stopOrigin: Effect.sync(() => {
      isDown = true
    }),
    startOrigin: Effect.sync(() => {
      isDown = false
    }),
    startCrawler: Effect.sync(() => {
      isCrawled = true
    }),
    stopCrawler: Effect.sync(() => {
      isCrawled = false
    }),
    stopStore: chaos.set({ failRate: 1 }),
    startStore: chaos.set({ failRate: 0 }),
    run: Effect.all(replicas.map(jobs), { concurrency: "unbounded", discard: true })
  }
})
