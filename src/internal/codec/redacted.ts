/** Finds the secrets of a schema: a serializer that does not encrypt refuses them. */
import type * as SchemaAST from "effect/SchemaAST"
import { CacheConfigError } from "../../CacheError.ts"

const isRedacted = (ast: SchemaAST.AST): boolean =>
  ast._tag === "Declaration" &&
  (ast.annotations?.["representation"] as { readonly id?: unknown } | undefined)?.id === "effect/schema/Redacted"

const children = (ast: SchemaAST.AST): ReadonlyArray<SchemaAST.AST> => {
  switch (ast._tag) {
    case "Declaration":
      return ast.typeParameters
    case "Arrays":
      return [...ast.elements, ...ast.rest]
    case "Objects":
      return [...ast.propertySignatures.map(({ type }) => type), ...ast.indexSignatures.map(({ type }) => type)]
    case "Union":
      return ast.types
    case "Suspend":
      return [ast.thunk()]
    default:
      return []
  }
}

/** Whether a schema has such a part, in its type or on its way to the encoded side. */
export const hasPart = (root: SchemaAST.AST, is: (ast: SchemaAST.AST) => boolean): boolean => {
  const seen = new Set<SchemaAST.AST>()
  const open = [root]
  for (let ast = open.pop(); ast !== undefined; ast = open.pop()) {
    if (seen.has(ast)) continue
    seen.add(ast)
    if (is(ast)) return true
    open.push(...children(ast), ...(ast.encoding ?? []).map((link) => link.to))
  }
  return false
}

/** The secret is in the type or on its way to the encoded side: either way its bytes would be written as they are. */
const hasRedacted = (root: SchemaAST.AST): boolean => hasPart(root, isRedacted)

/** Throws where a serializer that does not encrypt would write a secret. */
export const refuseRedacted = (ast: SchemaAST.AST, serializer: string): void => {
  if (!hasRedacted(ast)) return
  throw new CacheConfigError({
    message: `The serializer "${serializer}" does not encrypt and refuses a schema with Schema.Redacted: ` +
      "the secret would be stored in the clear"
  })
}
