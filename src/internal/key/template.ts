/**
 * Key templates: texts with holes, which different values fill differently.
 *
 * A value is percent-encoded, but for the characters in `safe`. A text between two holes begins with another character,
 * so each value ends there. What a formatter loses is added at the end, as a digest of the values.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as SchemaAST from "effect/SchemaAST"
import { CacheConfigError } from "../../CacheError.ts"
import { noOption, refuseUnknown, requireObject } from "../options/options.ts"
import { type Fields, has, makeCompile } from "./canonical.ts"
import { isClass, representation } from "./declaration.ts"
import type { References } from "./holes.ts"
import { hash } from "./id.ts"
import { configError } from "./payload.ts"
import { templates } from "./templates.ts"
import { type Compile, describe, Refused, word } from "./text.ts"

type Own = ((value: never) => string) | { readonly format: (value: never) => string; readonly injective?: unknown }

interface Options {
  readonly lossy?: boolean | undefined
  readonly verified?: boolean | undefined
  readonly formatters?: { readonly [name: string]: Own } | undefined
  readonly context?: References | undefined
  readonly result?: Schema.Constraint | undefined
}

const optionNames = ["lossy", "verified", "formatters", "context", "result"]

/** What fills one hole, and the value itself where something of it is lost. */
interface Filled {
  readonly text: string
  readonly lost: string
}

interface Given {
  readonly payload: unknown
  readonly result: unknown
  readonly contextValue: (name: string) => unknown
}

/** Several fillings make several texts, and none makes none: of a result alone. */
type Fill = (given: Given) => ReadonlyArray<Filled>

interface Hole {
  readonly source: string
  readonly from: "payload" | "result" | "context"
  readonly path: ReadonlyArray<string>
  readonly format: string | undefined
  readonly argument: string | undefined
}

const noContext = (): undefined => undefined

export const make = (text: string, fields: Schema.Struct.Fields, options: Options = {}): unknown => {
  const fail = (problem: string): CacheConfigError =>
    new CacheConfigError({ message: `The key template ${JSON.stringify(text)}: ${problem}` })
  checkOptions(text, fields, options, fail)
  const { holes, literals } = parse(text, options, fail)
  const compile = makeCompile()
  const fills = holes.map((hole) => {
    const wrong = (problem: string) => fail(`{${hole.source}} ${problem}`)
    return filler({ hole, root: rootOf(hole, fields, options), options, compile, wrong })
  })
  const isLossy = options.lossy === true
  const texts = (given: Given) => join(literals, fills, given)
  const textOf = (payload: unknown) => texts({ payload, result: undefined, contextValue: noContext })[0]!
  const tagsOf = (
    exit: Exit.Exit<unknown, unknown>,
    payload: unknown,
    contextValue = noContext as Given["contextValue"]
  ) => exit._tag === "Failure" ? [] : Array.from(new Set(texts({ payload, result: exit.value, contextValue })))
  const hasContext = holes.some(({ from }) => from === "context")
  const template = options.result === undefined
    ? hasContext
      ? (payload: unknown) =>
        inContext(options, (contextValue) => texts({ payload, result: undefined, contextValue })[0]!)
      : textOf
    : hasContext
    ? (exit: Exit.Exit<unknown, unknown>, payload: unknown) =>
      inContext(options, (contextValue) => tagsOf(exit, payload, contextValue))
    : (exit: Exit.Exit<unknown, unknown>, payload: unknown) => tagsOf(exit, payload)
  const shown = new Set(
    holes.filter(({ from, path }) => from === "payload" && path.length === 1).map(({ path }) => path[0]!)
  )
  templates.set(template, (name, fields) => {
    if (hasContext || options.result !== undefined) {
      throw configError(name, "`id` is a template with context or result: an id is of the payload alone")
    }
    if (!isLossy) refuseMissing(name, fields, shown)
    return { text, encode: (fields) => readable(textOf(fields)) }
  })
  return template
}

/** Different keys must have different ids. */
const refuseMissing = (name: string, fields: ReadonlyArray<string>, shown: ReadonlySet<string>): void => {
  const missing = fields.find((field) => !shown.has(field))
  if (missing === undefined) return
  throw configError(
    name,
    `the template of \`id\` does not name the field "${missing}", so different keys would have one id: add {${missing}}, ` +
      "list the field in `ignore`, or make the template `lossy`"
  )
}

