/** The exporters of Effect get the series and spans of a cache: OTLP in both forms, and the developer tools. */
import * as NodeSocketServer from "@effect/platform-node-shared/NodeSocketServer"
import { describe, expect } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, Layer, Metric, Queue, Schema } from "effect"
import { Cached, CacheKey, CacheLayer } from "effect-cached"
import * as CacheMetrics from "effect-cached/CacheMetrics"
import { DevTools, DevToolsServer } from "effect/devtools"
import { FetchHttpClient } from "effect/http"
import { Otlp } from "effect/observability"
import { SocketServer } from "effect/socket"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { gunzipSync } from "node:zlib"
import { sized } from "../support/everything.ts"
import { test, testIn } from "../support/tests.ts"

class User extends CacheKey.Class<User>()("User", { payload: { id: Schema.Int }, success: Schema.String }) {}

/** Two reads in one span: a load and a hit. */
const program = Effect.gen(function*() {
  const read = Cached.ttl(Effect.succeed("Ada"), new User({ id: 1 }), { ttl: "1 hour" })
  yield* Effect.withSpan(Effect.andThen(read, read), "request")
  yield* Effect.sleep(150)
})

const cache = CacheMetrics.layer(CacheLayer.memory(), { name: "pages" })

interface Received {
  readonly path: string
  readonly type: string
  readonly body: Buffer
}

/** Keeps what is sent to it. */
const receiver = Effect.acquireRelease(
  Effect.callback<{ readonly received: Array<Received>; readonly url: string; readonly close: () => void }>(
    (resume) => {
      const received: Array<Received> = []
      const server = createServer((request, response) => {
        const parts: Array<Buffer> = []
        request.on("data", (part) => parts.push(part))
        request.on("end", () => {
          const sent = Buffer.concat(parts)
          const body = request.headers["content-encoding"] === "gzip" ? gunzipSync(sent) : sent
          received.push({ path: request.url!, type: request.headers["content-type"] ?? "", body })
          response.end()
        })
      })
      server.listen(0, () => {
        const { port } = server.address() as AddressInfo
        const close = () => {
          server.closeAllConnections()
          server.close()
        }
        resume(Effect.succeed({ received, url: `http://localhost:${port}`, close }))
      })
    }
  ),
  ({ close }) => Effect.sync(close)
)

interface Point {
  readonly labels: { readonly [name: string]: string }
  readonly value: number
}

interface Series {
  readonly name: string
  readonly unit: string
  readonly points: ReadonlyArray<Point>
}

interface JsonAttribute {
  readonly key: string
  readonly value: { readonly stringValue?: string }
}

interface JsonPoints {
  readonly dataPoints: ReadonlyArray<{
    readonly attributes: ReadonlyArray<JsonAttribute>
    readonly asDouble?: number
    readonly asInt?: number | string
    readonly count?: number | string
  }>
}

interface JsonMetric {
  readonly name: string
  readonly unit: string
  readonly sum?: JsonPoints
  readonly gauge?: JsonPoints
  readonly histogram?: JsonPoints
}

const labelsOf = (pairs: ReadonlyArray<readonly [name: string, value: string]>) => Object.fromEntries(pairs)

const ofJson = (body: Buffer): ReadonlyArray<Series> =>
  JSON.parse(body.toString()).resourceMetrics.flatMap(({ scopeMetrics }: any) =>
    scopeMetrics.flatMap(({ metrics }: { readonly metrics: ReadonlyArray<JsonMetric> }) =>
      metrics.map(({ gauge, histogram, name, sum, unit }) => ({
        name,
        unit,
        points: (sum ?? gauge ?? histogram)!.dataPoints.map(({ asDouble, asInt, attributes, count }) => ({
          labels: labelsOf(attributes.map(({ key, value }) => [key, value.stringValue ?? ""])),
          value: Number(asDouble ?? asInt ?? count)
        }))
      }))
    )
  )

