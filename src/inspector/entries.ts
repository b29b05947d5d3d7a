/** Entries of memory: pages from a cursor, passes in short slices, and single ids. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Predicate from "effect/Predicate"
import type * as Semaphore from "effect/Semaphore"
import * as Stream from "effect/Stream"
import type { Known } from "../CacheEntry.ts"
import { explain } from "../explain/collect.ts"
import { inspector as limits } from "../internal/defaults/options.ts"
import type { Engine } from "../internal/engine/engine.ts"
import type { Entry } from "../internal/engine/memory/entry.ts"
import * as Inspect from "../internal/engine/operations/inspect.ts"
import * as Look from "../internal/engine/operations/look.ts"
import { idOfString } from "../internal/key/id.ts"
import * as Glob from "../internal/text/glob.ts"
import { preview } from "../internal/text/preview.ts"
import { monotonicMillis } from "../internal/time/monotonic.ts"
import type * as Api from "./api.ts"
import type { CommonOptions } from "./options.ts"

const hidden = "…"

export const nameOf = (engine: Engine, id: string): string => Look.shown(engine, id) ?? hidden

/** Whether ids and tags are shown as they are. */
export const arePlain = (engine: Engine): boolean => Look.shown(engine, "~") === "~"

const never = (time: number): number | null => time === Infinity ? null : time

/** An entry as the page gets it, with its names as telemetry shows them. */
const toEntry = (engine: Engine, row: Omit<Look.Row, "isFresh">, now: number): Api.Entry => ({
  id: nameOf(engine, row.id),
  keyClass: row.keyClass ?? null,
  createdAt: row.createdAt,
  softAt: never(Math.max(0, row.softExpiresAt)),
  expiresAt: never(row.expiresAt),
  isFresh: now < row.softExpiresAt,
  reads: row.reads,
  weight: row.weight,
  tags: row.tags.map((tag) => nameOf(engine, tag)),
  dependsOn: (row.dependsOn ?? []).map((id) => nameOf(engine, id)),
  outcome: row.outcome,
  loadMillis: row.loadMillis
})

/**
 * The end of a page: the ids that were looked at last. An iterator of a `Map` would keep all that is deleted until the
 * next page is wanted.
 */
interface Place {
  readonly engine: Engine
  readonly after: ReadonlySet<string>
}

/** Pages that can be continued. The one that was made first is forgotten first. */
export type Cursors = Map<string, Place>

/** The next page. Fails if it is no longer known where the last one has ended. */
export const page = (
  cursors: Cursors,
  engine: Engine,
  { cursor, now, next }: { readonly cursor: string | undefined; readonly now: number; readonly next: () => string }
): Effect.Effect<{ readonly entries: ReadonlyArray<Api.Entry>; readonly cursor: string | null }, string> =>
  Effect.gen(function*() {
    const gone = Effect.fail("This page can no longer be continued: begin with the first one")
    const all = Look.entries(engine)
    let at = all.next()
    if (cursor !== undefined) {
      const place = cursors.get(cursor)
      if (place?.engine !== engine) return yield* gone
      cursors.delete(cursor)
      // Ids that are added come last. So those of the last page that are still there follow each other.
      let [isFound, looked] = [false, 0]
      for (; at.done !== true && !(isFound && !place.after.has(at.value.id)); at = all.next()) {
        isFound ||= place.after.has(at.value.id)
        if (++looked % (limits.page * limits.page) === 0) yield* Effect.yieldNow
      }
      if (!isFound) return yield* gone
    }
    const entries: Array<Api.Entry> = []
    const ids: Array<string> = []
    // Bounds the work if most of what is there has expired.
    for (; at.done !== true && ids.length < limits.page * limits.page; at = all.next()) {
      if (entries.length === limits.page) break
      ids.push(at.value.id)
      const row = Look.rowOf(engine, at.value, now)
      if (row !== undefined) entries.push(toEntry(engine, row, now))
    }
    if (at.done === true) return { entries, cursor: null }
    const after = next()
    cursors.set(after, { engine, after: new Set(ids.slice(-limits.page)) })
    if (cursors.size > limits.cursors) cursors.delete(cursors.keys().next().value!)
    return { entries, cursor: after }
  })

export interface Filter {
  readonly pattern?: string | undefined
  readonly keyClass?: string | undefined
  readonly tag?: string | undefined
  readonly state?: "fresh" | "stale" | "failure" | undefined
}

