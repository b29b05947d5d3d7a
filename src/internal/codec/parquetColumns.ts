/** The types of the columns of Parquet tables, by the schema of their fields. */
import type * as SchemaAST from "effect/SchemaAST"
import { isWellFormed } from "./bytes.ts"
import * as Columns from "./columns.ts"
import { leafKinds, resolved } from "./narrow.ts"
import type * as File from "./parquetFile.ts"

/** How the JSON form of a field is written, and back. */
export interface Kind extends Pick<File.Physical, "type" | "converted"> {
  readonly write: (value: any) => unknown
  readonly read: (cell: any) => unknown
}

const misfit = (reason: string): never => {
  throw new Columns.Misfit(reason)
}

const same = <A>(value: A): A => value

const text: Kind = {
  type: "BYTE_ARRAY",
  converted: "UTF8",
  write: (value: string) =>
    isWellFormed(value) ? value : misfit("a text has a lone surrogate, which UTF-8 cannot hold"),
  read: same
}

export const kinds = {
  text,
  json: { ...text, write: JSON.stringify, read: (cell: string) => JSON.parse(cell) as unknown },
  boolean: { type: "BOOLEAN", converted: undefined, write: same, read: same },
  // The JSON form of a number that JSON lacks is its name.
  number: {
    type: "DOUBLE",
    converted: undefined,
    write: Number,
    read: (cell: number) => Number.isFinite(cell) ? cell : String(cell)
  },
  bigint: {
    type: "INT64",
    converted: undefined,
    write(value: string) {
      const number = BigInt(value)
      return number === BigInt.asIntN(64, number) ? number : misfit("a bigint needs more than 64 bits")
    },
    read: String
  },
  date: {
    type: "INT64",
    converted: "TIMESTAMP_MILLIS",
    write(value: string) {
      const date = new Date(value)
      return date.toISOString() === value ? date : misfit("a date has no ISO 8601 form")
    },
    read: (cell: bigint) => new Date(Number(cell)).toISOString()
  }
} satisfies Record<string, Kind>

const dates: ReadonlySet<unknown> = new Set(["effect/schema/Date", "effect/schema/DateTimeUtc"])

export const declaredId = (ast: SchemaAST.AST): unknown =>
  (ast.annotations?.["representation"] as { readonly id?: unknown } | undefined)?.id

/** The kind of a field whose schema has a type of its own in Parquet, but is text in JSON. */
const typedKind = (ast: SchemaAST.AST | undefined): Kind | undefined => {
  switch (ast?._tag) {
    case "Suspend":
      return typedKind(resolved(ast))
    case "Union": {
      const types = ast.types.filter(({ _tag }) => _tag !== "Null" && _tag !== "Undefined")
      return types.length === 1 ? typedKind(types[0]) : undefined
    }
    case "BigInt":
      return kinds.bigint
    case "Declaration":
      return dates.has(declaredId(ast)) ? kinds.date : undefined
    default:
      return undefined
  }
}

/** The field of a schema before its conversion to JSON, if it has the same structure. */
export const partAt = (ast: SchemaAST.AST | undefined, path: ReadonlyArray<string>): SchemaAST.AST | undefined => {
  const struct = ast && resolved(ast)
  const [step, ...rest] = path
  if (step === undefined) return struct
  if (struct?._tag !== "Objects") return undefined
  return partAt(struct.propertySignatures.find(({ name }) => name === step)?.type, rest)
}

export interface Column extends File.Physical, Kind {
  readonly path: ReadonlyArray<string>
  /** The meaning of a cell without a value: a missing field, or one that is null. */
  readonly absent: null | undefined
}

export const columnOf = ({ ast, name, optional, path }: Columns.Column, typed: SchemaAST.AST | undefined): Column => {
  const found = leafKinds(ast) ?? new Set()
  const nullable = found.has("null")
  const others = [...found].filter((kind) => kind !== "null").sort().join()
  const kind = optional && nullable
    ? kinds.json
    : (others === "string" ? typedKind(partAt(typed, path)) : undefined) ?? kindOf(ast, others)
  return {
    ...kind,
    name,
    path,
    optional: optional || (nullable && kind !== kinds.json),
    absent: optional ? undefined : null
  }
}

const kindOf = (ast: SchemaAST.AST, kindsOfLeaf: string): Kind => {
  if (kindsOfLeaf === "string") return kinds.text
  if (kindsOfLeaf === "boolean") return kinds.boolean
  return kindsOfLeaf === "number" || (kindsOfLeaf === "number,string" && onlyNamesOfNumbers(ast))
    ? kinds.number
    : kinds.json
}

const namesOfNumbers: ReadonlySet<unknown> = new Set(["NaN", "Infinity", "-Infinity"])

const onlyNamesOfNumbers = (ast: SchemaAST.AST): boolean => {
  const part = resolved(ast)
  if (part._tag === "Union") return part.types.every(onlyNamesOfNumbers)
  return part._tag === "Literal" && typeof part.literal === "string"
    ? namesOfNumbers.has(part.literal)
    : leafKinds(part)?.has("string") === false
}
