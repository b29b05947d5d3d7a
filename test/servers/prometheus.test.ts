/** A real Prometheus scrapes a program, answers what the dashboard asks, and evaluates the alerts. */
import { afterAll, beforeAll, describe, expect, it } from "@effect/vitest"
import { Context, Effect, Exit, Layer, Logger, Metric, Scope } from "effect"
import { CacheLayer } from "effect-cached"
import * as CacheMetrics from "effect-cached/CacheMetrics"
import { PrometheusMetrics } from "effect/observability"
import { execFileSync } from "node:child_process"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { createServer, type Server } from "node:http"
import type { AddressInfo } from "node:net"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"
import { type Prometheus, startPrometheus } from "../../examples/observability/prometheus.ts"
import { makeShop } from "../../examples/observability/shop.ts"
import { alerts, rows } from "../docs/monitoring.ts"
import { isMissing, pathTo } from "../support/needs.ts"

const root = resolve(import.meta.dirname, "../..")
const promtool = (args: ReadonlyArray<string>, input = ""): string =>
  execFileSync(pathTo("promtool")!, args, { cwd: root, input, encoding: "utf8", stdio: ["pipe", "pipe", "pipe"] })

describe.skipIf(isMissing("prometheus"))("a Prometheus that scrapes a program", () => {
  const registry: Metric.MetricRegistry = new Map()
  const text = () => PrometheusMetrics.formatUnsafe(Context.make(Metric.MetricRegistry, registry))
  const scope = Scope.makeUnsafe()
  let server: Server
  let prometheus: Prometheus

  beforeAll(async () => {
    server = createServer((_, response) => response.end(text()))
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
    const program = Effect.gen(function*() {
      const shop = yield* makeShop
      yield* Layer.build(CacheMetrics.layer(CacheLayer.memory(), { name: "replica 1" }))
      yield* Effect.forkScoped(shop.run)
      yield* Effect.sleep("1 second")
      yield* shop.stopOrigin
      yield* Effect.sleep("1 second")
      yield* Effect.andThen(shop.startOrigin, shop.stopStore)
    })
    prometheus = (await startPrometheus(`127.0.0.1:${(server.address() as AddressInfo).port}`, pathTo("prometheus")!))!
    await Effect.runPromise(program.pipe(
      Effect.provide(Logger.layer([])),
      Effect.provideService(Scope.Scope, scope),
      Effect.provideService(Metric.MetricRegistry, registry)
    ))
    await new Promise((resolve) => setTimeout(resolve, 1500))
  })

  afterAll(async () => {
    await prometheus?.stop()
    await Effect.runPromise(Scope.close(scope, Exit.void))
    server.close()
  })

  it("reads what promtool finds nothing to complain about", () => {
    expect(promtool(["check", "metrics"], text())).toBe("")
  })

  it.each(rows.flatMap(({ panels }) => panels.map((panel) => [panel.title, panel] as const)))(
    "answers the queries of the panel %s",
    async (_, { targets }) => {
      for (const { expr } of targets) {
        const query = expr.replaceAll("$cache", ".*").replaceAll("$__rate_interval", "30s")
        // A scrape that a busy machine misses leaves none for a moment.
        await expect.poll(() => prometheus.query(query), { message: query, timeout: 20_000 }).not.toEqual([])
      }
    }
  )

  it("tells two caches of one name apart, and leaves the label instance to Prometheus", async () => {
    const samples = await prometheus.query("effect_cached_entries{cache=\"replica 1\"}")
    expect(samples.map(({ metric }) => metric["cache_instance"]).toSorted()).toEqual(["2", undefined])
    const { port } = server.address() as AddressInfo
    for (const { metric } of samples) expect(metric["instance"]).toBe(`127.0.0.1:${port}`)
  })

  it("sees that the store is down", async () => {
    const samples = await prometheus.query("effect_cached_store_failing")
    expect(samples.map(({ metric, value }) => [metric["cache"], value[1]]).toSorted())
      .toEqual([["replica 1", "1"], ["replica 2", "1"]])
  })
})