/** Nothing readable begins as a hash does; no value and no other text of a template begins with `%#`. */
const readable = (text: string): string => text.startsWith("#") ? `%${text}` : text

const inContext = <A>({ context }: Options, f: (contextValue: Given["contextValue"]) => A): Effect.Effect<A> =>
  Effect.withFiber((fiber) => Effect.sync(() => f((name) => fiber.getRef(context![name]!))))

/** All texts that the fillings of the holes make, with what was lost of them. */
const join = (literals: ReadonlyArray<string>, fills: ReadonlyArray<Fill>, given: Given): ReadonlyArray<string> => {
  let all: ReadonlyArray<Filled> = [{ text: literals[0]!, lost: "" }]
  for (let i = 0; i < fills.length; i++) {
    const filled = fills[i]!(given)
    const literal = literals[i + 1]!
    all = all.flatMap((one) =>
      filled.map(({ lost, text }) => ({ text: one.text + text + literal, lost: one.lost + lost }))
    )
  }
  return all.map(({ lost, text }) => lost === "" ? text : `${text}#${hash(lost).slice(0, digestLength)}`)
}

/** 132 bits */
const digestLength = 22

// ---------------------------------------------------------------------------------------------------------------------
// the text
// ---------------------------------------------------------------------------------------------------------------------

type Fail = (problem: string) => CacheConfigError

const checkOptions = (text: unknown, fields: unknown, options: Options, fail: Fail): void => {
  if (typeof text !== "string") {
    throw new CacheConfigError({ message: "CacheKey.template got no text: pass one first, like \"user:{id}\"" })
  }
  if (Schema.isSchema(fields)) {
    throw fail("it takes the fields of a struct, not a schema (a struct has them as `.fields`)")
  }
  const of = `CacheKey.template(${JSON.stringify(text)})`
  requireObject(of, fields, "fields, like { id: Schema.Int }")
  for (const [name, schema] of Object.entries(fields as object)) {
    if (!Schema.isSchema(schema)) throw fail(`the field "${name}" is not a schema`)
  }
  refuseUnknown(of, options, optionNames)
  for (const name of ["lossy", "verified"] as const) {
    if (options[name] !== undefined && typeof options[name] !== "boolean") throw fail(`\`${name}\` is true or false`)
  }
  if (options.result !== undefined && !Schema.isSchema(options.result)) throw fail("`result` is not a schema")
  if (options.result !== undefined && Object.hasOwn(fields as object, "result")) {
    throw fail("the field \"result\" and the option of that name cannot be told apart")
  }
  for (const name of ["formatters", "context"] as const) {
    if (options[name] !== undefined) requireObject(`${of}: \`${name}\``, options[name])
  }
  for (const [name, reference] of Object.entries(options.context ?? {})) {
    if (!isReference(reference)) throw fail(`the context value "${name}" is no Context.Reference`)
  }
  for (const [name, formatter] of Object.entries(options.formatters ?? {})) {
    if (!/^\w+$/.test(name)) throw fail(`a formatter cannot be named "${name}"`)
    if (Object.hasOwn(formats, name)) throw fail(`there is a formatter "${name}" already`)
    if (typeof formatOf(formatter) !== "function") {
      throw fail(`the formatter "${name}" is neither a function nor { format, injective }`)
    }
  }
}

const isReference = (given: unknown): boolean =>
  (typeof given === "object" || typeof given === "function") && given !== null && Context.isReference(given as never)

/** What a value has as it is. A hole ends where another character follows. */
const safe = "A-Za-z0-9._-"

