/** Finds secrets (`Schema.Redacted`) in a schema. Serializers that do not encrypt refuse such a schema. */
import type * as SchemaAST from "effect/SchemaAST"
import { mistake } from "../options/options.ts"
import { hasPart } from "./schemaParts.ts"

const isRedacted = (ast: SchemaAST.AST): boolean =>
  ast._tag === "Declaration" &&
  (ast.annotations?.["representation"] as { readonly id?: unknown } | undefined)?.id === "effect/schema/Redacted"

const hasRedacted = (root: SchemaAST.AST): boolean => hasPart(root, isRedacted)

/** Throws if a serializer that does not encrypt would write a secret. */
export const refuseRedacted = (ast: SchemaAST.AST, serializer: string): void => {
  if (!hasRedacted(ast)) return
  throw mistake(
    `The serializer "${serializer}" does not encrypt and refuses a schema with Schema.Redacted: ` +
      "the secret would be stored in the clear. Leave the secret out of the schema"
  )
}
