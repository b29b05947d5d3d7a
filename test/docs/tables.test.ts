/** The tables of the documentation say what the lists of the sources say, and the numbers in them are the defaults. */
import { describe, expect, it } from "@effect/vitest"
import { globSync, readFileSync } from "node:fs"
import { join, resolve } from "node:path"
import * as BoundsDefaults from "../../src/internal/defaults/bounds.ts"
import * as GuardsDefaults from "../../src/internal/defaults/guards.ts"
import * as ObjectsDefaults from "../../src/internal/defaults/objects.ts"
import * as OptionsDefaults from "../../src/internal/defaults/options.ts"
import * as ProcessesDefaults from "../../src/internal/defaults/processes.ts"
import * as RedisDefaults from "../../src/internal/defaults/redis.ts"
import * as SqlDefaults from "../../src/internal/defaults/sql.ts"
import { complaintsOf } from "../lint/english.js"
import { messages, messagesPage } from "./messages.ts"
import { listsOfPart, membersIn, optionsPage, page as optionsFile, parts, partsOfOthers } from "./options.ts"
import { fill, listsOf, llms, membersOf, optionListsOf, pages, valuesOf } from "./tables.ts"

const root = resolve(import.meta.dirname, "../..")
const read = (file: string): string => readFileSync(join(root, file), "utf8")

const lists = Array.from(
  new Map(
    [
      ...pages.flatMap((page) => listsOf(read(page))),
      ...parts.flatMap(listsOfPart).map((list) => list.split(" ") as [string, string])
    ].map((list) => [list.join(" "), list])
  ).values()
)

describe("the tables of the documentation", () => {
  it.each(pages)("%s says what its lists say: otherwise `npm run generate`", (page) => {
    expect(fill(read(page))).toBe(read(page))
  })

  it("name every value of every option", () => {
    const values = lists.filter(([, name]) => name !== "*").flatMap(([file, name]) =>
      membersOf(file, name).flatMap((member) =>
        valuesOf(file, member).map((value) => ({
          option: `${name}.${member.name}`,
          row: `${member.text} ${member.otherwise}`,
          value
        }))
      )
    )
    const missing = values.filter(({ row, value }) => !row.includes(`"${value}"`))
    expect(missing.map(({ option, value }) => `${option}: ${value}`)).toEqual([])
    expect(values.filter(({ option }) => option === "ReadOptions.inherit").map(({ value }) => value))
      .toEqual(["life", "changes", "age", "refuse"])
  })

  it("may be of single members of lists", () => {
    const page =
      "<!-- options src/cached/warm.ts WarmOptions.chunk, src/ports/strategy.ts MaxHitsOptions.hits -->\n<!-- end -->"
    expect(Array.from(fill(page).matchAll(/^\| `(\w+)`/gm), ([, name]) => name)).toEqual(["chunk", "hits"])
    expect(() => fill(page.replace("hits", "gone"))).toThrow(`no member "gone"`)
  })

  it("of a list that has changed is another one", () => {
    const page = fill("<!-- options src/cached/warm.ts WarmOptions -->\n<!-- end -->")
    expect(page).toContain("| `chunk` | How many payloads a function made by `Cached.many` gets in one call. | 100 |")
    expect(fill(page.replace("| 100 |", "| 50 |"))).toBe(page)
    expect(() => fill("<!-- options src/cached/warm.ts Gone -->\n<!-- end -->")).toThrow(`no list "Gone"`)
    expect(() => fill("<!-- sizes src/cached/warm.ts WarmOptions -->\n<!-- end -->")).toThrow(
      `no kind of table "sizes"`
    )
  })
})

describe("pages for maintainers, which are not in the package,", () => {
  const named = "See `ARCHITECTURE.md` of the repository, and `docs/maintaining/store-protocol.md` of the repository."

  it("are named without a link until package.json names the repository", () => {
    expect(fill(named, {})).toBe(named)
  })

  it("are linked in the repository", () => {
    const linked = fill(named, { repository: { url: "git+https://git.example/cached.git" } })
    expect(linked).toBe(
      "See [`ARCHITECTURE.md`](https://git.example/cached/blob/main/ARCHITECTURE.md) of the repository, and " +
        "[`docs/maintaining/store-protocol.md`](https://git.example/cached/blob/main/docs/maintaining/store-protocol.md) " +
        "of the repository."
    )
    expect(fill(linked, { repository: { url: "https://git.example/new" } })).toContain("(https://git.example/new/blob/")
    expect(fill(linked, {})).toBe(named)
  })
})

