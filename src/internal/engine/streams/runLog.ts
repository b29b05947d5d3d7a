/**
 * The log of a run: elements in pages, for consumers that read at their own pace. While the log `isWhole`, every page
 * stays in the store or in memory until the run ends, and no consumer delays the run. A log that is not whole keeps a
 * window of pages, and the run waits a limited time for slow consumers.
 */
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import { streams } from "../../defaults/options.ts"
import { monotonicMillis } from "../../time/monotonic.ts"

interface Page {
  readonly elements: Array<unknown>
  bytes: number
  isClosed: boolean
  isWritten: boolean
}

export interface Cursor {
  page: number
  offset: number
  /** Whether the consumer waits for the end, in which case the run continues without demand for elements. */
  wantsAll: boolean
  readonly lagMillis: number
  /** Whether the consumer was so slow that its next element has been dropped. */
  isLagging: boolean
  isWaiting: boolean
  /** How long other consumers have waited for this one since it last caught up. */
  heldUpMillis: number
  readonly wake: () => void
}

export interface RunLog {
  readonly id: string
  readonly run: string
  readonly pages: Map<number, Page>
  count: number
  elements: number
  bytes: number
  isWhole: boolean
  end: Exit.Exit<unknown, unknown> | undefined
  readonly cursors: Set<Cursor>
  wakes: number
  resumeRun: (() => void) | undefined
  /** Called when the last consumer leaves, to remove pages that are not kept. `undefined` if the pages are kept. */
  dispose: (() => void) | undefined
}

export const make = (id: string, run: string): RunLog => ({
  id,
  run,
  pages: new Map(),
  count: 0,
  elements: 0,
  bytes: 0,
  isWhole: true,
  end: undefined,
  cursors: new Set(),
  wakes: 0,
  resumeRun: undefined,
  dispose: undefined
})

/** The page that is being filled, or a new page if the last one is closed. */
export const openPage = (self: RunLog): Page => {
  const last = self.pages.get(self.count - 1)
  if (last !== undefined && !last.isClosed) return last
  const page: Page = { elements: [], bytes: 0, isClosed: false, isWritten: false }
  self.pages.set(self.count++, page)
  return page
}

export const add = (self: RunLog, page: Page, element: unknown, bytes: number): void => {
  page.elements.push(element)
  page.bytes += bytes
  self.elements++
  self.bytes += bytes
}

/** Corrects the estimated size of a page. */
export const resize = (self: RunLog, page: Page, bytes: number): void => {
  self.bytes += bytes - page.bytes
  page.bytes = bytes
}

export const wakeAll = (self: RunLog): void => {
  self.wakes++
  for (const cursor of Array.from(self.cursors)) if (cursor.isWaiting) cursor.wake()
}

export const breakUp = (self: RunLog): void => {
  self.isWhole = false
  trim(self)
  wakeAll(self)
}

export const finish = (self: RunLog, end: Exit.Exit<unknown, unknown>): void => {
  self.end = end
  wakeAll(self)
}

/** Drops old pages from memory: those in the store and, unless the log is whole, those that all consumers have read. */
export const trim = (self: RunLog): void => {
  const needed = neededFrom(self)
  for (const [number, page] of self.pages) {
    if (number >= self.count - streams.windowPages || !page.isClosed) return
    if (page.isWritten || (!self.isWhole && number < needed)) self.pages.delete(number)
    else return
  }
}

const neededFrom = (self: RunLog): number => {
  let first = Infinity
  for (const { page } of self.cursors) first = Math.min(first, page)
  return first
}

const isWanted = (self: RunLog, except: ReadonlyArray<Cursor> = []): boolean => {
  for (const cursor of self.cursors) {
    if ((cursor.isWaiting || cursor.wantsAll) && !except.includes(cursor)) return true
  }
  return false
}

/** Completes when a consumer wants more elements than the log has. */
export const demanded = (self: RunLog): Effect.Effect<void> => until(self, () => isWanted(self))

const isFull = (self: RunLog): boolean => {
  trim(self)
  return !self.isWhole && self.pages.size > streams.windowPages + 1
}

