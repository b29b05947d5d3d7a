import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import { Load, LoadOrStale, ServeAndRefresh } from "../../Strategy.ts"
import { ask, type Budget, encode, fetch, isFault, versionsOf } from "./backend.ts"
import { Entry, goodUntilOf } from "./entry.ts"
import { type Flight, Loading, Within } from "./flight.ts"
import * as Journal from "./journal.ts"
import { declaredTags } from "./keys.ts"
import { arrive, outcomeOf, settle } from "./landing.ts"
import { Elsewhere, type Guard, lead } from "./lease.ts"
import type { Engine } from "./model.ts"
import { countersOf } from "./observe.ts"
import * as Policy from "./policy.ts"
import { holdOff, isThrottled } from "./refresh.ts"
import { decideAt } from "./serve.ts"
import { traced } from "./spans.ts"
import { Waiters } from "./waiters.ts"
import { failStrict, missed, satisfyImpatient } from "./waiting.ts"

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
  looks: options.fetches,
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
  servedStale: false,
  due: false,
  fault: undefined,
  startedAt: 0,
  overdue: false,
  limit: undefined,
  counters: countersOf(self, options.request.key),
  tainted: false,
  renewed: false,
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
  const child = Effect.runForkWith(inside)(flight.depth % 32 === 0 ? Effect.andThen(Effect.yieldNow, body) : body)
  flight.fiber = child
  child.addObserver((exit) => arrive(self, flight, exit))
  // it was given up while it started
  if (flight.abandoned) child.interruptUnsafe()
}

const usesStore = (flight: Flight): boolean => flight.fetches || flight.policy.writes

const loadContext = (flight: Flight): Context.Context<never> => {
  const inside = Context.add(Context.add(flight.context, Within, flight), Loading, flight)
  // the starter's, which is not the flight's where that is a refresh
  const policy = Context.get(inside, Policy.Current)
  return policy === Policy.standard
    ? inside
    : Context.add(inside, Policy.Current, policy.detector === undefined ? Policy.standard : Policy.detecting(policy))
}

const counted = (
  flight: Flight,
  load: Effect.Effect<unknown, unknown, any>
): Effect.Effect<unknown, unknown, any> =>
  Effect.withFiber((fiber) => {
    flight.counters.loads++
    flight.isLoading = true
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
  const budget: Budget = { leftMillis: flight.policy.storeTimeoutMillis ?? self.backend!.budgetMillis }
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
  if (guard === Elsewhere) return yield* leaveToOthers(self, flight, clock.currentTimeMillisUnsafe())
  const exit = yield* Effect.exit(counted(flight, load))
  // it is loaded and worth storing, even when the last who waited leaves now
  flight.pinned = true
  flight.entry = settle(self, flight, outcomeOf(flight, exit), clock.currentTimeMillisUnsafe())
  if (flight.entry !== undefined && guard !== undefined) {
    yield* write(self, flight, budget, flight.entry, guard)
  }
  return yield* outcomeOf(flight, exit)
})

/** the stale value stays for a moment: then the other process has stored a new one, or this one tries again */
const leaveToOthers = (self: Engine, flight: Flight, now: number): Effect.Effect<unknown, unknown> => {
  flight.served = true
  holdOff(self, flight.id, now + 250)
  return flight.stale!.exit
}

/** Whether what the store had ends the flight; if not it may be something to fall back on. */
const serves = (self: Engine, flight: Flight, found: Entry, now: number, random: Random.Random): boolean => {
  const { request } = flight
  const decision = decideAt(request, found, now, () => random.nextDoubleUnsafe())
  flight.seen = found.writeId
  const isStale = decision === LoadOrStale
  const isThrottledNow = isStale && isThrottled(self, request, flight.id, now)
  if (decision === Load || (isStale && !isThrottledNow)) missed(self, flight)
  if (decision === Load) {
    flight.goodUntil = goodUntilOf(found)
    return false
  }
  if (isStale && !isThrottledNow) {
    flight.stale = found
    satisfyImpatient(self, flight, now)
    return false
  }
  flight.entry = found
  flight.served = true
  flight.due = decision === ServeAndRefresh
  flight.servedStale = isStale
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
  if (tags === undefined) {
    flight.publishes = false
    return
  }
  const stored = yield* encode(self, request.key, entry, tags)
  if (isFault(stored)) return failStrict(self, flight, stored)
  if (stored === undefined || !flight.publishes) return
  const accepted = yield* ask(self, budget, "put", store.put(id, guard.generation, stored))
  if (isFault(accepted)) return failStrict(self, flight, accepted)
  // its generation has ended: what is newer must not be hidden by it, in memory neither
  if (!accepted) flight.publishes = false
  else if (flight.lease !== undefined) flight.lease.isStored = true
})
