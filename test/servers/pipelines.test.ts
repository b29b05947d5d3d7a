/** Pipelines over a store that really goes away in the middle: no call is made twice, and nothing is lost. */
import { describe, expect, it } from "@effect/vitest"
import { Effect, Exit, type Layer, Schema, Stream } from "effect"
import { Cached, CacheKey, CacheLayer } from "effect-cached"
import { Pipeline } from "effect-cached/pipeline"
import { mkdtempSync, readFileSync, rmSync, statSync, truncateSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fillDisk } from "../support/fullDisk.ts"
import { isMissing } from "../support/needs.ts"
import { program, startServer } from "../support/redis.ts"
import { smallDisk } from "../support/smallDisk.ts"

class Row extends CacheKey.Class<Row>()("Row", { payload: { n: Schema.Int }, success: Schema.String }) {}

const rows = 400
const text = "x".repeat(2000)

/** Runs a pipeline twice, with an empty memory each time. In the middle of the first run, something happens. */
const twice = async (
  layer: () => Layer.Layer<any, any>,
  happens: () => void = () => {},
  options: { readonly patience?: "1 second" } = {}
) => {
  const folder = mkdtempSync(join(tmpdir(), "pipeline-"))
  const to = join(folder, "out.ndjson")
  let calls = 0
  const through = Cached.many(Row, (keys) =>
    Effect.delay(
      Effect.sync(() => {
        if (calls <= rows / 2 && calls + keys.length > rows / 2) happens()
        calls += keys.length
        return keys.map(({ n }) => Exit.succeed(`${n} ${text}`))
      }),
      "20 millis"
    ), { ttl: "1 hour" })
  const from = Stream.map(Stream.range(1, rows), (n) => ({ n }))
  const once = Pipeline.run({ from, through, to, chunk: 20, concurrency: 2, overwrite: true, ...options })
  const run = () => Effect.runPromise(Effect.provide(once, layer()) as Effect.Effect<Pipeline.Summary>)
  try {
    const first = await run()
    const lines = readFileSync(to, "utf8").trim().split("\n").length
    return { first, lines, second: await run(), calls: () => calls }
  } finally {
    rmSync(folder, { recursive: true })
  }
}

describe.skipIf(isMissing(program))("a Redis server", { timeout: 120_000 }, () => {
  const always = ["--appendonly", "yes", "--appendfsync", "always"]

  it.each(["stands still", "is killed, and starts again with what it has saved"])("%s for a while", async (how) => {
    const server = await startServer({ args: always })
    let back: Promise<void> | undefined
    const goAway = async () => {
      server.signal(how === "stands still" ? "SIGSTOP" : "SIGKILL")
      await new Promise((resolve) => setTimeout(resolve, 3000))
      if (how === "stands still") server.signal("SIGCONT")
      else await server.restart()
    }
    try {
      const { calls, first, lines, second } = await twice(
        () => CacheLayer.redis({ url: server.url }),
        () => void (back = goAway())
      )
      expect(first).toMatchObject({ rows, calls: rows, saved: 0, failed: 0, unsaved: 0 })
      expect(second).toMatchObject({ calls: 0, saved: rows })
      expect([lines, calls()]).toEqual([rows, rows])
      expect(first.millis).toBeGreaterThan(2500)
    } finally {
      await back
      await server.end()
    }
  })
})

const canMount = (() => {
  const disk = smallDisk(1)
  disk?.end()
  return disk !== undefined
})()

describe.skipIf(!canMount)("a disk", { timeout: 120_000 }, () => {
  /** A disk that others have filled, but for less than a cache reserves for its removals: it stores nothing there. */
  const full = async (
    use: (cache: () => Layer.Layer<any, any>, free: () => void, fill: () => () => void) => Promise<void>
  ) => {
    const { directory, end } = smallDisk(16)!
    const others = join(directory, "others")
    const free = fillDisk(others)
    truncateSync(others, statSync(others).size - 1024 ** 2)
    try {
      await use(() => CacheLayer.disk({ directory: join(directory, "cache") }), free, () => fillDisk(others))
    } finally {
      end()
    }
  }

  it("that is full for a while is waited for", () =>
    full(async (cache, free) => {
      setTimeout(free, 2000)
      const { calls, first, lines, second } = await twice(cache)
      expect(first).toMatchObject({ rows, calls: rows, saved: 0, failed: 0, unsaved: 0 })
      expect(second).toMatchObject({ calls: 0, saved: rows })
      expect([lines, calls()]).toEqual([rows, rows])
      expect(first.millis).toBeGreaterThan(1500)
    }))

  it("that others fill in the middle is waited for, and what was stored before stays", () =>
    full(async (cache, free, fill) => {
      free()
      const { calls, first, lines, second } = await twice(cache, () => void setTimeout(fill(), 2000))
      expect(first).toMatchObject({ rows, calls: rows, saved: 0, failed: 0, unsaved: 0 })
      expect(second).toMatchObject({ calls: 0, saved: rows })
      expect([lines, calls()]).toEqual([rows, rows])
      expect(first.millis).toBeGreaterThan(1900)
    }))

  it("that stays full: the output has all rows, and what was not stored is counted, and called again", () =>
    full(async (cache) => {
      const { calls, first, lines, second } = await twice(cache, undefined, { patience: "1 second" })
      expect(first).toMatchObject({ rows, calls: rows, saved: 0, failed: 0, unsaved: rows })
      expect(second).toMatchObject({ rows, calls: rows, saved: 0 })
      expect([lines, calls()]).toEqual([rows, rows * 2])
    }))
})
