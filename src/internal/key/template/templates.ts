/** The registry of key templates. A key class looks its template up without loading the code that makes templates. */
import type { Fields } from "../canonical.ts"

export interface Ids {
  readonly text: string
  readonly encode: (fields: Fields) => string
}

/** Makes the ids of a key class. Throws a `CacheConfigError` if different keys would have the same id. */
type MakeIds = (name: string, fields: ReadonlyArray<string>) => Ids

export const templates = new WeakMap<object, MakeIds>()

export const idsOf = (value: unknown): MakeIds | undefined =>
  typeof value === "function" ? templates.get(value) : undefined
