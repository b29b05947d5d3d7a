/** The state of a run of several processes, and the promises it is checked against. */
import { Cause, Exit } from "effect"
import { clocks } from "../../src/internal/defaults/processes.ts"
import { replay } from "../../src/internal/defaults/stores.ts"
import { decide, excuse, type Judged } from "./decide.ts"
import { type FleetConfig, type FleetOrigin, type FleetRead, type FleetWrite, layersOf, tagsOf } from "./fleetModel.ts"
import type { Process } from "./fleetProcess.ts"
import { Down } from "./model.ts"
import { describe } from "./state.ts"

/**
 * The process that may load an id alone, according to the requests to the storage: kept apart from the leases under
 * test.
 */
export interface Holder {
  readonly process: number
  readonly layer: number
  readonly joined: boolean
  until: number
}

/** Changes from shortly before this point do not arrive until the process checks everything again. */
export interface Deaf {
  readonly from: number
  until: number
}

/** The longest delay of a pushed change, and of noticing a lost connection. */
export const latestPushMillis = 60
export const latestNoticeMillis = 100

export interface Fleet extends Judged {
  readonly config: FleetConfig
  readonly now: () => number
  /** Calls something after so many milliseconds, and gives a function that calls it off. */
  readonly after: (millis: number, run: () => void) => () => void
  readonly processes: Array<Process>
  readonly origins: Map<number, FleetOrigin>
  readonly loading: Set<FleetOrigin>
  readonly writes: Array<FleetWrite>
  /** The reads in progress. */
  readonly reads: Set<FleetRead>
  /** By id, then by owner. */
  readonly holders: Map<string, Map<string, Holder>>
  /** When the storage last ended an id's generation by a write. */
  readonly endedAt: Map<string, number>
  /** By process, kind and target: when the storage last carried out an explicit write of it. */
  readonly applied: Map<string, number>
  /** By process and id: when the storage last listed it for a pattern. */
  readonly listed: Map<string, number>
  /** By process and layer: when a read last began. */
  readonly readAt: Map<string, number>
  /** By process and layer: until when its cache may not know that its clock was set back. */
  readonly unawareUntil: Map<string, number>
  /** By id: when it was last touched by hand. */
  readonly touched: Map<string, number>
  /** Process and id of a request that has tried in vain to lead. */
  readonly givenUp: Array<string>
  /** By process: when it last received all changes of the others. */
  readonly heard: Array<number>
  /** The same of what stands before the store: its cache receives that with the next question. */
  readonly polled: Array<number>
  /** By process: when it last received an answer that is not a list of changes. */
  readonly liedAt: Array<number>
  /** By process: when pushed changes stopped arriving, if the storage pushes. */
  readonly deaf: Array<Array<Deaf>>
  /** The changes the storage had to report to each process, and when. */
  readonly changes: Array<
    { readonly from: number; readonly at: number; readonly kind: "id" | "tag"; readonly target: string }
  >
  /** By id: the last explicit refresh, which may have replaced a running load. */
  readonly replaced: Map<string, number>
  /**
   * By process and id: the end of the last transaction that wrote the id beside another write of its process. Their
   * order in the store is unknown, so the id is removed once more, by the replay.
   */
  readonly displaced: Map<string, number>
  /** How often the store went wrong for a process. */
  readonly faults: Array<number>
  readonly counts: Counts
  /** From here on nothing goes wrong, and every write is acknowledged. */
  healthy: boolean
  seq: number
}

export interface Counts {
  reads: number
  loads: number
  waits: number
  joins: number
  gaps: number
  killedLeaders: number
  takenOver: number
  /** Reads after another process's invalidation of what is read. */
  afterOthers: number
  refused: number
  touched: number
  /** The number of requests to the storage. */
  commands: number
  transactions: number
  lookups: number
  /** Reads by another cache of the same process. */
  ofOtherLayers: number
  pushes: number
  lostConnections: number
  /** Invalidations by pattern. */
  patterns: number
  /** Reads of values that are older than the last change of their process's clock. */
  afterSetBack: number
}

