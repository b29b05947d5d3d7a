/** Pipelines: rows from files and streams, through a cached function, to files and sinks. */
import { afterEach, beforeEach, describe, expect, it } from "@effect/vitest"
import { Cause, Effect, Exit, Schema, Sink, Stream } from "effect"
import { Cached, CacheKey, CacheLayer } from "effect-cached"
import { Pipeline } from "effect-cached/pipeline"
import { parquetWriteBuffer } from "hyparquet-writer"
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync
} from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { threadId } from "node:worker_threads"
import { brotliCompressSync, gzipSync, zstdCompressSync } from "node:zlib"

const same = (bytes: Uint8Array): Uint8Array => bytes

const compressed = (codec: "GZIP" | "ZSTD" | "BROTLI" | "LZ4_RAW", compress: (bytes: Uint8Array) => Uint8Array) =>
  new Uint8Array(parquetWriteBuffer({
    columnData: [{ name: "zip", data: ["1".repeat(100), "2"] }],
    codec,
    compressors: { [codec]: compress }
  }))

class City extends CacheKey.Class<City>()("City", {
  payload: { zip: Schema.String },
  success: Schema.Struct({ city: Schema.String, area: Schema.Number }),
  error: Schema.String
}) {}

const City2 = Schema.Struct({ zip: Schema.String, n: Schema.Number })

let folder: string
let calls: Array<ReadonlyArray<string>>

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "pipeline-"))
  calls = []
})
afterEach(() => rmSync(folder, { recursive: true }))

const cities = Cached.many(City, (keys) =>
  Effect.sync(() => {
    calls.push(keys.map(({ zip }) => zip))
    return keys.map(({ zip }) =>
      zip.startsWith("x") ? Exit.fail(`no city ${zip}`) : Exit.succeed({ city: `City of ${zip}`, area: 1.5 })
    )
  }), { ttl: "30 days" })

const at = (name: string) => join(folder, name)
const put = (name: string, text: string | Uint8Array) => {
  writeFileSync(at(name), text)
  return at(name)
}
const text = (name: string) => readFileSync(at(name), "utf8")

const onDisk = <A, E>(program: Effect.Effect<A, E, any>) =>
  Effect.runPromise(
    program.pipe(Effect.provide(CacheLayer.disk({ directory: at("cache") }))) as Effect.Effect<A, E>
  )

const refused = async <A, E>(program: Effect.Effect<A, E, any>) => {
  const exit = await onDisk(Effect.exit(program))
  expect(Exit.isFailure(exit)).toBe(true)
  return Effect.runSync(Effect.flip(exit as Exit.Exit<never, E>))
}

