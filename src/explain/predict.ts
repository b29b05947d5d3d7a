/** Says how a read would be answered, with the engine's own rules, but without changing anything. */
import { dependenciesOf, hasMovedForJoining, isCompared } from "#platform/engine/derived/dependencies"
import type { Engine } from "../internal/engine/engine.ts"
import { hasLateTags, isAskingStore, isBeforeClear } from "../internal/engine/flight/flight.ts"
import { reaches } from "../internal/engine/flight/waitGraph.ts"
import type { Entry } from "../internal/engine/memory/entry.ts"
import { isOfStream } from "../internal/engine/memory/manifest.ts"
import * as TagEpochs from "../internal/engine/memory/tagEpochs.ts"
import { ancestorOf, flightBefore, isAwaitedBy, refreshToCome } from "../internal/engine/read/read.ts"
import { refusal } from "../internal/engine/read/validate.ts"
import { adopt } from "../internal/engine/request/adopt.ts"
import { isAnswered } from "../internal/engine/request/answers.ts"
import * as Policy from "../internal/engine/request/callPolicy.ts"
import { decideAt, servedAs, trustsMemory } from "../internal/engine/request/decide.ts"
import { declaredTags } from "../internal/engine/request/requestTags.ts"
import { optionOf, rulesOf } from "../internal/engine/request/rules.ts"
import type { Attempt, Flight, Request } from "../internal/engine/state.ts"
import { idTag } from "../internal/store/markers/idTags.ts"
import type { Decision } from "../Strategy.ts"
import type { Answer } from "./facts.ts"

/** The state that a prediction needs. The entries are copies. */
interface Situation {
  readonly engine: Engine
  readonly id: string
  readonly now: number
  readonly policy: Policy.Policy
  readonly isUsed: boolean
  /** `undefined` if only the key is known. */
  readonly request: Request | undefined
  readonly inMemory: Entry | undefined
  readonly inStore: Entry | undefined
  /** `inStore`, with the deadlines that it has in the store. */
  readonly stored: Entry | undefined
  /** The load that makes the explanation. */
  readonly within: Attempt | undefined
  /** Until when memory is trusted. */
  readonly memoryUntil: number
}

/** A copy that can be changed. It is in no list, whatever its links say. */
export const copyOf = (entry: Entry): Entry => Object.assign(Object.create(Object.getPrototypeOf(entry)), entry)

/** The flight of the id that reads may join now. The engine's `joinable` also detaches the others. */
export const joinableFlight = (engine: Engine, id: string, request: Request | undefined, around?: Flight) => {
  const flight = engine.isPrivate ? undefined : engine.flights.get(id)
  return flight === undefined || isOutdated(engine, flight, request ?? flight.request, around) ? undefined : flight
}

const isOutdated = (engine: Engine, flight: Flight, request: Request, around: Flight | undefined): boolean =>
  flight.exit !== undefined || (isBeforeClear(engine, flight) && !isAwaitedBy(flight, around)) ||
  (flight.request.followed === undefined) !== (request.followed === undefined) ||
  (flight.phase !== "Queued" && flight.bornAt !== engine.tagEpochs.epoch && (
    (request.followed !== undefined && hasLateTags(flight)) || hasMovedForJoining(flight) ||
    [flight.request, request].some((one) =>
      TagEpochs.movedSince(engine.tagEpochs, declaredTags(engine, one), flight.bornAt)
    )
  ))

/** The times after which a read may be answered in another way than before. */
const turningPoints = (situation: Situation): ReadonlyArray<number> => {
  const { engine, id, memoryUntil, now } = situation
  const times = [now, memoryUntil, engine.retryAt.get(id)?.until ?? now]
  for (const { inMemory, inStore } of [situation, readIfValid(situation, now)]) {
    for (const entry of [inMemory, inStore]) {
      if (entry !== undefined) times.push(entry.softExpiresAt, entry.expiresAt, entry.memoryExpiresAt ?? now)
    }
  }
  const later = times.filter((time) => time >= now && time < Infinity)
  return Array.from(new Set(later)).toSorted((a, b) => a - b)
}

export const predict = (situation: Situation): ReadonlyArray<Answer> => {
  const { engine, id, now } = situation
  const isLoading = engine.flights.has(id) || engine.ending.has(id)
  const answers: Array<Answer> = []
  for (const at of isLoading ? [now] : turningPoints(situation)) {
    const answer = answerOrDefect(situation, at)
    const last = answers.at(-1)
    const isSame = last?.source === answer.source && last.refresh === answer.refresh &&
      last.fallback === answer.fallback
    if (!isSame) answers.push(answer)
  }
  return answers
}

const readIfValid = (situation: Situation, at: number): Situation => {
  try {
    return readAt(situation, at)
  } catch {
    return situation
  }
}

