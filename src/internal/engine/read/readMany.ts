/** A read of many keys: what is there is answered at once, and all loads are one. */
import * as Cause from "effect/Cause"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import { CacheClosed, CacheConfigError, CacheCycle } from "../../../CacheError.ts"
import { type Decision, Load, LoadOrStale, Serve, ServeAndRefresh } from "../../../Strategy.ts"
import { idOf, type Key } from "../../key/ofKey.ts"
import type { Engine } from "../engine.ts"
import * as Batch from "../flight/batch.ts"
import * as Policy from "../flight/callPolicy.ts"
import { putInMemory } from "../flight/complete.ts"
import { nowOf, readContextOf } from "../flight/context.ts"
import {
  decide,
  decideAt,
  diceOf,
  isFreshAt,
  isPastMemoryTtl,
  rejectedOf,
  servedAs,
  trustsMemory
} from "../flight/decide.ts"
import { Loading, type Resume } from "../flight/flight.ts"
import { enqueue } from "../flight/refresh.ts"
import { drain } from "../flight/refreshQueue.ts"
import type { Request } from "../flight/request.ts"
import { slide } from "../flight/sliding.ts"
import { retried } from "../flight/startRefresh.ts"
import { isThrottled } from "../flight/throttle.ts"
import { invalidateIds } from "../invalidation/invalidate.ts"
import { Entry } from "../memory/entry.ts"
import * as Memory from "../memory/memory.ts"
import { type Budget, budgetOf } from "../storeTier/ask.ts"
import { isFault } from "../storeTier/faults.ts"
import { fetchMany } from "../storeTier/fetchMany.ts"
import type { StoreTier } from "../storeTier/storeTier.ts"
import { StrictFault } from "../storeTier/strict.ts"
import { copyOf } from "./copy.ts"
import { type Joining, joinOrStart } from "./read.ts"
import type { Reader } from "./reader.ts"
import { noteServed, serve } from "./serve.ts"
import { openTransaction } from "./transaction.ts"

/** A read of many keys at once. */
export interface ManyRequest {
  readonly keys: ReadonlyArray<Key>
  /** for what does not depend on the key */
  readonly template: Request
  /** the read of one of them, in a batch */
  readonly requestOf: (key: Key, batch: Batch.Batch) => Request
  readonly loadAll: Batch.LoadAll
  /** the keys have readers of their own: what is wrong with one of them, or fails its call, is told to that one alone */
  readonly isApart: boolean
}

type Exits = ReadonlyArray<Exit.Exit<unknown, unknown>>

/** One key that memory does not answer, and the places at which it was asked for. */
interface Missing {
  readonly key: Key
  readonly id: string
  readonly places: Array<number>
  /** what memory had */
  readonly former: Entry | undefined
  stale: Entry | undefined
  rejectedWriteId: string | undefined
  /** the store was asked already, or need not be */
  asked: boolean
}

/** What is there is answered at once; of what is not each key has a flight of its own, and all their loads are one. */
export const readMany = (
  self: Engine,
  fiber: Fiber.Fiber<any, any>,
  many: ManyRequest
): Effect.Effect<Exits, unknown, any> => {
  const { policy } = readContextOf(self, fiber)
  const { copy } = many.template.options
  if (policy.bypass) return unwrapped(many)
  if (policy.invalidates) {
    const rest = Effect.withFiber((fiber) => readMany(self, fiber, many))
    return Effect.flatMap(
      invalidateIds(self, Array.from(new Set(many.keys.map(idOf)))),
      () => Effect.provideService(rest, Policy.Current, { ...policy, invalidates: false })
    )
  }
  const exits = readTogether(self, fiber, many, policy)
  return copy === undefined
    ? exits
    : Effect.map(exits, (exits) => exits.map((exit, i) => Exit.map(exit, copyOf(copy, many.keys[i]!))))
}

