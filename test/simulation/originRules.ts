/** Whether a value may be served to a reader: it depends on where the value comes from. */
import { Cause, Exit } from "effect"
import { checkAnswered } from "./answerRules.ts"
import { keepsOut } from "./misuse.ts"
import { hasRoom, type Load, type Origin, type Read, type Spec, streamId, type Touch, type Write } from "./model.ts"
import { checkNewest, mayShare } from "./refreshRules.ts"
import {
  beside,
  covers,
  hasConstant,
  idleOf,
  interruptedItself,
  readsNothing,
  refreshes,
  softOf,
  steadyOf,
  ttlOf,
  violate,
  type World
} from "./state.ts"

/**
 * The possible origins of a value that readers get: the load or `set` that made it, or a later load that has found it
 * to be still right.
 */
export const checkOrigins = (self: World, read: Read, origin: Origin, what: string): void => {
  const [first, ...others] = [origin, ...self.renewals.get(origin.n) ?? []].map((from) => {
    const trial: World = { ...self, say: () => {}, violations: [] }
    checkOrigin(trial, read, from, what)
    checkSoftened(trial, read, from, what)
    checkTouched(trial, read, from, what)
    checkStale(trial, read, from, what)
    checkNewest(trial, read, from, what)
    return trial.violations
  })
  if (first!.length > 0 && others.every((violations) => violations.length > 0)) {
    for (const violation of [first!, ...others].flat()) violate(self, violation)
  }
  checkHits(self, read, origin, what)
  checkGoesOn(self, read, origin, what)
}

/** Made when the write was under way already, or later. */
const isAfter = (origin: Origin, write: Write): boolean =>
  write.set === origin.n || (origin._tag === "Set" ? origin.write.done > write.asked : origin.n > write.asked)

/** Those that were done before the read, and came after what it got. */
const writesBetween = (self: World, read: Read, origin: Origin, mode: Write["mode"]): ReadonlyArray<Write> =>
  self.writes.filter((write) =>
    write.mode === mode && write.done < read.begun && covers(write, origin) && !isAfter(origin, write)
  )

/** The time at which a value had to be there: for a call of many keys, or a stream, the time when that begins. */
const at = (self: World, read: Read): number => read.many || read.id === streamId ? read.begunAt : self.now()

const isShared = (read: Read, origin: Origin): boolean =>
  origin.n > read.begun || (origin._tag === "Load" && read.live.includes(origin))

const valueOf = (origin: Origin): number => origin._tag === "Set" ? origin.n : origin.renews ?? origin.n

/** From when on its lifetime counts: a stream has ended when its last page is written. */
const beganAt = (self: World, { endedAt, flight, id }: Load): number =>
  Math.max(endedAt!, id === streamId ? steadyOf(self, flight?.endedAt ?? 0) : 0)

/** A late or far store may have carried out a touch after it was given up. */
const isBefore = ({ config: { faults, features } }: World, touch: Touch, { n }: Origin): boolean =>
  touch.done < n && faults === 0 && !features.includes("far")

/** As the read inherits: `life` is the default. */
const endOf = (self: World, load: Load): number =>
  load.spec.inherit === undefined
    ? Math.min(beganAt(self, load) + ttlOf(load), load.endsAt)
    : Math.min(beganAt(self, load), load.oldestAt) + ttlOf(load)

/** A reader with a longer constant prolongs it, unless it ends with its parts, or has their age. */
const mayGrow = (self: World, load: Load): boolean =>
  hasConstant({ ...load.spec, misuse: undefined }) && load.ttl === undefined &&
  (load.spec.inherit === undefined
    ? load.endsAt === Infinity
    : load.spec.inherit === false || load.oldestAt >= beganAt(self, load))

/** The end that the longest constant of its readers gives it. */
const grownEnd = (self: World, load: Load): number => {
  if (!mayGrow(self, load)) return 0
  if (self.endless.has(load.id)) return Infinity
  return beganAt(self, load) + Math.max(0, ...(self.constants.get(load.id) ?? []).map(({ spec }) => spec!.ttl))
}

/** Until when it may be served at most: by its own word, by the reads that moved its end, and by `touch`. */
export const until = (self: World, origin: Origin): number => {
  let end = origin._tag === "Set"
    ? (origin.isOpen ? self.now() : origin.askedAt) + origin.ttl
    : endOf(self, origin)
  let last = origin._tag === "Set" ? end : Math.min(end, beganAt(self, origin) + idleOf(origin))
  if (origin._tag === "Load") end = Math.max(end, last = Math.max(last, grownEnd(self, origin)))
  // A read that is still being answered may have moved the end already.
  const open = [...self.reading].filter(({ id, spec }) => id === origin.id && spec?.kind === "sliding")
  const slid = Math.max(self.slidUntil.get(valueOf(origin)) ?? 0, ...open.map(({ spec }) => self.now() + spec!.soft))
  const moved = () => Math.max(last, Math.min(end, slid))
  for (const touch of self.touches) {
    if (touch.id !== origin.id || isBefore(self, touch, origin) || touch.askedAt >= moved()) continue
    end = Math.max(end, touch.doneAt + touch.ttl)
    last = end
  }
  return moved()
}

