/** Loads inside a transaction: private, and stored at the commit under the generation that they took before they began. */
import * as Effect from "effect/Effect"
import { CacheClosed, CacheCycle } from "../../../CacheError.ts"
import type { Markers } from "../../../ports/store.ts"
import type { Engine } from "../engine.ts"
import { pathTo } from "../flight/waitGraph.ts"
import * as Watches from "../flight/watches.ts"
import { counted } from "../load/load.ts"
import * as TagEpochs from "../memory/tagEpochs.ts"
import { declaredTags } from "../request/requestTags.ts"
import type { Flight } from "../state.ts"
import { ask, type Asking, budgetOf } from "../storeTier/ask.ts"
import { isFault } from "../storeTier/faults.ts"
import * as Pending from "../storeTier/pendingInvalidations.ts"

/** What the result of a load needs to be stored. */
export interface ReadCheck {
  readonly flight: Flight
  /** whether the result may be stored at all: it is seen inside in any case */
  readonly isGranted: boolean
  /** `undefined` where there is no store: then the watch of the transaction alone tells whether the id was left alone */
  readonly generation: string | undefined
  readonly markers: Markers | undefined
  /** of the base, from before the load */
  readonly bornAt: number
  readonly since: number
}

/** By id: of several loads of one id the last. */
export type ReadChecks = Map<string, ReadCheck>

/** The steps around a load. Nothing waits for another process: nobody waits for this one either. */
export const loadsOf =
  (base: Engine, readChecks: ReadChecks): NonNullable<Engine["throughStore"]> => (_, flight, load) => {
    const refusal = base.closed ? new CacheClosed({ key: flight.id }) : cycleOf(flight.parent, flight)
    if (refusal !== undefined) return Effect.die(refusal)
    if (!flight.policy.writes) return counted(flight, load)
    const began = { flight, bornAt: base.tagEpochs.epoch, since: base.watches.step }
    const { storeTier: tier } = base
    if (tier === undefined) {
      readChecks.set(flight.id, { ...began, isGranted: true, generation: undefined, markers: undefined })
      return counted(flight, load)
    }
    return Effect.flatMap(granted(base, { tier, budget: budgetOf(tier, flight.policy) }, flight), (granted) => {
      readChecks.set(flight.id, { ...began, ...granted ?? refused })
      return counted(flight, load)
    })
  }

/**
 * A load around a transaction is no flight of it, so the wait graph does not have it: a load inside that needs it would
 * begin it again, for ever. `parent`: the load in which the transaction runs, or in which it reads.
 */
export const cycleOf = (parent: Flight | undefined, { engine, id }: Pick<Flight, "engine" | "id">) => {
  for (let one = parent; one !== undefined; one = one.parent) {
    // all levels of all transactions of one cache count in one place
    if (one.id === id && one.engine.stats === engine.stats) return new CacheCycle({ path: pathTo(parent!, one) })
  }
  return undefined
}

const refused = { isGranted: false, generation: undefined, markers: undefined }

/** A generation of the id, and the markers of its tags; `undefined`: the result is not stored. */
const granted = Effect.fnUntraced(function*(
  base: Engine,
  { budget, tier }: Asking,
  flight: Flight
): Effect.fn.Return<Pick<ReadCheck, "isGranted" | "generation" | "markers"> | undefined> {
  const { id, request } = flight
  const { store } = tier
  if (Pending.isPending(tier.pending, id)) return undefined
  // tags that only the load names are not known before it
  if (typeof request.options.tags === "function") return undefined
  const tags = declaredTags(base, request)
  const markers = tags.length === 0 ? undefined : yield* ask(tier, budget, "markers", store.markers(tags))
  if (isFault(markers)) return undefined
  const acquired = yield* ask(
    tier,
    budget,
    "acquire",
    store.acquire(id, {
      owner: base.tokens.next(8),
      // nobody is to wait for it
      leaseMillis: 1,
      rejectedWriteId: flight.rejectedWriteId,
      join: true
    })
  )
  if (isFault(acquired) || acquired._tag !== "Granted") return undefined
  return { isGranted: true, generation: acquired.generation, markers }
})

/** Whether the result of a load may be stored, as far as it is known here. */
export const isPublishable = (base: Engine, { bornAt, flight, isGranted, since }: ReadCheck): boolean => {
  if (!isGranted) return false
  const { entry, storable } = flight
  // it is made of what may not be committed
  if (flight.attempt.dependencies !== undefined) return false
  return entry !== undefined && storable && !TagEpochs.movedSince(base.tagEpochs, entry.tags, bornAt) &&
    // in a store the generation has ended as well, but not where a pattern has looked for what is stored
    !Watches.hasChanged(base, { since }, flight.id)
}
