/**
 * Changes one expression of a room at a time, and runs the tests of the room; then the model and the schedules, with
 * those mutants that the tests let pass. Results are kept in `.cache/mutants`, as long as neither the source nor the
 * test changes.
 *
 *     npm run mutants -- read                     the mutants of src/internal/engine/read
 *     npm run mutants -- read --until far         stops there: near, far, alone, model, schedules
 *     npm run mutants -- read --only "serve.ts"   those with this in their names
 *     npm run mutants -- read --show              only shows what is kept
 */
import { createHash } from "node:crypto"
import { existsSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { parseArgs } from "node:util"
import { root } from "../deliberateFaults/fault.ts"
import { equal } from "./equal.ts"
import { instrument, type Mutant } from "./instrument.ts"
import { drawn, far, filesOf, model, rooms, schedules, sourcesOf } from "./rooms.ts"
import { makeTrials, type Trials } from "./trials.ts"

const { positionals: [name], values: args } = parseArgs({
  allowPositionals: true,
  options: {
    until: { type: "string", default: "schedules" },
    only: { type: "string", default: "" },
    show: { type: "boolean", default: false }
  }
})
const room = rooms[name ?? ""]
if (room === undefined) throw new Error(`a room is one of ${Object.keys(rooms).join(", ")}`)

/** What is known of a mutant. */
interface Known {
  /** The test that found it, and its digest. */
  found?: { readonly by: string; readonly test: string; readonly digest: string }
  /** The digests of what has let it pass. */
  passed: Array<string>
  spentMillis: number
  /** It leaves something behind, so it meets tests only in a process of its own. */
  leaves: boolean
  /** It is also reached while the sources are imported. */
  isStatic: boolean
}

const digestOf = (files: ReadonlyArray<string>): string => {
  const hash = createHash("sha1")
  for (const file of files) hash.update(file).update(readFileSync(file))
  return hash.digest("hex").slice(0, 8)
}

const until = ["near", "far", "alone", "model", "schedules"].indexOf(args.until)
const budgetMillis = 15_000
const quick = 30
const slow = 1000
const keptIn = join(root, `.cache/mutants/${name!.replace("/", "-")}.json`)
const files = sourcesOf(room)
const instrumented = await instrument(files)
const reasons = new Map(equal.flatMap(({ mutants, reason }) => mutants.map((mutant) => [mutant, reason])))
const mutants = drawn(room, instrumented.mutants).filter(({ name }) => name.includes(args.only))

const digests = new Map(files.map((file) => [file, digestOf([file])]))
const kept: Record<string, Record<string, Known>> = existsSync(keptIn) ? JSON.parse(readFileSync(keptIn, "utf8")) : {}
const keyOf = ({ file }: Mutant) => `${file} ${digests.get(file)}`
for (const key of Object.keys(kept)) if (!files.some((file) => key === `${file} ${digests.get(file)}`)) delete kept[key]
const knownOf = (mutant: Mutant): Known =>
  (kept[keyOf(mutant)] ??= {})[mutant.name] ??= { passed: [], spentMillis: 0, leaves: false, isStatic: false }
const keep = () => writeFileSync(keptIn, JSON.stringify(kept))
const alive = () => mutants.filter((mutant) => knownOf(mutant).found === undefined && !reasons.has(mutant.name))

const scheduleFiles = filesOf(["test/simulation/*.ts"])
const digestBy = (by: string) => by.startsWith("--") ? digestOf(scheduleFiles) : existsSync(by) ? digestOf([by]) : ""
for (const mutant of mutants) {
  const known = knownOf(mutant)
  if (known.found !== undefined && known.found.digest !== digestBy(known.found.by)) delete known.found
}

let trials: Trials
const startedAt = performance.now()
const say = (what: string) =>
  console.log(
    `${((performance.now() - startedAt) / 1000).toFixed(0).padStart(6)} s  ${
      String(alive().length).padStart(5)
    } alive  ${what}`
  )

const meetTests = async (globs: ReadonlyArray<string>, [from, to]: readonly [number, number]): Promise<void> => {
  for (const file of filesOf(globs)) {
    const digest = digestBy(file)
    const key = `${digest} ${to}`
    const meeting = alive().filter((mutant) => {
      const { leaves, passed, spentMillis } = knownOf(mutant)
      return !leaves && spentMillis < budgetMillis && !passed.includes(key)
    })
    if (meeting.length === 0) continue
    const ids = meeting.map(({ id }) => id)
    const met = await trials.file(file, { mutants: ids, millis: [from, to], budgetMillis })
    for (const mutant of meeting) {
      const known = knownOf(mutant)
      const test = met.killed.get(mutant.id)
      known.spentMillis += met.spentMillis.get(mutant.id) ?? 0
      if (test !== undefined) known.found = { by: file, test, digest }
      else if (met.left.has(mutant.id)) known.leaves = true
      else known.passed.push(key, ...met.slower === 0 ? [`${digest} ${slow}`] : [])
      known.isStatic = met.static.has(mutant.id)
    }
    keep()
    say(`${file}: ${met.killed.size} killed, ${met.left.size} left something, ${met.unfit.length} unfit`)
  }
}

const meetAlone = async (globs: ReadonlyArray<string>): Promise<void> => {
  const tests = filesOf(globs)
  const key = `alone ${digestOf(tests)}`
  for (const mutant of alive()) {
    const known = knownOf(mutant)
    if (known.passed.includes(key) || !(known.leaves || known.isStatic)) continue
    const [by, test] = await trials.alone(tests, mutant.id) ?? []
    if (by === undefined) known.passed.push(key)
    else known.found = { by, test: test!, digest: digestBy(by) }
    keep()
    say(`${mutant.name}: ${by ?? "passes"}`)
  }
}

const meetSchedules = async (): Promise<void> => {
  for (const args of schedules) {
    const key = `${args.join(" ")} ${digestOf(scheduleFiles)}`
    for (const mutant of alive()) {
      const known = knownOf(mutant)
      if (known.passed.includes(key)) continue
      const by = args.join(" ")
      if (await trials.schedules(args, mutant.id)) known.found = { by, test: by, digest: digestBy(by) }
      else known.passed.push(key)
      keep()
      say(`${mutant.name}: ${known.found === undefined ? "passes" : "found"} (${by})`)
    }
  }
}

if (!args.show) {
  trials = await makeTrials(instrumented, files)
  await meetTests(room.near, [0, quick])
  await meetTests(room.near, [quick / 2, slow])
  if (until > 0) await meetTests(far, [0, quick])
  if (until > 1) await meetAlone(room.near)
  if (until > 2) await meetTests(model, [0, slow])
  if (until > 3) await meetSchedules()
  await trials.close()
}

for (const mutant of alive()) console.log(`${mutant.file}:${mutant.line}  ${mutant.name}`)
const count = (is: (known: Known) => boolean) => mutants.filter((mutant) => is(knownOf(mutant))).length
const isModel = ({ found }: Known) => found?.by.startsWith("test/model/") === true
const isSchedule = ({ found }: Known) => found?.by.startsWith("--") === true
const [found, equals] = [
  count(({ found }) => found !== undefined),
  mutants.filter(({ name }) => reasons.has(name)).length
]
console.log(
  `${name}: ${mutants.length} mutants, ${equals} equal, ${found} found (${count(isModel)} by the model, ` +
    `${count(isSchedule)} by schedules), ${alive().length} alive: ${
      (100 * found / (mutants.length - equals)).toFixed(1)
    } %`
)
process.exit(0)
