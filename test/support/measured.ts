/**
 * The files of `test/measured/`: a measurement writes its parts here, with the machine and the date,
 * and `npm run generate` makes pages from them without measuring.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { availableParallelism, cpus } from "node:os"
import { join } from "node:path"

const folder = join(import.meta.dirname, "../measured")
const fileOf = (name: string): string => join(folder, `${name}.json`)

interface Measured<A> {
  readonly date: string
  readonly machine: string
  readonly result: A
}

const machine = (): string =>
  `${availableParallelism()} × ${cpus()[0]?.model ?? process.arch}, ${process.platform}, Node ${process.version}`

/** The parts that were measured, each with its machine and its date. */
export const measured = <A>(name: string): { readonly [part: string]: Measured<A> } =>
  existsSync(fileOf(name)) ? JSON.parse(readFileSync(fileOf(name), "utf8")) : {}

/** Records parts of a measurement, and keeps its others. */
export const record = <A>(name: string, parts: { readonly [part: string]: A }): void => {
  const now = { date: new Date().toISOString().slice(0, 10), machine: machine() }
  const added = Object.entries(parts).map(([part, result]) => [part, { ...now, result }] as const)
  const all = Object.entries({ ...measured<A>(name), ...Object.fromEntries(added) }).toSorted(([a], [b]) =>
    a < b ? -1 : 1
  )
  mkdirSync(folder, { recursive: true })
  writeFileSync(fileOf(name), `${JSON.stringify(Object.fromEntries(all), undefined, 2)}\n`)
}

/** Only the results of what was measured. */
export const resultsOf = <A>(name: string): { readonly [part: string]: A } =>
  Object.fromEntries(Object.entries(measured<A>(name)).map(([part, { result }]) => [part, result]))
