/** Recorded accesses, and how often each policy hits. `traces/README.md` says where they come from. */
import type { Eviction } from "effect-cached/adapters"
import { LRUCache } from "lru-cache"
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { gunzipSync } from "node:zlib"
import { heldBy } from "../../support/heldBy.ts"

export interface Trace {
  readonly name: string
  readonly accesses: Uint32Array
  readonly unique: number
  /** Shares of the unique ids that the caches have room for. */
  readonly shares: ReadonlyArray<number>
}

const folder = join(import.meta.dirname, "traces")
const ending = ".u32le.gz"

export const traces = (): ReadonlyArray<Trace> =>
  readdirSync(folder).filter((file) => file.endsWith(ending)).toSorted().map((file) => {
    const bytes = gunzipSync(readFileSync(join(folder, file)))
    const accesses = new Uint32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length))
    const name = file.slice(0, -ending.length)
    return {
      name,
      accesses,
      unique: accesses.reduce((most, id) => Math.max(most, id + 1), 0),
      shares: name.startsWith("lirs") ? [0.05, 0.2, 0.5] : [0.01, 0.05, 0.2]
    }
  })

/** Answers whether an access hits. */
export type Cache = (id: number) => boolean
export type MakeCache = (capacity: number) => Cache

/** A policy of the library: the measured code is that of the memory tier. */
export const policy = (eviction: Eviction.Eviction, seed = 1): MakeCache => (capacity) => {
  const tier = heldBy(eviction.make({ capacity, weighed: false, seed: () => Math.imul(seed, 0x9e3779b1) }), capacity)
  return (number) => {
    const id = `key:${number}`
    const isHit = tier.has(id)
    if (isHit) tier.read(id)
    else tier.put(id)
    return isHit
  }
}

export const lruCache: MakeCache = (capacity) => {
  const cache = new LRUCache<number, true>({ max: capacity })
  return (id) => {
    if (cache.get(id) === true) return true
    cache.set(id, true)
    return false
  }
}

export const hitRatio = ({ accesses }: Trace, cache: Cache): number => {
  let hits = 0
  for (const id of accesses) if (cache(id)) hits++
  return hits / accesses.length
}

/**
 * The optimum: of all entries, and the one that was asked for, that one leaves which is asked for last (Belady 1966).
 * `next` says when the id of an access is asked for again; a tree of bits finds the last of those that are held.
 */
export const optimum = ({ accesses, unique }: Trace, capacity: number): number => {
  const { length } = accesses
  const next = new Uint32Array(length)
  const last = new Uint32Array(unique).fill(length)
  for (let i = length - 1; i >= 0; i--) {
    next[i] = last[accesses[i]!]!
    last[accesses[i]!] = i
  }
  const levels: Array<Uint32Array> = []
  for (let size = Math.ceil(length / 32);; size = Math.ceil(size / 32)) {
    levels.push(new Uint32Array(size))
    if (size <= 1) break
  }
  const add = (time: number): void => {
    let place = time
    for (const level of levels) {
      const before = level[place >>> 5]!
      level[place >>> 5] = before | (1 << (place & 31))
      if (before !== 0) return
      place >>>= 5
    }
  }
  const remove = (time: number): void => {
    let place = time
    for (const level of levels) {
      level[place >>> 5]! &= ~(1 << (place & 31))
      if (level[place >>> 5] !== 0) return
      place >>>= 5
    }
  }
  const latest = (): number => levels.reduceRight((place, level) => place * 32 + 31 - Math.clz32(level[place]!), 0)
  let hits = 0
  let held = 0
  for (let i = 0; i < length; i++) {
    if (((levels[0]![i >>> 5]! >>> (i & 31)) & 1) === 1) {
      hits++
      held--
      remove(i)
    }
    if (next[i] === length) continue
    add(next[i]!)
    if (++held <= capacity) continue
    remove(latest())
    held--
  }
  return hits / length
}

/** A trace at one capacity. */
export interface Cell {
  readonly trace: Trace
  readonly share: number
  readonly capacity: number
}

export const cells = (): ReadonlyArray<Cell> =>
  traces().flatMap((trace) =>
    trace.shares.map((share) => ({ trace, share, capacity: Math.max(2, Math.round(trace.unique * share)) }))
  )

/** A cell distinguishes policies where the optimum is so much above LRU. */
const leastGap = 0.005

/**
 * The part of the way from LRU to the optimum that a policy goes, over the cells that distinguish policies; and where
 * it is worst.
 */
export const scoreOf = (
  ratios: ReadonlyArray<number>,
  lru: ReadonlyArray<number>,
  best: ReadonlyArray<number>
): { readonly share: number; readonly worst: number } => {
  const telling = ratios.flatMap((ratio, i) =>
    best[i]! - lru[i]! < leastGap ? [] : [(ratio - lru[i]!) / (best[i]! - lru[i]!)]
  )
  return {
    share: telling.reduce((sum, part) => sum + part, 0) / telling.length,
    worst: Math.min(...ratios.map((ratio, i) => ratio - lru[i]!))
  }
}
