import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import { CacheClosed, CacheConfigError, CacheCycle } from "../../CacheError.ts"
import { type Decision, Load, LoadOrStale, Serve, ServeAndRefresh } from "../../Strategy.ts"
import { toMillis } from "../../Ttl.ts"
import { codecsOf, fetch, type Found, isFault, Later, readNow } from "./backend.ts"
import { Entry, goodUntilOf } from "./entry.ts"
import { type Fault, type Flight, isBeforeWipe, Loading, pathTo, reaches, type Resume } from "./flight.ts"
import { invalidateIds } from "./invalidate.ts"
import { declaredTags, idOf } from "./keys.ts"
import { keep } from "./landing.ts"
import * as Flights from "./load.ts"
import * as Memory from "./memory.ts"
import type { Engine } from "./model.ts"
import { noteMiss } from "./observe.ts"
import * as Policy from "./policy.ts"
import { detach, isThrottled, promote, refresh } from "./refresh.ts"
import type { ReadOptions, Request } from "./request.ts"
import { decide, noteServed, serve, slide } from "./serve.ts"
import { linkTo } from "./spans.ts"
import { strictly } from "./strict.ts"
import * as Tags from "./tags.ts"
import { isLimited, noteJoined, noteMissed, nowOf, shortened, surroundingsOf, untilAnswered, wait } from "./waiting.ts"

/**
 * One read. What is fresh in memory is answered by the stored `Exit` itself: no fiber, promise, closure or array, and
 * no clock where there is no deadline.
 */
export const read = <A, E>(self: Engine, fiber: Fiber.Fiber<any, any>, request: Request<A, E>): Effect.Effect<A, E> => {
  const { policy } = surroundingsOf(self, fiber)
  if (policy !== Policy.standard) {
    if (!Policy.readsNormally(policy)) return readUnder(self, fiber, request, policy)
    if (!believesMemory(self, policy)) return absent(self, fiber, request, idOf(request.key), policy)
  }
  const { key } = request
  // a string under which there is an entry is an id, and its own unless it begins with "~"
  const entry = Memory.peek(self.memory, self.tags, typeof key === "string" && key[0] !== "~" ? key : idOf(key))
  if (entry === undefined) return absent(self, fiber, request, idOf(key), policy)
  const decision = decide(self, fiber, request, entry)
  if (decision !== Serve) return due(self, fiber, request, entry, decision, policy)
  entry.counters.hits++
  entry.reads++
  self.memory.policy.read(entry)
  if (request.slides) slide(self, request, entry, nowOf(fiber))
  if (self.watchers.events !== undefined || policy !== Policy.standard) {
    noteServed(self, fiber, request, entry, "memory")
  }
  return entry.exit as Exit.Exit<A, E>
}

/** As `read`, with a copy of the value for the caller. */
export const readCopy = <A, E>(
  self: Engine,
  fiber: Fiber.Fiber<any, any>,
  request: Request<A, E>
): Effect.Effect<A, E> => Effect.map(read(self, fiber, request), copyOf<A>(request.options.copy!))

export const copyOf = <A>(copy: NonNullable<ReadOptions["copy"]>): (value: A) => A =>
  copy === "structured" ? structured : copy as (value: A) => A

const structured = <A>(value: A): A => {
  try {
    return structuredClone(value)
  } catch (cause) {
    throw new CacheConfigError({
      message: `copy: "structured" cannot copy this value (${String(cause)}): give a function that does`
    })
  }
}

/** There is an entry, but it is not simply to be served. */
const due = <A, E>(
  self: Engine,
  fiber: Fiber.Fiber<any, any>,
  request: Request<A, E>,
  entry: Entry,
  decision: Decision,
  policy: Policy.Policy
): Effect.Effect<A, E> => {
  const { id } = entry
  if (decision === Load) return absent(self, fiber, request, id, policy, entry)
  if (decision === LoadOrStale && !isThrottled(self, request, id, nowOf(fiber))) {
    noteMiss(self, request, id)
    return join(self, fiber, request, id, {
      policy,
      fetches: false,
      stale: entry,
      seen: entry.writeId,
      mutations: self.mutations
    })
  }
  if (
    decision === ServeAndRefresh && policy.writes && invalidity(self, request) === undefined &&
    // it would run in the transaction; the next reader outside of one refreshes
    openTransaction(fiber, id) === undefined
  ) {
    refresh(self, { context: fiber.context as Context.Context<never>, request, id, entry, now: nowOf(fiber) })
  }
  return serve(self, fiber, request, entry, decision === LoadOrStale ? "stale" : "memory") as Exit.Exit<A, E>
}