/** A read that throws where it decides dies: because of its strategy, or of an invalid option. */
const answerOrDefect = (situation: Situation, at: number): Answer => {
  try {
    const answer = answerAt(readAt(situation, at), at)
    const { engine, request } = situation
    return answer.source === "load" && request !== undefined && refusal(engine, request) !== undefined
      ? answerOf(at, "defect")
      : answer
  } catch {
    return answerOf(at, "defect")
  }
}

/** Gives copies of the entries the deadlines that a read at that time gives them. */
const readAt = (situation: Situation, at: number): Situation => {
  const { engine, policy, request } = situation
  if (request === undefined) return situation
  // A view without the store, which must not get the new deadlines.
  const view = Object.create(engine, { storeTier: { value: undefined } }) as Engine
  const read = (entry: Entry | undefined): Entry | undefined => {
    if (entry === undefined) return undefined
    const copy = copyOf(entry)
    adopt(view, { policy, request }, copy, at)
    return copy
  }
  return { ...situation, inMemory: read(situation.inMemory), inStore: read(situation.inStore) }
}

const answerOf = (at: number, source: Answer["source"], more: Partial<Answer> = {}): Answer => ({
  at,
  source,
  refresh: false,
  fallback: false,
  ...more
})

const answerAt = (situation: Situation, at: number): Answer => {
  const { inMemory, isUsed, policy } = situation
  if (!isUsed) return answerOf(at, "uncached")
  if (!Policy.readsNormally(policy)) return loaded(situation, at, undefined)
  const entry = inMemory !== undefined && usesMemory(situation, inMemory, at) ? inMemory : undefined
  return entry === undefined ? absent(situation, at) : decided(situation, entry, at, "memory") ?? absent(situation, at)
}

const usesMemory = (situation: Situation, entry: Entry, at: number): boolean =>
  at < situation.memoryUntil && trustsMemory(situation.engine, situation.policy) && !asksForMarker(situation) &&
  !mustAskAgain(situation, entry, at)

/** Whether a load with `inherit: "changes"` asks the store for the id's marker, and then uses no entry in memory. */
const asksForMarker = ({ engine, id, policy, within }: Situation): boolean => {
  if (within === undefined || engine.storeTier === undefined || policy.bypass) return false
  const dependencies = dependenciesOf(within)
  if (dependencies?.engine !== engine) return false
  return !dependencies.tags.has(idTag(id)) || isCompared(engine, within, id)
}

/** Like `isPastMemoryTtl`, which would change the entry. */
const mustAskAgain = ({ engine, request }: Situation, entry: Entry, at: number): boolean => {
  const { memoryExpiresAt } = entry
  if (memoryExpiresAt === undefined) return false
  if (request !== undefined && isOfStream(entry) !== (request.followed !== undefined)) return true
  if (memoryExpiresAt !== -Infinity) return at >= memoryExpiresAt
  return request !== undefined && optionOf(engine, request, "memoryTtl") !== undefined
}

/** The answer with an entry. `undefined` if the strategy wants it to be loaded. */
const decided = (situation: Situation, entry: Entry, at: number, tier: "memory" | "store"): Answer | undefined => {
  const { engine, inMemory, policy, request } = situation
  if (request === undefined) {
    if (at >= entry.expiresAt) return undefined
    return answerOf(at, at < entry.softExpiresAt ? tier : "strategy")
  }
  const decisions = new Set<Decision>()
  // The extremes of a random number show whether the decision depends on it.
  for (const random of [Number.MIN_VALUE, 1 - Number.EPSILON]) {
    decisions.add(decideAt(request, entry, at, () => random))
    // The count of reads ends with the entry in memory, which leaves within a second after its end.
    if (tier === "store" && inMemory !== undefined && at >= inMemory.expiresAt) {
      decisions.add(decideAt(request, Object.assign(copyOf(entry), { reads: 0 }), at, () => random))
    }
  }
  const [first, second] = [...decisions]
  if (second !== undefined) {
    return decisions.has("Load") || decisions.has("LoadOrStale") || at >= entry.softExpiresAt
      ? answerOf(at, "strategy")
      : served(entry, "ServeAndRefresh", { at, tier, refresh: "perhaps" })
  }
  switch (first!) {
    case "Load":
      return undefined
    case "LoadOrStale":
      return pauses(situation, at) && !isAnswered(engine, entry)
        ? served(entry, "LoadOrStale", { at, tier, refresh: false })
        : loaded(situation, at, entry)
    case "ServeAndRefresh":
      return served(entry, "ServeAndRefresh", { at, tier, refresh: policy.writes && mayRefresh(situation, at, tier) })
    case "Serve":
      return answerOf(at, tier)
  }
}

