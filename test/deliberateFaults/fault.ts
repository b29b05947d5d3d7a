/**
 * Deliberate faults: small changes of `src` that a test must find. What a test cannot find it does not check.
 *
 * A fault names a function and an expression in it, not a line, so it lives on while files move.
 */
import { globSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"

export const root = fileURLToPath(new URL("../..", import.meta.url))

export interface Edit {
  /** The name of the function, at the top level of its file. */
  readonly in: string
  /** Stands once in it; white space of any length is one. */
  readonly find: string
  readonly replace: string
}

export interface Fault extends Edit {
  readonly name: string
  readonly also?: ReadonlyArray<Edit>
  /** Features of the programs of schedules (`features.ts`), whatever the seed draws. */
  readonly draws?: ReadonlyArray<string>
  /**
   * When it is looked for: `"always"` by each `.ci/run` (one of each kind, found within a few seeds), `"by hand"` only
   * by `npm run prove -- consistency --faults` (it may take minutes), else a sixth of them by each `.ci/run`, and all
   * with `ALL_FAULTS=1`.
   */
  readonly sought?: "always" | "by hand"
}

export interface UnitFault extends Fault {
  /** The file whose tests find it. */
  readonly by: string
}

/** A fault as a row of a table. */
export type Row<F extends Fault = Fault> = readonly [
  name: string,
  within: string,
  find: string,
  replace: string,
  more?: Omit<F, "name" | "in" | "find" | "replace">
]

export const faultsOf = <F extends Fault = Fault>(rows: ReadonlyArray<Row<F>>): ReadonlyArray<F> =>
  rows.map(([name, within, find, replace, more]) => ({ name, in: within, find, replace, ...more }) as F)

/** Faults that one file of the tests finds. */
export const foundBy = (by: string, rows: ReadonlyArray<Row>): ReadonlyArray<UnitFault> =>
  faultsOf(rows).map((fault) => ({ ...fault, by }))

/** The part of the faults that this run looks for, from 0 to 5. `undefined`: only those that every run looks for. */
export const sixth = process.env["ALL_FAULTS"] === "1" ? undefined : process.env["FAULTS_SIXTH"]

/** The faults that this run of the tests looks for. */
export const soughtOf = <A extends Fault>(faults: ReadonlyArray<A>): ReadonlyArray<A> =>
  faults.filter(({ sought }, i) => {
    if (process.env["ALL_FAULTS"] === "1") return sought !== "by hand"
    return sought === "always" || (sought === undefined && sixth !== undefined && i % 6 === Number(sixth))
  })

interface Place {
  readonly file: string
  readonly from: number
  readonly to: number
}

/**
 * From the line that declares it to the line that ends it: what is formatted by dprint has both in the first column.
 * Lines of a template (programs in another language) may begin there too.
 */
const bodyOf = (text: string, name: string): readonly [from: number, to: number] | undefined => {
  const start = new RegExp(`^(?:export )?(?:default )?(?:const|function|function\\*|class) ${name}\\b`, "m").exec(text)
  if (start === null) return undefined
  const from = start.index + start[0].length
  const end = Array.from(text.slice(from).matchAll(/\n(?=\S)(?![)}\]])/g), ({ index }) => from + index)
    .find((end) => text.slice(from, end).split("`").length % 2 === 1)
  return [start.index, end ?? text.length]
}

const patternOf = (find: string): RegExp =>
  new RegExp(find.trim().split(/\s+/).map((word) => word.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&")).join("\\s+"), "g")

/** The place of an edit, in sources that may have been changed already. */
export const placesOf = ({ find, in: name }: Edit, textOf = textOfSource): ReadonlyArray<Place> =>
  (filesByName().get(name) ?? []).flatMap((file) => {
    const text = textOf(file)
    const body = bodyOf(text, name)
    if (body === undefined) return []
    const [from, to] = body
    return Array.from(text.slice(from, to).matchAll(patternOf(find)), ({ 0: found, index }): Place => ({
      file,
      from: from + index,
      to: from + index + found.length
    }))
  })

let declared: Map<string, Array<string>> | undefined

/** The files that declare a name at their top level. */
const filesByName = (): ReadonlyMap<string, ReadonlyArray<string>> => {
  if (declared !== undefined) return declared
  declared = new Map()
  for (const file of globSync("src/**/*.ts", { cwd: root })) {
    const names = Array.from(
      textOfSource(file).matchAll(/^(?:export )?(?:default )?(?:const|function|function\*|class) (\w+)\b/gm),
      ([, name]) => name!
    )
    for (const name of new Set(names)) declared.set(name, [...declared.get(name) ?? [], file])
  }
  return declared
}

const texts = new Map<string, string>()

export const textOfSource = (file: string): string => {
  let text = texts.get(file)
  if (text === undefined) texts.set(file, text = readFileSync(join(root, file), "utf8"))
  return text
}

/** The files that have the fault; throws unless each of its edits fits at one place. */
export const filesWith = (fault: Fault): ReadonlyMap<string, string> => {
  const changed = new Map<string, string>()
  const textOf = (file: string) => changed.get(file) ?? textOfSource(file)
  for (const edit of [fault, ...fault.also ?? []]) {
    const places = placesOf(edit, textOf)
    const [place] = places
    if (place === undefined || places.length > 1) {
      throw new Error(`"${fault.name}" fits at ${places.length} places in "${edit.in}": refit it, see test/README.md`)
    }
    const text = textOf(place.file)
    changed.set(place.file, text.slice(0, place.from) + edit.replace + text.slice(place.to))
  }
  return changed
}
