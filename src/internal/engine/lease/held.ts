/** Grants and leases as flights hold them, whether they were acquired alone or in a wave. */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type { Acquired, Markers } from "../../../ports/store.ts"
import { monotonicMillis } from "../../time/monotonic.ts"
import type { Flight, FlightLease, Flights } from "../state.ts"
import { ask } from "../storeTier/ask.ts"
import { spawn, type Worker } from "../storeTier/background.ts"
import { isFault } from "../storeTier/faults.ts"
import { encode } from "../storeTier/sharedFailure.ts"
import type { Fault, StoreTier } from "../storeTier/storeTier.ts"

export interface WriteGrant {
  readonly generation: string
  /** `undefined` if no tag was declared before the load and the store returned neither markers nor its `seq`. */
  readonly markers: Markers | undefined
  /** Whether a wave has acquired the lease. The result is then stored in a wave, too. */
  readonly isOfWave?: boolean
}

/** The answer of a wave for a flight without a grant: an entry is stored, or another process has the lease. */
export class Elsewhere {
  readonly answer: Exclude<Acquired, { readonly _tag: "Granted" }>
  readonly owner: string
  readonly markers: Markers | undefined

  constructor(answer: Elsewhere["answer"], owner: string, markers: Markers | undefined) {
    this.answer = answer
    this.owner = owner
    this.markers = markers
  }
}

/** The answers of waves for flights of bulk calls, which continue in fibers and need not ask again. */
export const answeredInWave = new WeakMap<Flight, Elsewhere>()

/** Applies changes from before the grant. The flight then counts as started after them, because its load sees them. */
export const lookBefore = ({ tagEpochs }: Flights, flight: Flight): void => {
  const { epoch } = tagEpochs
  tagEpochs.look?.()
  if (flight.bornAt === epoch) flight.bornAt = tagEpochs.epoch
}

export const nowOf = ({ front }: StoreTier): number => monotonicMillis(Context.get(front.context, Clock.Clock))

export const leaseOf = (tier: StoreTier, owner: string, renewal?: Worker): FlightLease => ({
  owner,
  renewal,
  release: ({ id, request: { key }, starter }, failure) => {
    const { background, store, storeTimeoutMillis } = tier
    const release = Effect.flatMap(
      failure === undefined ? Effect.undefined : encode(tier, key, failure),
      (note) => ask(tier, { leftMillis: storeTimeoutMillis }, "release", store.release(id, owner, note))
    )
    // The release runs in the context of the flight's starter, which has the services for encoding the failure.
    spawn(background, starter.context, release)
  },
  heldUntil: -Infinity,
  isStored: false
})

/** Whether the store may still grant an `acquire` that timed out. A synchronous store drops such a request. */
export const isLate = ({ store }: StoreTier, answer: Acquired | Fault): boolean =>
  isFault(answer) && answer.reason === "Timeout" && store.workedMillis === undefined
