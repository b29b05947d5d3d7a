/** Makes schema parts that accept any value refuse unstorable values: Effect may encode `Schema.Any` as non-JSON. */
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

/** Returns the annotation of an issue about a non-JSON value in a part that accepts any value, or `undefined`. */
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
  // Without this link, an object would lose its prototype before it reaches the format.
  anything: SchemaTransformation.passthrough<unknown>()
}

/** Makes encoding fail if a part that accepts any value contains a value that the format cannot store. */
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

/** Puts a check before a link to JSON text (`Schema.fromJsonString`), because the link changes non-JSON values. */
const checkedLink = (link: SchemaAST.Link): ReadonlyArray<SchemaAST.Link> =>
  isJsonText(link) ? [new SchemaAST.Link(SchemaAST.any, onlyJson), link] : [link]

/** The key of Effect's description of a link to text. With a `replacer` or `reviver`, its `preserveSchema` is false. */
const contentOf = Symbol.for("~effect/Schema/content")

const isJsonText = ({ transformation }: SchemaAST.Link): boolean => {
  const content = (transformation.encode as unknown as { readonly [contentOf]?: Content })[contentOf]
  return content?.mediaType === "application/json" && content.preserveSchema
}

interface Content {
  readonly mediaType: string
  readonly preserveSchema: boolean
}
