/**
 * Keeps a storage on a server below its `maxSize`: removes what has expired, then the least recently used entries, in
 * small steps, by one process at a time. A storage knows uses only if processes tell it, which they do seldom.
 */
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import * as Option from "effect/Option"
import type { Meta } from "../../CacheEntry.ts"
import * as Defaults from "../../internal/defaults/room.ts"

export interface Room {
  /** In bytes; `Infinity` if there is no limit. */
  readonly maxSize: number
  /** How many bytes this process has written since the last clean-up. */
  written: number
  /** Whether this process has written so much that the clean-up which begins cannot wait. */
  isDue: boolean
  /** Open while a clean-up is due before its time. */
  readonly due: Latch.Latch
  /** The ids of entries that were read, and how old their last noted use must be, in milliseconds. */
  readonly uses: Map<string, number>
  readonly used: Latch.Latch
}

/** The steps of a storage. Each is so short that it delays no other work. */
export interface Steps<E> {
  /** Begins or prolongs the turn of this process. Returns `false` if it is another one's turn. */
  readonly takeTurn: Effect.Effect<boolean, E>
  readonly endTurn: Effect.Effect<unknown, E>
  /** Removes some of what has expired, and returns whether there is more. */
  readonly removeExpired: Effect.Effect<boolean, E>
  /** The size of all entries in bytes, or any smaller number if that is known to be below `maxSize`. */
  readonly measure: Effect.Effect<number, E>
  /** Removes entries of at least so many bytes if one step can, and returns the number of removed bytes. */
  readonly removeOldest: (bytes: number) => Effect.Effect<number, E>
}

export const make = (maxSize: number): Room => ({
  maxSize,
  written: 0,
  isDue: false,
  due: Latch.makeUnsafe(),
  uses: new Map(),
  used: Latch.makeUnsafe()
})

export const noteWrite = (self: Room, bytes: number): void => {
  self.written += bytes
  if (self.written > self.maxSize * Defaults.slack) self.due.openUnsafe()
}

/** How long a noted use counts, in milliseconds: a tenth of the life of the entry. */
const pauseOf = ({ createdAt, expiresAt }: Meta): number =>
  expiresAt === Infinity
    ? Defaults.uses.endlessMillis
    : Math.max(Defaults.uses.leastMillis, (expiresAt - createdAt) * Defaults.uses.shareOfLife)

/** Notes the use of an entry, whose last noted use is so many milliseconds ago. */
export const noteUse = (self: Room, id: string, meta: Meta, sinceMillis: number): void => {
  if (sinceMillis < Defaults.uses.leastMillis) return
  const pause = pauseOf(meta)
  if (sinceMillis < pause || self.uses.size >= Defaults.uses.most) return
  self.uses.set(id, pause)
  self.used.openUnsafe()
}

type Tell<E> = (uses: ReadonlyMap<string, number>) => Effect.Effect<unknown, E>

/** Tells the storage which entries were used since the last time. */
const tellUses = <E>(self: Room, tell: Tell<E>): Effect.Effect<void> =>
  Effect.suspend(() => {
    if (self.uses.size === 0) return Effect.void
    const uses = new Map(self.uses)
    self.uses.clear()
    self.used.closeUnsafe()
    return Effect.ignore(tell(uses))
  })

/** Tells the storage now and then which entries were used. */
export const telling = <E>(
  self: Room,
  tell: Tell<E>,
  pauseMillis = Defaults.uses.tellMillis
): Effect.Effect<never> =>
  Effect.forever(Effect.gen(function*() {
    yield* self.used.await
    yield* Effect.sleep(pauseMillis)
    yield* tellUses(self, tell)
  }))

/** Cleans up now and then, and whenever this process has written much. A failed clean-up is done next time. */
export const keeping = <E>(self: Room, steps: Steps<E>): Effect.Effect<never> =>
  Effect.forever(Effect.gen(function*() {
    self.isDue = Option.isSome(yield* Effect.timeoutOption(self.due.await, Defaults.tidyMillis))
    // The write that opened the latch may not have reached the storage yet.
    yield* Effect.sleep(Defaults.pauseMillis)
    self.due.closeUnsafe()
    self.written = 0
    yield* Effect.ignore(cleanUp(self, steps))
  }))

const cleanUp = <E>(self: Room, steps: Steps<E>): Effect.Effect<void, E> =>
  Effect.flatMap(
    steps.takeTurn,
    (isTaken) => isTaken ? Effect.ensuring(clean(self, steps), Effect.ignore(steps.endTurn)) : Effect.void
  )

const clean = Effect.fnUntraced(function*<E>({ maxSize }: Room, steps: Steps<E>): Effect.fn.Return<void, E> {
  while (yield* steps.removeExpired) {
    yield* Effect.yieldNow
    if (!(yield* steps.takeTurn)) return
  }
  const size = maxSize === Infinity ? 0 : yield* steps.measure
  if (size <= maxSize) return
  let excess = size - maxSize * (1 - Defaults.slack)
  while (excess > 0) {
    const removed = yield* steps.removeOldest(excess)
    if (removed === 0) return
    excess -= removed
    yield* Effect.yieldNow
    if (!(yield* steps.takeTurn)) return
  }
})
