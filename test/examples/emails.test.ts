/** The example `emails`, run as a user runs it, against an API of the test. */
import { afterEach, beforeEach, describe, expect, it } from "@effect/vitest"
import { Effect, Schema, Sink, Stdio } from "effect"
import { once } from "node:events"
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises"
import { createServer, type Server } from "node:http"
import type { AddressInfo } from "node:net"
import { tmpdir } from "node:os"
import * as path from "node:path"
import { parse, print } from "../../examples/emails/csv.ts"
import { around } from "../../examples/emails/progress.ts"
import { inExamples, runBundled, runExample } from "./run.ts"

const timeout = 120_000

/** The rows of the table that a run prints: name, rows, API calls, calls saved. */
const tableOf = (stdout: string) =>
  [...stdout.matchAll(/^(.+?) +(\d+) +(\d+) +(\d+) +\d+ ms$/gm)].map(([, name, ...numbers]) => [
    name,
    ...numbers.map(Number)
  ])

describe("npm start", () => {
  it(
    "asks 6 times, then never, then 3 times; and never where the cache is kept",
    { timeout },
    async () => {
      const first = await runExample("emails/main.ts")
      expect(first.stderr).toBe("")
      expect(tableOf(first.stdout)).toEqual([
        ["1  six users", 6, 6, 0],
        ["2  the same six", 6, 0, 6],
        ["3  three of them, three new", 6, 3, 3]
      ])
      expect(first.code).toBe(0)
      expect(await readFile(inExamples("emails/emails_verified.csv"), "utf8")).toBe(
        [
          "id,name,email,disposable",
          "2,Grace Hopper,grace@navy.example,false",
          "3,Jürgen Müller,jmueller@wegwerf.example,true",
          "6,Barbara Liskov,barbara@clu.example,false",
          "7,Tony Hoare,tony@quicksort.example,false",
          "8,José García,jose@tenminutes.example,true",
          "9,Radia Perlman,radia@spanningtree.example,false",
          ""
        ].join("\n")
      )

      const kept = await runExample("emails/main.ts", ["--keep"])
      expect(tableOf(kept.stdout).map((row) => row.slice(1))).toEqual([[6, 0, 6], [6, 0, 6], [6, 0, 6]])
      expect(kept.code).toBe(0)
    }
  )
})

