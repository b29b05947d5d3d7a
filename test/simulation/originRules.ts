/** Whether a value may be served to a reader: it depends on where the value comes from. */
import { Exit } from "effect"
import { expect, give, type Verdict } from "./decide.ts"
import { keepsOut } from "./misuse.ts"
import { type Load, type Origin, type Read, type Spec, streamId, type Touch, type Write } from "./model.ts"
import type { RuleName } from "./rules.ts"
import {
  covers,
  hasConstant,
  hasLateTags,
  idleOf,
  isBesideWrite,
  readsNothing,
  refreshes,
  ttlOf,
  type World
} from "./state.ts"

/** Made when the write was under way already, or later. */
const isAfter = (origin: Origin, write: Write): boolean =>
  write.set === origin.n || (origin._tag === "Set" ? origin.write.done > write.asked : origin.n > write.asked)

/** Those that were done before the read began. */
const writesBefore = (self: World, read: Read, origin: Origin, mode: Write["mode"]): ReadonlyArray<Write> =>
  self.writes.filter((write) => write.mode === mode && write.done < read.begun && covers(write, origin))

/** The time at which a value had to be there: for a call of many keys, or a stream, the time when that begins. */
const at = (self: World, read: Read): number => read.many || read.id === streamId ? read.begunAt : self.now()

/** Loaded for it, or when it may have joined. */
const isLive = (read: Read, origin: Origin): boolean =>
  origin.n > read.begun || (origin._tag === "Load" && read.live.includes(origin))

const valueOf = (origin: Origin): number => origin._tag === "Set" ? origin.n : origin.renews ?? origin.n

/** A late or far store may have carried out a touch after it was given up. */
const isBefore = ({ config: { faults, features } }: World, touch: Touch, { n }: Origin): boolean =>
  touch.done < n && faults === 0 && !features.includes("far")

/** From when on its lifetime counts: a stream has ended when its last page is written. */
const beganAt = ({ config: { storeTimeout } }: World, { endedAt, id }: Load): number =>
  endedAt! + (id === streamId ? 4 * storeTimeout : 0)

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

/** Whether nothing of it may be stored. */
export const isKeptOut = (load: Load): boolean => {
  const { inherit, kind, late, policy } = load.spec
  const ttlFunction = kind === "untilInvalidated" ? "none" : load.spec.ttlFunction
  return policy === "readOnly" || policy === "bypass" || ttlFunction === "throws" || ttlFunction === "NaN" ||
    late === "throws" || keepsOut(load.spec) || (inherit === "refuse" && load.oldestAt < Infinity) || ttlOf(load) <= 0
}

const touchesOf = ({ touches }: World, origin: Origin): ReadonlyArray<Touch> =>
  touches.filter(({ done, id }) => id === origin.id && done > origin.n)

/** The last touch, if it is certain that this is what it has touched: a shorter lifetime counts too. */
const touchOf = (self: World, read: Read, origin: Origin): Touch | undefined => {
  const { faults, store } = self.config
  if (isLive(read, origin) || faults > 0 || (store !== "none" && store !== "sync")) return undefined
  const touches = touchesOf(self, origin)
  const last = touches.at(-1)
  // A value that was loaded and not yet stored was not there for the touch.
  if (last === undefined || last.done >= read.begun || !last.isThere) return undefined
  // Touches at once may be carried out in either order, and so may a touch and what else stores.
  if (touches.some((touch) => touch !== last && touch.done > last.asked)) return undefined
  const isAtOnce = origin._tag === "Load"
    ? last.live.has(origin) || origin.ended > last.asked ||
      self.committed.some(({ done, loaded }) => loaded.has(origin) && done > last.asked)
    : origin.write.done > last.asked
  return isAtOnce ? undefined : last
}

/** A change that another process made while this was loaded, which the store knows, and memory does not. */
const foreignOf = (self: World, origin: Load): number | undefined => {
  const { config: { faults, features, store }, foreign } = self
  if (store !== "sync" || faults > 0 || features.includes("transacts") || !origin.isShared) return undefined
  // Such a store does not know a late tag without a marker from before: it does not write such a result.
  if (hasLateTags(origin.spec) && features.includes("markersAmongEntries")) return undefined
  // Without an error schema a failure stays in memory, and so does a result whose sources the store does not know.
  if (origin.exit === undefined || Exit.isFailure(origin.exit) || origin.spec.inherit === "changes") return undefined
  if (isBesideWrite(self, origin)) return undefined
  for (const [at, running] of foreign) if (running.has(origin)) return at
  return undefined
}

/** Whether its strategy serves nothing that is stale. */
export const isPlain = (spec: Spec): boolean =>
  spec.kind === "ttl" || spec.kind === "sliding" || spec.kind === "untilInvalidated" ||
  (spec.kind === "maxHits" && !refreshes(spec))

type Judge = (self: World, read: Read, origin: Origin) => Verdict

