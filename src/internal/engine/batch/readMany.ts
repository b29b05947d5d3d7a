/** Reads many keys: cached ones are answered at once, and one call loads the rest. */
import { derives, isCompared } from "#platform/engine/derived/dependencies"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import { type Decision, Load, LoadOrStale, Serve, ServeAndRefresh } from "../../../Strategy.ts"
import { idOf, type Key } from "../../key/ofKey.ts"
import { sameIds } from "../../key/sameIds.ts"
import * as Turns from "../../time/turns.ts"
import { putInMemory } from "../flight/complete.ts"
import { enqueue, makeUnit, offer } from "../flight/refreshing.ts"
import { invalidateIds } from "../invalidation/invalidate.ts"
import { inTheWay, sendAgain, unacknowledged } from "../invalidation/strictReads.ts"
import { retryOf } from "../load/refreshLoad.ts"
import { Entry } from "../memory/entry.ts"
import * as Memory from "../memory/memory.ts"
import { joinOrStart } from "../read/read.ts"
import { answerWith, recordAnswer, serve, tellAnswer } from "../read/serve.ts"
import { refusal } from "../read/validate.ts"
import { adopt } from "../request/adopt.ts"
import * as Policy from "../request/callPolicy.ts"
import { nowOf, readContextOf } from "../request/context.ts"
import { copyOf } from "../request/copy.ts"
import {
  decide,
  decideOrDefect,
  isFreshAt,
  isPastMemoryTtl,
  randomOf,
  rejectedOf,
  type Served,
  servedAs,
  trustsMemory
} from "../request/decide.ts"
import { declaredTags } from "../request/requestTags.ts"
import { answerOrDefect, defectOf, isLimited, optionOf } from "../request/rules.ts"
import { slide } from "../request/sliding.ts"
import { standsIn } from "../request/throttle.ts"
import type { Attempt, Flights, Joining, Reader, Request, Resume } from "../state.ts"
import { budgetOf } from "../storeTier/ask.ts"
import { isFault } from "../storeTier/faults.ts"
import { fetchMany } from "../storeTier/fetchMany.ts"
import type { Item } from "../storeTier/pendingInvalidations.ts"
import type { Budget, StoreTier } from "../storeTier/storeTier.ts"
import { StrictFault } from "../storeTier/strict.ts"
import { meet } from "../telemetry/keyClasses.ts"
import * as Batch from "./batch.ts"
import { conclude } from "./conclude.ts"
import { loadWithoutCache } from "./withoutCache.ts"

export interface ManyRequest {
  readonly keys: ReadonlyArray<Key>
  readonly template: Request
  readonly requestOf: (key: Key, batch: Batch.Batch) => Request
  readonly loadAll: Batch.LoadAll
  /** Whether each key has its own reader (a resolver). A refusal or failed call then answers a key, not the read. */
  readonly isPerKey: boolean
}

type Exits = ReadonlyArray<Exit.Exit<unknown, unknown>>

interface Missing {
  readonly key: Key
  readonly id: string
  readonly places: Array<number>
  readonly former: Entry | undefined
  stale: Entry | undefined
  rejectedWriteId: string | undefined
  asked: boolean
}

export const readMany = (
  self: Flights,
  fiber: Fiber.Fiber<any, any>,
  many: ManyRequest
): Effect.Effect<Exits, unknown, any> => {
  const context = readContextOf(self, fiber)
  const { policy, within } = context
  const captured = within === undefined || policy.bypass ? undefined : captureFirst(self, { policy, within }, many)
  if (captured !== undefined) return captured
  const copy = optionOf(self, many.template, "copy")
  if (policy.bypass) return loadWithoutCache(many)
  if (policy.invalidate !== undefined) {
    const rest = Effect.withFiber((fiber) => readMany(self, fiber, many))
    return Effect.flatMap(
      invalidateIds(self, Array.from(new Set(many.keys.map(idOf)))),
      () => Effect.provideService(rest, Policy.Current, { ...policy, invalidate: undefined })
    )
  }
  const exits = policy.strict ? readStrictly(self, fiber, many, policy) : readTogether(self, fiber, many, policy)
  return copy === undefined
    ? exits
    : Effect.map(
      exits,
      (exits) => exits.map((exit, i) => answerOrDefect(() => Exit.map(exit, copyOf(copy, many.keys[i]!))))
    )
}

