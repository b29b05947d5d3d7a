/** Inspects the cache: its size, its entries, and whether its store answers. If the store fails, so does the call. */
import * as Entries from "#platform/engine/memory/entries"
import { dependsOnOf } from "#platform/store/markers/dependsOn"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { Known } from "../../../CacheEntry.ts"
import { StoreError } from "../../../CacheError.ts"
import type { Scanned } from "../../../ports/store.ts"
import { sizeMillis } from "../../defaults/bounds.ts"
import { hasEnded } from "../../store/conditions.ts"
import { pageByPage } from "../../store/many.ts"
import { isInherited } from "../../store/markers/idTags.ts"
import { isPage } from "../../store/pageIds.ts"
import * as InTurns from "../../time/streamsInTurns.ts"
import { forEach } from "../../time/turns.ts"
import type { Engine } from "../engine.ts"
import type { Entry } from "../memory/entry.ts"
import * as Memory from "../memory/memory.ts"
import * as Policy from "../request/callPolicy.ts"
import { ask, budgetOf } from "../storeTier/ask.ts"
import { isFault } from "../storeTier/faults.ts"
import { validityOf } from "../storeTier/fetch.ts"
import { noEntryId } from "../storeTier/fetchMany.ts"
import * as Pending from "../storeTier/pendingInvalidations.ts"
import type { StoreTier } from "../storeTier/storeTier.ts"
import { IdSet } from "./idSet.ts"

export const asked = <A>(
  tier: StoreTier,
  operation: string,
  effect: Effect.Effect<A, StoreError>,
  leastMillis = 0
): Effect.Effect<A, StoreError> =>
  Effect.flatMap(Policy.Current, (policy) => {
    const budget = budgetOf(tier, policy)
    if (policy.storeTimeoutMillis === undefined) budget.leftMillis = Math.max(budget.leftMillis, leastMillis)
    return Effect.flatMap(
      ask(tier, budget, operation, effect),
      (answer): Effect.Effect<A, StoreError> =>
        isFault(answer) ? Effect.fail(answer as StoreError) : Effect.succeed(answer as A)
    )
  })

/** Checks that the store answers, by reading an entry that does not exist. A failure has the operation "ping". */
export const ping = (self: Engine): Effect.Effect<void, StoreError> => {
  if (self.storeTier === undefined) return Effect.void
  const operation = "ping"
  const read = self.storeTier.store.get(noEntryId, [])
  // `cause` is passed separately, because it is not enumerable and a spread would lose it.
  const named = Effect.mapError(read, (error) => new StoreError({ ...error, operation, cause: error.cause }))
  return Effect.asVoid(asked(self.storeTier, operation, named))
}

export const size = (self: Engine): Effect.Effect<number, StoreError> =>
  self.storeTier === undefined
    ? Effect.clockWith((clock) => {
      let count = 0
      const all = forEach(Entries.ids(self.memory.entries), (id) => {
        if (!isPage(id) && liveEntry(self, id, self.time.now(clock)) !== undefined) count++
      })
      return Effect.map(all, () => count)
    })
    : asked(self.storeTier, "size", self.storeTier.store.size, sizeMillis)

const scan = (tier: StoreTier, prefix: string): Stream.Stream<Scanned, StoreError> =>
  askedPages(tier, "scan", Stream.filter(tier.store.scan({ prefix }), ({ id }) => !isPage(id)))

export const askedPages = <A>(
  tier: StoreTier,
  operation: string,
  all: Stream.Stream<A, StoreError>
): Stream.Stream<A, StoreError> =>
  // The end of a scan is not a fault and must not reach `ask` as a failure.
  Stream.transformPull(all, (pull) => Effect.succeed(pageByPage(pull, (page) => asked(tier, operation, page))))

export const entries = (self: Engine, prefix: string): Stream.Stream<Known, StoreError> =>
  Stream.suspend(() => {
    const here = idsHere(self, prefix)
    const { storeTier: tier } = self
    if (tier === undefined) return remembered(self, here)
    const unseen = new IdSet()
    const { pending } = tier
    const stored = scan(tier, prefix).pipe(
      Stream.filter(({ id }) => !Pending.isGone(pending, id)),
      InTurns.inChunks,
      Stream.mapEffect((scanned) => {
        for (const { id } of scanned) unseen.delete(id)
        return valid(tier, scanned)
      }),
      Stream.flatMap(Stream.fromIterable)
    )
    const lost = Stream.suspend(() => remembered(self, InTurns.each(unseen)))
    const noted = Stream.runForEachArray(here, (ids) => Effect.sync(() => ids.forEach((id) => unseen.add(id))))
    return Stream.unwrap(Effect.as(noted, Stream.concat(stored, lost)))
  })

export const idsHere = (self: Engine, prefix: string): Stream.Stream<string> =>
  Stream.filter(
    Stream.suspend(() => InTurns.each(Entries.ids(self.memory.entries))),
    (id) => id.startsWith(prefix) && !isPage(id)
  )

export const remembered = (self: Engine, ids: Stream.Stream<string>): Stream.Stream<Known> =>
  Stream.unwrap(Effect.clockWith((clock) =>
    Effect.succeed(
      ids.pipe(
        Stream.map((id) => liveEntry(self, id, self.time.now(clock))),
        Stream.filter((entry) => entry !== undefined),
        Stream.map(knownOf)
      )
    )
  ))

export const liveEntry = (self: Engine, id: string, now: number): Entry | undefined => {
  const entry = Memory.peek(self.memory, self.tagEpochs, id)
  return entry !== undefined && now < entry.expiresAt ? entry : undefined
}

export const knownOf = (entry: Known): Known => ({
  id: entry.id,
  createdAt: entry.createdAt,
  softExpiresAt: entry.softExpiresAt,
  expiresAt: entry.expiresAt,
  loadMillis: entry.loadMillis,
  outcome: entry.outcome,
  tags: entry.tags.some(isInherited) ? entry.tags.filter((tag) => !isInherited(tag)) : entry.tags,
  ...dependsOnOf(entry.tags),
  etag: entry.etag,
  writeId: entry.writeId,
  reads: entry.reads
})

const valid = (tier: StoreTier, scanned: ReadonlyArray<Scanned>): Effect.Effect<ReadonlyArray<Known>, StoreError> => {
  const tags = Array.from(new Set(scanned.flatMap(({ meta }) => meta.tags.map(({ tag }) => tag))))
  const versions = tags.length === 0
    ? Effect.succeed({ versions: [] as ReadonlyArray<string | undefined> })
    : asked(tier, "get", tier.store.get(noEntryId, tags))
  return Effect.clockWith((clock) =>
    Effect.map(versions, ({ versions }) => {
      const now = tier.front.time.now(clock)
      return scanned.flatMap(({ id, meta }) => {
        if (hasEnded(meta, now)) return []
        const validity = validityOf(tier, meta, tags, versions)
        if (validity === "gone") return []
        return [knownOf({
          ...meta,
          id,
          softExpiresAt: validity === "soft" ? -Infinity : meta.softExpiresAt,
          tags: meta.tags.map(({ tag }) => tag),
          etag: meta.etag,
          reads: tier.front.memory.entries.get(id)?.reads ?? 0
        })]
      })
    })
  )
}
