/**
 * Encodes values as canonical text: equal values have equal text, different values have different text. The type side
 * of a schema is compiled once into closures. Every text marks its own end (a string is preceded by its length, a word
 * ends with a comma, the rest is in brackets), so texts are joined without separators: `6:Berlin`, `12,`, `true,`,
 * `12n,`, `[1,2,]`, `{4:name!}`, `(0,…)`. Checks (filters) do not run, because keys are created from typed values.
 */
import * as Schema from "effect/Schema"
import * as SchemaAST from "effect/SchemaAST"
import * as SchemaParser from "effect/SchemaParser"
import { declaration } from "./declaration.ts"
import { type Canonical, type Compile, Mismatch, Refused, string, word } from "./text.ts"

export const makeCompile = (): Compile => {
  const done = new Map<SchemaAST.AST, Canonical>()
  const compile: Compile = (ast) => {
    let canonical = done.get(ast)
    if (canonical === undefined) done.set(ast, canonical = compileNode(ast, compile))
    return canonical
  }
  return (ast) => compile(SchemaAST.toType(ast))
}

/**
 * Like `makeCompile`, for values of any schema. A leaf that a transformation makes, such as a trimmed text, may lose by
 * design, so all its values have one text. So have values of types without canonical text.
 */
export const makeLossy = (ast: SchemaAST.AST): (value: unknown) => string => {
  const done = new Map<SchemaAST.AST, Canonical>()
  const compile: Compile = (ast) => {
    const known = done.get(ast)
    if (known !== undefined) return known
    const made = isMadeLeaf(ast) ? alike(ast) : canonicalOr(ast, compile)
    done.set(ast, made)
    return made
  }
  return compile(ast).encode
}

const isMadeLeaf = (ast: SchemaAST.AST): boolean =>
  ast.encoding !== undefined && ast._tag !== "Arrays" && ast._tag !== "Objects" && ast._tag !== "Union" &&
  ast._tag !== "Suspend" && !(ast._tag === "Declaration" && ast.typeParameters.length > 0)

const canonicalOr = (ast: SchemaAST.AST, compile: Compile): Canonical => {
  try {
    return compileNode(ast, compile)
  } catch (error) {
    if (error instanceof Refused) return alike(ast)
    throw error
  }
}

const alike = (ast: SchemaAST.AST): Canonical => ({
  is: SchemaParser.is(Schema.make(SchemaAST.toType(ast))),
  encode: () => ",",
  primitive: false
})

const compileNode = (ast: SchemaAST.AST, compile: Compile): Canonical => {
  switch (ast._tag) {
    case "String":
    case "TemplateLiteral":
      return primitive((value) => typeof value === "string", "a string", string)
    case "Number":
      return primitive((value) => typeof value === "number", "a number")
    case "Boolean":
      return primitive((value) => typeof value === "boolean", "a boolean")
    case "BigInt":
      return primitive((value) => typeof value === "bigint", "a bigint")
    case "Symbol":
      return primitive((value) => typeof value === "symbol", "a symbol", registered)
    case "Null":
      return primitive((value) => value === null, "null")
    case "Undefined":
      return primitive((value) => value === undefined, "undefined")
    case "Void":
      return { is: (value) => value === undefined, encode: () => "undefined,", primitive: true }
    case "Never":
      return primitive(() => false, "nothing")
    case "Literal":
      return primitive((value) => value === ast.literal, `the literal ${String(ast.literal)}`)
    case "UniqueSymbol": {
      if (Symbol.keyFor(ast.symbol) === undefined) throw new Refused(localSymbol)
      return primitive((value) => value === ast.symbol, String(ast.symbol), registered)
    }
    case "Enum": {
      const values = new Set<unknown>(ast.enums.map(([, value]) => value))
      return primitive((value) => values.has(value), "a member of the enum")
    }
    case "Any":
    case "Unknown":
    case "ObjectKeyword":
      throw new Refused(`the schema "${ast._tag}" does not describe its values`)
    case "Arrays":
      return arrays(ast, compile)
    case "Objects":
      return objects(ast, compile)
    case "Union":
      return union(ast, compile)
    case "Suspend":
      return suspend(ast, compile)
    case "Declaration":
      return declaration(ast, compile)
  }
}