/** Runs a read inside a load after capturing markers. The keys' timeouts include this step. */
const captureFirst = (
  self: Flights,
  reading: { readonly policy: Policy.Policy; readonly within: Attempt },
  many: ManyRequest
): Effect.Effect<Exits, unknown, any> | undefined => {
  const requests = isLimited(self, many.template)
    ? () => many.keys.map((key) => many.requestOf(key, noBatch))
    : undefined
  const captured = self.storeReads?.captureMany(self, reading, requests, many.keys.map(idOf))
  return captured && Effect.flatMap(captured, ({ policy, shortened }) => {
    const requestOf: ManyRequest["requestOf"] = (key, batch) => shortened(many.requestOf(key, batch))
    const rest = Effect.withFiber((fiber) => readMany(self, fiber, { ...many, requestOf }))
    return Effect.provideService(rest, Policy.Current, policy)
  })
}

const readStrictly = (
  self: Flights,
  fiber: Fiber.Fiber<any, any>,
  many: ManyRequest,
  policy: Policy.Policy
): Effect.Effect<Exits, unknown, any> => {
  const unsent = new Set(many.keys.flatMap((key) => {
    const items = inTheWayOf(self, many, policy, key)
    return Exit.isExit(items) ? [] : items
  }))
  return unsent.size === 0
    ? readTogether(self, fiber, many, policy)
    : Effect.flatMap(
      sendAgain(self.storeTier!, policy, Array.from(unsent)),
      (left) => Effect.withFiber((fiber) => readTogether(self, fiber, many, left))
    )
}

const readTogether = (
  self: Flights,
  fiber: Fiber.Fiber<any, any>,
  many: ManyRequest,
  policy: Policy.Policy
): Effect.Effect<Exits, unknown, any> => {
  const { keys } = many
  const exits = new Array<Exit.Exit<unknown, unknown>>(keys.length)
  const { mutations } = self
  const budget = self.storeTier && budgetOf(self.storeTier, policy)
  const beside = { missing: new Map(), due: new Map(), served: [] }
  const reading: Reading = { ...beside, exits, fiber, many, policy, mutations, budget }
  const { within } = readContextOf(self, fiber)
  const usesMemory = Policy.readsNormally(policy) && trustsMemory(self, policy)
  // All keys are read in one step, at the same time.
  const now = nowOf(fiber)
  const random = randomOf(fiber)
  const isObserved = self.listeners.events !== undefined || policy !== Policy.standard
  const asked = { policy, request: many.template }
  const { servesFresh, slides } = many.template
  let isBroken = false
  for (let i = 0; i < keys.length; i++) {
    const key = keys[i]!
    const id = idOf(key)
    const refused = policy.strict ? refusedStrictly(self, reading, key) : undefined
    if (refused !== undefined) {
      exits[i] = refused
      isBroken = true
      continue
    }
    const entry = usesMemory && !isCompared(self, within, id) ? Memory.peek(self.memory, self.tagEpochs, id) : undefined
    if (entry !== undefined) adopt(self, asked, entry, now)
    const decision = entry === undefined
      ? Load
      : servesFresh && isFreshAt(entry, now)
      ? Serve
      : isPastMemoryTtl(self, many.template, entry, now)
      ? Load
      : decideOrDefect(many.template, entry, now, random)
    if (decision === Serve) {
      entry!.counters.hits++
      entry!.reads++
      if (sameIds.exist) meet(self, key)
      self.memory.policy.read(entry!)
      if (slides && policy.writes) slide(self, many.template, entry!, now)
      if (isObserved) reading.served.push({ key, entry: entry!, source: "memory" })
      exits[i] = entry!.exit
    } else if (Exit.isExit(decision)) {
      exits[i] = decision
      isBroken = true
    } else {
      const decided: Decided = { place: i, key, entry, decision, source: "memory" }
      if (!isServed(self, reading, decided)) miss(self, reading, decided)
    }
  }
  tellServed(self, reading)
  refreshDue(self, reading)
  if (reading.missing.size === 0) return isBroken ? concluded(reading, []) : Exit.succeed(exits)
  const missing = Array.from(reading.missing.values())
  if (self.storeTier === undefined || !Policy.readsNormally(policy)) return joinAll(self, reading, missing)
  return Effect.andThen(
    askStore(self, self.storeTier, reading, missing),
    Effect.suspend(() => {
      tellServed(self, reading)
      refreshDue(self, reading)
      const rest = missing.filter(({ places: [place] }) => exits[place!] === undefined)
      return rest.length === 0 ? concluded(reading, []) : joinAll(self, reading, rest)
    })
  )
}

