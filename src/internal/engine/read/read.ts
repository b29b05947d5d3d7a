/** One read: looks in memory, then in the store, then joins or starts a flight. */
import { hasMovedForJoining, isCompared } from "#platform/engine/derived/dependencies"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import { CacheClosed, CacheCycle } from "../../../CacheError.ts"
import { idOf, ownKey } from "../../key/ofKey.ts"
import { sameIds } from "../../key/sameIds.ts"
import { recordServed } from "../derived/recorder.ts"
import { interruptible, wait } from "../flight/callers.ts"
import { detach, detachOne, startAfter } from "../flight/ending.ts"
import {
  hasBegun,
  hasLateTags,
  isAskingStore,
  isBeforeClear,
  isRefresh,
  isToCome,
  makeFlight
} from "../flight/flight.ts"
import { restartIfOutlasted } from "../flight/patience.ts"
import { promote, refresh, startAll } from "../flight/refreshing.ts"
import { pathTo, reaches } from "../flight/waitGraph.ts"
import { noteRefresh } from "../flight/watches.ts"
import { answerIfBehind, startLater } from "../flight/work.ts"
import { launch } from "../load/load.ts"
import { Entry } from "../memory/entry.ts"
import * as Memory from "../memory/memory.ts"
import * as TagEpochs from "../memory/tagEpochs.ts"
import { adopt } from "../request/adopt.ts"
import { aside } from "../request/attempt.ts"
import * as Policy from "../request/callPolicy.ts"
import { provided, readContextOf, wallNow } from "../request/context.ts"
import { copied } from "../request/copy.ts"
import { isBeforeDeadlines, type Plan, planInMemory, rejectedOf, servedAs, trustsMemory } from "../request/decide.ts"
import { declaredTags } from "../request/requestTags.ts"
import { askTimeouts, isLimited, optionOf } from "../request/rules.ts"
import { slide } from "../request/sliding.ts"
import type { Flight, Flights, Joining, Reader, Request, Resume } from "../state.ts"
import { detect, type Detector } from "../telemetry/detect.ts"
import { emitHit } from "../telemetry/events.ts"
import { meet } from "../telemetry/keyClasses.ts"
import { linkTo } from "../telemetry/spans.ts"
import { tellJoined, tellMiss } from "../telemetry/tell.ts"
import { serve } from "./serve.ts"
import { invalidity, refusal } from "./validate.ts"

export const read = <A, E>(
  self: Flights,
  fiber: Fiber.Fiber<any, any>,
  request: Request<A, E>
): Effect.Effect<A, E> => {
  const served = find(self, fiber, request)
  return served instanceof Entry ? served.exit as Exit.Exit<A, E> : served
}

/** Runs one read for an effect that `fiber` evaluates. Only that evaluation may use the result. */
export const evaluate = <A, E>(
  self: Flights,
  fiber: Fiber.Fiber<any, any>,
  request: Request<A, E>
): Effect.Effect<A, E> => {
  const served = find(self, fiber, request)
  return served instanceof Entry ? served.answer(fiber) as Effect.Effect<A, E> : served
}

/** Returns a hit, or an effect that completes the read. A hit needs no fiber, closure or array, and often no clock. */
const find = <A, E>(
  self: Flights,
  fiber: Fiber.Fiber<any, any>,
  request: Request<A, E>
): Entry | Effect.Effect<A, E> => {
  const context = readContextOf(self, fiber)
  const { policy } = context
  if (policy !== Policy.standard) {
    if (policy.trace !== undefined) return policy.trace(self, fiber, request) as Effect.Effect<A, E>
    const later = policy.strict ? self.storeReads?.afterUnsent(self, policy, request) : undefined
    if (later !== undefined) return later
    if (context.within !== undefined && !policy.bypass) {
      const captured = self.storeReads?.afterCapture(self, policy, context.within, request)
      if (captured !== undefined) return captured
    }
    if (!Policy.readsNormally(policy)) return readUnder(self, fiber, request, policy)
    if (!trustsMemory(self, policy) || isCompared(self, context.within, idOf(request.key))) {
      return absent(readerOf(self, fiber, request, policy))
    }
  }
  const { key } = request
  // Most string keys need no call of `idOf`: a string that has an entry and does not begin with "~" is its own id.
  const entry = Memory.peek(
    self.memory,
    self.tagEpochs,
    typeof key === "string" && key[0] !== "~" ? key : idOf(key)
  )
  if (entry === undefined) return absent(readerOf(self, fiber, request, policy))
  // An entry stored under another strategy's constant lifetime gets the constant lifetime of this request.
  const { constant, memoryExpiresAt } = entry
  if (constant !== undefined && !request.isConstant(constant)) {
    adopt(self, { policy, request }, entry, self.time.now(context.clock))
  }
  // No clock is read if only deadlines matter and the entry has none, or if a plan is made, which reads it.
  const needsTime = (request.servesFresh || request.slides) && (entry.hasDeadlines || !request.deadlinesOnly)
  const now = needsTime ? self.time.now(context.clock) : 0
  if (!(request.servesFresh && memoryExpiresAt === undefined && isBeforeDeadlines(entry, now))) {
    const plan = planInMemory(self, context, request, entry)
    if (plan !== "Serve") {
      return use(readerOf(self, fiber, request, policy), { entry, plan })
    }
    // A load also sets `hitsHaveEffects`, but perhaps no request with this strategy has loaded anything yet.
    if (request.slides) self.hitsHaveEffects = true
  }
  entry.counters.hits++
  entry.reads++
  self.memory.policy.read(entry)
  if (self.hitsHaveEffects || policy !== Policy.standard || sameIds.exist) {
    // The deadline is moved here, because the time is already known.
    if (request.slides && policy.writes) slide(self, request, entry, now)
    if (sameIds.exist) meet(self, key)
    // The read is recorded before listeners are notified, because a listener may change what was read.
    if (context.within !== undefined) recordServed(self, context.within, entry)
    emitHit(self, request.key, entry, "memory")
    if (policy.detector !== undefined) detectHit(policy.detector, fiber, request, entry)
  }
  return entry
}

