import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as Random from "effect/Random"
import type { TagVersion } from "../../CacheEntry.ts"
import type { Markers } from "../../Store.ts"
import { toMillis } from "../../Ttl.ts"
import { noneIsGone } from "../store/markers.ts"
import { tokenUnsafe } from "../token.ts"
import { ask, type Budget, fetch, isFault, monotonicMillis } from "./backend.ts"
import { Entry } from "./entry.ts"
import { decode, enough } from "./failureNote.ts"
import type { Fault, Flight, Lease } from "./flight.ts"
import { giveBack } from "./giveBack.ts"
import * as Journal from "./journal.ts"
import { declaredTags } from "./keys.ts"
import type { Engine } from "./model.ts"
import { failStrict } from "./waiting.ts"

/** The right to store what a load will bring, and the versions of its tags from before the load. */
export interface Guard {
  readonly generation: string
  /** `undefined` where the store could not tell, and no tag was known before the load */
  readonly markers: Markers | undefined
}

/** Another process refreshes it: nobody here needs to. */
export const Elsewhere = Symbol("Elsewhere")

/** how often a process that waits for another's load looks again, at least */
const pollMillis = 50

/**
 * Asks the store for the right to load, and for one more look at what is stored. While another process holds it this
 * one waits, at most for its patience, then loads beside it, guarded all the same.
 *
 * `undefined`: the store cannot be asked, and what is loaded stays out of it. An entry: another has stored it
 * meanwhile, and `serves` says that it will do. A failure: those who were waited for have failed with it, one after the
 * other.
 */
export const lead = Effect.fnUntraced(function*(
  self: Engine,
  flight: Flight,
  budget: Budget,
  serves: (entry: Entry) => boolean
): Effect.fn.Return<Guard | Entry | Exit.Failure<unknown, unknown> | typeof Elsewhere | undefined, never, any> {
  const { journal, leaseMillis, store, waitMillis } = self.backend!
  const { id, request } = flight
  const suffer = (fault: Fault): undefined => void failStrict(self, flight, fault)
  // what is loaded without asking the store goes into memory all the same: others must be heard from here on
  self.tags.onDoubt?.()
  if (Journal.distrustsId(journal, id)) return undefined
  const declared = declaredTags(request)
  let markers: Markers | undefined
  if (declared.length > 0 || typeof request.options.tags === "function") {
    const answer = yield* ask(self, budget, "markers", store.markers(declared))
    if (!isFault(answer)) markers = answer
    // without it what is tagged by the load alone stays out of the store
    else if (declared.length > 0) return suffer(answer)
  }
  const clock = yield* Clock.Clock
  const owner = tokenUnsafe(yield* Random.Random, 8)
  const isExclusive = request.options.lease ?? store.capabilities.shared
  const patience = request.options.timeout === undefined ? waitMillis : toMillis(request.options.timeout)
  const startedAt = monotonicMillis(clock)
  let rejected = 0
  let waited = false
  while (rejected < 3) {
    const leftMillis = startedAt + patience - monotonicMillis(clock)
    const join = !isExclusive || leftMillis <= 0
    // given up before the answer is heard it may have been granted all the same
    if (isExclusive) flight.lease = { owner, keeper: undefined, isStored: false }
    const taken = yield* ask(self, budget, "take", store.take(id, { owner, leaseMillis, seen: flight.seen, join }))
    if (isFault(taken) || taken._tag !== "Lead") flight.lease = undefined
    if (isFault(taken)) return suffer(taken)
    if (taken._tag === "Lead") {
      if (waited && taken.failures !== undefined && taken.failures.count >= enough) {
        const { note } = taken.failures
        const failure = yield* decode(flight, note)
        if (failure !== undefined) {
          // for the next who waits
          yield* ask(self, budget, "release", store.release(id, owner, note))
          flight.lease = undefined
          return failure
        }
      }
      if (isExclusive) flight.lease = keeping(self, flight, owner)
      // what it loads is stored nowhere any more: nobody is to wait for that
      if (!flight.publishes) giveBack(self, flight)
      // where no tag is declared the load may name some all the same: then it counts what was invalidated since
      const { generation, seq } = taken
      return { generation, markers: markers ?? (seq === undefined ? undefined : { seq, markers: [] }) }
    }
    if (taken._tag === "Wait") {
      if (flight.refresh && flight.waiters.size === 0 && flight.stale !== undefined) return Elsewhere
      waited = true
      const pauseMillis = Math.max(1, Math.min(pollMillis, taken.leftMillis + 5, leftMillis))
      request.batch?.leave(flight, clock.currentTimeMillisUnsafe() + pauseMillis)
      yield* Effect.sleep(pauseMillis)
      // waiting for another process is not the store's slowness
      budget.leftMillis = flight.policy.storeTimeoutMillis ?? self.backend!.budgetMillis
      request.batch?.comeBack(clock.currentTimeMillisUnsafe())
      continue
    }
    rejected++
    if (!flight.policy.readsStore) {
      // what is stored is to be replaced, whatever it is
      const { expiresAt, outcome, tags, writeId } = taken.entry.meta
      flight.seen = writeId
      if (outcome === "success" && isGood(tags, declared, markers)) flight.goodUntil = expiresAt
      continue
    }
    // not the one that was seen: it may be of use
    flight.outdated = false
    const found = yield* fetch(self, budget, request.key, id, declared)
    if (isFault(found)) return suffer(found)
    if (flight.outdated) continue
    if (found instanceof Entry && serves(found)) return found
    flight.seen = found instanceof Entry ? found.writeId : found ?? taken.entry.meta.writeId
  }
  return undefined
})

/** by the tags whose markers were asked for; the others count as they are */
const isGood = (
  tags: ReadonlyArray<TagVersion>,
  declared: ReadonlyArray<string>,
  markers: Markers | undefined
): boolean =>
  noneIsGone(
    { version: (tag) => markers?.markers[declared.indexOf(tag)]?.version },
    tags.filter(({ tag }) => declared.includes(tag))
  )

/** Prolongs the lease for as long as the load runs, or until another has it. */
const keeping = (self: Engine, flight: Flight, owner: string): Lease => {
  const { leaseMillis, store } = self.backend!
  const again: Effect.Effect<void> = Effect.flatMap(
    Effect.suspend(() => ask(self, { leftMillis: leaseMillis }, "keep", store.keep(flight.id, owner, leaseMillis))),
    (kept) => kept === false ? Effect.void : later
  )
  const later = Effect.andThen(Effect.sleep(leaseMillis / 3), again)
  return { owner, keeper: Effect.runForkWith(flight.context)(later), isStored: false }
}
