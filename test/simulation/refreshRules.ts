/** Explicit refreshes: their values begin later than the requests. The newest value in memory stays. */
import { isKept } from "./features.ts"
import { isHeld } from "./held.ts"
import type { Load, Origin, Read, Spec } from "./model.ts"
import { readerOf, readsNothing, violate, type World } from "./state.ts"

/** Whether a refresh may be given what another load has made. */
export const mayShare = (self: World, { flight }: Load): boolean =>
  !isKept("refreshes", self.config.features) && (flight?.refresh === true || flight?.policy.joins === "refresh")

/** A request that comes before the load begins shares it: of those that were requested together only one has loaded. */
export const checkTogether = (self: World, spec: Spec, from: number): void => {
  if (!isKept("refreshes", self.config.features) || self.config.faults > 0 || self.closeAskedAt !== undefined) return
  // A read that always loads again has taken its place.
  if ((self.overtaken.get(spec.id) ?? 0) > from) return
  if (self.config.yieldChance > 0 || self.writes.some(({ done }) => done > from)) return
  const flights = new Set(
    self.loads.flatMap(({ flight, n }) =>
      n > from && flight !== undefined && readerOf(self, flight)?.spec === spec ? flight : []
    )
  )
  if (flights.size > 1) {
    violate(self, `P1: ${flights.size} loads for refreshes of ${spec.id} that were asked for together`)
  }
}

/** The value in memory is served, and nothing older: a late answer of the store must not have replaced it. */
export const checkNewest = (self: World, read: Read, origin: Origin, what: string): void => {
  const { held, spec } = read
  if (origin._tag !== "Load" || held === undefined || origin.n >= held.n) return
  // A read that skips memory finds the entry of the store: the older one, if the store has not received the newer.
  if (self.config.store !== "none" && !self.stored.has(held.flight!.entry!.writeId!)) return
  const isPlain = spec === undefined ||
    ((spec.kind === "ttl" || spec.kind === "untilInvalidated") && !readsNothing(spec))
  if (isPlain && !read.many && isHeld(self, read)) {
    violate(self, `newest: ${what}, which is older than #${held.n} in memory`)
  }
}
