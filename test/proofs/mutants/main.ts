/**
 * Changes one expression of a room at a time, and runs the tests of the room; then other tests, the model and the
 * schedules, with those mutants that the tests let pass. Results are kept in `.cache/mutants`, as long as neither the
 * source nor the test changes.
 *
 *     npm run prove -- mutants read                     the mutants of src/internal/engine/read
 *     npm run prove -- mutants read --until far         stops after a stage: show (what is kept), near, alone, far,
 *                                                       model
 *     npm run prove -- mutants read --only "serve.ts"   those with this in their names
 */
import { createHash } from "node:crypto"
import { existsSync, readFileSync, writeFileSync } from "node:fs"
import { parseArgs } from "node:util"
import type { Pass } from "./asked.ts"
import { equal } from "./equal.ts"
import { instrument, type Mutant } from "./instrument.ts"
import { drawn, far, filesOf, model, rooms, schedules, sourcesOf } from "./rooms.ts"
import { makeTrials, type Trials } from "./trials.ts"

const { positionals: names, values: args } = parseArgs({
  allowPositionals: true,
  options: { until: { type: "string", default: "schedules" }, only: { type: "string", default: "" } }
})
const asked = names.map((name) => ({ name, ...rooms[name] ?? unknownRoom(name) }))
const until = ["show", "near", "alone", "far", "model", "schedules"].indexOf(args.until)

function unknownRoom(name: string): never {
  throw new Error(`there is no room "${name}", but ${Object.keys(rooms).join(", ")}`)
}

/** The test that found a mutant, and the digest of its file. */
interface Found {
  readonly by: string
  readonly test: string
  readonly digest: string
}

/** The results of a mutant. */
interface Known {
  found?: Found
  /** The test that found it before the source or that test changed. */
  foundLast?: Found
  /** The digests of what has let it pass. */
  readonly passed: Array<string>
  spentMillis: number
  /** It leaves something behind, so it also meets tests in a process of its own. */
  leaves: boolean
  /** It is also reached while the sources are imported. */
  isStatic: boolean
}

/** A mutant that has met tests for so long is left alone, until the model meets it. */
const budgetMillis = 12_000

const digestOf = (files: ReadonlyArray<string>): string => {
  const hash = createHash("sha1")
  for (const file of files) hash.update(file).update(existsSync(file) ? readFileSync(file) : "")
  return hash.digest("hex").slice(0, 8)
}
const digestBy = (by: string) => digestOf(by.startsWith("--") ? filesOf(["test/simulation/*.ts"]) : [by])

const files = asked.flatMap(sourcesOf)
const instrumented = await instrument(files)
const inRooms = asked.map((room) => {
  const sources = sourcesOf(room)
  return drawn(room, instrumented.mutants.filter(({ file }) => sources.includes(file)))
    .filter(({ name }) => name.includes(args.only))
})
const mutants = inRooms.flat()
const near = asked.flatMap((room) => room.near)
const reasons = new Map(equal.flatMap(({ mutants, reason }) => mutants.map((mutant) => [mutant, reason])))

const keptIn = ".cache/mutants/kept.json"
const kept: Record<string, Record<string, Known>> = existsSync(keptIn) ? JSON.parse(readFileSync(keptIn, "utf8")) : {}
const keyOf = (file: string) => `${file} ${digestOf([file])}`
const keys = new Map(files.map((file) => [file, keyOf(file)]))
const knownIn = (key: string, name: string): Known =>
  (kept[key] ??= {})[name] ??= { passed: [], spentMillis: 0, leaves: false, isStatic: false }
const knownOf = ({ file, name }: Mutant) => knownIn(keys.get(file)!, name)
for (const [key, old] of Object.entries(kept)) {
  const current = keyOf(key.split(" ")[0]!)
  if (key === current) continue
  delete kept[key]
  for (const [name, { found, foundLast = found }] of Object.entries(old)) {
    if (foundLast !== undefined) knownIn(current, name).foundLast ??= foundLast
  }
}
for (const mutant of mutants) {
  const known = knownOf(mutant)
  if (known.found === undefined || known.found.digest === digestBy(known.found.by)) continue
  known.foundLast = known.found
  delete known.found
}
const alive = () => mutants.filter((mutant) => knownOf(mutant).found === undefined && !reasons.has(mutant.name))

let trials: Trials
const startedAt = performance.now()

const keep = (what: string): void => {
  writeFileSync(keptIn, JSON.stringify(kept))
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(0)
  console.log(`${seconds.padStart(6)} s  ${String(alive().length).padStart(5)} alive  ${what}`)
}

