/**
 * A small shop under load, with an outage of its database every minute: `npm start inspector`.
 *
 * Open the URL that it prints. Watch the loads fail for ten seconds while stale values are served, invalidate the tag
 * "shop:3", and see in "Size" that a larger memory would help.
 */
import { Clock, Console, Effect, Layer, Random, Schema } from "effect"
import { Cached, CacheKey, CacheLayer } from "effect-cached"
import { Explanation } from "effect-cached/explain"
import { CacheInspector } from "effect-cached/inspector"

class Product extends CacheKey.Class<Product>()("Product", {
  payload: { id: Schema.Number },
  success: Schema.Struct({ name: Schema.String, cents: Schema.Number }),
  tags: ({ id }) => [`shop:${id % 7}`]
}) {}

class Outage extends Error {}

/** Takes some time, and fails during the last ten seconds of each minute. */
const asked = <A>(millis: number, value: () => A): Effect.Effect<A, Outage> =>
  Effect.gen(function*() {
    yield* Effect.sleep(millis * (0.5 + (yield* Random.next)))
    if ((yield* Clock.currentTimeMillis) % 60_000 > 50_000) {
      return yield* Effect.fail(new Outage("The database is down"))
    }
    return value()
  })

const product = (id: number) =>
  asked(30, () => ({ name: `Product ${id}`, cents: 100 * id })).pipe(
    Cached.refreshAhead(new Product({ id }), { ttl: "10 minutes", refreshAfter: "20 seconds" })
  )

/** Reads the products that it shows, so that it waits for their loads. */
const page = (shop: number) =>
  Effect.forEach([0, 7, 14, 21, 28], (id) => product(id + shop), { concurrency: "unbounded" }).pipe(
    Effect.tap(() => Effect.sleep("80 millis")),
    Cached.refreshAhead(`page:shop-${shop}`, { ttl: "30 seconds", refreshAfter: "10 seconds" })
  )

/** The slow report that one reader in a hundred waits for. */
const report = asked(4000, () => "sales").pipe(Cached.ttl("report:sales", { ttl: "15 seconds" }))

/** Few products are popular, and most are hardly read. */
const shopper = Effect.gen(function*() {
  const chance = yield* Random.next
  yield* chance < 0.01 ? report : chance < 0.2 ? page(Math.floor(100 * chance) % 7) : product(
    Math.floor(2000 * (yield* Random.next) ** 3)
  )
  yield* Effect.sleep(200 * (yield* Random.next))
}).pipe(Effect.ignore, Effect.forever)

const shop = Effect.all(Array.from({ length: 60 }, () => shopper), { concurrency: "unbounded", discard: true })

await Console.log("A shop with 60 shoppers. It runs until you press Ctrl+C.").pipe(
  Effect.andThen(shop),
  Effect.provide(
    CacheInspector.layer({ port: Number(process.env["PORT"] ?? 0), values: true }).pipe(
      Layer.provideMerge(Explanation.layer(CacheLayer.memory({ capacity: 500, curve: true })))
    )
  ),
  Effect.runPromise
)
