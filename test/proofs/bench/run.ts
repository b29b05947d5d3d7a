/** Runs cases, each in processes of its own. */
import { execFileSync } from "node:child_process"
import { mkdirSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { lowerQuartile, type Row } from "./measure.ts"

/** The measurements, by the names of the subjects. */
export type Values = { readonly [subject: string]: number }

/** How often each case is run. */
export interface Runs {
  readonly processes: number
  /** Importing is short, and told apart by less. */
  readonly imports: number
}

const here = import.meta.dirname
const root = join(here, "../../..")

const start = <A = ReadonlyArray<Row>>(
  file: string,
  args: ReadonlyArray<string>,
  flags: ReadonlyArray<string> = []
): A =>
  JSON.parse(execFileSync(
    process.execPath,
    ["--conditions=effect-cached-source", "--expose-gc", ...flags, join(here, "cases", file), ...args],
    { encoding: "utf8", stdio: ["ignore", "pipe", "inherit"], maxBuffer: 1 << 26 }
  ))

const toValues = (rows: ReadonlyArray<Row>): Values => Object.fromEntries(rows.map(({ name, value }) => [name, value]))

const times = <A>(count: number, run: () => A): ReadonlyArray<A> => Array.from({ length: count }, run)

/** One set of values a process: ratios are made within each. */
export const hit = ({ processes }: Runs): ReadonlyArray<Values> => times(processes, () => toValues(start("hit.ts", [])))

export const listeners = ({ processes }: Runs): ReadonlyArray<Values> =>
  times(processes, () => toValues(start("listeners.ts", [])))

export const inspector = ({ processes }: Runs): ReadonlyArray<Values> =>
  times(processes, () => toValues(["hits", "turns", "bytes"].flatMap((what) => start("inspector.ts", [what]))))

/** The bytes of a class are counted in a process of their own. */
export const metrics = ({ processes }: Runs): ReadonlyArray<Values> =>
  times(processes, () => toValues(["times", "bytes"].flatMap((what) => start("metrics.ts", [what]))))

export const miss = ({ processes }: Runs): ReadonlyArray<Values> =>
  times(processes, () => toValues(["adaptive", "lru"].flatMap((policy) => start("miss.ts", [policy]))))

export const cold = ({ processes }: Runs): ReadonlyArray<Values> =>
  times(processes, () => toValues(start("cold.ts", [])))

export const disk = ({ processes }: Runs): ReadonlyArray<Values> =>
  times(processes, () => toValues(start("disk.ts", [])))

export const redis = ({ processes }: Runs): ReadonlyArray<Values> =>
  times(processes, () => toValues(start("redis.ts", [])))

export const postgres = ({ processes }: Runs): ReadonlyArray<Values> =>
  times(processes, () => toValues(start("postgres.ts", [])))

export const objects = ({ processes }: Runs): ReadonlyArray<Values> =>
  times(processes, () => toValues(start("objects.ts", [])))

export const tiers = ({ processes }: Runs): ReadonlyArray<Values> =>
  times(processes, () => toValues(start("tiers.ts", [])))

export const freshness = ({ processes }: Runs): ReadonlyArray<Values> =>
  times(processes, () => toValues(start("freshness.ts", [])))

export const write = ({ processes }: Runs): ReadonlyArray<Values> =>
  times(processes, () => toValues(start("write.ts", [])))

export const transact = ({ processes }: Runs): ReadonlyArray<Values> =>
  times(processes, () => toValues(start("transact.ts", [])))

export const derived = ({ processes }: Runs): ReadonlyArray<Values> =>
  times(processes, () => toValues(start("derived.ts", [])))

export const markers = ({ processes }: Runs): ReadonlyArray<Values> =>
  times(processes, () => toValues(start("markers.ts", [])))

/** Each takes half a minute, and has rounds of its own. */
export const turns = ({ processes }: Runs): ReadonlyArray<Values> => [
  toValues(start("turns.ts", [processes === 1 ? "1" : "3"]))
]

export const lock = ({ processes }: Runs): ReadonlyArray<Values> =>
  times(processes, () => toValues(start("lock.ts", [])))

/** It has seeds of its own. */
export const traces = (): ReadonlyArray<Values> => [toValues(start("ratios.ts", []))]

export const policies = ({ processes }: Runs): ReadonlyArray<Values> =>
  times(processes, () => toValues(start("policies.ts", [])))

/** Half a minute each. */
export const expiry = (): ReadonlyArray<Values> => [
  toValues(start("expiry.ts", [], ["--max-old-space-size=4096"]))
]

/** The caches whose reads are compared, and of which loads. */
export const peersOfFull = [
  "effect-cached",
  "lru-cache",
  "Effect Cache",
  "bentocache",
  "cacheable",
  "async-cache-dedupe"
]
export const loadsOfFull = ["zipf", "scan", "mixed"]

/** Each of its reads is measured: one run is enough. */
export const full = (): ReadonlyArray<Values> => [
  toValues(peersOfFull.flatMap((subject) => loadsOfFull.flatMap((load) => start("full.ts", [subject, load]))))
]

export const millionEntries = (): ReadonlyArray<Values> => [toValues(start("start.ts", []))]

export const strategies = ({ processes }: Runs): ReadonlyArray<Values> =>
  times(processes, () => toValues(start("strategies.ts", [])))

export const stream = ({ processes }: Runs): ReadonlyArray<Values> =>
  times(processes, () => toValues(start("stream.ts", [])))

export const http = ({ processes }: Runs): ReadonlyArray<Values> =>
  times(processes, () => toValues(start("http.ts", [])))

export const httpServer = ({ processes }: Runs): ReadonlyArray<Values> =>
  times(processes, () => toValues(start("httpServer.ts", [])))

export const httpRates = (): ReadonlyArray<Values> => [toValues(start("httpRates.ts", []))]

export const httpPurge = ({ processes }: Runs): ReadonlyArray<Values> =>
  times(processes, () => toValues(start("httpPurge.ts", [])))

export const guards = ({ processes }: Runs): ReadonlyArray<Values> =>
  times(processes, () => toValues(start("guards.ts", [])))

export const many = ({ processes }: Runs): ReadonlyArray<Values> =>
  times(processes, () => toValues(start("many.ts", [])))

const storagesOfBulk = ["memory", "disk", "redis", "atOnce", "growth"]

/** Each storage has rounds of its own: 100,000 keys take seconds. */
export const bulk = ({ processes }: Runs): ReadonlyArray<Values> => [
  toValues(storagesOfBulk.flatMap((storage) => start("bulk.ts", [storage, processes === 1 ? "1" : "5"])))
]

export const pipeline = ({ processes }: Runs): ReadonlyArray<Values> => [
  toValues(start("pipeline.ts", processes === 1 ? ["100000", "2"] : ["1000000", "1"], ["--max-old-space-size=256"]))
]

/** The entries that the command copies. */
export const cli = ({ processes }: Runs): ReadonlyArray<Values> => [
  toValues(
    start("cli.ts", [join(build(), "bin.js"), ...processes === 1 ? ["100000", "2"] : ["1000000", "3"]])
  )
]

interface Herd {
  readonly loads: ReadonlyArray<Values>
  readonly served: ReadonlyArray<Values>
}

/** Each run restarts the processes of every cache. */
const herdOf = (count: number, args: ReadonlyArray<string>): Herd => {
  const runs = times(
    count,
    () => start<{ readonly [name in keyof Herd]: ReadonlyArray<Row> }>("herd.ts", args)
  )
  return { loads: runs.map(({ loads }) => toValues(loads)), served: runs.map(({ served }) => toValues(served)) }
}

export const herd = ({ processes }: Runs): Herd => herdOf(processes, [])

export const fastestPeer = "the fastest of the others"

/** Herds of many callers; the other caches share a Redis, too. */
export const callers = ({ processes }: Runs): ReadonlyArray<Values> =>
  herdOf(processes, ["callers"]).served.map((served) => {
    const { "CacheLayer.redis": _, ...others } = served
    return Object.keys(others).length === 0 ? served : { ...served, [fastestPeer]: Math.min(...Object.values(others)) }
  })

export const changes = ({ processes }: Runs): ReadonlyArray<Values> =>
  times(Math.min(3, processes), () => toValues(start("changes.ts", [])))

export const wrappers = ({ processes }: Runs): ReadonlyArray<Values> =>
  times(processes, () => toValues(start("wrappers.ts", [])))

export const formats = ({ processes }: Runs): ReadonlyArray<Values> =>
  times(Math.min(3, processes), () => toValues(start("formats.ts", [])))

export const formatBytes = (): ReadonlyArray<Values> => [toValues(start("formats.ts", ["--bytes"]))]

export const formatTurns = (): ReadonlyArray<Values> => [toValues(start("formats.ts", ["--turns"]))]

export const sizes = (): ReadonlyArray<Values> => [toValues(start("sizes.ts", []))]

/** Bytes do not depend on what else the machine does: one run is enough. */
export const bytesOfHit = (): ReadonlyArray<Values> => [
  toValues(start("hit.ts", ["--bytes"], ["--min-semi-space-size=256", "--max-semi-space-size=256"]))
]

export const memory = (): ReadonlyArray<Values> => [
  toValues(
    ["Map", "lru-cache", "Effect Cache", "effect-cached"].flatMap((subject) =>
      start("memory.ts", [subject], ["--max-old-space-size=4096"])
    )
  )
]

/** Builds what users import: types would be stripped at every start. Returns its folder. */
const build = (): string => {
  const built = join(root, ".cache/bench")
  rmSync(built, { recursive: true, force: true })
  mkdirSync(built, { recursive: true })
  const rolldown = join(root, "node_modules/rolldown/bin/cli.mjs")
  execFileSync(process.execPath, [rolldown, "-c", "--dir", built, "--logLevel", "warn"], {
    cwd: root,
    stdio: "inherit"
  })
  // The names that the modules have for each other lead to what was built, too.
  const imports = { "#platform/*": "./internal/*.js", "#node/*": "./*.js" }
  writeFileSync(join(built, "package.json"), JSON.stringify({ type: "module", imports }))
  return built
}

const firstRead = `import { Effect } from "effect"
import { Cached, CacheLayer } from "./index.js"

await Effect.runPromise(
  Cached.ttl(Effect.succeed(42), "answer", { ttl: "1 hour" }).pipe(Effect.provide(CacheLayer.memory()))
)
`

export const imports = (runs: Runs): ReadonlyArray<Values> => {
  const built = build()
  const ours = join(built, "index.js")
  const effect = join(built, "effectOnly.js")
  writeFileSync(effect, start("modules.ts", [ours]).map(({ name }) => `import ${JSON.stringify(name)}\n`).join(""))
  const first = join(built, "first.js")
  writeFileSync(first, firstRead)
  const files = { "effect-cached": ours, "first read": first, "its effect modules": effect }
  const taken = times(
    runs.imports,
    () => Object.entries(files).map(([name, file]) => ({ name, value: start("import.ts", [file])[0]!.value }))
  )
  return [toValues(taken[0]!.map(({ name }, i) => ({
    name,
    value: lowerQuartile(taken.map((rows) => rows[i]!.value))
  })))]
}
