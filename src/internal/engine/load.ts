import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Random from "effect/Random"
import { CurrentLogAnnotations } from "effect/References"
import { Load, LoadOrStale, Serve, ServeAndRefresh } from "../../Strategy.ts"
import { ask, type Budget, encode, fetch, isFault, versionsOf } from "./backend.ts"
import { Entry, goodUntilOf } from "./entry.ts"
import { type Flight, Loading, Within } from "./flight.ts"
import * as Journal from "./journal.ts"
import { declaredTags } from "./keys.ts"
import { arrive, isRenewed, outcomeOf, settle } from "./landing.ts"
import { Elsewhere, type Guard, lead } from "./lease.ts"
import { annotationsOf } from "./log.ts"
import type { Engine } from "./model.ts"
import { countersOf, noteMiss } from "./observe.ts"
import * as Policy from "./policy.ts"
import { holdOff, isThrottled } from "./refresh.ts"
import { decideAt, servedAs } from "./serve.ts"
import { traced } from "./spans.ts"
import { Waiters } from "./waiters.ts"
import { failStrict, satisfyImpatient } from "./waiting.ts"

export interface FlightOptions {
  readonly id: string
  readonly request: Flight["request"]
  readonly policy: Policy.Policy
  readonly refresh: boolean
  readonly seen: string | undefined
  readonly fetches: boolean
  readonly parent: Flight | undefined
  readonly stale: Entry | undefined
  readonly goodUntil?: number
  readonly context: Context.Context<never>
}

export const make = (self: Engine, options: FlightOptions): Flight => {
  const flight = start(self, options)
  options.request.batch?.enter(flight)
  return flight
}

const start = (self: Engine, options: FlightOptions): Flight => ({
  ...options,
  engine: self,
  bornAt: self.tags.epoch,
  depth: options.parent === undefined ? 1 : options.parent.depth + 1,
  waiters: new Waiters(),
  waitsOn: new Map(),
  queued: false,
  fiber: undefined,
  exit: undefined,
  pinned: options.refresh,
  publishes: true,
  isLoading: false,
  lease: undefined,
  outdated: false,
  abandoned: false,
  goodUntil: options.goodUntil ?? 0,
  entry: undefined,
  served: false,
  looking: options.fetches,
  standsIn: false,
  due: false,
  fault: undefined,
  startedAt: 0,
  overdue: false,
  limit: undefined,
  counters: countersOf(self, options.request.key),
  tainted: false,
  renewed: false,
  ended: false,
  conclude: undefined,
  previous: undefined,
  annotations: undefined,
  span: undefined,
  links: undefined
})

/** Starts a flight's fiber in the engine's care, with the starter's context but for what is the starter's own. */
export const launch = (self: Engine, flight: Flight, load: Effect.Effect<unknown, unknown, any>): void => {
  self.running.add(flight)
  // what the load needs is in the starter's context; its types end at the combinator
  const inside = loadContext(flight) as Context.Context<any>
  const guarded = Effect.scoped(traced(flight, load))
  const body = self.backend === undefined || !usesStore(flight)
    ? counted(flight, guarded)
    : throughStore(self, flight, guarded)
  // starting inline nests run loops: every 32nd level starts from the scheduler, so recursion cannot overflow the stack
  run(flight, inside, flight.depth % 32 === 0 ? Effect.andThen(Effect.yieldNow, body) : body, (exit) => {
    const { conclude } = flight
    if (!isRenewed(flight) || conclude === undefined) return arrive(self, flight, exit)
    run(flight, inside, conclude(exit), (exit) => arrive(self, flight, exit))
  })
}

const run = (
  flight: Flight,
  context: Context.Context<any>,
  body: Effect.Effect<unknown, unknown, any>,
  then: (exit: Exit.Exit<unknown, unknown>) => void
): void => {
  const child = Effect.runForkWith(context)(body)
  flight.fiber = child
  child.addObserver(then)
  // it was given up while it started
  if (flight.abandoned) child.interruptUnsafe()
}

const usesStore = (flight: Flight): boolean => flight.fetches || flight.policy.writes

const loadContext = (flight: Flight): Context.Context<never> => {
  const about = annotationsOf({ id: flight.id, key: flight.request.key })
  const inside = Context.add(annotated(flight.context, about), Within, flight).pipe(Context.add(Loading, flight))
  // the starter's, which is not the flight's where that is a refresh
  const policy = Context.get(inside, Policy.Current)
  return policy === Policy.standard
    ? inside
    : Context.add(inside, Policy.Current, policy.detector === undefined ? Policy.standard : Policy.detecting(policy))
}

/** a load inside another is about its own key */
const annotated = (
  context: Context.Context<never>,
  about: ReturnType<typeof annotationsOf>
): Context.Context<never> => {
  const { "cache.class": _, ...others } = Context.get(context, CurrentLogAnnotations)
  return Context.add(context, CurrentLogAnnotations, { ...others, ...about })
}

const counted = (
  flight: Flight,
  load: Effect.Effect<unknown, unknown, any>
): Effect.Effect<unknown, unknown, any> =>
  Effect.withFiber((fiber) => {
    flight.counters.loads++
    flight.isLoading = true
    // what was before is nothing to what it will bring
    flight.outdated = false
    // it may say that it has ended before `launch` comes to know its fiber
    flight.fiber ??= fiber
    flight.startedAt = fiber.getRef(Clock.Clock).currentTimeMillisUnsafe()
    return load
  })

