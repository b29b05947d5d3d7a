/**
 * `npm run prove -- dashboard [FOLDER]`: runs a shop without its origin, under a crawler and without its store,
 * asks a real Prometheus what the panels of the dashboard ask, and has Chromium draw them. It writes the pictures of
 * docs/observability.md and, into the folder, a screenshot of all panels.
 */
import { Context, Effect, Logger, Metric } from "effect"
import { PrometheusMetrics } from "effect/observability"
import { mkdirSync, writeFileSync } from "node:fs"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { startPrometheus } from "../../../examples/observability/prometheus.ts"
import { makeShop } from "../../../examples/observability/shop.ts"
import { start as startBrowser } from "../../servers/browser/browser.ts"
import { pathTo } from "../../support/needs.ts"
import type { Panel } from "../monitoring.ts"
import { drawPanels, type Line, panels, shown, type Trouble } from "./dashboardPanels.ts"

const root = join(import.meta.dirname, "../../..")
const seconds = 66
const troubles: ReadonlyArray<Trouble> = [
  { name: "no origin", from: 8, to: 20 },
  { name: "a crawler reads everything", from: 28, to: 40 },
  { name: "no store", from: 48, to: 58 }
]

interface Series {
  readonly metric: { readonly [label: string]: string }
  readonly values: ReadonlyArray<readonly [time: number, value: string]>
}

/** The answers of Prometheus for one panel. */
const askFor = async (url: string, { targets }: Panel, from: number): Promise<ReadonlyArray<Line>> => {
  const lines: Array<Line> = []
  for (const { expr, legend } of targets) {
    const query = expr.replaceAll("$cache", ".*").replaceAll("$__rate_interval", "3s")
    const range = { query, start: `${from}`, end: `${from + seconds}`, step: "1s" }
    const response = await fetch(`${url}/api/v1/query_range?${new URLSearchParams(range)}`)
    const { data } = await response.json() as { readonly data: { readonly result: ReadonlyArray<Series> } }
    for (const { metric, values } of data.result) {
      const points = values.map(([time, value]) => [Math.round(time - from), Number(value)] as const)
      lines.push({
        legend: legend.replaceAll(/\{\{(\w+)\}\}/g, (_, label) => metric[label] ?? ""),
        points: points.filter(([, value]) => Number.isFinite(value))
      })
    }
  }
  return lines
}

/** All panels with the answers of Prometheus, after a run with all troubles. */
const run = async (): Promise<ReadonlyMap<Panel, ReadonlyArray<Line>>> => {
  const registry: Metric.MetricRegistry = new Map()
  const text = () => PrometheusMetrics.formatUnsafe(Context.make(Metric.MetricRegistry, registry))
  const server = createServer((_, response) => response.end(text()))
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  const target = `127.0.0.1:${(server.address() as AddressInfo).port}`
  const prometheus = await startPrometheus(target, pathTo("prometheus"))
  if (prometheus === undefined) throw new Error("Prometheus is not installed")
  const program = Effect.gen(function*() {
    const shop = yield* makeShop
    yield* Effect.forkScoped(shop.run)
    const from = Date.now() / 1000
    const until = (second: number) => Effect.suspend(() => Effect.sleep(1000 * (from + second) - Date.now()))
    const steps = [
      [shop.stopOrigin, shop.startOrigin],
      [shop.startCrawler, shop.stopCrawler],
      [shop.stopStore, shop.startStore]
    ] as const
    for (const [i, [begin, end]] of steps.entries()) {
      yield* Effect.andThen(until(troubles[i]!.from), begin)
      yield* Effect.andThen(until(troubles[i]!.to), end)
    }
    yield* until(seconds)
    return from
  })
  try {
    const from = await Effect.runPromise(
      Effect.scoped(program).pipe(
        Effect.provide(Logger.layer([])),
        Effect.provideService(Metric.MetricRegistry, registry)
      )
    )
    const answers = new Map<Panel, ReadonlyArray<Line>>()
    for (const panel of panels.values()) answers.set(panel, await askFor(prometheus.url, panel, from))
    return answers
  } finally {
    await prometheus.stop()
    server.close()
  }
}

/** The texts of a picture that leave it, as Chromium has laid them out. */
const overflow = `Array.from(document.querySelectorAll("g")).flatMap((panel) => {
  const texts = Array.from(panel.querySelectorAll("text"), (text) => [text.textContent, text.getBBox()])
  return texts.filter(([, { x, y, width, height }]) => x < 0 || y < 0 || x + width > 380 || y + height > 224)
    .map(([text]) => text)
})`

export const drawDashboard = async (folder = tmpdir()): Promise<void> => {
  const answers = await run()
  const linesOf = (panel: Panel): ReadonlyArray<Line> => answers.get(panel)!
  const files = shown.map(({ file, panels, trouble: of }) => {
    const trouble = troubles.find(({ name }) => name === of)!
    return { file, svg: drawPanels(panels, { seconds, trouble, linesOf }) }
  })
  const everything = drawPanels([...panels.keys()], { seconds, trouble: troubles[0]!, linesOf })
  const page = (svg: string) => ({
    type: "text/html",
    body: `<!doctype html><meta charset="utf-8"><body style="margin:0">${svg}`
  })
  const browser = await startBrowser({
    "/all": page(everything),
    ...Object.fromEntries(files.map(({ file, svg }) => [`/${file}`, page(svg)]))
  })
  try {
    mkdirSync(folder, { recursive: true })
    const tab = await browser.context.newPage()
    const see = async (name: string, height: number): Promise<void> => {
      await tab.setViewportSize({ width: 760, height })
      await tab.goto(`${browser.url}/${name}`)
      const texts = await tab.evaluate<ReadonlyArray<string>>(overflow)
      if (texts.length > 0) throw new Error(`${name}: these texts leave their panels: ${texts.join(", ")}`)
      await tab.screenshot({ path: join(folder, `${name}.png`) })
    }
    await see("all", 224 * Math.ceil(panels.size / 2))
    for (const { file, svg } of files) {
      await see(file, 448)
      writeFileSync(join(root, `docs/images/${file}.svg`), svg)
    }
  } finally {
    await browser.stop()
  }
}
