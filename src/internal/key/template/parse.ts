/** Parses the text and the options of a key template. */
import * as Context from "effect/Context"
import * as Schema from "effect/Schema"
import { mistake, noOption, refuseUnknown, requireObject } from "../../options/options.ts"
import { type Fail, formatOf, formats, type Own, safe } from "./formats.ts"
import type { References } from "./holes.ts"

export interface Options {
  readonly lossy?: boolean | undefined
  readonly verified?: boolean | undefined
  readonly formatters?: { readonly [name: string]: Own } | undefined
  readonly context?: References | undefined
  readonly result?: Schema.Constraint | undefined
}

const optionNames = ["lossy", "verified", "formatters", "context", "result"]

export interface Hole {
  readonly source: string
  readonly from: "payload" | "result" | "context"
  readonly path: ReadonlyArray<string>
  readonly format: string | undefined
  readonly argument: string | undefined
}

export const checkOptions = (text: unknown, fields: unknown, options: Options, fail: Fail): void => {
  if (typeof text !== "string") throw mistake("CacheKey.template needs a text first, like \"user:{id}\"")
  if (Schema.isSchema(fields)) {
    throw fail("it takes the fields of a struct, not a schema (a struct has them as `.fields`)")
  }
  const of = `CacheKey.template(${JSON.stringify(text)})`
  requireObject(of, fields, "fields, like { id: Schema.Int }")
  for (const [name, schema] of Object.entries(fields as object)) {
    if (!Schema.isSchema(schema)) throw fail(`the field "${name}" is not a schema`)
  }
  refuseUnknown(of, options, optionNames)
  for (const name of ["lossy", "verified"] as const) {
    if (options[name] !== undefined && typeof options[name] !== "boolean") {
      throw fail(`\`${name}\` must be true or false`)
    }
  }
  if (options.result !== undefined && !Schema.isSchema(options.result)) throw fail("`result` is not a schema")
  if (options.result !== undefined && Object.hasOwn(fields as object, "result")) {
    throw fail("the field \"result\" and the option of that name cannot be distinguished")
  }
  for (const name of ["formatters", "context"] as const) {
    if (options[name] !== undefined) requireObject(`${of}: \`${name}\``, options[name])
  }
  for (const [name, reference] of Object.entries(options.context ?? {})) {
    if (!isReference(reference)) throw fail(`the context value "${name}" is not a Context.Reference`)
  }
  for (const [name, formatter] of Object.entries(options.formatters ?? {})) {
    if (!/^\w+$/.test(name)) throw fail(`a formatter cannot be named "${name}"`)
    if (Object.hasOwn(formats, name)) throw fail(`there is a formatter "${name}" already`)
    if (typeof formatOf(formatter) !== "function") {
      throw fail(`the formatter "${name}" is neither a function nor { format, injective }`)
    }
  }
}

const isReference = (given: unknown): boolean =>
  (typeof given === "object" || typeof given === "function") && given !== null && Context.isReference(given as never)

export const parse = (
  text: string,
  options: Options,
  fail: Fail
): { readonly literals: ReadonlyArray<string>; readonly holes: ReadonlyArray<Hole> } => {
  const parts = text.split(/\{([^{}]*)\}/)
  const literals = parts.filter((_, i) => i % 2 === 0)
  const holes = parts.filter((_, i) => i % 2 === 1).map((source) => holeOf(source, options, fail))
  if (literals.some((literal) => /[{}]/.test(literal))) throw fail("a brace is unmatched")
  for (let i = 1; i < holes.length; i++) {
    const names = `{${holes[i - 1]!.source}} and {${holes[i]!.source}}`
    const literal = literals[i]!
    if (literal === "") throw fail(`${names} touch: put a text between them, like ":"`)
    if (new RegExp(`^[%${safe}]`).test(literal)) {
      throw fail(
        `between ${names} stands "${literal}", which could continue a value: begin it with a character other than ` +
          "letters, digits and . _ - %"
      )
    }
  }
  return { literals, holes }
}

const holeOf = (source: string, { context, formatters, result }: Options, fail: Fail): Hole => {
  const match = /^(@?)([^:()@]+)(?::(\w+)(?:\((.*)\))?)?$/.exec(source)
  if (match === null) throw fail(`{${source}} is not a hole: write {field}, {field:formatter} or {@contextValue}`)
  const [, at, path, format, argument] = match
  const known = [...Object.keys(formats), ...Object.keys(formatters ?? {})]
  if (format !== undefined && !known.includes(format)) {
    throw fail(`{${source}}: there is ${noOption(format, known).replace("no option", "no formatter")}`)
  }
  const names = path!.split(".")
  if (at === "@") {
    if (!Object.hasOwn(context ?? {}, path!)) throw fail(`{${source}} names no context value`)
    return { source, from: "context", path: [path!], format, argument }
  }
  return result !== undefined && names[0] === "result"
    ? { source, from: "result", path: names.slice(1), format, argument }
    : { source, from: "payload", path: names, format, argument }
}
