/** What a key says of itself: its id, its class and its tags. */
import type { CacheKey } from "../../CacheKey.ts"
import { idOfString } from "./id.ts"
import type { KeyInfo } from "./info.ts"

/** a key as the engine reads it, see `internal/key` */
interface Own {
  readonly "~id": string
  readonly "~tags": ReadonlyArray<string>
  readonly "~class": KeyInfo
}

export type Key = CacheKey<unknown, unknown, unknown> | string

const none: ReadonlyArray<string> = []

// what is no key at all is told so by `validate`, which comes before the load
export const idOf = (key: Key): string =>
  typeof key === "string" ? idOfString(key) : (key as unknown as Own | undefined)?.["~id"] as string

/** what every entry of a key is tagged with, whatever its reader says: its class, and its indexes */
const structuralTags = (key: Key): ReadonlyArray<string> =>
  typeof key === "string" ? none : (key as unknown as Own)["~class"].structuralTags(key)

/** the tags of a key where its reader gives none */
export const tagsOf = (key: Key): ReadonlyArray<string> =>
  typeof key === "string" ? none : join(structuralTags(key), (key as unknown as Own)["~class"].ownTags(key))

/** the tags of a key with those given in place of its own */
export const tagsWith = (key: Key, given: ReadonlyArray<string>): ReadonlyArray<string> =>
  join(structuralTags(key), given)

const join = (first: ReadonlyArray<string>, second: ReadonlyArray<string>): ReadonlyArray<string> =>
  second.length === 0 ? first : first.length === 0 ? second : [...first, ...second]

export const infoOf = (key: Key): KeyInfo | undefined =>
  typeof key === "string" ? undefined : (key as unknown as Own | undefined)?.["~class"]

/** tags are written as string keys are: those of the library begin with `~`, and none is longer than an id */
export const escapeTag = idOfString
