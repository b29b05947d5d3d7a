/** How the fields of rows become cells of a file, and back: by the JSON form of their schema, if they have one. */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"
import * as SchemaAST from "effect/SchemaAST"
import * as SchemaParser from "effect/SchemaParser"
import type { SerializerError } from "../CacheError.ts"
import { isWellFormed } from "../internal/codec/bytes.ts"
import * as Columns from "../internal/codec/columns.ts"
import { otherIn, upToForm } from "../internal/codec/jsonValue.ts"
import { jsonFormOf, leafKinds, resolved } from "../internal/codec/narrow.ts"
import { closeParts } from "../internal/codec/openParts.ts"
import { columnOf as parquetColumn, declaredId, type Kind, kinds, partAt } from "../internal/codec/parquetColumns.ts"
import { placeOf } from "../internal/codec/place.ts"
import * as throughSchema from "../internal/codec/throughSchema.ts"
import type { Format } from "./format.ts"

type AST = SchemaAST.AST

/** Why a row cannot be written or read faithfully. */
export const Misfit = Columns.Misfit

export interface Column extends Columns.Column {
  readonly kind: Kind
  readonly isBytes: boolean
}

/** A schema as its rows are in files. */
export interface Form {
  /** Whether values may have fields, and whether they may have none, so that their rows have the field `value`. */
  readonly hasFields: boolean
  readonly isOther: boolean
  /** The names of the fields that every row may have, in their order. */
  readonly names: ReadonlyArray<string>
  readonly columnOf: (name: string) => Column | undefined
  readonly toJson: (value: unknown) => Effect.Effect<unknown, SerializerError, any>
  readonly fromJson: (json: unknown) => Effect.Effect<unknown, SerializerError, any>
}

/** Runs a step of a form. Throws a `Misfit` if the value does not fit. */
export const converted = (step: Effect.Effect<unknown, SerializerError, any>): unknown => {
  const exit = Effect.runSyncExit(step as Effect.Effect<unknown, SerializerError>)
  if (Exit.isSuccess(exit)) return exit.value
  throw new Misfit((Cause.squash(exit.cause) as SerializerError).reason)
}

const forms = new WeakMap<object, Form>()

export const formOf = (schema: Schema.Constraint): Form => {
  const known = forms.get(schema)
  if (known !== undefined) return known
  const closed = Schema.toCodecJson(closeParts(schema as Schema.Codec<unknown, any, unknown, unknown>, "json"))
  const ast = jsonFormOf(closed)
  const columns = new Map<string, Column | undefined>()
  const structs = structsOf(ast)
  const form: Form = {
    hasFields: structs.length > 0,
    isOther: structs.length < partsOf(ast).length,
    names: Array.from(
      new Set(structs.flatMap(({ propertySignatures }) => propertySignatures.map(({ name }) => String(name))))
    ),
    columnOf(name) {
      if (!columns.has(name)) columns.set(name, columnAt(ast, schema.ast, name))
      return columns.get(name)
    },
    toJson: throughSchema.guard("", "encode", SchemaParser.encodeUnknownEffect(closed, throughSchema.reporting)),
    fromJson: throughSchema.guard("", "decode", SchemaParser.decodeUnknownEffect(closed, throughSchema.reporting))
  }
  forms.set(schema, form)
  return form
}

const partsOf = (ast: AST): ReadonlyArray<AST> => {
  const part = resolved(ast)
  return part._tag === "Union" ? part.types.flatMap(partsOf) : [part]
}

/** The structs and records that a JSON form may be. */
const structsOf = (ast: AST): ReadonlyArray<SchemaAST.Objects> =>
  partsOf(ast).filter((part): part is SchemaAST.Objects => part._tag === "Objects")

const columnAt = (json: AST, typed: AST, name: string): Column | undefined => {
  const types: Array<AST> = []
  let optional = false
  for (const { indexSignatures, propertySignatures } of structsOf(json)) {
    const field = propertySignatures.find((field) => field.name === name)
    optional ||= field === undefined || SchemaAST.isOptional(field.type)
    types.push(...field === undefined ? indexSignatures.map(({ type }) => type) : [field.type])
  }
  const [first] = types
  if (first === undefined) return undefined
  const ast = resolved(types.length === 1 ? first : Schema.Union(types.map((type) => Schema.make(type))).ast)
  const given = { name, path: [name], ast, optional }
  return {
    ...given,
    kind: parquetColumn({ ...given, isText: false }, typed),
    isText: !optional && Columns.isOnlyText(ast),
    isBytes: partsOf(partAt(typed, [name]) ?? ast).some((part) => declaredId(part) === "effect/schema/Uint8Array"),
    fits: leafKinds(ast) === undefined ? SchemaParser.is(Schema.make(ast)) : undefined
  }
}

const misfit = (name: string, problem: string): never => {
  throw new Misfit(`the field "${name}" ${problem}`)
}

/** A cell with a schema, of its JSON form. */
export const write = (format: Format, column: Column, json: unknown): unknown => {
  if (format === "ndjson" || json === undefined) return json
  if (format === "csv") return Columns.writeCell(column, json, false)
  if (json === null && !column.optional) return null
  if (!isNested(column)) return isOf(column, kinds.json) ? Columns.jsonText(json) : typed(column, json)
  // The package would copy an object with a prototype, and lose -0 and a field of the name `__proto__`.
  return Object.assign(Object.create(null), { toJSON: () => Columns.withSigns(json) })
}

