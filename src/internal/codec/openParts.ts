/** Parts of a schema that accept anything. Effect's JSON form of `Schema.Any` is not always JSON. */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as SchemaAST from "effect/SchemaAST"
import * as SchemaIssue from "effect/SchemaIssue"
import * as SchemaTransformation from "effect/SchemaTransformation"
import { otherIn, upToForm } from "./jsonValue.ts"
import { copyWith, hasPart, isOpen, mapEnds } from "./schemaParts.ts"

class NotJson {
  readonly message = "this is not JSON"
  readonly what: string | undefined

  constructor(what: string | undefined) {
    this.what = what
  }
}

/** The annotations of an issue about an open part that does not hold JSON, or `undefined` for any other issue. */
export const notJsonOf = (issue: SchemaIssue.Issue): NotJson | undefined =>
  issue._tag === "InvalidValue" && issue.annotations instanceof NotJson ? issue.annotations : undefined

const onlyJson = SchemaTransformation.transformEffect<unknown, unknown>({
  decode: Effect.succeed,
  encode: (value) => {
    const other = otherIn(value, upToForm)
    if (other === undefined) return Effect.succeed(value)
    return Effect.fail(
      new SchemaIssue.Pointer(
        other.path,
        new SchemaIssue.InvalidValue(new NotJson(other.what?.name) as { message: string })
      )
    )
  }
})

export type Holds = "json" | "anything"

const transformations = {
  json: onlyJson,
  // Without it, an object would lose its prototype on the way to the format.
  anything: SchemaTransformation.passthrough<unknown>()
}

/** If an open part holds anything that the format cannot store, encoding fails. */
export const closeParts = <A, R>(schema: Schema.Codec<A, any, R, R>, holds: Holds): Schema.Codec<A, any, R, R> => {
  if (!hasPart(schema.ast, isOpen)) return schema
  const closed = mapEnds(schema.ast, {
    end: (ast) => {
      if (!isOpen(ast)) return ast
      const to = copyWith(SchemaAST.any, { context: ast.context })
      return copyWith(ast, { encoding: [new SchemaAST.Link(to, transformations[holds])] })
    },
    links: (ast, links) => hasPart(copyWith(ast, { encoding: undefined }), isOpen) ? links.flatMap(checkedLink) : links
  })
  return Schema.make(closed)
}

/** A link that converts JSON to text, like `Schema.fromJsonString`, would omit or change values other than JSON. */
const checkedLink = (link: SchemaAST.Link): ReadonlyArray<SchemaAST.Link> =>
  isJsonText(link) ? [new SchemaAST.Link(SchemaAST.any, onlyJson), link] : [link]

/** Effect's mark of the transformation. With a `replacer` or `reviver` of the user, it does not preserve the schema. */
const contentOf = Symbol.for("~effect/Schema/content")

const isJsonText = ({ transformation }: SchemaAST.Link): boolean => {
  const content = (transformation.encode as unknown as { readonly [contentOf]?: Content })[contentOf]
  return content?.mediaType === "application/json" && content.preserveSchema
}

interface Content {
  readonly mediaType: string
  readonly preserveSchema: boolean
}