const parse = (
  text: string,
  options: Options,
  fail: Fail
): { readonly literals: ReadonlyArray<string>; readonly holes: ReadonlyArray<Hole> } => {
  const parts = text.split(/\{([^{}]*)\}/)
  const literals = parts.filter((_, i) => i % 2 === 0)
  const holes = parts.filter((_, i) => i % 2 === 1).map((source) => holeOf(source, options, fail))
  if (literals.some((literal) => /[{}]/.test(literal))) throw fail("a brace has no other one")
  for (let i = 1; i < holes.length; i++) {
    const names = `{${holes[i - 1]!.source}} and {${holes[i]!.source}}`
    const literal = literals[i]!
    if (literal === "") throw fail(`${names} touch: put a text between them, like ":"`)
    if (new RegExp(`^[%${safe}]`).test(literal)) {
      throw fail(
        `between ${names} stands "${literal}", with which a value could go on: begin it with another character than ` +
          "letters, digits and . _ - %"
      )
    }
  }
  return { literals, holes }
}

const holeOf = (source: string, { context, formatters, result }: Options, fail: Fail): Hole => {
  const match = /^(@?)([^:()@]+)(?::(\w+)(?:\((.*)\))?)?$/.exec(source)
  if (match === null) throw fail(`{${source}} is no hole: write {field}, {field:formatter} or {@contextValue}`)
  const [, at, path, format, argument] = match
  const known = [...Object.keys(formats), ...Object.keys(formatters ?? {})]
  if (format !== undefined && !known.includes(format)) {
    throw fail(`{${source}}: there is ${noOption(format, known).replace("no option", "no formatter")}`)
  }
  const names = path!.split(".")
  if (at === "@") {
    if (!Object.hasOwn(context ?? {}, path!)) throw fail(`{${source}} names no context value`)
    return { source, from: "context", path: [path!], format, argument }
  }
  return result !== undefined && names[0] === "result"
    ? { source, from: "result", path: names.slice(1), format, argument }
    : { source, from: "payload", path: names, format, argument }
}

// ---------------------------------------------------------------------------------------------------------------------
// what is in a hole
// ---------------------------------------------------------------------------------------------------------------------

/** The schema in which the path of a hole begins; of a context value nothing is known. */
const rootOf = ({ from }: Hole, fields: Schema.Struct.Fields, { result }: Options): SchemaAST.AST | undefined =>
  from === "context" ? undefined : SchemaAST.toType(from === "result" ? result!.ast : Schema.Struct(fields).ast)

/** The parts of unions, behind `suspend`, and in a result the elements of lists. */
const partsOf = (
  asts: ReadonlyArray<SchemaAST.AST>,
  isOfResult: boolean
): ReadonlySet<SchemaAST.AST> => {
  const seen = new Set<SchemaAST.AST>()
  const parts = new Set<SchemaAST.AST>()
  const waiting = [...asts]
  for (let ast = waiting.pop(); ast !== undefined; ast = waiting.pop()) {
    if (seen.has(ast)) continue
    seen.add(ast)
    if (ast._tag === "Union") waiting.push(...ast.types)
    else if (ast._tag === "Suspend") waiting.push(SchemaAST.toType(ast.thunk()))
    else if (isOfResult && ast._tag === "Arrays") waiting.push(...ast.elements, ...ast.rest)
    else parts.add(ast)
  }
  return parts
}

interface Property {
  /** its types in each of the parts that have it */
  readonly types: ReadonlyArray<SchemaAST.AST>
  /** a value may have no such property */
  readonly isOptional: boolean
}

const propertyOf = (parts: Iterable<SchemaAST.AST>, name: string): Property => {
  const types: Array<SchemaAST.AST> = []
  let isOptional = false
  for (const part of parts) {
    const ast = part._tag === "Declaration" && isClass(part) ? SchemaAST.toType(part.typeParameters[0]!) : part
    if (ast._tag !== "Objects") continue
    const signature = ast.propertySignatures.find((property) => String(property.name) === name)
    if (signature !== undefined) types.push(signature.type)
    else types.push(...ast.indexSignatures.map(({ type }) => type))
    isOptional ||= signature === undefined || SchemaAST.isOptional(signature.type)
  }
  return { types, isOptional }
}

/** Which of `null` and `undefined` a property may be. */
const absencesOf = ({ isOptional, types }: Property): ReadonlySet<unknown> => {
  const absences = new Set<unknown>(isOptional ? [undefined] : [])
  for (const { _tag } of partsOf(types, false)) {
    if (_tag === "Null" || _tag === "Any" || _tag === "Unknown") absences.add(null)
    if (_tag === "Undefined" || _tag === "Void" || _tag === "Any" || _tag === "Unknown") absences.add(undefined)
  }
  return absences
}