const primitive = (
  is: (value: unknown) => boolean,
  expected: string,
  text: (value: never) => string = word
): Canonical => ({
  is,
  encode: (value) => {
    if (!is(value)) throw new Mismatch(expected, value)
    return text(value as never)
  },
  primitive: true
})

const localSymbol = "a symbol made without `Symbol.for` differs in every process"

const registered = (value: symbol): string => {
  const key = Symbol.keyFor(value)
  if (key === undefined) throw new Mismatch(`a symbol made with \`Symbol.for\``, value)
  return `@${string(key)}`
}

const arrays = (ast: SchemaAST.Arrays, compile: Compile): Canonical => {
  const elements = ast.elements.map(compile)
  const required = ast.elements.filter((element) => !SchemaAST.isOptional(element)).length
  const [middle, ...last] = ast.rest.map(compile)
  const least = Math.max(required, last.length === 0 ? 0 : elements.length + last.length)
  const fitsLength = (length: number) => length >= least && (middle !== undefined || length <= elements.length)
  const at = (index: number, length: number): Canonical =>
    index < elements.length
      ? elements[index]!
      : index >= length - last.length
      ? last[index - length + last.length]!
      : middle!
  return {
    is: (value) =>
      Array.isArray(value) && fitsLength(value.length) && all(value, (item, i) => at(i, value.length).is(item)),
    encode: (value) => {
      if (!Array.isArray(value)) throw new Mismatch("an array", value)
      if (!fitsLength(value.length)) throw new Mismatch("a tuple of another length", value)
      let text = "["
      for (let i = 0; i < value.length; i++) text += at(i, value.length).encode(value[i])
      return text + "]"
    },
    primitive: false
  }
}

// `Array.prototype.every` would skip holes.
const all = (items: ReadonlyArray<unknown>, predicate: (item: unknown, index: number) => boolean): boolean => {
  for (let i = 0; i < items.length; i++) if (!predicate(items[i], i)) return false
  return true
}

export interface Property {
  readonly name: string
  readonly optional: boolean
  /** Whether the property is required and all its values are primitives. */
  readonly primitive: boolean
  readonly is: (object: Fields) => boolean
  readonly encode: (object: Fields) => string
}

export type Fields = { readonly [name: string]: unknown }

const absent = "!"

/** Whether an object has a property, of its own or from its class, other than those that every object inherits. */
export const has = (object: object, name: string): boolean =>
  Object.hasOwn(object, name) || (name in object && !(name in Object.prototype))

/** Treats an optional property that is `undefined` like a missing one, because reading either gives `undefined`. */
const isAbsent = (object: Fields, name: string): boolean => object[name] === undefined || !has(object, name)

export const property = (name: string, ast: SchemaAST.AST, compile: Compile): Property => {
  const { encode, is, primitive } = compile(ast)
  return SchemaAST.isOptional(ast)
    ? {
      name,
      optional: true,
      primitive: false,
      is: (object) => isAbsent(object, name) || is(object[name]),
      encode: (object) => isAbsent(object, name) ? absent : encode(object[name])
    }
    : { name, optional: false, primitive, is: (object) => is(object[name]), encode: (object) => encode(object[name]) }
}

/** Compares names by their UTF-16 code units, so the order does not depend on the locale. */
export const byName = (a: { readonly name: string }, b: { readonly name: string }): number =>
  a.name < b.name ? -1 : a.name > b.name ? 1 : 0

