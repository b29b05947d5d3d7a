/**
 * Stores a bulk call's answers for unrequested keys. No generation is acquired for such a key before the call, so other
 * evidence must show that nothing newer is overwritten: for tags, the store's count of invalidations; for ids, reported
 * changes, or the marker of the id's group, which any removal or `set` in the group deletes, and that of all patterns.
 */
import * as Effect from "effect/Effect"
import type { TagVersion } from "../../../CacheEntry.ts"
import type { Acquired, CommitRequest, Marker, Markers } from "../../../ports/store.ts"
import { many, unaskedWaiting } from "../../defaults/bounds.ts"
import { groupOf, groupTag } from "../../store/markers/idTags.ts"
import { noneIsGone } from "../../store/markers/markers.ts"
import { ofPatterns } from "../../store/patterns.ts"
import { chunksOf } from "../../time/chunks.ts"
import * as Turns from "../../time/turns.ts"
import { hasChanged } from "../flight/watches.ts"
import * as Memory from "../memory/memory.ts"
import type { Batch, Flight, Flights, LoadAll, StoreReads, Watch } from "../state.ts"
import { ask, type Asking } from "../storeTier/ask.ts"
import { spawn } from "../storeTier/background.ts"
import { encode } from "../storeTier/codec.ts"
import { isFault } from "../storeTier/faults.ts"
import { addUnanswered } from "../storeTier/makeStoreTier.ts"
import * as Pending from "../storeTier/pendingInvalidations.ts"
import type { StoreTier } from "../storeTier/storeTier.ts"
import { release } from "./releases.ts"

/** The tags whose markers are the evidence for an id. Empty if none is needed, `undefined` if there can be none. */
const witnessOf = (
  { tagEpochs }: Flights,
  { store: { capabilities } }: StoreTier,
  id: string
): ReadonlyArray<string> | undefined =>
  !capabilities.shared || tagEpochs.look !== undefined
    ? []
    : capabilities.changes !== false && capabilities.dependencies === true
    ? [groupTag(groupOf(id)), ofPatterns]
    : undefined

/** The markers that are evidence for the unrequested answers of a batch. They are read with those of its first wave. */
export interface Witness {
  readonly batch: Batch
  readonly id: string
  readonly tags: ReadonlyArray<string>
}

/** Lookups whose last answer was a list, which has none for other keys. Their calls need no evidence. */
export const listing = new WeakSet<LoadAll>()

export const evidenceOf = (
  self: Flights,
  tier: StoreTier,
  { id, request: { batch } }: Pick<Flight, "id" | "request">
): Witness | undefined => {
  if (batch?.options.requestOf === undefined || batch.asksEvidence || self.isPrivate) return undefined
  if (listing.has(batch.options.loadAll)) return undefined
  const tags = witnessOf(self, tier, id)
  if (tags === undefined) return undefined
  batch.asksEvidence = true
  return { batch, id, tags }
}

/** Notes the evidence, which is behind the markers of `own` other tags. Returns these markers. */
export const noteEvidence = ({ batch, id }: Witness, own: number, { markers, seq }: Markers): Markers => {
  batch.evidence = { id, markers: { seq, markers: markers.slice(own) } }
  return { seq, markers: markers.slice(0, own) }
}

export const storeUnasked: StoreReads["storeUnasked"] = (flights, watch, done) => {
  const { length, 0: first } = flights
  const tier = first?.engine.storeTier
  if (tier === undefined || tier.unaskedWaiting + length > unaskedWaiting || tier.background.isClosed) return done()
  tier.unaskedWaiting += length
  const budget = { leftMillis: tier.storeTimeoutMillis }
  const parts = Effect.forEach(
    chunksOf(flights, many.steps),
    (part) => {
      // A store that has timed out is not asked again for the remaining answers.
      if (budget.leftMillis > 0) budget.leftMillis = tier.storeTimeoutMillis
      // Callers are answered before the answers for unrequested keys are stored.
      return Effect.andThen(Effect.yieldNow, storePart(first!.engine, { budget, tier }, part, watch))
    },
    { discard: true }
  )
  const end = Effect.sync(() => {
    tier.unaskedWaiting -= length
    done()
  })
  spawn(tier.background, first!.starter.context, Effect.ensuring(parts, end))
}

