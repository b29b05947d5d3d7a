/** Parts of a schema that accept anything. Effect's JSON form of `Schema.Any` and `ObjectKeyword` is not always JSON. */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as SchemaAST from "effect/SchemaAST"
import * as SchemaIssue from "effect/SchemaIssue"
import * as SchemaTransformation from "effect/SchemaTransformation"
import { pathToOther, upToForm } from "./jsonValue.ts"
import { copyWith, hasPart, mapEnds } from "./schemaParts.ts"

/** A schema that accepts anything. Effect refuses some of what is not JSON below `Unknown` itself, and says less of it. */
export const isOpen = ({ _tag }: SchemaAST.AST): boolean =>
  _tag === "Any" || _tag === "ObjectKeyword" || _tag === "Unknown"

const notJson = { message: "this is not JSON" }

/** Whether an issue says that an open part holds something else than JSON. */
export const isNotJson = (issue: SchemaIssue.Issue): boolean =>
  issue._tag === "InvalidValue" && issue.annotations === notJson

const onlyJson = SchemaTransformation.transformEffect<unknown, unknown>({
  decode: Effect.succeed,
  encode: (value) => {
    const path = pathToOther(value, upToForm)
    if (path === undefined) return Effect.succeed(value)
    return Effect.fail(new SchemaIssue.Pointer(path, new SchemaIssue.InvalidValue(notJson)))
  }
})

/** What a format can hold below an open part: JSON alone, or whatever it takes without a schema. */
export type Holds = "json" | "anything"

const transformations = {
  json: onlyJson,
  // without it, an object would lose its prototype on the way to the format
  anything: SchemaTransformation.passthrough<unknown>()
}

/** The schema as a format can keep it: below its open parts is what the format holds, or encoding fails. */
export const closeParts = <A, R>(schema: Schema.Codec<A, any, R, R>, holds: Holds): Schema.Codec<A, any, R, R> => {
  if (!hasPart(schema.ast, isOpen)) return schema
  const closed = mapEnds(schema.ast, (ast) => {
    if (!isOpen(ast)) return ast
    const to = copyWith(SchemaAST.any, { context: ast.context })
    return copyWith(ast, { encoding: [new SchemaAST.Link(to, transformations[holds])] })
  })
  return Schema.make(closed)
}