const typed = ({ kind, name }: Column, json: unknown): unknown => {
  try {
    return kind.write(json)
  } catch (thrown) {
    return misfit(name, `has no value in Parquet: ${Columns.reasonOf(thrown) ?? String(thrown)}`)
  }
}

const isOf = (column: Column, kind: Kind): boolean => column.kind.write === kind.write

/** Whether a column holds only arrays and objects, so that it has the type JSON in Parquet. */
const isNested = ({ ast, optional }: Column): boolean =>
  partsOf(ast).every(({ _tag }) => _tag === "Arrays" || _tag === "Objects" || _tag === "Null" && !optional)

/** The type of a column of Parquet. */
export const typeOf = (column: Column): ParquetType =>
  isNested(column)
    ? "JSON"
    : column.kind.converted === undefined
    ? types[column.kind.type]
    : named[column.kind.converted]

export type ParquetType = "DOUBLE" | "BOOLEAN" | "INT64" | "TIMESTAMP" | "JSON" | "STRING"

const types = { DOUBLE: "DOUBLE", BOOLEAN: "BOOLEAN", INT64: "INT64", BYTE_ARRAY: "STRING" } as const
const named = { UTF8: "STRING", TIMESTAMP_MILLIS: "TIMESTAMP" } as const

/** The JSON form of a cell with a schema. `undefined`: a missing field. */
export const read = (format: Format, column: Column, cell: unknown): unknown => {
  if (Number.isSafeInteger(cell) && isOf(column, kinds.bigint)) return String(cell)
  if (format === "ndjson") return cell
  if (format === "csv") return Columns.readCell(column, cell as string)
  const meanings = meaningsOf(column, cell)
  const at = meanings.findIndex((meaning) => Columns.holds(column, meaning))
  return at < 0 ? misfit(column.name, "does not fit its schema") : meanings[at]
}

const meaningsOf = (column: Column, cell: unknown): ReadonlyArray<unknown> => {
  if (cell === undefined || cell === null) return [undefined, null]
  if (typeof cell === "string") return isOf(column, kinds.json) ? [...Columns.parsed(cell), cell] : [cell]
  if (typeof cell === "number") return [Number.isFinite(cell) ? cell : String(cell)]
  return [jsonOf(column, cell, Number), jsonOf(column, cell, String)]
}

/** The JSON form of a value of Parquet. A whole number is a number where it is safe, and otherwise as text. */
const jsonOf = (column: Column, value: unknown, ofSafe: (value: bigint) => unknown): unknown => {
  if (typeof value === "bigint") return isSafe(value) ? ofSafe(value) : String(value)
  if (value instanceof Date) return value.toISOString()
  if (value instanceof Uint8Array) return column.isBytes ? Buffer.from(value).toString("base64") : textOf(value)
  return mapParts(value, (part) => jsonOf(column, part, ofSafe))
}

const mapParts = (value: unknown, change: (part: unknown) => unknown): unknown =>
  Array.isArray(value)
    ? value.map(change)
    : typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype
    ? Columns.mapFields(value, change)
    : value

const isSafe = (value: bigint): boolean => Number.isSafeInteger(Number(value))

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })

/** The text of bytes. `undefined` if they are not UTF-8. */
export const textOf = (bytes: Uint8Array): string | undefined => {
  try {
    return utf8.decode(bytes)
  } catch {
    return undefined
  }
}

/** A cell of Parquet without a schema. */
export const plain = (cell: unknown): unknown => {
  if (typeof cell === "bigint") return isSafe(cell) ? Number(cell) : cell
  return cell instanceof Uint8Array ? textOf(cell) ?? cell : mapParts(cell, plain)
}

const jsonOrDates = {
  ...upToForm,
  prototype: (prototype: unknown) => upToForm.prototype(prototype) || prototype === Date.prototype
}

/** A cell without a schema. A field of a row may also hold what only some formats can. */
export const writePlain = (format: Format, name: string, given: unknown, isOfRow: boolean): unknown => {
  if (given === undefined || given === null) return given === null && format === "csv" ? "" : given
  if (format === "parquet" && typeof given === "bigint" && (isOfRow || isSafe(given))) {
    return given === BigInt.asIntN(64, given) ? given : misfit(name, "is a bigint of more than 64 bits")
  }
  const value = plain(given)
  if (typeof value === "string") return format === "ndjson" || isWellFormed(value) ? value : misfit(name, "is not text")
  if (value instanceof Date) {
    if (Number.isNaN(value.getTime())) misfit(name, "is a date without a time")
    return format === "parquet" ? value : value.toISOString()
  }
  if (isOfRow && format === "csv" && typeof value === "bigint") return String(value)
  if (isOfRow && format !== "ndjson" && typeof value === "number" && !Number.isFinite(value)) {
    return format === "csv" ? String(value) : value
  }
  const other = otherIn(value, jsonOrDates)
  if (other !== undefined) {
    misfit(name, `has no JSON form${placeOf(other.path)}, as it is ${other.kind}: give it one in \`output\``)
  }
  return format === "csv" ? Columns.jsonText(value) : value
}
