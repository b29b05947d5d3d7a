/**
 * Values that many fibers and processes change in small steps: sets of texts, cells of bits, counts in a window. Each
 * step is one `Cached.update`.
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Base64 from "effect/encoding/Base64"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import type { StoreError, UpdateConflict } from "../CacheError.ts"
import type { Caching } from "../Caching.ts"
import { cells as bounds } from "../internal/defaults/bounds.ts"
import { kindOf } from "../internal/options/given.ts"
import {
  checkOptions,
  type Checks,
  isListOfText,
  mistake,
  optional,
  positiveMillis,
  refuseUnless,
  requireObject
} from "../internal/options/options.ts"
import type * as Ttl from "../Ttl.ts"
import { getOption } from "./byHand.ts"
import { update } from "./update.ts"

type Changing<A> = Effect.Effect<A, StoreError | UpdateConflict, Caching>

/** The value of an entry, if it is of the kind that the handle stores. */
const valueOf = <A>(key: string, is: (value: unknown) => value is A, found: Option.Option<unknown>): A | undefined => {
  const value = Option.getOrUndefined(found)
  if (value === undefined || is(value)) return value
  throw mistake(`The entry "${key}" holds another kind of value: use another key`)
}

/** Changes a value under a string key, and gives what `change` found out beside it. An empty value is removed. */
const changed = <A extends { readonly length: number }, B>(
  key: string,
  is: (value: unknown) => value is A,
  ttl: Ttl.Input | undefined,
  change: (value: A | undefined, now: number) => readonly [value: A, answer: B]
): Changing<B> =>
  Effect.clockWith((clock) => {
    let answer!: B
    const updated = update(key, (found: Option.Option<unknown>) => {
      const [after, said] = change(valueOf(key, is, found), clock.currentTimeMillisUnsafe())
      answer = said
      return after.length === 0 ? Option.none() : Option.some(after)
    }, { ttl })
    return Effect.map(updated, () => answer)
  })

const checkKey = (of: string, key: string): void =>
  refuseUnless(typeof key === "string", `${of} needs a key: pass a string, not ${kindOf(key)}`)

const ttlOf = (of: string) => optional((ttl: Ttl.Input) => void positiveMillis(`ttl of ${of}`, ttl))

// ---------------------------------------------------------------------------------------------------------------------
// sets
// ---------------------------------------------------------------------------------------------------------------------

/**
 * Options for {@link members}.
 * @category options
 * @since 0.1.0
 */
interface MembersOptions {
  /** How long the set lives after the last `add`. @default the lifetime that it has; for a new one, forever */
  readonly ttl?: Ttl.Input | undefined
}

/**
 * A set of texts, made by {@link members}.
 * @category models
 * @since 0.1.0
 */
export interface CachedMembers {
  readonly key: string
  /** Gets all members, in the order in which they were added. */
  readonly get: Effect.Effect<ReadonlySet<string>, never, Caching>
  /** Adds members, and returns how many of them are new. */
  readonly add: (...values: ReadonlyArray<string>) => Changing<number>
  /** Removes members, and returns how many of them there were. The set ends with its last member. */
  readonly remove: (...values: ReadonlyArray<string>) => Changing<number>
  /** Takes out the oldest members, at most `count` (by default 1). Each member is taken by one caller. */
  readonly pop: (count?: number) => Changing<ReadonlyArray<string>>
}

/**
 * Makes a handle to a set of texts under a string key. Each operation is one atomic step, with the limits of
 * `Cached.update`: over files, Keyv, unstorage and `KeyValueStore`, it is atomic in one process only.
 *
 * **When to use**
 *
 * Use for hundreds of members that many fibers or processes add and take out: users in a room, ids to work on.
 *
 * **Gotchas**
 *
 * Each step reads and writes the whole set. If many processes change one set all the time, a step may fail with
 * `UpdateConflict`, as `Cached.update` does.
 *
 * **Example** (Taking work out of a set)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Cached, CacheLayer } from "effect-cached"
 *
 * const work = Cached.members("work", { ttl: "1 day" })
 * const program = Effect.gen(function*() {
 *   yield* work.add("a", "b", "b", "c") // => 3
 *   yield* work.remove("b", "x") // => 1
 *   return yield* work.pop(5)
 * })
 * await Effect.runPromise(program.pipe(Effect.provide(CacheLayer.memory()))) // => ["a", "c"]
 * ```
 *
 * @see `Cached.update` for a set of other values
 * @category constructors
 * @since 0.1.0
 */
