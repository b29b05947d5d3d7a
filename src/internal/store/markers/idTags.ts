/**
 * Tags that stand for ids: what derives from an entry (`inherit: "changes"`) carries the tag of its id beside its own
 * tags. A store makes a marker of such a tag when something first depends on the id; removals and writes by hand of the
 * id delete it, and a missing marker is an invalid one. No tag of a user begins so, and no tag of a class.
 */

export const ofId = "~="
export const ofGroup = "~*"

/** The tag of entries that were made without asking the store: no store keeps a marker of it. */
export const unverified = "~!"

export const idTag = (id: string): string => ofId + id

/** Stands for all ids of a group: where one load reads many of them. */
export const groupTag = (group: string): string => ofGroup + group

/** The part of an id before its first `:`. */
export const groupOf = (id: string): string => {
  const end = id.indexOf(":")
  return end < 0 ? id : id.slice(0, end)
}

/** The tags whose markers end with a removal, or a write by hand, of an id. */
export const tagsOfId = (id: string): ReadonlyArray<string> => [idTag(id), groupTag(groupOf(id))]

/** Whether a tag is none of an entry's own. */
export const isInherited = (tag: string): boolean =>
  tag.charCodeAt(0) === 0x7e && (tag.startsWith(ofId) || tag.startsWith(ofGroup) || tag === unverified)

/** The id that a tag stands for; `undefined` for any other tag. */
export const idOfTag = (tag: string): string | undefined => tag.startsWith(ofId) ? tag.slice(2) : undefined
