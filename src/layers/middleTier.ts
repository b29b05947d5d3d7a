/** A middle tier: copies of entries of the last tier. A tier that fails is skipped, and nothing in it is lost. */
import type * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Iterable from "effect/Iterable"
import type { Meta, Stored, TagVersion } from "../CacheEntry.ts"
import { StoreError } from "../CacheError.ts"
import { middleTiers, pendingInvalidations, replay } from "../internal/defaults/stores.ts"
import { exitThrough, faultOf } from "../internal/engine/storeTier/ask.ts"
import * as Circuit from "../internal/engine/storeTier/circuit.ts"
import { validateAnswers } from "../internal/engine/storeTier/validateAnswers.ts"
import { hasEnded } from "../internal/store/conditions.ts"
import { lengthOf, whyOf } from "../internal/text/failures.ts"
import { logWarning } from "../internal/text/lineOf.ts"
import type { Store } from "../ports/store.ts"

export type Run = (effect: Effect.Effect<unknown, unknown>) => void

export interface Options {
  readonly store: Store
  readonly ttlMillis: number
  readonly timeoutMillis: number
  readonly maxStalenessMillis: number
}

/** Stands for all ids in a removal. */
export const everything = Symbol("everything")

export type Removed = ReadonlyArray<string> | readonly [typeof everything]

/** Names one removal, so that its acknowledgement does not count for a later one. */
type Token = object

export interface Middle extends Options {
  readonly clock: Clock.Clock
  readonly run: Run
  readonly owner: string
  readonly circuit: Circuit.Circuit
  /** The ids whose removal the tier has not acknowledged. Until then, it is not asked for them. */
  readonly pending: Map<Removed[number], Token>
  isFlushing: boolean
  incident: { readonly since: number; at: number } | undefined
}

export const make = (options: Options, clock: Clock.Clock, run: Run, owner: string): Middle => ({
  ...options,
  store: validateAnswers(options.store),
  clock,
  run,
  owner,
  circuit: Circuit.make(),
  pending: new Map(),
  isFlushing: false,
  incident: undefined
})

const nowOf = ({ clock }: Middle): number => clock.currentTimeMillisUnsafe()

/** Faults of one value say nothing about the tier. */
const ofOneValue: ReadonlySet<StoreError["reason"]> = new Set(["TooLarge", "Unsupported", "OutOfRange"])

const failed = (self: Middle, { cause, reason }: StoreError): void => {
  if (ofOneValue.has(reason)) return
  const at = nowOf(self)
  if (self.incident !== undefined) return void (self.incident.at = at)
  self.incident = { since: at, at }
  const why = whyOf(reason, cause)
  self.run(logWarning(`The tier "${self.store.name}" of the cache fails and is skipped: ${why}`, { fault: { cause } }))
}

const answered = (self: Middle): void => {
  const { incident } = self
  if (incident === undefined || nowOf(self) - incident.at < middleTiers.calmMillis) return
  self.incident = undefined
  self.run(Effect.logInfo(
    `The tier "${self.store.name}" of the cache answers again, after ${lengthOf(nowOf(self) - incident.since)}`
  ))
}

/** Asks the tier. The answer is `undefined` if the tier fails, takes too long, or is skipped. */
const ask = <A>(
  self: Middle,
  operation: string,
  run: () => Effect.Effect<A, StoreError>
): Effect.Effect<A | undefined> =>
  Effect.map(
    exitThrough(self.circuit, { clock: self.clock, millis: self.timeoutMillis }, Effect.suspend(run)),
    (exit): A | undefined => {
      if (exit === "skipped") return undefined
      if (exit !== "late" && Exit.isSuccess(exit)) {
        answered(self)
        return exit.value
      }
      const error = (reason: StoreError["reason"], cause?: unknown) =>
        new StoreError({ store: self.store.name, operation, reason, ...cause === undefined ? {} : { cause } })
      failed(self, exit === "late" ? error("Timeout") : faultOf(exit.cause, (cause) => error("Unavailable", cause)))
      return undefined
    }
  )

/** Whether the tier may hold something about an id that this process has removed. */
export const isPending = ({ pending }: Middle, id: string): boolean => pending.has(everything) || pending.has(id)

