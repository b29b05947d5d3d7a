import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import { CacheClosed, CacheConfigError, CacheCycle } from "../../CacheError.ts"
import { type Decision, Load, LoadOrStale, Serve, ServeAndRefresh } from "../../Strategy.ts"
import { toMillis } from "../../Ttl.ts"
import { budgetOf, codecsOf, fetch, type Found, isFault, Later, readNow } from "./backend.ts"
import { Entry, goodUntilOf } from "./entry.ts"
import { type Fault, type Flight, isBeforeWipe, Loading, pathTo, reaches, type Resume } from "./flight.ts"
import { invalidateIds } from "./invalidate.ts"
import { declaredTags, idOf, type Key } from "./keys.ts"
import { keep } from "./landing.ts"
import * as Flights from "./load.ts"
import * as Memory from "./memory.ts"
import type { Engine } from "./model.ts"
import { detect, noteMiss, tell, tellHit } from "./observe.ts"
import * as Policy from "./policy.ts"
import { detach, isThrottled, promote, refresh } from "./refresh.ts"
import type { ReadOptions, Request } from "./request.ts"
import { decide, decideKept, hasOutstayed, nowFor, serve, servedAs, slide } from "./serve.ts"
import { linkTo } from "./spans.ts"
import { strictly } from "./strict.ts"
import * as Tags from "./tags.ts"
import { isLimited, nowOf, shortened, surroundingsOf, untilAnswered, wait } from "./waiting.ts"

/**
 * One read. What is fresh in memory is answered by the stored `Exit` itself: no fiber, promise, closure or array, and
 * no clock where there is no deadline.
 */
export const read = <A, E>(self: Engine, fiber: Fiber.Fiber<any, any>, request: Request<A, E>): Effect.Effect<A, E> => {
  const surroundings = surroundingsOf(self, fiber)
  const { policy } = surroundings
  if (policy !== Policy.standard) {
    if (!Policy.readsNormally(policy)) return readUnder(self, fiber, request, policy)
    if (!believesMemory(self, policy)) return absent(self, fiber, request, idOf(request.key), policy)
  }
  const { key } = request
  // a string under which there is an entry is an id, and its own unless it begins with "~"
  const entry = Memory.peek(self.memory, self.tags, typeof key === "string" && key[0] !== "~" ? key : idOf(key))
  if (entry === undefined) return absent(self, fiber, request, idOf(key), policy)
  const now = nowFor(request, entry, surroundings.clock)
  if (!(request.servesFresh && isFreshAt(entry, now))) {
    const decision = decideKept(fiber, request, entry, now)
    if (decision !== Serve) return due(self, fiber, request, entry, decision, policy)
    // a strategy of the user's, that has loaded nothing yet
    if (request.slides) self.isAttentive = true
  }
  entry.counters.hits++
  entry.reads++
  self.memory.policy.read(entry)
  if (self.isAttentive || policy !== Policy.standard) attend(self, fiber, policy, request, entry, now)
  return entry.exit as Exit.Exit<A, E>
}

const isKept = (self: Engine, fiber: Fiber.Fiber<any, any>, request: Request, entry: Entry): boolean =>
  decideKept(fiber, request, entry, nowFor(request, entry, surroundingsOf(self, fiber).clock)) === Serve

/** before both its deadlines; what was marked as stale never is */
export const isFreshAt = (entry: Entry, now: number): boolean =>
  entry.keptUntil === undefined && now < entry.softExpiresAt && now < entry.expiresAt

/** What is to be done about a hit beside counting it, where anything is at all. */
const attend = (
  self: Engine,
  fiber: Fiber.Fiber<any, any>,
  policy: Policy.Policy,
  request: Request,
  entry: Entry,
  now: number
): void => {
  if (request.slides && policy.writes) slide(self, request, entry, now)
  if (self.watchers.events !== undefined) tellHit(self, request.key, entry.id, "memory")
  if (policy.detector !== undefined) detect(policy, request, entry.id, { source: "memory", entry, now: nowOf(fiber) })
}

/** As `read`, with a copy of the value for the caller. */
export const readCopy = <A, E>(
  self: Engine,
  fiber: Fiber.Fiber<any, any>,
  request: Request<A, E>
): Effect.Effect<A, E> => Effect.map(read(self, fiber, request), copyOf<A>(request.options.copy!, request.key))

export const copyOf = <A>(copy: NonNullable<ReadOptions["copy"]>, key: Key): (value: A) => A =>
  copy === "structured" ? (value) => structured(value, key) : copy as (value: A) => A