export const noCounts = (): Counts => ({
  reads: 0,
  loads: 0,
  waits: 0,
  joins: 0,
  gaps: 0,
  killedLeaders: 0,
  takenOver: 0,
  afterOthers: 0,
  refused: 0,
  touched: 0,
  commands: 0,
  transactions: 0,
  lookups: 0,
  ofOtherLayers: 0,
  pushes: 0,
  lostConnections: 0,
  patterns: 0,
  afterSetBack: 0
})

export const holdersOf = (self: Fleet, id: string): Map<string, Holder> => {
  const holders = self.holders.get(id) ?? new Map<string, Holder>()
  self.holders.set(id, holders)
  return holders
}

/** The owner of the last lease that a cache was granted and has not returned. */
export const ownerOf = (self: Fleet, id: string, at: Pick<Holder, "layer" | "process">): string | undefined =>
  Array.from(holdersOf(self, id)).findLast(([, { layer, process }]) => process === at.process && layer === at.layer)
    ?.[0]

/** Removes one of equal items: two caches of a process may both have given up. */
const takeFrom = (items: Array<string>, item: string): boolean => {
  const at = items.indexOf(item)
  if (at >= 0) items.splice(at, 1)
  return at >= 0
}

/** A load begins: with a lease. */
export const checkExclusive = (self: Fleet, load: FleetOrigin, { begun, lease }: Loading): void => {
  const { config } = self
  const what = `load #${load.n} of ${load.id} in ${load.process}`
  const own = load.owner === undefined ? undefined : holdersOf(self, load.id).get(load.owner)
  // Tiers in the middle take time, which may be all that a read has for its store.
  const isAsynchronous = config.asynchronous || config.features.includes("tiers")
  if (lease && config.faults === 0 && !isAsynchronous && config.evictions === 0) {
    // A load that no caller can join any longer has returned its lease.
    const isChanged = self.writes.some((write) => write.done > begun || !write.acknowledged) ||
      self.changes.some(({ at }) => at >= begun) || config.gaps > 0 || (self.replaced.get(load.id) ?? 0) >= begun
    const displacedAt = self.displaced.get(`${load.process} ${load.id}`) ?? -Infinity
    const isExcused = isChanged || self.now() - displacedAt <= 2 * replay.firstMillis ||
      wasStopped(self, load.process) || isOutrun(self, load, begun) ||
      takeFrom(self.givenUp, `${load.process} ${load.id}`)
    if (isExcused && own === undefined) excuse(self, "a load has a lease")
    else decide(self, "a load has a lease", own !== undefined, () => what)
  }
}

/**
 * A change of another process is received between a lease and its load. A pattern is applied in the background; after
 * any other change, a second reader replaces the load that waits for its lease. A refresh has no reader.
 */
const isOutrun = (self: Fleet, { heard, id, process }: FleetOrigin, begun: number): boolean => {
  const readers = [...self.reads].filter((read) => read.id === id && read.process === process)
  // Only the first of its caches reports what it has received.
  const mayBePattern = self.config.features.includes("patterns") && (heard >= begun || layersOf(self.config) > 1)
  if (!mayBePattern && readers.length < 2) return false
  const since = Math.min(
    ...readers.map((read) => read.heard),
    begun - (readers.length > 0 ? 0 : self.config.maxStaleness)
  )
  return self.writes.some((write) => write.target === id && write.process !== process && write.done > since) ||
    self.changes.some(({ at, from, kind, target }) =>
      at >= since && from !== process && (kind === "id" ? target === id : tagsOf[id]!.includes(target))
    )
}

/** A read's load. */
export interface Loading {
  readonly begun: number
  readonly lease: boolean
}

/** It has resumed only just now: a read that was stopped between two steps has spent its store budget. */
const wasStopped = ({ config: { stop, storeTimeout }, now }: Fleet, process: number): boolean =>
  stop?.process === process && now() >= stop.at + stop.millis && now() < stop.at + stop.millis + storeTimeout

export const covers = (write: FleetWrite, id: string): boolean =>
  write.kind === "id" ? write.target === id : tagsOf[id]!.includes(write.target)