/** The slowest consumers. Empty unless all of them may be dropped and another consumer waits for the run. */
const laggards = (self: RunLog): ReadonlyArray<Cursor> => {
  const first = neededFrom(self)
  const behind = Array.from(self.cursors).filter(({ page }) => page === first)
  return behind.every(({ lagMillis }) => lagMillis !== Infinity) && isWanted(self, behind) ? behind : []
}

/** Completes when the log has room for another page. Drops consumers that have delayed others for too long. */
export const hasRoom = (self: RunLog): Effect.Effect<void> =>
  Effect.clockWith((clock) => {
    if (!isFull(self)) return Effect.void
    const behind = laggards(self)
    if (behind.length === 0) {
      return Effect.flatMap(until(self, () => !isFull(self) || laggards(self).length > 0), () => hasRoom(self))
    }
    const leftMillis = Math.min(...behind.map(patienceOf))
    const since = monotonicMillis(clock)
    const waiting = until(self, () => !isFull(self) || laggards(self).length !== behind.length)
    return Effect.flatMap(Effect.timeoutOption(waiting, leftMillis), () => {
      const heldUpMillis = monotonicMillis(clock) - since
      for (const cursor of behind) cursor.heldUpMillis += heldUpMillis
      const tooLong = behind.filter((cursor) => patienceOf(cursor) <= 0)
      if (isFull(self)) { for (const cursor of tooLong) lag(self, cursor) }
      return hasRoom(self)
    })
  })

/** How much longer others wait for a consumer. */
const patienceOf = ({ heldUpMillis, lagMillis }: Cursor): number => lagMillis - heldUpMillis

const lag = (self: RunLog, cursor: Cursor): void => {
  cursor.isLagging = true
  self.cursors.delete(cursor)
  cursor.wake()
}

/** Completes when the condition holds. Checks it whenever a consumer moves, waits or leaves. */
const until = (self: RunLog, condition: () => boolean): Effect.Effect<void> =>
  Effect.callback((resume) => {
    if (condition()) return resume(Effect.void)
    self.resumeRun = () => {
      if (!condition()) return
      self.resumeRun = undefined
      resume(Effect.void)
    }
    return Effect.sync(() => {
      self.resumeRun = undefined
    })
  })

export const join = (self: RunLog, cursor: Cursor): void => {
  self.cursors.add(cursor)
  if (cursor.wantsAll) self.resumeRun?.()
}

export const leave = (self: RunLog, cursor: Cursor): void => {
  self.cursors.delete(cursor)
  self.resumeRun?.()
  disposeIfIdle(self)
}

export const disposeWith = (self: RunLog, dispose: () => void): void => {
  self.dispose = dispose
  disposeIfIdle(self)
}

const disposeIfIdle = (self: RunLog): void => {
  if (self.cursors.size > 0 || self.dispose === undefined) return
  const { dispose } = self
  self.dispose = undefined
  dispose()
}

export const ask = (self: RunLog, cursor: Cursor): void => {
  cursor.isWaiting = true
  cursor.heldUpMillis = 0
  self.resumeRun?.()
}

/** The next elements. `undefined`: there are none, or none yet. `"elsewhere"`: only the store has their page. */
export const next = (self: RunLog, cursor: Cursor): ReadonlyArray<unknown> | "elsewhere" | undefined => {
  while (cursor.page < self.count) {
    const page = self.pages.get(cursor.page)
    if (page === undefined) return "elsewhere"
    const { offset } = cursor
    const { elements, isClosed } = page
    if (isClosed) passPage(self, cursor)
    else cursor.offset = elements.length
    if (offset < elements.length) return isClosed && offset === 0 ? elements : elements.slice(offset)
    if (!isClosed) return undefined
  }
  return undefined
}

export const firstInMemory = ({ count, pages }: RunLog): number => pages.keys().next().value ?? count

export const passPage = (self: RunLog, cursor: Cursor): void => {
  cursor.page++
  cursor.offset = 0
  self.resumeRun?.()
}