const inTheWayOf = (
  self: Flights,
  many: ManyRequest,
  policy: Policy.Policy,
  key: Key
): ReadonlyArray<Item> | Exit.Exit<never> =>
  answerOrDefect(() =>
    inTheWay(self.storeTier, policy, { id: idOf(key), tags: () => declaredTags(self, many.requestOf(key, noBatch)) })
  )

const refusedStrictly = (self: Flights, { many, policy }: Reading, key: Key): Exit.Exit<never> | undefined => {
  const unsent = inTheWayOf(self, many, policy, key)
  if (Exit.isExit(unsent)) return unsent
  return unsent.length === 0 ? undefined : Exit.die(new StrictFault(unacknowledged(self.storeTier!)))
}

interface Reading {
  readonly exits: Array<Exit.Exit<unknown, unknown>>
  readonly missing: Map<string, Missing>
  readonly due: Map<string, { readonly key: Key; readonly entry: Entry }>
  /** Served entries that are not yet reported to listeners (`tellServed`). */
  readonly served: Array<{ readonly key: Key; readonly entry: Entry; readonly source: Served }>
  readonly fiber: Fiber.Fiber<any, any>
  readonly many: ManyRequest
  readonly policy: Policy.Policy
  readonly mutations: number
  readonly budget: Budget | undefined
}

interface Decided {
  readonly place: number
  readonly key: Key
  readonly entry: Entry | undefined
  readonly decision: Decision
  readonly source: "memory" | "store"
}

const readerOf = (engine: Flights, { fiber, many, policy }: Reading, key: Key): Reader => ({
  engine,
  fiber,
  policy,
  id: idOf(key),
  request: many.requestOf(key, noBatch)
})
const noBatch = Batch.make({ loadAll: () => Effect.succeed([]) })

/** Serves an entry that is due for a refresh, or stale within `retryAfter`. Returns whether it did. */
const isServed = (self: Flights, reading: Reading, { decision, entry, key, place, source }: Decided): boolean => {
  const { fiber, many } = reading
  const isDue = decision === ServeAndRefresh
  if (!isDue && !(decision === LoadOrStale && standsIn(self, many.template, entry!, nowOf(fiber)))) return false
  if (isDue) reading.due.set(entry!.id, { key, entry: entry! })
  const served = servedAs(entry!, decision, nowOf(fiber), source)
  reading.exits[place] = answerWith(readerOf(self, reading, key), entry!, served)
  reading.served.push({ key, entry: entry!, source: served })
  return true
}

/** Reports entries after all were served, so that a listener cannot change the answer of a repeated key. */
const tellServed = (self: Flights, reading: Reading): void => {
  const served = reading.served.splice(0)
  if (readContextOf(self, reading.fiber).within !== undefined) {
    for (const { entry, key, source } of served) recordAnswer(readerOf(self, reading, key), entry, source)
  }
  for (const { entry, key, source } of served) tellAnswer(readerOf(self, reading, key), entry, source)
}

const miss = (self: Flights, reading: Reading, { decision, entry, key, place }: Decided): void => {
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
    rejectedWriteId: rejectedOf(self, reading.fiber, reading.many.template, entry),
    asked: isStale
  })
}

const refreshDue = (self: Flights, { due, fiber, many, mutations, policy }: Reading): void => {
  if (due.size === 0) return
  const entries = Array.from(due.values())
  due.clear()
  if (!policy.writes) return
  const starter = readContextOf(self, fiber)
  const batch = Batch.make({ ...loadOf(many), retry: retryOf(self) })
  const unit = makeUnit()
  for (const { entry, key } of entries) {
    const request = many.requestOf(key, batch)
    if (refusal(self, request) !== undefined) continue
    enqueue(self, { starter, request, id: entry.id, entry, mutations, now: nowOf(fiber) }, unit)
  }
  offer(self, unit, fiber.currentDispatcher)
  batch.close()
}

