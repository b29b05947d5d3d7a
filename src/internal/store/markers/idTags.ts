/**
 * Tags that stand for ids. A derived entry (`inherit: "changes"`) carries the tags of the ids it depends on. A store
 * creates the marker of such a tag when an entry first depends on the id. Removals and writes by hand delete the
 * marker, and a missing marker invalidates the entry. No tag of a user or a class begins like these.
 */

export const ofId = "~="
export const ofGroup = "~*"

/** The tag of results whose dependencies the store could not verify. No store keeps a marker for this tag. */
export const unverified = "~!"

export const idTag = (id: string): string => ofId + id

/** The tag that stands for all ids of a group, for a load that reads many of them. */
export const groupTag = (group: string): string => ofGroup + group

export const groupOf = (id: string): string => {
  const end = id.indexOf(":")
  return end < 0 ? id : id.slice(0, end)
}

export const tagsOfId = (id: string): ReadonlyArray<string> => [idTag(id), groupTag(groupOf(id))]

/** Whether an entry has a tag only because it depends on other entries. */
export const isInherited = (tag: string): boolean =>
  tag.charCodeAt(0) === 0x7e && (tag.startsWith(ofId) || tag.startsWith(ofGroup) || tag === unverified)

export const idOfTag = (tag: string): string | undefined => tag.startsWith(ofId) ? tag.slice(2) : undefined
