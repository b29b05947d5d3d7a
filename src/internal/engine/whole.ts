import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { Meta } from "../../CacheEntry.ts"
import type { StoreError } from "../../CacheError.ts"
import type { Scanned } from "../../Store.ts"
import type { Glob } from "../glob.ts"
import { ask, type Budget, isFault } from "./backend.ts"
import type { Entry } from "./entry.ts"
import { invalidateIds } from "./invalidate.ts"
import * as Memory from "./memory.ts"
import type { Engine } from "./model.ts"
import * as Policy from "./policy.ts"

// What concerns the cache as a whole: it is asked by those who look after it, and a store's failure is theirs.

const budgetOf = (self: Engine): Effect.Effect<Budget> =>
  Effect.map(Policy.Current, (policy) => ({ leftMillis: policy.storeTimeoutMillis ?? self.backend!.budgetMillis }))

/** asks the store within the budget; its failure is the caller's */
const asked = <A>(
  self: Engine,
  operation: string,
  effect: Effect.Effect<A, StoreError>
): Effect.Effect<A, StoreError> =>
  Effect.flatMap(budgetOf(self), (budget) =>
    Effect.flatMap(
      ask(self, budget, operation, effect),
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

/** no entry has it */
const nobody = "~"

/** How many entries there are, as the store counts them. */
export const size = (self: Engine): Effect.Effect<number, StoreError> =>
  self.backend === undefined
    ? Effect.clockWith((clock) => {
      const now = clock.currentTimeMillisUnsafe()
      let count = 0
      for (const { expiresAt } of self.memory.entries.values()) if (now < expiresAt) count++
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

/** All entries that may be served, a few at a time. */
export const entries = (self: Engine, prefix: string): Stream.Stream<Known, StoreError> =>
  self.backend === undefined ? remembered(self, prefix) : stored(self, prefix)

const remembered = (self: Engine, prefix: string): Stream.Stream<Known> =>
  Stream.unwrap(Effect.clockWith((clock) =>
    Effect.sync(() => {
      const ids = Array.from(self.memory.entries.keys()).filter((id) => id.startsWith(prefix))
      return Stream.fromIterable(ids).pipe(
        Stream.map((id) => Memory.peek(self.memory, self.tags, id)),
        Stream.filter((entry): entry is Entry =>
          entry !== undefined && clock.currentTimeMillisUnsafe() < entry.expiresAt
        ),
        Stream.map(knownOfEntry)
      )
    })
  ))

const knownOfEntry = (entry: Entry): Known => ({
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

const stored = (self: Engine, prefix: string): Stream.Stream<Known, StoreError> =>
  self.backend!.store.scan({ prefix }).pipe(
    Stream.grouped(chunk),
    Stream.mapEffect((scanned) => valid(self, scanned)),
    Stream.flatMap(Stream.fromIterable)
  )

/** without what has expired, or was invalidated by a tag */
const valid = (self: Engine, scanned: ReadonlyArray<Scanned>): Effect.Effect<ReadonlyArray<Known>, StoreError> => {
  const tags = Array.from(new Set(scanned.flatMap(({ meta }) => meta.tags.map(({ tag }) => tag))))
  const versions = tags.length === 0
    ? Effect.succeed({ versions: [] as ReadonlyArray<string | undefined> })
    : asked(self, "get", self.backend!.store.get(nobody, tags))
  return Effect.clockWith((clock) =>
    Effect.map(versions, ({ versions }) => {
      const now = clock.currentTimeMillisUnsafe()
      const current = new Map(tags.map((tag, i) => [tag, versions[i]?.slice(0, 12)]))
      return scanned
        .filter(({ meta }) =>
          now < meta.expiresAt && meta.tags.every(({ tag, version }) => current.get(tag) === version.slice(0, 12))
        )
        .map(({ id, meta }) => ({
          ...meta,
          id,
          tags: meta.tags.map(({ tag }) => tag),
          etag: meta.etag,
          reads: self.memory.entries.get(id)?.reads ?? 0
        }))
    })
  )
}

/** How far an invalidation by pattern has come. */
export interface Progress {
  readonly scanned: number
  readonly invalidated: number
}

/**
 * Invalidates all ids that match, a batch at a time. What runs or is put in meanwhile in this process is dropped at the
 * end; of what other processes put in meanwhile nothing is known.
 */
export const invalidateMatching = (self: Engine, glob: Glob): Stream.Stream<Progress, StoreError> =>
  Stream.suspend(() => {
    let scanned = 0
    let invalidated = 0
    const batch = (ids: ReadonlyArray<string>) =>
      Effect.map(invalidateIds(self, ids.filter(glob.matches)), (removed): Progress => {
        scanned += ids.length
        invalidated += removed
        return { scanned, invalidated }
      })
    const ids = self.backend === undefined
      ? Stream.fromIterable(Array.from(self.memory.entries.keys()))
      : Stream.map(self.backend.store.scan({ prefix: glob.prefix }), ({ id }) => id)
    // what is being loaded is in no store yet, and may be there when that was gone through
    const running = Effect.suspend(() => {
      const ids = Array.from(self.flights.keys()).filter(glob.matches)
      return ids.length === 0 ? Effect.succeed(0) : invalidateIds(self, ids)
    })
    return Stream.concat(Stream.drain(Stream.fromEffect(running)), ids).pipe(
      Stream.grouped(chunk),
      Stream.mapEffect(batch),
      Stream.concat(Stream.fromEffect(Effect.flatMap(Effect.sync(() => matchingHere(self, glob)), batch)))
    )
  })

/** what this process knows of and the scan may not have seen */
const matchingHere = (self: Engine, glob: Glob): ReadonlyArray<string> => {
  const ids = new Set([...self.memory.entries.keys(), ...self.flights.keys()])
  return Array.from(ids).filter(glob.matches)
}