/** Whether a process can receive changes, and has had the time to, when a read begins. */
const hears = ({ config: { untracked }, liedAt }: Fleet, { begunAt, process }: FleetRead): boolean =>
  begunAt > liedAt[process]! + 100 &&
  (untracked?.process !== process || begunAt < untracked.at || begunAt > untracked.at + untracked.millis + 100)

/**
 * The time from which a process must not serve a value that another has invalidated. A process that reads nothing polls
 * nothing.
 */
const seenBy = (self: Fleet, write: FleetWrite, read: FleetRead): number => {
  if (self.config.features.includes("pushes")) return 100 + toldBy(self, write, read.process)
  return read.heard >= write.done ? 0 : write.doneAt + 100 + (hears(self, read) ? 0 : self.config.maxStaleness)
}

/**
 * A process that receives no changes finds that out, and from then on trusts its memory for `maxStaleness`, or until it
 * receives changes again. One that is stopped before it finds that out does so when it resumes.
 */
const toldBy = ({ config, deaf, processes }: Fleet, { doneAt }: FleetWrite, process: number): number =>
  deaf[process]!.reduce(
    (by, { from, until }) => {
      if (by + latestPushMillis < from || doneAt > until) return by
      const since = Math.max(doneAt, from)
      const isStopped = config.stop?.process === process && config.stop.at <= since + latestNoticeMillis
      const noticing = isStopped ? Math.max(since, processes[process]!.wokenAt()) : since
      return Math.max(by, Math.min(until, noticing + latestNoticeMillis + config.maxStaleness))
    },
    doneAt
  )

/** A cache reads its own value for a while, whatever it has missed, unless the store's answer acknowledges it. */
const isTrustedShortly = (
  { config: { features, maxStaleness }, writes }: Fleet,
  { begunAt, process }: FleetRead,
  origin: FleetOrigin
): boolean =>
  origin.process === process &&
  writes.some(({ acknowledged, asked, doneAt }) =>
    asked === origin.n && (!acknowledged || features.includes("lies")) && begunAt <= doneAt + maxStaleness
  )

/** How often a process asks what others did. */
const pollMillis = 50

/** P2 */
const checkFresh = (self: Fleet, read: FleetRead, origin: FleetOrigin): void => {
  for (const write of self.writes) {
    if (!covers(write, read.id)) continue
    const isOwn = write.process === read.process
    // Another cache of the same process does not receive it: one without memory finds it in the store, unless it joins
    // a load that began before, and whose fallback the store had then, or a question that was asked before.
    if (isOwn && write.layer !== read.layer) {
      const joins = read.asked < write.done || read.live.has(origin) ||
        Array.from(read.live).some(({ isUnasked, layer, n, process }) =>
          !isUnasked && process === read.process && layer === read.layer && n < write.done
        )
      const finds = read.layer === 1 && write.kind === "id" && write.acknowledged && !joins
      if (!finds) continue
      if (write.done < read.begun) self.counts.ofOtherLayers++
    }
    if (isOwn ? write.done >= read.begun : !write.acknowledged || seenBy(self, write, read) > read.begunAt) {
      continue
    }
    // A long list of what a pattern matches takes turns, also for the read that has polled it.
    const isInTurns = write.isByPattern === true && self.config.features.includes("turns")
    if (!isOwn && isInTurns && read.heard < write.done) continue
    // A set that the store has not acknowledged may be carried out after a removal of what a pattern has matched.
    const isLate = write.isByPattern === true &&
      self.writes.some(({ acknowledged, asked }) => asked === origin.n && !acknowledged)
    if (isLate) continue
    // A process that was stopped between a poll and its pause resumes with that whole pause ahead.
    const wokenAt = self.processes[read.process]!.wokenAt()
    if (!isOwn && wokenAt >= 0 && read.begunAt - wokenAt <= pollMillis) continue
    if ((!isOwn || write.layer !== read.layer) && isTrustedShortly(self, read, origin)) continue
    if (!isOwn) self.counts.afterOthers++
    const name = isOwn ? "what was removed is gone" : "what another process removed is gone in time"
    const isNewer = origin.latest >= write.asked
    decide(
      self,
      name,
      isNewer,
      () =>
        `read @${read.begun} of ${read.id} in ${read.process} got #${origin.n} of ${origin.process}, invalidated by ` +
        `${write.process}, ${read.begunAt - write.doneAt} ms before`
    )
  }
}