/** Reads a copy without waiting. `null`: only `get` can tell. */
export const getNow = (self: Middle, id: string): Stored | undefined | null => {
  if (self.store.getUnsafe === undefined || Circuit.isOpen(self.circuit)) return null
  try {
    const { entry } = self.store.getUnsafe(id, [])
    if (self.incident !== undefined) answered(self)
    return entry
  } catch {
    return null
  }
}

export const getMany = (
  self: Middle,
  ids: ReadonlyArray<string>
): Effect.Effect<ReadonlyArray<Stored | undefined>> =>
  Effect.map(ask(self, "getMany", () => self.store.getMany(ids)), (entries) => entries ?? [])

export type Generations = ReadonlyMap<string, string>

/**
 * Begins to copy entries: their generations end with any removal by a process that shares the tier, and with them the
 * right to copy. They must be acquired before the last tier is asked.
 */
export const begin = Effect.fnUntraced(function*(
  self: Middle,
  ids: ReadonlyArray<string>,
  rejected?: ReadonlyMap<string, string>
): Effect.fn.Return<Generations> {
  const generations = new Map<string, string>()
  let left = Array.from(new Set(ids.filter((id) => !isPending(self, id))), (id) => ({ id, reject: rejected?.get(id) }))
  // An entry that the tier already has is replaced, so the second time it is rejected.
  for (let round = 0; round < 2 && left.length > 0; round++) {
    const asked = left
    const requests = asked.map(({ id, reject }) => ({
      id,
      owner: self.owner,
      leaseMillis: middleTiers.leaseMillis,
      rejectedWriteId: reject,
      join: true
    }))
    const answers = yield* ask(self, "acquire", () => self.store.acquire(requests))
    left = []
    answers?.forEach((answer, i) => {
      const { id } = asked[i]!
      if (answer._tag === "Granted") generations.set(id, answer.generation)
      else if (answer._tag === "Hit") left.push({ id, reject: answer.entry.meta.writeId })
    })
  }
  return generations
})

export interface Copying {
  readonly id: string
  readonly entry: Stored
  /** When the last tier was asked for the entry, or before it acknowledged it. */
  readonly readAt: number
}

/** Ends leases without a copy: the tier would keep their records for an hour, and drop copies to make room for them. */
export const release = (self: Middle, ids: ReadonlyArray<string>): Effect.Effect<void> =>
  Effect.forEach(ids, (id) => ask(self, "release", () => self.store.release(id, self.owner)), {
    concurrency: "unbounded",
    discard: true
  })

/** Writes copies whose generations have not ended. Returns the ids that the tier has now as given. */
export const copy = (
  self: Middle,
  generations: Generations,
  copying: ReadonlyArray<Copying>
): Effect.Effect<ReadonlySet<string>> =>
  Effect.suspend(() => {
    const now = nowOf(self)
    const requests = copying.flatMap(({ entry, id, readAt }) => {
      const generation = generations.get(id)
      const closed = close(self, entry, readAt, now)
      return generation === undefined || closed === undefined ? [] : [{ id, generation, entry: closed }]
    })
    if (requests.length === 0) return Effect.succeed(new Set<string>())
    return Effect.map(
      ask(self, "commit", () => self.store.commit(requests)),
      (done) => new Set(requests.flatMap(({ id }, i) => done?.[i] === true ? [id] : []))
    )
  })

/** No tag of a user begins like this. It says that the payload has a head: a cache alone finds no such marker. */
const stamp: TagVersion = { tag: "~tier", version: "000000000000000000000000" }

/** Before the payload: when the last tier was asked for the entry, and its expiry there. */
const headSize = 16

const headOf = ({ payload }: Stored): DataView => new DataView(payload.buffer, payload.byteOffset, headSize)

const close = (
  { ttlMillis }: Middle,
  { meta, payload }: Stored,
  readAt: number,
  now: number
): Stored | undefined => {
  const expiresAt = Math.min(meta.expiresAt, readAt + ttlMillis)
  if (!(expiresAt > now && readAt >= 0)) return undefined
  const bytes = new Uint8Array(headSize + payload.length)
  const closed: Stored = { meta: { ...meta, expiresAt, tags: [stamp, ...meta.tags] }, payload: bytes }
  const head = headOf(closed)
  head.setFloat64(0, readAt)
  head.setFloat64(8, meta.expiresAt)
  bytes.set(payload, headSize)
  return closed
}