describe("docs/options.md", () => {
  it("says what the sources say: otherwise `npm run generate`", () => {
    expect(read(optionsFile)).toBe(optionsPage(read))
  })

  it("has each list of options of the sources, as a table or as a link", () => {
    const declared = globSync("src/**/*.ts", { cwd: root }).flatMap(optionListsOf)
    expect(declared.length).toBeGreaterThan(70)
    const told = new Set(parts.flatMap(listsOfPart).flatMap((list) => membersIn(list.split(" ") as [string, string])))
    const missing = declared.flatMap((list) => {
      const other = partsOfOthers.get(list.join(" "))
      const names = other === undefined
        ? []
        : membersOf(...other.split(" ") as [string, string]).map(({ name }) => name)
      return membersIn(list).filter((member) => !told.has(member) && !names.includes(member.split(" ")[2]!))
    })
    expect(missing).toEqual([])
  })

  it("has each table only if no section of another page has it", () => {
    const tables = Array.from(
      read(optionsFile).matchAll(/^## (.+)\n\n.*\n\n((?:\|.*\n)+)/gm),
      ([, heading, table]) => ({
        heading,
        rows: table!.split("\n").slice(2).filter((row) => row.startsWith("| `"))
      })
    )
    expect(tables.length).toBeGreaterThan(20)
    const others = pages.filter((page) => page !== optionsFile && !page.startsWith("docs/maintaining/")).flatMap((
      page
    ) => read(page).split(/^(?=#+ )/m))
    const twice = tables.filter(({ rows }) =>
      others.some((section) => rows.every((row) => section.includes(`${row}\n`)))
    )
    expect(twice.map(({ heading }) => heading)).toEqual([])
  })

  it("links a table as soon as a page has it", () => {
    const textOf = (page: string) =>
      page === "docs/transactions.md"
        ? `${read(page)}\n## All of them\n\n<!-- options src/Transaction.ts OutboxOptions -->\n<!-- end -->\n`
        : read(page)
    const changed = optionsPage(textOf)
    expect(changed).toMatch(/^- \[[^\]]+\]\(transactions.md#all-of-them\): `Transaction.outbox`$/m)
    expect(changed).not.toContain("## The outbox")
    expect(read(optionsFile)).toContain("## The outbox")
  })
})

describe("docs/messages.md", () => {
  it("has the texts of the sources: otherwise `npm run generate`", () => {
    expect(read("docs/messages.md")).toBe(messagesPage())
  })

  it("has errors, lines of the log and mistakes, with … for what varies", () => {
    const kinds = new Map(messages().map(({ kind, text }) => [text, kind]))
    expect(kinds.get(`The store "…" could not …: …`)).toBe("error")
    expect(kinds.get(`The store "…" answers again after …`)).toBe("log")
    expect(kinds.get(`tags must be a list of strings, or a function that returns one`)).toBe("mistake")
    expect(kinds.get("it did not answer in time")).toBe("part")
    expect(kinds.size).toBeGreaterThan(300)
  })

  it("speaks like the rest", () => {
    const texts = messages().map(({ text }) => text)
    expect(texts.flatMap((text) => complaintsOf(text, { isComment: false }))).toEqual([])
    // Pages may say these, messages say what must be instead.
    const negations = /\b(got no|(?<!here )is no|are no|inside of|outside of (a|the))\b/
    expect(texts.filter((text) => negations.test(text))).toEqual([])
  })
})

describe("llms.txt", () => {
  it("says what README.md says: otherwise `npm run generate`", () => {
    expect(read("llms.txt")).toBe(llms())
    expect(read("llms.txt").match(/^- \[/gm)!.length).toBeGreaterThan(20)
  })
})

// ---------------------------------------------------------------------------------------------------------------------
// numbers
// ---------------------------------------------------------------------------------------------------------------------

const units: { readonly [unit: string]: number } = {
  ms: 1,
  second: 1000,
  seconds: 1000,
  minute: 60_000,
  minutes: 60_000,
  hour: 60 * 60_000,
  day: 24 * 60 * 60_000,
  MiB: 1024 ** 2,
  GiB: 1024 ** 3
}

/** The numbers of a default, durations in milliseconds and sizes in bytes. */
const numbersIn = (text: string): ReadonlyArray<number> =>
  Array.from(
    text.matchAll(/(\d[\d,.]*\d|\d)(?: (ms|seconds?|minutes?|hour|day|MiB|GiB))?/g),
    ([, number, unit]) => Number(number!.replaceAll(",", "")) * (unit === undefined ? 1 : units[unit]!)
  )

const { layer, refresh, refreshRetries, testing, warm } = OptionsDefaults
const { guard } = GuardsDefaults
const { transaction } = BoundsDefaults

/** The numeric default of each option in the sources; 0 if it is in no table of `defaults/` ("nothing"). */
const expected: { readonly [option: string]: ReadonlyArray<number> } = {
  "MemoryOptions.capacity": [layer.capacity],
  "MemoryOptions.shutdownTimeout": [layer.shutdownMillis],
  "RefreshOptions.concurrency": [refresh.concurrency],
  "RefreshOptions.timeout": [refresh.timeoutMillis],
  "RefreshOptions.retry": [refreshRetries.times, refreshRetries.firstMillis],
  "HeapLimitOptions.above": [OptionsDefaults.heap.above],
  "LayerOptions.storeTimeout": [layer.storeTimeoutMillis],
  "LayerOptions.lease": [layer.leaseMillis],
  "MemoryOptions.maxLoad": [layer.maxLoadMillis],
  "LayerOptions.maxStaleness": [layer.maxStalenessMillis],
  "DiskOptions.maxSize": [OptionsDefaults.maxSize],
  "DiskOptions.maxValue": [OptionsDefaults.maxValue],
  "FilesOptions.maxSize": [OptionsDefaults.maxSize],
  "FilesOptions.maxValue": [OptionsDefaults.maxValue],
  "ReadOptions.waitForWrite": [BoundsDefaults.farMillis],
  "ReadOptions.retryAfter": [OptionsDefaults.retryAfterMillis, OptionsDefaults.retryAfterOfFailoverMillis],
  "TtlOptions.jitter": [0],
  "ProbabilisticOptions.beta": [OptionsDefaults.beta],
  "IncrementOptions.by": [OptionsDefaults.incrementBy],
  "SimulateOptions.capacities": OptionsDefaults.simulation.shares.map((share) => 100 * share),
  "SimulateOptions.seed": [OptionsDefaults.simulation.seed],
  "StreamOptions.maxBytes": [OptionsDefaults.streams.maxBytes],
  "StreamOptions.maxRun": [OptionsDefaults.streams.maxRunMillis],
  "StreamOptions.maxTtl": [OptionsDefaults.streams.maxTtlMillis],
  "WarmOptions.concurrency": [warm.concurrency],
  "WarmOptions.chunk": [warm.chunk],
  "TransformOptions.chunk": [OptionsDefaults.transform.chunk],
  "TransformOptions.concurrency": [OptionsDefaults.transform.concurrency],
  "TapOptions.minSize": [0],
  "Faults.failRate": [0],
  "Faults.dropRate": [0],
  "Faults.lateRate": [0],
  "Faults.late": [testing.lateMillis],
  "Options.timeout": [transaction.timeoutMillis],
  "Options.retry": [transaction.retries.times, transaction.retries.firstMillis],
  "Options.yieldChance": [testing.yieldChance],
  "Options.maxTasks": [testing.maxTasks],
  "TimeOptions.step": [testing.stepMillis],
  "TimeOptions.atMost": [testing.atMostMillis],
  "CommonOptions.maxValue": [RedisDefaults.maxValue],
  "CommonOptions.replicas": [RedisDefaults.replicas],
  "StoreOptions.maxValue": [SqlDefaults.maxValue],
  "BucketOptions.region": [Number(ObjectsDefaults.region.at(-1))],
  "BucketOptions.maxValue": [ObjectsDefaults.maxValue],
  "ConnectionOptions.maxConnections": [SqlDefaults.maxConnections],
  "LockedOptions.lease": [layer.leaseMillis],
  "CircuitBreakerOptions.failures": [guard.failures],
  "CircuitBreakerOptions.window": [guard.windowMillis],
  "CircuitBreakerOptions.minimumCalls": [guard.minimumCalls],
  "CircuitBreakerOptions.open": [guard.openMillis],
  "CircuitBreakerOptions.probeTimeout": [guard.probeMillis],
  "BloomOptions.errorRate": [guard.errorRate],
  "BitsOptions.size": [BoundsDefaults.cells.size],
  "Options.maxClasses": [OptionsDefaults.metrics.maxClasses],
  "Options.history": [OptionsDefaults.history.slots]
}

/** Sources with options whose numbers stand beside them, not in `src/internal/defaults/`. */
const withOwnDefaults =
  /^src\/(http|inspector|pipeline|serializers|drivers\/(sqlite|files|indexedDb|redis\/RedisStore|objects\/ObjectStore))/

describe("the numbers of the tables", () => {
  it("are those of src/internal/defaults/", () => {
    const told = lists.filter(([file, name]) => name !== "*" && !withOwnDefaults.test(file)).flatMap(([file, name]) =>
      membersOf(file, name).flatMap((member) => {
        const numbers = numbersIn(member.otherwise ?? "")
        return numbers.length === 0 ? [] : [[`${name.split(".")[0]}.${member.name}`, numbers] as const]
      })
    )
    expect(Object.fromEntries(told)).toEqual(expected)
  })

  it("are read as they are written", () => {
    expect(numbersIn("10,000")).toEqual([10_000])
    expect(numbersIn("5 seconds; 0 for `failover`")).toEqual([5000, 0])
    expect(numbersIn("1 GiB")).toEqual([2 ** 30])
  })

  it("keep the order that polling needs", () => {
    const { lateMillis, pollMillis } = ProcessesDefaults.polling
    expect(pollMillis).toBeLessThan(lateMillis)
  })
})
