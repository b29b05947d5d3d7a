/** Measures the folder and makes room: the entry that was used longest ago goes first. */
import type { Folder } from "./filesFolder.ts"
import * as Name from "./filesName.ts"

export interface Room {
  /** Makes room for an entry before it grows by some bytes. */
  readonly reserve: (stem: string, growth: number) => void
  /** Makes room on a full disk, for a payload of this size and some more. */
  readonly freeOnFullDisk: (size: number) => void
  /** Removes all entries. */
  readonly clear: () => void
}

/** The files of one entry. */
interface Item {
  readonly stem: string
  readonly payloads: Array<string>
  hasMetadata: boolean
}

interface Measured extends Item {
  readonly size: number
  readonly usedAt: number
}

/** The share of the limit that is freed at once, so that a full folder is not measured at every write. */
const slack = 1 / 16

const itemsOf = (names: ReadonlyArray<string>): ReadonlyArray<Item> => {
  const items = new Map<string, Item>()
  for (const name of names) {
    const parsed = Name.parse(name)
    if (parsed === undefined) continue
    const { isMetadata, stem } = parsed
    const item = items.get(stem) ?? { stem, payloads: [], hasMetadata: false }
    items.set(stem, item)
    if (isMetadata) item.hasMetadata = true
    else item.payloads.push(name)
  }
  return Array.from(items.values())
}

export const make = (folder: Folder, maxSize: number): Room => {
  // Exact while no other process writes, so it is measured again from time to time.
  let total = Infinity
  let sinceMeasured = 0

  // A payload without metadata cannot be read, so it counts as never used.
  const measureItem = (item: Item): Measured => ({
    ...item,
    size: item.payloads.reduce((size, name) => size + (folder.stat(name)?.size ?? 0), 0),
    usedAt: item.hasMetadata ? folder.stat(Name.metadataOf(item.stem))?.mtimeMs ?? 0 : 0
  })

  const measure = (): ReadonlyArray<Measured> => {
    const items = itemsOf(folder.list()).map(measureItem)
    total = items.reduce((total, { size }) => total + size, 0)
    sinceMeasured = 0
    return items
  }

  const remove = (item: Item) => {
    for (const name of item.payloads) folder.remove(name)
    folder.remove(Name.metadataOf(item.stem))
  }

  const shrink = (items: ReadonlyArray<Measured>, target: number) => {
    for (const item of items.toSorted((a, b) => a.usedAt - b.usedAt)) {
      if (total <= target) return
      remove(item)
      total -= item.size
    }
  }

  return {
    reserve(stem, growth) {
      if (total + growth > maxSize || sinceMeasured > maxSize * slack) {
        const others = measure().filter((item) => item.stem !== stem)
        if (total + growth > maxSize) shrink(others, maxSize * (1 - slack) - growth)
      }
      total += growth
      sinceMeasured += growth
    },
    freeOnFullDisk(size) {
      const items = measure()
      shrink(items, total * (1 - slack) - 2 * size)
    },
    clear() {
      for (const item of itemsOf(folder.list())) remove(item)
      total = 0
    }
  }
}
