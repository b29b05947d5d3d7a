/**
 * A gateway in front of a service that is slow, has a limit and goes down: `npm start gateway`.
 *
 * Both run here, on loopback. Ten readers and an editor send requests to the gateway for ten seconds: first directly,
 * then with `softTtl`, a circuit breaker, a rate limit and invalidation.
 */
import { NodeHttpServer } from "@effect/platform-node"
import { Console, Effect } from "effect"
import { CacheLayer } from "effect-cached"
import { FetchHttpClient, HttpServer } from "effect/http"
import { createServer } from "node:http"
import { guarded, makeGateway, plain, type Products } from "./gateway.ts"
import { everyMillis, load, readers, seconds } from "./load.ts"
import { table } from "./table.ts"
import { downFrom, downUntil, latency, limit, makeUpstream } from "./upstream.ts"

const listen = NodeHttpServer.make(createServer, { host: "127.0.0.1", port: 0 })

const run = <E extends { readonly _tag: string }, R>(products: (url: string) => Products<E, R>) =>
  Effect.scoped(Effect.gen(function*() {
    const upstream = yield* makeUpstream
    const behind = yield* listen
    yield* behind.serve(upstream.app)
    const gateway = yield* makeGateway(products(HttpServer.formatAddress(behind.address)))
    const front = yield* listen
    yield* front.serve(gateway)
    const clients = yield* load(HttpServer.formatAddress(front.address))
    return { upstream: upstream.seen, clients }
  }))

const program = Effect.gen(function*() {
  yield* Console.log(
    `${readers} readers ask for a product every ${everyMillis} ms for ${seconds} seconds, an editor raises a price every ` +
      `second.\nAn answer of the upstream takes ${latency}, it allows ${limit} requests in a second, and is down from ` +
      `second ${downFrom} to ${downUntil}. Twice:\n`
  )
  const without = yield* run(plain)
  const cached = yield* run(guarded)
  yield* Console.log(table(without, cached))
})

await Effect.runPromise(program.pipe(Effect.provide([CacheLayer.memory(), FetchHttpClient.layer])))
