/** The formatters of key templates. Each writes the value of a placeholder (`Hole`). */
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import type * as SchemaAST from "effect/SchemaAST"
import type { CacheConfigError } from "../../../CacheError.ts"
import type { Fields } from "../canonical.ts"
import { representation } from "../declaration.ts"
import { hash } from "../id.ts"
import { type Compile, describe, Refused, word } from "../text.ts"

export type Own = ((value: never) => string) | {
  readonly format: (value: never) => string
  readonly injective?: unknown
}

export type Fail = (problem: string) => CacheConfigError

export interface Filled {
  readonly text: string
  readonly lost: string
}

export type Format = (value: unknown) => Filled

/** The characters of a value that are not percent-encoded. In a text, any other character except `%` ends a value. */
export const safe = "A-Za-z0-9._-"

/** Percent-encodes all but `safe` characters. A lone surrogate has no UTF-8 form and becomes `%u` and its code unit. */
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

export const digestLength = 22

interface Type {
  /** `undefined` for a context value, whose type is unknown. */
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
      throw wrong("is not a string, number, boolean or bigint: give it a formatter, like hash")
    }
  }
  return parts === undefined ? new Set(["string", "number", "boolean", "bigint"]) : kinds
}

const ofSecret = "is a secret, which must not be in a key: only the formatter jwt takes it"

const isSecret = (ast: SchemaAST.AST): boolean =>
  ast._tag === "Declaration" && representation(ast)?.id === "effect/schema/Redacted"

/** Marks a value's type, because 1 and "1" differ. No escaped text begins with `%` and one of these letters. */
const marks: Record<Kind, string> = { string: "", number: "%n", boolean: "%t", bigint: "%i" }

const mismatch = ({ wrong }: Type, expected: string, value: unknown): CacheConfigError =>
  wrong(`has a value of another type: ${expected} is expected, not ${describe(value)}`)

export const plain = (type: Type): Format => {
  const kinds = kindsOf(type)
  return (value) => {
    const kind = typeof value as Kind
    if (!kinds.has(kind)) throw mismatch(type, Array.from(kinds, (one) => `a ${one}`).join(" or "), value)
    const text = escape(String(value))
    return { text: kinds.size === 1 ? text : marks[kind] + text, lost: "" }
  }
}

/** Encodes a value as canonical text, which differs for different values. */
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
    throw error instanceof Refused ? wrong(`cannot be distinguished: ${error.message}`) : error
  }
  return (value) => {
    try {
      return encode(value)
    } catch (error) {
      throw wrong(error instanceof Error ? `has a value of another type: ${error.message}` : "has another type")
    }
  }
}

/** A formatter that loses information. Unless the template is `lossy`, a digest of the original value is added. */
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

/** Throws if a type does not suit the formatter. A context value has no known type and is checked when it is read. */
const requireTaken = ({ parts, wrong }: Type, expected: string, isTaken: (ast: SchemaAST.AST) => boolean): void => {
  const other = parts?.find((ast) => !isAbsent(ast) && !isTaken(ast))
  if (other !== undefined && isSecret(other)) throw wrong(ofSecret)
  if (other !== undefined) throw wrong(`has values that its formatter does not take: ${expected} is expected`)
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

export const formats: { readonly [name: string]: (type: Type, argument: string | undefined) => Format } = {
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
    // A hash of at least this length distinguishes all values, so nothing is lost.
    return length >= digestLength ? (value) => ({ text: format(value), lost: "" }) : losing(type, format)
  },
  jwt: (type, claim) => {
    if (claim === undefined || claim === "") throw type.wrong("names no claim: write jwt(sub), for example")
    if (type.isLossy && !type.isVerified) {
      throw type.wrong(
        "is read from a token that anyone can write, and with `lossy` nothing else of the token is in the key: a forged " +
          "one would read another user's entries. Verify the tokens first, and state that with verified: true"
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

/** Reads a claim without verifying the signature. Returns `undefined` if the text is not a token or lacks the claim. */
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

export const formatOf = (formatter: Own): (value: never) => string =>
  typeof formatter === "function" ? formatter : formatter?.format

export const own = (formatter: Own) => (type: Type): Format => {
  const call = formatOf(formatter)
  const format = (value: unknown): string => {
    let text: unknown
    try {
      text = call(value as never)
    } catch (cause) {
      throw type.wrong(`cannot be written: its formatter threw ${String(cause)}`)
    }
    if (typeof text === "string") return text
    throw type.wrong(`cannot be written: its formatter must return a string, not ${describe(text)}`)
  }
  return typeof formatter === "object" && formatter.injective === true
    ? (value) => ({ text: escape(format(value)), lost: "" })
    : losing(type, format)
}
