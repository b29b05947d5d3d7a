import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Pull from "effect/Pull"
import * as Stream from "effect/Stream"
import type { Meta } from "../../CacheEntry.ts"
import { StoreError } from "../../CacheError.ts"
import type { Scanned } from "../../Store.ts"
import type { Glob } from "../glob.ts"
import { ask, budgetOf, isFault, validityOf } from "./backend.ts"
import type { Entry } from "./entry.ts"
import { nobody } from "./fetchMany.ts"
import { invalidateIds } from "./invalidate.ts"
import * as Journal from "./journal.ts"
import * as Memory from "./memory.ts"
import type { Engine } from "./model.ts"
import * as Policy from "./policy.ts"

// What concerns the cache as a whole: it is asked by those who look after it, and a store's failure is theirs.

/** asks the store within the budget; its failure is the caller's */
const asked = <A>(
  self: Engine,
  operation: string,
  effect: Effect.Effect<A, StoreError>
): Effect.Effect<A, StoreError> =>
  Effect.flatMap(Policy.Current, (policy) =>
    Effect.flatMap(
      ask(self, budgetOf(self, policy), operation, effect),
      (answer): Effect.Effect<A, StoreError> =>
        isFault(answer) ? Effect.fail(answer as StoreError) : Effect.succeed(answer as A)
    ))

/** Adds to a number that starts at 0; the lifetime counts where it is created. */
export const increment = (
  self: Engine,
  name: string,
  by: number,
  ttlMillis: number
): Effect.Effect<number, StoreError> =>
  Effect.clockWith((clock) => {
    const now = clock.currentTimeMillisUnsafe()
    const expiresAt = now + ttlMillis
    return self.backend === undefined
      ? Effect.succeed(self.numbers.increment(name, by, now, expiresAt))
      : asked(self, "increment", self.backend.store.increment(name, by, { expiresAt }))
  })

/** Whether the store answers. */
export const ping = (self: Engine): Effect.Effect<void, StoreError> =>
  self.backend === undefined ? Effect.void : Effect.asVoid(asked(self, "ping", self.backend.store.get(nobody, [])))

/** How many entries there are, as the store counts them. */
export const size = (self: Engine): Effect.Effect<number, StoreError> =>
  self.backend === undefined
    ? Effect.clockWith((clock) => {
      const now = clock.currentTimeMillisUnsafe()
      let count = 0
      for (const id of Array.from(self.memory.entries.keys())) if (liveEntry(self, id, now) !== undefined) count++
      return Effect.succeed(count)
    })
    : asked(self, "size", self.backend.store.size)

/** What is known of an entry, beside its value. */
export type Known = Pick<Meta, "createdAt" | "softExpiresAt" | "expiresAt" | "loadMillis" | "outcome"> & {
  readonly id: string
  readonly tags: ReadonlyArray<string>
  readonly etag: string | undefined
  readonly writeId: string | undefined
  /** how many reads of this process it has served from memory */
  readonly reads: number
}

const chunk = 256

/** Goes through the store, each step of it within the budget. */
const scan = (self: Engine, prefix: string): Stream.Stream<Scanned, StoreError> => {
  const { store } = self.backend!
  const fault = (cause: unknown) =>
    new StoreError({ store: store.name, operation: "scan", reason: "Unavailable", cause })
  // the end of a scan is none that failed
  const timed = (pull: Pull.Pull<Page, StoreError>): Pull.Pull<Page, StoreError> =>
    Effect.flatMap(
      asked(self, "scan", Pull.catchDone(pull, () => Effect.undefined) as Effect.Effect<Page | undefined, StoreError>),
      (page): Pull.Pull<Page, StoreError> => page === undefined ? Cause.done() : Effect.succeed(page)
    )
  return Stream.unwrap(Effect.map(
    Effect.try({ try: () => store.scan({ prefix }), catch: fault }),
    (stream) => Stream.transformPull(stream, (pull) => Effect.succeed(timed(pull)))
  ))
}

type Page = readonly [Scanned, ...ReadonlyArray<Scanned>]

/** All entries that may be served, a few at a time. */
export const entries = (self: Engine, prefix: string): Stream.Stream<Known, StoreError> =>
  Stream.suspend(() => {
    const here = idsHere(self, prefix)
    if (self.backend === undefined) return remembered(self, here)
    const unseen = new Set(here)
    const { journal } = self.backend
    const stored = scan(self, prefix).pipe(
      Stream.filter(({ id }) => !Journal.distrustsId(journal, id)),
      Stream.grouped(chunk),
      Stream.mapEffect((scanned) => {
        for (const { id } of scanned) unseen.delete(id)
        return valid(self, scanned)
      }),
      Stream.flatMap(Stream.fromIterable)
    )
    // what the store did not take, or has lost, is in memory still
    return Stream.concat(stored, Stream.suspend(() => remembered(self, unseen)))
  })

