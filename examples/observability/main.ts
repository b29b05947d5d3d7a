/**
 * A shop through an outage, seen in its metrics: `npm start observability`.
 *
 * Its origin stops for four seconds, and then its store. In between, it explains why a product is what it is. A
 * Prometheus of its own scrapes it, if one is installed.
 */
import { NodeHttpServer } from "@effect/platform-node"
import { Console, Effect, Layer } from "effect"
import { HttpRouter, HttpServer } from "effect/http"
import { PrometheusMetrics } from "effect/observability"
import { createServer } from "node:http"
import { startPrometheus } from "./prometheus.ts"
import { makeShop } from "./shop.ts"

const sources = ["memory", "store", "load", "joined", "stale", "fallback"]

/** The sum of the series of a metric with a label, in the text that Prometheus scrapes. */
const sumOf = (text: string, metric: string, label = ""): number =>
  text.split("\n")
    .filter((line) => line.startsWith(`effect_cached_${metric}{`) && line.includes(label))
    .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(" "))), 0)

const row = (name: string, cells: ReadonlyArray<string | number>) =>
  name.padEnd(20) + cells.map((cell) => `${cell}`.padStart(12)).join("")

const queries: ReadonlyArray<readonly [title: string, query: string]> = [
  [
    "hit ratio",
    `sum(increase(effect_cached_reads_total{source=~"memory|store|stale"}[1m])) / sum(increase(effect_cached_reads_total[1m]))`
  ],
  ["failed loads", `sum(increase(effect_cached_loads_total{outcome="failure"}[1m]))`],
  ["stale answers", `sum(increase(effect_cached_reads_total{source=~"stale|fallback"}[1m]))`],
  ["p99 of loads, seconds", "histogram_quantile(0.99, sum by (le) (rate(effect_cached_load_seconds_bucket[1m])))"],
  ["was the store down", "max(max_over_time(effect_cached_store_failing[1m]))"],
  ["most pending invalidations", "max(max_over_time(effect_cached_pending_invalidations[1m]))"]
]

const program = Effect.gen(function*() {
  const server = yield* HttpServer.HttpServer
  const target = HttpServer.formatAddress(server.address).replace("http://", "")
  const prometheus = yield* Effect.acquireRelease(
    Effect.promise(() => startPrometheus(target)),
    (prometheus) => Effect.promise(async () => prometheus?.stop())
  )
  const shop = yield* makeShop
  yield* Effect.forkScoped(shop.run)
  yield* Console.log(row("seconds", ["answered", "failed", ...sources, "store fails"]))
  const explanations: Array<readonly [phase: string, text: string]> = []
  let before = { answered: 0, failed: 0, reads: sources.map(() => 0) }
  const phase = (name: string, begin: Effect.Effect<void>) =>
    Effect.gen(function*() {
      yield* begin
      yield* Effect.sleep("4 seconds")
      const text = yield* PrometheusMetrics.format()
      const reads = sources.map((source) => sumOf(text, "reads_total", `source="${source}"`))
      const { answered, failed } = shop.answers
      const counts = [
        answered - before.answered,
        failed - before.failed,
        ...reads.map((count, i) => count - before.reads[i]!)
      ]
      yield* Console.log(row(name, [...counts, sumOf(text, "store_failing") > 0 ? "yes" : "no"]))
      before = { answered, failed, reads }
      explanations.push([name, yield* shop.explain(0)])
    })
  yield* phase("0 to 4: all works", Effect.void)
  yield* phase("4 to 8: no origin", shop.stopOrigin)
  yield* phase("8 to 12: no store", Effect.andThen(shop.startOrigin, shop.stopStore))
  yield* phase("12 to 16: all works", shop.startStore)
  yield* Console.log("\nWhat replica 1 said of product 0 at the end of each phase:")
  for (const [name, text] of explanations) yield* Console.log(`\n(${name})\n${text.trimEnd()}`)
  if (prometheus === undefined) {
    return yield* Console.log("\nPrometheus is not installed: install it to see its answers here.")
  }
  yield* Console.log(`\nPrometheus at ${prometheus.url} answers:`)
  for (const [title, query] of queries) {
    const [sample] = yield* Effect.promise(() => prometheus.query(query))
    yield* Console.log(`  ${title.padEnd(28)} ${Number(sample?.value[1] ?? 0).toFixed(2).padStart(8)}   ${query}`)
  }
})

const server = NodeHttpServer.layer(createServer, { host: "127.0.0.1", port: 0 })
const metrics = HttpRouter.serve(PrometheusMetrics.layerHttp(), { disableListenLog: true, disableLogger: true })

await Effect.runPromise(Effect.scoped(program).pipe(Effect.provide(Layer.provideMerge(metrics, server))))
