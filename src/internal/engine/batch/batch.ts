/** One load for many keys, each of which has its own flight or a stub. */
import { warnOfResource } from "#platform/engine/load/resource"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import { CurrentLogAnnotations } from "effect/References"
import type { SchedulerDispatcher } from "effect/Scheduler"
import { longCall, waves } from "../../defaults/bounds.ts"
import type { Key } from "../../key/ofKey.ts"
import * as Turns from "../../time/turns.ts"
import { forEachWave } from "../../time/waves.ts"
import { recordShared } from "../derived/recorder.ts"
import { complete } from "../flight/complete.ts"
import { begin, beginLoading, countFrom, loadEnded } from "../flight/flight.ts"
import { addEdge, removeEdge } from "../flight/waitGraph.ts"
import * as Watches from "../flight/watches.ts"
import { launch } from "../load/load.ts"
import { loadContext } from "../load/loadContext.ts"
import { inScope } from "../load/loadScope.ts"
import { retried } from "../load/retried.ts"
import { Aside, endAttempt, loadingOf } from "../request/attempt.ts"
import type { Batch, BatchAnswers, BatchOptions, Flight, Resume, Stub, Watch } from "../state.ts"
import { Elsewhere } from "../storeTier/storeTier.ts"
import * as Job from "../telemetry/job.ts"
import { linkTo } from "../telemetry/spans.ts"
import {
  addStub,
  arrived,
  type Call,
  CallMember,
  doing,
  firstOf,
  isWaiting,
  leaveCall,
  leaveStubs,
  memberOf,
  replaceStub,
  type State,
  stored,
  whenStored
} from "./call.ts"
import { make as makeGroups } from "./groups.ts"
import { checked, inOrder } from "./inOrder.ts"
import { keepUnasked } from "./unasked.ts"

export type { Batch, LoadAll } from "../state.ts"

export const make = (options: BatchOptions): Batch => {
  const groups = makeGroups()
  const batch: Batch = {
    add: (flight) => add(state, flight),
    inGroups: groups.forEach,
    dropOut: (flight) => dropOut(state, flight),
    drop: (flight, dispatcher) => drop(state, flight, dispatcher),
    runWithoutFiber: (flight) => runWithoutFiber(state, flight),
    hasLeader: (usesStore) => usesStore ? state.waveContext !== undefined : state.ready.length > 0,
    addStub: (stub, usesStore) => addStub(state, stub, usesStore ? askFor : undefined),
    replaceStub: (stub) => replaceStub(state, stub),
    leaveStubs: (stubs) => leaveStubs(state, stubs),
    releaseLeases: (stubs) => state.waveSteps?.releaseLeases(stubs),
    doing: () => doing(state),
    whenStored: (run) => whenStored(state, run),
    whileLeaving: (leaving) => whileLeaving(state, leaving),
    rejoin: (flight) => void state.pending.add(flight),
    fiberOf: (flight) => state.loading.get(flight)?.call?.fiber,
    isLedBy: (flight) => state.leading.has(flight),
    load: Effect.withFiber((fiber) => load(state, fiber)),
    close: () => close(state),
    options,
    failed: undefined,
    isLogged: false
  }
  const state: State = {
    batch,
    groups,
    pending: new Set(),
    ready: [],
    loading: new Map(),
    leading: new Set(),
    asking: [],
    unanswered: 0,
    stubs: [],
    call: undefined,
    replaced: new Map(),
    waveContext: undefined,
    waveSteps: undefined,
    isOpen: true,
    isPaused: false
  }
  const askFor = (stub: Stub): void => askLater(state, stub)
  return batch
}

const add = (self: State, flight: Flight): void => {
  // The call must not wait for the refresh of one of its values: a refresh that waits for the call may hold the slot.
  if (!self.isOpen || (flight.refresh && self.batch.options.retry === undefined)) return
  self.pending.add(flight)
  self.groups.entered(flight)
}

const dropOut = (self: State, flight: Flight): void => {
  self.groups.left(flight)
  if (self.pending.delete(flight)) fireIfComplete(self)
}

const drop = (self: State, flight: Flight, dispatcher: SchedulerDispatcher): void => {
  self.groups.left(flight)
  if (self.pending.delete(flight) && self.pending.size === 0) {
    dispatcher.scheduleTask(() => fireIfComplete(self), 0)
  }
}

const close = (self: State): void => {
  self.isOpen = false
  acquire(self)
  fireIfComplete(self)
}

