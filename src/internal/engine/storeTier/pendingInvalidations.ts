/** Pending invalidations: those that the store has not acknowledged. */
import { pendingInvalidations } from "../../defaults.ts"
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
}

/**
 * One pending invalidation. A newer item of the same target replaces it: then an answer to the older one has no effect.
 */
export interface Item {
  readonly target: Target
  /** the store was asked in vain: the replay sends it again */
  unsent: boolean
}

type Target =
  | { readonly _tag: "Id"; readonly id: string }
  | { readonly _tag: "Tags"; readonly tags: ReadonlyArray<string>; readonly mode: Mode }
  | { readonly _tag: "All" }

export const make = (): PendingInvalidations => ({ ids: new Map(), tags: new Map(), all: undefined, clears: 0 })

export const isEmpty = (self: PendingInvalidations): boolean =>
  self.ids.size === 0 && self.tags.size === 0 && self.all === undefined

export const size = (self: PendingInvalidations): number =>
  self.ids.size + self.tags.size + (self.all === undefined ? 0 : 1)

export const add = (self: PendingInvalidations, target: Target): Item => {
  const item: Item = { target, unsent: false }
  switch (target._tag) {
    case "Id":
      self.ids.set(target.id, item)
      break
    case "Tags":
      for (const tag of target.tags) self.tags.set(tag, item)
      break
    case "All":
      self.all = item
      self.clears++
  }
  return item
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
  const isHard = tags.some((tag) => {
    const target = self.tags.get(tag)?.target
    return target?._tag === "Tags" && target.mode === "hard"
  })
  return isHard ? "hard" : "soft"
}

/** The store was asked about it in vain. */
export const markUnsent = (self: PendingInvalidations, item: Item): void => {
  item.unsent = true
  // above the limit one `clear` replaces all. Items that the store is just being asked about do not count: many keys
  // invalidated at once are no incident
  if (self.ids.size + self.tags.size <= pendingInvalidations || unsentItems(self).length <= pendingInvalidations) return
  self.ids.clear()
  self.tags.clear()
  self.all = { target: { _tag: "All" }, unsent: true }
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
}

/** Marks all items, because nobody asks the store any more: at close. */
export const markAllUnsent = (self: PendingInvalidations): void => {
  for (const item of [...self.ids.values(), ...self.tags.values()]) item.unsent = true
  if (self.all !== undefined) self.all.unsent = true
}

/** The items that the replay sends. */
export const unsentItems = (self: PendingInvalidations): Array<Item> => {
  const items = new Set<Item>()
  if (self.all?.unsent === true) items.add(self.all)
  for (const item of self.ids.values()) if (item.unsent) items.add(item)
  for (const item of self.tags.values()) if (item.unsent) items.add(item)
  return Array.from(items)
}

/** Whether an invalidation of the id, or a `clear`, is pending. */
export const isPending = (self: PendingInvalidations, id: string): boolean =>
  self.all !== undefined || (self.ids.size > 0 && self.ids.has(id))

export const areTagsPending = (self: PendingInvalidations, tags: ReadonlyArray<string>): boolean =>
  self.tags.size > 0 && tags.some((tag) => self.tags.has(tag))