describe("the job, on files and an API of one's own", () => {
  let folder: string
  let server: Server
  let log: Array<string>
  let broken: Map<string, { readonly status: number; readonly body: string }>
  let delay: (email: string) => number
  let inFlight: { now: number; most: number }

  beforeEach(async () => {
    folder = await mkdtemp(path.join(tmpdir(), "emails-"))
    log = []
    broken = new Map()
    delay = () => 0
    inFlight = { now: 0, most: 0 }
    server = createServer((request, response) => {
      const email = decodeURIComponent(/^\/base\/v1\/disposable\/([^/]+)$/.exec(request.url ?? "")?.[1] ?? "")
      log.push(email)
      inFlight.most = Math.max(inFlight.most, ++inFlight.now)
      setTimeout(() => {
        inFlight.now--
        const { body, status } = broken.get(email) ??
          { status: 200, body: JSON.stringify({ disposable: email.startsWith("trash") }) }
        response.writeHead(status, { "content-type": "application/json" }).end(body)
      }, delay(email))
    })
    server.listen(0, "127.0.0.1")
    await once(server, "listening")
  })

  afterEach(async () => {
    server.closeAllConnections()
    server.close()
    await rm(folder, { recursive: true })
  })

  const run = async (users: string, host = "127.0.0.1") => {
    const file = path.join(folder, "users.csv")
    const out = path.join(folder, "out.csv")
    await writeFile(file, users)
    const api = `http://${host}:${(server.address() as AddressInfo).port}/base/`
    const cache = path.join(folder, "cache")
    const ended = await runBundled("emails/main.ts", [
      ...["--api", api, "--users", file],
      ...["--out", out, "--cache", cache, "--force"]
    ])
    return { ...ended, written: await readFile(out, "utf8").catch(() => undefined) }
  }

  it("reads and writes by extension, and says what the cache has saved", { timeout }, async () => {
    const file = (name: string) => path.join(folder, name)
    const api = `http://127.0.0.1:${(server.address() as AddressInfo).port}/base/`
    const start = (...args: ReadonlyArray<string>) =>
      runBundled("emails/main.ts", [...args, "--api", api, "--cache", file("cache")])
    await writeFile(file("in.ndjson"), `{"id":1,"email":"a@x.example"}\n{"id":2,"email":"trash@X.example"}\n{"id":3}\n`)
    const first = await start(file("in.ndjson"), file("out.csv"), "--price", "0.002")
    expect(first).toMatchObject({ code: 0, stderr: "" })
    expect(await readFile(file("out.csv"), "utf8")).toBe(
      "id,email,disposable\r\n1,a@x.example,false\r\n2,trash@X.example,true\r\n3,,\r\n"
    )
    expect(first.stdout).toContain("The calls cost 0.004, and the cache saved 0.")
    for (const [from, to] of [["out.csv", "out.parquet"], ["out.parquet", "out.ndjson"]] as const) {
      const { code, stdout } = await start(file(from), file(to), "--price", "0.002")
      expect([code, stdout.includes("The calls cost 0, and the cache saved 0.004.")]).toEqual([0, true])
    }
    expect(await readFile(file("out.ndjson"), "utf8")).toContain(`"email":"trash@X.example","disposable":true}`)
    expect(log.length).toBe(2)
    await writeFile(file("precious.ndjson"), "mine\n")
    const refused = await start(file("in.ndjson"), file("precious.ndjson"))
    expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining("precious.ndjson exists: add --force")])
    expect(await readFile(file("precious.ndjson"), "utf8")).toBe("mine\n")
    expect((await start(file("in.ndjson"), file("precious.ndjson"), "--force")).code).toBe(0)
    expect(await readFile(file("precious.ndjson"), "utf8")).toContain(`"disposable":true}`)
    const wrong = await start(file("in.ndjson"), file("out.xlsx"))
    expect(wrong.code).toBe(1)
    expect(wrong.stderr).toContain("use the extension .csv, .ndjson")
    expect(wrong.stderr).not.toMatch(/^\s*at /m)
  })

  it("asks about what is new, and saves the rest", { timeout }, async () => {
    const first = await run("email,n\na@x.example,1\ntrash@x.example,2\n")
    expect(first).toMatchObject({ code: 0, stderr: "" })
    expect(first.written).toBe("email,n,disposable\na@x.example,1,false\ntrash@x.example,2,true\n")
    expect(log.toSorted()).toEqual(["a@x.example", "trash@x.example"])

    const second = await run("email,n\ntrash@x.example,2\nb@x.example,3\n")
    expect(second.written).toBe("email,n,disposable\ntrash@x.example,2,true\nb@x.example,3,false\n")
    expect(log.slice(2)).toEqual(["b@x.example"])
    expect(tableOf(second.stdout)).toEqual([["users.csv", 2, 1, 1]])
  })

  it("does not take the answers of another API", { timeout }, async () => {
    await run("email\na@x.example\n")
    await run("email\na@x.example\n", "localhost")
    expect(log).toEqual(["a@x.example", "a@x.example"])
  })

  it("asks concurrently and keeps the order of the rows", { timeout }, async () => {
    const emails = Array.from({ length: 8 }, (_, i) => `${i % 2 === 0 ? "trash" : "user"}${i}@x.example`)
    delay = (email) => 400 - 40 * emails.indexOf(email)
    const { written } = await run(`email\n${emails.join("\n")}\n`)
    expect(written).toBe(
      `email,disposable\n${emails.map((email) => `${email},${email.startsWith("trash")}`).join("\n")}\n`
    )
    expect(inFlight.most).toBeGreaterThan(1)
  })

  it("asks once for an address that is there twice, a failing one too", { timeout }, async () => {
    broken.set("down@x.example", { status: 500, body: "" })
    // Its second row comes long after the first has failed.
    delay = (email) => email.startsWith("down") ? 0 : 100
    const emails = ["down", "a", "b", "c", "d", "e", "f", "down", "a"].map((name) => `${name}@x.example`)
    const { stdout } = await run(`email\n${emails.join("\n")}\n a@X.Example\n`)
    expect(log.toSorted()).toEqual(["a", "b", "c", "d", "down", "e", "f"].map((name) => `${name}@x.example`))
    expect(tableOf(stdout)).toEqual([["users.csv", 10, 7, 2]])
  })

  it(
    "reports a failing call, leaves its field empty, ends with 1 and asks again",
    { timeout },
    async () => {
      const users = "id,email\n1,a@x.example\n2,down@x.example\n3,odd@x.example\n4,html@x.example\n5,trash@x.example\n"
      broken.set("down@x.example", { status: 503, body: "" })
      broken.set("odd@x.example", { status: 200, body: `{"disposable":"maybe"}` })
      broken.set("html@x.example", { status: 200, body: "<p>" })
      const first = await run(users)
      expect(first.code).toBe(1)
      expect(first.written).toBe(
        "id,email,disposable\n1,a@x.example,false\n2,down@x.example,\n3,odd@x.example,\n4,html@x.example,\n" +
          "5,trash@x.example,true\n"
      )
      expect(first.stderr).toContain("down@x.example: the API answered 503")
      expect(first.stderr).toContain("odd@x.example: the answer is not {\"disposable\": boolean}")
      expect(first.stderr).toContain("html@x.example: the answer is no JSON")
      expect(first.stderr).not.toMatch(/^\s*at /m)

      broken.clear()
      log.length = 0
      const second = await run(users)
      expect(second).toMatchObject({ code: 0, stderr: "" })
      expect(second.written).not.toMatch(/,$/m)
      expect(log.toSorted()).toEqual(["down@x.example", "html@x.example", "odd@x.example"])
    }
  )

  it("leaves cells as they are: quotes, commas, other scripts, line breaks, a BOM before them", {
    timeout
  }, async () => {
    const { code, stdout, written } = await run(
      "\uFEFFname,Email ,note\r\n\"Ada \"\"Countess\"\" Lovelace, née Byron\",ада@пример.рф,\"two\r\nlines\"\r\n" +
        "nobody,,\r\n\r\n李,trash/50%?#@x.example,"
    )
    expect(code).toBe(0)
    expect(written).toBe(
      "name,Email ,note,disposable\r\n\"Ada \"\"Countess\"\" Lovelace, née Byron\",ада@пример.рф,\"two\r\nlines\",false\r\n" +
        "nobody,,,\r\n李,trash/50%?#@x.example,,true\r\n"
    )
    expect(log.toSorted()).toEqual(["trash/50%?#@x.example", "ада@пример.рф"])
    expect(stdout).toContain("Rows without an address: 1.")
  })

  it("answers its own output with the same column", { timeout }, async () => {
    const { written } = await run("email,disposable,n\ntrash@x.example,,1\n")
    expect(written).toBe("email,disposable,n\ntrash@x.example,true,1\n")
  })

  it("writes a header alone for a header alone", { timeout }, async () => {
    expect(await run("id,email\n")).toMatchObject({ code: 0, written: "id,email,disposable\n" })
  })

  it.each([
    ["id,email\n1,a@x.example\n2,\"x\"y\n", "users.csv, line 3, column 2: Expected a delimiter"],
    ["id,email\n1,\"a\nb\"\n\n2\n", "users.csv, line 5, column 2: expected 2 cells, found 1"],
    ["id,email\n1,a@x.example,3,4\n", "users.csv, line 2, column 3: expected 2 cells, found 4"],
    ["id,email\n1,\"open", "users.csv, line 2, column 2: Unterminated quoted field"],
    ["id,mail\n1,a@x.example\n", "users.csv, line 1: there is no column \"email\", only \"id\", \"mail\""],
    ["", "users.csv: the file is empty"]
  ])(
    "names the place in %j, asks for nothing and writes nothing",
    { timeout },
    async (users, message) => {
      const { code, stderr, written } = await run(users)
      expect(stderr).toContain(message)
      expect(stderr).not.toMatch(/^\s*at /m)
      expect(code).toBe(1)
      expect(log).toEqual([])
      expect(written).toBeUndefined()
    }
  )

  it("says which file is missing", { timeout }, async () => {
    const ended = await runExample("emails/main.ts", ["--users", path.join(folder, "none.csv")])
    expect(ended.code).toBe(1)
    expect(ended.stderr).toContain("none.csv: no such file")
  })
})

