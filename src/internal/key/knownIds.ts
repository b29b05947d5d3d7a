/**
 * Remembers the ids of a key class by its field values, if all fields are primitives. To find a newly joined string, a
 * `Map` must first hash it, which takes longer than the rest of a hit. The table has a fixed size. An id is stored only
 * if two consecutive keys of its slot have it, so keys that are read only once displace nothing.
 */
import { knownIds } from "../defaults/bounds.ts"
import type { Fields, Property } from "./canonical.ts"

/** The maximum length of a string field, in UTF-16 code units. Keys with a longer field are not remembered. */
const maxUnits = 100

export const remembering = (
  properties: ReadonlyArray<Property>,
  makeId: (fields: Fields) => string
): (fields: Fields) => string => {
  const names = properties.map(({ name }) => name)
  if (names.length === 0 || !properties.every(({ primitive }) => primitive)) return makeId
  // The table is created on demand, because a process rarely uses all classes of its program.
  let table: Table | undefined

  return (fields) => {
    const hash = hashOf(names, fields)
    if (hash === undefined) return makeId(fields)
    const { hashes, ids, known } = table ??= makeTable()
    const place = hash & (knownIds - 1)
    const one = known[place]
    if (one !== undefined && one.hash === hash && isOf(one, names, fields)) return one.id
    const id = makeId(fields)
    if (hashes[place] !== hash || ids[place] !== id) {
      hashes[place] = hash
      return ids[place] = id
    }
    // Returns the earlier of two equal strings: the cache uses that string, so a `Map` finds it without comparing text.
    const first = ids[place]!
    known[place] = { hash, values: names.map((name) => own(fields[name])), id: first }
    return first
  }
}

interface Table {
  readonly known: Array<Known | undefined>
  /** For each slot, the hash of the fields of the last created id. `ids` holds the id itself. */
  readonly hashes: Int32Array
  readonly ids: Array<string | undefined>
}

const makeTable = (): Table => ({
  known: new Array(knownIds).fill(undefined),
  hashes: new Int32Array(knownIds),
  ids: new Array(knownIds).fill(undefined)
})

interface Known {
  readonly hash: number
  readonly values: ReadonlyArray<unknown>
  readonly id: string
}

const isOf = ({ values }: Known, names: ReadonlyArray<string>, fields: Fields): boolean => {
  for (let i = 0; i < names.length; i++) if (values[i] !== fields[names[i]!]) return false
  return true
}

/** Hashes the field values, or returns `undefined` for a long string. Collisions are harmless: values are compared. */
const hashOf = (names: ReadonlyArray<string>, fields: Fields): number | undefined => {
  let hash = 0
  for (let i = 0; i < names.length; i++) {
    const value = fields[names[i]!]
    if (typeof value === "string") {
      if (value.length > maxUnits) return undefined
      for (let at = 0; at < value.length; at++) hash = Math.imul(hash, 31) + value.charCodeAt(at) | 0
    } else hash = Math.imul(hash, 31) + (typeof value === "number" ? hashOfNumber(value) : value === true ? 1 : 2) | 0
  }
  return hash ^ (hash >>> 15)
}

const hashOfNumber = (value: number): number => Number.isInteger(value) ? value | 0 : (value * 1e6) | 0

/** V8 copies substrings shorter than this; longer ones refer to the original string. */
const shortestPart = 13

/** Copies a string, because a substring would keep the whole larger string in memory. */
const own = (value: unknown): unknown =>
  typeof value === "string" && value.length >= shortestPart ? [value.slice(0, 1), value.slice(1)].join("") : value
