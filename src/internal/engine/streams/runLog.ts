/**
 * The log of a run: its elements in pages, for consumers that read them at their own pace.
 *
 * While the log is whole, every page is in the store, or in memory, until the run is over: nobody is held up. A log that
 * is not whole keeps a window of pages, and the run waits for who is behind it, for some time.
 */
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import { streams } from "../../defaults/options.ts"
import { monotonicMillis } from "../../time/monotonic.ts"

interface Page {
  readonly elements: Array<unknown>
  bytes: number
  isClosed: boolean
  /** the store has it */
  isWritten: boolean
}

/** Where a consumer is. */
export interface Cursor {
  page: number
  offset: number
  /** it waits for the end, so the run goes on without being asked for elements */
  wantsAll: boolean
  readonly whenSlow: "fail" | "wait"
  /** it was too slow: what it would read next is gone */
  isLagging: boolean
  isWaiting: boolean
  /** how long others have waited for it since it last had all there was */
  heldUpMillis: number
  readonly wake: () => void
}

export interface RunLog {
  readonly id: string
  readonly run: string
  readonly pages: Map<number, Page>
  /** how many pages have begun */
  count: number
  elements: number
  bytes: number
  /** of all pages up to each one that was encoded */
  readonly digests: Array<number>
  /** how many consumers compare them with what they have got of another run */
  comparing: number
  /** it can still be stored, and joined */
  isWhole: boolean
  /** the run is over */
  end: Exit.Exit<unknown, unknown> | undefined
  readonly cursors: Set<Cursor>
  /** how often all have been woken */
  wakes: number
  /** wakes the run, which waits for a consumer */
  resumeRun: (() => void) | undefined
  /** called once nobody reads it any more; set when its pages are not kept */
  dispose: (() => void) | undefined
}

export const make = (id: string, run: string): RunLog => ({
  id,
  run,
  pages: new Map(),
  count: 0,
  elements: 0,
  bytes: 0,
  digests: [],
  comparing: 0,
  isWhole: true,
  end: undefined,
  cursors: new Set(),
  wakes: 0,
  resumeRun: undefined,
  dispose: undefined
})

// ---------------------------------------------------------------------------------------------------------------------
// the run
// ---------------------------------------------------------------------------------------------------------------------

/** The page that is being filled; a new one where the last is closed. */
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

/** Wakes who waits for elements, or for the end. */
export const wakeAll = (self: RunLog): void => {
  self.wakes++
  for (const cursor of Array.from(self.cursors)) if (cursor.isWaiting) cursor.wake()
}

/** From here on it is neither stored nor joined. */
export const breakUp = (self: RunLog): void => {
  self.isWhole = false
  trim(self)
  wakeAll(self)
}

/** The run is over. */
export const finish = (self: RunLog, end: Exit.Exit<unknown, unknown>): void => {
  self.end = end
  wakeAll(self)
}

/** Lets go the pages that nobody needs here: those that the store has, but for the last ones, and those that all have read. */
export const trim = (self: RunLog): void => {
  const needed = neededFrom(self)
  for (const [number, page] of self.pages) {
    if (number >= self.count - streams.windowPages || !page.isClosed) return
    if (page.isWritten || (!self.isWhole && number < needed)) self.pages.delete(number)
    else return
  }
}

/** The first page that somebody has not read yet. */
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

/** Ends when a consumer asks for more than there is. */
export const demanded = (self: RunLog): Effect.Effect<void> => until(self, () => isWanted(self))

const isFull = (self: RunLog): boolean => {
  trim(self)
  return !self.isWhole && self.pages.size > streams.windowPages + 1
}

/**
 * Those that are the furthest behind and are not waited for, where another one waits for the run. None where one beside
 * them is waited for: without them the run could not go on either.
 */
const laggards = (self: RunLog): ReadonlyArray<Cursor> => {
  const first = neededFrom(self)
  const behind = Array.from(self.cursors).filter(({ page }) => page === first)
  return behind.every(({ whenSlow }) => whenSlow === "fail") && isWanted(self, behind) ? behind : []
}

/** Ends when there is room for another page. Who has held others up for too long gets no more. */
export const hasRoom = (self: RunLog): Effect.Effect<void> =>
  Effect.clockWith((clock) => {
    if (!isFull(self)) return Effect.void
    const behind = laggards(self)
    if (behind.length === 0) {
      return Effect.flatMap(until(self, () => !isFull(self) || laggards(self).length > 0), () => hasRoom(self))
    }
    const leftMillis = streams.lagMillis - Math.max(...behind.map(({ heldUpMillis }) => heldUpMillis))
    const since = monotonicMillis(clock)
    const waiting = until(self, () => !isFull(self) || laggards(self).length !== behind.length)
    return Effect.flatMap(Effect.timeoutOption(waiting, leftMillis), () => {
      const heldUpMillis = monotonicMillis(clock) - since
      for (const cursor of behind) cursor.heldUpMillis += heldUpMillis
      const tooLong = behind.filter((cursor) => cursor.heldUpMillis >= streams.lagMillis)
      if (isFull(self)) { for (const cursor of tooLong) lag(self, cursor) }
      return hasRoom(self)
    })
  })

const lag = (self: RunLog, cursor: Cursor): void => {
  cursor.isLagging = true
  self.cursors.delete(cursor)
  cursor.wake()
}

/** Ends when the condition holds; it is asked again whenever a consumer moves, waits or leaves. */
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

// ---------------------------------------------------------------------------------------------------------------------
// consumers
// ---------------------------------------------------------------------------------------------------------------------

export const join = (self: RunLog, cursor: Cursor): void => {
  self.cursors.add(cursor)
  if (cursor.wantsAll) self.resumeRun?.()
}

export const leave = (self: RunLog, cursor: Cursor): void => {
  self.cursors.delete(cursor)
  self.resumeRun?.()
  disposeIfIdle(self)
}

/** Its pages are not kept: they are removed once nobody reads them. */
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

/** It has all there is, and waits for more. */
export const ask = (self: RunLog, cursor: Cursor): void => {
  cursor.isWaiting = true
  cursor.heldUpMillis = 0
  self.resumeRun?.()
}

/**
 * The next elements of a consumer, which moves behind them.
 * - `undefined`: there are none yet, or no more
 * - `"elsewhere"`: its page is in the store alone
 */
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

/** The first page that is not in the store alone. */
export const firstInMemory = ({ count, pages }: RunLog): number => pages.keys().next().value ?? count

/** It has read its page. */
export const passPage = (self: RunLog, cursor: Cursor): void => {
  cursor.page++
  cursor.offset = 0
  self.resumeRun?.()
}