interface Filling {
  readonly hole: Hole
  readonly root: SchemaAST.AST | undefined
  readonly options: Options
  readonly compile: Compile
  readonly wrong: Fail
}

const filler = ({ compile, hole, options, root, wrong }: Filling): Fill => {
  const isOfResult = hole.from === "result"
  let asts: ReadonlyArray<SchemaAST.AST> | undefined = root === undefined ? undefined : [root]
  const absences: Array<ReadonlySet<unknown>> = []
  for (const name of root === undefined ? [] : hole.path) {
    const property = propertyOf(partsOf(asts!, isOfResult), name)
    asts = property.types
    if (asts.length === 0) throw wrong(`names no field: there is no "${name}"`)
    absences.push(absencesOf(property))
  }
  const parts = asts === undefined ? undefined : Array.from(partsOf(asts, isOfResult))
  const type = { parts, compile, wrong, isLossy: options.lossy === true, isVerified: options.verified === true }
  const format = hole.format === undefined
    ? plain(type)
    : (formats[hole.format] ?? own(options.formatters!, hole.format))(type, hole.argument)
  if (isOfResult) {
    return ({ result }) =>
      valuesAt(result, hole.path).filter((value) => value !== null && value !== undefined).map(format)
  }
  if (hole.from === "context") return ({ contextValue }) => [absentOr(contextValue(hole.path[0]!), 0, format)]
  return ({ payload }) => {
    if (typeof payload !== "object" || payload === null) {
      throw wrong(`is of a payload with fields, not of ${typeof payload}`)
    }
    const { path } = hole
    let value: unknown = payload
    for (let i = 0; i < path.length; i++) {
      value = typeof value === "object" && has(value!, path[i]!) ? (value as Fields)[path[i]!] : undefined
      if (value !== null && value !== undefined) continue
      if (!absences[i]!.has(value)) throw wrong(`has no value: "${path[i]!}" is ${value}`)
      return [absentOr(value, path.length - 1 - i, format)]
    }
    return [format(value)]
  }
}

type Format = (value: unknown) => Filled

/** `%-` for null and `%_` for undefined; with a number where it stands so many steps before the end of the path. */
const absentOr = (value: unknown, left: number, format: Format): Filled =>
  value === null || value === undefined
    ? { text: (value === null ? "%-" : "%_") + (left === 0 ? "" : left), lost: "" }
    : format(value)

/** The values at a path; a list stands for each of its elements. */
const valuesAt = (value: unknown, path: ReadonlyArray<string>): ReadonlyArray<unknown> => {
  if (Array.isArray(value)) return value.flatMap((one) => valuesAt(one, path))
  const [name, ...rest] = path
  if (name === undefined) return [value]
  return typeof value === "object" && value !== null && has(value, name) ? valuesAt((value as Fields)[name], rest) : []
}

/** Percent-encodes all but `safe`. A lone surrogate has no UTF-8 form: it is `%u` and its unit. */
const escape = (text: string): string =>
  escaped.test(text) ? text.replace(unsafe, (one) => loneSurrogate.test(one) ? unit(one) : percent(one)) : text

const outside = (flags: string) => new RegExp(`[^${safe}]`, flags)
const escaped = outside("")
const unsafe = outside("gu")
const loneSurrogate = /\p{Surrogate}/u
const unit = (one: string): string => `%u${one.charCodeAt(0).toString(16).toUpperCase()}`
const percent = (one: string): string => {
  const encoded = encodeURIComponent(one)
  return encoded === one ? `%${one.charCodeAt(0).toString(16).toUpperCase()}` : encoded
}

// ---------------------------------------------------------------------------------------------------------------------
// formatters
// ---------------------------------------------------------------------------------------------------------------------

interface Type {
  /** `undefined`: of a context value nothing is known */
  readonly parts: ReadonlyArray<SchemaAST.AST> | undefined
  readonly compile: Compile
  readonly wrong: Fail
  readonly isLossy: boolean
  readonly isVerified: boolean
}

type Kind = "string" | "number" | "boolean" | "bigint"

