/**
 * Answers that nobody asked for, on their way to the store. No lease and no generation of theirs is older than the call
 * that answered them, so other things prove that they are not older than a removal: the store's count of invalidations
 * from before the call for tags; for ids what others have changed, where the store tells that at once, or else the marker
 * of the group of the id, which ends with each removal and write by hand in there. From the acquired generation on it is
 * guarded as any load.
 */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type { Markers } from "../../../ports/store.ts"
import { many } from "../../defaults/bounds.ts"
import { groupOf, groupTag } from "../../store/markers/idTags.ts"
import { hasChanged } from "../flight/watches.ts"
import * as Memory from "../memory/memory.ts"
import type { Flight, Flights, StoreReads, Watch } from "../state.ts"
import { ask } from "../storeTier/ask.ts"
import { spawn } from "../storeTier/background.ts"
import { encode } from "../storeTier/codec.ts"
import { isFault } from "../storeTier/faults.ts"
import { addUnanswered } from "../storeTier/makeStoreTier.ts"
import * as Pending from "../storeTier/pendingInvalidations.ts"
import type { Budget, StoreTier } from "../storeTier/storeTier.ts"
import { versionsOf } from "../storeTier/tagVersions.ts"

/** The tags whose markers show that no id of a group was removed or written by hand; `undefined`: nothing would show it. */
const witnesses = (
  self: Flights,
  { store: { capabilities } }: StoreTier,
  id: string
): ReadonlyArray<string> | undefined =>
  !capabilities.shared || self.tagEpochs.look !== undefined
    ? []
    : capabilities.dependencies === true
    ? [groupTag(groupOf(id))]
    : undefined

/** Asks the store beside what the flights of a call ask. The call waits for the answer, which has to be older. */
export const beforeUnasked: StoreReads["beforeUnasked"] = (self, { id, policy }) => {
  const tier = self.storeTier!
  const tags = witnesses(self, tier, id)
  if (tags === undefined || self.isPrivate || !policy.writes) return undefined
  const asked = ask(tier, { leftMillis: tier.storeTimeoutMillis }, "markers", tier.store.markers(tags))
  const asking = Effect.runForkWith(self.context)(asked)
  return Effect.map(Fiber.join(asking), (before) => isFault(before) ? undefined : before)
}

/** Stores answers of a call, behind it. */
export const storeUnasked: StoreReads["storeUnasked"] = (self, flights, guard) => {
  const tier = self.storeTier!
  const [first] = flights
  const all = Effect.forEach(flights, (flight) => storeOne(self, tier, flight, guard), {
    concurrency: many.concurrency,
    discard: true
  })
  spawn(tier.background, first!.starter.context, Effect.ensuring(all, Effect.sync(guard.done)))
}

const storeOne = Effect.fnUntraced(function*(
  self: Flights,
  tier: StoreTier,
  flight: Flight,
  { before, watch }: Parameters<StoreReads["storeUnasked"]>[2]
): Effect.fn.Return<void, never, any> {
  // a turn of its own: there may be a thousand of them
  yield* Effect.yieldNow
  const { id, request } = flight
  const entry = flight.entry!
  const { store } = tier
  const isUntouched = () => isLeftAlone(self, tier, flight, watch)
  if (!isUntouched()) return
  const asking = { tier, budget: { leftMillis: tier.storeTimeoutMillis } }
  const { budget } = asking
  const owner = self.tokens.next(8)
  const acquired = yield* ask(
    tier,
    budget,
    "acquire",
    store.acquire(id, {
      owner,
      leaseMillis: tier.leaseMillis,
      rejectedWriteId: undefined,
      join: !store.capabilities.shared
    })
  )
  if (!isFault(acquired) && acquired._tag !== "Granted") return
  let isStored = false
  if (!isFault(acquired)) {
    const tags = yield* versionsOf(asking, entry.tags, [], before)
    const stored = tags === undefined || isFault(tags) ? undefined : yield* encode(tier, request.key, entry, tags)
    const isSame = yield* isUnchanged(self, tier, budget, { before, id })
    // what others have changed up to now is applied here; from here on the generation tells
    self.tagEpochs.look?.()
    if (stored !== undefined && !isFault(stored) && isSame && isUntouched()) {
      addUnanswered(tier, id)
      const accepted = yield* ask(tier, budget, "commit", store.commit(id, acquired.generation, stored))
      if (!isFault(accepted)) tier.unanswered.delete(id)
      isStored = accepted === true
      if (accepted === false && self.memory.entries.get(id) === entry) Memory.remove(self.memory, id, "unverified")
    }
  }
  if (!isStored) yield* ask(tier, budget, "release", store.release(id, owner))
})

/** Whether nothing is known to have happened to an id since the call began: by itself, or by another read. */
const isLeftAlone = (self: Flights, { pending }: StoreTier, { entry, id }: Flight, watch: Watch): boolean =>
  !hasChanged(self, watch, id) && !self.flights.has(id) && !self.ending.has(id) && !self.closed &&
  !Pending.isPending(pending, id) && !Pending.areTagsPending(pending, entry!.tags)

/** Whether the group of an id is as it was before the call. */
const isUnchanged = (
  self: Flights,
  tier: StoreTier,
  budget: Budget,
  { before, id }: { readonly before: Markers | undefined; readonly id: string }
): Effect.Effect<boolean> => {
  const tags = witnesses(self, tier, id)
  if (tags === undefined || before === undefined) return Effect.succeed(false)
  if (tags.length === 0) return Effect.succeed(true)
  return Effect.map(
    ask(tier, budget, "markers", tier.store.markers(tags)),
    (after) => !isFault(after) && after.markers[0]?.version === before.markers[0]?.version
  )
}
