/**
 * The mutants of some sources, all in the code at once: a global (`__stryker__.activeMutant`) switches one of them on.
 */
import { Instrumenter } from "@stryker-mutator/instrumenter"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { root } from "../../deliberateFaults/fault.ts"

export interface Mutant {
  readonly id: string
  /** Says what is changed, and in which function, so that it remains the same while lines move. */
  readonly name: string
  readonly file: string
  readonly line: number
}

export interface Instrumented {
  readonly mutants: ReadonlyArray<Mutant>
  /** By the path of the source. */
  readonly code: ReadonlyMap<string, string>
}

const silent: any = new Proxy({}, {
  get: (_, name) => String(name).startsWith("is") ? () => false : () => undefined
})

interface Path {
  readonly key: unknown
  readonly isTSType: () => boolean
}

/** Literals in types and quoted names of members are no expressions. */
const noExpressions = {
  shouldIgnore: (path: Path) => path.key === "key" ? "a name" : path.isTSType() ? "a type" : undefined
}

export const instrument = async (files: ReadonlyArray<string>): Promise<Instrumented> => {
  const texts = new Map(files.map((file) => [file, readFileSync(join(root, file), "utf8")]))
  const instrumented = await new Instrumenter(silent).instrument(
    Array.from(texts, ([name, content]) => ({ name, mutate: true, content })),
    { plugins: null, excludedMutations: [], ignorers: [noExpressions] }
  )
  const names = new Map<string, number>()
  return {
    code: new Map(instrumented.files.map(({ content, name }) => [join(root, name), content])),
    mutants: instrumented.mutants.map(({ fileName, id, location: { end, start }, replacement }) => {
      const text = texts.get(fileName)!
      const [from, to] = [start, end].map(({ column, line }) => offsetOf(text, line) + column) as [number, number]
      const name = `${fileName} ${declarationAt(text, from)}: ${short(text.slice(from, to))} => ${short(replacement)}`
      const count = (names.get(name) ?? 0) + 1
      names.set(name, count)
      return { id, name: count === 1 ? name : `${name} (${count})`, file: fileName, line: start.line + 1 }
    })
  }
}

const offsetOf = (text: string, line: number): number => {
  let offset = 0
  for (let i = 0; i < line; i++) offset = text.indexOf("\n", offset) + 1
  return offset
}

/** The name of the declaration at the top level that contains an offset. */
const declarationAt = (text: string, offset: number): string =>
  Array.from(text.slice(0, offset + 1).matchAll(/^(?:export )?(?:default )?(?:const|let|function\*?|class) (\w+)/gm))
    .at(-1)?.[1] ?? "top"

const short = (text: string): string => {
  const line = text.replaceAll(/\s+/g, " ").trim()
  return line.length <= 80 ? line : `${line.slice(0, 40)} … ${line.slice(-40)}`
}