const kindsOf = ({ parts, wrong }: Type): ReadonlySet<Kind> => {
  const kinds = new Set<Kind>()
  const add = (value: unknown) => kinds.add(typeof value as Kind)
  for (const ast of parts ?? []) {
    if (ast._tag === "String" || ast._tag === "TemplateLiteral") kinds.add("string")
    else if (ast._tag === "Number") kinds.add("number")
    else if (ast._tag === "Boolean") kinds.add("boolean")
    else if (ast._tag === "BigInt") kinds.add("bigint")
    else if (ast._tag === "Literal") add(ast.literal)
    else if (ast._tag === "Enum") { for (const [, value] of ast.enums) add(value) }
    else if (isSecret(ast)) throw wrong(ofSecret)
    else if (!isAbsent(ast)) {
      throw wrong("is no text, number, boolean or bigint: give it a formatter, like hash")
    }
  }
  return parts === undefined ? new Set(["string", "number", "boolean", "bigint"]) : kinds
}

const ofSecret = "is a secret, which must not be in a key: only the formatter jwt takes it"

const isSecret = (ast: SchemaAST.AST): boolean =>
  ast._tag === "Declaration" && representation(ast)?.id === "effect/schema/Redacted"

/** Before a value of a hole of several kinds: 1 and "1" are two values. No text begins with `%` and such a letter. */
const marks: Record<Kind, string> = { string: "", number: "%n", boolean: "%t", bigint: "%i" }

const mismatch = ({ wrong }: Type, expected: string, value: unknown): CacheConfigError =>
  wrong(`has a value of another type: ${expected} is expected, not ${describe(value)}`)

const plain = (type: Type): Format => {
  const kinds = kindsOf(type)
  return (value) => {
    const kind = typeof value as Kind
    if (!kinds.has(kind)) throw mismatch(type, Array.from(kinds, (one) => `a ${one}`).join(" or "), value)
    const text = escape(String(value))
    return { text: kinds.size === 1 ? text : marks[kind] + text, lost: "" }
  }
}

/** A value as canonical text, from which it can be told. */
const canonical = (type: Type): (value: unknown) => string => {
  const { compile, parts, wrong } = type
  if (parts === undefined) {
    return (value) => {
      if (typeof value === "object" || typeof value === "function" || typeof value === "symbol") {
        throw mismatch(type, "a text, number, boolean or bigint", value)
      }
      return word(value as string)
    }
  }
  if (parts.some(isSecret)) throw wrong(ofSecret)
  let encode: (value: unknown) => string
  try {
    encode = compile(Schema.Union(parts.map((ast) => Schema.make(ast) as Schema.Top)).ast).encode
  } catch (error) {
    throw error instanceof Refused ? wrong(`cannot be told apart: ${error.message}`) : error
  }
  return (value) => {
    try {
      return encode(value)
    } catch (error) {
      throw wrong(error instanceof Error ? `has a value of another type: ${error.message}` : "has another type")
    }
  }
}

/** A formatter that loses something: what it takes is added as a digest, unless that is meant. */
const losing = (type: Type, format: (value: unknown) => string, raw = () => canonical(type)): Format => {
  if (type.isLossy) return (value) => ({ text: escape(format(value)), lost: "" })
  const lost = raw()
  return (value) => ({ text: escape(format(value)), lost: lost(value) })
}

const isAbsent = ({ _tag }: SchemaAST.AST): boolean =>
  _tag === "Null" || _tag === "Undefined" || _tag === "Void" || _tag === "Never"

const isText = (ast: SchemaAST.AST): boolean =>
  ast._tag === "String" || ast._tag === "TemplateLiteral" ||
  (ast._tag === "Literal" && typeof ast.literal === "string") ||
  (ast._tag === "Enum" && ast.enums.every(([, value]) => typeof value === "string"))

/** Of a context value nothing is known: it is looked at when there is one. */
const requireTaken = ({ parts, wrong }: Type, expected: string, isTaken: (ast: SchemaAST.AST) => boolean): void => {
  const other = parts?.find((ast) => !isAbsent(ast) && !isTaken(ast))
  if (other !== undefined && isSecret(other)) throw wrong(ofSecret)
  if (other !== undefined) {
    throw wrong(`has values that its formatter does not take: ${expected} is expected`)
  }
}