/** A cache that was idle for as long as its clock was set back notices that within a second. */
export const noteIdle = (self: Fleet, { begunAt, layer, process }: FleetRead): void => {
  const cache = `${process} ${layer}`
  // Its layer is as old as the fleet, and has looked at the clock when it was made.
  const before = self.readAt.get(cache) ?? 0
  self.readAt.set(cache, begunAt)
  const setBack = self.config.setBacks.find((one) => one.process === process)
  if (setBack === undefined || setBack.at < before || setBack.at > begunAt) return
  if (begunAt - before >= setBack.millis) self.unawareUntil.set(cache, begunAt + clocks.lookMillis)
}

/**
 * No entry lives longer because a wall clock was set back. A stored entry may do so by as much as the clocks of
 * machines may differ: if its maker's clock is ahead by no more than that, and its reader's clock has not been set back
 * since.
 */
const checkLifetime = (self: Fleet, read: FleetRead, origin: FleetOrigin): void => {
  const { longestTtl, setBacks, storeTimeout } = self.config
  const offsets = self.processes[read.process]!.offsets()
  const setBackAt = setBacks.find(({ process }) => process === read.process)?.at ?? Infinity
  if (offsets.length > 1 && origin.endedAt < setBackAt) self.counts.afterSetBack++
  if (read.begunAt <= (self.unawareUntil.get(`${read.process} ${read.layer}`) ?? -Infinity)) return
  const age = read.begunAt - origin.endedAt
  // A process that resumes answers whoever joins a load whose result it was storing when it was stopped.
  const wokenAt = self.processes[read.process]!.wokenAt()
  if (origin.endedAt < wokenAt && read.begunAt <= wokenAt + 2 * storeTimeout) return
  // An answer of the store may be shared.
  const most = longestTtl + 2 * storeTimeout
  if ((self.touched.get(read.id) ?? 0) >= origin.n || longestTtl === Infinity) return
  if (age <= most) return decide(self, lives, true, () => "")
  const isBelieved = offsets.some((offset, i) => {
    const age = read.begunAt + offset - origin.stamp
    const isKnown = i < offsets.length - 1 && origin.stamp < setBackAt + offset
    return !isKnown && age >= -clocks.aheadMillis && age <= most
  })
  decide(
    self,
    lives,
    isBelieved,
    () => `read @${read.begun} of ${read.id} in ${read.process} got #${origin.n}, ${age} ms old`
  )
}

const lives = "nothing lives longer for a clock that was set back"

/** A look-up has found nothing: no promise says that an entry exists. */
export const endLookup = (self: Fleet, read: FleetRead): void => {
  self.reads.delete(read)
  self.say(() => `[${read.process}] got ${read.id} @${read.begun} nothing`)
}

export const endRead = (
  self: Fleet,
  read: FleetRead,
  exit: Exit.Exit<string, unknown>,
  left: boolean
): void => {
  self.reads.delete(read)
  self.say(() => `[${read.process}] got ${read.id} @${read.begun} ${describe(exit)}`)
  if (Exit.isSuccess(exit)) {
    const origin = self.origins.get(originOf(exit.value) ?? -1)
    decide(self, "a value is of its key", origin?.id === read.id, () => `read of ${read.id} got ${exit.value}`)
    if (origin?.id !== read.id) return
    if (origin._tag === "Set") {
      decide(self, "what was not set is not served", origin.isLost !== true, () => `read of ${read.id}: #${origin.n}`)
    }
    checkLifetime(self, read, origin)
    return checkFresh(self, read, origin)
  }
  if (left && Cause.hasInterrupts(exit.cause)) return
  const isOwn = exit.cause.reasons.every((reason) => Cause.isFailReason(reason) && reason.error instanceof Down)
  decide(self, "a call fails with its load only", isOwn, () => `read @${read.begun} of ${read.id}: ${describe(exit)}`)
}

/** A value names its origin. */
export const originOf = (text: string): number | undefined => {
  const found = /#(\d+)#/.exec(text)?.[1]
  return found === undefined ? undefined : Number(found)
}