/** When the last tier was asked for a copy. `NaN` if it is none, or has reached the end of its life in the tier. */
export const readAtOf = (self: Middle, entry: Stored): number => {
  const { meta: { expiresAt, tags }, payload } = entry
  if (tags[0]?.tag !== stamp.tag || payload.length < headSize) return NaN
  const readAt = headOf(entry).getFloat64(0)
  return hasEnded({ createdAt: readAt, expiresAt }, nowOf(self)) ? NaN : readAt
}

/** The entry of which a tier has a copy. */
export const open = (entry: Stored): Stored => {
  const { meta, payload } = entry
  const { tags } = meta
  const opened: Meta = {
    ...meta,
    expiresAt: headOf(entry).getFloat64(8),
    tags: tags.length === 1 ? noTags : tags.slice(firstTag)
  }
  return { meta: opened, payload: payload.subarray(headSize) }
}

const noTags: ReadonlyArray<TagVersion> = []

/** The tags of a copied entry begin here. */
export const firstTag = 1

/** Notes that the tier must no longer serve ids. From now on it is not asked for them. */
export const suspect = (self: Middle, removed: Removed): Token => {
  const { pending } = self
  const token = {}
  if (removed[0] === everything) pending.clear()
  for (const one of removed) pending.set(one, token)
  if (pending.size > pendingInvalidations) removeLater(self, [everything])
  return token
}

/** Ends a removal that the tier has acknowledged, unless another one has begun meanwhile. */
export const acknowledge = ({ pending }: Middle, removed: Iterable<Removed[number]>, token: Token): void => {
  for (const one of removed) if (pending.get(one) === token) pending.delete(one)
}

const removeNow = (self: Middle, removed: Removed): Effect.Effect<boolean> => {
  const { store } = self
  const done = removed[0] === everything
    ? ask<unknown>(self, "clear", () => Effect.as(store.clear, true))
    : ask<unknown>(self, "remove", () => store.remove(removed as ReadonlyArray<string>))
  return Effect.map(done, (answer) => answer !== undefined)
}

/** Removes ids, or everything, now. If the tier fails, it is asked again later. */
export const remove = (self: Middle, removed: Removed, token: Token): Effect.Effect<void> =>
  Effect.map(removeNow(self, removed), (done) => done ? acknowledge(self, removed, token) : removeLater(self, removed))

/** An earlier removal of the ids may have been acknowledged meanwhile, so they are noted once more. */
export const removeLater = (self: Middle, removed: Removed): void => {
  suspect(self, removed)
  wake(self)
}

/** Sends the removals that the tier has not acknowledged, until it has. */
const wake = (self: Middle): void => {
  if (self.isFlushing) return
  self.isFlushing = true
  self.run(flush(self))
}

/** Whether removals are left to send. If not, the flush ends in this step: a removal in a later one wakes the next. */
const isLeft = (self: Middle): boolean => {
  self.isFlushing = self.pending.size > 0
  return self.isFlushing
}

const flush = Effect.fnUntraced(function*(self: Middle) {
  let pauseMillis = replay.firstMillis
  // Changes that arrive together are sent together.
  yield* Effect.yieldNow
  while (isLeft(self)) {
    if (yield* flushSome(self)) {
      pauseMillis = replay.firstMillis
      continue
    }
    yield* Effect.sleep(pauseMillis)
    pauseMillis = Math.min(replay.longestMillis, pauseMillis * 2)
  }
})

const flushSome = (self: Middle): Effect.Effect<boolean> => {
  const { pending } = self
  const some = new Map(Iterable.take(pending, pending.has(everything) ? 1 : middleTiers.removedAtOnce))
  return Effect.map(removeNow(self, Array.from(some.keys()) as unknown as Removed), (done) => {
    if (done) { for (const [one, token] of some) acknowledge(self, [one], token) }
    return done
  })
}
