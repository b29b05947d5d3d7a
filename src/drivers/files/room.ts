/** Evicts the least recently used entries of a full folder. Each write measures only a part of a large folder. */
import { filesMeasured } from "../../internal/defaults/folders.ts"
import { reasonOf } from "../shared/fileErrors.ts"
import * as Folder from "./folder.ts"
import * as Name from "./name.ts"

export interface Room {
  readonly folder: Folder.Folder
  readonly maxSize: number
  /** The total size of all payloads in bytes. Measured again from time to time, because other processes also write. */
  total: number
  sinceMeasured: number
  /** The least recently used entries, as of the last measurement. */
  oldest: Array<Measured>
  scan: Scan | undefined
}

interface Measured {
  readonly name: string
  readonly stem: string
  readonly size: number
  readonly usedAt: number
}

interface Scan {
  readonly names: Generator<string>
  readonly oldest: Array<Measured>
  bytes: number
  /** The bytes written during this scan. Some of them may be counted twice, which the next scan corrects. */
  grown: number
}

/** The share of `maxSize` that one eviction frees, so that a full folder is not measured on every write. */
const slack = 1 / 16

const byUse = (a: Measured, b: Measured): number => a.usedAt - b.usedAt

export const make = (folder: Folder.Folder, maxSize: number): Room => ({
  folder,
  maxSize,
  total: 0,
  sinceMeasured: Infinity,
  oldest: [],
  scan: undefined
})

export const reserve = (self: Room, stem: string, growth: number): void => {
  const { maxSize } = self
  if (self.total + growth > maxSize || self.sinceMeasured > maxSize * slack) beginScan(self)
  if (self.scan !== undefined) measureSome(self, self.scan, filesMeasured.ofStep)
  if (self.total + growth > maxSize) shrink(self, maxSize * (1 - slack) - growth, stem)
  self.total += growth
  self.sinceMeasured += growth
  if (self.scan !== undefined) self.scan.grown += growth
}

/** Runs a write. If the disk is full, evicts more than `size` bytes of entries, and runs the write once more. */
export const withRoom = <A>(self: Room, size: number, run: () => A): A => {
  try {
    return run()
  } catch (thrown) {
    if (reasonOf(thrown) !== "Full") throw thrown
    measureSome(self, beginScan(self), Infinity)
    shrink(self, self.total * (1 - slack) - 2 * size, "")
    return run()
  }
}

export const clear = function*(self: Room): Generator<void, void> {
  const { folder } = self
  let i = 0
  for (const name of Folder.list(folder)) {
    if (Name.parse(name) === undefined) continue
    Folder.remove(folder, name)
    if (++i % filesMeasured.ofStep === 0) yield
  }
  self.total = 0
  self.oldest = []
  self.scan?.names.return(undefined)
  self.scan = undefined
}

const beginScan = (self: Room): Scan =>
  self.scan ??= { names: Folder.names(self.folder), oldest: [], bytes: 0, grown: 0 }

const measureSome = (self: Room, scan: Scan, most: number): void => {
  for (let i = 0; i < most; i++) {
    const next = scan.names.next()
    if (next.done === true) return endScan(self, scan)
    measure(self, scan, next.value)
  }
}

const measure = (self: Room, scan: Scan, name: string): void => {
  const parsed = Name.parse(name)
  if (parsed === undefined || parsed.isMetadata) return
  const { stem } = parsed
  const size = Folder.stat(self.folder, name)?.size ?? 0
  scan.bytes += size
  scan.oldest.push({ name, stem, size, usedAt: usedAtOf(self, stem) })
  if (scan.oldest.length > 2 * filesMeasured.oldest) scan.oldest.sort(byUse).length = filesMeasured.oldest
}

const endScan = (self: Room, { bytes, grown, oldest }: Scan): void => {
  self.total = bytes + grown
  self.sinceMeasured = grown
  self.oldest = oldest.sort(byUse)
  self.scan = undefined
}

/** The time of an entry's last use. A payload without metadata cannot be read, so it counts as never used. */
const usedAtOf = ({ folder }: Room, stem: string): number => Folder.stat(folder, Name.metadataOf(stem))?.mtimeMs ?? 0

/** Evicts the least recently used of the measured entries. Skips entries that have been used since. */
const shrink = (self: Room, target: number, except: string): void => {
  const { folder, oldest } = self
  const spared: Array<Measured> = []
  let at = 0
  for (; at < oldest.length && self.total > target; at++) {
    const item = oldest[at]!
    if (item.stem === except) spared.push(item)
    else if (usedAtOf(self, item.stem) <= item.usedAt) {
      Folder.remove(folder, item.name)
      Folder.remove(folder, Name.metadataOf(item.stem))
      self.total -= item.size
    }
  }
  self.oldest = [...spared, ...oldest.slice(at)]
}
