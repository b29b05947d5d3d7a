/** The state of a read of many keys, and the steps that its parts share. */
import { telling } from "#platform/engine/telemetry/tellSpan"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import type { IdMap } from "../../idMap.ts"
import { idOf, type Key } from "../../key/ofKey.ts"
import * as Turns from "../../time/turns.ts"
import { enqueue, makeUnit, offer } from "../flight/refreshing.ts"
import { retryOf } from "../load/refreshLoad.ts"
import type { Entry } from "../memory/entry.ts"
import { answerWith, recordAnswer, tellAnswer } from "../read/serve.ts"
import { refusal } from "../read/validate.ts"
import type * as Policy from "../request/callPolicy.ts"
import { readContextOf, wallNow } from "../request/context.ts"
import { type Plan, servedAs } from "../request/decide.ts"
import type { Flights, Reader, Request } from "../state.ts"
import type { Budget } from "../storeTier/storeTier.ts"
import { isFresh, type Served } from "../telemetry/tell.ts"
import * as Batch from "./batch.ts"
import { conclude } from "./conclude.ts"
import type { Missing } from "./missingKey.ts"

export interface ManyRequest {
  readonly keys: ReadonlyArray<Key>
  readonly template: Request
  readonly requestOf: (key: Key, batch: Batch.Batch) => Request
  readonly loadAll: Batch.LoadAll
  /** Whether each key has its own reader, as in a resolver. If so, a refusal or a failed call never fails the read. */
  readonly isPerKey: boolean
}

export type Exits = ReadonlyArray<Exit.Exit<unknown, unknown>>

export interface Reading {
  readonly exits: Array<Exit.Exit<unknown, unknown>>
  readonly missing: IdMap<Missing>
  readonly due: Map<string, { readonly key: Key; readonly entry: Entry }>
  /** Served entries that are not yet reported to listeners (`tellServed`). */
  readonly served: Array<{ readonly key: Key; readonly entry: Entry; readonly source: Served }>
  readonly fiber: Fiber.Fiber<any, any>
  readonly many: ManyRequest
  readonly policy: Policy.Policy
  readonly mutations: number
  readonly budget: Budget | undefined
  /** Whether a key was refused, or the strategy threw for a key. */
  isBroken: boolean
}

export interface Decided {
  readonly place: number
  readonly key: Key
  readonly entry: Entry | undefined
  readonly plan: Plan
  readonly source: "memory" | "store"
}

export const noBatch = Batch.make({ loadAll: () => Effect.succeed([]) })

export const readerOf = (engine: Flights, { fiber, many, policy }: Reading, key: Key): Reader => ({
  engine,
  fiber,
  policy,
  id: idOf(key),
  request: many.requestOf(key, noBatch)
})

/** Serves an entry that is due for a refresh, or stale while loads of its id pause. Returns whether it was served. */
export const isServed = (
  self: Flights,
  reading: Reading,
  { entry, key, place, plan, source }: Decided
): boolean => {
  if (plan !== "ServeAndRefresh" && plan !== "ServeStale") return false
  if (plan === "ServeAndRefresh") reading.due.set(entry!.id, { key, entry: entry! })
  const served = servedAs(entry!, plan, wallNow(self, reading.fiber), source)
  reading.exits[place] = answerWith(readerOf(self, reading, key), entry!, served)
  reading.served.push({ key, entry: entry!, source: served })
  return true
}

export const afterwards = <A, E, R>(
  first: Effect.Effect<void> | undefined,
  next: () => Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> => first === undefined ? next() : Effect.andThen(first, Effect.suspend(next))

/** Tells the served entries, requests the refreshes that are due, and continues with `next`. */
export const afterServed = <A, E, R>(
  self: Flights,
  reading: Reading,
  next: () => Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> =>
  afterwards(tellServed(self, reading), () => {
    refreshDue(self, reading)
    return next()
  })

/** Tells entries after all of them were served, so that a listener cannot change the answer for a repeated key. */
const tellServed = (self: Flights, reading: Reading): Effect.Effect<void> | undefined => {
  const served = reading.served.splice(0)
  if (served.length === 0) return undefined
  const { span, within } = readContextOf(self, reading.fiber)
  const stale = span && served.find(({ source }) => !isFresh(source))
  if (stale !== undefined) {
    const { entry: { id }, key } = stale
    telling(self, span, key, { id, source: "stale", now: wallNow(self, reading.fiber), waitedMillis: 0 })
  }
  if (within !== undefined) {
    for (const { entry, key, source } of served) recordAnswer(readerOf(self, reading, key), entry, source)
  }
  return Turns.forEachNow(
    served,
    ({ entry, key, source }) => tellAnswer(readerOf(self, reading, key), entry, source)
  )
}

const refreshDue = (self: Flights, { due, fiber, many, mutations, policy }: Reading): void => {
  if (due.size === 0) return
  const entries = Array.from(due.values())
  due.clear()
  if (!policy.writes) return
  const starter = readContextOf(self, fiber)
  const batch = Batch.make({ ...loadOf(many), retry: retryOf(self) })
  const unit = makeUnit()
  const request = ({ entry, key }: (typeof entries)[number]): void => {
    const request = many.requestOf(key, batch)
    if (refusal(self, request) !== undefined) return
    // Asks the starter's clock: the reader's fiber may have ended, and with it its context.
    const now = self.time.now(starter.clock)
    enqueue(self, { starter, request, id: entry.id, entry, mutations, now }, unit)
  }
  // The read does not wait until all refreshes are requested.
  Turns.forEachUnsafe(entries, { clock: starter.clock, dispatcher: fiber.currentDispatcher }, request, () => {
    offer(self, unit, fiber.currentDispatcher)
    batch.close()
  })
}

/** The load of a batch. A resolver answers each request separately, so answers for other keys are dropped. */
export const loadOf = ({ isPerKey, loadAll, requestOf }: ManyRequest) => ({
  loadAll,
  requestOf: isPerKey ? undefined : requestOf
})

export const refuse = ({ exits }: Reading, missing: Missing, exit: Exit.Exit<never>): void => missing.setIn(exits, exit)

export const concluded = ({ exits, many }: Reading, batches: Iterable<Batch.Batch>): Exit.Exit<Exits, unknown> =>
  many.isPerKey ? Exit.succeed(exits) : conclude(exits, batches)
