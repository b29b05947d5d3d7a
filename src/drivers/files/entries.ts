/** Reads and writes the entries of a folder, each in two files: one with its payload and one with its metadata. */
import type { Stored } from "../../CacheEntry.ts"
import { isPage } from "../../internal/store/pageIds.ts"
import { tooLarge } from "../../internal/store/tooLarge.ts"
import { Damaged } from "../../ports/storage.ts"
import type { Scanned } from "../../ports/store.ts"
import * as Folder from "./folder.ts"
import * as Metadata from "./metadata.ts"
import * as Name from "./name.ts"
import * as Room from "./room.ts"
import * as Tidying from "./tidying.ts"

export interface Entries {
  readonly folder: Folder.Folder
  readonly room: Room.Room
  readonly tidying: Tidying.Tidying
  readonly extension: string
  readonly maxValue: number
}

export const get = ({ folder }: Entries, id: string): Stored | typeof Damaged | undefined => {
  const stem = Name.stemOf(id)
  // If another process replaces the entry between the reads of its two files, the second attempt finds the new entry.
  for (let look = 0, seen = ""; look < 2; look++) {
    const text = readText(folder, stem)
    const metadata = parse(stem, text)
    // Metadata files are replaced atomically, so an unreadable one was written by another program or another release.
    if (text !== undefined && metadata === undefined) return Damaged
    if (metadata?.id !== id || metadata.meta.writeId === seen) return undefined
    const payload = Folder.read(folder, metadata.file)
    if (payload !== undefined && Metadata.fits(metadata, payload)) {
      Folder.touch(folder, Name.metadataOf(stem))
      return { meta: metadata.meta, payload }
    }
    seen = metadata.meta.writeId
  }
  return undefined
}

/** Replaces the metadata first, so that every payload has metadata. A read between the two replacements is a miss. */
export const set = (self: Entries, id: string, entry: Stored, now: number): void => {
  const { extension, folder, maxValue, room } = self
  const size = entry.payload.length
  if (size > maxValue) throw tooLarge({ store: "files", operation: "set", id, size, limit: ["maxValue", maxValue] })
  const stem = Name.stemOf(id)
  const file = stem + (entry.extension ?? extension)
  const replaced = Folder.stat(folder, file)
  // A payload that another serializer wrote may have another extension. If a person has removed the payload, its
  // metadata still names it.
  const named = replaced === undefined ? readMetadata(folder, stem)?.file : undefined
  const other = named === file ? undefined : named
  const before = other === undefined ? replaced : Folder.stat(folder, other)
  Room.reserve(room, stem, size - (before?.size ?? 0))
  const metadata = { name: Name.metadataOf(stem), content: Metadata.render(Metadata.make(id, file, entry)) }
  Room.withRoom(room, size, () => Folder.write(folder, [metadata, { name: file, content: entry.payload }]))
  if (other !== undefined) Folder.remove(folder, other)
  Tidying.noteWrite(self.tidying, now)
}

/** Removes the payload before the metadata, so that every existing payload has metadata. */
export const remove = ({ extension, folder }: Entries, id: string): boolean => {
  const stem = Name.stemOf(id)
  const file = stem + extension
  const files = new Set([readMetadata(folder, stem)?.file ?? file, file, Name.metadataOf(stem)])
  return Array.from(files, (file) => Folder.remove(folder, file)).includes(true)
}

export const scan = function*({ folder }: Entries, prefix: string): Generator<Scanned> {
  for (const stem of stemsOf(folder)) {
    if (Name.textOf(stem)?.startsWith(prefix) === false) continue
    const metadata = readMetadata(folder, stem)
    if (metadata === undefined || Name.stemOf(metadata.id) !== stem || !metadata.id.startsWith(prefix)) continue
    if (Folder.stat(folder, metadata.file)?.size === metadata.bytes) yield { id: metadata.id, meta: metadata.meta }
  }
}

export const size = ({ folder }: Entries): number =>
  stemsOf(folder).filter((stem) => !isPage(Name.textOf(stem) ?? "")).length

const readMetadata = (folder: Folder.Folder, stem: string): Metadata.Metadata | undefined =>
  parse(stem, readText(folder, stem))

const readText = (folder: Folder.Folder, stem: string): string | undefined =>
  Folder.read(folder, Name.metadataOf(stem))?.toString()

const parse = (stem: string, text: string | undefined): Metadata.Metadata | undefined => {
  const metadata = text === undefined ? undefined : Metadata.parse(text)
  return metadata !== undefined && Name.isPayloadOf(stem, metadata.file) ? metadata : undefined
}

const stemsOf = (folder: Folder.Folder): ReadonlyArray<string> =>
  Folder.list(folder).flatMap((file) => {
    const parsed = Name.parse(file)
    return parsed?.isMetadata === true ? [parsed.stem] : []
  })
