/**
 * Ends the leases of loads whose declared tags were invalidated after the loads began. Their results will not be valid,
 * so no process need wait for them.
 */
import * as Effect from "effect/Effect"
import type { Markers } from "../../../ports/store.ts"
import { noneIsGone } from "../../store/markers/markers.ts"
import { detachOne } from "../flight/ending.ts"
import { hasBegun } from "../flight/flight.ts"
import * as TagEpochs from "../memory/tagEpochs.ts"
import { declaredTags } from "../request/requestTags.ts"
import type { Flight, Flights } from "../state.ts"
import { ask } from "../storeTier/ask.ts"
import { spawn } from "../storeTier/background.ts"
import { isFault } from "../storeTier/faults.ts"
import type { StoreTier } from "../storeTier/storeTier.ts"

type Versions = ReadonlyMap<string, string>

/** Detaches the loads: all after a hard invalidation by this process, or those with another hard half in `now`. */
export const releaseOutdated = (self: Flights, now?: Versions): void => {
  if (self.storeTier === undefined) return
  for (const flight of begun(self)) {
    const tags = declaredTags(self, flight.request)
    if (!TagEpochs.changedSince(self.tagEpochs, tags, flight.bornAt)) continue
    if (now === undefined || isGone(tags, markersOf(flight), now)) detachOne(self, flight)
  }
  self.flights.stubs?.releaseOutdated((tags, before) => now === undefined || isGone(tags, before(), now))
}

/**
 * Like `releaseOutdated`, for all changes reported since an epoch. Only the store knows which of them were hard, so it
 * is asked for the markers if one of them concerns a load.
 */
export const releaseReported = (self: Flights, tier: StoreTier, epoch: number): void => {
  if (self.tagEpochs.epoch === epoch) return
  const names = new Set<string>()
  const note = (tags: ReadonlyArray<string>, bornAt: number): void => {
    for (const tag of tags) if (TagEpochs.changedSince(self.tagEpochs, [tag], bornAt)) names.add(tag)
  }
  for (const flight of begun(self)) note(declaredTags(self, flight.request), flight.bornAt)
  for (const { bornAt, generation, tags = [] } of self.flights.stubs?.all() ?? []) {
    if (generation !== undefined) note(tags, bornAt)
  }
  if (names.size === 0) return
  const tags = Array.from(names)
  const asked = ask(tier, { leftMillis: tier.storeTimeoutMillis }, "markers", tier.store.markers(tags))
  const released = Effect.map(asked, (read) => {
    if (!isFault(read)) releaseOutdated(self, new Map(tags.map((tag, i) => [tag, read.markers[i]!.version])))
  })
  spawn(tier.background, self.context, released)
}

const begun = (self: Flights): ReadonlyArray<Flight> =>
  self.running.all().filter((flight) => flight.lease !== undefined && hasBegun(flight))

const markersOf = ({ lease, waveAnswer }: Flight): Markers | undefined =>
  (isFault(waveAnswer) ? undefined : waveAnswer?.markers) ?? lease?.markers

const isGone = (tags: ReadonlyArray<string>, before: Markers | undefined, now: Versions): boolean =>
  before !== undefined && !noneIsGone(
    { version: (tag) => now.get(tag) },
    before.markers.flatMap(({ version }, i) => now.has(tags[i]!) ? [{ tag: tags[i]!, version }] : [])
  )
