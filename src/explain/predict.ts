/** Says how a read would be answered, with the engine's own plans of a read, but without changing anything. */
import { dependenciesOf, isCompared } from "#platform/engine/derived/dependencies"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Random from "effect/Random"
import type { Engine } from "../internal/engine/engine.ts"
import { isAskingStore } from "../internal/engine/flight/flight.ts"
import { isFallback } from "../internal/engine/flight/outcome.ts"
import type { Entry } from "../internal/engine/memory/entry.ts"
import { flightToJoin, refusalToWait } from "../internal/engine/read/read.ts"
import { refusal } from "../internal/engine/read/validate.ts"
import { adopt } from "../internal/engine/request/adopt.ts"
import { isAnswered } from "../internal/engine/request/answers.ts"
import * as Policy from "../internal/engine/request/callPolicy.ts"
import {
  type Plan,
  planInMemory,
  type Planner,
  planOf,
  rejectedOf,
  servedAs,
  trustsMemory
} from "../internal/engine/request/decide.ts"
import { isThrottled } from "../internal/engine/request/throttle.ts"
import type { Attempt, Flight, Reader } from "../internal/engine/state.ts"
import { idTag } from "../internal/store/markers/idTags.ts"
import type { Answer } from "./facts.ts"

/** The read, and the state that its prediction needs. The entries are copies. */
interface Situation extends Reader {
  readonly engine: Engine
  readonly now: number
  readonly isUsed: boolean
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

/** The engine as a read at that time finds it, but without the store, which must not get new deadlines. */
const viewAt = (engine: Engine, at: number): Engine =>
  Object.create(engine, { storeTier: { value: undefined }, time: { value: { now: () => at } } }) as Engine

/** Draws this random number. The clock is not asked, because a view tells the time. */
const drawing = ({ fiber }: Reader, random: number): Planner => ({
  clock: fiber.getRef(Clock.Clock),
  context: Context.make(Random.Random, { ...fiber.getRef(Random.Random), nextDoubleUnsafe: () => random })
})

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
    return answerAt(readAt(situation, at), at)
  } catch {
    return answerOf(at, "defect")
  }
}

/** Gives copies of the entries the deadlines that a read at that time gives them. */
const readAt = (situation: Situation, at: number): Situation => {
  const read = (entry: Entry | undefined): Entry | undefined => {
    if (entry === undefined) return undefined
    const copy = copyOf(entry)
    adopt(viewAt(situation.engine, at), situation, copy, at)
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
  const { engine, inMemory, isUsed, memoryUntil, policy } = situation
  if (!isUsed) return answerOf(at, "uncached")
  if (!Policy.readsNormally(policy)) return loaded(situation, at, undefined)
  const usesMemory = at < memoryUntil && trustsMemory(engine, policy) && !asksForMarker(situation)
  if (inMemory === undefined || !usesMemory) return absent(situation, at, undefined)
  return planned(situation, inMemory, at, "memory") ?? absent(situation, at, inMemory)
}

/** Whether a load with `inherit: "changes"` asks the store for the id's marker, and then uses no entry in memory. */
const asksForMarker = ({ engine, id, policy, within }: Situation): boolean => {
  if (within === undefined || engine.storeTier === undefined || policy.bypass) return false
  const dependencies = dependenciesOf(within)
  if (dependencies?.engine !== engine) return false
  return !dependencies.tags.has(idTag(id)) || isCompared(engine, within, id)
}

/** The answer with an entry. `undefined` if the strategy wants it to be loaded. */
const planned = (situation: Situation, entry: Entry, at: number, tier: "memory" | "store"): Answer | undefined => {
  const { engine, inMemory, policy, request } = situation
  const view = viewAt(engine, at)
  const plan = tier === "memory" ? planInMemory : planOf
  const plans = new Set<Plan>()
  // The extremes of a random number show whether the plan depends on it.
  for (const random of [Number.MIN_VALUE, 1 - Number.EPSILON]) {
    plans.add(plan(view, drawing(situation, random), request, entry))
    // The count of reads ends with the entry in memory, which leaves within a second after its end.
    if (tier === "store" && inMemory !== undefined && at >= inMemory.expiresAt) {
      plans.add(plan(view, drawing(situation, random), request, Object.assign(copyOf(entry), { reads: 0 })))
    }
  }
  const [first, second] = [...plans]
  const isUnsure = second !== undefined
  if (isUnsure && (plans.has("Load") || plans.has("LoadOrStale") || at >= entry.softExpiresAt)) {
    return answerOf(at, "strategy")
  }
  if (first === "Load") return undefined
  if (first === "LoadOrStale") return loaded(situation, at, entry)
  const how = servedAs(entry, first!, at, tier)
  const refresh = isUnsure
    ? "perhaps"
    : first === "ServeAndRefresh" && policy.writes && mayRefresh(situation, at, tier)
  return answerOf(at, how === "memory" || how === "store" ? how : "stale", { refresh })
}

const mayRefresh = (situation: Situation, at: number, tier: "memory" | "store"): Answer["refresh"] => {
  const { engine, id, request, within } = situation
  if (engine.closed || engine.ending.has(id) || isThrottled(engine, request, id, at)) return false
  if (refusal(engine, request) !== undefined) return false
  // To ask the store, a read begins a flight, which takes the place of an outdated one.
  const isAsked = tier === "store" && asksInFlight(engine)
  const flight = isAsked ? flightToJoin(situation, within?.flight) : engine.flights.get(id)
  // A flight that finds the stale entry begins the refresh when it ends.
  return flight === undefined || (isAskingStore(flight) && "perhaps")
}

const asksInFlight = ({ storeTier }: Engine): boolean => storeTier?.store.getUnsafe === undefined

/** `former`: the entry in memory that the read did not use. */
const absent = (situation: Situation, at: number, former: Entry | undefined): Answer => {
  const { engine, inStore, policy, request, stored, within } = situation
  if (inStore === undefined || !policy.readsEntries) return loaded(situation, at, undefined)
  const flight = flightToJoin(situation, within?.flight)
  if (flight?.readsStore === true && asksInFlight(engine)) {
    // A load that has asked the store before is joined, except by a read that the store answers at once.
    return isAskingStore(flight) ? askedBy(flight, situation, at) : loaded(situation, at, undefined)
  }
  const rejected = former && rejectedOf(viewAt(engine, at), drawing(situation, 0), request, former)
  const isRejected = rejected !== undefined && rejected === stored!.writeId
  return (isRejected ? undefined : inTime(situation, at)) ?? loaded(situation, at, undefined)
}

/** The answer with the entry of the store. */
const inTime = (situation: Situation, at: number): Answer | undefined => {
  const inStore = situation.inStore!
  return at < inStore.expiresAt ? planned(situation, inStore, at, "store") : undefined
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
  const { engine, policy, within } = situation
  const flight = flightToJoin(situation, within?.flight)
  if (refusalToWait(situation, within?.flight, flight) !== undefined) return answerOf(at, "defect")
  const spare = stale ?? flight?.stale
  const fallback = spare !== undefined && policy.readsEntries && !isAnswered(engine, spare) &&
    (spare === stale || fallsBackOn(situation, spare, at))
  return answerOf(at, flight === undefined ? "load" : "joined", { fallback })
}

/** Whether the read may be served the stale value of the flight that it joins. */
const fallsBackOn = (situation: Situation, stale: Entry, at: number): boolean => {
  const { inMemory: entry, request } = readAt({ ...situation, inMemory: stale }, at)
  return at < entry!.expiresAt && isFallback(request, entry!, at)
}
