/**
 * The versions of markers that the server has answered to this process. It sends invalidations of new markers, and of
 * those that are kept for longer, too: something has changed only if the version is another one.
 */
import * as Limits from "../../../internal/defaults/redis.ts"
import { isInherited, tagsOfId } from "../../../internal/store/markers/idTags.ts"
import { remember } from "./remember.ts"

export interface MarkerVersions {
  readonly ofIds: Map<string, string>
  /**
   * The versions of tags that users give. When it is full, nothing is noted of further tags: memory may have entries of
   * a version that was forgotten, and its change would be missed.
   */
  readonly ofTags: Map<string, string>
  isFull: boolean
  /** How many questions for the version of a tag wait for their answers. */
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

/** Notes an answer. If another version was known, the tag has changed, perhaps without an invalidation so far. */
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

/** The marker of a tag has changed. */
export const changed = (self: MarkerVersions, tag: string): void => {
  self.ofIds.delete(tag)
  self.ofTags.delete(tag)
  for (const listener of self.listeners) listener(tag)
}

/** This process ends the markers of an id. */
export const forgetId = (self: MarkerVersions, id: string): void => {
  for (const tag of tagsOfId(id)) self.ofIds.delete(tag)
}

/** This process gives a tag another version. */
export const forgetTag = (self: MarkerVersions, tag: string): void => void self.ofTags.delete(tag)

/** The server is asked for the versions of tags. */
export const asking = (self: MarkerVersions, tags: ReadonlyArray<string>): void => {
  for (const tag of tags) self.asked.set(tag, (self.asked.get(tag) ?? 0) + 1)
}

/** It has answered. */
export const answered = (self: MarkerVersions, tags: ReadonlyArray<string>): void => {
  for (const tag of tags) {
    const left = self.asked.get(tag)! - 1
    if (left === 0) self.asked.delete(tag)
    else self.asked.set(tag, left)
  }
}

/** Whether the version of a tag is known, or is being asked for. */
export const isKnown = (self: MarkerVersions, tag: string): boolean => self.ofTags.has(tag) || self.asked.has(tag)

/** Calls a listener with each tag whose marker changes. Answers how to unsubscribe. */
export const subscribe = (self: MarkerVersions, listener: (tag: string) => void): () => void => {
  self.listeners.add(listener)
  return () => void self.listeners.delete(listener)
}
