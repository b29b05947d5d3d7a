/**
 * Computes the fingerprint of schemas: a short hash of their structure. The structure is a graph of nodes, without
 * annotations and reference names. Equivalent nodes are merged, as in automaton minimization, so a schema that was
 * annotated, copied or unrolled once has the same graph as the original.
 */
import * as Schema from "effect/Schema"
import * as SchemaAST from "effect/SchemaAST"
import { isClass, representation } from "./declaration.ts"
import { shortDigest } from "./id.ts"

// The format version, part of every hash. Raise it when canonical texts or labels change.
const format = 1

/** Hashes the type side and the JSON side of the schemas, `version`, and the id template. */
export const fingerprint = (
  schemas: ReadonlyArray<Schema.Constraint>,
  version: string | undefined,
  template?: string | undefined
): string =>
  shortDigest(JSON.stringify([
    format,
    version ?? null,
    schemas.map((schema) => [typeSide(schema), jsonSide(schema)]),
    ...template === undefined ? [] : [template]
  ]))

const typeSide = (schema: Schema.Constraint): string => write(SchemaAST.toType(schema.ast))

const jsonSide = (schema: Schema.Constraint): string | null => {
  try {
    return write(SchemaAST.toEncoded(Schema.toCodecJson(schema).ast))
  } catch {
    // The schema has no JSON form, so its values are never written as JSON.
    return null
  }
}

/** Calls `visit` once for every node of a schema. `suspended` says whether to follow `Schema.suspend`. */
export const walk = (
  ast: SchemaAST.AST,
  options: { readonly suspended: "follow" | "skip"; readonly visit: (ast: SchemaAST.AST) => void }
): void => {
  const seen = new Set<SchemaAST.AST>()
  const waiting = [ast]
  for (let node = waiting.pop(); node !== undefined; node = waiting.pop()) {
    if (seen.has(node)) continue
    seen.add(node)
    options.visit(node)
    if (node._tag === "Suspend") {
      if (options.suspended === "follow") waiting.push(node.thunk())
    } else waiting.push(...parts(node).children)
  }
}

/** Returns the name of a declared type that has no representation: the fingerprint would miss changes to that type. */
export const opaqueType = (
  ast: SchemaAST.AST,
  options: { readonly suspended: "follow" | "skip" }
): string | undefined => {
  let found: string | undefined
  const visit = (node: SchemaAST.AST) => {
    if (node._tag !== "Declaration" || isClass(node) || representation(node) !== undefined) return
    found = String(node.annotations?.identifier ?? node.annotations?.["expected"] ?? "Schema.declare")
  }
  walk(SchemaAST.toType(ast), { ...options, visit })
  return found
}

interface Parts {
  readonly label: ReadonlyArray<unknown>
  readonly children: ReadonlyArray<SchemaAST.AST>
}

const parts = (ast: SchemaAST.AST): Parts => {
  const own = ownParts(ast)
  const checks = (ast.checks ?? []).map(checkParts)
  return checks.length === 0 ? own : {
    label: [...own.label, ...checks.map((check) => check.label)],
    children: [...own.children, ...checks.flatMap((check) => check.children)]
  }
}

const ownParts = (ast: SchemaAST.AST): Parts => {
  switch (ast._tag) {
    case "Literal":
      return { label: [ast._tag, typeof ast.literal, String(ast.literal)], children: [] }
    case "UniqueSymbol":
      return { label: [ast._tag, String(ast.symbol)], children: [] }
    case "Enum":
      return { label: [ast._tag, stable(Object.fromEntries(ast.enums))], children: [] }
    case "TemplateLiteral":
      return { label: [ast._tag], children: ast.parts }
    case "Arrays":
      return {
        label: [ast._tag, ast.isMutable, ast.elements.map(SchemaAST.isOptional)],
        children: [...ast.elements, ...ast.rest]
      }
    case "Objects": {
      const properties = [...ast.propertySignatures].sort((a, b) => compare(String(a.name), String(b.name)))
      const label = properties.map(({ name, type }) => [
        String(name),
        SchemaAST.isOptional(type),
        type.context?.isMutable ?? false
      ])
      return {
        label: [ast._tag, label],
        children: [
          ...properties.map((property) => property.type),
          ...ast.indexSignatures.flatMap((index): Array<SchemaAST.AST> => [index.parameter, index.type])
        ]
      }
    }
    case "Union":
      return { label: [ast._tag, ast.options?.mode ?? "anyOf"], children: ast.types }
    case "Declaration":
      return { label: [ast._tag, declarationLabel(ast)], children: ast.typeParameters }
    default:
      return { label: [ast._tag], children: [] }
  }
}