/** Throws a `CacheConfigError` for an invalid pattern. Ids and tags match as they are shown: hidden ones never do. */
export const matcher = (engine: Engine, { keyClass, pattern, state, tag }: Filter): (row: Look.Row) => boolean => {
  const glob = pattern === undefined || pattern === "" ? undefined : Glob.make(pattern)
  return (row) =>
    (keyClass === undefined || row.keyClass === keyClass) &&
    (state === undefined || (state === "failure" ? row.outcome === state : row.isFresh === (state === "fresh"))) &&
    (tag === undefined || row.tags.some((name) => Look.shown(engine, name) === tag)) &&
    (glob === undefined || glob.matches(nameOf(engine, row.id)))
}

const orders: { readonly [order: string]: (a: Look.Row, b: Look.Row) => number } = {
  hottest: (a, b) => b.reads - a.reads || b.createdAt - a.createdAt,
  coldest: (a, b) => a.reads - b.reads || a.createdAt - b.createdAt,
  heaviest: (a, b) => b.weight - a.weight || b.createdAt - a.createdAt
}

interface Passing {
  readonly process: Api.Process
  readonly matches: (row: Look.Row) => boolean
  readonly order: string
  /** With one permit: the slices of several passes have their turns one after the other. */
  readonly turns: Semaphore.Semaphore
}

/** Goes once over memory, and says from time to time how far it is. Between its slices, other fibers run. */
export const pass = (engine: Engine, { matches, order, process, turns }: Passing): Stream.Stream<Api.Pass> =>
  Stream.unwrap(Effect.map(Clock.Clock, (clock) => {
    const of = engine.memory.entries.size
    const iterator = Look.entries(engine)
    const inOrder = orders[order]
    const classes = new Map<string | null, { keyClass: string | null; entries: number; weight: number }>()
    let [scanned, matched, weight, reportedAt] = [0, 0, 0, -Infinity]
    let chosen: Array<Look.Row> = []
    let last: Look.Row | undefined
    const cut = (): void => {
      if (inOrder !== undefined) chosen = chosen.sort(inOrder).slice(0, limits.page)
      last = chosen[limits.page - 1]
    }
    const take = (row: Look.Row): void => {
      matched++
      weight += row.weight
      const keyClass = row.keyClass ?? null
      const ofClass = classes.get(keyClass) ?? { keyClass, entries: 0, weight: 0 }
      classes.set(keyClass, ofClass)
      ofClass.entries++
      ofClass.weight += row.weight
      if (inOrder === undefined ? chosen.length === limits.page : last !== undefined && inOrder(row, last) >= 0) return
      if (chosen.push(row) === 2 * limits.page) cut()
    }
    const report = (isDone: boolean, now: number): Api.Pass => {
      if (isDone) cut()
      return {
        process,
        at: now,
        isDone,
        scanned,
        of: Math.max(of, scanned),
        matched,
        weight,
        classes: Array.from(classes.values()).sort((a, b) => b.weight - a.weight).slice(0, limits.page),
        entries: isDone ? chosen.map((row) => toEntry(engine, row, now)) : []
      }
    }
    const slice = (): readonly [Api.Pass | undefined, isDone: boolean] => {
      const now = clock.currentTimeMillisUnsafe()
      const until = monotonicMillis(clock) + limits.sliceMillis
      do {
        // Entries that are added meanwhile would keep a pass from ending.
        const { done, value } = scanned < of ? iterator.next() : { done: true, value: undefined }
        if (done === true) return [report(true, now), true]
        scanned++
        const row = Look.rowOf(engine, value!, now)
        if (row !== undefined && matches(row)) take(row)
      } while (scanned % 32 !== 0 || monotonicMillis(clock) < until)
      if (now - reportedAt < limits.reportMillis) return [undefined, false]
      reportedAt = now
      return [report(false, now), false]
    }
    return Stream.unfold(false, (isOver) =>
      Effect.gen(function*() {
        if (isOver) return undefined
        while (true) {
          // A macrotask, so that requests and timers of the program run between two slices.
          const [found, isDone] = yield* turns.withPermit(Effect.andThen(Effect.yieldNow, Effect.sync(slice)))
          if (found !== undefined) return [found, isDone] as const
        }
      })).pipe(
        // A reader that does not read must not hold it up: an iterator keeps all that is deleted meanwhile.
        Stream.buffer({ capacity: 1, strategy: "sliding" })
      )
  }))

