/** The rules of lint allow and refuse what they should: a planted violation of each kind. */
import { afterAll, describe, expect, it } from "@effect/vitest"
import { spawnSync } from "node:child_process"
import { globSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join, resolve } from "node:path"
import { circlesOf, importsAmong, importsOf } from "./circles.ts"

const root = resolve(import.meta.dirname, "../..")
const oxlint = join(root, "node_modules/oxlint/bin/oxlint")

const imports = (specifier: string): string => `import * as Module from "${specifier}"\nexport const module = Module\n`

interface Case {
  readonly file: string
  readonly code: string
  /** Other files of the project. */
  readonly beside?: { readonly [file: string]: string }
  /** The rule that must report it; none: the code is allowed. */
  readonly rule?: string
}

const refusedImport = (file: string, specifier: string): Case => ({
  file,
  code: imports(specifier),
  rule: "effect-cached(floors)"
})
const allowedImport = (file: string, specifier: string): Case => ({ file, code: imports(specifier) })

const cases: ReadonlyArray<Case> = [
  // Floors: upwards and sideways.
  refusedImport("src/CacheKey.ts", "./Caching.ts"),
  refusedImport("src/Strategy.ts", "./drivers/memory/MemoryStore.ts"),
  refusedImport("src/Lock.ts", "./internal/engine/flight/flight.ts"),
  refusedImport("src/internal/codec/frame.ts", "../../Cached.ts"),
  refusedImport("src/internal/key/canonical.ts", "../engine/flight.ts"),
  refusedImport("src/internal/key/canonical.ts", "../../Caching.ts"),
  refusedImport("src/internal/store/markers/markers.ts", "../../../drivers/memory/MemoryStore.ts"),
  refusedImport("src/drivers/sqlite/SqliteStore.ts", "../../Caching.ts"),
  refusedImport("src/drivers/sqlite/SqliteStore.ts", "../../internal/engine/flight/flight.ts"),
  refusedImport("src/drivers/files/FilesStore.ts", "../sqlite/SqliteStore.ts"),
  refusedImport("src/drivers/files/FilesStore.ts", "../sqlite/file/path.ts"),
  refusedImport("src/drivers/shared/directory.ts", "../files/folder.ts"),
  refusedImport("src/serializers/Json.ts", "../CacheLayer.ts"),
  refusedImport("src/Caching.ts", "./Cached.ts"),
  refusedImport("src/internal/engine/flight/flight.ts", "../../../CachePolicy.ts"),
  refusedImport("src/Cached.ts", "./CacheLayer.ts"),
  refusedImport("src/CachePolicy.ts", "./testing/index.ts"),
  refusedImport("src/cached/options.ts", "../Caching.ts"),
  refusedImport("src/internal/engine/request/request.ts", "../../../cached/combine.ts"),
  refusedImport("src/CacheLayer.ts", "./testing/index.ts"),
  refusedImport("src/testing/index.ts", "vitest"),
  refusedImport("src/Ttl.ts", "@effect/platform-node"),
  refusedImport("src/index.ts", "./http/HttpCache.ts"),
  refusedImport("src/CacheLayer.ts", "./config/url.ts"),
  refusedImport("src/testing/index.ts", "../inspector/Inspector.ts"),
  refusedImport("src/http/HttpCache.ts", "../inspector/Inspector.ts"),
  refusedImport("src/http/HttpCache.ts", "../internal/engine/boundCache.ts"),
  refusedImport("src/cli/main.ts", "../cached/inspect.ts"),
  // Rooms of the engine: upwards and sideways.
  refusedImport("src/internal/engine/telemetry/log.ts", "../memory/entry.ts"),
  refusedImport("src/internal/engine/memory/memory.ts", "../storeTier/ask.ts"),
  refusedImport("src/internal/engine/storeTier/ask.ts", "../flight/flight.ts"),
  refusedImport("src/internal/engine/flight/flight.ts", "../read/read.ts"),
  refusedImport("src/internal/engine/flight/flight.ts", "../engine.ts"),
  refusedImport("src/internal/engine/invalidation/invalidate.ts", "../read/read.ts"),
  refusedImport("src/internal/engine/read/read.ts", "../operations/set.ts"),
  refusedImport("src/internal/engine/operations/set.ts", "../boundCache.ts"),
  refusedImport("src/internal/engine/attic/old.ts", "../memory/entry.ts"),
  allowedImport("src/internal/engine/read/read.ts", "../flight/flight.ts"),
  allowedImport("src/internal/engine/operations/set.ts", "../engine.ts"),
  allowedImport("src/internal/engine/boundCache.ts", "./read/read.ts"),
  // Floors: downwards.
  allowedImport("src/CacheKey.ts", "./internal/key/canonical.ts"),
  allowedImport("src/CacheKey.ts", "@noble/hashes/sha2.js"),
  allowedImport("src/internal/codec/structured.ts", "@msgpack/msgpack"),
  allowedImport("src/internal/key/canonical.ts", "../../CacheError.ts"),
  allowedImport("src/internal/key/canonical.ts", "./fingerprint.ts"),
  allowedImport("src/ports/stores.ts", "../internal/store/markers/markers.ts"),
  allowedImport("src/internal/store/markers/markers.ts", "../../token.ts"),
  allowedImport("src/drivers/sqlite/SqliteStore.ts", "../../ports/stores.ts"),
  allowedImport("src/drivers/sqlite/SqliteStore.ts", "./file/path.ts"),
  allowedImport("src/drivers/sqlite/tables/entries.ts", "../fault.ts"),
  allowedImport("src/drivers/sqlite/file/path.ts", "../../shared/directory.ts"),
  allowedImport("src/drivers/sqlite/SqliteStore.ts", "../../internal/codec/frame.ts"),
  allowedImport("src/Caching.ts", "./internal/engine/flight/flight.ts"),
  allowedImport("src/internal/engine/flight/flight.ts", "../../../Strategy.ts"),
  allowedImport("src/internal/engine/flight/flight.ts", "./waitGraph.ts"),
  allowedImport("src/internal/engine/request/request.ts", "../../../cached/options.ts"),
  allowedImport("src/Cached.ts", "./Caching.ts"),
  allowedImport("src/CacheLayer.ts", "./Cached.ts"),
  allowedImport("src/testing/index.ts", "../CacheLayer.ts"),
  allowedImport("src/http/HttpCache.ts", "../Cached.ts"),
  allowedImport("src/http/HttpCache.ts", "./conditional.ts"),
  allowedImport("src/config/url.ts", "../drivers/redis/index.ts"),
  allowedImport("src/config/url.ts", "../internal/options/options.ts"),
  // Other ways to import.
  {
    file: "src/CacheEntry.ts",
    code: `import type * as Caching from "./Caching.ts"\nexport type It = typeof Caching\n`,
    rule: "effect-cached(floors)"
  },
  { file: "src/CacheEntry.ts", code: `export * from "./Caching.ts"\n`, rule: "effect-cached(floors)" },
  {
    file: "src/internal/engine/memory/memory.ts",
    code: "export const load = () => import(`../flight/flight.ts`)\n",
    rule: "effect-cached(floors)"
  },
  // Out of `src`, and in again.
  refusedImport("src/Ttl.ts", "../test/support/stored.ts"),
  refusedImport("src/Ttl.ts", "../../src/Caching.ts"),
  refusedImport("src/internal/engine/memory/memory.ts", "../../../../src/internal/engine/flight/flight.ts"),
  // Files without a place.
  { file: "src/Attic.ts", code: "export const one = 1\n", rule: "effect-cached(floors)" },
  { file: "src/internal/engine/attic/old.ts", code: "export const one = 1\n", rule: "effect-cached(floors)" },
  // Circles of values, and long lists of parameters.
  {
    file: "src/Ttl.ts",
    code: `import { other } from "./Strategy.ts"\nexport const one = () => other\n`,
    beside: { "src/Strategy.ts": `import { one } from "./Ttl.ts"\nexport const other = () => one\n` },
    rule: "import(no-cycle)"
  },
  {
    file: "src/Ttl.ts",
    code: "export const sum = (a: number, b: number, c: number, d: number, e: number) => a + b + c + d + e\n",
    rule: "eslint(max-params)"
  },
  // The barrel.
  refusedImport("src/Ttl.ts", "effect"),
  refusedImport("src/Ttl.ts", "effect/index"),
  refusedImport("src/Cached.ts", "effect/persistence"),
  allowedImport("src/Cached.ts", "effect/persistence/RateLimiter"),
  allowedImport("src/Ttl.ts", "effect/Duration"),
  // Modules of Node.
  refusedImport("src/Cached.ts", "node:crypto"),
  refusedImport("src/internal/engine/flight/flight.ts", "node:async_hooks"),
  refusedImport("src/CacheLayer.ts", "node:fs"),
  refusedImport("src/drivers/sqlite/SqliteStore.ts", "fs"),
  allowedImport("src/drivers/sqlite/SqliteStore.ts", "node:sqlite"),
  allowedImport("src/drivers/files/FilesStore.ts", "node:fs/promises"),
  allowedImport("src/serializers/Brotli.ts", "node:zlib"),
  {
    file: "src/CacheLayer.ts",
    code: `export const load = () => import("./drivers/sqlite/SqliteStore.ts")\n`
  },
  // Time and dice.
  ...["src/Ttl.ts", "src/drivers/sqlite/SqliteStore.ts", "src/internal/engine/flight/flight.ts"].flatMap((
    file
  ): Array<Case> => [
    { file, code: "export const now = () => Date.now()\n", rule: "effect-cached(no-wall-clock)" },
    { file, code: "export const now = () => performance.now()\n", rule: "effect-cached(no-wall-clock)" },
    { file, code: "export const dice = () => Math.random()\n", rule: "effect-cached(no-wall-clock)" },
    { file, code: "export const dice = Math.random\n", rule: "effect-cached(no-wall-clock)" },
    { file, code: "export const now = () => new Date()\n", rule: "effect-cached(no-wall-clock)" },
    { file, code: "export const now = () => Date()\n", rule: "effect-cached(no-wall-clock)" },
    { file, code: "export const t = setTimeout(() => {}, 1)\n", rule: "effect-cached(no-wall-clock)" },
    { file, code: "export const t = setInterval(() => {}, 1)\n", rule: "effect-cached(no-wall-clock)" },
    { file, code: "export const t = setImmediate(() => {})\n", rule: "effect-cached(no-wall-clock)" },
    { file, code: "export const t = globalThis.setTimeout\n", rule: "effect-cached(no-wall-clock)" },
    { file, code: "export const show = (millis: number) => new Date(millis)\n" }
  ]),
  // Promises in the engine.
  {
    file: "src/Caching.ts",
    code: "export const p = new Promise<number>((resolve) => resolve(1))\n",
    rule: "effect-cached(no-promise)"
  },
  {
    file: "src/internal/engine/flight/flight.ts",
    code: "export const p = Promise.withResolvers()\n",
    rule: "effect-cached(no-promise)"
  },
  // Console
  { file: "src/Cached.ts", code: "export const log = () => console.log(1)\n", rule: "eslint(no-console)" },
  { file: "examples/hello.ts", code: "console.log(1)\n" },
  // English, one of each kind
  /* oxlint-disable effect-cached/english */
  ...[
    "What is damaged is replaced.",
    "Who waits shares the load.",
    "Nobody waits for it.",
    "Of all callers, the first one.",
    "Where it is kept.",
    "A load that nobody waits for.",
    "The callers who wait share it.",
    "The leader is told the outcome.",
    "Tells of changes.",
    "The load goes on.",
    "It is loaded anew.",
    "Until the change is heard.",
    "The marker is mended.",
    "A sum that is no safe integer.",
    "A store that is said to last.",
    "It is not used any more.",
    "the first load of an id",
    `A line that is too long: ${"a word ".repeat(20)}`
  ].flatMap((comment): Array<Case> => [
    { file: "src/Ttl.ts", code: `/** ${comment} */\nexport const one = 1\n`, rule: "effect-cached(english)" },
    { file: "test/ttl.test.ts", code: `// ${comment}\nexport const one = 1\n`, rule: "effect-cached(english)" }
  ]),
  { file: "src/Ttl.ts", code: "export const one = \"The load goes on\"\n", rule: "effect-cached(english)" },
  { file: "test/ttl.test.ts", code: "export const one = `nobody waits for ${1}`\n", rule: "effect-cached(english)" },
  /* oxlint-enable effect-cached/english */
  { file: "src/Ttl.ts", code: "export const one = \"nobody\"\n" },
  { file: "src/Ttl.ts", code: "/** Where to look: what `nobody` means to people who read. */\nexport const one = 1\n" },
  { file: "src/Ttl.ts", code: "export const one = 1 // a rest of its line\n" },
  // Examples import as users do.
  refusedImport("examples/hello.ts", "../src/index.ts"),
  allowedImport("examples/hello.ts", "effect-cached"),
  allowedImport("examples/hello.ts", "effect")
]