const texts = (type: Type, change: (text: string) => string): Format => {
  requireTaken(type, "a string", isText)
  return losing(type, (value) => {
    if (typeof value === "string") return change(value)
    throw mismatch(type, "a string", value)
  })
}

const noArgument = (make: (type: Type) => Format) => (type: Type, argument: string | undefined): Format => {
  if (argument !== undefined) throw type.wrong(`has an argument "${argument}", and its formatter takes none`)
  return make(type)
}

const formats: { readonly [name: string]: (type: Type, argument: string | undefined) => Format } = {
  lower: noArgument((type) => texts(type, (text) => text.toLowerCase())),
  upper: noArgument((type) => texts(type, (text) => text.toUpperCase())),
  length: noArgument((type) => {
    requireTaken(type, "a string or an array", (ast) => isText(ast) || ast._tag === "Arrays")
    return losing(type, (value) => {
      if (typeof value === "string" || Array.isArray(value)) return String(value.length)
      throw mismatch(type, "a string or an array", value)
    })
  }),
  hash: (type, argument) => {
    const length = argument === undefined ? digestLength : Number(argument)
    if (!Number.isInteger(length) || length < 1 || length > 43) {
      throw type.wrong("takes a length from 1 to 43: that of the hash")
    }
    const textOf = canonical(type)
    const format = (value: unknown) => hash(textOf(value)).slice(0, length)
    // so long a hash loses nothing
    return length >= digestLength ? (value) => ({ text: format(value), lost: "" }) : losing(type, format)
  },
  jwt: (type, claim) => {
    if (claim === undefined || claim === "") throw type.wrong("names no claim: write jwt(sub), for example")
    if (type.isLossy && !type.isVerified) {
      throw type.wrong(
        "is read from a token that anybody can write, and with `lossy` nothing else of the token is in the key: a forged " +
          "one would read what belongs to another. Verify the tokens before, and say so with verified: true"
      )
    }
    requireTaken(type, "a token", (ast) => isText(ast) || isSecret(ast))
    const token = (value: unknown): string => {
      const text = Redacted.isRedacted(value) ? Redacted.value(value) : value
      if (typeof text === "string") return text
      throw mismatch(type, "a token", value)
    }
    return (value) => {
      const text = token(value)
      const found = claimOf(text, claim)
      if (!type.isLossy) return { text: found === undefined ? "%_" : claimText(found), lost: word(text) }
      if (found !== undefined) return { text: claimText(found), lost: "" }
      throw type.wrong(`has a token without the claim "${claim}"`)
    }
  }
}

const claimText = (claim: unknown): string =>
  typeof claim === "string" ? escape(claim) : `%j${escape(JSON.stringify(claim))}`

/** A claim of a JSON Web Token, whose signature is not looked at; `undefined`: it is no token, or has no such claim. */
const claimOf = (token: string, claim: string): unknown => {
  try {
    const payload = token.split(".")[1]!.replaceAll("-", "+").replaceAll("_", "/")
    const bytes = Uint8Array.from(atob(payload), (one) => one.charCodeAt(0))
    const claims: unknown = JSON.parse(new TextDecoder().decode(bytes))
    return typeof claims === "object" && claims !== null && Object.hasOwn(claims, claim)
      ? (claims as Fields)[claim]
      : undefined
  } catch {
    return undefined
  }
}

const formatOf = (formatter: Own): (value: never) => string =>
  typeof formatter === "function" ? formatter : formatter?.format

const own = (formatters: NonNullable<Options["formatters"]>, name: string) => (type: Type): Format => {
  const formatter = formatters[name]!
  const call = formatOf(formatter)
  const format = (value: unknown): string => {
    let text: unknown
    try {
      text = call(value as never)
    } catch (cause) {
      throw new CacheConfigError({
        message: type.wrong(`cannot be written: its formatter threw ${String(cause)}`).message
      })
    }
    if (typeof text === "string") return text
    throw type.wrong(`cannot be written: its formatter gave no string, but ${describe(text)}`)
  }
  return typeof formatter === "object" && formatter.injective === true
    ? (value) => ({ text: escape(format(value)), lost: "" })
    : losing(type, format)
}
