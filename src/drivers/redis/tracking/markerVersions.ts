/** The known versions of markers. If the server reports a marker that has the known version, nothing has changed. */
import * as Limits from "../../../internal/defaults/redis.ts"
import { remember } from "../../../internal/remember.ts"
import { isInherited, tagsOfId } from "../../../internal/store/markers/idTags.ts"

export interface MarkerVersions {
  readonly ofIds: Map<string, string>
  /** A full map accepts no new tags. It does not drop old ones, because changes to a dropped tag would go unnoticed. */
  readonly ofTags: Map<string, string>
  isFull: boolean
  readonly asked: Map<string, number>
  readonly listeners: Set<(tag: string) => void>
}

export const make = (): MarkerVersions => ({
  ofIds: new Map(),
  ofTags: new Map(),
  isFull: false,
  asked: new Map(),
  listeners: new Set()
})

/** Records a marker's version. If a different version was known, reports the tag as changed. */
export const note = (self: MarkerVersions, tag: string, version: string | undefined): void => {
  const versions = isInherited(tag) ? self.ofIds : self.ofTags
  const before = versions.get(tag)
  if (before === version) return
  if (before !== undefined) changed(self, tag)
  if (version === undefined) return
  if (versions === self.ofTags) {
    self.isFull ||= versions.size >= Limits.tracking.tagVersions
    if (!self.isFull) versions.set(tag, version)
    return
  }
  const forgotten = remember(versions, tag, version, Limits.tracking.ownWrites)
  if (forgotten !== undefined) changed(self, forgotten)
}

export const versionOf = (self: MarkerVersions, tag: string): string | undefined =>
  self.ofIds.get(tag) ?? self.ofTags.get(tag)

export const changed = (self: MarkerVersions, tag: string): void => {
  self.ofIds.delete(tag)
  self.ofTags.delete(tag)
  for (const listener of self.listeners) listener(tag)
}

export const forgetId = (self: MarkerVersions, id: string): void => {
  if (self.ofIds.size > 0) { for (const tag of tagsOfId(id)) self.ofIds.delete(tag) }
}

export const forgetAll = (self: MarkerVersions): void => {
  self.ofIds.clear()
  self.ofTags.clear()
  self.isFull = false
}

export const forgetTag = (self: MarkerVersions, tag: string): void => void self.ofTags.delete(tag)

export const asking = (self: MarkerVersions, tags: ReadonlyArray<string>): void => {
  for (const tag of tags) self.asked.set(tag, (self.asked.get(tag) ?? 0) + 1)
}

export const answered = (self: MarkerVersions, tags: ReadonlyArray<string>): void => {
  for (const tag of tags) {
    const left = self.asked.get(tag)! - 1
    if (left === 0) self.asked.delete(tag)
    else self.asked.set(tag, left)
  }
}

export const isKnown = (self: MarkerVersions, tag: string): boolean => self.ofTags.has(tag) || self.asked.has(tag)

export const subscribe = (self: MarkerVersions, listener: (tag: string) => void): () => void => {
  self.listeners.add(listener)
  return () => void self.listeners.delete(listener)
}
