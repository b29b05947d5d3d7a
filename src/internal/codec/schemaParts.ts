/** Finds and replaces parts of a schema. */
import type * as SchemaAST from "effect/SchemaAST"

type AST = SchemaAST.AST

const children = (ast: AST): ReadonlyArray<AST> => {
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

/** Whether `is` holds for any node of a schema, on its type side, its encoded side or between them. */
export const hasPart = (root: AST, is: (ast: AST) => boolean): boolean => {
  const seen = new Set<AST>()
  const open = [root]
  for (let ast = open.pop(); ast !== undefined; ast = open.pop()) {
    if (seen.has(ast)) continue
    seen.add(ast)
    if (is(ast)) return true
    open.push(...children(ast), ...(ast.encoding ?? []).map((link) => link.to))
  }
  return false
}

/** Copies a schema node with some fields changed, as `effect/SchemaAST` does. */
export const copyWith = <A extends AST>(ast: A, changes: Partial<A>): A =>
  Object.assign(Object.create(Object.getPrototypeOf(ast)), ast, changes)

interface Replace {
  /** Maps a leaf node that has no transformation of its own. */
  readonly end: (ast: AST) => AST
  /** Maps the transformations of a node, in the order of encoding. */
  readonly links: (ast: AST, links: ReadonlyArray<SchemaAST.Link>) => ReadonlyArray<SchemaAST.Link>
}

export const mapEnds = (root: AST, replace: Replace): AST => {
  const known = new Map<AST, AST>()
  const map = (ast: AST): AST => {
    const made = known.get(ast) ?? step(ast)
    known.set(ast, made)
    return made
  }
  const all = (list: ReadonlyArray<AST>) => list.map(map)
  const typed = <P extends { readonly type: AST }>(part: P): P => ({ ...part, type: map(part.type) })
  const step = (ast: AST): AST => {
    const { encoding } = ast
    if (encoding !== undefined) {
      const [last] = encoding.slice(-1)
      const links = [...encoding.slice(0, -1), { ...last!, to: map(last!.to) }]
      return copyWith(ast, { encoding: replace.links(ast, links) as never })
    }
    switch (ast._tag) {
      case "Declaration":
        return copyWith(ast, { typeParameters: all(ast.typeParameters) })
      case "Arrays":
        return copyWith(ast, { elements: all(ast.elements), rest: all(ast.rest) })
      case "Objects":
        return copyWith(ast, {
          propertySignatures: ast.propertySignatures.map(typed),
          indexSignatures: ast.indexSignatures.map(typed)
        })
      case "Union":
        return copyWith(ast, { types: all(ast.types) })
      case "Suspend":
        return copyWith(ast, { thunk: () => map(ast.thunk()) })
      default:
        return replace.end(ast)
    }
  }
  return map(root)
}

/** Whether a node accepts any value. `Unknown` is included because Effect's own errors about it are less precise. */
export const isOpen = ({ _tag }: AST): boolean => _tag === "Any" || _tag === "ObjectKeyword" || _tag === "Unknown"
