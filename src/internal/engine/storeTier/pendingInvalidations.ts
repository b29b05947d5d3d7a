/** Pending invalidations: those that the store has not acknowledged. */
import { pendingInvalidations } from "../../defaults/stores.ts"
import { groupOf, groupTag, idOfTag, isInherited } from "../../store/markers/idTags.ts"
import type { Mode } from "../memory/tagEpochs.ts"

/**
 * Invalidations that the store has not acknowledged. An item is added before the store is asked and removed when the
 * store has acknowledged it, so no failure, timeout or interruption loses it. While it is there, reads of its id or tag
 * do not use the store.
 */
export interface PendingInvalidations {
  readonly ids: Map<string, Item>
  readonly tags: Map<string, Item>
  /** a `clear` of the store is pending: the user's, or one in place of too many unsent items */
  all: Item | undefined
  /** how many `clear`s were added; a write compares it, to see one that came meanwhile */
  clears: number
  /** the items that the replay sends: the store was asked about them in vain, and no newer ones replace them */
  readonly unsent: Set<Item>
}

/**
 * One pending invalidation. A newer item of the same target replaces it: then an answer to the older one has no effect.
 */
export interface Item {
  readonly target: Target
  /** for how many of its ids or tags no newer item replaces it; 0: an answer to it has no effect any more */
  places: number
  /** a write under way: the store has the entry of before it, or the new one, and a look-up may be given either */
  isWrite?: boolean
}

type Target =
  | { readonly _tag: "Id"; readonly id: string }
  | { readonly _tag: "Tags"; readonly tags: ReadonlyArray<string>; readonly mode: Mode }
  | { readonly _tag: "All" }

export const make = (): PendingInvalidations => ({
  ids: new Map(),
  tags: new Map(),
  all: undefined,
  clears: 0,
  unsent: new Set()
})

export const isEmpty = (self: PendingInvalidations): boolean =>
  self.ids.size === 0 && self.tags.size === 0 && self.all === undefined

export const size = (self: PendingInvalidations): number =>
  self.ids.size + self.tags.size + (self.all === undefined ? 0 : 1)

export const add = (self: PendingInvalidations, target: Target): Item => {
  const item: Item = { target, places: 0 }
  switch (target._tag) {
    case "Id":
      put(self, self.ids, target.id, item)
      break
    case "Tags":
      for (const tag of target.tags) put(self, self.tags, tag, item)
      break
    case "All":
      if (self.all !== undefined) displace(self, self.all)
      self.all = item
      item.places = 1
      self.clears++
  }
  return item
}

/** Adds the item of a write. Over what the store has not removed, or may not have, it counts as a removal, too. */
export const addWrite = (self: PendingInvalidations, id: string): Item => {
  const isWrite = self.ids.get(id)?.isWrite ?? !self.ids.has(id)
  return Object.assign(add(self, { _tag: "Id", id }), { isWrite })
}

const put = (self: PendingInvalidations, items: Map<string, Item>, name: string, item: Item): void => {
  const old = items.get(name)
  // a tag may be named twice
  if (old === item) return
  if (old !== undefined) displace(self, old)
  items.set(name, item)
  item.places++
}

const displace = (self: PendingInvalidations, item: Item): void => {
  item.places--
  if (item.places === 0) self.unsent.delete(item)
}

/** The target of an invalidation of tags. It is hard if a hard one of these tags is pending, which it replaces. */
export const tagsTarget = (
  self: PendingInvalidations,
  tags: ReadonlyArray<string>,
  mode: Mode
): Extract<Target, { readonly _tag: "Tags" }> => ({
  _tag: "Tags",
  tags,
  mode: pendingMode(self, tags) === "hard" ? "hard" : mode
})