const folder = mkdtempSync(join(tmpdir(), "effect-cached-lint-"))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

interface Report {
  readonly diagnostics: ReadonlyArray<{ readonly filename: string; readonly code: string }>
}

/** One run over all cases: each is a project of its own, under this repository's configuration. */
const lint = (): ReadonlyArray<ReadonlyArray<string>> => {
  const config = readFileSync(join(root, ".oxlintrc.json"), "utf8").replaceAll("./test/lint/", `${root}/test/lint/`)
  cases.forEach(({ beside, code, file }, index) => {
    const project = join(folder, String(index))
    for (const [path, text] of Object.entries({ ...beside, ".oxlintrc.json": config, [file]: code })) {
      mkdirSync(dirname(join(project, path)), { recursive: true })
      writeFileSync(join(project, path), text)
    }
  })
  const run = spawnSync(process.execPath, [oxlint, "--format=json"], { cwd: folder, encoding: "utf8" })
  const report = JSON.parse(run.stdout) as Report
  return cases.map(({ file }, index) =>
    report.diagnostics.filter(({ filename }) => filename === `${index}/${file}`).map(({ code }) => code)
  )
}

describe("lint", () => {
  const reported = lint()

  cases.forEach(({ file, code, rule }, index) => {
    it(`${file}: ${rule === undefined ? "allows" : "refuses"} ${code.trim().split("\n")[0]}`, () => {
      expect([...new Set(reported[index])]).toEqual(rule === undefined ? [] : [rule])
    })
  })

  it("no imports of src form a circle", () => {
    const imports = importsOf(join(root, "src"))
    expect([...imports.values()].flat().length).toBeGreaterThan(2000)
    expect(circlesOf(imports)).toEqual([])
  })

  it.each([
    ["of values", `import { b } from "./b.ts"`],
    ["of types", `import type { B } from "./b.ts"`],
    ["over many lines", `import {\n  b\n} from "./b.ts"`],
    ["of what is passed on", `export * from "./b.ts"`],
    ["of what is imported later", `export const b = () => import("./b.ts")`],
    ["by a platform", `import { b } from "#platform/engine/b"`],
    ["of Node", `export const b = () => import("#node/internal/engine/b")`]
  ])("a circle %s is found, in one folder too", (_, text) => {
    const a = "internal/engine/a.ts"
    const b = "internal/engine/b.ts"
    expect(circlesOf(importsAmong([[a, text], [b, `export * from "../engine/a.ts"`]]))).toEqual([[a, b]])
    expect(circlesOf(importsAmong([[a, text], [b, ""]]))).toEqual([])
  })

  it.each(globSync("*/", { cwd: join(root, "src/internal/engine") }))(
    "the room %s has at most sixteen files",
    (room) => {
      expect(readdirSync(join(root, "src/internal/engine", room)).length).toBeLessThanOrEqual(16)
    }
  )
})
