/** Whether a value may be served to a reader: it depends on where the value comes from. */
import { Cause, Exit } from "effect"
import type { Load, Origin, Read } from "./model.ts"
import { covers, interruptedItself, readsNothing, softOf, ttlOf, violate, type World } from "./state.ts"

/** P2, P5, lifetimes, privacy: whether this may come from there */
export const checkOrigin = (self: World, read: Read, origin: Origin, what: string): void => {
  const { spec } = read
  for (const write of self.writes) {
    if (write.done >= read.begun || write.set === origin.n || !covers(write, origin)) continue
    const after = origin._tag === "Set" ? origin.write.done > write.asked : origin.n > write.asked
    if (!after) {
      violate(self, `P2: ${what}, begun before ${write.set === undefined ? "invalidation" : "set"} @${write.asked}`)
    }
  }
  const own = origin.n > read.begun
  if (origin._tag === "Set") {
    if (self.now() >= origin.askedAt + origin.ttl) violate(self, `ttl: ${what}, set for ${origin.ttl} ms`)
    if (spec !== undefined && readsNothing(spec)) violate(self, `policy: ${what}, a set value under ${spec.policy}`)
    return
  }
  const isLive = own || read.live.includes(origin)
  const policy = origin.spec.policy
  if ((policy === "readOnly" || policy === "bypass") && !(own && spec?.policy === policy)) {
    violate(self, `policy: ${what}, loaded under ${policy}`)
  }
  if (spec?.policy === "writeOnly" && !own) violate(self, `policy: ${what} under writeOnly`)
  const merged = origin.flight?.refresh === true || origin.flight?.policy.joins === "refresh"
  if (spec?.policy === "refresh" && !own && !merged) {
    violate(self, `policy: ${what} under refresh, from a load that is none`)
  }
  if (isLive) return
  checkForeign(self, origin, what)
  if (spec !== undefined && readsNothing(spec)) violate(self, `policy: ${what}, a stored value under ${spec.policy}`)
  const { kind, late } = origin.spec
  const ttlFunction = kind === "untilInvalidated" ? "none" : origin.spec.ttlFunction
  if (ttlFunction === "throws" || ttlFunction === "NaN" || late === "throws" || ttlOf(origin) <= 0) {
    return violate(self, `ttl: ${what}, which must not be stored`)
  }
  if (self.now() >= origin.endedAt! + ttlOf(origin)) {
    violate(self, `ttl: ${what}, ended ${self.now() - origin.endedAt!} ms ago with ttl ${ttlOf(origin)}`)
  }
}

const checkForeign = (self: World, origin: Load, what: string): void => {
  if (self.config.store !== "sync" || self.config.faults > 0) return
  // without an error schema a failure stays in memory
  if (origin.exit === undefined || Exit.isFailure(origin.exit)) return
  // a load beside an unanswered write does not go through the store
  const born = self.born.get(origin)!
  if (self.writes.some((write) => write.done > born && write.asked < origin.ended)) return
  for (const [at, running] of self.foreign) {
    if (running.has(origin)) {
      violate(self, `P2: ${what}, which was being loaded when another process invalidated @${at}`)
    }
  }
}

/** P6: past its soft deadline a value is served only by a strategy that says so, after its load failed or took too long */
export const checkStale = (self: World, read: Read, origin: Origin, what: string): void => {
  const { spec } = read
  if (spec === undefined || origin.n > read.begun) return
  if (origin._tag === "Load" && read.live.includes(origin)) return
  if (spec.kind !== "softTtl" && spec.kind !== "failover") return
  const softAt = origin._tag === "Set" ? Infinity : origin.endedAt! + softOf(origin)
  if (spec.kind === "softTtl" && self.now() < softAt) return
  const elapsed = self.now() - read.begunAt
  if (spec.softTimeout !== undefined && elapsed >= spec.softTimeout) return
  if (spec.timeout !== undefined && elapsed >= spec.timeout) return
  // a refresh that hung in the store is a failure too, and no load was seen of it
  const slow = self.config.store === "async" || self.config.store === "derived"
  if (slow && self.now() >= (self.refreshed.get(read.id) ?? Infinity) + self.config.refreshTimeout) return
  const excused = self.loads.some((load) =>
    load.id === read.id && load.exit !== undefined && Exit.isFailure(load.exit) && load.flight !== undefined &&
    (load.ended > read.begun || read.live.includes(load) || read.begunAt < load.endedAt! + 5000)
  )
  if (!excused) violate(self, `P6: ${what}, stale, though no load failed`)
}

/** what a caller lost patience with goes on */
export const checkGoesOn = (self: World, read: Read, origin: Origin, what: string): void => {
  const { softTimeout, timeout } = read.spec ?? {}
  if (
    softTimeout === undefined || (timeout !== undefined && timeout <= softTimeout) ||
    self.now() - read.begunAt < softTimeout || origin.n > read.begun
  ) return
  // a slow store may have brought the stale value without any load
  if (self.config.store === "async" || self.config.store === "derived") return
  if (self.closeAskedAt !== undefined || (origin._tag === "Load" && read.live.includes(origin))) return
  const flights = new Set(
    self.loads.flatMap((load) =>
      load.id === read.id && load.flight?.policy.writes === true && (load.n > read.begun || read.live.includes(load))
        ? load.flight
        : []
    )
  )
  const [flight] = flights
  if (flights.size !== 1 || flight === undefined) return
  for (const load of self.loads) {
    if (load.flight !== flight || load.exit === undefined || Exit.isSuccess(load.exit) || load.endedAt !== self.now()) {
      continue
    }
    if (Cause.hasInterrupts(load.exit.cause) && !interruptedItself.has(load) && !flight.overdue) {
      violate(self, `softTimeout: ${what}, and the load #${load.n} was interrupted`)
    }
  }
}
