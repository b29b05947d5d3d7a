/**
 * Overlapping private refreshes of an id: when the result of one is stored, the generation of the others ends. One that
 * began later may replace that result, because nothing else has changed as long as the store still has it.
 */
import * as Effect from "effect/Effect"
import type { StoreError } from "../../../CacheError.ts"
import type { CommitRequest } from "../../../ports/store.ts"
import { watchedIds } from "../../defaults/bounds.ts"
import { lookupsAgain } from "../../defaults/stores.ts"
import { remember } from "../../remember.ts"
import { only } from "../../store/many.ts"
import { isStorable } from "../flight/watches.ts"
import type { Flight } from "../state.ts"
import { ask, type Asking } from "../storeTier/ask.ts"
import { isFault } from "../storeTier/faults.ts"
import * as Pending from "../storeTier/pendingInvalidations.ts"

interface Commit extends CommitRequest {
  readonly flight: Flight
}

/** Returns the store's answer to the commit of a private load, which is repeated if other refreshes came first. */
export const orAfterOthers = (
  asking: Asking,
  commit: Commit,
  first: boolean | StoreError
): Effect.Effect<boolean | StoreError> => {
  const { entry: { meta: { writeId } }, flight: { policy, since }, id } = commit
  const answer = first === false && policy.joins === "refresh" ? commitAfter(asking, commit) : Effect.succeed(first)
  return Effect.map(answer, (accepted) => {
    if (accepted === true) remember(asking.tier.privateWrites, id, { writeId, since }, watchedIds)
    return accepted
  })
}

const commitAfter = Effect.fnUntraced(function*(
  { budget, tier }: Asking,
  { entry, flight, id }: Commit
): Effect.fn.Return<boolean | StoreError> {
  const { pending, privateWrites, store } = tier
  const owner = flight.engine.tokens.next(8)
  const mayStore = () => isStorable(flight.engine, flight) && !Pending.isPending(pending, id)
  for (let i = 0; i < lookupsAgain && mayStore(); i++) {
    const earlier = privateWrites.get(id)
    if (earlier === undefined || earlier.since > flight.since) break
    // A lease as short as possible delays no load of another process, and the generation outlives it.
    const request = { id, owner, leaseMillis: 1, rejectedWriteId: earlier.writeId, join: true }
    const acquired = yield* ask(tier, budget, "acquire", only(store.acquire([request])))
    if (isFault(acquired)) break
    // Another refresh has just been stored, and will be noted.
    if (acquired._tag !== "Granted") continue
    // The look comes after the grant: an earlier change shows in it, and a later one ends the new generation.
    const found = yield* ask(tier, budget, "get", store.get(id, []))
    if (isFault(found) || found.entry === undefined) break
    if (found.entry.meta.writeId !== earlier.writeId || !mayStore()) continue
    const accepted = yield* ask(
      tier,
      budget,
      "commit",
      only(store.commit([{ id, generation: acquired.generation, entry }]))
    )
    if (accepted !== false) return accepted
  }
  return false
})
