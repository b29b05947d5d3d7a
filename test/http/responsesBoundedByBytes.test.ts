/** The responses in memory are bounded by their bytes, whatever the capacity of the layer. */
import { describe, expect } from "@effect/vitest"
import { Effect } from "effect"
import { Cached, CacheLayer } from "effect-cached"
import { Weigher } from "effect-cached/adapters"
import { HttpServerResponse } from "effect/http"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { testIn } from "../support/tests.ts"
import { originOf, shared, textOf, url } from "./origin.ts"
import { serving } from "./serving.ts"

const test = testIn(CacheLayer.memory({ capacity: 10_000 }))

const control = { "cache-control": "max-age=600" }
const mebibyte = 1_048_576

setFlagsFromString("--expose-gc")
const gc: () => void = runInNewContext("gc")

/** The heap and the memory of buffers, in MiB. */
const held = Effect.sync(() => {
  gc()
  const { external, heapUsed } = process.memoryUsage()
  return (heapUsed + external) / mebibyte
})

const pages = (count: number, options: object) =>
  Effect.gen(function*() {
    const { ask, state } = yield* serving(
      () => Effect.sync(() => HttpServerResponse.uint8Array(new Uint8Array(mebibyte), { headers: control })),
      options
    )
    const before = yield* held
    for (let i = 0; i < count; i++) yield* ask(`/page?${i}`)
    const grown = (yield* held) - before
    for (const n of [count - 1, 0]) yield* ask(`/page?${n}`)
    return { grown, runs: state.runs }
  })

describe("pages of 1 MiB", () => {
  test.each<[string, number, object, number]>([
    ["400 over a layer that counts its entries", 400, {}, 96],
    ["100 with maxMemory", 100, { maxMemory: "16 MiB" }, 48]
  ])("%s", function*([, count, options, most]) {
    const { grown, runs } = yield* pages(count, options)
    expect(grown).toBeLessThan(most)
    // The newest is stored, and the oldest has gone.
    expect(runs).toBe(count + 1)
  })

  testIn(CacheLayer.memory({ maxWeight: "32 MiB", weigher: Weigher.bytes }))(
    "100 over a layer that weighs them: its own bound holds",
    function*() {
      const { runs } = yield* pages(100, { maxMemory: "2 MiB" })
      expect([runs, (yield* Cached.stats).evictions > 0]).toEqual([101, true])
    }
  )
})

test.each<[string, Record<string, string>]>([
  ["public", { "cache-control": "public, max-age=600" }],
  ["never stored", { "cache-control": "no-store" }],
  ["in variants", { ...control, vary: "Accept-Language" }]
])("what is remembered of 2000 long URLs is short, %s", function*([, headers]) {
  const { ask } = yield* serving(
    () => Effect.sync(() => HttpServerResponse.text("page", { headers })),
    { maxMemory: "1 MiB" }
  )
  const before = yield* held
  for (let i = 0; i < 2000; i++) {
    const long = i + "x".repeat(14_000)
    yield* ask(`/page?${long}`, { headers: { "accept-language": long } })
  }
  expect((yield* held) - before).toBeLessThan(24)
})

test("of a client, the least recently used go first, and other entries stay", function*() {
  const origin = originOf(() => ({ body: "x".repeat(40_000), headers: { ...control, "content-length": "40000" } }))
  const client = yield* shared(origin, { maxMemory: "1 MB" })
  yield* Cached.set("other", 1)
  for (let i = 0; i < 100; i++) {
    yield* textOf(client, `${url}?${i}`)
    yield* textOf(client, `${url}?0`)
  }
  expect(origin.requests.length).toBe(100)
  yield* textOf(client, `${url}?99`)
  expect(origin.requests.length).toBe(100)
  yield* textOf(client, `${url}?1`)
  expect([origin.requests.length, yield* Cached.has("other")]).toEqual([101, true])
})