const structured = <A>(value: A, key: Key): A => {
  try {
    return structuredClone(value)
  } catch {
    // its reason quotes the value, and that is nobody's to see
    throw new CacheConfigError({
      message:
        `copy: "structured" cannot copy the value of "${idOf(key)}", which is no plain data (it holds a function, ` +
        "for example): give a function that copies it"
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
  policy: Policy.Policy,
  source: "memory" | "store" = "memory"
): Effect.Effect<A, E> => {
  const { id } = entry
  if (decision === Load) return absent(self, fiber, request, id, policy, entry)
  if (decision === LoadOrStale && !isThrottled(self, request, id, nowOf(fiber))) {
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
  return serve(self, fiber, request, entry, servedAs(entry, decision, nowOf(fiber), source)) as Exit.Exit<A, E>
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
  const rejected = rejectedOf(fiber, request, former)
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
        if (decision !== Serve) return due(self, fiber, request, found, decision, policy, "store")
        return serve(self, fiber, request, found, "store") as Exit.Exit<A, E>
      }
      seen = found.writeId
      goodUntil = goodUntilOf(found)
    } else if (found !== Later) seen = found
    fetches = found === Later
  }
  return join(self, fiber, request, id, {
    policy,
    fetches,
    stale: undefined,
    seen,
    goodUntil,
    mutations: self.mutations
  })
}

/**
 * What was rejected, and neither for its end nor for being in memory for long: the store has nothing better under the
 * same write.
 */
export const rejectedOf = (
  fiber: Fiber.Fiber<any, any>,
  request: Request,
  former: Entry | undefined
): string | undefined => {
  if (former === undefined) return undefined
  const now = nowOf(fiber)
  return now >= former.expiresAt || hasOutstayed(request, former, now) ? undefined : former.writeId
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
  return join(self, fiber, request, id, {
    policy,
    fetches: false,
    stale: undefined,
    seen: Memory.peek(self.memory, self.tags, id)?.writeId,
    mutations: self.mutations
  })
}

/** past the cache: what runs in it is no load of the cached effect around it */
export const unloading = <A, E>(
  fiber: Fiber.Fiber<any, any>,
  load: Effect.Effect<A, E, any>
): Effect.Effect<A, E> => {
  // a scope of its own, as in the cache
  const own = Effect.scoped(load) as Effect.Effect<A, E>
  return fiber.getRef(Loading) === undefined ? own : Effect.provideService(own, Loading, undefined)
}

/** What can be seen to be wrong with a read before anything runs. */
export const invalidity = (self: Engine, request: Request): CacheConfigError | undefined => {
  try {
    request.validate()
    if (request.slides) self.isAttentive = true
    if (request.strategy.countsReads === true) validateCounting(self, request)
    if (self.backend !== undefined) codecsOf(self.backend, request.key)
    return undefined
  } catch (error) {
    if (error instanceof CacheConfigError) return error
    throw error
  }
}

const validateCounting = (self: Engine, { options: { memoryTtl }, strategy: { name } }: Request): void => {
  const isNeverKept = self.backend !== undefined && memoryTtl !== undefined && toMillis(memoryTtl) <= 0
  if (self.memory.capacity > 0 && !isNeverKept) return
  throw new CacheConfigError({
    message: `The strategy "${name}" counts the reads of memory, and ` +
      (isNeverKept ? "memoryTtl keeps its entries out of it" : "this cache has no memory tier")
  })
}

export interface Joining {
  readonly policy: Policy.Policy
  readonly fetches: boolean
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
    if (invalid !== undefined) return refuse(self, request, id, resume, invalid)
    if (within !== undefined && reaches(running, within)) {
      return refuse(self, request, id, resume, new CacheCycle({ path: pathTo(within, running) }))
    }
    if (!running.looking) noteMiss(self, request, id)
    running.counters.joined++
    if (self.watchers.events !== undefined) tell(self, request.key, id, { _tag: "Joined" })
    if (span !== undefined) linkTo(running, span)
    const waiter = wait(self, fiber, { flight: running, request, stale, joined: true, resume })
    if (running.queued) promote(self, running)
    return untilAnswered(self, fiber, waiter)
  }
  if (Policy.readsNormally(policy) && stale === undefined && believesMemory(self, policy)) {
    // a yield may have passed since memory was looked at
    const entry = Memory.peek(self.memory, self.tags, id)
    if (entry !== undefined && isKept(self, fiber, request, entry)) {
      return resume(serve(self, fiber, request, entry, "memory"))
    }
  }
  const refused = self.closed ? new CacheClosed({ key: id }) : invalidity(self, request) ?? openTransaction(fiber, id)
  if (refused !== undefined) return refuse(self, request, id, resume, refused)
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
  if (!flight.looking) noteMiss(self, request, id)
  // counted before the load starts: it starts inline, and may close a cycle or end at once
  const waiter = wait(self, fiber, { flight, request, stale, joined: false, resume })
  Flights.launch(self, flight, request.load)
  return untilAnswered(self, fiber, waiter)
}

/** it has found nothing to serve, and is not to load either */
const refuse = (self: Engine, request: Request, id: string, resume: Resume, error: Error): void => {
  noteMiss(self, request, id)
  resume(Effect.die(error))
}

const limited = <A>(effect: Effect.Effect<A>, { options: { timeout } }: Request): Effect.Effect<A | undefined> =>
  timeout === undefined ? effect : Effect.map(Effect.timeoutOption(effect, toMillis(timeout)), Option.getOrUndefined)

/** Asks the store before joining a load that has not done so. */
const look = <A, E>(self: Engine, request: Request<A, E>, id: string, joining: Joining): Effect.Effect<A, E> =>
  Effect.withFiber((fiber) => {
    const { policy } = joining
    const { mutations } = self
    const budget = budgetOf(self, policy)
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
        return join(self, fiber, rest, id, { ...joining, fetches: false, seen })
      }
      // memory is left to the load
      if (decision !== Serve) return due(self, fiber, rest, entry!, decision, policy, "store")
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
