/** Makes the cells of a result from a row and its value. */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Equal from "effect/Equal"
import * as Exit from "effect/Exit"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import type { SerializerError } from "../CacheError.ts"
import { jsonText } from "../internal/codec/columns.ts"
import * as Cells from "./cells.ts"
import type { Fields, Format } from "./format.ts"
import type { Read, Source } from "./input.ts"

/** Fields that are written, and whether two of a row and of its value are the same. */
interface Written {
  readonly row: Fields
  readonly value: Fields
  readonly isSame: (a: unknown, b: unknown) => boolean
}

/** A field of the value must not replace another one of the row, which would be lost. */
const joined = ({ isSame, row, value }: Written): Fields => {
  for (const name of Object.keys(value)) {
    if (Object.hasOwn(row, name) && row[name] !== undefined && !isSame(row[name], value[name])) {
      throw new Cells.Misfit(`the field "${name}" of the row and that of the value differ: name them in \`output\``)
    }
  }
  return { ...row, ...value }
}

const fieldsOf = (value: unknown): Fields => Predicate.isObject(value) ? value as Fields : { value }

/** The fields of a result for a sink, which are not written. */
export const unwritten = (row: object, value: unknown): Fields =>
  joined({ row: row as Fields, value: fieldsOf(value), isSame: Equal.equals })

const written = (fields: Fields, write: (name: string, value: unknown) => unknown): Fields =>
  Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, write(name, value)]))

export const plain = (format: Format, fields: Fields, isOfRow: boolean): Fields =>
  written(fields, (name, value) => Cells.writePlain(format, name, value, isOfRow))

const sameCells = (a: unknown, b: unknown): boolean => Object.is(a, b) || textOf(a) === textOf(b)

const textOf = (cell: unknown): string => typeof cell === "bigint" ? `${cell}n` : jsonText(cell)

/** The columns that the schemas of the rows and of the values know. */
export const makeForms = (source: Source | undefined, success: () => Schema.Constraint | undefined) => {
  let forms: { readonly fields: Cells.Form; readonly other: Cells.Form } | undefined
  const ofValue = () => {
    const schema = success()
    return forms ??= schema && { fields: Cells.formOf(schema), other: Cells.formOf(Schema.Struct({ value: schema })) }
  }
  return {
    ofValue,
    names: (): ReadonlyArray<string> => {
      const { fields } = ofValue() ?? {}
      return [...source?.form?.names ?? [], ...fields?.names ?? [], ...fields?.isOther === true ? ["value"] : []]
    },
    columnOf: (name: string): Cells.Column | undefined => {
      const { fields, other } = ofValue() ?? {}
      const column = fields?.columnOf(name) ?? (fields?.isOther === true ? other!.columnOf(name) : undefined)
      return column ?? source?.form?.columnOf(name)
    }
  }
}

export type Forms = ReturnType<typeof makeForms>

/** The cells of a row. Its own text is kept where the file has the same format. */
const ofRow = (format: Format, source: Source | undefined, { raw, row }: Read): Fields => {
  const form = source?.form
  if (form === undefined) return plain(format, source?.format === format ? raw! : row as Fields, true)
  if (source!.format === format && format !== "parquet") {
    return Object.fromEntries(Object.entries(raw!).filter(([name]) => form.columnOf(name) !== undefined))
  }
  const exit = Effect.runSyncExit(form.toJson(row) as Effect.Effect<unknown, SerializerError>)
  if (Exit.isFailure(exit)) throw new Cells.Misfit((Cause.squash(exit.cause) as SerializerError).reason)
  return ofJson(format, form, exit.value as Fields)
}

const ofJson = (format: Format, form: Cells.Form, json: Fields): Fields =>
  written(json, (name, value) => {
    const column = form.columnOf(name)
    return column === undefined ? Cells.writePlain(format, name, value, false) : Cells.write(format, column, value)
  })

/** The cells of a result. `json` is the value in the form of its schema. */
export const cellsOf = (
  format: Format,
  forms: Forms,
  { json, read, source }: { readonly read: Read; readonly source: Source | undefined; readonly json: unknown }
): Fields => {
  const { fields, other } = forms.ofValue()!
  const value = Predicate.isObject(json)
    ? ofJson(format, fields, json as Fields)
    : ofJson(format, other, { value: json })
  return joined({ row: ofRow(format, source, read), value, isSame: sameCells })
}
