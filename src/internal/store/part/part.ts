/**
 * A store part: a view of a store in which ids, tags and counters have a prefix. Every entry has one more tag, with the
 * version of the part: `clear` invalidates this tag in one step, and so voids the loads under way in all processes.
 */
import * as Effect from "effect/Effect"
import type { Meta, Stored, TagVersion } from "../../../CacheEntry.ts"
import type { StoreError } from "../../../CacheError.ts"
import type { Answer, Change, Store } from "../../../ports/store.ts"
import { leasesRemembered } from "../../defaults/stores.ts"

export interface Part {
  readonly store: Store
  readonly before: string
  /** The tag of all entries of the part. It contains no slash, so it never equals a prefixed tag of any part. */
  readonly everything: string
  /** The ids whose leases were granted to this process, and may still be held. */
  readonly leased: Set<string>
  /** The counters that this process has incremented, by their names in the store. */
  readonly counted: Set<string>
}

/** Escapes slashes in a prefix, so that the first slash of an id ends the prefix, and no two prefixes share an id. */
const escape = (prefix: string): string => prefix.replaceAll("%", "%25").replaceAll("/", "%2F")

export const make = (store: Store, prefix: string): Part => ({
  store,
  before: `${escape(prefix)}/`,
  everything: `${escape(prefix)}%`,
  leased: new Set(),
  counted: new Set()
})

export const add = ({ before }: Part, text: string): string => before + text

export const addAll = ({ before }: Part, texts: ReadonlyArray<string>): ReadonlyArray<string> =>
  texts.map((text) => before + text)

export const strip = ({ before }: Part, text: string): string => text.slice(before.length)

/** Remembers an id or a name for `clear`, and forgets the oldest if there are too many. */
export const note = (noted: Set<string>, text: string): void => {
  noted.add(text)
  if (noted.size > leasesRemembered) noted.delete(noted.values().next().value!)
}

/** Reads the part's version before `use`. Entries written with an older version than the current one are invisible. */
export const withVersion = <A>(
  { everything, store }: Part,
  use: (version: string) => Effect.Effect<A, StoreError>
): Effect.Effect<A, StoreError> =>
  Effect.flatMap(Effect.suspend(() => store.markers([everything])), ({ markers }) => use(markers[0]!.version))

export const close = (self: Part, { meta, payload }: Stored, version: string): Stored => {
  const tags = meta.tags.map(({ tag, version }) => ({ tag: add(self, tag), version }))
  return { meta: { ...meta, tags: [{ tag: self.everything, version }, ...tags] }, payload }
}

export const openMeta = (self: Part, meta: Meta): Meta => ({
  ...meta,
  tags: meta.tags.slice(1).map(({ tag, version }): TagVersion => ({ tag: strip(self, tag), version }))
})

export const isCurrent = ({ everything }: Part, { tags }: Meta, version: string | undefined): boolean =>
  tags[0]?.tag === everything && tags[0].version === version

/** Restores the original form of a stored entry. Returns `undefined` if it was written before the last `clear`. */
export const open = (self: Part, stored: Stored | undefined, version: string | undefined): Stored | undefined =>
  stored !== undefined && isCurrent(self, stored.meta, version)
    ? { meta: openMeta(self, stored.meta), payload: stored.payload }
    : undefined

export const asked = (self: Part, tags: ReadonlyArray<string>): ReadonlyArray<string> => [
  ...addAll(self, tags),
  self.everything
]

export const answered = (self: Part, { entry, versions, ...more }: Answer): Answer => ({
  ...more,
  entry: open(self, entry, versions.at(-1)),
  versions: versions.slice(0, -1)
})

export const changesIn = (self: Part, change: Change): ReadonlyArray<Change> => {
  const isMine = (text: string): boolean => text.startsWith(self.before)
  switch (change._tag) {
    case "Changed":
    case "LoadEnded":
      return isMine(change.id) ? [{ ...change, id: strip(self, change.id) }] : []
    case "ManyChanged":
      return [{ _tag: "ManyChanged", mayBe: (id) => change.mayBe(self.before + id) }]
    case "TagChanged":
      if (change.tag === self.everything) return [{ _tag: "AllChanged" }]
      return isMine(change.tag) ? [{ _tag: "TagChanged", tag: strip(self, change.tag) }] : []
    default:
      return [change]
  }
}
