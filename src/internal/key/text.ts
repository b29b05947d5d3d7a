/** The building blocks of canonical text. */
import type * as SchemaAST from "effect/SchemaAST"

export interface Canonical {
  readonly is: (value: unknown) => boolean
  /** Returns the canonical text of a value. Throws `Mismatch` for a value of another type. */
  readonly encode: (value: unknown) => string
  /** Whether all values are primitives. Different primitives have different texts, even in different schemas. */
  readonly primitive: boolean
}

export class Refused extends Error {}

export class Mismatch extends Error {
  constructor(expected: string, value: unknown) {
    super(`${expected} is expected, not ${describe(value)}`)
  }
}

export const describe = (value: unknown): string =>
  value === null || value === undefined
    ? String(value)
    : Array.isArray(value)
    ? "an array"
    : typeof value === "object"
    ? `an object of class ${value.constructor?.name || "none"}`
    : `a ${typeof value}`

export type Compile = (ast: SchemaAST.AST) => Canonical

export const string = (value: string): string => `${value.length}:${value}`

/** The text of any primitive but a symbol. `-0` is written as `0`, because `===` and `Map` treat both as equal. */
export const word = (value: string | number | boolean | bigint | null | undefined): string =>
  typeof value === "string" ? string(value) : typeof value === "bigint" ? `${value}n,` : `${value},`
