/** Loads inside a transaction: private, and stored at the commit under a generation acquired before the load. */
import * as Effect from "effect/Effect"
import { CacheClosed, CacheCycle } from "../../../CacheError.ts"
import type { Markers } from "../../../ports/store.ts"
import { only } from "../../store/many.ts"
import type { Engine } from "../engine.ts"
import { pathTo } from "../flight/waitGraph.ts"
import * as Watches from "../flight/watches.ts"
import { counted } from "../load/load.ts"
import type { Entry } from "../memory/entry.ts"
import * as TagEpochs from "../memory/tagEpochs.ts"
import { inheritOf } from "../request/inherit.ts"
import { declaredTags } from "../request/requestTags.ts"
import type { Flight } from "../state.ts"
import { ask, type Asking, budgetOf } from "../storeTier/ask.ts"
import { isFault } from "../storeTier/faults.ts"
import * as Pending from "../storeTier/pendingInvalidations.ts"

export interface ReadCheck {
  readonly flight: Flight
  /** Whether the result may be stored at all. It is visible inside the transaction in any case. */
  readonly isGranted: boolean
  /** `undefined` without a store: then the transaction's watch alone reports whether the id has changed. */
  readonly generation: string | undefined
  readonly markers: Markers | undefined
  readonly bornAt: number
  readonly since: number
  readonly former: Entry | undefined
}

type Grant = Pick<ReadCheck, "isGranted" | "generation" | "markers">

export type ReadChecks = Map<string, ReadCheck>

/** Runs the loads inside a transaction. Such a load neither waits for other processes nor makes them wait. */
export const loadsOf =
  (base: Engine, readChecks: ReadChecks): NonNullable<Engine["throughStore"]> => (_, flight, load) => {
    const refusal = base.closed ? new CacheClosed({ key: flight.id }) : cycleOf(flight.parent, flight)
    if (refusal !== undefined) return Effect.die(refusal)
    if (!flight.policy.writes) return counted(flight, load)
    if (inheritOf(flight) === "changes") TagEpochs.follow(base.tagEpochs)
    const former = base.memory.entries.get(flight.id)
    const asked = { flight, bornAt: base.tagEpochs.epoch, former }
    const begin = (grant: Grant) => {
      // Changes before the load do not concern it, nor does the start of tracking, which counts as a change of all.
      readChecks.set(flight.id, { ...asked, since: base.watches.step, ...grant })
      return counted(flight, load)
    }
    const { storeTier: tier } = base
    if (tier === undefined) return begin({ isGranted: true, generation: undefined, markers: undefined })
    return Effect.flatMap(
      granted(base, { tier, budget: budgetOf(tier, flight.policy) }, flight),
      (grant) => begin(grant ?? refused)
    )
  }

/**
 * Finds a cycle through `parent`, the load in which the transaction runs, because the wait graph does not contain that
 * load. If a load inside the transaction needed it, each would start the other for ever.
 */
export const cycleOf = (parent: Flight | undefined, { engine, id }: Pick<Flight, "engine" | "id">) => {
  for (let one = parent; one !== undefined; one = one.parent) {
    // All levels of a cache's transactions share one `stats` object, which therefore identifies the cache.
    if (one.id === id && one.engine.stats === engine.stats) return new CacheCycle({ path: pathTo(parent!, one) })
  }
  return undefined
}

const refused: Grant = { isGranted: false, generation: undefined, markers: undefined }

/** Acquires a generation before a load. `undefined` if the result must not be stored. */
const granted = Effect.fnUntraced(function*(
  base: Engine,
  { budget, tier }: Asking,
  flight: Flight
): Effect.fn.Return<Grant | undefined> {
  const { id, request } = flight
  const { store } = tier
  if (Pending.isPending(tier.pending, id)) return undefined
  // Tags that a function computes from the value are unknown before the load.
  if (typeof request.options.tags === "function") return undefined
  const tags = declaredTags(base, request)
  const markers = tags.length === 0 ? undefined : yield* ask(tier, budget, "markers", store.markers(tags))
  if (isFault(markers)) return undefined
  const acquired = yield* ask(
    tier,
    budget,
    "acquire",
    only(store.acquire([{
      id,
      owner: base.tokens.next(8),
      // The shortest lease, because other processes must not wait for this load.
      leaseMillis: 1,
      rejectedWriteId: flight.rejectedWriteId,
      join: true
    }]))
  )
  if (isFault(acquired) || acquired._tag !== "Granted") return undefined
  return { isGranted: true, generation: acquired.generation, markers }
})

export const isPublishable = (base: Engine, { bornAt, flight, former, isGranted, since }: ReadCheck): boolean => {
  if (!isGranted) return false
  // Without a store, an entry added during the load may be newer. With a store, it would end the generation.
  const current = base.storeTier === undefined ? base.memory.entries.get(flight.id) : undefined
  if (current !== undefined && current !== former) return false
  const { entry, storable } = flight
  // A result with dependencies may derive from uncommitted values.
  if (flight.attempt.dependencies !== undefined) return false
  return entry !== undefined && storable && !TagEpochs.movedSince(base.tagEpochs, entry.tags, bornAt) &&
    // Needed even with a store: invalidations by pattern find only stored ids, and may not end the generation.
    !Watches.hasChanged(base, { since }, flight.id)
}