describe("files", () => {
  it("PW-01 · a second run makes no call, and writes the same file", async () => {
    const from = put("in.csv", "id,zip\n1,1010\n2,8000\n3,1010\n")
    const run = (to: string) =>
      Pipeline.run({ from, through: cities, payload: ({ zip }) => ({ zip: `${zip}` }), to: at(to) })
    const first = await onDisk(run("a.csv"))
    expect(first).toMatchObject({ rows: 3, calls: 2, saved: 1, failed: 0, output: at("a.csv"), failures: undefined })
    expect(text("a.csv")).toBe(
      "id,zip,city,area\r\n1,1010,City of 1010,1.5\r\n2,8000,City of 8000,1.5\r\n3,1010,City of 1010,1.5\r\n"
    )
    const second = await onDisk(run("b.csv"))
    expect(second).toMatchObject({ rows: 3, calls: 0, saved: 3 })
    expect(text("b.csv")).toBe(text("a.csv"))
    expect(calls).toEqual([["1010", "8000"]])
    expect(readdirSync(folder).sort()).toEqual(["a.csv", "b.csv", "cache", "in.csv"])
  })

  it.each(["csv", "ndjson", "parquet"])("%s is written and read again", async (extension) => {
    const rows = Array.from(
      { length: 2500 },
      (_, i) => ({ n: i, zip: `${i}`, note: i % 3 === 0 ? null : `a "b", ${i}\n=c` })
    )
    const out = at(`out.${extension}`)
    const written = await onDisk(Pipeline.run({ from: Stream.fromIterable(rows), through: cities, to: out }))
    expect(written).toMatchObject({ rows: 2500, calls: 2500 })
    const Row = Schema.Struct({ n: Schema.Number, zip: Schema.String, city: Schema.String, area: Schema.Number })
    const read = await Effect.runPromise(Stream.runCollect(Pipeline.file(out, Row)))
    expect(read).toEqual(rows.map(({ n, zip }) => ({ n, zip, city: `City of ${zip}`, area: 1.5 })))
    const again = await onDisk(Pipeline.run({ from: out, through: cities, to: at("again.ndjson") }))
    expect(again).toMatchObject({ rows: 2500, calls: 0, saved: 2500 })
  })

  it("Parquet keeps numbers, dates, truth values and lists", async () => {
    const row = { zip: "1", n: 1.25, is: true, at: new Date(0), big: 12n, list: [1, { a: null }], none: null }
    await onDisk(Pipeline.run({ from: Stream.make(row), through: cities, to: at("a.parquet") }))
    await onDisk(
      Pipeline.run({
        from: at("a.parquet"),
        through: cities,
        to: at("b.ndjson"),
        payload: () => undefined,
        otherwise: (row) => ({ ...row, big: String(row["big"]) })
      })
    )
    expect(JSON.parse(text("b.ndjson"))).toEqual({
      ...row,
      at: "1970-01-01T00:00:00.000Z",
      big: "12",
      city: "City of 1",
      area: 1.5
    })
  })

  it("INT64 is a number without a schema, and fits Schema.Int and Schema.BigInt, where it keeps its digits", async () => {
    const unsafe = 2n ** 60n + 1n
    const columnData = [{ name: "n", data: [7n, unsafe], type: "INT64" as const }]
    const from = put("in.parquet", new Uint8Array(parquetWriteBuffer({ columnData })))
    const rows = (schema: Schema.Codec<any, any>) =>
      Effect.runPromiseExit(Stream.runCollect(Pipeline.file(from, schema)))
    expect(await rows(Schema.Struct({ n: Schema.BigInt }))).toEqual(Exit.succeed([{ n: 7n }, { n: unsafe }]))
    const run = (from: string | Stream.Stream<any, any>, to: string) =>
      onDisk(Pipeline.run({ from, through: cities, payload: ({ n }) => ({ zip: String(n) }), to: at(to) }))
    expect(await run(from, "a.csv")).toMatchObject({ rows: 2, failed: 0 })
    expect(text("a.csv")).toBe(`n,city,area\r\n7,City of 7,1.5\r\n${unsafe},City of ${unsafe},1.5\r\n`)
    expect(await run(from, "a.parquet")).toMatchObject({ rows: 2, failed: 0 })
    expect(
      await Effect.runPromise(Stream.runCollect(Pipeline.file(at("a.parquet"), Schema.Struct({ n: Schema.BigInt }))))
    )
      .toEqual([{ n: 7n }, { n: unsafe }])
    const ints = await run(Pipeline.file(from, Schema.Struct({ n: Schema.Int })), "b.ndjson")
    expect(ints).toMatchObject({ rows: 2, failed: 1, failures: at("b.failures.ndjson") })
    expect(text("b.ndjson")).toBe(`{"n":7,"city":"City of 7","area":1.5}\n`)
    expect(JSON.parse(text("b.failures.ndjson"))).toMatchObject({
      row: 2,
      error: expect.stringMatching(/in\.parquet, row 2: .*"n"/),
      input: { n: String(unsafe) }
    })
  })

  it("a number that would lose digits fails its row, in CSV and in NDJSON", async () => {
    const csv = put("in.csv", "zip,n\n1,9007199254740993\n2,9007199254740992\n3,0.1\n")
    const schema = Schema.Struct({ zip: Schema.String, n: Schema.Number })
    const summary = await onDisk(
      Pipeline.run({ from: Pipeline.file(csv, schema), through: cities, to: at("a.ndjson") })
    )
    expect(summary).toMatchObject({ rows: 3, failed: 1 })
    expect(JSON.parse(text("a.failures.ndjson"))).toMatchObject({ row: 1, error: expect.stringContaining("\"n\"") })
    const lines = put(
      "in.ndjson",
      `{"zip":"1","n":9007199254740993}\n{"zip":"2","n":9007199254740992}\n{"zip":"3","n":1e400}\n`
    )
    const others = await onDisk(Pipeline.run({ from: lines, through: cities, to: at("b.ndjson") }))
    expect(others).toMatchObject({ rows: 3, failed: 2 })
    expect(text("b.ndjson")).toBe(`{"zip":"2","n":9007199254740992,"city":"City of 2","area":1.5}\n`)
    expect(text("b.failures.ndjson")).toContain("row 1: the field \\\"n\\\" has a number that would lose digits")
  })

  it("the cells of a CSV file keep their text, also with a schema", async () => {
    const cells = ["", "null", "5", "05", "1e3", "true", " x", "'=1", "\"\"\"q\"\"\"", "2020-01-01"]
    const from = put("in.csv", `id,note\r\n${cells.map((cell, id) => `0${id},${cell}\r\n`).join("")}`)
    const payload = ({ id }: any) => ({ zip: String(id) })
    const output = (name: string) => text(name).replaceAll(/,City of \d+,1\.5|,city,area/g, "")
    await onDisk(Pipeline.run({ from, through: cities, payload, to: at("a.csv") }))
    expect(output("a.csv")).toBe(text("in.csv"))
    const file = Pipeline.file(from, Schema.Struct({ id: Schema.Number, note: Schema.NullOr(Schema.String) }))
    await onDisk(Pipeline.run({ from: file, through: cities, payload, to: at("b.csv") }))
    expect(output("b.csv")).toBe(text("in.csv"))
    await onDisk(Pipeline.run({ from: file, through: cities, payload, to: at("c.ndjson") }))
    expect(text("c.ndjson").split("\n")[0]).toBe(`{"id":0,"note":null,"city":"City of 0","area":1.5}`)
  })

  it("an empty cell is a missing field where the schema has an optional one", async () => {
    const from = put("in.csv", "zip,n,note\n1,,\n2,3,a\n")
    const schema = Schema.Struct({
      zip: Schema.String,
      n: Schema.optionalKey(Schema.Number),
      note: Schema.String
    })
    expect(await Effect.runPromise(Stream.runCollect(Pipeline.file(from, schema)))).toEqual([
      { zip: "1", note: "" },
      { zip: "2", n: 3, note: "a" }
    ])
  })

  it("what a killed process left is removed, even if it had the id of this process", async () => {
    const from = put("in.csv", "zip\n1\n")
    // A draft is named after the host and the container.
    const probe = Effect.sync(() => /probe\.csv\.(.+)\.\d+-\d+-\d+\.partial/.exec(readdirSync(folder).join("\n"))![1]!)
    let own = ""
    const peek = Stream.fromEffect(Effect.map(probe, (name) => ({ zip: own = name })))
    await onDisk(Pipeline.run({ from: peek, through: cities, to: at("probe.csv"), failures: false }))
    rmSync(at("probe.csv"))
    const left = [
      `a.csv.${own}.${process.pid}-${threadId}-1000000.partial`,
      `a.csv.${own}.4194305-0-1.partial`,
      "a.csv.elsewhere-1.2-0-1.partial"
    ]
    // Another thread, which may be running, has this one, and another container that one.
    const others = [`a.csv.${own}.${process.pid}-${threadId + 1}-1.partial`, "a.csv.elsewhere-1.4194305-0-1.partial"]
    const kept = ["a.csv.1.partial", `b.csv.${own}.4194305-0-1.partial`, ...others]
    for (const name of [...left, ...kept]) put(name, "zip")
    const twoDaysAgo = Date.now() / 1000 - 2 * 86_400
    utimesSync(at(left[2]!), twoDaysAgo, twoDaysAgo)
    const run = <E, R>(from: string | Stream.Stream<{ zip: string }, E, R>) =>
      Pipeline.run({ from, through: cities, to: at("a.csv"), overwrite: true })
    // The draft of a pipeline that runs stays, even if another one of this process writes the same file.
    const summary = await onDisk(run(Stream.fromEffect(Effect.as(run(from), { zip: "2" }))))
    expect(summary.calledAgain).toBe(1)
    expect(summary.text).toContain("An earlier run was killed: the calls of at most 1 row")
    expect(text("a.csv")).toContain("City of 2")
    expect((await onDisk(run(from))).calledAgain).toBe(undefined)
    expect(readdirSync(folder).sort()).toEqual([...kept, "a.csv", "cache", "in.csv"].sort())
  })

  it("a file may have a name as long as the system allows, and its killed draft is still found", async () => {
    // The failures' file has the longer name: 252 bytes.
    const name = `${"ü".repeat(118)}.csv`
    const run = (rows: string) => onDisk(Pipeline.run({ from: put("in.csv", rows), through: cities, to: at(name) }))
    const drafts: Array<string> = []
    const from = Stream.sync(
      () => (drafts.push(readdirSync(folder).find((one) => one.endsWith(".partial"))!), { zip: "1" })
    )
    await onDisk(Pipeline.run({ from, through: cities, to: at(name), overwrite: true, failures: false }))
    rmSync(at(name))
    put(drafts[0]!.replace(/\d+-\d+-\d+\.partial$/, "4194305-0-1.partial"), "")
    expect((await run("zip\nx1\n1\n")).calledAgain).toBe(1)
    expect(readdirSync(folder).filter((one) => one.endsWith(".partial"))).toEqual([])
    expect(text(name)).toContain("City of 1")
  })

  it("a file that is replaced keeps its mode, and a symbolic link stays one, also if it leads nowhere", async () => {
    const from = put("in.csv", "zip\nx1\n1\n")
    mkdirSync(at("elsewhere"))
    const run = (to: string) => onDisk(Pipeline.run({ from, through: cities, to: at(to), overwrite: true }))
    for (const extension of ["csv", "parquet"]) {
      writeFileSync(at(`elsewhere/out.${extension}`), "old", { mode: 0o600 })
      symlinkSync(`elsewhere/out.${extension}`, at(`link.${extension}`))
      await run(`link.${extension}`)
      expect(lstatSync(at(`link.${extension}`)).isSymbolicLink()).toBe(true)
      expect(statSync(at(`elsewhere/out.${extension}`)).mode & 0o777).toBe(0o600)
      expect(text(`elsewhere/out.${extension}`)).toContain("City of 1")
      rmSync(at("link.failures.ndjson"))
    }
    symlinkSync("elsewhere/new.csv", at("dangling.csv"))
    await run("dangling.csv")
    expect([readlinkSync(at("dangling.csv")), text("elsewhere/new.csv")]).toEqual([
      "elsewhere/new.csv",
      "zip,city,area\r\n1,City of 1,1.5\r\n"
    ])
    expect(readdirSync(at("elsewhere")).sort()).toEqual(["new.csv", "out.csv", "out.parquet"])
    writeFileSync(at("dangling.failures.ndjson"), "", { mode: 0o666 })
    chmodSync(at("dangling.failures.ndjson"), 0o622)
    await run("dangling.csv")
    expect(statSync(at("dangling.failures.ndjson")).mode & 0o777).toBe(0o622)
  })

  it.each(["csv", "parquet"])("a read-only file is replaced, and stays read-only (%s)", async (extension) => {
    const to = put(`out.${extension}`, "old")
    chmodSync(to, 0o444)
    // An administrator may write whatever the mode, so the draft's is looked at too.
    const modes: Array<number> = []
    const from = Stream.sync(() => {
      const draft = readdirSync(folder).find((name) => name.endsWith(".partial"))
      modes.push(statSync(at(draft!)).mode & 0o777)
      return { zip: "1" }
    })
    await onDisk(Pipeline.run({ from, through: cities, to, overwrite: true }))
    expect([...modes, statSync(to).mode & 0o777]).toEqual([0o644, 0o444])
    expect(text(`out.${extension}`)).toContain("City of 1")
  })

  it("no rows: columns give a header, and an empty file of lines is empty", async () => {
    const from = put("in.csv", "zip\n")
    await onDisk(Pipeline.run({ from, through: cities, to: at("a.csv"), columns: ["zip", "city"] }))
    expect(text("a.csv")).toBe("zip,city\r\n")
    const summary = await onDisk(Pipeline.run({ from: Stream.empty, total: 0, through: cities, to: at("a.ndjson") }))
    expect(summary).toMatchObject({ rows: 0, calls: 0, saved: 0 })
    expect(text("a.ndjson")).toBe("")
    await onDisk(Pipeline.run({ from, through: cities, to: at("a.parquet"), columns: ["zip"] }))
    expect(await Effect.runPromise(Stream.runCollect(Pipeline.file(at("a.parquet"), Schema.Struct({}))))).toEqual([])
  })
})