/** Joins the texts of all properties. Unrolled, because a loop over closures takes about twice as long. */
export const join = (properties: ReadonlyArray<Property>): (object: Fields) => string => {
  const [a, b, c, d] = properties
  switch (properties.length) {
    case 0:
      return () => ""
    case 1:
      return a!.encode
    case 2:
      return (object) => a!.encode(object) + b!.encode(object)
    case 3:
      return (object) => a!.encode(object) + b!.encode(object) + c!.encode(object)
    case 4:
      return (object) => a!.encode(object) + b!.encode(object) + c!.encode(object) + d!.encode(object)
    default:
      return (object) => {
        let text = ""
        for (let i = 0; i < properties.length; i++) text += properties[i]!.encode(object)
        return text
      }
  }
}

const objects = (ast: SchemaAST.Objects, compile: Compile): Canonical => {
  const properties = ast.propertySignatures
    .map(({ name, type }) => property(propertyName(name), type, compile))
    .sort(byName)
  const encodeProperties = join(properties)
  const named = new Set(properties.map(({ name }) => name))
  const indexes = ast.indexSignatures.map((index) => indexSignature(index, named, compile))
  const isObject = (value: unknown): value is Fields =>
    typeof value === "object" && value !== null && !Array.isArray(value)
  return {
    is: (value) =>
      isObject(value) && properties.every((property) => property.is(value)) &&
      indexes.every((index) => index.is(value)),
    encode: (value) => {
      if (!isObject(value)) throw new Mismatch("an object", value)
      let text = "{" + encodeProperties(value)
      for (const index of indexes) text += index.encode(value)
      return text + "}"
    },
    primitive: false
  }
}

const propertyName = (name: PropertyKey): string => {
  if (typeof name === "symbol") throw new Refused("a property named by a symbol has no stable name")
  return String(name)
}

const indexSignature = (
  index: SchemaAST.IndexSignature,
  named: ReadonlySet<string>,
  compile: Compile
): { readonly is: (object: Fields) => boolean; readonly encode: (object: Fields) => string } => {
  const matches = keyMatcher(index.parameter)
  const { encode, is } = compile(index.type)
  const keysOf = (object: Fields) => Object.keys(object).filter((key) => !named.has(key) && matches(key))
  return {
    is: (object) => keysOf(object).every((key) => is(object[key])),
    encode: (object) => {
      let text = ";"
      for (const key of keysOf(object).sort()) text += string(key) + encode(object[key])
      return text
    }
  }
}

const keyMatcher = (parameter: SchemaAST.AST): (key: string) => boolean => {
  switch (parameter._tag) {
    case "Number":
      return (key) => String(Number(key)) === key
    case "Symbol":
      throw new Refused("a record with symbols as keys has no stable names")
    case "Union": {
      const matchers = parameter.types.map(keyMatcher)
      return (key) => matchers.some((matches) => matches(key))
    }
    case "TemplateLiteral":
      return SchemaParser.is(Schema.make(parameter))
    default:
      return () => true
  }
}

const union = (ast: SchemaAST.Union, compile: Compile): Canonical => {
  const members = ast.types.map((type, index) => ({ ...compile(type), label: `${index},` }))
  const primitives = members.filter((member) => member.primitive)
  const others = members.filter((member) => !member.primitive)
  const only = others.length === 1 ? others[0] : undefined
  return {
    is: (value) => members.some((member) => member.is(value)),
    encode: (value) => {
      for (const member of primitives) if (member.is(value)) return member.encode(value)
      if (only !== undefined) return `(${only.label}${only.encode(value)})`
      // The text covers every union member that the value fits, because each may declare fields that the others do not.
      let text = ""
      for (const member of others) if (member.is(value)) text += member.label + member.encode(value)
      if (text === "") throw new Mismatch("a member of the union", value)
      return `(${text})`
    },
    primitive: others.length === 0
  }
}

const suspend = (ast: SchemaAST.Suspend, compile: Compile): Canonical => {
  let target: Canonical | undefined
  const get = () => target ??= compile(ast.thunk())
  return {
    is: (value) => get().is(value),
    encode: (value) => get().encode(value),
    primitive: false
  }
}