/** The series of a cache that make an alert fire after its time, and the labels of that alert. */
const firing: {
  readonly [alert: string]: { readonly series: { readonly [series: string]: string }; readonly labels?: object }
} = {
  EffectCachedOriginFails: {
    series: {
      "effect_cached_loads_total{class=\"User\", outcome=\"failure\"": "0+8x120",
      "effect_cached_loads_total{class=\"User\", outcome=\"success\"": "0+2x120",
      "effect_cached_reads_total{class=\"User\", source=\"fallback\"": "0+8x120"
    },
    labels: { class: "User" }
  },
  EffectCachedStoreDown: { series: { "effect_cached_store_failing{": "1x120" } },
  EffectCachedUntracked: { series: { "effect_cached_untracked{": "1x120" } },
  EffectCachedTooSmall: {
    series: {
      "effect_cached_removals_total{cause=\"evicted\"": "0+50x120",
      "effect_cached_reads_total{class=\"User\", source=\"load\"": "0+60x120",
      "effect_cached_reads_total{class=\"User\", source=\"memory\"": "0+40x120"
    }
  },
  EffectCachedInvalidationsPending: { series: { "effect_cached_pending_invalidations{": "3x120" } }
}

/** A cache that works: a few failures, a few evictions, a store that answers. */
const calm = {
  "effect_cached_loads_total{class=\"User\", outcome=\"failure\"": "0+1x120",
  "effect_cached_loads_total{class=\"User\", outcome=\"success\"": "0+9x120",
  "effect_cached_reads_total{class=\"User\", source=\"stale\"": "0+5x120",
  "effect_cached_reads_total{class=\"User\", source=\"load\"": "0+10x120",
  "effect_cached_reads_total{class=\"User\", source=\"memory\"": "0+200x120",
  "effect_cached_removals_total{cause=\"evicted\"": "0+9x120",
  "effect_cached_store_failing{": "0x120",
  "effect_cached_untracked{": "0x120",
  "effect_cached_pending_invalidations{": "0 1 0 2 0 0x115"
}

describe.skipIf(isMissing("promtool"))("the alerts", () => {
  const seriesOf = (series: object, cache: string) =>
    Object.entries(series).map(([name, values]) => ({
      series: `${name}${name.endsWith("{") ? "" : ", "}job="shop", cache="${cache}"}`,
      values
    }))
  const check = (tests: ReadonlyArray<object>): void => {
    const folder = mkdtempSync(join(tmpdir(), "effect-cached-"))
    try {
      const file = join(folder, "test.yml")
      writeFileSync(file, JSON.stringify({ rule_files: [join(root, "monitoring/alerts.yml")], tests }))
      promtool(["test", "rules", file])
    } finally {
      rmSync(folder, { recursive: true })
    }
  }

  it("are rules that Prometheus takes", () => {
    expect(promtool(["check", "rules", "monitoring/alerts.yml"])).toContain(`${alerts.length} rules found`)
  })

  it.each(alerts.map((alert) => [alert.alert, alert] as const))(
    "%s fires for the cache that is meant, and for no other",
    (name, { description, severity, summary }) => {
      const { labels = {}, series } = firing[name]!
      const exp_labels = { severity, job: "shop", cache: "ill", ...labels } as { readonly [label: string]: string }
      const text = (template: string) =>
        template.replaceAll(/\{\{ \$labels\.(\w+) \}\}/g, (_, label) => exp_labels[label]!)
      const fired = { exp_labels, exp_annotations: { summary: text(summary), description: text(description) } }
      check([{
        interval: "1m",
        input_series: [...seriesOf(series, "ill"), ...seriesOf(calm, "well")],
        alert_rule_test: [
          { eval_time: "0m", alertname: name, exp_alerts: [] },
          { eval_time: "90m", alertname: name, exp_alerts: [fired] }
        ]
      }])
    }
  )
})