/** A shorter lifetime counts too. */
const checkTouched = (self: World, read: Read, origin: Origin, what: string): void => {
  const { faults, store } = self.config
  if (isShared(read, origin) || faults > 0 || (store !== "none" && store !== "sync")) return
  const touches = self.touches.filter(({ done, id }) => id === origin.id && done > origin.n)
  const last = touches.at(-1)
  // Touches at once may be carried out in either order.
  if (last === undefined || last.done >= read.begun) return
  if (touches.some((touch) => touch !== last && touch.done > last.asked)) return
  // A value that was loaded and not yet stored was not there for the touch.
  if (!last.isThere) return
  // The two at once may be in either order; the value of a load is there when its flight, or transaction, has ended.
  const isAtOnce = origin._tag === "Load"
    ? last.live.has(origin) || origin.ended > last.asked ||
      self.committed.some(({ done, loaded }) => loaded.has(origin) && done > last.asked)
    : origin.write.done > last.asked
  if (isAtOnce) return
  if (at(self, read) >= last.doneAt + last.ttl) {
    violate(self, `ttl: ${what}, which was given ${last.ttl} ms ${self.now() - last.doneAt} ms ago`)
  }
}

/** A value marked as stale is served only by strategies that allow it. */
const checkSoftened = (self: World, read: Read, origin: Origin, what: string): void => {
  const { spec } = read
  if (spec === undefined || readsNothing(spec)) return
  const isPlain = spec.kind === "ttl" || spec.kind === "sliding" || spec.kind === "untilInvalidated" ||
    (spec.kind === "maxHits" && !refreshes(spec))
  if (!isPlain) return
  for (const write of writesBetween(self, read, origin, "soft")) {
    violate(self, `soft: ${what}, marked as stale by @${write.asked}, by ${spec.kind}`)
  }
}

/** No more reads of it than that. */
const checkHits = (self: World, read: Read, origin: Origin, what: string): void => {
  const { store } = self.config
  const { spec } = read
  const served = self.servedTo.get(origin.n) ?? []
  const before = served.filter((ended) => ended < read.begun).length
  const isCounted = !isShared(read, origin) && store === "none" && hasRoom(self.config) &&
    !self.renewals.has(origin.n)
  if (spec?.kind === "maxHits" && isCounted && before >= spec.hits) {
    violate(self, `hits: ${what}, read ${before} times, with ${spec.hits} hits`)
  }
  noteServed(self, read, origin)
}

/** A served value counts one more read, and may live longer for it. */
export const noteServed = (self: World, read: Read, origin: Origin): void => {
  const { spec } = read
  if (spec === undefined) return
  // A waiting caller may have been served from memory in the end.
  if (spec.kind === "sliding") slide(self, origin, spec)
  if (!isShared(read, origin)) self.servedTo.set(origin.n, [...self.servedTo.get(origin.n) ?? [], self.seq])
}

const slide = (self: World, { n }: Origin, { soft }: Spec): void =>
  void self.slidUntil.set(n, Math.max(self.slidUntil.get(n) ?? 0, self.now() + soft))

/** A read without an answer of its own may have been served any value that was there. */
export const noteUnanswered = (self: World, { id, spec }: Read): void => {
  if (spec?.kind !== "sliding") return
  for (const origin of self.origins.values()) if (origin.id === id) slide(self, origin, spec)
}