interface Serving extends Pick<Answer, "at" | "refresh"> {
  readonly tier: "memory" | "store"
}

const served = (entry: Entry, decision: Decision, { at, refresh, tier }: Serving): Answer => {
  const how = servedAs(entry, decision, at, tier)
  return answerOf(at, how === "memory" || how === "store" ? how : "stale", { refresh })
}

/** Whether loads of the id pause after a failure (see `isThrottled`, which would end a pause that is over). */
const pauses = ({ engine, id, request }: Situation, at: number): boolean => {
  const pause = engine.retryAt.get(id)
  if (pause === undefined || at >= pause.until || pause.until - at > pause.millis) return false
  return rulesOf(engine, request!).retryAfterMillis > 0
}

const mayRefresh = (situation: Situation, at: number, tier: "memory" | "store"): Answer["refresh"] => {
  const { engine, id, request, within } = situation
  if (engine.closed || engine.ending.has(id) || pauses(situation, at)) return false
  if (refusal(engine, request!) !== undefined) return false
  // To ask the store, a read begins a flight, which takes the place of an outdated one.
  const isAsked = tier === "store" && asksInFlight(engine)
  const flight = isAsked ? joinableFlight(engine, id, request, within?.flight) : engine.flights.get(id)
  // A flight that finds the stale entry begins the refresh when it ends.
  return flight === undefined || (isAskingStore(flight) && "perhaps")
}

const asksInFlight = ({ storeTier }: Engine): boolean => storeTier?.store.getUnsafe === undefined

const absent = (situation: Situation, at: number): Answer => {
  const { engine, id, inMemory, inStore, policy, request, stored, within } = situation
  if (inStore === undefined || !policy.readsEntries) return loaded(situation, at, undefined)
  const flight = joinableFlight(engine, id, request, within?.flight)
  if (flight?.readsStore === true && asksInFlight(engine)) {
    // A load that has asked the store before is joined, except by a read that the store answers at once.
    return isAskingStore(flight) ? askedBy(flight, situation, at) : loaded(situation, at, undefined)
  }
  const isRejected = inMemory !== undefined && inMemory.writeId === stored!.writeId && at < inMemory.expiresAt &&
    usesMemory(situation, inMemory, at)
  return (isRejected ? undefined : inTime(situation, at)) ?? loaded(situation, at, undefined)
}

/** The answer with the entry of the store. */
const inTime = (situation: Situation, at: number): Answer | undefined => {
  const inStore = situation.inStore!
  return at < inStore.expiresAt ? decided(situation, inStore, at, "store") : undefined
}

/** A flight decides for all that wait for it about what it finds in the store, and then each of them for itself. */
const askedBy = (flight: Flight, situation: Situation, at: number): Answer => {
  const { policy, request } = flight
  const asking = readAt({ ...situation, policy, request, inStore: situation.stored }, at)
  const found = inTime(asking, at)
  if (found?.source === "strategy") return found
  if (found?.source !== "store" && found?.source !== "stale") return loaded(situation, at, undefined)
  const own = inTime(situation, at)?.source
  if (own === "strategy") return answerOf(at, own)
  return own === "store" || own === "stale" ? { ...found, refresh: found.refresh && "perhaps" } : answerOf(at, "load")
}

const loaded = (situation: Situation, at: number, stale: Entry | undefined): Answer => {
  const { engine, id, policy, request, within } = situation
  const around = within?.flight
  const running = policy.joins === "none" ? undefined : joinableFlight(engine, id, request, around)
  const flight = running !== undefined && policy.joins === "refresh" ? refreshToCome(running) : running
  const awaited = flight ?? (engine.isPrivate ? ancestorOf(around, id) : flightBefore(situation))
  // A load that waits for itself dies with `CacheCycle`.
  const isCycle = around !== undefined && awaited !== undefined && reaches(awaited, around)
  if (isCycle || (flight === undefined && engine.closed)) return answerOf(at, "defect")
  const spare = stale ?? flight?.stale
  const fallback = spare !== undefined && policy.readsEntries && !isAnswered(engine, spare) &&
    (spare === stale || fallsBackOn(situation, spare, at))
  return answerOf(at, flight === undefined ? "load" : "joined", { fallback })
}

/** Whether the read may be served the stale value of the flight that it joins. */
const fallsBackOn = (situation: Situation, stale: Entry, at: number): boolean => {
  const { inMemory: entry, request } = readAt({ ...situation, inMemory: stale }, at)
  if (request === undefined || at >= entry!.expiresAt) return false
  const decision = decideAt(request, entry!, at, () => 0)
  return decision === "LoadOrStale" || (decision !== "Load" && at < entry!.softExpiresAt)
}
