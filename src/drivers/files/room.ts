/**
 * Measures the folder and makes room: the entry that was used longest ago goes first.
 *
 * A folder may have very many files, so it is measured in steps, some with each write. Of what was measured only the
 * sum and the entries that were used longest ago are kept.
 */
import { filesMeasured } from "../../internal/defaults/folders.ts"
import type { Folder } from "./folder.ts"
import * as Name from "./name.ts"

export interface Room {
  /** Makes room for an entry before it grows by some bytes. */
  readonly reserve: (stem: string, growth: number) => void
  /** Makes room on a full disk, for a payload of this size and some more. */
  readonly freeOnFullDisk: (size: number) => void
  /** Removes all entries, a step at a time: the answer is what is left to do. */
  readonly clear: () => Iterator<void>
}

/** A payload, and when its entry was used last. */
interface Measured {
  readonly name: string
  readonly stem: string
  readonly size: number
  readonly usedAt: number
}

/** A look at all files, in steps. */
interface Scan {
  readonly names: Generator<string>
  readonly oldest: Array<Measured>
  bytes: number
  /** what was written meanwhile: it may be counted twice, until the next look */
  grown: number
}

/** The share of the limit that is freed at once, so that a full folder is not measured at every write. */
const slack = 1 / 16

const byUse = (a: Measured, b: Measured): number => a.usedAt - b.usedAt

export const make = (folder: Folder, maxSize: number): Room => {
  // Exact while no other process writes, so it is measured again from time to time.
  let total = 0
  let sinceMeasured = Infinity
  let oldest: Array<Measured> = []
  let scan: Scan | undefined

  // A payload without metadata cannot be read, so it counts as never used.
  const usedAtOf = (stem: string): number => folder.stat(Name.metadataOf(stem))?.mtimeMs ?? 0

  const measure = (name: string, to: Scan) => {
    const parsed = Name.parse(name)
    if (parsed === undefined || parsed.isMetadata) return
    const { stem } = parsed
    const size = folder.stat(name)?.size ?? 0
    to.bytes += size
    to.oldest.push({ name, stem, size, usedAt: usedAtOf(stem) })
    if (to.oldest.length > 2 * filesMeasured.oldest) to.oldest.sort(byUse).length = filesMeasured.oldest
  }

  const begin = (): Scan => scan ??= { names: folder.names(), oldest: [], bytes: 0, grown: 0 }

  /** Looks at some more files. */
  const step = (of: Scan, most: number) => {
    for (let i = 0; i < most; i++) {
      const next = of.names.next()
      if (next.done === true) return end(of)
      measure(next.value, of)
    }
  }

  const end = (of: Scan) => {
    total = of.bytes + of.grown
    sinceMeasured = of.grown
    oldest = of.oldest.sort(byUse)
    scan = undefined
  }

  const remove = ({ name, stem }: Measured) => {
    folder.remove(name)
    folder.remove(Name.metadataOf(stem))
  }

  /** Removes what was used longest ago, as far as it is known, but not what was used since it was measured. */
  const shrink = (target: number, except: string) => {
    const spared: Array<Measured> = []
    let at = 0
    for (; at < oldest.length && total > target; at++) {
      const item = oldest[at]!
      if (item.stem === except) spared.push(item)
      else if (usedAtOf(item.stem) <= item.usedAt) {
        remove(item)
        total -= item.size
      }
    }
    oldest = [...spared, ...oldest.slice(at)]
  }

  return {
    reserve(stem, growth) {
      if (total + growth > maxSize || sinceMeasured > maxSize * slack) begin()
      if (scan !== undefined) step(scan, filesMeasured.ofStep)
      if (total + growth > maxSize) shrink(maxSize * (1 - slack) - growth, stem)
      total += growth
      sinceMeasured += growth
      if (scan !== undefined) scan.grown += growth
    },
    freeOnFullDisk(size) {
      step(begin(), Infinity)
      shrink(total * (1 - slack) - 2 * size, "")
    },
    clear: function*() {
      let i = 0
      for (const name of folder.list()) {
        if (Name.parse(name) === undefined) continue
        folder.remove(name)
        if (++i % filesMeasured.ofStep === 0) yield
      }
      total = 0
      oldest = []
      scan?.names.return(undefined)
      scan = undefined
    }
  }
}
