/** Makes the cells of a result from a row and its value. */
import * as Effect from "effect/Effect"
import * as Equal from "effect/Equal"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
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

const sameCells = (a: unknown, b: unknown): boolean => Object.is(a, b) || textOf(a) === textOf(b)

const textOf = (cell: unknown): string => typeof cell === "bigint" ? `${cell}n` : jsonText(cell)

/** A step that may find that a row cannot be written. It then fails with the reason. */
export const fitting = <A>(make: () => A): Effect.Effect<A, string> =>
  Effect.suspend(() => {
    try {
      return Effect.succeed(make())
    } catch (thrown) {
      if (thrown instanceof Cells.Misfit) return Effect.fail(thrown.message)
      throw thrown
    }
  })

const written = (fields: Fields, write: (name: string, value: unknown) => unknown): Fields =>
  Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, write(name, value)]))

const plain = (format: Format, fields: Fields, isOfRow: boolean): Fields =>
  written(fields, (name, value) => Cells.writePlain(format, name, value, isOfRow))

const ofJson = (format: Format, form: Cells.Form, json: Fields): Fields =>
  written(json, (name, value) => {
    const column = form.columnOf(name)
    return column === undefined ? Cells.writePlain(format, name, value, false) : Cells.write(format, column, value)
  })

/** The cells of a row. Its own text is kept where the file has the same format. */
const ofRow = (format: Format, source: Source | undefined, { raw, row }: Read): Fields => {
  const form = source?.form
  if (form === undefined) return plain(format, source?.format === format ? raw! : row as Fields, true)
  if (source!.format === format && format !== "parquet") {
    return Object.fromEntries(Object.entries(raw!).filter(([name]) => form.columnOf(name) !== undefined))
  }
  return ofJson(format, form, Cells.converted(form.toJson(row)) as Fields)
}

interface Making {
  /** That of the file. `undefined`: the results go to a sink, and are not written. */
  readonly format: Format | undefined
  readonly output: ((row: any, value: any) => Fields) | undefined
  readonly source: Source | undefined
  /** The schema of the values, once it is known. */
  readonly success: () => Schema.Constraint | undefined
}

export const make = ({ format, output, source, success }: Making) => {
  let forms: { readonly fields: Cells.Form; readonly other: Cells.Form } | undefined
  const ofValue = () => {
    const schema = output === undefined ? success() : undefined
    return forms ??= schema && { fields: Cells.formOf(schema), other: Cells.formOf(Schema.Struct({ value: schema })) }
  }
  const own = (make: () => Fields | undefined): Effect.Effect<Fields | undefined, string> =>
    fitting(() => {
      const fields = make()
      return fields === undefined || format === undefined ? fields : plain(format, fields, false)
    })
  return {
    own,
    /** The cells of a result. Fails with the reason if it cannot be written. */
    cellsOf(read: Read, value: unknown): Effect.Effect<Fields | undefined, string, any> {
      const row = read.row as Fields
      if (output !== undefined) return own(() => output(row, value))
      if (format === undefined) return fitting(() => joined({ row, value: fieldsOf(value), isSame: Equal.equals }))
      const { fields, other } = ofValue()!
      return Effect.flatMap(Effect.mapError(fields.toJson(value), ({ reason }) => reason), (json) =>
        fitting(() => {
          const value = ofJson(format, Predicate.isObject(json) ? fields : other, fieldsOf(json))
          return joined({ row: ofRow(format, source, read), value, isSame: sameCells })
        }))
    },
    /** The columns that the schemas of the rows and of the values know. */
    names: (): ReadonlyArray<string> => {
      if (output !== undefined) return []
      const { fields } = ofValue() ?? {}
      return [...source?.form?.names ?? [], ...fields?.names ?? [], ...fields?.isOther === true ? ["value"] : []]
    },
    columnOf: (name: string): Cells.Column | undefined => {
      if (output !== undefined) return undefined
      const { fields, other } = ofValue() ?? {}
      const column = fields?.columnOf(name) ?? (fields?.isOther === true ? other!.columnOf(name) : undefined)
      return column ?? source?.form?.columnOf(name)
    }
  }
}