describe("failures", () => {
  it("PW-05 · failed rows go to a file of their own, are not cached, and asked for once a run", async () => {
    const from = put("in.ndjson", `{"zip":"1"}\n{"zip":"x1"}\n\n{"zip":"2"}\n{"zip":"x1"}\n{"zip":7}\n`)
    const program = Pipeline.run({
      from,
      through: cities,
      to: at("out.csv"),
      chunk: 1,
      concurrency: 1,
      overwrite: true
    })
    const first = await onDisk(program)
    expect(first).toMatchObject({ rows: 5, calls: 3, saved: 0, failed: 3, failures: at("out.failures.ndjson") })
    expect(text("out.csv")).toBe("zip,city,area\r\n1,City of 1,1.5\r\n2,City of 2,1.5\r\n")
    const lines = text("out.failures.ndjson").trim().split("\n").map((line) => JSON.parse(line))
    expect(lines.map(({ input, row }) => [row, input.zip])).toEqual([[2, "x1"], [4, "x1"], [5, 7]])
    expect(lines.map(({ error }) => error.slice(0, 10))).toEqual(["no city x1", "no city x1", expect.any(String)])
    expect(calls).toEqual([["1"], ["x1"], ["2"]])
    await onDisk(program)
    expect(calls.slice(3)).toEqual([["x1"]])
    put("in.ndjson", `{"zip":"1"}\n`)
    await onDisk(program)
    expect(existsSync(at("out.failures.ndjson"))).toBe(false)
  })

  it("a row that cannot be written or read fails alone, with its number and field", async () => {
    const rows = [
      { zip: "1", note: "a" },
      { zip: "2", note: new Map([["a", 1]]) },
      { zip: "3", note: new Date(NaN) },
      { zip: "4", note: 2n ** 70n },
      { zip: "5", note: "\ud800" },
      { zip: "6", note: "b", other: 1 },
      { zip: "7", note: "c" }
    ]
    const run = (extension: string, more: object) =>
      onDisk(Pipeline.run({
        from: Stream.fromIterable<any>(rows),
        through: cities,
        payload: ({ zip }) => ({ zip }),
        to: at(`out.${extension}`),
        overwrite: true,
        ...more
      }))
    const failed = () => text("out.failures.ndjson").trim().split("\n").map((line) => JSON.parse(line))
    const own = { output: ({ note, zip }: any) => ({ zip, note }) }
    for (
      const [extension, more, lost] of [
        ["csv", {}, [2, 3, 5, 6]],
        ["parquet", {}, [2, 3, 4, 5, 6]],
        ["ndjson", {}, [2, 3, 4]],
        ["csv", own, [2, 3, 4, 5]],
        ["ndjson", own, [2, 3, 4]]
      ] as const
    ) {
      const summary = await run(extension, more)
      expect([extension, failed().map(({ row }) => row)]).toEqual([extension, lost])
      expect(summary).toMatchObject({ rows: 7, failed: lost.length })
      for (const { error, row } of failed()) {
        expect(error).toMatch(`out.${extension}, row ${row}: the field "${row === 6 ? "other" : "note"}" `)
      }
    }
    expect(calls).toHaveLength(1)
  })

  it("a value with a schema that it does not fit, and a row of NDJSON that is no object, fail alone", async () => {
    class Odd extends CacheKey.Class<Odd>()("Odd", {
      payload: { zip: Schema.String },
      success: Schema.Struct({ at: Schema.Unknown })
    }) {}
    const through = Cached.many(
      Odd,
      (keys) => Effect.succeed(keys.map(({ zip }) => Exit.succeed({ at: zip === "2" ? () => 1 : zip }))),
      { ttl: "1 hour" }
    )
    const from = put("in.ndjson", `{"zip":"1"}\n7\n{"zip":"2"}\n`)
    const program = Pipeline.run({ from, through, to: at("out.csv") })
    const summary = await Effect.runPromise(program.pipe(Effect.provide(CacheLayer.memory())))
    expect(summary).toMatchObject({ rows: 3, failed: 2 })
    expect(text("out.csv")).toBe("zip,at\r\n1,\"\"\"1\"\"\"\r\n")
    const errors = text("out.failures.ndjson").trim().split("\n").map((line) => JSON.parse(line).error)
    expect(errors[0]).toBe(`PipelineError: ${from}, row 2: it is not a JSON object`)
    expect(errors[1]).toMatch(/out\.csv, row 3: the value is not JSON at \[at\]/)
  })

  it("a field of the value does not replace another one of the row: the row fails, and names `output`", async () => {
    const from = Stream.fromIterable([
      { zip: "1", city: "City of 1" },
      { zip: "2", city: "Rome" },
      { zip: "3", city: undefined }
    ])
    const run = (to: any, more = {}) =>
      onDisk(Pipeline.run({ from, through: cities, payload: ({ zip }) => ({ zip }), to, overwrite: true, ...more }))
    for (const extension of ["csv", "ndjson", "parquet"]) {
      expect(await run(at(`out.${extension}`))).toMatchObject({ rows: 3, failed: 1 })
      expect(JSON.parse(text("out.failures.ndjson"))).toMatchObject({
        row: 2,
        error: expect.stringMatching(/row 2: the field "city" of the row and that of the value differ: .*`output`/)
      })
    }
    expect(text("out.csv")).toBe("zip,city,area\r\n1,City of 1,1.5\r\n3,City of 3,1.5\r\n")
    const failures = at("sink.ndjson")
    expect(await run(Sink.drain, { failures })).toMatchObject({ rows: 3, failed: 1 })
    expect(text("sink.ndjson")).toContain("`output`")
    const output = ({ zip }: { readonly zip: string }, { city }: { readonly city: string }) => ({ zip, city })
    expect(await run(at("out.csv"), { output })).toMatchObject({ failed: 0 })
  })

  it("beyond 10,000 failed ids, a repeated one is requested again", async () => {
    const zips = Array.from({ length: 10_001 }, (_, i) => ({ zip: `x${i}` }))
    const from = Stream.fromIterable([...zips, zips[0]!, zips.at(-1)!])
    const summary = await onDisk(
      Pipeline.run({ from, through: cities, to: Sink.drain, chunk: 10_001, concurrency: 1 })
    )
    expect(summary).toMatchObject({ rows: 10_003, calls: 10_002, failed: 10_003 })
    expect(calls[1]).toEqual(["x10000"])
  })

  it("otherwise gives the result of a failed row, and of one without a payload", async () => {
    const from = put("in.csv", "zip\nx1\n\n\"\"\n1\n")
    const summary = await onDisk(Pipeline.run({
      from,
      through: cities,
      payload: ({ zip }) => zip === "" ? undefined : { zip: String(zip) },
      otherwise: ({ zip }) => ({ zip, city: "" }),
      output: ({ zip }, { city }) => ({ zip, city }),
      to: at("out.csv"),
      failures: false
    }))
    expect(summary).toMatchObject({ rows: 3, calls: 2, failed: 1, skipped: 1, failures: undefined })
    expect(text("out.csv")).toBe("zip,city\r\nx1,\r\n,\r\n1,City of 1\r\n")
  })

  it("a payload that does not fit is a failure of its row, also before any other has failed", async () => {
    const from = put("in.ndjson", `{"zip":7}\n{"zip":"1"}\n`)
    const summary = await onDisk(Pipeline.run({ from, through: cities, to: at("out.csv") }))
    expect(summary).toMatchObject({ rows: 2, calls: 1, failed: 1, failures: at("out.failures.ndjson") })
    expect(JSON.parse(text("out.failures.ndjson"))).toMatchObject({ row: 1, input: { zip: 7 } })
  })

  it("a failed row without a JSON form, or with an error without a text, does not end the pipeline", async () => {
    const circle: Record<string, unknown> = { zip: "1" }
    circle["self"] = circle
    const errors = [
      Object.create(null),
      {
        get message() {
          throw new Error("no text")
        }
      }
    ]
    const some = Cached.many(
      City,
      (keys) => Effect.succeed(keys.map(({ zip }) => Exit.die(errors[Number(zip)] ?? "plain"))),
      { ttl: "30 days" }
    )
    const unwritable = { zip: "2", toJSON: () => JSON.parse("{") }
    const summary = await onDisk(Pipeline.run({
      from: Stream.fromIterable<Record<string, unknown>>([circle, { zip: "0" }, unwritable]),
      through: some,
      payload: ({ zip }) => ({ zip: String(zip) }),
      to: at("out.csv")
    }))
    expect(summary).toMatchObject({ rows: 3, failed: 3 })
    const lines = text("out.failures.ndjson").trim().split("\n").map((line) => JSON.parse(line))
    expect(lines.map(({ error, row }) => [row, error])).toEqual([
      [1, "an error without a text"],
      [2, "an error without a text"],
      [3, "plain"]
    ])
    expect(lines[0].input).toContain("[Circular")
    expect(lines[1].input).toEqual({ zip: "0" })
    expect(lines[2].input).toContain("zip: '2'")
  })

  it("a call that fails as a whole, or a sink, fails the pipeline: what was stored stays, and nothing is written", async () => {
    let broken = true
    const some = Cached.many(
      City,
      (keys) =>
        broken && keys.some(({ zip }) => zip === "3") ? Effect.fail("down" as const) : Effect.sync(() => {
          calls.push(keys.map(({ zip }) => zip))
          return keys.map(({ zip }) => Exit.succeed({ city: zip, area: 1 }))
        }),
      { ttl: "30 days" }
    )
    const from = Stream.make("1", "2", "3").pipe(Stream.map((zip) => ({ zip })))
    const program = Pipeline.run({ from, through: some, to: at("out.csv"), chunk: 1, concurrency: 1 })
    expect(await refused(program)).toBe("down")
    expect(readdirSync(folder)).toEqual(["cache"])
    broken = false
    expect(await onDisk(program)).toMatchObject({ rows: 3, calls: 1, saved: 2 })
    expect(calls).toEqual([["1"], ["2"], ["3"]])
    expect(await refused(Pipeline.run({ from, through: some, to: Sink.fail("full" as const) }))).toBe("full")
  })
})

