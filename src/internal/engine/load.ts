import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import * as Tracer from "effect/Tracer"
import type { Markers } from "../../Store.ts"
import { Load, LoadOrStale, ServeAndRefresh } from "../../Strategy.ts"
import { tokenUnsafe } from "../token.ts"
import { ask, type Budget, encode, fetch, isFault, versionsOf } from "./backend.ts"
import { Entry } from "./entry.ts"
import { type Fault, type Flight, Within } from "./flight.ts"
import * as Journal from "./journal.ts"
import { declaredTags } from "./keys.ts"
import { arrive, settle } from "./landing.ts"
import type { Engine } from "./model.ts"
import * as Policy from "./policy.ts"
import { isThrottled } from "./refresh.ts"
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
  readonly context: Context.Context<never>
}

export const make = (self: Engine, options: FlightOptions): Flight => ({
  ...options,
  bornAt: self.tags.epoch,
  depth: options.parent === undefined ? 1 : options.parent.depth + 1,
  waiters: new Set(),
  waitsOn: new Map(),
  queued: false,
  fiber: undefined,
  exit: undefined,
  pinned: options.refresh,
  publishes: true,
  abandoned: false,
  goodUntil: 0,
  entry: undefined,
  served: false,
  due: false,
  fault: undefined,
  startedAt: 0,
  overdue: false,
  limit: undefined
})

/** Starts a flight's fiber in the engine's care, with the starter's context but for what is the starter's own. */
export const launch = (self: Engine, flight: Flight, load: Effect.Effect<unknown, unknown, any>): void => {
  self.running.add(flight)
  // what the load needs is in the starter's context; its types end at the combinator
  const inside = loadContext(flight) as Context.Context<any>
  const guarded = Effect.scoped(traced(flight, load))
  const body = self.backend === undefined || !usesStore(flight)
    ? counted(self, flight, guarded)
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
  const inside = Context.add(flight.context, Within, flight)
  // the starter's, which is not the flight's where that is a refresh
  return Context.get(inside, Policy.Current) === Policy.standard
    ? inside
    : Context.add(inside, Policy.Current, Policy.standard)
}

/** the load may outlive the span it was started in: a span of its own, linked to that */
const traced = (flight: Flight, load: Effect.Effect<unknown, unknown, any>): Effect.Effect<unknown, unknown, any> => {
  const span = Context.getOrUndefined(flight.context, Tracer.ParentSpan)
  if (span === undefined) return load
  return Effect.withSpan(load, "effect-cached.load", {
    root: true,
    links: [{ span, attributes: {} }],
    attributes: { "cache.key": flight.id, "cache.refresh": flight.refresh }
  })
}

const counted = (
  self: Engine,
  flight: Flight,
  load: Effect.Effect<unknown, unknown, any>
): Effect.Effect<unknown, unknown, any> =>
  Effect.withFiber((fiber) => {
    self.stats.loads++
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
    const found = yield* fetch(self, budget, flight.request.key, flight.id, declaredTags(flight.request))
    if (isFault(found)) suffer(self, flight, found)
    else if (typeof found === "string") flight.seen = found
    else if (found !== undefined && serves(self, flight, found, clock.currentTimeMillisUnsafe(), random)) {
      return yield* found.exit
    }
  }
  if (!flight.policy.writes) return yield* counted(self, flight, load)
  const guard = yield* takeGuard(self, flight, budget)
  if (guard instanceof Entry) {
    if (serves(self, flight, guard, clock.currentTimeMillisUnsafe(), random)) return yield* guard.exit
  }
  const exit = yield* Effect.exit(counted(self, flight, load))
  // it is loaded and worth storing, even when the last who waited leaves now
  flight.pinned = true
  flight.entry = settle(self, flight, exit, clock.currentTimeMillisUnsafe())
  if (flight.entry !== undefined && guard !== undefined && !(guard instanceof Entry)) {
    yield* write(self, flight, budget, flight.entry, guard)
  }
  return yield* exit
})

/** Whether what the store had ends the flight; if not it may be something to fall back on. */
const serves = (self: Engine, flight: Flight, found: Entry, now: number, random: Random.Random): boolean => {
  const { request } = flight
  const decision = request.strategy.decide(found, now, () => random.nextDoubleUnsafe())
  flight.seen = found.writeId
  if (decision === Load) return false
  if (decision === LoadOrStale && !isThrottled(self, request, flight.id, now)) {
    flight.stale = found
    satisfyImpatient(self, flight, now)
    return false
  }
  flight.entry = found
  flight.served = true
  flight.due = decision === ServeAndRefresh
  if (decision === LoadOrStale) self.stats.stale++
  else self.stats.storeHits++
  return true
}

const suffer = (self: Engine, flight: Flight, fault: Fault): void => {
  flight.fault = fault
  failStrict(self, flight)
}

/** The right to store what a load will bring, and the versions of its tags from before the load. */
interface Guard {
  readonly generation: string
  readonly markers: Markers | undefined
}

/** `undefined`: the store cannot be asked, and what is loaded stays out of it; an entry: another stored it just now */
const takeGuard = Effect.fnUntraced(function*(
  self: Engine,
  flight: Flight,
  budget: Budget
): Effect.fn.Return<Guard | Entry | undefined, never, any> {
  const { store } = self.backend!
  const { id, request } = flight
  if (Journal.distrustsId(self.backend!.journal, id)) return undefined
  const declared = declaredTags(request)
  let markers: Markers | undefined
  if (declared.length > 0 || typeof request.options.tags === "function") {
    const answer = yield* ask(self, budget, "markers", store.markers(declared))
    if (isFault(answer)) return void suffer(self, flight, answer)
    markers = answer
  }
  const owner = tokenUnsafe(yield* Random.Random, 8)
  for (let looks = 0; looks < 3; looks++) {
    const taken = yield* ask(
      self,
      budget,
      "take",
      store.take(id, { owner, leaseMillis: 0, seen: flight.seen, join: true })
    )
    if (isFault(taken)) return void suffer(self, flight, taken)
    if (taken._tag === "Lead") return { generation: taken.generation, markers }
    if (taken._tag === "Wait") return undefined
    if (!flight.policy.readsStore) {
      // what is stored is to be replaced, whatever it is
      const { expiresAt, outcome, writeId } = taken.entry.meta
      flight.seen = writeId
      if (outcome === "success") flight.goodUntil = expiresAt
      continue
    }
    // not the one that was seen: it may be of use
    const found = yield* fetch(self, budget, request.key, id, declared)
    if (isFault(found)) return void suffer(self, flight, found)
    if (found instanceof Entry && found.writeId !== flight.seen) return found
    flight.seen = typeof found === "string" ? found : taken.entry.meta.writeId
  }
  return undefined
})

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
  if (isFault(tags)) return suffer(self, flight, tags)
  if (tags === undefined) {
    flight.publishes = false
    return
  }
  const stored = yield* encode(self, request.key, entry, tags)
  if (isFault(stored)) return suffer(self, flight, stored)
  if (stored === undefined || !flight.publishes) return
  const accepted = yield* ask(self, budget, "put", store.put(id, guard.generation, stored))
  if (isFault(accepted)) return suffer(self, flight, accepted)
  // its generation has ended: what is newer must not be hidden by it, in memory neither
  if (!accepted) flight.publishes = false
})
