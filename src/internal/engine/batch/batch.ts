/** One load for many keys, each of which has its own flight or a ticket. */
import { release } from "#platform/engine/derived/dependencies"
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
import type { Batch, BatchAnswers, BatchOptions, Flight, Resume, Ticket, Watch } from "../state.ts"
import { Elsewhere } from "../storeTier/storeTier.ts"
import * as Job from "../telemetry/job.ts"
import { linkTo } from "../telemetry/spans.ts"
import {
  arrived,
  board,
  type Call,
  doing,
  firstOf,
  isWaiting,
  Item,
  itemOf,
  leaveCall,
  leaveTickets,
  sell,
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
    seat: (flight) => seat(state, flight),
    hasSeat: (usesStore) => usesStore ? state.host !== undefined : state.ready.length > 0,
    sell: (ticket, usesStore) => sell(state, ticket, usesStore ? askFor : undefined),
    board: (ticket) => board(state, ticket),
    leaveTickets: (tickets) => leaveTickets(state, tickets),
    giveBack: (tickets) => state.seats?.giveBack(tickets),
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
    isLogged: false,
    asksEvidence: false,
    evidence: undefined
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
    tickets: [],
    call: undefined,
    boarded: new Map(),
    host: undefined,
    seats: undefined,
    isOpen: true,
    isPaused: false
  }
  const askFor = (ticket: Ticket): void => askLater(state, ticket)
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
    const item = new Item(flight, false, context, resume as Resume)
    self.ready.push(item)
    self.loading.set(flight, item)
    arrived(self, flight)
    fireIfComplete(self)
    return Effect.suspend(() => withdraw(self, item))
  })

/** Removes a flight. Interrupts the call if no other flight waits. Awaits the call if the flight must not end first. */
const withdraw = (self: State, item: Item): Effect.Effect<unknown> => {
  const { call, flight } = item
  if (call === undefined) item.state = "left"
  self.loading.delete(flight)
  return call !== undefined && leaveCall(call, item) && call.fiber !== undefined ? Fiber.await(call.fiber) : Effect.void
}

/** Runs a flight without a fiber. Returns `false` if the flight needs one (store reads, spans, deep nesting). */
const seat = (self: State, flight: Flight): boolean => {
  const { depth, engine, policy, readsStore, trace } = flight
  if (!self.isOpen || engine.isPrivate || readsStore || trace !== undefined || depth % 32 === 0) return false
  const usesStore = engine.throughStore !== undefined && policy.writes
  // In a transaction, a load runs the steps in `transaction/loads.ts`, which need a fiber.
  if (usesStore && engine.storeTier === undefined) return false
  begin(flight)
  engine.running.add(flight)
  const item = new Item(flight, usesStore)
  flight.fiber = item
  if (usesStore) {
    const { request, starter } = flight
    self.host ??= { engine, policy, request, starter }
    askLater(self, item)
  } else {
    self.ready.push(item)
    arrived(self, flight)
  }
  return true
}

/** Adds a key to the next wave. The wave asks the store for leases once it is full or the scheduler runs it. */
const askLater = (self: State, one: Item | Ticket): void => {
  const { asking } = self
  asking.push(one)
  if (asking.length >= waves.size) acquire(self)
  else if (asking.length === 1) self.host!.engine.work.dispatcher.scheduleTask(() => acquire(self), 0)
}

const acquire = (self: State): void => {
  const { asking } = self
  if (self.isPaused || asking.length === 0) return
  self.asking = []
  const { engine, starter } = self.host!
  const arrive = (exit: Exit.Exit<void>): void => {
    for (const one of asking) arriveOne(self, one, exit)
    fireIfComplete(self)
  }
  const wanted = asking.filter((one) => isWaiting(self, one))
  if (wanted.length === 0) return arrive(Exit.void)
  const seats = self.seats ??= engine.storeReads!.makeSeats(self.host!, !self.isOpen)
  const fiber = Effect.runForkWith(starter.context as Context.Context<any>)(
    seats.acquire(wanted)
  )
  const exit = fiber.pollUnsafe()
  if (exit === undefined) fiber.addObserver(arrive)
  else arrive(exit)
}