const readTogether = (
  self: Engine,
  fiber: Fiber.Fiber<any, any>,
  many: ManyRequest,
  policy: Policy.Policy
): Effect.Effect<Exits, unknown, any> => {
  const { keys } = many
  const exits = new Array<Exit.Exit<unknown, unknown>>(keys.length)
  const { mutations } = self
  const budget = self.storeTier && budgetOf(self.storeTier, policy)
  const reading: Reading = { exits, missing: new Map(), due: new Map(), fiber, many, policy, mutations, budget }
  const looks = Policy.readsNormally(policy) && trustsMemory(self, policy)
  // all in this step: one time for all of them
  const now = nowOf(fiber)
  const dice = diceOf(fiber)
  const isSeen = self.listeners.events !== undefined || policy !== Policy.standard
  const { servesFresh, slides } = many.template
  for (let i = 0; i < keys.length; i++) {
    const key = keys[i]!
    const id = idOf(key)
    const entry = looks ? Memory.peek(self.memory, self.tagEpochs, id) : undefined
    const decision = entry === undefined
      ? Load
      : servesFresh && isFreshAt(entry, now)
      ? Serve
      : isPastMemoryTtl(many.template, entry, now)
      ? Load
      : decideAt(many.template, entry, now, dice)
    if (decision === Serve) {
      entry!.counters.hits++
      entry!.reads++
      self.memory.policy.read(entry!)
      if (slides && policy.writes) slide(self, many.template, entry!, now)
      if (isSeen) noteServed(readerOf(self, reading, key), entry!, "memory")
      exits[i] = entry!.exit
    } else {
      const found: Found = { place: i, key, entry, decision, source: "memory" }
      if (!isServed(self, reading, found)) miss(reading, found)
    }
  }
  refreshDue(self, reading)
  if (reading.missing.size === 0) return Exit.succeed(exits)
  const missing = Array.from(reading.missing.values())
  if (self.storeTier === undefined || !Policy.readsNormally(policy)) return joinAll(self, reading, missing)
  return Effect.andThen(
    askStore(self, self.storeTier, reading, missing),
    Effect.suspend(() => {
      refreshDue(self, reading)
      const rest = missing.filter(({ places: [place] }) => exits[place!] === undefined)
      return rest.length === 0 ? conclude(reading, []) : joinAll(self, reading, rest)
    })
  )
}

interface Reading {
  readonly exits: Array<Exit.Exit<unknown, unknown>>
  readonly missing: Map<string, Missing>
  /** served, and to be refreshed behind it */
  readonly due: Map<string, { readonly key: Key; readonly entry: Entry }>
  readonly fiber: Fiber.Fiber<any, any>
  readonly many: ManyRequest
  readonly policy: Policy.Policy
  /** the engine's count of them when it began: what is stale was found before all that came after */
  readonly mutations: number
  /** for all store steps of this read together */
  readonly budget: Budget | undefined
}

/** What was found of one key. */
interface Found {
  readonly place: number
  readonly key: Key
  readonly entry: Entry | undefined
  readonly decision: Decision
  readonly source: "memory" | "store"
}

/** for what is told of one key */
const readerOf = (engine: Engine, { fiber, many, policy }: Reading, key: Key): Reader => ({
  engine,
  fiber,
  policy,
  id: idOf(key),
  request: many.requestOf(key, noBatch)
})
const noBatch = Batch.make({ loadAll: () => Effect.succeed([]) })

/** An entry that is due for a refresh, or stale while nobody may try again. */
const isServed = (self: Engine, reading: Reading, { decision, entry, key, place, source }: Found): boolean => {
  const { fiber, many } = reading
  const isDue = decision === ServeAndRefresh
  if (!isDue && !(decision === LoadOrStale && isThrottled(self, many.template, entry!.id, nowOf(fiber)))) return false
  // after an invalidation others must not fall back on it
  if (isDue && reading.mutations === self.mutations) reading.due.set(entry!.id, { key, entry: entry! })
  const served = servedAs(entry!, decision, nowOf(fiber), source)
  reading.exits[place] = serve(readerOf(self, reading, key), entry!, served)
  return true
}

