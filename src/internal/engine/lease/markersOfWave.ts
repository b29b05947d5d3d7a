/** The markers of the tags that the flights of a wave declare, as they were before the loads. */
import * as Effect from "effect/Effect"
import type { StoreError } from "../../../CacheError.ts"
import type { Acquired, Markers } from "../../../ports/store.ts"
import * as TagEpochs from "../memory/tagEpochs.ts"
import { declaredTags } from "../request/requestTags.ts"
import type { Flight, Flights, Request } from "../state.ts"
import { isFault } from "../storeTier/faults.ts"
import type { Fault, StoreTier } from "../storeTier/storeTier.ts"

/** A wave that knows what it has read before. */
interface Knowing {
  readonly tier: StoreTier
  readonly engine: Flights
  known: Tags | undefined
}

/** The declared tags of a wave, and their markers as they were before its loads. */
export interface Tags {
  readonly names: ReadonlyArray<string>
  readonly isNeeded: boolean
  /** Whether the markers are read together with the leases. */
  readonly isBeside: boolean
  readonly bornAt: number
  markers: Markers | undefined
}

export const tagsOf = (self: Knowing, requests: ReadonlyArray<Request>): Tags => {
  const { engine, known, tier } = self
  const { capabilities, distanceMillis } = tier.store
  const names = Array.from(new Set(requests.flatMap((request) => declaredTags(engine, request))))
  const isKnown = known !== undefined && names.every((name) => known.names.includes(name)) &&
    !TagEpochs.movedSince(engine.tagEpochs, names, known.bornAt)
  if (isKnown) return { ...known, isBeside: false }
  return {
    names,
    isNeeded: names.length > 0 || requests.some(({ options }) => typeof options.tags === "function"),
    // Over a network. On a cluster, several leases are asked for one by one, and the markers would be, too.
    isBeside: distanceMillis !== undefined && (requests.length === 1 || capabilities.sharded !== true),
    bornAt: TagEpochs.epochNow(engine.tagEpochs),
    markers: undefined
  }
}

/** The markers that another wave has read for a flight that continues alone. */
export const knownOf = ({ bornAt }: Flight, names: ReadonlyArray<string>, markers: Markers): Tags => ({
  names,
  isNeeded: true,
  isBeside: false,
  bornAt,
  markers
})

export const readMarkers = (self: Knowing, tags: Tags): Effect.Effect<void, StoreError> => {
  return Effect.map(self.tier.store.markers(tags.names), (markers) => {
    tags.markers = markers
    self.known = tags
  })
}

/** Sends the request for markers with another one. If only the markers cannot be read, the other one is answered. */
export const beside = <A>(
  self: Knowing,
  tags: Tags,
  asking: Effect.Effect<A, StoreError>
): Effect.Effect<A, StoreError> =>
  !tags.isBeside || tags.names.length === 0 ? asking : Effect.map(
    Effect.all([asking, Effect.exit(readMarkers(self, tags))], { concurrency: 2 }),
    ([answer]) => answer
  )

/** Whether a load must not begin with this answer before the markers have been read. */
export const lacksMarkers = ({ isNeeded, markers, names }: Tags, answer: Acquired | Fault): boolean =>
  isNeeded && markers === undefined && !isFault(answer) && answer._tag === "Granted" &&
  (names.length > 0 || answer.seq === undefined)

/** Stubs keep this function. It is made here, where no other closure keeps the answers of the wave alive with it. */
export const markersIn = (engine: Flights, tags: Tags): (request: Request) => Markers | undefined => {
  let pick: ReturnType<typeof pickerOf> | undefined
  return (request) => tags.markers && (pick ??= pickerOf(tags.markers, tags.names))(declaredTags(engine, request))
}

/** Returns a function that picks the markers of some tags. For all tags, the usual case, it returns `all` itself. */
export const pickerOf = (all: Markers, names: ReadonlyArray<string>) => {
  const places = new Map(names.map((name, i) => [name, i]))
  return (tags: ReadonlyArray<string>): Markers =>
    tags.length === names.length && tags.every((tag, i) => tag === names[i])
      ? all
      : { seq: all.seq, markers: tags.map((tag) => all.markers[places.get(tag)!]!) }
}
