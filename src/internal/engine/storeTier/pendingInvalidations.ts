/** Invalidations that the store has not acknowledged. */
import { pendingInvalidations } from "../../defaults.ts"
import type { Mode } from "../memory/tagEpochs.ts"

/**
 * Invalidations that the store has not acknowledged. An item is there from before the store is asked until it has
 * answered, so it is there whatever happens in between: a failure, a timeout, an interruption. As long as it is there,
 * reads of its id or tag do not believe the store.
 */
export interface PendingInvalidations {
  readonly ids: Map<string, Item>
  readonly tags: Map<string, Item>
  /** the whole store is to be cleared: too much was lost, or `clear` itself was */
  all: Item | undefined
  /** how often it was to be cleared */
  clears: number
}

/** An item is replaced by a newer one of the same target; an answer to an older one then says nothing. */
export interface Item {
  readonly target: Target
  /** nobody asks the store about it at the moment: the replay may */
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

/** What of these tags is not acknowledged as gone must not become merely stale: then all of them go. */
export const tagsTarget = (
  self: PendingInvalidations,
  tags: ReadonlyArray<string>,
  mode: Mode
): Extract<Target, { readonly _tag: "Tags" }> => ({
  _tag: "Tags",
  tags,
  mode: pendingMode(self, tags) === "hard" ? "hard" : mode
})

/** What the store has not acknowledged of these tags: that what has them is gone, or that it is stale. */
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
  // what is only being asked about does not count: many keys invalidated at once are no incident
  // above it one `clear` is cheaper than the rest
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

/** Nobody asks the store any more. */
export const markAllUnsent = (self: PendingInvalidations): void => {
  for (const item of [...self.ids.values(), ...self.tags.values()]) item.unsent = true
  if (self.all !== undefined) self.all.unsent = true
}

/** the items to ask the store about once more */
export const unsentItems = (self: PendingInvalidations): Array<Item> => {
  const items = new Set<Item>()
  if (self.all?.unsent === true) items.add(self.all)
  for (const item of self.ids.values()) if (item.unsent) items.add(item)
  for (const item of self.tags.values()) if (item.unsent) items.add(item)
  return Array.from(items)
}

export const isPending = (self: PendingInvalidations, id: string): boolean =>
  self.all !== undefined || (self.ids.size > 0 && self.ids.has(id))

export const areTagsPending = (self: PendingInvalidations, tags: ReadonlyArray<string>): boolean =>
  self.tags.size > 0 && tags.some((tag) => self.tags.has(tag))