const miss = (reading: Reading, { decision, entry, key, place }: Found): void => {
  const id = idOf(key)
  const known = reading.missing.get(id)
  if (known !== undefined) return void known.places.push(place)
  const isStale = decision === LoadOrStale
  reading.missing.set(id, {
    key,
    id,
    places: [place],
    former: entry,
    stale: isStale ? entry : undefined,
    rejectedWriteId: rejectedOf(reading.fiber, reading.many.template, entry),
    asked: isStale
  })
}

/** All that is due is one refresh. */
const refreshDue = (self: Engine, { due, fiber, many, policy }: Reading): void => {
  if (due.size === 0) return
  const entries = Array.from(due.values())
  due.clear()
  if (!policy.writes) return
  const context = fiber.context as Context.Context<never>
  const batch = Batch.make({
    loadAll: (keys) => retried(Effect.suspend(() => many.loadAll(keys)), self.refreshing.retry),
    retries: true
  })
  for (const { entry, key } of entries) {
    if (openTransaction(fiber, entry.id) !== undefined) continue
    enqueue(self, { context, request: many.requestOf(key, batch), id: entry.id, entry, now: nowOf(fiber) })
  }
  drain(self)
  batch.close()
}

/** One question for all of them. */
const askStore = (
  self: Engine,
  tier: StoreTier,
  reading: Reading,
  missing: ReadonlyArray<Missing>
): Effect.Effect<void, never, any> => {
  const { budget, fiber, mutations, policy } = reading
  const toAsk = missing.filter(({ asked }) => !asked)
  if (toAsk.length === 0) return Effect.void
  const asking = fetchMany(tier, budget!, toAsk.map(({ key }) => key), toAsk.map(({ id }) => id))
  return Effect.map(asking, (found) => {
    const now = nowOf(fiber)
    for (const [i, one] of toAsk.entries()) {
      const answer = found[i]
      // a store that has failed is not asked for each of them again
      one.asked = true
      if (isFault(answer)) {
        if (policy.strict) refuse(reading, one, new StrictFault(answer))
        continue
      }
      if (!(answer instanceof Entry) || answer.writeId === one.rejectedWriteId) {
        one.rejectedWriteId = answer instanceof Entry ? answer.writeId : answer ?? one.rejectedWriteId
        continue
      }
      const decision = decide(self, fiber, reading.many.template, answer)
      if (decision === Load) one.rejectedWriteId = answer.writeId
      // what was invalidated while the store was asked may still be answered, but not be kept; nor in place of what has
      // come into memory meanwhile, or is on its way
      else if (
        self.mutations === mutations && policy.writes && !self.flights.has(one.id) &&
        self.memory.entries.get(one.id) === one.former
      ) {
        putInMemory(self, reading.many.template, answer, now)
      }
      if (decision === Serve) {
        const exit = serve(readerOf(self, reading, one.key), answer, "store")
        for (const place of one.places) reading.exits[place] = exit
      } else if (decision !== Load) {
        for (const place of one.places) {
          if (isServed(self, reading, { place, key: one.key, entry: answer, decision, source: "store" })) continue
          one.stale = answer
          one.rejectedWriteId = answer.writeId
        }
      }
    }
  })
}

const refuse = ({ exits }: Reading, { places }: Missing, fault: StrictFault): void => {
  for (const place of places) exits[place] = Exit.die(fault)
}