const readerOf = <A, E>(
  engine: Flights,
  fiber: Fiber.Fiber<any, any>,
  request: Request<A, E>,
  policy: Policy.Policy
): Reader<A, E> => ({ engine, fiber, request, id: idOf(ownKey(request.key)), policy })

const detectHit = (detector: Detector, fiber: Fiber.Fiber<any, any>, request: Request, entry: Entry): void =>
  detect(detector, entry.id, request.strategy.name, {
    source: "memory",
    entry,
    exit: entry.exit,
    now: wallNow(entry, fiber)
  })

export const readCopy = <A, E>(
  self: Flights,
  fiber: Fiber.Fiber<any, any>,
  request: Request<A, E>
): Effect.Effect<A, E> => copied(read(self, fiber, request), optionOf(self, request, "copy")!, request.key)

interface Planned {
  readonly entry: Entry
  readonly plan: Plan
  readonly source?: "memory" | "store"
  /** The engine's `mutations` when the store was asked. */
  readonly mutations?: number
}

/** Carries out what a read has planned to do with an entry. */
export const use = <A, E>(
  reader: Reader<A, E>,
  { entry, mutations = reader.engine.mutations, plan, source = "memory" }: Planned
): Effect.Effect<A, E> => {
  const { engine, fiber, id, policy, request } = reader
  if (plan === "Load") return absent(reader, entry)
  if (plan === "LoadOrStale") {
    return join(reader, { readsStore: false, stale: entry, rejectedWriteId: entry.writeId, mutations })
  }
  const now = wallNow(engine, fiber)
  if (plan === "ServeAndRefresh" && policy.writes && refusal(engine, request) === undefined) {
    refresh(engine, { starter: readContextOf(engine, fiber), request, id, entry, mutations, now }, fiber)
  }
  return serve(reader, entry, servedAs(entry, plan, now, source))
}

const absent = <A, E>(reader: Reader<A, E>, former?: Entry): Effect.Effect<A, E> => {
  const { engine, fiber, request } = reader
  const rejectedWriteId = former && rejectedOf(engine, readContextOf(engine, fiber), request, former)
  if (engine.storeReads !== undefined) return engine.storeReads.absent(reader, rejectedWriteId)
  return join(reader, { readsStore: false, stale: undefined, rejectedWriteId, mutations: engine.mutations })
}

/** Reads under a policy that ignores stored entries, invalidates first, or bypasses the cache. */
const readUnder = <A, E>(
  self: Flights,
  fiber: Fiber.Fiber<any, any>,
  request: Request<A, E>,
  policy: Policy.Policy
): Effect.Effect<A, E> => {
  if (policy.bypass) return bypass(request)
  const id = idOf(ownKey(request.key))
  if (policy.invalidate !== undefined) {
    const rest = Effect.withFiber<A, E>((fiber) => read(self, fiber, request))
    return Effect.flatMap(
      policy.invalidate(self, [id]),
      () => Effect.provideService(rest, Policy.Current, { ...policy, invalidate: undefined })
    )
  }
  return join(readerOf(self, fiber, request, policy), {
    readsStore: false,
    stale: undefined,
    rejectedWriteId: Memory.peek(self.memory, self.tagEpochs, id)?.writeId,
    mutations: self.mutations
  })
}

/** Runs a load without the cache, and hides its reads from the surrounding load. */
export const bypass = <A, E>(request: Request<A, E>): Effect.Effect<A, E> =>
  // The effect gets its own scope, like every load in the cache.
  aside(Effect.scoped(provided(request, request.load)) as Effect.Effect<A, E>)