/** Continues with a key for whose lease the store was asked. */
const arriveOne = (self: State, one: Item | Ticket, exit: Exit.Exit<void>): void => {
  if (!(one instanceof Item)) {
    self.unanswered--
    const isTicket = one.isOpen && Exit.isSuccess(exit)
    if (isTicket) self.tickets.push(one)
    else if (one.isOpen) one.board()
    self.groups.left(one)
    if (isTicket) return
  }
  const item = itemOf(self, one)
  if (item?.state !== "waiting") return
  const { flight } = item
  if (Exit.isFailure(exit)) complete(flight.engine, flight, exit)
  else if (flight.waveAnswer instanceof Elsewhere) {
    // A flight that was a ticket when the batch was closed has not entered it.
    self.pending.add(flight)
    runAlone(flight)
  } else {
    self.ready.push(item)
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
  const isItemWaiting = ({ state }: Item): boolean => state === "waiting"
  // If no flight is left that could lead the tickets, one of them becomes a flight.
  if (!self.ready.some(isItemWaiting)) self.tickets.find(({ isOpen }) => isOpen)?.board()
  const items = self.ready.filter(isItemWaiting)
  self.ready = []
  const tickets = self.tickets.filter(({ isOpen }) => isOpen)
  self.tickets = []
  if (items.length > 0) fire(self, items, tickets)
}

const fire = (self: State, items: ReadonlyArray<Item>, tickets: ReadonlyArray<Ticket>): void => {
  const [{ context = loadContext(items[0]!.flight), flight: first }] = items as [Item, ...Array<Item>]
  const { engine, starter } = first
  const clock = Context.get(context, Clock.Clock)
  const call: Call = {
    // `concat` copies a million tickets at once; a spread would copy them one by one.
    items: tickets.length === 0 ? items : (items as Call["items"]).concat(tickets),
    // The call runs as part of the first flight. The others wait for that flight, so that the wait graph finds cycles.
    edges: new Map([[first, 1]]),
    waiting: items.length + tickets.length,
    turning: { clock, dispatcher: engine.work.dispatcher },
    starter,
    unasked: [],
    fiber: undefined,
    begun: {
      at: clock.currentTimeMillisUnsafe(),
      asOf: engine.storeTier?.captures ?? 0,
      clears: engine.storeTier?.clears ?? 0
    },
    isStoring: false,
    onStored: undefined
  }
  self.leading.add(first)
  const now = call.begun.at
  for (const item of items) item.call = call
  if (tickets.length > 0) self.call = call
  const wait = (one: Item | Ticket): void => {
    if (!(one instanceof Item)) return void first.counters.loads++
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
  Turns.forEachUnsafe(call.items, call.turning, wait, () => beginCall(self, call, context))
}

const beginCall = (self: State, call: Call, context: Context.Context<never>): void => {
  const { flight: first } = firstOf(call)
  const watch = self.batch.options.requestOf && Watches.begin(first.engine, self.batch.evidence)
  const within = Context.add(context, Aside, first.attempt).pipe(
    Context.add(CurrentLogAnnotations, annotationsOfAll(context))
  )
  const fiber = Effect.runForkWith(within as Context.Context<any>)(lookup(self, call))
  call.fiber = fiber
  fiber.addObserver((exits) => {
    const ending: Array<Item | Ticket> = []
    const outcomes: Array<Exit.Exit<unknown, unknown>> = []
    let place = 0
    const resume = (one: Item | Ticket): void => {
      const exit = Exit.isFailure(exits) ? exits : exits.value[place]!
      place++
      if (!(one instanceof Item) && one.isOpen && !call.isStoring) {
        if (one.end(exit, first)) return void call.waiting--
        if (one.isOpen) one.board()
      }
      const item = itemOf(self, one)
      if (!(one instanceof Item) && (one.isOpen || item?.state === "storing")) {
        call.waiting--
        ending.push(one)
        return void outcomes.push(exit)
      }
      if (item === undefined) return
      const { flight, resume, state, usesStore } = item
      if (state === "left") return
      if (state === "waiting") call.waiting--
      item.state = "left"
      if (resume === undefined) {
        if (state !== "waiting") return complete(flight.engine, flight, Exit.interrupt())
        if (!usesStore) return complete(flight.engine, flight, exit)
        loadEnded(flight)
        ending.push(item)
        return void outcomes.push(exit)
      }
      if (state === "leaving") return
      self.groups.entered(flight)
      resume(exit)
    }
    settle(self, call, exits, (isLate) => {
      if (Exit.isFailure(exits)) call.unasked = []
      keepOthers(self, call, watch, () => {
        call.isStoring = self.call === call && self.host !== undefined
        self.groups.forEach(call.items, call.turning, resume, () => {
          if (ending.length > 0 || call.isStoring) storeAll(self, call, ending, outcomes)
          if (isLate) release(first.attempt)
        })
      })
    })
  })
  if (call.waiting === 0) fiber.interruptUnsafe()
}

const lookup = (self: State, call: Call): Effect.Effect<BatchAnswers, unknown, any> => {
  const { loadAll, retry } = self.batch.options
  const keys = call.items.map(({ key }) => key)
  const callAll = Effect.suspend(() => {
    Job.called(call.starter.context, keys, firstOf(call).flight.refresh)
    return inOrder(keys, loadAll, (answers) => void (call.unasked = answers))
  })
  const onRelease = (exits: Exit.Exit<BatchAnswers, unknown>): void => {
    for (const [i, { flight }] of call.items.entries()) {
      if (flight === undefined) continue
      const exit = Exit.isSuccess(exits) ? exits.value?.[i] : undefined
      // Skips a result that is not an `Exit`. After the call has ended, `checked` refuses it.
      if (Exit.isExit(exit)) warnOfResource(flight, exit)
    }
  }
  const tries = retry === undefined
    ? callAll
    : retried(firstOf(call).flight, callAll, { schedule: retry, onRelease, items: call.items })
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
  end: (isLate: boolean) => void
): void => {
  const { flight: first } = firstOf(call)
  if (Exit.isFailure(exits)) self.batch.failed = exits.cause
  self.leading.delete(first)
  const isLate = first.exit !== undefined
  if (isLate) endAttempt(first.attempt)
  const endedAt = call.turning.clock.currentTimeMillisUnsafe()
  const { dependencies, fromStale, recorder } = first.attempt
  const isShared = fromStale || recorder !== undefined || dependencies !== undefined
  Turns.forEachUnsafe(call.items, call.turning, (one) => {
    const flight = one.flight ?? (isShared && (one as Ticket).isOpen ? (one as Ticket).board() : undefined)
    if (flight === undefined) return
    flight.attempt.endedAt = endedAt
    if (flight !== first) {
      removeEdge(flight.attempt, first)
      recordShared(flight.attempt, first.attempt)
      if (first.attempt.fromStale) flight.attempt.fromStale = true
    }
    if (self.loading.size > 0) self.loading.delete(flight)
  }, () => end(isLate))
}

/** Stores the results of keys without fibers, in waves, and answers their callers. A wave makes flights of tickets. */
const storeAll = (self: State, call: Call, ended: ReadonlyArray<Item | Ticket>, outcomes: BatchAnswers): void => {
  const { engine, starter } = self.host!
  const storing = forEachWave(ended, (wave, from, inTurn) =>
    Effect.suspend(() => {
      const flights = wave.map((one) => one instanceof Item || !one.isOpen ? one.flight! : one.board())
      const writing = self.seats!.store(flights, outcomes.slice(from, from + wave.length))
      return Effect.map(Effect.tap(Effect.exit(writing), inTurn), (answers) =>
        wave.forEach((one, i) => {
          const flight = flights[i]!
          if (flight.exit === undefined) {
            complete(engine, flight, Exit.isSuccess(answers) ? answers.value[i]! : answers)
          }
          if (one instanceof Item) return
          self.boarded.delete(one)
          one.flight = undefined
        }))
    }))
  Effect.runForkWith(starter.context as Context.Context<any>)(Effect.ensuring(storing, Effect.sync(() => stored(call))))
}

const keepOthers = ({ batch }: State, call: Call, watch: Watch | undefined, end: () => void): void => {
  if (watch === undefined) return end()
  const { starter, unasked } = call
  const { flight } = firstOf(call)
  const requestOf = (key: Key) => batch.options.requestOf!(key, closed)
  keepUnasked(flight.engine, unasked, { flight, starter, watch, end, requestOf })
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
