/** The small examples print the output that their pages show. */
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { compare } from "../../examples/stampede/stampede.ts"
import { runExample } from "./run.ts"

const timeout = 120_000

describe("npm start list", () => {
  it("lists the examples", { timeout }, async () => {
    const { code, stdout } = await runExample("run.ts", ["list"])
    expect(code).toBe(0)
    for (
      const name of [
        "bulk",
        "configured",
        "emails",
        "fibonacci",
        "formats",
        "gateway",
        "http-client",
        "http-server",
        "observability",
        "stampede",
        "storages",
        "weather"
      ]
    ) {
      expect(stdout).toContain(`npm start ${name}\n`)
    }
  })

  it("fibonacci: computes each number once, in sequence and concurrently", { timeout }, async () => {
    const { code, stdout, stderr } = await runExample("run.ts", ["fibonacci"])
    expect(stderr).toBe("")
    expect(stdout.replaceAll(/\d+ ms/g, "# ms")).toBe(
      "sequential  fib(10000) = 33644764...47366875, 2090 digits, 10001 loads, # ms\n" +
        "concurrent  fib(10000) = 33644764...47366875, 2090 digits, 10001 loads, # ms\n"
    )
    expect(code).toBe(0)
  })

  it.each([["files", 1], ["keyv", 0]] as const)("storages: a run keeps in %s what the next one needs", {
    timeout
  }, async (storage, by) => {
    const { code, stdout, stderr } = await runExample("run.ts", ["storages", storage])
    expect([stderr, code]).toEqual(["", 0])
    expect(stdout.trim().split("\n")).toEqual([
      "first run: 500 and 400 cents, 2 loads, visit 1, 2 entries",
      `after a restart: 500 and 400 cents, 0 loads, visit ${1 + by}, 2 entries`,
      `after an invalidation: 500 and 400 cents, 2 loads, visit ${1 + 2 * by}, 2 entries`
    ])
  })

  it("http-client: prints what the cache did with each request, also during an outage", { timeout }, async () => {
    const { code, stdout, stderr } = await runExample("run.ts", ["http-client"])
    expect(stderr).toBe("")
    const told = stdout.trim().split("\n").map((line) => line.replace(/^.*?(fwd|hit)/, "$1"))
    expect(told).toEqual([
      "fwd=uri-miss; fwd-status=200; ttl=60; stored",
      "hit; ttl=60",
      "hit; ttl=30",
      "fwd=stale; fwd-status=304; ttl=60; stored",
      "fwd=uri-miss; fwd-status=200; ttl=60; stored",
      "fwd=vary-miss; fwd-status=200; ttl=60; stored",
      "hit; ttl=60",
      "fwd=method; fwd-status=204",
      "fwd=uri-miss; fwd-status=200; ttl=60; stored",
      "values of an endpoint: 1, 1, after a PUT 2",
      "the origin goes down",
      "hit; ttl=60",
      "hit; ttl=-60; detail=origin-failed",
      "fwd=request; detail=only-if-cached"
    ])
    expect(code).toBe(0)
  })

  it("http-server: runs the handler once for a herd, and outlives its failure", { timeout }, async () => {
    const { code, stdout, stderr } = await runExample("run.ts", ["http-server"])
    expect(stderr).toBe("")
    const [herd, , ...told] = stdout.trim().split("\n")
    expect(herd).toBe("100 requests at once: the handler ran 1 time(s)")
    const line = (title: string) => told.find((one) => one.startsWith(title))
    expect(line("with the ETag of that")).toMatch(/ 304 .*; hit/)
    expect(line("purged by tag")).toMatch(/ 204 /)
    expect(line("after the purge")).toMatch(/ 200 .*fwd=uri-miss/)
    expect(line("the handler fails")).toMatch(/ 200 .*; hit; .*detail=origin-failed/)
    expect(line("it works again")).toMatch(/ 200 .*stored/)
    expect(code).toBe(0)
  })

  it(
    "weather: the API decides the lifetime, and a report that it finds still right lives on",
    { timeout },
    async () => {
      const { code, stdout, stderr } = await runExample("run.ts", ["weather"])
      expect(stderr).toBe("")
      expect(stdout.split("\n").slice(0, 9)).toEqual([
        "        Berlin  Oslo    Lima    the API was asked for",
        "09:00   18 °C   9 °C    22 °C   Berlin 200, Oslo 200, Lima 200",
        "09:01   18 °C   9 °C    22 °C   Lima 200",
        "09:06   18 °C   9 °C    22 °C   Oslo 200, Lima 200",
        "09:45   18 °C   9 °C    22 °C   Berlin 304, Oslo 200, Lima 200",
        "10:20   18 °C   9 °C    22 °C   Oslo 200, Lima 200",
        "10:30   18 °C   9 °C    22 °C   Berlin 200, Oslo 200, Lima 200",
        "10:31   23 °C   9 °C    22 °C   Lima 200",
        ""
      ])
      expect(stdout).toContain("at 09:45 the API finds its report still right (304, no body)")
      expect(code).toBe(0)
    }
  )

  it("bulk: loads each row once, and nothing at the second time", { timeout }, async () => {
    const { code, stdout, stderr } = await runExample("run.ts", ["bulk", "5000"])
    expect(stderr).toBe("")
    expect(stdout.replaceAll(/[\d.]+ (s|MB)/g, "# $1")).toBe(
      "first   5000 rows, 5000 loads, an area of 249750, # s, at most # MB of heap\n" +
        "second  5000 rows, 0 loads, an area of 249750, # s, at most # MB of heap\n"
    )
    expect(code).toBe(0)
  })

  it("formats: writes one dataset in four formats, reads each file, and shows them", { timeout }, async () => {
    const { code, stdout, stderr } = await runExample("run.ts", ["formats"])
    expect(stderr).toBe("")
    expect([...stdout.matchAll(/(\.[a-z.]+): \d+ bytes, (.*)$/gm)].map(([, ...found]) => found.join(" "))).toEqual([
      ".csv 3 rows, 1 load",
      ".yaml 3 rows, 1 load",
      ".parquet 3 rows, 1 load",
      ".json.zst.enc 3 rows, 1 load"
    ])
    expect(stdout).toContain("    São Paulo,27,2026-01-01T12:00:00.000Z,\"rain, then sun\"\n")
    expect(stdout).toContain("    - city: Berlin\n      celsius: -1.5\n")
    // "PAR1", and the form, the inner number and the key id of an encrypted payload
    expect(stdout).toContain("    50 41 52 31 ")
    expect(stdout).toContain("    01 40 03 6d 61 79 ")
    expect(code).toBe(0)
  })

  it("stampede: prints its numbers", { timeout }, async () => {
    const { code, stdout, stderr } = await runExample("run.ts", ["stampede"])
    expect(stderr).toBe("")
    expect(stdout).toMatch(/^naive cache +30 +30$/m)
    expect(stdout).toMatch(/^Cached\.ttl +4 +40$/m)
    expect(stdout).toMatch(/^Cached\.refreshAhead, after 200 ms +10 +10$/m)
    expect(code).toBe(0)
  })
})

describe("the stampede of 250 requests", () => {
  it.live("reaches the slow thing 30 times through a naive cache, 4 through ours, 10 if refreshed early", () =>
    Effect.gen(function*() {
      const { joined, naive, refreshed } = yield* compare
      // A cycle is 1 load and 1 lifetime; in it two batches come before there is something to serve.
      expect(naive).toEqual({ calls: 30, waited: 30 })
      expect(joined).toEqual({ calls: 4, waited: 40 })
      // Only the first two batches wait, ever.
      expect(refreshed).toEqual({ calls: 10, waited: 10 })
    }))
})