/** Joins what runs, and loads the rest in one call. */
const joinAll = (
  self: Engine,
  reading: Reading,
  missing: ReadonlyArray<Missing>
): Effect.Effect<Exits, unknown, any> =>
  Effect.callback<Exits, unknown>((resume) => {
    const { budget, exits, fiber, many, mutations, policy } = reading
    const batch = Batch.make({ loadAll: many.loadAll, leftMillis: budget?.leftMillis })
    // a call that failed as a whole is everybody's failure
    const batches = new Set([batch])
    const cleanups: Array<Effect.Effect<void>> = []
    let left = missing.length
    const answer = ({ places }: Missing, exit: Exit.Exit<unknown, unknown>): void => {
      for (const place of places) exits[place] = exit
      if (--left === 0) resume(conclude(reading, batches))
    }
    for (const one of missing) {
      const { asked, id, key, rejectedWriteId, stale } = one
      const running = self.flights.get(id)?.request.batch
      if (running !== undefined) batches.add(running)
      const joining: Joining = {
        readsStore: Policy.readsNormally(policy) && self.storeTier !== undefined && !asked,
        stale,
        rejectedWriteId: rejectedWriteId ?? stale?.writeId ?? toReplace(self, policy, id),
        mutations
      }
      const resumeOne: Resume = (effect) => {
        if (Exit.isExit(effect)) return answer(one, effect)
        // it has to ask once more
        const asking = Effect.runForkWith(fiber.context as Context.Context<any>)(effect)
        cleanups.push(Effect.sync(() => asking.interruptUnsafe()))
        asking.addObserver((exit) => answer(one, exit))
      }
      const cleanup = joinOrStart(
        { engine: self, fiber, policy, id, request: many.requestOf(key, batch) },
        joining,
        resumeOne
      )
      if (cleanup !== undefined) cleanups.push(cleanup)
    }
    batch.close()
    return Effect.suspend(() =>
      Effect.forEach(cleanups, (cleanup) => cleanup, { concurrency: "unbounded", discard: true })
    )
  })

/** What failed the read as a whole is not for its reader to find among the answers. */
const conclude = ({ exits, many }: Reading, batches: Iterable<Batch.Batch>): Exit.Exit<Exits, unknown> => {
  if (many.isApart) return Exit.succeed(exits)
  const refusal = exits.find(isRefusal)
  if (refusal !== undefined) return refusal as Exit.Exit<never, unknown>
  for (const { failed } of batches) {
    if (failed !== undefined && isShown(failed, exits)) return Exit.failCause(failed)
  }
  return Exit.succeed(exits)
}

/** what is in memory is what a refresh is to replace */
const toReplace = (self: Engine, policy: Policy.Policy, id: string): string | undefined =>
  Policy.readsNormally(policy) ? undefined : Memory.peek(self.memory, self.tagEpochs, id)?.writeId

/** what is no answer of a key's load but wrong with the read itself */
const isRefusal = (exit: Exit.Exit<unknown, unknown>): boolean =>
  Exit.isFailure(exit) &&
  exit.cause.reasons.some((reason) =>
    Cause.isDieReason(reason) && refusals.some((refusal) => reason.defect instanceof refusal)
  )

const refusals = [CacheClosed, CacheConfigError, CacheCycle, StrictFault]

/** a stale value may have stood in for it everywhere */
const isShown = (failed: Cause.Cause<unknown>, exits: Exits): boolean =>
  exits.some((exit) => Exit.isFailure(exit) && (exit.cause === failed || sameReasons(exit.cause, failed)))

const sameReasons = (one: Cause.Cause<unknown>, other: Cause.Cause<unknown>): boolean =>
  one.reasons.length === other.reasons.length &&
  one.reasons.every((reason, i) => {
    const against = other.reasons[i]!
    return reason._tag === "Fail" && against._tag === "Fail"
      ? reason.error === against.error
      : reason._tag === "Die" && against._tag === "Die"
      ? reason.defect === against.defect
      : reason._tag === against._tag
  })

/** no cache: each key once, in one call */
export const unwrapped = ({ keys, loadAll }: ManyRequest): Effect.Effect<Exits, unknown, any> => {
  const places = new Map<string, number>()
  const once: Array<Key> = []
  for (const key of keys) {
    const id = idOf(key)
    if (places.has(id)) continue
    places.set(id, once.length)
    once.push(key)
  }
  if (once.length === 0) return Exit.succeed([])
  return Effect.map(
    // what runs in it is no load of a cached effect around it
    Batch.checked(once, Effect.provideService(Effect.scoped(Effect.suspend(() => loadAll(once))), Loading, undefined)),
    (exits) => keys.map((key) => exits[places.get(idOf(key))!]!)
  )
}