export const members = (key: string, options: MembersOptions = {}): CachedMembers => {
  const of = "Cached.members"
  checkKey(of, key)
  checkOptions<MembersOptions>(of, options, { ttl: ttlOf(of) })
  const textsOf = (values: ReadonlyArray<string>) => {
    refuseUnless(isListOfText(values), `${of} of "${key}" holds texts: pass strings`)
    return new Set(values)
  }
  return {
    key,
    get: Effect.map(getOption(key), (found) => new Set(valueOf(key, isListOfText, found))),
    add: (...values) => {
      const more = textsOf(values)
      return changed(key, isListOfText, options.ttl, (before = []) => {
        const after = Array.from(new Set([...before, ...more]))
        return [after, after.length - before.length]
      })
    },
    remove: (...values) => {
      const gone = textsOf(values)
      return changed(key, isListOfText, undefined, (before = []) => {
        const after = before.filter((value) => !gone.has(value))
        return [after, before.length - after.length]
      })
    },
    pop: (count = 1) => {
      refuseUnless(Number.isSafeInteger(count) && count > 0, `${of}: pop takes a whole number of at least 1`)
      return changed(key, isListOfText, undefined, (before = []) => [before.slice(count), before.slice(0, count)])
    }
  }
}

// ---------------------------------------------------------------------------------------------------------------------
// bits
// ---------------------------------------------------------------------------------------------------------------------

/**
 * Options for {@link bits}.
 * @category options
 * @since 0.1.0
 */
interface BitsOptions extends MembersOptions {
  /** The width of a cell in bits, from 1 to 32. A cell that reaches its largest number stays there. @default 1 */
  readonly size?: number | undefined
  /** How long the cells live after the last `increment`. @default the lifetime that they have; for new ones, forever */
  readonly ttl?: Ttl.Input | undefined
}

/**
 * Cells of bits, made by {@link bits}.
 * @category models
 * @since 0.1.0
 */
export interface CachedBits {
  readonly key: string
  /** Gets the numbers in these cells. A cell that was never changed holds 0. */
  readonly get: (...cells: ReadonlyArray<number>) => Effect.Effect<ReadonlyArray<number>, never, Caching>
  /** Adds `by`, which may be negative, to each of these cells, and returns their numbers. */
  readonly increment: (cells: ReadonlyArray<number>, by?: number) => Changing<ReadonlyArray<number>>
}

/**
 * Makes a handle to many small numbers under one string key: unsigned cells of `size` bits that saturate, so a cell
 * never goes above its largest number or below 0. Each operation is one atomic step, with the limits of
 * `Cached.update`: over files, Keyv, unstorage and `KeyValueStore`, it is atomic in one process only.
 *
 * **When to use**
 *
 * Use for flags or small counts of thousands of numbered things. To know whether something was seen, use `Guard.bloom`.
 *
 * **Gotchas**
 *
 * Each step reads and writes all cells up to the last one that was changed, at most 1 MiB.
 *
 * **Example** (Counting up to three)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Cached, CacheLayer } from "effect-cached"
 *
 * const seen = Cached.bits("seen", { size: 2 })
 * const program = Effect.andThen(Effect.all([seen.increment([0, 5]), seen.increment([5], 9)]), seen.get(0, 5, 7))
 * await Effect.runPromise(program.pipe(Effect.provide(CacheLayer.memory()))) // => [1, 3, 0]
 * ```
 *
 * @see `Cached.counter` for single numbers
 * @category constructors
 * @since 0.1.0
 */
export const bits = (key: string, options: BitsOptions = {}): CachedBits => {
  const of = "Cached.bits"
  checkKey(of, key)
  checkOptions<BitsOptions>(of, options, bitsChecks)
  const { size = bounds.size, ttl } = options
  const most = 2 ** size - 1
  const checkCells = (cells: ReadonlyArray<number>): void => {
    const last = Math.floor(bounds.bytes * 8 / size) - 1
    const isCell = (cell: unknown) => Number.isSafeInteger(cell) && (cell as number) >= 0 && (cell as number) <= last
    refuseUnless(Array.isArray(cells) && cells.every(isCell), `${of}: a cell is a whole number from 0 to ${last}`)
  }
  const numberIn = (bytes: Uint8Array, cell: number): number => {
    let number = 0
    for (let i = 0; i < size; i++) {
      const at = cell * size + i
      if (((bytes[at >>> 3] ?? 0) >>> (at & 7) & 1) === 1) number += 2 ** i
    }
    return number
  }
  return {
    key,
    get: (...cells) => {
      checkCells(cells)
      return Effect.map(getOption(key), (found) => {
        const bytes = bytesOf(valueOf(key, isBits, found))
        return cells.map((cell) => numberIn(bytes, cell))
      })
    },
    increment: (cells, by = 1) => {
      checkCells(cells)
      refuseUnless(Number.isSafeInteger(by), `${of}: increment takes a whole number`)
      return changed(key, isBits, ttl, (text) => {
        const before = bytesOf(text)
        const last = cells.reduce((last, cell) => Math.max(last, cell), -1)
        const after = new Uint8Array(Math.max(before.length, Math.ceil((last + 1) * size / 8)))
        after.set(before)
        for (const cell of cells) {
          const number = Math.max(0, Math.min(most, numberIn(after, cell) + by))
          for (let i = 0; i < size; i++) {
            const at = cell * size + i
            const bit = 1 << (at & 7)
            after[at >>> 3] = Math.floor(number / 2 ** i) % 2 === 1 ? after[at >>> 3]! | bit : after[at >>> 3]! & ~bit
          }
        }
        return [after.length === 0 ? "" : mark + Base64.encode(after), cells.map((cell) => numberIn(after, cell))]
      })
    }
  }
}