/** P2, P5, lifetimes, privacy: whether this may come from there. */
export const checkOrigin = (self: World, read: Read, origin: Origin, what: string): void => {
  const { spec } = read
  for (const write of writesBetween(self, read, origin, "hard")) {
    violate(self, `P2: ${what}, begun before ${write.set === undefined ? "invalidation" : "set"} @${write.asked}`)
  }
  const own = origin.n > read.begun
  const isLive = own || (origin._tag === "Load" && read.live.includes(origin))
  for (const part of dependenciesOf(self, origin)) {
    for (const write of writesBetween(self, read, part, "hard")) {
      if (isLive && isFailureWithLateTag(part, write)) continue
      violate(self, `P8: ${what}, made of ${part.id} #${part.n}, which changed @${write.asked}`)
    }
  }
  if (origin._tag === "Set") {
    if (origin.refused) violate(self, `set: ${what}, whose condition did not hold`)
    if (at(self, read) >= until(self, origin)) violate(self, `ttl: ${what}, set for ${origin.ttl} ms`)
    if (spec !== undefined && readsNothing(spec)) violate(self, `policy: ${what}, a set value under ${spec.policy}`)
    return
  }
  const policy = origin.spec.policy
  if ((policy === "readOnly" || policy === "bypass") && !(own && spec?.policy === policy)) {
    violate(self, `policy: ${what}, loaded under ${policy}`)
  }
  if (spec?.policy === "writeOnly" && !own) violate(self, `policy: ${what} under writeOnly`)
  if (spec?.policy === "refresh" && !own && !mayShare(self, origin)) {
    violate(self, `policy: ${what} under refresh, from a load that began before it`)
  }
  if (isLive) return
  checkForeign(self, origin, what)
  if (spec !== undefined && readsNothing(spec)) violate(self, `policy: ${what}, a stored value under ${spec.policy}`)
  const { inherit, kind, late } = origin.spec
  const ttlFunction = kind === "untilInvalidated" ? "none" : origin.spec.ttlFunction
  const isKeptOut = ttlFunction === "throws" || ttlFunction === "NaN" || late === "throws" || keepsOut(origin.spec) ||
    (inherit === "refuse" && origin.oldestAt < Infinity)
  if (isKeptOut || ttlOf(origin) <= 0) {
    return violate(self, `ttl: ${what}, which must not be stored`)
  }
  checkShorter(self, read, origin, what)
  if (at(self, read) >= until(self, origin)) {
    violate(self, `ttl: ${what}, ended ${self.now() - origin.endedAt!} ms ago with ttl ${ttlOf(origin)}`)
  }
}

/** P2 is about values: whoever joins a load by its declared tags is also given a failure, which is not stored. */
const isFailureWithLateTag = (part: Origin, write: Write): boolean =>
  part._tag === "Load" && part.exit !== undefined && Exit.isFailure(part.exit) && part.flight?.entry === undefined &&
  !covers(write, { ...part, tags: part.spec.late === "no" ? part.spec.tags : [] })

/** All sources of a value, through derived values too; one that was found to be still right may be of another time. */
const dependenciesOf = (self: World, origin: Origin, seen = new Set<Origin>()): ReadonlySet<Origin> => {
  if (origin._tag === "Set" || origin.renews !== undefined) return seen
  for (const part of origin.dependencies) {
    if (seen.has(part) || self.renewals.has(part.n)) continue
    seen.add(part)
    dependenciesOf(self, part, seen)
  }
  return seen
}

/** If both lifetimes are constants of strategies, the shorter one holds. */
const checkShorter = (self: World, read: Read, origin: Load, what: string): void => {
  const { spec } = read
  if (spec === undefined || !hasConstant(spec) || !hasConstant(origin.spec) || origin.ttl !== undefined) return
  // A value that has inherited an age has no constant.
  const entry = origin.flight?.entry
  if (entry === undefined || entry.createdAt + self.setBackMillis < origin.endedAt!) return
  if (self.touches.some((touch) => touch.id === origin.id && !isBefore(self, touch, origin))) return
  if (at(self, read) < beganAt(self, origin) + spec.ttl) return
  violate(self, `ttl: ${what}, ended ${self.now() - origin.endedAt!} ms ago, to a reader with ttl ${spec.ttl}`)
}

const checkForeign = (self: World, origin: Load, what: string): void => {
  if (self.config.store !== "sync" || self.config.faults > 0) return
  // Such a store does not know a late tag without a marker from before: it does not write such a result, so it refuses
  // none.
  const isLate = origin.spec.late !== "no" || origin.spec.annotates?.tags !== undefined
  if (isLate && self.config.features.includes("markersAmongEntries")) return
  // Without an error schema a failure stays in memory.
  if (origin.exit === undefined || Exit.isFailure(origin.exit)) return
  // No generation guards an unasked answer, and the removal is not reported.
  if (origin.flight === undefined && origin.ticket === undefined) return
  // Memory alone keeps a derived entry whose dependencies the store does not know.
  if (origin.flight?.attempt.dependencies !== undefined && origin.flight.versions === undefined) return
  // A commit that has displaced another change is answered, and still pending: it is sent again.
  if (beside.has(origin)) return
  // A load beside an unanswered write does not go through the store.
  const born = self.born.get(origin)!
  if (self.writes.some((write) => write.done > born && write.asked < origin.ended)) return
  for (const [at, running] of self.foreign) {
    if (running.has(origin)) {
      violate(self, `P2: ${what}, which was being loaded when another process invalidated @${at}`)
    }
  }
}

/**
 * P6: past its soft deadline a value is served only by a strategy that allows it, after its load failed or took too
 * long.
 */
