import type { Eviction, Policy } from "../../Eviction.ts"
import type { Entry } from "./entry.ts"
import * as Tags from "./tags.ts"

/** The memory tier: decoded entries by id, at most `capacity` of them. */
export interface Memory {
  readonly entries: Map<string, Entry>
  readonly policy: Policy
  /** 0 where there is no memory tier */
  readonly capacity: number
  evictions: number
}

export const make = (options: { readonly capacity: number; readonly eviction: Eviction }): Memory => ({
  entries: new Map(),
  policy: options.eviction.make({ capacity: options.capacity }),
  capacity: options.capacity,
  evictions: 0
})

/** the entry, unless a tag of it was invalidated; whether it is fresh is the strategy's to say */
export const peek = (self: Memory, tags: Tags.Tags, id: string): Entry | undefined => {
  const entry = self.entries.get(id)
  return entry === undefined || entry.checkedAt === tags.epoch ? entry : check(self, tags, id)
}

const check = (self: Memory, tags: Tags.Tags, id: string): Entry | undefined => {
  // it may be found to have changed elsewhere
  tags.onDoubt?.()
  const entry = self.entries.get(id)
  if (entry === undefined) return undefined
  if (Tags.changedSince(tags, entry.tags, entry.bornAt)) {
    remove(self, id)
    return undefined
  }
  entry.checkedAt = tags.epoch
  return entry
}

/** it was served; there may be no room for it in memory, or no memory at all */
export const touch = (self: Memory, entry: Entry): void => {
  if (self.entries.get(entry.id) === entry) self.policy.read(entry)
}

export const put = (self: Memory, entry: Entry): void => {
  if (self.capacity === 0 || replace(self, entry)) return
  remove(self, entry.id)
  self.entries.set(entry.id, entry)
  self.policy.added(entry)
  while (self.entries.size > self.capacity) {
    const victim = self.policy.victim()
    if (victim === undefined) return
    remove(self, victim.id)
    self.evictions++
  }
}

/** whether it took the place of another, for a policy that tells this from coming new */
const replace = (self: Memory, entry: Entry): boolean => {
  const { entries, policy } = self
  if (policy.replaced === undefined) return false
  const old = entries.get(entry.id)
  if (old === undefined) return false
  entries.set(entry.id, entry)
  policy.replaced(old, entry)
  return true
}

export const remove = (self: Memory, id: string): boolean => {
  const entry = self.entries.get(id)
  if (entry === undefined) return false
  self.entries.delete(id)
  self.policy.removed(entry)
  return true
}

export const clear = (self: Memory): void => {
  for (const entry of self.entries.values()) self.policy.removed(entry)
  self.entries.clear()
}
