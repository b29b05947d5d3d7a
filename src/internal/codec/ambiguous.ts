/**
 * Finds schemas with unions whose members an encoded value may confuse. Members count as distinct if they are of
 * different kinds, or have a property with different literals. All other schemas decode what they have encoded.
 */
import * as Schema from "effect/Schema"
import * as SchemaAST from "effect/SchemaAST"
import { isClass, representation } from "../key/declaration.ts"
import { hasPart, isOpen } from "./schemaParts.ts"

type AST = SchemaAST.AST

export const isAmbiguous = (schema: Schema.Constraint): boolean => {
  try {
    return hasPart(Schema.toCodecJson(schema).ast, (ast) => ast._tag === "Union" && hasConfusable(ast))
  } catch {
    // Without a JSON form, its values are not stored.
    return false
  }
}

const hasConfusable = (union: SchemaAST.Union): boolean => {
  const members = alternatives(union)
  return members.some((one, i) =>
    members.slice(i + 1).some((other) => !isKept(one, other) && areConfusable(one, other))
  )
}

/** Whether two members store primitives as they are, so that it does not matter which of them decodes the value. */
const isKept = (one: AST, other: AST): boolean =>
  [one, other].every((ast) =>
    ast.encoding === undefined && typeof kindOf(ast) === "string" && !composite.has(kindOf(ast))
  )

const areConfusable = (one: AST, other: AST): boolean =>
  [SchemaAST.toType, SchemaAST.toEncoded].some((side) =>
    alternatives(side(one)).some((a) => alternatives(side(other)).some((b) => mayMeet(a, b)))
  )

/** The members of a union and of the unions in it. A union that contains itself directly counts as open. */
const alternatives = (ast: AST, depth = 0): ReadonlyArray<AST> => {
  if (depth > 8) return [SchemaAST.unknown]
  if (ast._tag === "Suspend") return alternatives(ast.thunk(), depth + 1)
  if (ast._tag !== "Union" || depth > 0 && ast.encoding !== undefined) return [ast]
  return ast.types.flatMap((type) => alternatives(type, depth + 1))
}

const composite: ReadonlySet<string> = new Set(["open", "array", "object"])

const kindOf = (ast: AST): string => {
  switch (ast._tag) {
    case "Literal":
      return typeof ast.literal
    case "Enum":
    case "Any":
    case "Unknown":
      return "open"
    case "TemplateLiteral":
      return "string"
    case "UniqueSymbol":
      return "symbol"
    case "Void":
      return "undefined"
    case "Arrays":
      return "array"
    case "Objects":
    case "ObjectKeyword":
      return "object"
    case "Declaration":
      return isClass(ast) || isStandard(ast) ? "object" : "open"
    default:
      return ast._tag.toLowerCase()
  }
}

/** Whether a declared type is one of Effect's, whose values are objects. `Json` also has other values. */
const isStandard = (ast: SchemaAST.Declaration): boolean => {
  const id = representation(ast)?.id
  return id?.startsWith("effect/schema/") === true && id !== "effect/schema/Json"
}

const mayMeet = (one: AST, other: AST): boolean => {
  if (isOpen(one) || isOpen(other)) return true
  const values = valuesOf(one)
  const others = valuesOf(other)
  if (values !== undefined && others !== undefined) return values.some((value) => others.includes(value))
  const [kind, otherKind] = [kindOf(one), kindOf(other)]
  if (kind === "open" || otherKind === "open") return true
  return kind === otherKind && !(kind === "object" && areTagged(one, other))
}

const valuesOf = (ast: AST): ReadonlyArray<unknown> | undefined => {
  const all = alternatives(ast).flatMap((one) =>
    one._tag === "Literal" ? [one.literal] : one._tag === "Enum" ? one.enums.map(([, value]) => value) : [undefined]
  )
  return all.includes(undefined) ? undefined : all
}

/** Whether both have a required property with literals, of which none is common. */
const areTagged = (one: AST, other: AST): boolean =>
  propertiesOf(one).some(({ name, type }) => {
    const same = propertiesOf(other).find((property) => property.name === name)
    if (same === undefined || SchemaAST.isOptional(type) || SchemaAST.isOptional(same.type)) return false
    const values = valuesOf(type)
    const others = valuesOf(same.type)
    return values !== undefined && others !== undefined && !values.some((value) => others.includes(value))
  })

const propertiesOf = (ast: AST): ReadonlyArray<SchemaAST.PropertySignature> => {
  const fields = ast._tag === "Declaration" && isClass(ast) ? ast.typeParameters[0]! : ast
  return fields._tag === "Objects" ? fields.propertySignatures : []
}
