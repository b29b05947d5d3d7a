/** The id, class and tags of a key. */
import type { CacheKey } from "../../CacheKey.ts"
import { idOfString } from "./id.ts"
import type { KeyInfo } from "./info.ts"

interface Own {
  readonly "~id": string
  readonly "~tags": ReadonlyArray<string>
  readonly "~class": KeyInfo
}

export type Key = CacheKey<unknown, unknown, unknown> | string

const none: ReadonlyArray<string> = []

// Returns `undefined` for a value that is not a key. `validate` refuses such a value before the load.
export const idOf = (key: Key): string =>
  typeof key === "string" ? idOfString(key) : (key as unknown as Own | undefined)?.["~id"] as string

/** The tags of a key's class and its indexes. Every entry of the key has them, whatever tags a read adds. */
const structuralTags = (key: Key): ReadonlyArray<string> =>
  typeof key === "string" ? none : (key as unknown as Own)["~class"].structuralTags(key)

export const tagsOf = (key: Key): ReadonlyArray<string> =>
  typeof key === "string" ? none : join(structuralTags(key), (key as unknown as Own)["~class"].ownTags(key))

export const tagsWith = (key: Key, given: ReadonlyArray<string>): ReadonlyArray<string> =>
  join(structuralTags(key), given)

const join = (first: ReadonlyArray<string>, second: ReadonlyArray<string>): ReadonlyArray<string> =>
  second.length === 0 ? first : first.length === 0 ? second : [...first, ...second]

interface Copied {
  readonly "~own": Key
  readonly "~copy": () => Key
}

/**
 * The key with a payload that its caller cannot change: what a load and the functions beside it get. Must first be read
 * before the read yields. Throws a `CacheConfigError` if the payload has changed since the id was computed.
 */
export const ownKey = <K extends Key | undefined>(key: K): K =>
  typeof key === "object" ? ((key as unknown as Copied | null)?.["~own"] ?? key) as K : key

/** Another copy of the key's own payload, which a load may change. */
export const keyForLoad = <K extends Key | undefined>(key: K): K => {
  const own = ownKey(key)
  return typeof own === "object" ? ((own as unknown as Copied)["~copy"]?.() ?? own) as K : own
}

export const infoOf = (key: Key): KeyInfo | undefined =>
  typeof key === "string" ? undefined : (key as unknown as Own | undefined)?.["~class"]

/** Escapes a tag like a string key: the library's own tags begin with `~`, and no tag may be longer than an id. */
export const escapeTag = idOfString
