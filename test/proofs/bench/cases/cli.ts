/**
 * The command `effect-cached` beside raw `node:sqlite`, which reads and writes the same lines: `cli.ts bin entries
 * rounds`. Each subject is a process of its own with a heap of 128 MB. Measured is its processor time, in nanoseconds
 * an entry, or as a whole for `ls` of ten entries.
 */
import { Effect } from "effect"
import { spawnSync } from "node:child_process"
import { createReadStream, globSync, rmSync, writeFileSync, writeSync } from "node:fs"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { DatabaseSync } from "node:sqlite"
import { inTurn, measure, type Subjects, temporaryFolder } from "../measure.ts"
import { hour, openRaw, writerOf } from "../rawTables.ts"

const [bin = "", ...rest] = process.argv.slice(2)

/** The rows of a transaction. */
const chunk = 256

const text = "a description of some letters, as they are in a catalogue; ".repeat(2)

const lineOf = (i: number, now: number): string => {
  const times = { createdAt: now, softExpiresAt: now + hour, expiresAt: now + hour, loadMillis: 3 }
  const meta = { ...times, outcome: "success", tags: [], writeId: String(i).padStart(32, "0"), serializer: 1 }
  const value = JSON.stringify({ name: `product ${i}`, price: i / 100, text })
  return `${JSON.stringify({ id: `Product@01234567:${i}`, format: "json", meta, text: value })}\n`
}

const fill = (file: string, entries: number): void => {
  const now = Date.now()
  for (let from = 0; from < entries; from += 1000) {
    const lines = Array.from({ length: Math.min(1000, entries - from) }, (_, i) => lineOf(from + i, now))
    writeFileSync(file, lines.join(""), { flag: "a" })
  }
}

interface Line {
  readonly id: string
  readonly meta: { readonly expiresAt: number }
  readonly text: string
}

const rawImport = async (lines: string, file: string): Promise<void> => {
  const database = openRaw(file)
  const { change, insert, transaction } = writerOf(database)
  let some: Array<Line> = []
  const write = () => {
    transaction(() => {
      for (const { id, meta, text } of some) {
        insert.run(id, Buffer.from(text), meta.expiresAt)
        change.run(id)
      }
    })
    some = []
  }
  for await (const line of createInterface({ input: createReadStream(lines) })) {
    some.push(JSON.parse(line))
    if (some.length === chunk) write()
  }
  write()
  database.close()
}

const rawExport = (file: string): void => {
  const database = new DatabaseSync(file, { readOnly: true })
  const page = database.prepare("SELECT id, frame, expires_at FROM entry WHERE id > ? ORDER BY id LIMIT 256")
  for (let after = "";;) {
    const rows = page.all(after)
    if (rows.length === 0) return
    after = String(rows.at(-1)!["id"])
    const lines = rows.map(({ expires_at, frame, id }) =>
      `${JSON.stringify({ id, meta: { expiresAt: expires_at }, text: Buffer.from(frame as Uint8Array).toString() })}\n`
    )
    writeSync(1, lines.join(""))
  }
}

const root = join(import.meta.dirname, "../../../..")

/** Prints the processor time of a process at its end: all of it, or since the moment that it has set. */
const report = `process.on("exit", () => {
  const { system, user } = process.cpuUsage(globalThis.begunAt)
  console.error(system + user)
})`

/** Runs a process. Returns its processor time in nanoseconds. */
const run = (args: ReadonlyArray<string>, flags: ReadonlyArray<string> = ["--max-old-space-size=128"]): number => {
  const preload = ["--import", `data:text/javascript,${encodeURIComponent(report)}`]
  const { status, stderr } = spawnSync(process.execPath, [...flags, ...preload, ...args], {
    cwd: root,
    encoding: "utf8",
    env: { ...process.env, NODE_OPTIONS: "" },
    stdio: ["ignore", "ignore", "pipe"]
  })
  if (status !== 0) throw new Error(stderr)
  return Number(stderr.trim().split("\n").at(-1)) * 1000
}

const subjectsIn = (folder: string, lines: string, entries: number): Subjects<(round: number) => number> => {
  const itself = ["--conditions=effect-cached-source", import.meta.filename, "raw"]
  const importing = (name: string, command: (target: string) => ReadonlyArray<string>) => (round: number) => {
    const target = join(folder, `${name} ${round}`)
    const time = run(command(target)) / entries
    // The first one is exported.
    if (round > 0) { for (const file of globSync(`${target}*`)) rmSync(file, { recursive: true }) }
    return time
  }
  return {
    "effect-cached import": importing("ours", (target) => [bin, "import", `disk:${target}`, lines]),
    "raw writes": importing("raw", (target) => [...itself, "import", lines, target]),
    "effect-cached export": () => run([bin, "export", join(folder, "ours 0")]) / entries,
    "raw reads": () => run([...itself, "export", join(folder, "raw 0")]) / entries,
    "effect-cached ls": () => run([bin, "ls", `disk:${join(folder, "ten")}`], []),
    "import effect": () => run(["--input-type=module", "--eval", `import "effect"`], [])
  }
}

if (bin === "raw") {
  // The imports of this module are no part of raw statements.
  Object.assign(globalThis, { begunAt: process.cpuUsage() })
  const [what, from = "", to = ""] = rest
  if (what === "import") await rawImport(from, to)
  else rawExport(from)
} else {
  const [entries = 100_000, rounds = 2] = rest.map(Number)
  const folder = temporaryFolder()
  const lines = join(folder, "in.ndjson")
  fill(lines, entries)
  const ten = join(folder, "ten.ndjson")
  fill(ten, 10)
  run([bin, "import", `disk:${join(folder, "ten")}`, ten])
  const subjects = subjectsIn(folder, lines, entries)
  await measure(inTurn(subjects, { warmup: 1, rounds }, (step, round) => Effect.sync(() => step(round))))
}
