/** Reads and writes the entries of a folder, each in two files: one with its payload and one with its metadata. */
import type { Stored } from "../../CacheEntry.ts"
import { isPage } from "../../internal/store/pageIds.ts"
import { aboveMaxValue } from "../../internal/store/tooLarge.ts"
import type { Inspected } from "../../ports/inspection.ts"
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

export const get = ({ folder }: Entries, id: string): Stored | "damaged" | undefined => {
  const found = find(folder, id)
  if (found !== undefined && found !== "damaged") Folder.touch(folder, Name.metadataOf(Name.stemOf(id)))
  return found
}

/** Reads an entry without recording its use. */
export const find = (folder: Folder.Folder, id: string): Stored | "damaged" | undefined => {
  const stem = Name.stemOf(id)
  // If another process replaces the entry between the reads of its two files, the second attempt finds the new entry.
  for (let look = 0, seen = ""; look < 2; look++) {
    const text = readText(folder, stem)
    const metadata = parse(stem, text)
    // Metadata files are replaced atomically, so an unreadable one was written by another program or another release.
    if (text !== undefined && metadata === undefined) return "damaged"
    if (metadata?.id !== id || metadata.meta.writeId === seen) return undefined
    const payload = Folder.read(folder, metadata.file)
    if (payload !== undefined && Metadata.fits(metadata, payload)) return { meta: metadata.meta, payload }
    seen = metadata.meta.writeId
  }
  return undefined
}

/** Replaces the metadata first, so that every payload has metadata. A read between the two replacements is a miss. */
export const set = (self: Entries, id: string, entry: Stored, now: number): void => {
  const { extension, folder, maxValue, room } = self
  const size = entry.payload.length
  const refused = aboveMaxValue("files", "set", [{ id, entry }], maxValue)
  if (refused !== undefined) throw refused
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

/** Whether there is metadata of an id. If no entry can be read then, it is damaged. */
export const isThere = (folder: Folder.Folder, id: string): boolean =>
  Folder.stat(folder, Name.metadataOf(Name.stemOf(id))) !== undefined

/** Lists all entries, also those that cannot be read. A payload without metadata is not an entry. */
export const inspect = function*(folder: Folder.Folder, prefix: string): Generator<Inspected> {
  for (const file of Folder.names(folder)) {
    const parsed = Name.parse(file)
    if (parsed?.isMetadata !== true) continue
    const { stem } = parsed
    const id = readMetadata(folder, stem)?.id ?? Name.textOf(stem) ?? stem
    if (!id.startsWith(prefix)) continue
    const entry = find(folder, id)
    if (entry !== undefined && entry !== "damaged") yield { id, entry }
    else if (Folder.stat(folder, file) !== undefined) yield { id, entry: undefined }
  }
}

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