/** Runs an effect in which callers leave over several turns. Meanwhile no call begins, because it may not be needed. */
const whileLeaving = <A>(self: State, leaving: Effect.Effect<A>): Effect.Effect<A> =>
  Effect.suspend(() => {
    self.isPaused = true
    const resume = Effect.sync(() => {
      self.isPaused = false
      acquire(self)
      fireIfComplete(self)
    })
    return Effect.ensuring(leaving, resume)
  })

const load = (self: State, fiber: Fiber.Fiber<any, any>): Effect.Effect<unknown, unknown, any> =>
  Effect.callback((resume) => {
    const context = fiber.context as Context.Context<never>
    const flight = loadingOf(context)!.flight!
    const member = new CallMember(flight, false, context, resume as Resume)
    self.ready.push(member)
    self.loading.set(flight, member)
    arrived(self, flight)
    fireIfComplete(self)
    return Effect.suspend(() => withdraw(self, member))
  })

/** Removes a flight. Interrupts the call if no other flight waits. Awaits the call if the flight must not end first. */
const withdraw = (self: State, member: CallMember): Effect.Effect<unknown> => {
  const { call, flight } = member
  if (call === undefined) member.state = "left"
  self.loading.delete(flight)
  return call !== undefined && leaveCall(call, member) && call.fiber !== undefined
    ? Fiber.await(call.fiber)
    : Effect.void
}

/** Runs a flight without a fiber. Returns `false` if the flight needs one (store reads, spans, deep nesting). */
const runWithoutFiber = (self: State, flight: Flight): boolean => {
  const { depth, engine, policy, readsStore, trace } = flight
  if (!self.isOpen || engine.isPrivate || readsStore || trace !== undefined || depth % 32 === 0) return false
  const usesStore = engine.throughStore !== undefined && policy.writes
  // In a transaction, a load runs the steps in `transaction/loads.ts`, which need a fiber.
  if (usesStore && engine.storeTier === undefined) return false
  begin(flight)
  engine.running.add(flight)
  const member = new CallMember(flight, usesStore)
  flight.fiber = member
  if (usesStore) {
    const { request, starter } = flight
    self.waveContext ??= { engine, policy, request, starter }
    askLater(self, member)
  } else {
    self.ready.push(member)
    arrived(self, flight)
  }
  return true
}

/** Adds a key to the next wave. The wave asks the store for leases once it is full or the scheduler runs it. */
const askLater = (self: State, one: CallMember | Stub): void => {
  const { asking } = self
  asking.push(one)
  if (asking.length >= waves.size) acquire(self)
  else if (asking.length === 1) self.waveContext!.engine.work.dispatcher.scheduleTask(() => acquire(self), 0)
}

const acquire = (self: State): void => {
  const { asking } = self
  if (self.isPaused || asking.length === 0) return
  self.asking = []
  const { engine, starter } = self.waveContext!
  const arrive = (exit: Exit.Exit<void>): void => {
    for (const one of asking) arriveOne(self, one, exit)
    fireIfComplete(self)
  }
  const wanted = asking.filter((one) => isWaiting(self, one))
  if (wanted.length === 0) return arrive(Exit.void)
  const waveSteps = self.waveSteps ??= engine.storeReads!.makeWaveSteps(self.waveContext!, !self.isOpen)
  const fiber = Effect.runForkWith(starter.context as Context.Context<any>)(
    waveSteps.acquire(wanted)
  )
  const exit = fiber.pollUnsafe()
  if (exit === undefined) fiber.addObserver(arrive)
  else arrive(exit)
}

/** Continues with a key for whose lease the store was asked. */
const arriveOne = (self: State, one: CallMember | Stub, exit: Exit.Exit<void>): void => {
  if (!(one instanceof CallMember)) {
    self.unanswered--
    const isStub = one.isOpen && Exit.isSuccess(exit)
    if (isStub) self.stubs.push(one)
    else if (one.isOpen) one.toFlight()
    self.groups.left(one)
    if (isStub) return
  }
  const member = memberOf(self, one)
  if (member?.state !== "waiting") return
  const { flight } = member
  if (Exit.isFailure(exit)) complete(flight.engine, flight, exit)
  else if (flight.waveAnswer instanceof Elsewhere) {
    // A flight that was a stub when the batch was closed has not entered it.
    self.pending.add(flight)
    runAlone(flight)
  } else {
    self.ready.push(member)
    arrived(self, flight)
  }
}

const runAlone = (flight: Flight): void => {
  const { engine, request } = flight
  engine.running.delete(flight)
  launch(engine, flight, request.load)
}