describe("numbers", () => {
  it("PW-04 · progress counts rows and says when it will end; price says what the cache has saved", async () => {
    const seen: Array<Pipeline.Progress> = []
    const from = Stream.fromIterable(Array.from({ length: 40 }, (_, i) => ({ zip: `${i % 10}` })))
    const program = Pipeline.run({
      from,
      total: 40,
      through: cities,
      chunk: 10,
      concurrency: 1,
      to: Sink.drain,
      price: 0.002,
      every: 1,
      onProgress: (progress) => Effect.andThen(Effect.sync(() => seen.push(progress)), Effect.sleep(5))
    })
    const summary = await onDisk(program)
    expect(seen.map(({ rows, share }) => [rows, share])).toEqual([[10, 0.25], [20, 0.5], [30, 0.75], [40, 1], [40, 1]])
    expect(seen[0]!.millisLeft).toBeGreaterThan(0)
    expect(seen.at(-1)!.millisLeft).toBe(0)
    expect(summary).toMatchObject({ calls: 10, saved: 30, cost: { spent: 0.02, saved: 0.06 } })
    expect(summary.text).toMatch(
      /^40 rows in \d+\.\d s: 10 calls, 30 saved\nThe calls cost 0\.02, and the cache saved 0\.06\.$/
    )
    expect(seen[0]!.text).toMatch(
      /^10 rows \(25%\): 10 calls, 0 saved, [\d,]+ a second, \d+\.\d s left$/
    )
  })

  it("the share of a file is that of its answered rows, also if it is read at once", async () => {
    const rows = Array.from({ length: 40 }, (_, i) => ({ zip: `${i}` }))
    put("in.csv", `zip\n${rows.map(({ zip }) => `${zip}\n`).join("")}`)
    put("in.ndjson", rows.map((row) => `${JSON.stringify(row)}\n`).join(""))
    await onDisk(Pipeline.run({ from: at("in.csv"), through: cities, to: at("in.parquet"), failures: false }))
    const slow = Cached.many(
      City,
      (keys) => Effect.as(Effect.sleep(5), keys.map(() => Exit.succeed({ city: "", area: 1 }))),
      { ttl: "1 day" }
    )
    for (const name of ["in.csv", "in.ndjson", "in.parquet"]) {
      const shares: Array<number | undefined> = []
      const program = Pipeline.run({
        from: at(name),
        through: slow,
        payload: ({ zip }) => ({ zip: `${name} ${zip}` }),
        chunk: 10,
        concurrency: 1,
        to: Sink.drain,
        every: 1,
        onProgress: ({ share }) => Effect.andThen(Effect.sync(() => shares.push(share)), Effect.sleep(5))
      })
      await onDisk(program)
      expect([name, shares]).toEqual([name, [0.25, 0.5, 0.75, 1, 1]])
    }
  })

  it("left: rows that are no longer in the input are listed, and removed on request", async () => {
    const rows = (...zips: ReadonlyArray<string>) => Stream.fromIterable(zips.map((zip) => ({ zip })))
    const run = (from: Stream.Stream<{ zip: string }>, left?: "list" | "remove") =>
      Pipeline.run({ from, through: cities, to: Sink.drain, left })
    const long = "*[?".repeat(200)
    await onDisk(Effect.gen(function*() {
      yield* Cached.set("City", 1)
      yield* run(rows("1", "2", long, "a*"))
      const id = (zip: string) => CacheKey.id(cities.key({ zip }))
      const listed = yield* run(rows("1", "a*"), "list")
      expect([listed.left!.count, new Set(listed.left!.ids), listed.left!.removed]).toEqual([
        2,
        new Set([id("2"), id(long)]),
        false
      ])
      // An empty input is more often a mistake than the end of all rows.
      expect((yield* run(rows(), "remove")).left).toMatchObject({ count: 0, ids: [] })
      expect((yield* run(rows("1", "a*"), "remove")).left).toMatchObject({ count: 2, removed: true })
      expect((yield* run(rows("1", "a*"), "list")).left).toMatchObject({ count: 0 })
      expect(yield* Cached.size).toBe(3)
    }))
  })
})

