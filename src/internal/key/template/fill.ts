/** Fills the placeholders (`Hole`s) of a key template: finds the values and formats them. */
import * as Schema from "effect/Schema"
import * as SchemaAST from "effect/SchemaAST"
import { type Fields, has } from "../canonical.ts"
import { isClass } from "../declaration.ts"
import type { Compile } from "../text.ts"
import { type Fail, type Filled, type Format, formats, own, plain } from "./formats.ts"
import type { Hole, Options } from "./parse.ts"

export interface Given {
  readonly payload: unknown
  readonly result: unknown
  readonly contextValue: (name: string) => unknown
}

/** Fills one placeholder: with one text or, if it reads the result, with a text for each value found (or none). */
export type Fill = (given: Given) => ReadonlyArray<Filled>

/** The schema in which a placeholder's path begins, or `undefined` for a context value, whose schema is unknown. */
export const rootOf = ({ from }: Hole, fields: Schema.Struct.Fields, { result }: Options): SchemaAST.AST | undefined =>
  from === "context" ? undefined : SchemaAST.toType(from === "result" ? result!.ast : Schema.Struct(fields).ast)

/** Expands unions to their members and, in a result, arrays to their elements. Follows `suspend`. */
const partsOf = (asts: ReadonlyArray<SchemaAST.AST>, isOfResult: boolean): ReadonlySet<SchemaAST.AST> => {
  const seen = new Set<SchemaAST.AST>()
  const parts = new Set<SchemaAST.AST>()
  const waiting = [...asts]
  for (let ast = waiting.pop(); ast !== undefined; ast = waiting.pop()) {
    if (seen.has(ast)) continue
    seen.add(ast)
    if (ast._tag === "Union") waiting.push(...ast.types)
    else if (ast._tag === "Suspend") waiting.push(SchemaAST.toType(ast.thunk()))
    else if (isOfResult && ast._tag === "Arrays") waiting.push(...ast.elements, ...ast.rest)
    else parts.add(ast)
  }
  return parts
}

interface Property {
  readonly types: ReadonlyArray<SchemaAST.AST>
  readonly isOptional: boolean
}

const propertyOf = (parts: Iterable<SchemaAST.AST>, name: string): Property => {
  const types: Array<SchemaAST.AST> = []
  let isOptional = false
  for (const part of parts) {
    const ast = part._tag === "Declaration" && isClass(part) ? SchemaAST.toType(part.typeParameters[0]!) : part
    if (ast._tag !== "Objects") continue
    const signature = ast.propertySignatures.find((property) => String(property.name) === name)
    if (signature !== undefined) types.push(signature.type)
    else types.push(...ast.indexSignatures.map(({ type }) => type))
    isOptional ||= signature === undefined || SchemaAST.isOptional(signature.type)
  }
  return { types, isOptional }
}

const absencesOf = ({ isOptional, types }: Property): ReadonlySet<unknown> => {
  const absences = new Set<unknown>(isOptional ? [undefined] : [])
  for (const { _tag } of partsOf(types, false)) {
    if (_tag === "Null" || _tag === "Any" || _tag === "Unknown") absences.add(null)
    if (_tag === "Undefined" || _tag === "Void" || _tag === "Any" || _tag === "Unknown") absences.add(undefined)
  }
  return absences
}

interface Filling {
  readonly hole: Hole
  readonly root: SchemaAST.AST | undefined
  readonly options: Options
  readonly compile: Compile
  readonly wrong: Fail
}

export const filler = ({ compile, hole, options, root, wrong }: Filling): Fill => {
  const isOfResult = hole.from === "result"
  let asts: ReadonlyArray<SchemaAST.AST> | undefined = root === undefined ? undefined : [root]
  const absences: Array<ReadonlySet<unknown>> = []
  for (const name of root === undefined ? [] : hole.path) {
    const property = propertyOf(partsOf(asts!, isOfResult), name)
    asts = property.types
    if (asts.length === 0) throw wrong(`names no field: there is no "${name}"`)
    absences.push(absencesOf(property))
  }
  const parts = asts === undefined ? undefined : Array.from(partsOf(asts, isOfResult))
  const type = { parts, compile, wrong, isLossy: options.lossy === true, isVerified: options.verified === true }
  const format = hole.format === undefined
    ? plain(type)
    : (formats[hole.format] ?? own(options.formatters![hole.format]!))(type, hole.argument)
  if (isOfResult) {
    return ({ result }) =>
      valuesAt(result, hole.path).filter((value) => value !== null && value !== undefined).map(format)
  }
  if (hole.from === "context") return ({ contextValue }) => [absentOr(contextValue(hole.path[0]!), 0, format)]
  return ({ payload }) => {
    if (typeof payload !== "object" || payload === null) {
      throw wrong(`is of a payload with fields, not of ${typeof payload}`)
    }
    const { path } = hole
    let value: unknown = payload
    for (let i = 0; i < path.length; i++) {
      value = typeof value === "object" && has(value!, path[i]!) ? (value as Fields)[path[i]!] : undefined
      if (value !== null && value !== undefined) continue
      if (!absences[i]!.has(value)) throw wrong(`has no value: "${path[i]!}" is ${value}`)
      return [absentOr(value, path.length - 1 - i, format)]
    }
    return [format(value)]
  }
}

/** Writes null as `%-` and undefined as `%_`, followed by the number of path steps left, if any. */
const absentOr = (value: unknown, left: number, format: Format): Filled =>
  value === null || value === undefined
    ? { text: (value === null ? "%-" : "%_") + (left === 0 ? "" : left), lost: "" }
    : format(value)

/** Collects the values at a path, following the path into every element of an array. */
const valuesAt = (value: unknown, path: ReadonlyArray<string>): ReadonlyArray<unknown> => {
  if (Array.isArray(value)) return value.flatMap((one) => valuesAt(one, path))
  const [name, ...rest] = path
  if (name === undefined) return [value]
  return typeof value === "object" && value !== null && has(value, name) ? valuesAt((value as Fields)[name], rest) : []
}