const checkStale = (self: World, read: Read, origin: Origin, what: string): void => {
  const { spec } = read
  if (spec === undefined || isShared(read, origin)) return
  if (spec.kind !== "softTtl" && spec.kind !== "failover") return
  const softAt = softEnd(self, spec, origin)
  if (spec.kind === "softTtl" && writesBetween(self, read, origin, "soft").length === 0) {
    // A touch has moved the soft deadline too.
    const isTouched = self.touches.some(({ done, id }) => id === origin.id && done > origin.n)
    if (at(self, read) < softAt || isTouched) return
  }
  checkAnswered(self, read, origin, what)
  const elapsed = self.now() - read.begunAt
  if (spec.softTimeout !== undefined && elapsed >= spec.softTimeout) return
  if (spec.timeout !== undefined && elapsed >= spec.timeout) return
  // A load whose strategy throws when it decides on an entry fails before it begins.
  if (self.now() < (self.undecided.get(read.id) ?? -Infinity) + 5000) return
  // A refresh that hung in the store is a failure too, and no load was seen of it.
  const slow = self.config.store === "async" || self.config.store === "derived"
  if (slow && self.now() >= (self.refreshed.get(read.id) ?? Infinity) + self.config.refreshTimeout) return
  const excused = self.loads.some((load) =>
    load.id === read.id && load.exit !== undefined && Exit.isFailure(load.exit) &&
    (load.flight ?? load.ticket?.flight) !== undefined &&
    (load.ended > read.begun || read.live.includes(load) || read.begunAt < load.endedAt! + 5000)
  )
  if (!excused && !self.loads.some((load) => load.id === read.id && isGivenUp(self, read, load))) {
    violate(self, `P6: ${what}, stale, though no load failed`)
  }
}

/** When a value reaches its soft deadline for reads of this kind. */
const softEnd = (self: World, spec: Spec, origin: Origin): number => {
  if (origin._tag === "Set") return Infinity
  const grown = !mayGrow(self, origin)
    ? 0
    : hasConstant(spec)
    ? spec.soft
    : grownEnd(self, origin) - beganAt(self, origin)
  return beganAt(self, origin) + Math.max(softOf(origin), grown)
}

/**
 * A load that ran too long without callers counts as failed even before it ends, and even if only its write hung. Its
 * pause ends with the next change of its id, and with the next load in the cache that succeeds.
 */
const isGivenUp = (self: World, read: Read, load: Load): boolean =>
  load.flight?.ranTooLong === true &&
  !self.writes.some((write) =>
    write.kind !== "tag" && write.mode === "hard" && write.asked > load.n && write.done < read.begun &&
    covers(write, load)
  ) &&
  !self.loads.some(({ ended, exit, flight, id, n }) =>
    id === load.id && flight !== undefined && n > load.n && ended < read.begun && exit !== undefined &&
    Exit.isSuccess(exit)
  )

/** A load continues after a caller stopped waiting for it. */
const checkGoesOn = (self: World, read: Read, origin: Origin, what: string): void => {
  const { softTimeout, timeout } = read.spec ?? {}
  if (
    softTimeout === undefined || (timeout !== undefined && timeout <= softTimeout) ||
    self.now() - read.begunAt < softTimeout || origin.n > read.begun
  ) return
  // A slow store may have brought the stale value without any load.
  if (self.config.store === "async" || self.config.store === "derived") return
  if (self.closeAskedAt !== undefined || (origin._tag === "Load" && read.live.includes(origin))) return
  const flights = new Set(
    self.loads.flatMap((load) =>
      load.id === read.id && load.flight !== undefined && (load.n > read.begun || read.live.includes(load))
        ? load.flight
        : []
    )
  )
  const [flight] = flights
  // With several flights it is unknown which one this read waited for. One that does not write is not shared.
  if (flights.size !== 1 || flight === undefined || !flight.policy.writes || read.left.has(flight)) return
  // One of several reads at once may have been answered before the flight began, and then waited for the others.
  if (read.many && !read.live.some((load) => load.flight === flight)) return
  // It may also have been answered at once, because its value was fresh.
  if (read.many && read.begunAt < softEnd(self, read.spec!, origin)) return
  for (const load of self.loads) {
    if (load.flight !== flight || load.exit === undefined || Exit.isSuccess(load.exit) || load.endedAt !== self.now()) {
      continue
    }
    const endsItself = interruptedItself.has(load) || flight.attempt.renewed
    if (Cause.hasInterrupts(load.exit.cause) && !endsItself && !flight.ranTooLong && load.gaveWay === undefined) {
      violate(self, `softTimeout: ${what}, and the load #${load.n} was interrupted`)
    }
  }
}