describe("hostile files", () => {
  const csv = (content: string | Uint8Array) => {
    const from = put("in.csv", content)
    return Pipeline.run({ from, through: cities, to: at("out.csv") })
  }
  const lines = (content: string | Uint8Array) => {
    const from = put("in.ndjson", content)
    return Pipeline.run({ from, through: cities, to: at("out.csv") })
  }

  const parquet = (content: Uint8Array) => {
    const from = put("in.parquet", content)
    return Pipeline.run({ from, through: cities, to: at("out.csv") })
  }

  it.each(
    [
      ["a quote that never ends", () => csv(`zip\n1\n"open\n2\n3`), "in.csv, line 3: Unterminated quoted field"],
      ["text after a quote", () => csv(`zip\n1\n"a"b\n`), "in.csv, line 3: Expected a delimiter"],
      ["a row that is too short", () => csv("zip,n\n1,2\n\n3\n"), "in.csv, line 4: Expected 2 cells, got 1"],
      ["two columns of one name", () => csv("zip,zip\n1,2\n"), "in.csv, line 1: Duplicate header name"],
      [
        "bytes that are not UTF-8",
        () => csv(Uint8Array.of(122, 105, 112, 10, 0xff, 10)),
        "in.csv: it is not UTF-8 text"
      ],
      ["a cell of 20 MB", () => csv(`zip\n"${"x".repeat(20_000_000)}"\n`), "in.csv, line 2: CSV record exceeds"],
      ["a line that is not JSON", () => lines(`{"zip":"1"}\n{"zip":\n`), "in.ndjson, row 2: it is not JSON"],
      ["a line of 100 MB", () => lines(Buffer.alloc(100_000_000, "[")), "in.ndjson, row 1: the line is longer than"],
      ["a Parquet file that is none", () => parquet(Uint8Array.of(1, 2, 3)), "in.parquet: it is not a Parquet file"],
      [
        "a Parquet file in LZ4",
        () => parquet(compressed("LZ4_RAW", same)),
        "in.parquet: its columns are compressed as LZ4_RAW"
      ],
      [
        "a Parquet file in a broken compression",
        () => parquet(compressed("ZSTD", (bytes) => bytes.slice(1))),
        "in.parquet: its rows cannot be read: "
      ],
      [
        "a Parquet file whose page has more bytes than it claims",
        () => parquet(compressed("GZIP", () => gzipSync(Buffer.alloc(1_000_000)))),
        "in.parquet: its rows cannot be read: Cannot create a Buffer larger than"
      ],
      [
        "a cell that does not fit the schema, outside of Pipeline.run",
        () => Stream.runDrain(Pipeline.file(put("in.csv", `zip,n\n"1\n",1\n\n2,x\n`), City2)),
        "in.csv, row 2: a cell of the column \"n\" does not fit the schema"
      ],
      [
        "a missing field",
        () => Stream.runDrain(Pipeline.file(put("in.ndjson", `{"zip":"1","n":1}\n{"zip":"1"}\n`), City2)),
        "in.ndjson, row 2: the value does not fit its schema at [n] (it is missing)"
      ]
    ] as const
  )("%s: an error with the place, and nothing is written", async (_, program, message) => {
    const error = await refused(program())
    expect(error).toBeInstanceOf(Pipeline.PipelineError)
    expect((error as Error).message).toContain(message)
    expect(readdirSync(folder).filter((name) => name.startsWith("out"))).toEqual([])
  }, 60_000)

  it.each([["GZIP", gzipSync], ["ZSTD", zstdCompressSync], ["BROTLI", brotliCompressSync]] as const)(
    "a Parquet file in %s is read",
    async (codec, compress) => {
      const from = put("in.parquet", compressed(codec, compress))
      const rows = await Effect.runPromise(
        Stream.runCollect(Pipeline.file(from, Schema.Struct({ zip: Schema.String })))
      )
      expect(rows).toEqual([{ zip: "1".repeat(100) }, { zip: "2" }])
    }
  )

  it.each([
    ["in pages with a dictionary", { zip: ["a", "b", "a", "b", "a", "b", "a", "b"], n: [1, 2, 1, 2, 1, 2, 1, 2] }],
    ["in plain pages", { zip: ["a".repeat(30), "b"], n: [1.5, null], l: [[1], [2, 3]] }]
  ])("a Parquet file that lies about its lengths is an error, or read without much memory: %s", async (_, data) => {
    const columnData = Object.entries(data).map(([name, data]) => ({ name, data, nullable: true }))
    const whole = new Uint8Array(parquetWriteBuffer({ columnData }))
    const { length } = Object.values(data)[0]!
    const heap = process.memoryUsage().heapUsed
    for (let at = 0; at < whole.length; at++) {
      const bytes = whole.slice()
      bytes[at] = at % 2 === 0 ? 0xff : 0x80
      const rows = Stream.runCollect(Pipeline.file(put("in.parquet", bytes), Schema.Struct({})))
      const exit = await Effect.runPromiseExit(rows)
      if (Exit.isSuccess(exit)) expect(exit.value).toHaveLength(length)
      else expect(Cause.squash(exit.cause)).toMatchObject({ _tag: "PipelineError", reason: "Content" })
    }
    expect(process.memoryUsage().heapUsed - heap).toBeLessThan(300_000_000)
  })

  it("a byte order mark, CRLF, NUL, escapes, right-to-left text, 10 kB and 10,000 columns pass unchanged", async () => {
    const cells = ["a\0b", "\u001b[31mred", "שלום\u202e", "y".repeat(10_000), "a\r\nb", "\"", "=1+1"]
    const quoted = cells.map((cell) => `"${cell.replaceAll("\"", "\"\"")}"`)
    const wide = Array.from({ length: 10_000 }, (_, i) => `c${i}`)
    await onDisk(csv(`\ufeffzip,n\r\n${quoted.map((cell, i) => `${cell},${i}`).join("\r\n")}\r\n`))
    const read = Stream.runCollect(
      Pipeline.file(at("out.csv"), Schema.Struct({ zip: Schema.String, n: Schema.Number }))
    )
    expect(await Effect.runPromise(read)).toEqual(cells.map((zip, n) => ({ zip, n })))
    rmSync(at("out.csv"))
    await onDisk(csv(`zip,${wide.join(",")}\n1,${wide.join(",")}\n`))
    expect(text("out.csv")).toBe(`zip,${wide.join(",")},city,area\r\n1,${wide.join(",")},City of 1,1.5\r\n`)
  })

  it.each(["csv", "parquet"])(
    "a column with the name of a method is empty where a result lacks it (%s)",
    async (extension) => {
      const from = put("in.csv", "zip\n1\n")
      const to = at(`out.${extension}`)
      await onDisk(Pipeline.run({ from, through: cities, to, columns: ["zip", "constructor", "toString"] }))
      const cells = Schema.Record(Schema.String, Schema.NullOr(Schema.String))
      const rows = await Effect.runPromise(Stream.runCollect(Pipeline.file(to, cells)))
      expect(rows.map((row) => Object.entries(row))).toEqual([[["zip", "1"]]])
    }
  )

  it("fields of the name __proto__ are fields", async () => {
    await onDisk(lines(`{"zip":"1","__proto__":{"x":1}}\n`))
    expect(text("out.csv")).toBe("zip,__proto__,city,area\r\n1,\"{\"\"x\"\":1}\",City of 1,1.5\r\n")
  })
})

