/** One read: memory, then the store, then a flight. */
import { hasMovedForJoining, isCompared } from "#platform/engine/derived/dependencies"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import { CacheClosed, CacheCycle } from "../../../CacheError.ts"
import { type Decision, Load, LoadOrStale, Serve, ServeAndRefresh } from "../../../Strategy.ts"
import { idOf } from "../../key/ofKey.ts"
import { sameIds } from "../../key/sameIds.ts"
import { recordServed } from "../derived/recorder.ts"
import { interruptible, wait } from "../flight/callers.ts"
import { detach, startAfter } from "../flight/ending.ts"
import { hasBegun, isAskingStore, isBeforeClear, isRefresh, isToCome, makeFlight } from "../flight/flight.ts"
import { promote, refresh, startAll } from "../flight/refreshing.ts"
import { pathTo, reaches } from "../flight/waitGraph.ts"
import { noteRefresh } from "../flight/watches.ts"
import { answerIfBehind, startLater } from "../flight/work.ts"
import { launch } from "../load/load.ts"
import { Entry } from "../memory/entry.ts"
import * as Memory from "../memory/memory.ts"
import * as TagEpochs from "../memory/tagEpochs.ts"
import { adopt } from "../request/adopt.ts"
import { aside, Within } from "../request/attempt.ts"
import * as Policy from "../request/callPolicy.ts"
import { nowOf, readContextOf } from "../request/context.ts"
import { copied } from "../request/copy.ts"
import {
  decideInMemory,
  isBeforeDeadlines,
  isDueAgain,
  nowFor,
  rejectedOf,
  servedAs,
  trustsMemory
} from "../request/decide.ts"
import { declaredTags } from "../request/requestTags.ts"
import { askTimeouts, isLimited, optionOf } from "../request/rules.ts"
import { slide } from "../request/sliding.ts"
import { standsIn } from "../request/throttle.ts"
import type { Flight, Flights, Joining, Reader, Request, Resume } from "../state.ts"
import { detect, type Detector } from "../telemetry/detect.ts"
import { emitHit, emitOf, joined, noteMiss } from "../telemetry/events.ts"
import { meet } from "../telemetry/keyClasses.ts"
import { linkTo } from "../telemetry/spans.ts"
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

/** One read, for an effect that is evaluated in `fiber`. Only Effect may receive the result. */
export const evaluate = <A, E>(
  self: Flights,
  fiber: Fiber.Fiber<any, any>,
  request: Request<A, E>
): Effect.Effect<A, E> => {
  const served = find(self, fiber, request)
  return served instanceof Entry ? served.answer(fiber) as Effect.Effect<A, E> : served
}

/**
 * Returns a fresh entry or continues. A hit needs no fiber, promise, closure or array, and no clock without deadline.
 */