const askStore = (
  self: Flights,
  tier: StoreTier,
  reading: Reading,
  missing: ReadonlyArray<Missing>
): Effect.Effect<void, never, any> => {
  const { budget, fiber, mutations, policy } = reading
  const toAsk = missing.filter(({ asked }) => !asked)
  if (toAsk.length === 0) return Effect.void
  const asking = fetchMany(tier, budget!, { keys: toAsk.map(({ key }) => key), ids: toAsk.map(({ id }) => id) })
  return Effect.flatMap(asking, (found) => {
    const now = nowOf(fiber)
    const take = (i: number): void => {
      const one = toAsk[i]!
      const answer = found[i]
      // After a failure, the store is not asked again for each key.
      one.asked = true
      if (isFault(answer)) {
        if (policy.strict) refuse(reading, one, Exit.die(new StrictFault(answer)))
        return
      }
      // The entry's dependencies were unknown until now, so any change may concern them: its flight asks again.
      if (answer instanceof Entry && self.mutations !== mutations && derives(answer)) return void (one.asked = false)
      if (!(answer instanceof Entry) || answer.writeId === one.rejectedWriteId) {
        one.rejectedWriteId = answer?.writeId ?? one.rejectedWriteId
        return
      }
      const decision = decide(self, fiber, reading.many.template, answer)
      if (decision === Load) one.rejectedWriteId = answer.writeId
      // Memory gets the answer only if nothing has changed since the store was asked. The reader gets it in any case.
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
    let at = 0
    return Turns.forEach(toAsk, (one) => {
      const defect = defectOf(take, at++)
      if (defect !== undefined) refuse(reading, one, defect)
    })
  })
}

/** The load of a batch. A resolver answers each request separately, and takes no answers for other keys. */
const loadOf = ({ isPerKey, loadAll, requestOf }: ManyRequest) => ({
  loadAll,
  requestOf: isPerKey ? undefined : requestOf
})

const refuse = ({ exits }: Reading, { places }: Missing, exit: Exit.Exit<never>): void => {
  for (const place of places) exits[place] = exit
}

const joinAll = (
  self: Flights,
  reading: Reading,
  missing: ReadonlyArray<Missing>
): Effect.Effect<Exits, unknown, any> =>
  Effect.callback<Exits, unknown>((resume) => {
    const { budget, exits, fiber, many, mutations, policy } = reading
    const batch = Batch.make({ ...loadOf(many), leftMillis: budget?.leftMillis })
    // This read's own batch, and those of the flights it joins: a failed call of any of them may fail the read.
    const batches = new Set([batch])
    const cleanups: Array<Effect.Effect<void>> = []
    let left = missing.length
    const answer = ({ places }: Missing, exit: Exit.Exit<unknown, unknown>): void => {
      for (const place of places) exits[place] = exit
      if (--left === 0) resume(concluded(reading, batches))
    }
    const joinOne = (one: Missing): void => {
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
    let isLeft = false
    const turning = { clock: readContextOf(self, fiber).clock, dispatcher: fiber.currentDispatcher }
    const join = (one: Missing): void => {
      if (isLeft) return
      const defect = defectOf(joinOne, one)
      if (defect !== undefined) answer(one, defect)
    }
    // The batch is closed even after an exception about a key, or without callers: other reads may wait for it.
    batch.inGroups(missing, turning, join, batch.close)
    return Effect.suspend(() => {
      isLeft = true
      return Effect.forEach(cleanups, (cleanup) => cleanup, { concurrency: "unbounded", discard: true })
    })
  })

const concluded = ({ exits, many }: Reading, batches: Iterable<Batch.Batch>): Exit.Exit<Exits, unknown> =>
  many.isPerKey ? Exit.succeed(exits) : conclude(exits, batches)

/** The `writeId` of the entry in memory that the load replaces. `undefined` if the policy reads normally. */
const toReplace = (self: Flights, policy: Policy.Policy, id: string): string | undefined =>
  Policy.readsNormally(policy) ? undefined : Memory.peek(self.memory, self.tagEpochs, id)?.writeId