/** The mode of the pending invalidations of these tags: hard if one of them is; `undefined` without any. */
export const pendingMode = (self: PendingInvalidations, tags: ReadonlyArray<string>): Mode | undefined => {
  if (!areTagsPending(self, tags)) return undefined
  if (areIdsPending(self, tags)) return "hard"
  const isHard = tags.some((tag) => {
    const target = self.tags.get(tag)?.target
    return target?._tag === "Tags" && target.mode === "hard"
  })
  return isHard ? "hard" : "soft"
}

/** The store was asked about it in vain, or not at all, because a newer item replaces it. */
export const markUnsent = (self: PendingInvalidations, item: Item): void => {
  if (item.places > 0) self.unsent.add(item)
  if (item.target._tag === "Id") {
    // nor does the store have what a newer write of it replaces
    for (const one of [item, self.ids.get(item.target.id)]) if (one !== undefined) one.isWrite = false
  }
  // above the limit one `clear` replaces all. Items that the store is just being asked about do not count: many keys
  // invalidated at once are no incident
  if (self.unsent.size <= pendingInvalidations) return
  for (const one of pendingItems(self)) one.places = 0
  self.ids.clear()
  self.tags.clear()
  self.unsent.clear()
  self.all = { target: { _tag: "All" }, places: 1 }
  self.unsent.add(self.all)
}

export const acknowledge = (self: PendingInvalidations, item: Item): void => {
  switch (item.target._tag) {
    case "Id":
      if (self.ids.get(item.target.id) === item) self.ids.delete(item.target.id)
      break
    case "Tags":
      for (const tag of item.target.tags) if (self.tags.get(tag) === item) self.tags.delete(tag)
      break
    case "All":
      if (self.all === item) self.all = undefined
  }
  item.places = 0
  self.unsent.delete(item)
}

/** Marks all items, because nobody asks the store any more: at close. */
export const markAllUnsent = (self: PendingInvalidations): void => {
  for (const item of pendingItems(self)) self.unsent.add(item)
}

const pendingItems = (self: PendingInvalidations): ReadonlyArray<Item> => [
  ...self.ids.values(),
  ...self.tags.values(),
  ...self.all === undefined ? [] : [self.all]
]

/** The items of an id and tags that the store was asked about in vain. */
export const unsentOf = (self: PendingInvalidations, id: string, tags: ReadonlyArray<string>): ReadonlyArray<Item> =>
  [self.all, self.ids.get(id), ...tags.map((tag) => self.tags.get(tag))]
    .filter((item) => item !== undefined && self.unsent.has(item)) as ReadonlyArray<Item>

/** Whether the store was asked in vain to invalidate the id or one of the tags. */
export const isUnsent = (self: PendingInvalidations, id: string, tags: ReadonlyArray<string>): boolean =>
  self.unsent.size > 0 && unsentOf(self, id, tags).length > 0

/** Whether an invalidation of the id, or a `clear`, is pending. */
export const isPending = (self: PendingInvalidations, id: string): boolean =>
  self.all !== undefined || (self.ids.size > 0 && self.ids.has(id))

/** As `isPending`, for a look-up, which may be given what a write under way replaces. */
export const isGone = (self: PendingInvalidations, id: string): boolean =>
  isPending(self, id) && (self.all !== undefined || self.ids.get(id)!.isWrite !== true)

/** Whether an invalidation of one of the tags is pending, or of an id that one of them stands for. */
export const areTagsPending = (self: PendingInvalidations, tags: ReadonlyArray<string>): boolean =>
  (self.tags.size > 0 && tags.some((tag) => self.tags.has(tag))) || areIdsPending(self, tags)

const areIdsPending = ({ ids }: PendingInvalidations, tags: ReadonlyArray<string>): boolean => {
  if (ids.size === 0) return false
  return tags.some((tag) => {
    const id = idOfTag(tag)
    if (id !== undefined) return ids.has(id)
    return isInherited(tag) && Array.from(ids.keys()).some((id) => groupTag(groupOf(id)) === tag)
  })
}