/** Entries of the store. The first ones, because a store may have any number. */
export const stored = (engine: Engine, pattern: string | undefined, now: number) => {
  const glob = Glob.make(pattern === undefined || pattern === "" ? "*" : pattern)
  return Inspect.entries(engine, glob.prefix).pipe(
    Stream.filter(({ id }) => glob.matches(nameOf(engine, id))),
    Stream.take(limits.page + 1),
    Stream.runCollect,
    Effect.map((found) => ({
      entries: found.slice(0, limits.page).map((known: Known) =>
        toEntry(engine, { ...known, keyClass: classIn(known.tags), weight: 0 }, now)
      ),
      isAll: found.length <= limits.page
    }))
  )
}

/** The tag of a class is its name after a `~`. The first tag of each of its entries is that one. */
const classIn = ([tag]: ReadonlyArray<string>): string | undefined =>
  tag !== undefined && /^~[^~:]+$/.test(tag) ? tag.slice(1) : undefined

/** Fails with the reason for the reader. */
const find = (
  engine: Engine,
  name: string,
  what: string,
  namesOf: (entry: Entry) => ReadonlyArray<string>
): Effect.Effect<string, string> =>
  Effect.gen(function*() {
    let looked = 0
    for (const entry of Look.entries(engine)) {
      const found = namesOf(entry).find((one) => Look.shown(engine, one) === name)
      if (found !== undefined) return found
      if (++looked % limits.page === 0) yield* Effect.yieldNow
    }
    return yield* Effect.fail(`No entry in memory has this ${what}`)
  })

/** The id that is shown so. Where ids are hidden, found among the entries of memory. */
export const idShownAs = (engine: Engine, name: string): Effect.Effect<string, string> =>
  Look.shown(engine, name) === name ? Effect.succeed(name) : find(engine, name, "id", ({ id }) => [id])

/** The tag that is shown so, likewise. */
export const tagShownAs = (engine: Engine, name: string): Effect.Effect<string, string> =>
  arePlain(engine)
    ? Effect.succeed(name.startsWith("~") ? name : idOfString(name))
    : find(engine, name, "tag", ({ tags }) => tags)

/** All that is known of an id. Nothing is loaded or counted as a read. */
export const explained = (
  engine: Engine,
  id: string,
  { redact, values }: CommonOptions
): Effect.Effect<any> =>
  Effect.gen(function*() {
    const now = yield* Clock.currentTimeMillis
    const entry = Look.entryOf(engine, id, now)
    const row = entry && Look.rowOf(engine, entry, now)
    const key = Look.keyOf(engine, id, row?.tags ?? [])
    const { facts, next, status } = yield* explain.over(engine, { key, request: undefined })
    return {
      entry: row === undefined ? null : toEntry(engine, row, now),
      status,
      facts: facts.map((fact) => plain(engine, fact)),
      next: next.map((answer) => ({ ...answer, refresh: String(answer.refresh) })),
      value: values === true && entry !== undefined ? valueOf(entry, { id, keyClass: row?.keyClass }, redact) : null
    }
  }) as Effect.Effect<any>

const valueOf = (
  { exit }: Entry,
  about: { readonly id: string; readonly keyClass: string | undefined },
  redact: CommonOptions["redact"]
): string => {
  const value = Exit.isSuccess(exit) ? exit.value : exit.cause
  try {
    const shown = redact === undefined ? value : redact(value, about)
    if (redact !== undefined && Predicate.isPromiseLike(shown)) {
      // Otherwise its failure would end the program.
      shown.then(undefined, () => {})
      return "hidden, because redact returned a promise"
    }
    return preview(shown, limits.valueCharacters)
  } catch {
    return "hidden, because redact threw"
  }
}

/** A fact as JSON, with its names as telemetry shows them. */
const plain = (engine: Engine, fact: object): Api.Explained["facts"][number] =>
  JSON.parse(JSON.stringify(fact, (name, value: unknown) => {
    if (typeof value === "number") return Number.isFinite(value) ? value : null
    if (name === "tag" && typeof value === "string") return nameOf(engine, value)
    return name === "tags" && Array.isArray(value) ? value.map((tag: string) => nameOf(engine, tag)) : value
  }))