describe("print", () => {
  const Row = Schema.Tuple([Schema.String, Schema.String])

  it.effect.prop(
    "writes what parse reads back",
    { header: Row, rows: Schema.Array(Row) },
    Effect.fn(function*({ header, rows }) {
      const table = { header, rows, newline: "\n" as const }
      const again = yield* parse("users.csv", yield* print(table))
      expect([again.header, again.rows]).toEqual([header, rows])
    })
  )
})

describe("the progress bar", () => {
  const shown = (stderrIsTerminal: boolean) =>
    Effect.gen(function*() {
      const written: Array<string | Uint8Array> = []
      const stdio = Stdio.layerTest({
        stderrIsTerminal: Effect.succeed(stderrIsTerminal),
        stderr: () => Sink.forEach((text: string | Uint8Array) => Effect.sync(() => void written.push(text)))
      })
      yield* around(2, (step) => Effect.andThen(step, step)).pipe(Effect.provide(stdio))
      return written
    })

  it.effect("counts the steps in a terminal, and leaves nothing behind", () =>
    Effect.gen(function*() {
      const written = yield* shown(true)
      expect(written.map((text) => /\d of \d/.exec(String(text))?.[0])).toEqual([
        "0 of 2",
        "1 of 2",
        "2 of 2",
        undefined
      ])
      expect(written.at(-1)).toBe("\r\u001b[2K")
    }))

  it.effect("is not there elsewhere", () =>
    Effect.gen(function*() {
      expect(yield* shown(false)).toEqual([])
    }))
})
