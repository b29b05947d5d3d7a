/** Pending invalidations: those that the store has not acknowledged. */
import type * as Latch from "effect/Latch"
import { pendingInvalidations } from "../../defaults/stores.ts"
import type { Key } from "../../key/ofKey.ts"
import { groupOf, groupTag, idOfTag, isInherited } from "../../store/markers/idTags.ts"
import type { Entry } from "../memory/entry.ts"
import type { Mode } from "../memory/tagEpochs.ts"

/** An item is added before it is sent and removed once acknowledged. Until then, reads of its ids skip the store. */
export interface PendingInvalidations {
  readonly ids: Map<string, Item>
  readonly tags: Map<string, Item>
  /** A pending `clear` of the store: the user's, or one that replaces too many unsent items. */
  all: Item | undefined
  /** The number of `clear`s added so far. With it, a write detects that a `clear` was added while the write ran. */
  clears: number
  /** The items that the replay sends again, because sending them failed. Items replaced by newer ones are deleted. */
  readonly unsent: Set<Item>
}

export interface Item {
  readonly target: Target
  /** The number of the item's ids or tags that no newer item has taken over. At 0, the store's answer has no effect. */
  places: number
  /** Whether the item is a write in progress. Meanwhile, a lookup may return either the old or the new entry. */
  isWrite?: boolean
  /** Whether the store has been asked. Until then, a change that it reports is older than a written value. */
  isAsked?: boolean
  /** The written value. `undefined` for removals, and once there may be a newer value. */
  write?: OwnWrite | undefined
  /** How often the replay has found that the store refuses the item. `undefined` if never. */
  refusals?: number
  /** How many of the next passes of the replay leave the item out. */
  skips?: number
  /** Set while a caller sends the item. Other callers wait for it. */
  sending?: Sending | undefined
}

export interface Sending {
  readonly ended: Latch.Latch
  /** Whether the store has answered within the time of the caller that sent. If not, another caller tries again. */
  isAnswered: boolean
}

/** A write by hand, which the process that made it can read until the store has acknowledged it. */
export interface OwnWrite {
  readonly key: Key
  readonly entry: Entry
  readonly at: number
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
      giveUpAll(self)
      self.all = item
      item.places = 1
      self.clears++
  }
  return item
}

/** Adds a write. If a removal or an unsent write of the id is already pending, the new write counts as a removal. */
export const addWrite = (self: PendingInvalidations, id: string, write?: OwnWrite): Item => {
  const isWrite = self.ids.get(id)?.isWrite ?? !self.ids.has(id)
  return Object.assign(add(self, { _tag: "Id", id }), { isWrite, write })
}

/** Whether a value is being written that the store has not been asked to take yet. */
export const isUnasked = ({ ids, unsent }: PendingInvalidations, id: string): boolean => {
  const item = ids.get(id)
  return item?.write !== undefined && item.isAsked !== true && !unsent.has(item)
}

/** Gives up a written value, because there may be a newer one. */
export const giveUp = ({ ids }: PendingInvalidations, id: string): void => {
  const item = ids.get(id)
  if (item !== undefined) item.write = undefined
}

export const giveUpAll = ({ ids }: PendingInvalidations): void => {
  for (const item of ids.values()) item.write = undefined
}

const put = (self: PendingInvalidations, items: Map<string, Item>, name: string, item: Item): void => {
  const old = items.get(name)
  // A tag may be listed twice in one item.
  if (old === item) return
  if (old !== undefined) displace(self, old)
  items.set(name, item)
  item.places++
}

const displace = (self: PendingInvalidations, item: Item): void => {
  item.places--
  if (item.places === 0) self.unsent.delete(item)
}

/** The target for invalidating tags: hard if it replaces a pending hard invalidation of one of them. */
export const tagsTarget = (
  self: PendingInvalidations,
  tags: ReadonlyArray<string>,
  mode: Mode
): Extract<Target, { readonly _tag: "Tags" }> => ({
  _tag: "Tags",
  tags,
  mode: pendingMode(self, tags) === "hard" ? "hard" : mode
})

/** The mode of the pending invalidations of these tags: hard if one of them is hard. `undefined` if none is pending. */
export const pendingMode = (self: PendingInvalidations, tags: ReadonlyArray<string>): Mode | undefined => {
  if (!areTagsPending(self, tags)) return undefined
  if (areIdsPending(self, tags)) return "hard"
  const isHard = tags.some((tag) => {
    const target = self.tags.get(tag)?.target
    return target?._tag === "Tags" && target.mode === "hard"
  })
  return isHard ? "hard" : "soft"
}

/** Marks an item to be sent again. If too many are unsent, one `clear` replaces all items, which are then returned. */
export const markUnsent = (self: PendingInvalidations, item: Item): ReadonlyArray<Item> => {
  if (item.places > 0) self.unsent.add(item)
  if (item.target._tag === "Id") {
    // A newer write of the same id may be missing from the store as well, so from now on both count as removals.
    for (const one of [item, self.ids.get(item.target.id)]) if (one !== undefined) one.isWrite = false
  }
  if (self.unsent.size <= pendingInvalidations) return []
  const replaced = pendingItems(self)
  for (const one of replaced) one.places = 0
  self.ids.clear()
  self.tags.clear()
  self.unsent.clear()
  self.all = { target: { _tag: "All" }, places: 1 }
  self.unsent.add(self.all)
  return replaced
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

/** Acknowledges one tag of an item. */
export const acknowledgeTag = (self: PendingInvalidations, item: Item, tag: string): void => {
  if (self.tags.get(tag) !== item) return
  self.tags.delete(tag)
  displace(self, item)
}

export const markAllUnsent = (self: PendingInvalidations): void => {
  for (const item of pendingItems(self)) self.unsent.add(item)
}

const pendingItems = (self: PendingInvalidations): ReadonlyArray<Item> => [
  ...self.ids.values(),
  ...self.tags.values(),
  ...self.all === undefined ? [] : [self.all]
]

export const unsentOf = (self: PendingInvalidations, id: string, tags: ReadonlyArray<string>): ReadonlyArray<Item> =>
  self.unsent.size === 0 ? none : [self.all, self.ids.get(id), ...tags.map((tag) => self.tags.get(tag))]
    .filter((item) => item !== undefined && self.unsent.has(item)) as ReadonlyArray<Item>

const none: ReadonlyArray<Item> = []

export const isUnsent = (self: PendingInvalidations, id: string, tags: ReadonlyArray<string>): boolean =>
  unsentOf(self, id, tags).length > 0

export const isPending = (self: PendingInvalidations, id: string): boolean =>
  self.all !== undefined || (self.ids.size > 0 && self.ids.has(id))

/** Like `isPending`, but a write in progress does not count: a lookup may return either the old or the new entry. */
export const isGone = (self: PendingInvalidations, id: string): boolean =>
  isPending(self, id) && (self.all !== undefined || self.ids.get(id)!.isWrite !== true)

/** Whether an invalidation is pending for one of the tags, or for an id that one of the tags represents. */
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
