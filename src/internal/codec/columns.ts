/** Turns arrays of records into rows of text cells and back, by the JSON form of the records' schema. */
import type * as SchemaAST from "effect/SchemaAST"
import { isWellFormed } from "./bytes.ts"
import { elementOf, holdsLeaf, leafKinds, resolved, unfit } from "./narrow.ts"

type AST = SchemaAST.AST
type Row = ReadonlyArray<string>
export type Fields = Record<string, unknown>

/** A field of the records. A field of a struct in a struct has a column of its own, named like `place.city`. */
export interface Column {
  readonly name: string
  readonly path: ReadonlyArray<string>
  readonly ast: AST
  readonly optional: boolean
  /** Whether each cell is text, so that it can have no other meaning. */
  readonly isText: boolean
  /** Whether a value fits, if the field may hold arrays or objects. */
  readonly fits?: ((value: unknown) => boolean) | undefined
}

/** Throws a `CacheConfigError` unless the schema is that of an array of structs whose fields fit into `cells`. */
export const columnsOf = (
  serializer: string,
  schema: Parameters<typeof elementOf>[0],
  cells: "leaves" | "anything" = "leaves"
): ReadonlyArray<Column> => {
  const refuse = (needs: string): never => {
    throw unfit(serializer, needs)
  }
  const columns: Array<Column> = []
  const around = new Set<AST>()
  const isFlat = (struct: SchemaAST.Objects): boolean =>
    struct.indexSignatures.length === 0 && struct.propertySignatures.length > 0 && !around.has(struct)
  const add = (struct: AST | undefined, path: ReadonlyArray<string>): void => {
    if (struct?._tag !== "Objects" || struct.indexSignatures.length > 0 || around.has(struct)) {
      return refuse("holds only schemas of arrays of structs, and streams of structs")
    }
    if (struct.propertySignatures.length === 0) refuse("needs structs that have fields")
    around.add(struct)
    for (const { name, type } of struct.propertySignatures) {
      const below = [...path, String(name)]
      const ast = resolved(type)
      const optional = type.context?.isOptional === true
      const isStruct = ast._tag === "Objects" && !optional
      if (isStruct && (cells === "leaves" || isFlat(ast))) add(ast, below)
      else if (cells === "leaves" && leafKinds(ast) === undefined) {
        refuse(
          `has no cell for the field ${below.join(".")}: it may be a list, a record or a struct that can be absent`
        )
      } else {
        columns.push({ name: below.join("."), path: below, ast, optional, isText: !optional && isOnlyText(ast) })
      }
    }
    around.delete(struct)
  }
  add(elementOf(schema), [])
  const names = new Set(columns.map(({ name }) => name))
  if (names.size !== columns.length) refuse("needs structs whose fields have names of their own")
  if (!columns.every(({ name }) => isWellFormed(name))) refuse("needs names of fields that UTF-8 can hold")
  return columns
}

export const isOnlyText = (ast: AST): boolean => {
  const kinds = leafKinds(ast)
  return kinds?.size === 1 && kinds.has("string")
}

/** A mark before text that a spreadsheet would take for a formula. Text that looks like marked text gets one more. */
const formula = /^'*[=+\-@\t\r\n＝＋－＠]/
const marked = /^'+[=+\-@\t\r\n＝＋－＠]/

const mark = (text: string, safe: boolean): string => (safe ? formula : marked).test(text) ? `'${text}` : text
const unmark = (text: string): string => marked.test(text) ? text.slice(1) : text

const number = /^-?\d+(\.\d+)?([eE][+-]?\d+)?$/

/** Whether a number has the digits of its text. Fractions are inexact anyway, but a whole number may be an id. */
export const isExact = (text: string): boolean => {
  const value = Number(text)
  return Number.isSafeInteger(value) || Number.isFinite(value) &&
      (!/^-?\d+$/.test(text) || String(value) === text || BigInt(value) === BigInt(text))
}

export const parsed = (text: string): ReadonlyArray<unknown> => {
  try {
    return [JSON.parse(text)]
  } catch {
    return []
  }
}

