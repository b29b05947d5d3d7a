/** The registry of key templates. A key class with a template need not load the code that creates it. */
import type { Fields } from "../canonical.ts"

/** The ids of a key class, written by a template. */
export interface Ids {
  readonly text: string
  readonly encode: (fields: Fields) => string
}

/**
 * The ids of a class with this name and these fields. Throws a `CacheConfigError` if different keys would have the same
 * id.
 */
type MakeIds = (name: string, fields: ReadonlyArray<string>) => Ids

export const templates = new WeakMap<object, MakeIds>()

/** The function that a template has registered, or `undefined` for every other value. */
export const idsOf = (value: unknown): MakeIds | undefined =>
  typeof value === "function" ? templates.get(value) : undefined
