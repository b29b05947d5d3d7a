/** The history of a cache: why, when and by whom ids lost their entries, in 30 bytes an id and without its text. */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import { history as defaults } from "../internal/defaults/options.ts"
import type { Engine } from "../internal/engine/engine.ts"
import * as TagEpochs from "../internal/engine/memory/tagEpochs.ts"
import type { History as Hooks } from "../internal/engine/telemetry/telemetry.ts"
import { isPage } from "../internal/store/pageIds.ts"
import type { By, Past, PastCause, TagChange } from "./facts.ts"

/** The position of a cause is its number in a slot. Number 0 marks a free slot. */
const causes: ReadonlyArray<PastCause | undefined> = [
  undefined,
  ...["evicted", "expired", "replaced", "invalidated", "tag", "cleared", "unverified"] as const,
  ...["changed", "stale", "inherit", "dependency", "invalid", "failed", "interrupted", "skipped", "stored"] as const
]

/** The causes why a result is not stored that are noted before its load ends. */
const refusals: ReadonlySet<PastCause> = new Set(["changed", "stale", "inherit", "dependency", "invalid"])

const bys: ReadonlyArray<By> = ["this process", "another process"]

/** Each id has a set of this many slots. A new id takes the oldest of its set. */
const slotsOfSet = 4

interface Note {
  readonly cause: PastCause
  readonly at: number
  readonly endsAt: number
  readonly by: By
  readonly tag?: number
}

interface Slots {
  readonly note: (id: string, note: Note) => void
  readonly forgetOthers: () => void
  /** `undefined`: nothing was noted of the id. `"forgotten"`: its slot may have been overwritten. */
  readonly find: (id: string) => Required<Note> | "forgotten" | undefined
}

const makeSlots = (slots: number): Slots => {
  const perSet = Math.min(slotsOfSet, slots)
  const sets = Math.floor(slots / perSet)
  const count = sets * perSet
  const hashes = new Uint32Array(2 * count)
  const times = new Float64Array(count)
  const ends = new Float64Array(count)
  const tagNumbers = new Uint32Array(count)
  const causeNumbers = new Uint8Array(count)
  const byNumbers = new Uint8Array(count)
  const isOverwritten = new Uint8Array(sets)
  let first = 0
  let second = 0

  /** Computes two hashes of 32 bits (cyrb53 without its last step). */
  const hash = (id: string): void => {
    first = 0xdeadbeef
    second = 0x41c6ce57
    for (let i = 0; i < id.length; i++) {
      const unit = id.charCodeAt(i)
      first = Math.imul(first ^ unit, 2654435761)
      second = Math.imul(second ^ unit, 1597334677)
    }
    first = (first ^ Math.imul(second ^ second >>> 13, 3266489909)) >>> 0
    second = (second ^ Math.imul(first ^ first >>> 16, 2246822507)) >>> 0
  }

  /** The slot of an id, or -1. */
  const slotOf = (id: string): number => {
    hash(id)
    const from = first % sets * perSet
    for (let slot = from; slot < from + perSet; slot++) {
      if (hashes[2 * slot] === first && hashes[2 * slot + 1] === second && causeNumbers[slot] !== 0) return slot
    }
    return -1
  }

  const freeSlot = (): number => {
    const set = first % sets
    let oldest = set * perSet
    for (let slot = oldest; slot < (set + 1) * perSet; slot++) {
      if (causeNumbers[slot] === 0) return slot
      if (times[slot]! < times[oldest]!) oldest = slot
    }
    isOverwritten[set] = 1
    return oldest
  }

  return {
    note(id, { at, by, cause, endsAt, tag = 0 }) {
      const known = slotOf(id)
      const slot = known < 0 ? freeSlot() : known
      hashes[2 * slot] = first
      hashes[2 * slot + 1] = second
      times[slot] = at
      ends[slot] = endsAt
      tagNumbers[slot] = tag
      causeNumbers[slot] = causes.indexOf(cause)
      byNumbers[slot] = bys.indexOf(by)
    },
    forgetOthers: () => void isOverwritten.fill(1),
    find(id) {
      const slot = slotOf(id)
      if (slot < 0) return isOverwritten[first % sets] === 1 ? "forgotten" : undefined
      return {
        cause: causes[causeNumbers[slot]!]!,
        at: times[slot]!,
        endsAt: ends[slot]!,
        by: bys[byNumbers[slot]!]!,
        tag: tagNumbers[slot]!
      }
    }
  }
}

interface Tag {
  readonly tag: string
  readonly number: number
  change: TagChange | undefined
}