const meetTests = async (globs: ReadonlyArray<string>, pass: Pass, budgetMillis: number): Promise<void> => {
  for (const file of filesOf(globs)) {
    const digest = digestBy(file)
    const key = `${digest} ${pass}`
    const meeting = alive().filter((mutant) => {
      const { foundLast, passed, spentMillis } = knownOf(mutant)
      return spentMillis < budgetMillis && !passed.includes(key) && (pass !== "named" || foundLast?.by === file)
    })
    if (meeting.length === 0) continue
    const tests = meeting.map((mutant) => knownOf(mutant).foundLast?.test.replace(/ \(hangs\)$/, "") ?? "")
    const told = await trials.file(file, { mutants: meeting.map(({ id }) => id), pass, tests, budgetMillis })
    const killed = new Map(told.flatMap((line) => line._tag === "Killed" ? [[line.mutant, line.test]] : []))
    const left = new Set(told.map((line) => line._tag === "Left" && line.mutant))
    const ofImports = new Set(told.flatMap((line) => line._tag === "Static" ? line.mutants : []))
    for (const mutant of meeting) {
      const known = knownOf(mutant)
      const test = killed.get(mutant.id)
      if (test === undefined) known.passed.push(key)
      else known.found = { by: file, test, digest }
      known.leaves ||= left.has(mutant.id)
      known.isStatic ||= ofImports.has(mutant.id)
      for (const line of told) if (line._tag === "Spent") known.spentMillis += line.millis[mutant.id] ?? 0
    }
    const unfit = told.filter(({ _tag }) => _tag === "Unfit").length
    keep(`${pass} of ${file}: ${killed.size} found, ${left.size - 1} leave something, ${unfit} tests do not pass twice`)
  }
}

/** Each alone: those that a test in a shared process cannot judge. */
const meetAlone = async (globs: ReadonlyArray<string>): Promise<void> => {
  const tests = filesOf(globs)
  const key = digestOf(tests)
  for (const mutant of alive()) {
    const known = knownOf(mutant)
    if (known.passed.includes(key) || !(known.leaves || known.isStatic)) continue
    const test = await trials.alone(filesOf([known.foundLast?.by ?? "", ...globs]), mutant.id)
    const by = test?.split(" > ")[0]
    if (test === undefined || by === undefined) known.passed.push(key)
    else known.found = { by, test, digest: digestBy(by) }
    keep(`${mutant.name}: ${test ?? "passes"}`)
  }
}

const meetSchedules = (): void => {
  for (const args of schedules) {
    const by = args.join(" ")
    const digest = digestBy(by)
    if (trials.schedules(args, "")) throw new Error(`schedules fail without any mutant: ${by}`)
    for (const mutant of alive()) {
      const known = knownOf(mutant)
      if (known.passed.includes(by + digest)) continue
      const isFound = trials.schedules(args, mutant.id)
      if (isFound) known.found = { by, test: by, digest }
      else known.passed.push(by + digest)
      keep(`${mutant.name}: ${isFound ? "found" : "passes"} (${by})`)
    }
  }
}

/** A few mutants of each of many rooms: importing the tests takes longer than running them. */
const passes = asked.every(({ sources }) => sources === rooms["all"]!.sources)
  ? ["whole"] as const
  : ["some", "quick", "slow"] as const
if (until > 0) {
  trials = await makeTrials(instrumented, files)
  await meetTests(mutants.flatMap((mutant) => knownOf(mutant).foundLast?.by ?? []), "named", budgetMillis)
  for (const pass of passes) await meetTests(near, pass, budgetMillis)
}
if (until > 1) await meetAlone(near)
if (until > 2) await meetTests(far, "some", budgetMillis)
if (until > 3) {
  for (const pass of passes) await meetTests(model, pass, 10 * budgetMillis)
  await meetAlone(model)
}
if (until > 4) meetSchedules()

for (const { file, line, name } of alive()) console.log(`${file}:${line}  ${name.slice(file.length + 1)}`)
asked.forEach(({ name }, i) => {
  const mutants = inRooms[i]!
  const foundBy = (prefix: string) => mutants.filter((mutant) => knownOf(mutant).found?.by.startsWith(prefix)).length
  const [found, equals] = [foundBy(""), mutants.filter(({ name }) => reasons.has(name)).length]
  console.log(
    `${name}: ${mutants.length} mutants, ${equals} equal, ${found} found (${foundBy("test/model/")} by the model, ` +
      `${foundBy("--")} by schedules), ${mutants.length - equals - found} alive: ` +
      `${(100 * found / (mutants.length - equals)).toFixed(1)} %`
  )
})
process.exit()
