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

// A value that is not a key has no id here. `validate` refuses it before the load.
export const idOf = (key: Key): string =>
  typeof key === "string" ? idOfString(key) : (key as unknown as Own | undefined)?.["~id"] as string

/** The tags that every entry of a key has, whatever tags a read gives: those of its class and its indexes. */
const structuralTags = (key: Key): ReadonlyArray<string> =>
  typeof key === "string" ? none : (key as unknown as Own)["~class"].structuralTags(key)

export const tagsOf = (key: Key): ReadonlyArray<string> =>
  typeof key === "string" ? none : join(structuralTags(key), (key as unknown as Own)["~class"].ownTags(key))

export const tagsWith = (key: Key, given: ReadonlyArray<string>): ReadonlyArray<string> =>
  join(structuralTags(key), given)

const join = (first: ReadonlyArray<string>, second: ReadonlyArray<string>): ReadonlyArray<string> =>
  second.length === 0 ? first : first.length === 0 ? second : [...first, ...second]

export const infoOf = (key: Key): KeyInfo | undefined =>
  typeof key === "string" ? undefined : (key as unknown as Own | undefined)?.["~class"]

/** Tags are escaped like string keys, because tags of the library begin with `~`, and none is longer than an id. */
export const escapeTag = idOfString