/** The fields of a protobuf message: numbers of 8 bytes as bytes, nested messages and texts as bytes. */
const fieldsOf = (bytes: Buffer): ReadonlyArray<readonly [field: number, value: Buffer | number]> => {
  const fields: Array<readonly [number, Buffer | number]> = []
  let at = 0
  const varint = (): number => {
    let value = 0
    for (let scale = 1;; scale *= 128) {
      const byte = bytes[at++]!
      value += (byte % 128) * scale
      if (byte < 128) return value
    }
  }
  const take = (length: number): Buffer => bytes.subarray(at, at += length)
  while (at < bytes.length) {
    const tag = varint()
    const [field, wire] = [Math.floor(tag / 8), tag % 8]
    fields.push([field, wire === 0 ? varint() : take(wire === 1 ? 8 : wire === 5 ? 4 : varint())])
  }
  return fields
}

const all = (bytes: Buffer, field: number): ReadonlyArray<Buffer> =>
  fieldsOf(bytes).flatMap(([number, value]) => number === field ? [value as Buffer] : [])

const text = (bytes: Buffer, field: number): string => all(bytes, field)[0]?.toString() ?? ""

/** The numbers of the fields are those of `opentelemetry/proto/metrics/v1/metrics.proto`. */
const ofProtobuf = (body: Buffer): ReadonlyArray<Series> =>
  all(body, 1).flatMap((resource) => all(resource, 2)).flatMap((scope) => all(scope, 2)).map((metric) => {
    const [kind, data] = fieldsOf(metric).find(([field]) => field >= 5 && field <= 9)!
    const isHistogram = kind === 9
    return {
      name: text(metric, 1),
      unit: text(metric, 3),
      points: all(data as Buffer, 1).map((point) => ({
        labels: labelsOf(
          all(point, isHistogram ? 9 : 7).map((pair) => [text(pair, 1), text(all(pair, 2)[0]!, 1)] as const)
        ),
        value: isHistogram
          ? Number(all(point, 4)[0]!.readBigUInt64LE())
          : all(point, 4)[0]?.readDoubleLE() ?? Number(all(point, 6)[0]!.readBigInt64LE())
      }))
    }
  })

const spanNames = (body: Buffer, isJson: boolean): ReadonlyArray<string> =>
  isJson
    ? JSON.parse(body.toString()).resourceSpans.flatMap(({ scopeSpans }: any) =>
      scopeSpans.flatMap(({ spans }: any) => spans.map(({ name }: { readonly name: string }) => name))
    )
    : all(body, 1).flatMap((resource) => all(resource, 2)).flatMap((scope) => all(scope, 2)).map((span) =>
      text(span, 5)
    )

describe("an OTLP receiver", () => {
  const forms = [
    { form: "JSON", layer: Otlp.layerJson, type: "application/json", decode: ofJson },
    { form: "protobuf", layer: Otlp.layerProtobuf, type: "application/x-protobuf", decode: ofProtobuf }
  ] as const
  test.live.each(forms)(
    "gets all series with UCUM units, and the spans, as $form",
    function*({ decode, form, layer, type }) {
      const { received, url } = yield* receiver
      const exporter = layer({
        baseUrl: url,
        resource: { serviceName: "shop" },
        metricsExportInterval: "50 millis",
        tracerExportInterval: "50 millis"
      }).pipe(Layer.provide(FetchHttpClient.layer))
      yield* program.pipe(Effect.provide(Layer.provideMerge(cache, exporter)))
      const metrics = received.filter(({ path }) => path === "/v1/metrics")
      expect(new Set(metrics.map((one) => one.type.split(";")[0]))).toEqual(new Set([type]))
      const series = decode(metrics.findLast(({ body }) => body.includes("effect_cached_reads_total"))!.body)
      const of = (name: string) => series.find((one) => one.name === `effect_cached_${name}`)
      const reads = of("reads_total")!
      expect(reads.unit).toBe("{read}")
      const own = { cache: "pages", class: "User" }
      const bySource = Object.fromEntries(
        reads.points.filter(({ labels }) => labels["class"] === "User").map((
          { labels, value }
        ) => [labels["source"], value])
      )
      expect(bySource).toMatchObject({ load: 1, memory: 1 })
      const seconds = of("load_seconds")!
      expect([seconds.unit, seconds.points.length]).toEqual(["s", 1])
      expect(seconds.points[0]).toMatchObject({ labels: own, value: 1 })
      expect(of("entries")!.points[0]).toMatchObject({ labels: { cache: "pages" }, value: 1 })
      expect(of("entries")!.unit).toBe("{entry}")
      const names = received.filter(({ path }) => path === "/v1/traces").flatMap(({ body }) =>
        spanNames(body, form === "JSON")
      )
      expect(names.toSorted()).toEqual(["effect-cached.load", "request"])
    }
  )
})

