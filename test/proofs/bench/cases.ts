/** Runs cases, each in processes of its own. */
import { execFileSync } from "node:child_process"
import { mkdirSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import type { Results, Values } from "./checks.ts"
import { lowerQuartile, type Row } from "./measure.ts"

export const quick = process.argv.includes("--quick")
/** How often each case is run. */
export const processes = quick ? 1 : 5

const here = import.meta.dirname
const root = join(here, "../../..")

type Args = ReadonlyArray<string>

const start = <A = ReadonlyArray<Row>>(name: string, args: Args, flags: Args = []): A =>
  JSON.parse(execFileSync(
    process.execPath,
    ["--conditions=effect-cached-source", "--expose-gc", ...flags, join(here, `cases/${name}.ts`), ...args],
    { encoding: "utf8", stdio: ["ignore", "pipe", "inherit"], maxBuffer: 1 << 26 }
  ))

const toValues = (rows: ReadonlyArray<Row>): Values => Object.fromEntries(rows.map(({ name, value }) => [name, value]))

const times = <A>(count: number, run: () => A): ReadonlyArray<A> => Array.from({ length: count }, run)

/** The values of a case that has rounds of its own: a process for each list of arguments. */
export const once = (name: string, lists: ReadonlyArray<Args> = [[]], flags?: Args): ReadonlyArray<Values> => [
  toValues(lists.flatMap((args) => start(name, args, flags)))
]

/** One set of values a run: ratios are made within each. */
export const each = (name: string, lists?: ReadonlyArray<Args>, count = processes): Results => ({
  [name]: times(count, () => once(name, lists)).flat()
})

/** How often a herd loads, and when it is served. Each run restarts the processes of every cache. */
export const servedBy = (...args: Args) => {
  const runs = times(
    processes,
    () => start<{ readonly [name in "loads" | "served"]: ReadonlyArray<Row> }>("herd", args)
  )
  return { loads: runs.map(({ loads }) => toValues(loads)), served: runs.map(({ served }) => toValues(served)) }
}

/** Builds what users import: types would be stripped at every start. Returns its folder. */
export const build = (): string => {
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

/** The time to import files: short, and told apart by less, so it is taken more often. */
export const importing = (): ReadonlyArray<Values> => {
  const built = build()
  const ours = join(built, "index.js")
  const effect = join(built, "effectOnly.js")
  writeFileSync(effect, start("modules", [ours]).map(({ name }) => `import ${JSON.stringify(name)}\n`).join(""))
  const first = join(built, "first.js")
  writeFileSync(first, firstRead)
  const files = { "effect-cached": ours, "first read": first, "its effect modules": effect }
  const taken = times(quick ? 7 : 21, () => Object.values(files).map((file) => start("import", [file])[0]!.value))
  return [
    Object.fromEntries(
      Object.keys(files).map((name, i) => [name, lowerQuartile(taken.map((values) => values[i]!))])
    )
  ]
}