/** Fetch, take, load, put: the steps of a flight where there is a store. */
const throughStore = Effect.fnUntraced(function*(
  self: Engine,
  flight: Flight,
  load: Effect.Effect<unknown, unknown, any>
): Effect.fn.Return<unknown, unknown, any> {
  const clock = yield* Clock.Clock
  const random = yield* Random.Random
  const budget: Budget = {
    leftMillis: flight.request.batch?.options.leftMillis ?? flight.policy.storeTimeoutMillis ??
      self.backend!.budgetMillis
  }
  if (flight.fetches) {
    const rejected = flight.seen
    flight.outdated = false
    const found = yield* fetch(self, budget, flight.request.key, flight.id, declaredTags(flight.request))
    if (isFault(found)) {
      missed(self, flight)
      failStrict(self, flight, found)
    } else if (flight.outdated) flight.seen = undefined
    else if (typeof found === "string") flight.seen = found
    else if (
      found !== undefined && found.writeId !== rejected &&
      serves(self, flight, found, clock.currentTimeMillisUnsafe(), random)
    ) {
      return yield* found.exit
    }
    missed(self, flight)
  }
  if (!flight.policy.writes) return yield* counted(flight, load)
  const guard = yield* lead(
    self,
    flight,
    budget,
    (found) => serves(self, flight, found, clock.currentTimeMillisUnsafe(), random)
  )
  if (guard instanceof Entry) return yield* guard.exit
  if (Exit.isExit(guard)) return yield* guard
  if (guard === Elsewhere) return yield* leaveToOthers(self, flight, clock.currentTimeMillisUnsafe())
  flight.conclude = (exit) => conclude(self, flight, budget, guard, exit)
  return yield* Effect.flatMap(Effect.exit(counted(flight, load)), flight.conclude)
})

const conclude = Effect.fnUntraced(function*(
  self: Engine,
  flight: Flight,
  budget: Budget,
  guard: Guard | undefined,
  exit: Exit.Exit<unknown, unknown>
): Effect.fn.Return<unknown, unknown, any> {
  flight.ended = true
  flight.conclude = undefined
  // it is loaded and worth storing, even when the last who waited leaves now
  flight.pinned = true
  const outcome = outcomeOf(flight, exit)
  flight.entry = settle(self, flight, outcome, (yield* Clock.Clock).currentTimeMillisUnsafe())
  if (flight.entry !== undefined && guard !== undefined) {
    yield* write(self, flight, budget, flight.entry, guard)
  }
  return yield* outcome
})

/** the stale value stays for a moment: then the other process has stored a new one, or this one tries again */
const leaveToOthers = (self: Engine, flight: Flight, now: number): Effect.Effect<unknown, unknown> => {
  flight.served = true
  flight.tainted = true
  holdOff(self, flight.id, now + 250)
  return flight.stale!.exit
}

/** The store was asked, and those who wait need a load. */
const missed = (self: Engine, flight: Flight): void => {
  if (!flight.looking) return
  flight.looking = false
  for (const { request } of flight.waiters) noteMiss(self, request, flight.id)
}

/** Whether what the store had ends the flight; if not it may be something to fall back on. */
const serves = (self: Engine, flight: Flight, found: Entry, now: number, random: Random.Random): boolean => {
  const { request } = flight
  const decision = decideAt(request, found, now, () => random.nextDoubleUnsafe())
  flight.seen = found.writeId
  if (decision === Load) {
    flight.goodUntil = goodUntilOf(found)
    return false
  }
  if (decision === LoadOrStale && !isThrottled(self, request, flight.id, now)) {
    flight.stale = found
    missed(self, flight)
    satisfyImpatient(self, flight, now)
    return false
  }
  flight.entry = found
  flight.served = true
  flight.due = decision === ServeAndRefresh
  // a load around this one is given something stale
  flight.tainted = decision !== Serve && servedAs(found, decision, now) !== "memory"
  flight.standsIn = decision === LoadOrStale
  return true
}

const write = Effect.fnUntraced(function*(
  self: Engine,
  flight: Flight,
  budget: Budget,
  entry: Entry,
  guard: Guard
): Effect.fn.Return<void, never, any> {
  const { journal, store } = self.backend!
  const { id, request } = flight
  if (!flight.publishes || Journal.distrustsId(journal, id) || Journal.distrustsTags(journal, entry.tags)) return
  const tags = yield* versionsOf(self, budget, entry.tags, declaredTags(request), guard.markers)
  if (isFault(tags)) return failStrict(self, flight, tags)
  // memory has its own knowledge of them, which is as good as what it hears of other processes
  if (tags === undefined) return
  const stored = yield* encode(self, request.key, entry, tags)
  if (isFault(stored)) return failStrict(self, flight, stored)
  if (stored === undefined || !flight.publishes) return
  const accepted = yield* ask(self, budget, "put", store.put(id, guard.generation, stored))
  if (isFault(accepted)) return failStrict(self, flight, accepted)
  // its generation has ended: what is newer must not be hidden by it, in memory neither
  if (!accepted) flight.publishes = false
  else if (flight.lease !== undefined) flight.lease.isStored = true
})