const judges = {
  "what was removed is gone": (self, read, origin) => {
    const writes = writesBefore(self, read, origin, "hard")
    if (writes.length === 0) return undefined
    const write = writes.find((write) => !isAfter(origin, write))
    return expect(write === undefined, () => `begun before the write @${write!.asked}`)
  },
  "what was not set is not served": (_, __, origin) =>
    origin._tag === "Set" ? expect(!origin.refused, () => "whose set was refused") : undefined,
  "nothing is served past its end": (self, read, origin) => {
    if (isLive(read, origin)) return undefined
    const touch = touchOf(self, read, origin)
    const end = Math.min(until(self, origin), touch === undefined ? Infinity : touch.doneAt + touch.ttl)
    return expect(at(self, read) < end, () => `which ended at ${end}`)
  },
  "the shortest of the readers' constants holds": (self, read, origin) => {
    const { spec } = read
    if (spec === undefined || origin._tag === "Set" || isLive(read, origin)) return undefined
    if (!hasConstant(spec) || !hasConstant(origin.spec) || !mayGrow(self, origin)) return undefined
    const isTouched = self.touches.some((touch) => touch.id === origin.id && !isBefore(self, touch, origin))
    if (isTouched || (origin.hasRead && origin.spec.inherit === "age")) return "excused"
    return expect(at(self, read) < beganAt(self, origin) + spec.ttl, () => `to a reader with ttl ${spec.ttl}`)
  },
  "what is marked as stale is loaded again": (self, read, origin) => {
    const { spec } = read
    if (spec === undefined || readsNothing(spec) || !isPlain(spec)) return undefined
    const writes = writesBefore(self, read, origin, "soft")
    if (writes.length === 0) return undefined
    const write = writes.find((write) => !isAfter(origin, write))
    return expect(write === undefined, () => `marked as stale by @${write!.asked}, by ${spec.kind}`)
  },
  "what is not to be stored is not": (_, read, origin) => {
    if (origin._tag === "Set" || (!isKeptOut(origin) && !isAlone(origin))) return undefined
    const mayShare = isAlone(origin) ? origin.by === read : isLive(read, origin)
    return expect(mayShare, () => `loaded under ${origin.spec.policy}, which must not be stored`)
  },
  "a policy that loads always loads": (_, { begun, spec }, origin) =>
    spec === undefined || !readsNothing(spec)
      ? undefined
      : expect(origin.n > begun, () => `from before the read, under ${spec.policy}`),
  "what another process removed meanwhile is not stored": (self, read, origin) => {
    const isStored = origin._tag === "Load" && !isLive(read, origin)
    const mayBeOld = Array.from(self.foreign.values()).some((running) =>
      Array.from(running).some(({ id }) => id === origin.id)
    )
    if (!isStored || !mayBeOld) return undefined
    const removed = foreignOf(self, origin)
    return expect(removed === undefined, () => `being loaded when another process removed it @${removed}`)
  }
} satisfies { readonly [Name in RuleName]?: Judge }

/** Only the reader whose effect it is may get what is loaded past the cache, or under `readOnly`. */
const isAlone = ({ by, spec: { policy } }: Load): boolean =>
  by !== undefined && (policy === "readOnly" || policy === "bypass")

/**
 * The possible origins of a value that readers get: the load or `set` that made it, or a later load that has found it
 * to be still right. One that breaks no rule is believed.
 */
export const checkOrigins = (self: World, read: Read, origin: Origin, what: string): void => {
  const candidates = [origin, ...self.renewals.get(origin.n) ?? []].map((from) => verdictsOf(self, read, from))
  for (const [name, verdict] of candidates.find((verdicts) => !isWrong(verdicts)) ?? candidates[0]!) {
    give(self, name, typeof verdict === "object" ? { wrong: `${what}, ${verdict.wrong}` } : verdict)
  }
  noteServed(self, read, origin)
}

const verdictsOf = (self: World, read: Read, origin: Origin): ReadonlyArray<readonly [keyof typeof judges, Verdict]> =>
  (Object.keys(judges) as Array<keyof typeof judges>).map((name) => [name, judges[name](self, read, origin)])

const isWrong = (verdicts: ReturnType<typeof verdictsOf>): boolean =>
  verdicts.some(([, verdict]) => typeof verdict === "object")

/** A served value may live longer for it. A waiting caller may have been served from memory in the end. */
export const noteServed = (self: World, { spec }: Read, { n }: Origin): void => {
  if (spec?.kind === "sliding") {
    self.slidUntil.set(n, Math.max(self.slidUntil.get(n) ?? 0, self.now() + spec.soft))
  }
}

/** A read without an answer of its own may have been served any value that was there. */
export const noteUnanswered = (self: World, read: Read): void => {
  for (const origin of self.origins.values()) if (origin.id === read.id) noteServed(self, read, origin)
}