describe("DevToolsServer", () => {
  testIn(NodeSocketServer.layerWebSocket({ port: 0 })).live("gets series and spans", function*() {
    const done = yield* Deferred.make<
      { readonly names: ReadonlyArray<string>; readonly series: ReadonlyArray<string> }
    >()
    const names: Array<string> = []
    const serving = yield* Effect.forkScoped(DevToolsServer.run((client) =>
      Effect.gen(function*() {
        yield* Effect.forkChild(
          Effect.forever(Effect.andThen(client.send({ _tag: "MetricsRequest" }), Effect.sleep(50)))
        )
        while (true) {
          const request = yield* Queue.take(client.queue)
          if (request._tag === "Span" && request.status._tag === "Ended") names.push(request.name)
          if (request._tag !== "MetricsSnapshot" || names.length < 2) continue
          const series = request.metrics.map(({ id }) => id).filter((id) => id.startsWith("effect_cached_"))
          if (series.includes("effect_cached_load_seconds")) yield* Deferred.succeed(done, { names, series })
        }
      })
    ))
    const server = yield* SocketServer.SocketServer
    const { port } = server.address as { readonly port: number }
    const running = yield* Effect.forkChild(
      Effect.andThen(program, Effect.never).pipe(
        Effect.provide(Layer.provideMerge(cache, DevTools.layer(`ws://localhost:${port}`)))
      )
    )
    const got = yield* Deferred.await(done)
    yield* Fiber.interrupt(running)
    yield* Fiber.interrupt(serving)
    expect(got.names.toSorted()).toEqual(["effect-cached.load", "request"])
    expect(got.series).toContain("effect_cached_reads_total")
    expect(got.series).toContain("effect_cached_entries")
  })
})

test.live("a million keys in 300 classes (a tenth in a quick run) leave the number of series, which maxClasses bounds", function*() {
  const registry: Metric.MetricRegistry = new Map()
  const classes = Array.from({ length: 300 }, (_, i) => {
    class Key extends CacheKey.Class<Key>()(`Class${i}`, { payload: { id: Schema.Int }, success: Schema.Int }) {}
    return Cached.many(Key, (keys) => Effect.succeed(keys.map(({ id }) => Exit.succeed(id))), { ttl: "1 hour" })
  })
  const read = (from: number, to: number) =>
    Effect.forEach(classes, (many) => many(Array.from({ length: to - from }, (_, i) => ({ id: from + i }))), {
      discard: true
    })
  const sizes = Effect.gen(function*() {
    yield* read(0, 4)
    const first = registry.size
    const perClass = sized(3334, 334)
    for (let from = 4; from < perClass; from += 330) yield* read(from, Math.min(from + 330, perClass))
    const { loads } = yield* Cached.stats
    expect(loads).toBe(300 * perClass)
    return [first, registry.size]
  })
  const [first, last] = yield* sizes.pipe(
    Effect.provide(CacheMetrics.layer(CacheLayer.memory({ capacity: 1000 }), { maxClasses: 100 })),
    Effect.provideService(Metric.MetricRegistry, registry)
  )
  expect(last).toBe(first)
  // Each of 102 values of the label `class` (with string keys and `other`) has few series.
  expect(last).toBeLessThan(102 * 6)
})