/** The meanings that a cell can have, the likeliest first. The first one that the column holds is the right one. */
const meaningsOf = (text: string): ReadonlyArray<unknown> => {
  if (text === "") return [undefined, null, ""]
  if (/^["[{]/.test(text)) return [...parsed(text), text]
  if (text === "null") return [null, text]
  if (text === "true" || text === "false") return [text === "true", text]
  return number.test(text) && isExact(text) ? [Number(text), text] : [text]
}

export const holds = ({ ast, fits, optional }: Column, value: unknown): boolean =>
  value === undefined ? optional : fits === undefined ? holdsLeaf(ast, value) : fits(value)

export class Misfit extends Error {}

export const readCell = (column: Column, cell: string): unknown => {
  const text = unmark(cell)
  if (column.isText && !text.startsWith("\"")) return text
  const meanings = meaningsOf(text)
  const at = meanings.findIndex((value) => holds(column, value))
  if (at < 0) throw new Misfit(`a cell of the column "${column.name}" does not fit the schema`)
  return meanings[at]
}

const means = (column: Column, text: string, value: unknown): boolean => {
  const first = meaningsOf(text).find((meaning) => holds(column, meaning))
  return Object.is(first, value) && (value !== undefined || column.optional)
}

const plainText = (value: unknown): string => Object.is(value, -0) ? "-0" : String(value ?? "")

/** The JSON text of a value. `JSON.stringify` would write 0 for -0. */
export const jsonText = (value: unknown): string => JSON.stringify(withSigns(value))

/** A value whose JSON text has the signs of its zeros. */
export const withSigns = (value: unknown): unknown => {
  if (!hasNegativeZero(value)) return value
  const { rawJSON } = JSON as unknown as { readonly rawJSON: (text: string) => unknown }
  const signed = JSON.stringify(value, (_, part) => Object.is(part, -0) ? rawJSON("-0") : part)
  return JSON.parse(signed, (_, part) => Object.is(part, -0) ? rawJSON("-0") : part)
}

const hasNegativeZero = (value: unknown): boolean =>
  typeof value === "object" && value !== null ? Object.values(value).some(hasNegativeZero) : Object.is(value, -0)

export const writeCell = (column: Column, value: unknown, safe: boolean): string => {
  if (typeof value === "object" && value !== null) return jsonText(value)
  const plain = plainText(value)
  if (typeof value === "string") {
    // Text that would be read as another value, or that UTF-8 cannot hold, is written like text in JSON.
    const isPlain = isWellFormed(value) && !plain.startsWith("\"") && (column.isText || means(column, plain, value))
    return mark(isPlain ? plain : JSON.stringify(value), safe)
  }
  if (means(column, plain, value)) return plain
  if (value === null && means(column, "null", value)) return "null"
  throw new Misfit(`a value of the column "${column.name}" has no text`)
}

export const mapFields = (record: object, change: (value: unknown) => unknown): Fields =>
  Object.fromEntries(Object.entries(record).map(([name, value]) => [name, change(value)]))

export const at = (record: unknown, path: ReadonlyArray<string>): unknown =>
  path.reduce((part, step) => Object.hasOwn(part as Fields, step) ? (part as Fields)[step] : undefined, record)

export const toRows = (columns: ReadonlyArray<Column>, records: ReadonlyArray<unknown>, safe: boolean): Array<Row> => [
  columns.map(({ name }) => mark(name, safe)),
  ...records.map((record) => columns.map((column) => writeCell(column, at(record, column.path), safe)))
]

/** Defines the property instead of assigning it, because assigning `__proto__` would change the prototype. */
const put = (target: Fields, name: string, value: unknown): void => {
  if (name === "__proto__") {
    Object.defineProperty(target, name, { value, enumerable: true, writable: true, configurable: true })
  } else target[name] = value
}

export const putAt = (record: Fields, path: ReadonlyArray<string>, value: unknown): void => {
  let target = record
  for (const step of path.slice(0, -1)) {
    if (!Object.hasOwn(target, step)) put(target, step, {})
    target = target[step] as Fields
  }
  if (value !== undefined) put(target, path[path.length - 1]!, value)
}

export const fromRows = (
  columns: ReadonlyArray<Column>,
  [header = [], ...rows]: ReadonlyArray<Row>
): Array<unknown> => {
  const names = header.map(unmark)
  const order = names.map((name) => columns.find((column) => column.name === name))
  if (names.length !== columns.length || new Set(order).size !== columns.length || order.includes(undefined)) {
    throw new Misfit("the columns are not those of the schema")
  }
  return rows.map((row) => {
    if (row.length !== names.length) throw new Misfit("a row has more or fewer cells than there are columns")
    const record: Fields = {}
    row.forEach((cell, i) => putAt(record, order[i]!.path, readCell(order[i]!, cell)))
    return record
  })
}

export const reasonOf = (error: unknown): string | undefined => error instanceof Misfit ? error.message : undefined