/** Cells are stored as text, which every format can store. */
const mark = "bits:"

const isBits = (value: unknown): value is string => typeof value === "string" && value.startsWith(mark)

const bytesOf = (text: string = mark): Uint8Array => Result.getOrThrow(Base64.decode(text.slice(mark.length)))

const bitsChecks: Checks<BitsOptions> = {
  size: optional((size) =>
    refuseUnless(Number.isInteger(size) && size > 0 && size <= 32, `size of Cached.bits is a whole number from 1 to 32`)
  ),
  ttl: ttlOf("Cached.bits")
}

// ---------------------------------------------------------------------------------------------------------------------
// sliding windows
// ---------------------------------------------------------------------------------------------------------------------

/**
 * Options for {@link countInWindow}.
 * @category options
 * @since 0.1.0
 */
interface WindowOptions {
  /** The length of the window, which ends now. */
  readonly window: Ttl.Input
  /** The largest count: calls beyond it are not counted. At most 10,000, because the time of each is stored. */
  readonly limit: number
}

/**
 * Counts this call, and returns how many were counted within the last `window`, this one included. When `limit` were
 * counted, the call is not, and the count is returned as it is. Each call is one atomic step, with the limits of
 * `Cached.update`: over files, Keyv, unstorage and `KeyValueStore`, it is atomic in one process only.
 *
 * **When to use**
 *
 * Use for a number to look at: tries in the last minute. To refuse calls, use `Guard.rateLimit`.
 *
 * **Details**
 *
 * A call is in the window until exactly `window` after it. Times are those of each caller's clock, so processes whose
 * clocks differ count windows that differ by as much.
 *
 * **Example** (Counting tries)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { TestClock } from "effect/testing"
 * import { Cached, CacheLayer } from "effect-cached"
 *
 * const tries = Cached.countInWindow("tries:ada", { window: "1 minute", limit: 3 })
 * const program = Effect.gen(function*() {
 *   yield* Effect.all([tries, tries]) // => [1, 2]
 *   yield* TestClock.adjust("30 seconds")
 *   yield* Effect.all([tries, tries]) // => [3, 3]
 *   yield* TestClock.adjust("30 seconds")
 *   return yield* tries
 * })
 * await Effect.runPromise(program.pipe(Effect.provide([CacheLayer.memory(), TestClock.layer()]))) // => 2
 * ```
 *
 * @see `Guard.rateLimit` for a limit
 * @category mutations
 * @since 0.1.0
 */
export const countInWindow = (key: string, options: WindowOptions): Changing<number> => {
  const of = "Cached.countInWindow"
  checkKey(of, key)
  requireObject(of, options, `a window, like { window: "1 minute", limit: 100 }`)
  checkOptions<WindowOptions>(of, options, windowChecks)
  const millis = positiveMillis(`window of ${of}`, options.window)
  return changed(key, isTimes, millis, (before = [], now) => {
    const recent = before.filter((time) => time > now - millis)
    if (recent.length < options.limit) recent.push(now)
    return [recent, recent.length]
  })
}

const isTimes = (value: unknown): value is Array<number> =>
  Array.isArray(value) && value.every((time) => typeof time === "number")

const windowChecks: Checks<WindowOptions> = {
  window: (window) => void positiveMillis("window of Cached.countInWindow", window),
  limit: (limit, of) =>
    refuseUnless(
      Number.isInteger(limit) && limit > 0 && limit <= bounds.times,
      `limit of ${of} must be a whole number from 1 to ${bounds.times}, because the time of each call is stored`
    )
}