describe("bad input", () => {
  const from = Stream.make({ zip: "1" })

  it.each([
    ["from", { from: "in.xlsx" }, "no known format: use the extension .csv, .ndjson"],
    ["from", { from: [{ zip: "1" }] }, "from of Pipeline.run must be a file or a stream of rows"],
    ["through", { through: () => 1 }, "through of Pipeline.run must be a function that Cached.many has made"],
    ["to", { to: {} }, "to of Pipeline.run must be a file or a sink"],
    ["an unknown option", { chunks: 1 }, "no option \"chunks\": did you mean \"chunk\""],
    ["total", { total: -1 }, "total of Pipeline.run must be a whole number of at least 0"],
    ["price", { price: -1 }, "price of Pipeline.run must be a number of at least 0"],
    ["left", { left: true }, "left of Pipeline.run must be \"list\" or \"remove\""],
    ["columns", { columns: ["a", "a"] }, "columns of Pipeline.run must be a list of different names"],
    ["failures", { failures: "f.csv" }, "failures of Pipeline.run must be false or a file with the extension .ndjson"],
    [
      "the results as failures",
      { to: "out.ndjson", failures: "./out.ndjson" },
      "failures of Pipeline.run must be another file than from and to"
    ],
    [
      "the failures of the last run as input",
      { from: "out.failures.ndjson" },
      "failures of Pipeline.run must be another file than from and to"
    ],
    [
      "the same with a schema",
      { from: Pipeline.file("out.failures.ndjson", Schema.Struct({})) },
      "failures of Pipeline.run must be another file than from and to"
    ]
  ])("%s", (_, wrong, message) => {
    const options = { from, through: cities, to: "out.csv", ...wrong }
    expect(() => Pipeline.run(options as never)).toThrow(message)
  })

  it("a schema without fields", () => {
    expect(() => Pipeline.file("in.csv", Schema.Array(Schema.String))).toThrow(
      expect.objectContaining({ _tag: "CacheConfigError", message: expect.stringContaining("must be a struct") })
    )
  })

  it("a file that is not there, a folder, an output that exists", async () => {
    mkdirSync(at("folder.csv"))
    put("out.csv", "kept")
    const message = async (options: { readonly from?: string; readonly to?: string }) =>
      (await refused(Pipeline.run({ from, through: cities, to: at("new.csv"), ...options } as never)) as Error).message
    expect(await message({ from: at("none.csv") })).toBe(`${at("none.csv")}: there is no such file or folder`)
    expect(await message({ from: at("folder.csv") })).toBe(`${at("folder.csv")}: it is a folder, not a file`)
    expect(await message({ to: at("folder.csv") })).toBe(`${at("folder.csv")}: it is a folder, not a file`)
    expect(await message({ to: at("none/out.csv") })).toBe(`${at("none/out.csv")}: its folder does not exist`)
    expect(await message({ to: at("out.csv") })).toBe(
      `${at("out.csv")}: it exists: set overwrite: true to replace it, or choose another name`
    )
    expect([text("out.csv"), readdirSync(folder).sort(), calls]).toEqual([
      "kept",
      ["cache", "folder.csv", "out.csv"],
      []
    ])
  })
})
