/**
 * Tags that stand for ids. An entry that derives from another one (`inherit: "changes"`) carries the tag of its id. A
 * store creates the marker when an entry first depends on the id; removals and writes by hand delete it, and a missing
 * marker is an invalid one. No tag of a user or a class begins like these.
 */

export const ofId = "~="
export const ofGroup = "~*"

/** The tag of entries that were made without asking the store. No store keeps a marker for it. */
export const unverified = "~!"

export const idTag = (id: string): string => ofId + id

/** Stands for all ids of a group, for a load that reads many of them. */
export const groupTag = (group: string): string => ofGroup + group

export const groupOf = (id: string): string => {
  const end = id.indexOf(":")
  return end < 0 ? id : id.slice(0, end)
}

export const tagsOfId = (id: string): ReadonlyArray<string> => [idTag(id), groupTag(groupOf(id))]

/** Whether a tag is not one of the entry's own. */
export const isInherited = (tag: string): boolean =>
  tag.charCodeAt(0) === 0x7e && (tag.startsWith(ofId) || tag.startsWith(ofGroup) || tag === unverified)

export const idOfTag = (tag: string): string | undefined => tag.startsWith(ofId) ? tag.slice(2) : undefined