const fireIfComplete = (self: State): void => {
  if (self.isOpen || self.isPaused || self.pending.size > 0 || self.unanswered > 0) return
  const isMemberWaiting = ({ state }: CallMember): boolean => state === "waiting"
  // If no flight is left that could lead the stubs, one of them becomes a flight.
  if (!self.ready.some(isMemberWaiting)) self.stubs.find(({ isOpen }) => isOpen)?.toFlight()
  const members = self.ready.filter(isMemberWaiting)
  self.ready = []
  const stubs = self.stubs.filter(({ isOpen }) => isOpen)
  self.stubs = []
  if (members.length > 0) fire(self, members, stubs)
}

const fire = (self: State, members: ReadonlyArray<CallMember>, stubs: ReadonlyArray<Stub>): void => {
  const [{ context = loadContext(members[0]!.flight), flight: first }] = members as [CallMember, ...Array<CallMember>]
  const { engine, starter } = first
  const clock = Context.get(context, Clock.Clock)
  const call: Call = {
    // `concat` copies a million stubs at once; a spread would copy them one by one.
    members: stubs.length === 0 ? members : (members as Call["members"]).concat(stubs),
    // The call runs as part of the first flight. The others wait for that flight, so that the wait graph finds cycles.
    edges: new Map([[first, 1]]),
    waiting: members.length + stubs.length,
    turning: { clock, dispatcher: engine.work.dispatcher },
    starter,
    unasked: [],
    fiber: undefined,
    begun: {
      at: clock.currentTimeMillisUnsafe(),
      asOf: engine.storeTier?.captures ?? 0,
      askedAt: engine.mutations
    },
    isStoring: false,
    onStored: undefined
  }
  self.leading.add(first)
  const now = call.begun.at
  for (const member of members) member.call = call
  if (stubs.length > 0) self.call = call
  const wait = (one: CallMember | Stub): void => {
    if (!(one instanceof CallMember)) return void first.counters.loads++
    const { flight, resume, state } = one
    if (resume === undefined) {
      if (state !== "waiting") return
      flight.counters.loads++
      if (flight !== first) flight.attempt.waitsOn = call.edges
      return beginLoading(flight, now)
    }
    // The load counts as started now: waiting for other flights to enter the call is not part of its duration.
    countFrom(flight, now)
    if (flight === first) return
    addEdge(flight.attempt, first)
    if (flight.trace?.span !== undefined) linkTo(first, flight.trace.span)
  }
  Turns.forEachUnsafe(call.members, call.turning, wait, () => beginCall(self, call, context))
}

const beginCall = (self: State, call: Call, context: Context.Context<never>): void => {
  const { flight: first } = firstOf(call)
  const watch = self.batch.options.requestOf && Watches.begin(first.engine)
  const within = Context.add(context, Aside, first.attempt).pipe(
    Context.add(CurrentLogAnnotations, annotationsOfAll(context))
  )
  const fiber = Effect.runForkWith(within as Context.Context<any>)(lookup(self, call))
  call.fiber = fiber
  fiber.addObserver((exits) => {
    const ending: Array<CallMember | Stub> = []
    const outcomes: Array<Exit.Exit<unknown, unknown>> = []
    let place = 0
    const resume = (one: CallMember | Stub): void => {
      const exit = Exit.isFailure(exits) ? exits : exits.value[place]!
      place++
      if (!(one instanceof CallMember) && one.isOpen && !call.isStoring) {
        if (one.end(exit, first)) return void call.waiting--
        if (one.isOpen) one.toFlight()
      }
      const member = memberOf(self, one)
      if (!(one instanceof CallMember) && (one.isOpen || member?.state === "storing")) {
        call.waiting--
        ending.push(one)
        return void outcomes.push(exit)
      }
      if (member === undefined) return
      const { flight, resume, state, usesStore } = member
      if (state === "left") return
      if (state === "waiting") call.waiting--
      member.state = "left"
      if (resume === undefined) {
        if (state !== "waiting") return complete(flight.engine, flight, Exit.interrupt())
        if (!usesStore) return complete(flight.engine, flight, exit)
        loadEnded(flight)
        ending.push(member)
        return void outcomes.push(exit)
      }
      if (state === "leaving") return
      self.groups.entered(flight)
      resume(exit)
    }
    settle(self, call, exits, () => {
      if (Exit.isFailure(exits)) call.unasked = []
      keepOthers(self, call, watch)
      call.isStoring = self.call === call && self.waveContext !== undefined
      self.groups.forEach(call.members, call.turning, resume, () => {
        if (ending.length > 0 || call.isStoring) storeAll(self, call, ending, outcomes)
      })
    })
  })
  if (call.waiting === 0) fiber.interruptUnsafe()
}

