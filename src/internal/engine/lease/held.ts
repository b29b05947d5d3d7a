/** Grants and leases as flights hold them, whether they were acquired alone or in a wave. */
import * as Effect from "effect/Effect"
import type { Acquired } from "../../../ports/store.ts"
import { provided } from "../request/context.ts"
import { maxLoadOf } from "../request/rules.ts"
import type { Flight, FlightLease, Flights } from "../state.ts"
import { spawn, type Worker } from "../storeTier/background.ts"
import { isFault } from "../storeTier/faults.ts"
import { encode } from "../storeTier/sharedFailure.ts"
import type { Elsewhere, Fault, StoreTier, WriteGrant } from "../storeTier/storeTier.ts"
import { release } from "./releases.ts"

/** Returns the wave's answer for a flight, but only once, so that a new attempt asks the store itself. */
export const takeAnswer = (flight: Flight): WriteGrant | Elsewhere | Fault | undefined => {
  const { waveAnswer } = flight
  flight.waveAnswer = undefined
  return waveAnswer
}

/** Applies changes made before the grant. A flight that began just before these changes counts as begun after them. */
export const lookBefore = ({ tagEpochs }: Flights, flight: Flight): void => {
  const { epoch } = tagEpochs
  tagEpochs.look?.()
  if (flight.bornAt === epoch) flight.bornAt = tagEpochs.epoch
}

/** For how long a load renews its lease, counted from the start of its last attempt. */
export const renewMillisOf = ({ engine, request }: Pick<Flight, "engine" | "request">): number =>
  request.maxRunMillis ?? maxLoadOf(engine, request)

/** The time limit of a renewal. If one hangs, there is time for another in the lease, unless the budget is long. */
export const renewalMillis = (leaseMillis: number, budgetMillis: number): number =>
  Math.min(leaseMillis, Math.max(leaseMillis / 3, budgetMillis))

export const renewalPauseMillis = (leaseMillis: number, tookMillis: number): number =>
  Math.max(leaseMillis / 6, leaseMillis / 3 - tookMillis)

export const leaseOf = (tier: StoreTier, owner: string, renewal?: Worker): FlightLease => ({
  owner,
  renewal,
  release: ({ id, request, starter }, failure) => {
    const released = Effect.flatMap(
      failure === undefined ? Effect.undefined : provided(request, encode(tier, request.key, failure)),
      (note) => release(tier, { id, owner, note })
    )
    // The release runs in the context of the flight's starter, which has the services for encoding the failure.
    spawn(tier.background, starter.context, released)
  },
  heldUntil: -Infinity,
  markers: undefined,
  isStored: false
})

/** Whether the store may still grant an `acquire` that timed out. A synchronous store drops such a request. */
export const isLate = ({ store }: StoreTier, answer: Acquired | Fault): boolean =>
  isFault(answer) && answer.reason === "Timeout" && store.workedMillis === undefined