const declarationLabel = (ast: SchemaAST.Declaration): unknown => {
  const identity = representation(ast)
  return identity === undefined ? isClass(ast) ? "class" : "opaque" : [identity.id, stable(identity.payload)]
}

const checkParts = (check: SchemaAST.Check<any>): Parts => {
  const identity = check.annotations?.["representation"] as
    | { readonly id: string; readonly payload: unknown; readonly schemas?: ReadonlyArray<SchemaAST.AST> }
    | undefined
  const inner = check._tag === "FilterGroup" ? check.checks.map(checkParts) : []
  const own = identity === undefined ? null : [identity.id, stable(identity.payload)]
  return {
    label: [check._tag, own, ...inner.map((part) => part.label)],
    children: [...(identity?.schemas ?? []).map(SchemaAST.toType), ...inner.flatMap((part) => part.children)]
  }
}

const compare = (a: string, b: string): number => a < b ? -1 : a > b ? 1 : 0

/** Like JSON with sorted keys, but all except strings, arrays and plain objects are written as their type and text. */
const stable = (value: unknown): string => {
  if (Array.isArray(value)) return `[${value.map(stable).join(",")}]`
  if (typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype) {
    const entries = Object.entries(value).sort(([a], [b]) => compare(a, b))
    return `{${entries.map(([key, item]) => `${JSON.stringify(key)}:${stable(item)}`).join(",")}}`
  }
  return typeof value === "string" ? JSON.stringify(value) : `${typeof value} ${String(value)}`
}

interface Node {
  readonly label: string
  readonly children: Array<Node>
  /** The number of the node's group. Nodes in the same group have not been found to differ so far. */
  group: number
}

const write = (ast: SchemaAST.AST): string => {
  const nodes = new Map<SchemaAST.AST, Node>()
  const root = node(ast, nodes)
  merge([...nodes.values()])
  return writeNode(root, new Map())
}

const node = (suspended: SchemaAST.AST, nodes: Map<SchemaAST.AST, Node>): Node => {
  const ast = resolve(suspended)
  const existing = nodes.get(ast)
  if (existing !== undefined) return existing
  const { children, label } = parts(ast)
  const made: Node = { label: JSON.stringify(label), children: [], group: 0 }
  nodes.set(ast, made)
  for (const child of children) made.children.push(node(child, nodes))
  return made
}

// Follows `Schema.suspend` to its target, because `suspend` is only a notation for cycles.
const resolve = (ast: SchemaAST.AST): SchemaAST.AST => {
  const seen = new Set<SchemaAST.AST>()
  let target = ast
  while (target._tag === "Suspend" && !seen.has(target)) {
    seen.add(target)
    target = target.thunk()
  }
  return target
}

/** Splits groups until all nodes of a group have the same label and children in the same groups (Moore 1956). */
const merge = (nodes: ReadonlyArray<Node>): void => {
  for (let count = 0;;) {
    const groups = new Map<string, number>()
    const next = nodes.map((node) => {
      const signature = `${node.label} ${node.children.map((child) => child.group).join(" ")}`
      const group = groups.get(signature) ?? groups.size
      groups.set(signature, group)
      return group
    })
    nodes.forEach((node, i) => node.group = next[i]!)
    if (groups.size === count) return
    count = groups.size
  }
}

const writeNode = (node: Node, written: Map<number, number>): string => {
  const earlier = written.get(node.group)
  if (earlier !== undefined) return `#${earlier}`
  written.set(node.group, written.size)
  return `${node.label}(${node.children.map((child) => writeNode(child, written)).join(" ")})`
}