/** Memory has nothing of use: the store may, and at once if it is synchronous. */
const absent = <A, E>(
  self: Engine,
  fiber: Fiber.Fiber<any, any>,
  request: Request<A, E>,
  id: string,
  policy: Policy.Policy,
  former?: Entry
): Effect.Effect<A, E> => {
  // what has not expired was rejected for another reason: the store has nothing better under the same write
  const rejected = former !== undefined && nowOf(fiber) < former.expiresAt ? former.writeId : undefined
  let seen = rejected
  let goodUntil = 0
  let fetches = self.backend !== undefined
  if (self.backend?.store.getUnsafe !== undefined && !self.closed) {
    const invalid = invalidity(self, request)
    if (invalid !== undefined) return Effect.die(invalid)
    const found = readNow(self, request.key, id, nowOf(fiber))
    if (found instanceof Entry) {
      const decision = found.writeId === rejected ? Load : decide(self, fiber, request, found)
      if (decision !== Load) {
        if (policy.writes) keep(self, request, found, nowOf(fiber))
        if (decision !== Serve) return due(self, fiber, request, found, decision, policy)
        return serve(self, fiber, request, found, "store") as Exit.Exit<A, E>
      }
      seen = found.writeId
      goodUntil = goodUntilOf(found)
    } else if (found !== Later) seen = found
    fetches = found === Later
  }
  // whether it is one the store has yet to say
  if (!fetches) noteMiss(self, request, id)
  return join(self, fiber, request, id, {
    policy,
    fetches,
    looks: fetches,
    stale: undefined,
    seen,
    goodUntil,
    mutations: self.mutations
  })
}

/** who is strict does not believe a copy while what others do cannot be heard */
export const believesMemory = (self: Engine, policy: Policy.Policy): boolean =>
  !policy.strict || self.backend === undefined || !self.backend.deaf

/** Reads under a policy that does not look at what is stored, or does nothing at all. */
const readUnder = <A, E>(
  self: Engine,
  fiber: Fiber.Fiber<any, any>,
  request: Request<A, E>,
  policy: Policy.Policy
): Effect.Effect<A, E> => {
  const id = idOf(request.key)
  if (policy.bypass) return unloading(fiber, request.load)
  if (policy.invalidates) {
    const rest = Effect.withFiber<A, E>((fiber) => read(self, fiber, request))
    return Effect.flatMap(
      invalidateIds(self, [id]),
      () => Effect.provideService(rest, Policy.Current, { ...policy, invalidates: false })
    )
  }
  noteMiss(self, request, id)
  return join(self, fiber, request, id, {
    policy,
    fetches: false,
    stale: undefined,
    seen: Memory.peek(self.memory, self.tags, id)?.writeId,
    mutations: self.mutations
  })
}

/** past the cache: what runs in it is no load of the cached effect around it */
const unloading = <A, E>(fiber: Fiber.Fiber<any, any>, load: Effect.Effect<A, E, any>): Effect.Effect<A, E> => {
  // a scope of its own, as in the cache
  const own = Effect.scoped(load) as Effect.Effect<A, E>
  return fiber.getRef(Loading) === undefined ? own : Effect.provideService(own, Loading, undefined)
}

/** What can be seen to be wrong with a read before anything runs. */
export const invalidity = (self: Engine, request: Request): CacheConfigError | undefined => {
  try {
    request.validate()
    if (request.strategy.countsReads === true && self.memory.capacity === 0) {
      throw new CacheConfigError({
        message: `The strategy "${request.strategy.name}" counts the reads of memory, and this cache has no memory tier`
      })
    }
    if (self.backend !== undefined) codecsOf(self.backend, request.key)
    return undefined
  } catch (error) {
    if (error instanceof CacheConfigError) return error
    throw error
  }
}

export interface Joining {
  readonly policy: Policy.Policy
  readonly fetches: boolean
  /** it is not counted as a miss: the store may have what it asks for */
  readonly looks?: boolean
  readonly stale: Entry | undefined
  readonly seen: string | undefined
  /** until when a value of the store that is not served here may be served elsewhere */
  readonly goodUntil?: number
  /** the engine's count of them when it was decided to join */
  readonly mutations: number
}

/** Everything between finding a flight and being counted in it happens in one step: no yield can fall in between. */
const join = <A, E>(
  self: Engine,
  fiber: Fiber.Fiber<any, any>,
  request: Request<A, E>,
  id: string,
  joining: Joining
): Effect.Effect<A, E> => Effect.callback<A, E>((resume) => enter(self, fiber, request, id, joining, resume as Resume))