const find = <A, E>(
  self: Flights,
  fiber: Fiber.Fiber<any, any>,
  request: Request<A, E>
): Entry | Effect.Effect<A, E> => {
  const context = readContextOf(self, fiber)
  const { policy } = context
  if (policy !== Policy.standard) {
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
  // Without `idOf`: a string key with an entry is its own id unless it begins with "~".
  const entry = Memory.peek(
    self.memory,
    self.tagEpochs,
    typeof key === "string" && key[0] !== "~" ? key : idOf(key)
  )
  if (entry === undefined) return absent(readerOf(self, fiber, request, policy))
  // Another strategy has stored it.
  const { constant, memoryExpiresAt } = entry
  if (constant !== undefined && !request.isConstant(constant)) {
    adopt(self, { policy, request }, entry, context.clock.currentTimeMillisUnsafe())
  }
  const now = nowFor(request, entry, context.clock)
  if (!(request.servesFresh && memoryExpiresAt === undefined && isBeforeDeadlines(entry, now))) {
    const decision = isDueAgain(self, fiber, request, entry) ? Load : decideInMemory(fiber, request, entry, now)
    if (decision !== Serve) {
      const reader = readerOf(self, fiber, request, policy)
      return serveDue(reader, { entry, decision, source: "memory", mutations: self.mutations })
    }
    // A user's strategy that has not loaded anything yet: `invalidity` has not set this.
    if (request.slides) self.hitsHaveEffects = true
  }
  entry.counters.hits++
  entry.reads++
  self.memory.policy.read(entry)
  if (self.hitsHaveEffects || policy !== Policy.standard || sameIds.exist) {
    // Here, because the time is known.
    if (request.slides && policy.writes) slide(self, request, entry, now)
    if (sameIds.exist) meet(self, key)
    // Record before notifying listeners, which may change what was read.
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
): Reader<A, E> => ({ engine, fiber, request, id: idOf(request.key), policy })

const detectHit = (detector: Detector, fiber: Fiber.Fiber<any, any>, request: Request, entry: Entry): void =>
  detect(detector, entry.id, request.strategy.name, { source: "memory", entry, exit: entry.exit, now: nowOf(fiber) })

export const readCopy = <A, E>(
  self: Flights,
  fiber: Fiber.Fiber<any, any>,
  request: Request<A, E>
): Effect.Effect<A, E> => copied(read(self, fiber, request), optionOf(self, request, "copy")!, request.key)

interface Due {
  readonly entry: Entry
  readonly decision: Decision
  readonly source: "memory" | "store"
  readonly mutations: number
}

export const serveDue = <A, E>(
  reader: Reader<A, E>,
  { decision, entry, mutations, source }: Due
): Effect.Effect<A, E> => {
  const { engine, fiber, id, policy, request } = reader
  if (decision === Load) return absent(reader, entry)
  if (decision === LoadOrStale && !standsIn(engine, request, entry, nowOf(fiber))) {
    return join(reader, { readsStore: false, stale: entry, rejectedWriteId: entry.writeId, mutations })
  }
  if (decision === ServeAndRefresh && policy.writes && refusal(engine, request) === undefined) {
    const starter = readContextOf(engine, fiber)
    refresh(engine, { starter, request, id, entry, mutations, now: nowOf(fiber) }, fiber)
  }
  return serve(reader, entry, servedAs(entry, decision, nowOf(fiber), source))
}

const absent = <A, E>(reader: Reader<A, E>, former?: Entry): Effect.Effect<A, E> => {
  const { engine, fiber, request } = reader
  const rejectedWriteId = rejectedOf(engine, fiber, request, former)
  if (engine.storeReads !== undefined) return engine.storeReads.absent(reader, rejectedWriteId)
  return join(reader, { readsStore: false, stale: undefined, rejectedWriteId, mutations: engine.mutations })
}

/** A read under a policy that ignores stored entries, invalidates first, or bypasses the cache. */
const readUnder = <A, E>(
  self: Flights,
  fiber: Fiber.Fiber<any, any>,
  request: Request<A, E>,
  policy: Policy.Policy
): Effect.Effect<A, E> => {
  if (policy.bypass) return bypass(fiber, request.load)
  const id = idOf(request.key)
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

/** Runs a load past the cache, excluded from any load around it. */
export const bypass = <A, E>(
  fiber: Fiber.Fiber<any, any>,
  load: Effect.Effect<A, E, any>
): Effect.Effect<A, E> => {
  // Provides a scope, as a load in the cache does.
  const own = Effect.scoped(load) as Effect.Effect<A, E>
  return fiber.getRef(Within) === undefined ? own : aside(own)
}

export const join = <A, E>(reader: Reader<A, E>, joining: Joining): Effect.Effect<A, E> =>
  Effect.callback<A, E>((resume) => joinOrStart(reader, joining, resume as Resume))

/** Runs in one synchronous step, so that no yield comes between finding a flight and counting as a caller. */
export const joinOrStart = (reader: Reader, joining: Joining, resume: Resume): Effect.Effect<void> | void => {
  const { engine, fiber, id, policy, request } = reader
  const { stale } = joining
  const starter = readContextOf(engine, fiber)
  const { span, within } = starter
  // A fiber that has outlived its load is no longer inside it.
  const around = within?.flight
  const running = joinable(reader, around)
  if (running !== undefined) {
    const hasTimeouts = isLimited(engine, request)
    const asked = hasTimeouts ? askTimeouts(engine, request) : request
    if (asked !== request) return withTimeouts(reader, asked, joining, resume)
    // The flight may be a refresh, and the store may have a servable entry by now.
    if (joining.readsStore && !running.readsStore && engine.storeReads !== undefined) {
      return resume(engine.storeReads.askThenJoin(reader, joining))
    }
    // Only timeouts matter to a caller that joins. Its other options are checked when it starts a flight.
    const invalid = hasTimeouts ? invalidity(engine, request) : undefined
    if (invalid !== undefined) return refuse(reader, resume, Exit.die(invalid))
    const cycle = cycleOf(around, running)
    if (cycle !== undefined) return refuse(reader, resume, Exit.die(cycle))
    // Add the caller and dequeue the flight before notifying listeners, which may end this load or drop it.
    const caller = wait(engine, fiber, { flight: running, request, hasTimeouts, stale, joined: true, resume })
    const promoted = running.phase === "Queued" ? promote(engine, running) : undefined
    if (!isAskingStore(running)) noteMiss(engine, request.key, id)
    running.counters.joined++
    emitOf(engine, request.key, id, joined)
    if (span !== undefined) linkTo(running, span)
    if (promoted !== undefined) startAll(engine, promoted)
    if (running.loaded !== undefined) answerIfBehind(engine, caller)
    return interruptible(engine, fiber, caller)
  }
  if (
    Policy.readsNormally(policy) && stale === undefined && trustsMemory(engine, policy) &&
    !isCompared(engine, within, id)
  ) {
    // A yield may have passed since memory was checked.
    const entry = Memory.peek(engine.memory, engine.tagEpochs, id)
    if (entry !== undefined && isKept(reader, entry)) return resume(serve(reader, entry, "memory"))
  }
  const before = flightBefore(reader)
  const refused = engine.closed
    ? new CacheClosed({ key: id })
    : refusal(engine, request) ?? cycleOf(around, engine.isPrivate ? ancestorOf(around, id) : before)
  if (refused !== undefined) return refuse(reader, resume, Exit.die(refused))
  const hasTimeouts = isLimited(engine, request)
  const asked = hasTimeouts ? askTimeouts(engine, request) : request
  if (asked !== request) return withTimeouts(reader, asked, joining, resume)
  const { protectedUntil, readsStore, rejectedWriteId, storeMillis } = joining
  // Running loads are older than this read requires and must not be stored after this one.
  if (engine.isPrivate && policy.writes && !Policy.readsNormally(policy)) noteRefresh(engine, id)
  const flight = makeFlight(engine, {
    id,
    request,
    policy,
    refresh: false,
    rejectedWriteId,
    readsStore,
    parent: around,
    // After an invalidation since the decision, joining callers must not fall back on the stale entry.
    stale: joining.mutations === engine.mutations ? stale : undefined,
    protectedUntil,
    storeMillis,
    starter
  })
  register(reader, flight, before)
  // Count before notifying listeners and before the load, which starts inline and may close a cycle or end at once.
  const caller = wait(engine, fiber, { flight, request, hasTimeouts, stale, joined: false, resume })
  if (!isAskingStore(flight)) noteMiss(engine, request.key, id)
  if (before === undefined) startNow(reader, flight)
  return interruptible(engine, fiber, caller)
}

/** Starts over, because the functions of the timeouts may have read as well. */
const withTimeouts = (
  reader: Reader,
  asked: ReturnType<typeof askTimeouts>,
  joining: Joining,
  resume: Resume
): Effect.Effect<void> | void =>
  Exit.isExit(asked) ? refuse(reader, resume, asked) : joinOrStart({ ...reader, request: asked }, joining, resume)

const register = ({ engine, id, policy }: Reader, flight: Flight, before: Flight | undefined): void => {
  if (engine.isPrivate) return
  const isBehind = before !== undefined && before === engine.flights.get(id)
  if (policy.writes && !isBehind) {
    // Detaches a flight that this read may not join: there is one storable flight per id.
    detach(engine, id)
    engine.flights.set(flight)
  }
  if (before !== undefined) startAfter(before, flight)
}

const startNow = ({ engine, fiber, policy, request }: Reader, flight: Flight): void => {
  // The load begins in a later turn than the calls that share it, so it sees everything written before them.
  if (policy.writes && isRefresh(flight) && !engine.isPrivate) startLater(engine, flight, fiber.currentDispatcher)
  else if (flight.phase === "Queued" && !request.batch?.seat(flight)) launch(engine, flight, request.load)
}

/** The flight of the id that must end first: a loading refresh, or an abandoned load that continues. */
const flightBefore = ({ engine, id, policy }: Reader): Flight | undefined => {
  // Such a load neither waits nor makes others wait.
  if (!policy.writes || engine.isPrivate) return undefined
  const running = engine.flights.get(id)
  return policy.joins === "refresh" && running !== undefined && isRefresh(running) && hasBegun(running)
    ? running
    : engine.ending.size > 0
    ? engine.ending.get(id)
    : undefined
}

/** The flight of the id around this read, which with private flights is the only one to check for a cycle. */
const ancestorOf = (around: Flight | undefined, id: string): Flight | undefined => {
  let flight = around
  while (flight !== undefined && flight.id !== id) flight = flight.parent
  return flight
}

const cycleOf = (around: Flight | undefined, awaited: Flight | undefined): CacheCycle | undefined =>
  around !== undefined && awaited !== undefined && reaches(awaited, around)
    ? new CacheCycle({ path: pathTo(around, awaited) })
    : undefined

const isKept = (reader: Reader, entry: Entry): boolean => {
  const { engine, fiber, request } = reader
  adopt(engine, reader, entry, nowOf(fiber))
  return !isDueAgain(engine, fiber, request, entry) &&
    decideInMemory(fiber, request, entry, nowFor(request, entry, readContextOf(engine, fiber).clock)) === Serve
}

/** Ends a read that may not load as a miss with a defect. */
const refuse = ({ engine, id, request }: Reader, resume: Resume, defect: Exit.Exit<never>): void => {
  noteMiss(engine, request.key, id)
  resume(defect)
}

const joinable = (
  { engine: self, id, policy, request }: Reader,
  around: Flight | undefined
): Flight | undefined => {
  if (policy.joins === "none" || !self.flights.has(id)) return undefined
  // A change of another process that is not yet applied may detach it.
  self.tagEpochs.ensureTracking?.()
  const flight = self.flights.get(id)
  if (flight === undefined) return undefined
  // An effect and a stream with the same key do not wait for each other. An ended flight is notifying listeners.
  const hasEnded = flight.exit !== undefined
  if (
    hasEnded || isBeforeClear(self, flight) && !isAwaitedBy(flight, around) ||
    (flight.request.followed !== undefined) !== (request.followed !== undefined)
  ) {
    detach(self, id)
    return undefined
  }
  // The flight waits for an abandoned load, which a read that is not stored need not do.
  if (!policy.writes && flight.phase === "Queued" && self.ending.has(id)) return undefined
  // A queued flight begins after all changes up to now.
  if (
    flight.phase !== "Queued" && flight.bornAt !== self.tagEpochs.epoch && (
      hasLateTags(flight) ||
      hasMovedForJoining(flight) ||
      TagEpochs.movedSince(self.tagEpochs, declaredTags(self, flight.request), flight.bornAt) ||
      TagEpochs.movedSince(self.tagEpochs, declaredTags(self, request), flight.bornAt)
    )
  ) {
    detach(self, id)
    return undefined
  }
  return policy.joins === "refresh" ? refreshToCome(flight) : flight
}

/** A load that waits for this read needs itself. A new load would need itself, too, without end. */
const isAwaitedBy = (flight: Flight, around: Flight | undefined): boolean =>
  around !== undefined && reaches(flight, around)

/** Whether a stream has tags known only at its end, when its consumers have received elements and cannot read again. */
const hasLateTags = ({ attempt, request: { followed, options } }: Flight): boolean =>
  followed !== undefined && (typeof options.tags === "function" || attempt.annotations?.tags !== undefined)

/** A requested refresh whose load has not begun: this flight, or the one queued behind it. */
const refreshToCome = (flight: Flight): Flight | undefined =>
  [flight, ...flight.after ?? []].find((one) => one.policy.joins === "refresh" && isToCome(one))
