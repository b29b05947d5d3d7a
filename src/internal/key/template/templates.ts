/** The key templates that there are: a class of keys that has one need not load what makes them. */
import type { Fields } from "../canonical.ts"

/** How a template makes the ids of a class of keys. */
export interface Ids {
  readonly text: string
  readonly encode: (fields: Fields) => string
}

/**
 * The ids of a class with such a name and such fields. Throws a `CacheConfigError` where different keys would have one.
 */
type MakeIds = (name: string, fields: ReadonlyArray<string>) => Ids

export const templates = new WeakMap<object, MakeIds>()

/** How a template makes ids; `undefined` for every other value. */
export const idsOf = (value: unknown): MakeIds | undefined =>
  typeof value === "function" ? templates.get(value) : undefined
