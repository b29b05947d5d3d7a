/** Serializers that hold only some kinds of values, and refuse the schemas of others. */
import * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"
import * as SchemaAST from "effect/SchemaAST"
import type { Codec, Serializer } from "../../ports/serializer.ts"
import { mistake } from "../options/options.ts"
import { json } from "./json.ts"
import { refuseRedacted } from "./redacted.ts"
import { ofElements } from "./table.ts"
import * as throughSchema from "./throughSchema.ts"

type AST = SchemaAST.AST

interface Narrow {
  readonly name: string
  /** Compiles a codec for values. Throws a `CacheConfigError` for a schema that the format does not support. */
  readonly fromSchema: <A, R>(schema: Schema.Codec<A, any, R, R>) => Codec<A, R>
  readonly plain: throughSchema.Format
}

export const narrow = ({ fromSchema, name, plain }: Narrow): Serializer["make"] => (schema, use) => {
  if (schema === undefined) return throughSchema.withoutSchema(plain)
  refuseRedacted(schema.ast, name)
  // The failures of a key class seldom have the form of its values, and JSON holds them all.
  return use?.outcome === "failure"
    ? { ...throughSchema.make(json, schema), extension: ".json" }
    : fromSchema(schema)
}

export const unfit = (name: string, needs: string) =>
  mistake(`The serializer "${name}" ${needs}: change the schema of the key class, or choose another serializer`)

interface Tables {
  readonly name: string
  /** The format for an array of records. Throws a `CacheConfigError` for other schemas. */
  readonly formatOf: (schema: Schema.Constraint) => throughSchema.Format
  readonly plain: throughSchema.Format
}

/** Like `narrow`, for formats of tables. The pages of a stream are tables too, unless each element is one. */
export const tables = ({ formatOf, name, plain }: Tables): Serializer["make"] => {
  const values = narrow({ name, plain, fromSchema: (schema) => throughSchema.make(formatOf(schema), schema) })
  return (schema, use) =>
    schema === undefined || use?.outcome !== "element" || jsonFormOf(schema)._tag === "Arrays"
      ? values(schema, use)
      : ofElements(formatOf, schema)
}

/** A format that refuses everything, for values without a schema. */
export const refusing = (name: string, id: number, reason: string): throughSchema.Format => ({
  name,
  id,
  holds: "json",
  pack: () => Exit.fail(throughSchema.fault(name, "encode", reason)),
  unpack: () => Exit.fail(throughSchema.fault(name, "decode", reason))
})

export const resolved = (ast: AST): AST => ast._tag === "Suspend" ? resolved(ast.thunk()) : ast

export const jsonFormOf = (schema: Schema.Constraint): AST =>
  resolved(SchemaAST.toEncoded(Schema.toCodecJson(schema).ast))

/** The JSON form of an array's elements, or `undefined` if the schema is not that of an array. */
export const elementOf = (schema: Schema.Constraint): AST | undefined => {
  const ast = jsonFormOf(schema)
  if (ast._tag !== "Arrays" || ast.rest.length !== 1 || ast.elements.length > 1) return undefined
  const [element] = ast.rest
  const [first = element] = ast.elements
  return first === element ? resolved(element!) : undefined
}

/** Whether `value`, which is JSON and neither an array nor an object, fits this part of a JSON form. */
export const holdsLeaf = (ast: AST, value: unknown): boolean => {
  switch (ast._tag) {
    case "Suspend":
      return holdsLeaf(ast.thunk(), value)
    case "Union":
      return ast.types.some((type) => holdsLeaf(type, value))
    case "Null":
      return value === null
    case "Boolean":
      return typeof value === "boolean"
    case "Number":
      return typeof value === "number"
    case "String":
    case "TemplateLiteral":
      return typeof value === "string"
    case "Literal":
      return value === ast.literal
    case "Enum":
      return ast.enums.some(([, member]) => value === member)
    default:
      return false
  }
}

type LeafKind = "null" | "boolean" | "number" | "string"

/** The kinds of values that this part of a JSON form holds, or `undefined` if it also holds arrays or objects. */
export const leafKinds = (ast: AST): ReadonlySet<LeafKind> | undefined => {
  const kindOf = (value: unknown) => new Set([value === null ? "null" : typeof value as LeafKind])
  switch (ast._tag) {
    case "Suspend":
      return leafKinds(ast.thunk())
    case "Union": {
      const kinds = new Set<LeafKind>()
      for (const type of ast.types) {
        const found = leafKinds(type)
        if (found === undefined) return undefined
        for (const kind of found) kinds.add(kind)
      }
      return kinds
    }
    case "Null":
      return kindOf(null)
    case "Boolean":
      return kindOf(true)
    case "Number":
      return kindOf(0)
    case "String":
    case "TemplateLiteral":
      return kindOf("")
    case "Literal":
      return kindOf(ast.literal)
    case "Enum":
      return new Set(ast.enums.map(([, member]) => typeof member as LeafKind))
    default:
      return undefined
  }
}