export const join = <A, E>(reader: Reader<A, E>, joining: Joining): Effect.Effect<A, E> =>
  Effect.callback<A, E>((resume) => joinOrStart(reader, joining, resume as Resume))

/** Joins or starts a flight in one synchronous step, so that a flight cannot end between being found and joined. */
export const joinOrStart = (reader: Reader, joining: Joining, resume: Resume): Effect.Effect<void> | void => {
  const { engine, fiber, id, policy, request } = reader
  const { stale } = joining
  const starter = readContextOf(engine, fiber)
  const { span, within } = starter
  // A fiber that outlives its load no longer counts as part of that load.
  const around = within?.flight
  const running = joinable(reader, around)
  const asked = askTimeouts(engine, request)
  if (Exit.isExit(asked)) return refuse(reader, resume, asked)
  // Starts over once timeout functions have been evaluated, because these functions may themselves read the cache.
  if (asked !== request) return joinOrStart({ ...reader, request: asked }, joining, resume)
  if (running !== undefined) {
    // The running flight, such as a refresh, does not read the store, which may have an entry that this read can use.
    if (joining.readsStore && !running.readsStore) {
      return resume(engine.storeReads!.askThenJoin(reader, joining))
    }
  } else if (
    Policy.readsNormally(policy) && stale === undefined && trustsMemory(engine, policy) &&
    !isCompared(engine, within, id)
  ) {
    // Memory is checked again, because other fibers may have run since the first check.
    const entry = Memory.peek(engine.memory, engine.tagEpochs, id)
    if (entry !== undefined) {
      adopt(engine, reader, entry, engine.time.now(starter.clock))
      if (planInMemory(engine, starter, request, entry) === "Serve") return resume(serve(reader, entry, "memory"))
    }
  }
  const refused = refusalToWait(reader, around, running)
  if (refused !== undefined) return refuse(reader, resume, Exit.die(refused))
  const hasTimeouts = isLimited(engine, request)
  if (running !== undefined) {
    // Add the caller and promote the flight before notifying listeners, which may end the load or drop the flight.
    const caller = wait(engine, fiber, { flight: running, request, hasTimeouts, stale, joined: true, resume })
    const promoted = running.phase === "Queued" ? promote(engine, running) : undefined
    if (!isAskingStore(running)) tellMiss(engine, request.key, id)
    tellJoined(engine, request.key, running)
    if (span !== undefined) linkTo(running, span)
    if (promoted !== undefined) startAll(engine, promoted)
    if (running.loaded !== undefined) answerIfBehind(engine, caller)
    if (caller.flight.phase === "Loading") restartIfOutlasted(engine, running, request, wallNow(engine, fiber))
    return interruptible(engine, fiber, caller)
  }
  const before = flightBefore(reader)
  const { protectedUntil, readsStore, rejectedWriteId, storeMillis } = joining
  // A private load that is already running is too old for this read, so its result must not replace this read's result.
  if (engine.isPrivate && policy.writes && !Policy.readsNormally(policy)) noteRefresh(engine)
  const flight = makeFlight(engine, {
    id,
    request,
    policy,
    refresh: false,
    rejectedWriteId,
    readsStore,
    parent: around,
    // If an id or tag was invalidated since the decision to load, callers that join must not be served the stale entry.
    stale: joining.mutations === engine.mutations ? stale : undefined,
    protectedUntil,
    storeMillis,
    starter
  })
  register(reader, flight, before)
  // Count the caller before listeners are notified and before the load, which starts inline and may end at once.
  const caller = wait(engine, fiber, { flight, request, hasTimeouts, stale, joined: false, resume })
  if (!isAskingStore(flight)) tellMiss(engine, request.key, id)
  if (before === undefined) startNow(reader, flight)
  return interruptible(engine, fiber, caller)
}

const register = ({ engine, id, policy }: Reader, flight: Flight, before: Flight | undefined): void => {
  if (engine.isPrivate) return
  const isBehind = before !== undefined && before === engine.flights.get(id)
  if (policy.writes && !isBehind) {
    // Only one flight per id may store its result, so a flight that this read may not join is detached.
    detach(engine, id)
    engine.flights.set(flight)
  }
  if (before !== undefined) startAfter(before, flight)
}

const startNow = ({ engine, fiber, policy, request }: Reader, flight: Flight): void => {
  // The refresh begins in a later turn than the calls that share it, so it sees everything written before those calls.
  if (policy.writes && isRefresh(flight) && !engine.isPrivate) startLater(engine, flight, fiber.currentDispatcher)
  else if (flight.phase === "Queued" && !request.batch?.runWithoutFiber(flight)) launch(engine, flight, request.load)
}