export const enter = (
  self: Engine,
  fiber: Fiber.Fiber<any, any>,
  request: Request,
  id: string,
  joining: Joining,
  resume: Resume
): Effect.Effect<void> | void => {
  const { policy, stale } = joining
  const { span, within } = surroundingsOf(self, fiber)
  const running = joinable(self, request, id, policy)
  if (running !== undefined) {
    // it may be a refresh, beside which the store still has what is served
    if (joining.fetches && !running.fetches) return resume(look(self, request, id, joining))
    // what is wrong with the rest of its options shows when it is the first
    const invalid = isLimited(request) ? invalidity(self, request) : undefined
    if (invalid !== undefined) return resume(Effect.die(invalid))
    if (within !== undefined && reaches(running, within)) {
      return resume(Effect.die(new CacheCycle({ path: pathTo(within, id) })))
    }
    if (span !== undefined) linkTo(running, span)
    const waiter = wait(self, fiber, { flight: running, request, stale, looks: joining.looks === true, resume })
    if (!waiter.looks) noteJoined(self, waiter)
    else if (!running.looks) noteMissed(self, waiter)
    if (running.queued) promote(self, running)
    return untilAnswered(self, fiber, waiter)
  }
  if (Policy.readsNormally(policy) && stale === undefined && believesMemory(self, policy)) {
    // a yield may have passed since memory was looked at
    const entry = Memory.peek(self.memory, self.tags, id)
    if (entry !== undefined && decide(self, fiber, request, entry) === Serve) {
      return resume(serve(self, fiber, request, entry, "memory"))
    }
  }
  const refused = self.closed ? new CacheClosed({ key: id }) : invalidity(self, request) ?? openTransaction(fiber, id)
  if (refused !== undefined) return resume(Effect.die(refused))
  const flight = Flights.make(self, {
    ...joining,
    // a yield has passed since it was looked at: after an invalidation others must not fall back on it
    stale: joining.mutations === self.mutations ? stale : undefined,
    id,
    request,
    context: fiber.context as Context.Context<never>,
    parent: within,
    refresh: false
  })
  if (policy.writes) {
    // who may not join it makes the older one unfit to be stored: one load per id that still can
    detach(self, id)
    self.flights.set(id, flight)
  }
  // counted before the load starts: it starts inline, and may close a cycle or end at once
  const waiter = wait(self, fiber, { flight, request, stale, looks: joining.looks === true, resume })
  Flights.launch(self, flight, request.load)
  return untilAnswered(self, fiber, waiter)
}

const limited = <A>(effect: Effect.Effect<A>, { options: { timeout } }: Request): Effect.Effect<A | undefined> =>
  timeout === undefined ? effect : Effect.map(Effect.timeoutOption(effect, toMillis(timeout)), Option.getOrUndefined)

/** Asks the store before joining a load that has not done so. */
const look = <A, E>(self: Engine, request: Request<A, E>, id: string, joining: Joining): Effect.Effect<A, E> =>
  Effect.withFiber((fiber) => {
    const { policy } = joining
    const { mutations } = self
    const budget = { leftMillis: policy.storeTimeoutMillis ?? self.backend!.budgetMillis }
    const fetched = fetch(self, budget, request.key, id, declaredTags(request))
    const since = nowOf(fiber)
    // the caller's own limit runs already: where the store takes longer, joining ends it
    return Effect.flatMap(limited(fetched as Effect.Effect<Found | Fault>, request), (found) => {
      if (isFault(found) && policy.strict) return strictly(found)
      // what was invalidated while the store was asked is nothing to fall back on, for those who join
      const entry = found instanceof Entry && self.mutations === mutations ? found : undefined
      const rest = shortened(request, nowOf(fiber) - since) as Request<A, E>
      const decision = entry === undefined ? Load : decide(self, fiber, request, entry)
      if (decision === Load) {
        const seen = typeof found === "string" ? found : entry?.writeId
        if (joining.looks === true) noteMiss(self, request, id)
        return join(self, fiber, rest, id, { ...joining, fetches: false, looks: false, seen })
      }
      // memory is left to the load
      if (decision !== Serve) return due(self, fiber, rest, entry!, decision, policy)
      return serve(self, fiber, rest, entry!, "store") as Exit.Exit<A, E>
    })
  })

const joinable = (self: Engine, request: Request, id: string, policy: Policy.Policy): Flight | undefined => {
  if (policy.joins === "none" || !self.flights.has(id)) return undefined
  // another process may have ended it while nobody read here
  self.tags.onDoubt?.()
  const flight = self.flights.get(id)
  if (flight === undefined) return undefined
  if (isBeforeWipe(self, flight)) {
    detach(self, id)
    return undefined
  }
  if (policy.joins === "refresh" && !flight.refresh && flight.policy.joins !== "refresh") return undefined
  if (
    flight.bornAt !== self.tags.epoch && (
      Tags.movedSince(self.tags, declaredTags(flight.request), flight.bornAt) ||
      Tags.movedSince(self.tags, declaredTags(request), flight.bornAt)
    )
  ) {
    detach(self, id)
    return undefined
  }
  return flight
}

/** the reference of `effect/sql`, by its name: SQL is not imported for it */
const CurrentTransaction = Context.Reference<object | undefined>("effect/sql/CurrentTransactionService", {
  defaultValue: () => undefined
})

/** a load shared with others must not see what one caller has not committed yet */
export const openTransaction = (fiber: Fiber.Fiber<any, any>, id: string): CacheConfigError | undefined =>
  fiber.getRef(CurrentTransaction) === undefined
    ? undefined
    : new CacheConfigError({
      message: `"${id}" is loaded inside an open SQL transaction: others would be served what may be rolled back. ` +
        "Read it before the transaction, or with CachePolicy.bypass"
    })