const idsHere = (self: Engine, prefix: string): ReadonlyArray<string> =>
  Array.from(self.memory.entries.keys()).filter((id) => id.startsWith(prefix))

const remembered = (self: Engine, ids: Iterable<string>): Stream.Stream<Known> =>
  Stream.unwrap(Effect.clockWith((clock) =>
    Effect.succeed(
      Stream.fromIterable(ids).pipe(
        Stream.map((id) => liveEntry(self, id, clock.currentTimeMillisUnsafe())),
        Stream.filter((entry) => entry !== undefined),
        Stream.map(knownOf)
      )
    )
  ))

/** An entry in memory that may be served. */
export const liveEntry = (self: Engine, id: string, now: number): Entry | undefined => {
  const entry = Memory.peek(self.memory, self.tags, id)
  return entry !== undefined && now < entry.expiresAt ? entry : undefined
}

/** Of an entry only what may be told. */
export const knownOf = (entry: Known): Known => ({
  id: entry.id,
  createdAt: entry.createdAt,
  softExpiresAt: entry.softExpiresAt,
  expiresAt: entry.expiresAt,
  loadMillis: entry.loadMillis,
  outcome: entry.outcome,
  tags: entry.tags,
  etag: entry.etag,
  writeId: entry.writeId,
  reads: entry.reads
})

/** without what has expired, or was invalidated by a tag */
const valid = (self: Engine, scanned: ReadonlyArray<Scanned>): Effect.Effect<ReadonlyArray<Known>, StoreError> => {
  const tags = Array.from(new Set(scanned.flatMap(({ meta }) => meta.tags.map(({ tag }) => tag))))
  const versions = tags.length === 0
    ? Effect.succeed({ versions: [] as ReadonlyArray<string | undefined> })
    : asked(self, "get", self.backend!.store.get(nobody, tags))
  return Effect.clockWith((clock) =>
    Effect.map(versions, ({ versions }) => {
      const now = clock.currentTimeMillisUnsafe()
      return scanned.flatMap(({ id, meta }) => {
        if (now >= meta.expiresAt) return []
        const validity = validityOf(self, meta, tags, versions)
        if (validity === "gone") return []
        return [knownOf({
          ...meta,
          id,
          softExpiresAt: validity === "soft" ? -Infinity : meta.softExpiresAt,
          tags: meta.tags.map(({ tag }) => tag),
          etag: meta.etag,
          reads: self.memory.entries.get(id)?.reads ?? 0
        })]
      })
    })
  )
}

/** How far an invalidation by pattern has come. */
export interface Progress {
  /** how many ids it has looked at */
  readonly scanned: number
  /** under how many of them there was something to invalidate */
  readonly invalidated: number
}

/**
 * Invalidates all ids that match, a batch at a time. What this process has or loads is dropped before the store is gone
 * through, and again behind it; of what other processes put in meanwhile nothing is known.
 */
export const invalidateMatching = (self: Engine, glob: Glob): Stream.Stream<Progress, StoreError> =>
  Stream.suspend(() => {
    const progress = { scanned: 0, invalidated: 0 }
    const batch = (ids: ReadonlyArray<string>) =>
      Effect.suspend(() => {
        const matching = ids.filter(glob.matches)
        return Effect.map(matching.length === 0 ? Effect.succeed(0) : invalidateIds(self, matching), (removed) => {
          progress.scanned += ids.length
          progress.invalidated += removed
          return { ...progress }
        })
      })
    const each = (ids: Stream.Stream<string, StoreError>) => ids.pipe(Stream.grouped(chunk), Stream.mapEffect(batch))
    if (glob.isLiteral) return each(Stream.succeed(glob.prefix))
    const here = each(Stream.suspend(() => Stream.fromIterable(matchingHere(self, glob))))
    const there = self.backend === undefined
      ? Stream.empty
      : each(Stream.map(scan(self, glob.prefix), ({ id }) => id))
    // once more at the end, so that there is an answer where nothing was found
    return here.pipe(Stream.concat(there), Stream.concat(here), Stream.concat(Stream.sync(() => ({ ...progress }))))
  })

/** what this process has, or loads */
const matchingHere = (self: Engine, glob: Glob): ReadonlyArray<string> => {
  const ids = new Set([...self.memory.entries.keys(), ...self.flights.keys()])
  return Array.from(ids).filter(glob.matches)
}