/** The flight that must end before a new one for the id starts: a refresh that is loading, or an abandoned load. */
const flightBefore = ({ engine, id, policy }: Reader): Flight | undefined => {
  // A private load, or a load whose result is not stored, neither waits for another load nor delays it.
  if (!policy.writes || engine.isPrivate) return undefined
  const running = engine.flights.get(id)
  return policy.joins === "refresh" && running !== undefined && isRefresh(running) && hasBegun(running)
    ? running
    : engine.ending.get(id)
}

/** The flight around this read that loads the same id. With private flights, only such a flight can close a cycle. */
const ancestorOf = (around: Flight | undefined, id: string): Flight | undefined => {
  let flight = around
  while (flight !== undefined && flight.id !== id) flight = flight.parent
  return flight
}

/** Why a read may not join that flight or, without one, not load: with it, its caller ends with a defect. */
export const refusalToWait = (
  reader: Reader,
  around: Flight | undefined,
  running: Flight | undefined
): {} | undefined => {
  const { engine, id, request } = reader
  if (running === undefined && engine.closed) return new CacheClosed({ key: id })
  // Only the timeouts matter to a caller that joins. Other options are checked when a read starts a flight.
  const check = running === undefined ? refusal : isLimited(engine, request) ? invalidity : undefined
  const invalid = check?.(engine, request)
  if (invalid !== undefined) return invalid
  const awaited = running ?? (engine.isPrivate ? ancestorOf(around, id) : flightBefore(reader))
  return around !== undefined && awaited !== undefined && reaches(awaited, around)
    ? new CacheCycle({ path: pathTo(around, awaited) })
    : undefined
}

/** Refuses a read that may not load: counts a miss, and ends the read with a defect. */
const refuse = ({ engine, id, request }: Reader, resume: Resume, defect: Exit.Exit<never>): void => {
  tellMiss(engine, request.key, id)
  resume(defect)
}

const joinable = (reader: Reader, around: Flight | undefined): Flight | undefined => {
  const { engine: self, id } = reader
  if (!self.flights.has(id)) return undefined
  // Must precede the lookup of the flight, because it may apply another process's change, and so detach the flight.
  self.tagEpochs.ensureTracking?.(id)
  const plan = planToJoin(reader, around)
  if (plan === "Replace") {
    detachOne(self, self.flights.get(id)!)
    return joinable(reader, around)
  }
  if (plan === "ReplaceAll") detach(self, id)
  return plan === "Join" ? refreshToCome(reader) : undefined
}

/** The flight that a read would join now. Unlike `joinable`, replaces none. */
export const flightToJoin = (reader: Reader, around: Flight | undefined): Flight | undefined =>
  planToJoin(reader, around) === "Join" ? refreshToCome(reader) : undefined

/** The use of a flight of the id by a read: to join it, or to start another in its place or beside it. */
type PlanToJoin = "Join" | "Replace" | "ReplaceAll" | undefined

const planToJoin = ({ engine: self, id, policy, request }: Reader, around: Flight | undefined): PlanToJoin => {
  const flight = self.flights.get(id)
  if (flight === undefined || policy.joins === "none") return undefined
  // An effect and a stream with the same key share no flight. An ended flight stays listed while it notifies listeners.
  const hasEnded = flight.exit !== undefined
  if (
    hasEnded || isBeforeClear(self, flight) && !isAwaitedBy(flight, around) ||
    (flight.request.followed !== undefined) !== (request.followed !== undefined)
  ) return "ReplaceAll"
  // The queued flight waits for an abandoned load, but a read whose result is not stored need not wait.
  if (!policy.writes && flight.phase === "Queued" && self.ending.has(id)) return undefined
  // A queued flight starts later than now, so it sees all changes so far.
  const hasMoved = flight.phase !== "Queued" && flight.bornAt !== self.tagEpochs.epoch && (
    // Consumers of a stream have received elements when its late tags are known, and cannot start over.
    request.followed !== undefined && hasLateTags(flight) ||
    hasMovedForJoining(flight) ||
    TagEpochs.movedSince(self.tagEpochs, declaredTags(self, flight.request), flight.bornAt) ||
    TagEpochs.movedSince(self.tagEpochs, declaredTags(self, request), flight.bornAt)
  )
  return hasMoved ? "Replace" : "Join"
}

/** Whether a flight waits for the load around this read. If so, a new flight would only repeat the cycle of waits. */
const isAwaitedBy = (flight: Flight, around: Flight | undefined): boolean =>
  around !== undefined && reaches(flight, around)

/** The flight of the id or, for an explicit refresh, one whose load has not begun: that flight or one queued behind. */
const refreshToCome = ({ engine, id, policy }: Reader): Flight | undefined => {
  const flight = engine.flights.get(id)!
  return policy.joins === "refresh"
    ? [flight, ...flight.after ?? []].find((one) => one.policy.joins === "refresh" && isToCome(one))
    : flight
}