const storePart: (
  self: Flights,
  asking: Asking,
  part: ReadonlyArray<Flight>,
  watch: Watch
) => Effect.Effect<void, never, any> = Effect.fnUntraced(function*(self, { budget, tier }, part, watch) {
  const { store, storeTimeoutMillis } = tier
  const { id, markers: before } = watch.evidence!
  const asked = part.filter((flight) => isUnchanged(self, tier, watch, flight))
  if (asked.length === 0 || budget.leftMillis <= 0) return
  const owner = self.tokens.next(8)
  // If another process holds the lease of an id, the answer for the id is not stored: no load is awaited or joined.
  // The lease is as short as possible: the generation outlives it, and a lease that is granted late delays no load.
  const requests = asked.map(({ id, rejectedWriteId }) => ({ id, owner, leaseMillis: 1, rejectedWriteId, join: false }))
  const acquired = yield* ask(tier, budget, "acquire", store.acquire(requests))
  const grants = new Map<Flight, string>()
  const dead: Array<Flight> = []
  if (!isFault(acquired)) {
    asked.forEach((flight, i) => {
      const answer = acquired[i]!
      if (answer._tag === "Granted") grants.set(flight, answer.generation)
    })
    const witness = witnessOf(self, tier, id)!
    const tags = [...witness, ...new Set(asked.flatMap(({ entry }) => entry!.tags))]
    // The markers are read after the grants: they show earlier removals, and later removals end the generations.
    const after = yield* ask(tier, budget, "markers", store.markers(tags))
    if (!isFault(after) && witness.every((_, i) => after.markers[i]!.version === before.markers[i]!.version)) {
      const markers = new Map(tags.map((tag, i) => [tag, after.markers[i]!]))
      dead.push(...asked.filter((flight, i) => isDead(flight, acquired[i]!, markers)))
      yield* commitAll(self, { budget, tier }, watch, { grants, markers })
    }
  }
  const releasing = { leftMillis: storeTimeoutMillis }
  const releaseOne = ({ id }: Flight) => release(tier, { id, owner }, releasing)
  yield* Effect.forEach(grants.keys(), releaseOne, { concurrency: many.concurrency, discard: true })
  if (dead.length > 0) yield* storePart(self, { budget, tier }, dead, watch)
})

const isUnchanged = (self: Flights, { pending }: StoreTier, watch: Watch, { entry, id }: Flight): boolean =>
  !hasChanged(self, watch, id) && !self.flights.has(id) && !self.ending.has(id) &&
  !Pending.isPending(pending, id) && !Pending.areTagsPending(pending, entry!.tags) &&
  groupOf(id) === groupOf(watch.evidence!.id)

/** Whether the store answered with an expired or invalidated entry. If so, a second request rejects that entry. */
const isDead = (flight: Flight, acquired: Acquired, markers: ReadonlyMap<string, Marker>): boolean => {
  if (acquired._tag !== "Hit" || flight.rejectedWriteId !== undefined) return false
  const { expiresAt, tags, writeId } = acquired.entry.meta
  flight.rejectedWriteId = writeId
  const asked = tags.filter(({ tag }) => markers.has(tag))
  return expiresAt <= flight.entry!.createdAt || !noneIsGone({ version: (tag) => markers.get(tag)!.version }, asked)
}

interface Granted {
  /** The generation of each flight. It is removed once the flight's result was committed or refused. */
  readonly grants: Map<Flight, string>
  readonly markers: ReadonlyMap<string, Marker>
}

const commitAll = Effect.fnUntraced(function*(
  self: Flights,
  { budget, tier }: Asking,
  watch: Watch,
  { grants, markers }: Granted
): Effect.fn.Return<void, never, any> {
  const encoded: Array<CommitRequest & { readonly flight: Flight }> = []
  yield* Turns.forEachEffect(grants, ([flight, generation]) => {
    const { id, request: { key } } = flight
    const { tags } = flight.entry!
    if (tags.some((tag) => markers.get(tag)!.seq > watch.evidence!.markers.seq)) return
    const versions = tags.map((tag): TagVersion => ({ tag, version: markers.get(tag)!.version }))
    return Effect.map(encode(tier, key, flight.entry!, versions), (entry) => {
      if (entry !== undefined && !isFault(entry)) encoded.push({ id, generation, entry, flight })
    })
  })
  // Applies the changes made before the grants. While changes are untracked, nothing is committed.
  self.tagEpochs.look?.()
  const isUntracked = self.tagEpochs.look !== undefined && tier.untracked
  const commits = isUntracked ? [] : encoded.filter(({ flight }) => isUnchanged(self, tier, watch, flight))
  if (commits.length === 0) return
  for (const { id } of commits) addUnanswered(tier, id)
  const accepted = yield* ask(tier, budget, "commit", tier.store.commit(commits))
  if (isFault(accepted)) return
  for (const [i, { flight, id }] of commits.entries()) {
    tier.unanswered.delete(id)
    grants.delete(flight)
    if (!accepted[i] && self.memory.entries.get(id) === flight.entry) Memory.remove(self.memory, id, "unverified")
  }
})
