/** Stores each tag marker in a small file of its own, so that invalidations survive a restart. */
import { nextVersion } from "../../internal/store/markers/markers.ts"
import type { SyncTags } from "../../ports/storage.ts"
import type { InvalidationMode, Marker, Markers } from "../../ports/store.ts"
import * as Folder from "./folder.ts"
import { stemOf } from "./name.ts"
import * as Record from "./record.ts"
import * as Room from "./room.ts"

interface Tags {
  readonly folder: Folder.Folder
  /** The last known invalidation count. If the folder is removed, counting continues from it, so no count repeats. */
  counted: number
  /** When the file that counts was created, as far as is known. */
  since: number | undefined
  /** The count after the file was last removed. Another process may have given lower ones to later markers. */
  floor: number
}

export const subfolder = "tags"

/** A file whose size is the number of invalidations. Appending to it is atomic, even across processes. */
const counter = `${subfolder}/invalidations`

export const storage = (room: Room.Room): SyncTags => {
  const self: Tags = { folder: room.folder, counted: 0, since: undefined, floor: 0 }
  return {
    version: (tag) => read(self, tag)?.version,
    markers: (tags, newVersion) => Room.withRoom(room, 0, () => markers(self, tags, newVersion)),
    invalidate: (tags, newVersion, mode) => Room.withRoom(room, 0, () => invalidate(self, tags, newVersion, mode)),
    remove: (tags) => remove(self, tags)
  }
}

export const version = (folder: Folder.Folder, tag: string): string | undefined => read({ folder }, tag)?.version

const read = ({ folder }: Pick<Tags, "folder">, tag: string): Marker | undefined => {
  const { seq, tag: of, version } = Record.read(folder, fileOf(tag)) ?? {}
  return of === tag && typeof version === "string" && /^[0-9a-f]{24}$/.test(version) && Number.isSafeInteger(seq)
    ? { version, seq: seq as number }
    : undefined
}

/** Returns the invalidation count, which continues if somebody has removed its file. */
const count = (self: Tags): number => {
  const { folder, since } = self
  const file = Folder.stat(folder, counter)
  const size = file?.size ?? 0
  self.since = file?.birthtimeMs
  if (size >= self.counted && (since ?? self.since) === self.since) return self.counted = size
  return self.floor = self.counted = Folder.append(folder, counter, self.counted + 1)
}

/** Reads the invalidation count before the markers, so that markers of later invalidations have higher numbers. */
const markers = (self: Tags, tags: ReadonlyArray<string>, newVersion: () => string): Markers => {
  const seq = count(self)
  const marker = (tag: string) => read(self, tag) ?? create(self, tag, { version: newVersion(), seq })
  return {
    seq,
    markers: tags.map(marker).map((one) => one.seq < self.floor ? { ...one, seq: self.floor } : one)
  }
}

const create = (self: Tags, tag: string, marker: Marker): Marker => {
  if (Folder.create(self.folder, render(tag, marker))) return marker
  const winner = read(self, tag)
  if (winner !== undefined) return winner
  // The marker's file exists but holds no valid marker, so the file is replaced.
  Folder.write(self.folder, [render(tag, marker)])
  return marker
}

const invalidate = (
  self: Tags,
  tags: ReadonlyArray<string>,
  newVersion: () => string,
  mode?: InvalidationMode
): void => {
  const { folder } = self
  try {
    count(self)
    const seq = self.counted = Folder.append(folder, counter, self.counted + 1)
    for (const tag of tags) {
      const before = mode === "soft" ? read(self, tag)?.version : undefined
      Folder.write(folder, [render(tag, { version: nextVersion(before, mode, newVersion), seq })])
    }
  } catch (thrown) {
    // The disk may be full. Removing the markers needs no space, and a tag without a marker counts as invalidated.
    remove(self, tags)
    throw thrown
  }
}

const remove = ({ folder }: Tags, tags: ReadonlyArray<string>): void => {
  for (const tag of tags) Folder.remove(folder, fileOf(tag))
}

const fileOf = (tag: string): string => `${subfolder}/${stemOf(tag)}.json`

const render = (tag: string, marker: Marker) => ({ name: fileOf(tag), content: Record.render({ tag, ...marker }) })