interface Tags {
  readonly of: (name: string) => Tag
  readonly numbered: (number: number) => Tag | undefined
  readonly changeOf: (name: string) => TagChange | undefined
}

/** The names of tags, to which slots refer by numbers. The oldest make room for new ones. */
const makeTags = (): Tags => {
  const byName = new Map<string, Tag>()
  const byNumber: Array<Tag | undefined> = []
  let last = 0
  return {
    of(name) {
      const known = byName.get(name)
      if (known !== undefined) return known
      const tag: Tag = { tag: name, number: ++last, change: undefined }
      const place = last % defaults.tags
      const oldest = byNumber[place]
      if (oldest !== undefined) byName.delete(oldest.tag)
      byNumber[place] = tag
      byName.set(name, tag)
      return tag
    },
    numbered(number) {
      const tag = byNumber[number % defaults.tags]
      return tag?.number === number ? tag : undefined
    },
    changeOf: (name) => byName.get(name)?.change
  }
}

export interface History extends Hooks {
  /** `undefined`: the id was never seen. `"forgotten"`: its slot may have been overwritten. */
  readonly pastOf: (id: string) => Past | "forgotten" | undefined
  readonly tagChange: (tag: string) => TagChange | undefined
}

export const make = (engine: Engine, count: number): History => {
  const slots = makeSlots(count)
  const tags = makeTags()
  /** The clock of the program that changes something may be another than that of the layer, as in a test. */
  const nowOf = (): number =>
    (Fiber.getCurrent()?.getRef(Clock.Clock) ?? Context.get(engine.context, Clock.Clock)).currentTimeMillisUnsafe()
  const byNow = (): By => bys[Number(engine.storeTier?.isElsewhere === true)]!
  /** A store may also report to this process the tags that it has invalidated itself. */
  const isEcho = (change: TagChange | undefined, at: number): boolean =>
    byNow() === "another process" && change?.by === "this process" && at - change.at < defaults.echoMillis
  const note = (id: string, cause: PastCause, at = nowOf(), endsAt = Infinity): void => {
    if (!isPage(id)) slots.note(id, { cause, at, endsAt, by: byNow() })
  }

  const history: History = {
    left({ checkedAt, expiresAt, id, tags: names }, cause) {
      const mayBeReplaced = cause === "replaced" || cause === "expired"
      // A newer entry has taken the place of this one.
      if (isPage(id) || (mayBeReplaced && engine.memory.entries.has(id))) return
      const name = cause === "invalidated"
        ? names.find((tag) => TagEpochs.changedSince(engine.tagEpochs, [tag], checkedAt))
        : undefined
      if (name === undefined) return note(id, cause, nowOf(), expiresAt)
      const { change, number } = tags.of(name)
      const { at = nowOf(), by = byNow() } = change ?? {}
      slots.note(id, { cause: "tag", at, endsAt: expiresAt, by, tag: number })
    },
    emptied(entries, cause) {
      const now = nowOf()
      let left = defaults.ofClear
      for (const entry of entries) {
        if (entry === undefined) continue
        // The rest of a large memory is not listed here, so it is not known which ids had entries.
        if (left-- === 0) return slots.forgetOthers()
        note(entry.id, cause === "invalidated" ? "cleared" : cause, now, entry.expiresAt)
      }
    },
    invalidated(ids, names, mode) {
      const at = nowOf()
      if (mode === "hard") { for (const id of ids) note(id, "invalidated", at) }
      for (const name of names) {
        const tag = tags.of(name)
        if (!isEcho(tag.change, at)) tag.change = { tag: name, at, by: byNow(), mode }
      }
    },
    keptOut: (id, because) => note(id, because),
    loaded({ attempt, endedAt, entry, id, storable }, exit) {
      if (entry !== undefined && storable) {
        // An entry in memory is noted when it leaves.
        if (engine.storeTier === undefined || engine.memory.entries.has(id)) return
        return note(id, "stored", endedAt, entry.expiresAt)
      }
      const past = slots.find(id)
      const isRefused = typeof past === "object" && refusals.has(past.cause) && past.at >= attempt.startedAt!
      if (isRefused || engine.memory.entries.has(id)) return
      note(id, Exit.isSuccess(exit) ? "skipped" : Exit.hasInterrupts(exit) ? "interrupted" : "failed", endedAt)
    },
    pastOf(id) {
      const past = slots.find(id)
      if (typeof past !== "object") return past
      const { at, by, cause, endsAt, tag } = past
      return { cause, at, expiresAt: endsAt, by, tag: tags.numbered(tag)?.tag }
    },
    tagChange: tags.changeOf
  }
  return history
}