const lookup = (self: State, call: Call): Effect.Effect<BatchAnswers, unknown, any> => {
  const { loadAll, retry } = self.batch.options
  const keys = call.members.map(({ key }) => key)
  const callAll = Effect.suspend(() => {
    Job.called(call.starter.context, keys, firstOf(call).flight.refresh)
    return inOrder(keys, loadAll, (answers) => void (call.unasked = answers))
  })
  const onRelease = (exits: Exit.Exit<BatchAnswers, unknown>): void => {
    for (const [i, { flight }] of call.members.entries()) {
      if (flight === undefined) continue
      const exit = Exit.isSuccess(exits) ? exits.value?.[i] : undefined
      // Skips a result that is not an `Exit`. After the call has ended, `checked` refuses it.
      if (Exit.isExit(exit)) warnOfResource(flight, exit)
    }
  }
  const tries = retry === undefined
    ? callAll
    : retried(firstOf(call).flight, callAll, { schedule: retry, onRelease, items: call.members })
  // If all flights have left before the call begins, the user's lookup does not run.
  const calling = Effect.suspend(() => call.waiting === 0 ? Effect.interrupt : tries)
  // The turn that has listed many keys may be used up already.
  const inTurn = keys.length >= longCall ? Effect.andThen(Effect.yieldNow, calling) : calling
  return checked(keys, Effect.withFiber((fiber) => inScope(fiber, inTurn, (_, exit) => onRelease(exit), undefined)))
}

const settle = (
  self: State,
  call: Call,
  exits: Exit.Exit<BatchAnswers, unknown>,
  end: () => void
): void => {
  const { flight: first } = firstOf(call)
  if (Exit.isFailure(exits)) self.batch.failed = exits.cause
  self.leading.delete(first)
  if (first.exit !== undefined) endAttempt(first.attempt)
  const endedAt = call.turning.clock.currentTimeMillisUnsafe()
  const { dependencies, fromStale, recorder } = first.attempt
  const isShared = fromStale || recorder !== undefined || dependencies !== undefined
  Turns.forEachUnsafe(call.members, call.turning, (one) => {
    const flight = one.flight ?? (isShared && (one as Stub).isOpen ? (one as Stub).toFlight() : undefined)
    if (flight === undefined) return
    flight.attempt.endedAt = endedAt
    if (flight !== first) {
      removeEdge(flight.attempt, first)
      recordShared(flight.attempt, first.attempt)
      if (first.attempt.fromStale) flight.attempt.fromStale = true
    }
    if (self.loading.size > 0) self.loading.delete(flight)
  }, end)
}

/** Stores the results of keys without fibers, in waves, and answers their callers. A wave makes flights of stubs. */
const storeAll = (self: State, call: Call, ended: ReadonlyArray<CallMember | Stub>, outcomes: BatchAnswers): void => {
  const { engine, starter } = self.waveContext!
  const storing = forEachWave(ended, (wave, from, inTurn) =>
    Effect.suspend(() => {
      const flights = wave.map((one) => one instanceof CallMember || !one.isOpen ? one.flight! : one.toFlight())
      const writing = self.waveSteps!.store(flights, outcomes.slice(from, from + wave.length))
      return Effect.map(Effect.tap(Effect.exit(writing), inTurn), (answers) =>
        wave.forEach((one, i) => {
          const flight = flights[i]!
          if (flight.exit === undefined) {
            complete(engine, flight, Exit.isSuccess(answers) ? answers.value[i]! : answers)
          }
          if (one instanceof CallMember) return
          self.replaced.delete(one)
          one.flight = undefined
        }))
    }))
  Effect.runForkWith(starter.context as Context.Context<any>)(Effect.ensuring(storing, Effect.sync(() => stored(call))))
}

const keepOthers = ({ batch }: State, call: Call, watch: Watch | undefined): void => {
  if (watch === undefined) return
  const { starter, unasked } = call
  const { flight } = firstOf(call)
  const requestOf = (key: Key) => batch.options.requestOf!(key, closed)
  keepUnasked(flight.engine, unasked, { flight, starter, watch, requestOf })
}

/** The log annotations of the first flight, without the key, because the call is about all keys. */
const annotationsOfAll = (context: Context.Context<never>): { readonly [name: string]: unknown } => {
  const { "cache.key": _, ...others } = Context.get(context, CurrentLogAnnotations)
  return others
}

const makeClosed = (): Batch => {
  const batch = make({ loadAll: () => Effect.succeed([]) })
  batch.close()
  return batch
}

const closed = makeClosed()
