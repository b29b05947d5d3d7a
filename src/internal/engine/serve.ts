import type * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Random from "effect/Random"
import { type Decision, Load, LoadOrStale, Serve, ServeAndRefresh } from "../../Strategy.ts"
import { ask } from "./backend.ts"
import type { Entry } from "./entry.ts"
import * as Memory from "./memory.ts"
import type { Engine } from "./model.ts"
import { detect, tell, tellHit } from "./observe.ts"
import type { Request } from "./request.ts"
import { nowOf, surroundingsOf } from "./waiting.ts"

// Answers with what is cached.

/** What a request's strategy says about an entry. */
export const decideAt = (request: Request, entry: Entry, now: number, random: () => number): Decision =>
  entry.softExpiresAt === -Infinity
    ? decideSoftened(request, entry, now, random())
    : request.strategy.decide(entry, now, random)

/** What was marked as stale is served only by a strategy that serves it because it is stale. */
const decideSoftened = ({ strategy }: Request, entry: Entry, now: number, die: number): Decision => {
  const decision = strategy.decide(entry, now, () => die)
  if (decision === Serve) return Load
  if (decision !== ServeAndRefresh) return decision
  const { createdAt, expiresAt, loadMillis, outcome, reads } = entry
  const fresh = { createdAt, softExpiresAt: Infinity, expiresAt, loadMillis, outcome, reads }
  return strategy.decide(fresh, now, () => die) === ServeAndRefresh ? Load : decision
}

/** As `decideAt`, for the fiber that reads. */
export const decide = (self: Engine, fiber: Fiber.Fiber<any, any>, request: Request, entry: Entry): Decision =>
  decideAt(request, entry, nowFor(request, entry, surroundingsOf(self, fiber).clock), diceFor(fiber, request))

/** The clock is not read for an entry without deadlines, where nothing else counts. */
export const nowFor = (request: Request, entry: Entry, clock: Clock.Clock): number =>
  request.deadlinesOnly && entry.softExpiresAt === Infinity && entry.expiresAt === Infinity
    ? 0
    : clock.currentTimeMillisUnsafe()

const diceFor = (fiber: Fiber.Fiber<any, any>, request: Request): () => number =>
  request.deadlinesOnly ? noDice : diceOf(fiber)

const noDice = (): number => 0

// one function for all reads: `decide` is synchronous, so it can ask for the fiber that reads now
let player: Fiber.Fiber<any, any> | undefined
const dice = (): number => player!.getRef(Random.Random).nextDoubleUnsafe()
export const diceOf = (fiber: Fiber.Fiber<any, any>): () => number => {
  player = fiber
  return dice
}

/** As `decide`, for an entry in memory: a reader may want the store asked again after a while. */
export const decideKept = (fiber: Fiber.Fiber<any, any>, request: Request, entry: Entry, now: number): Decision =>
  entry.keptUntil !== undefined && hasOutstayed(request, entry, nowOf(fiber))
    ? Load
    : decideAt(request, entry, now, diceFor(fiber, request))

/** It was in memory for as long as it may be without asking the store. */
export const hasOutstayed = (request: Request, entry: Entry, now: number): boolean => {
  if (entry.keptUntil === undefined) return false
  if (entry.keptUntil !== -Infinity) return now >= entry.keptUntil
  if (request.options.memoryTtl !== undefined) return true
  entry.keptUntil = undefined
  return false
}

/** `due`: it is past its soft deadline, and served all the same while it is loaded anew. */
export type Served = "memory" | "store" | "memoryDue" | "storeDue" | "stale"

/** How an entry is served that is not simply fresh. */
export const servedAs = (
  entry: Entry,
  decision: Decision,
  now: number,
  source: "memory" | "store" = "memory"
): Served => decision === LoadOrStale ? "stale" : now >= entry.softExpiresAt ? `${source}Due` : source

const isFromStore = (served: Served): boolean => served === "store" || served === "storeDue"

/** Answers with what is cached, and says so to those who want to know. */
export const serve = (
  self: Engine,
  fiber: Fiber.Fiber<any, any>,
  request: Request,
  entry: Entry,
  source: Served
): Exit.Exit<unknown, unknown> => {
  entry.reads++
  Memory.touch(self.memory, entry)
  if (source === "stale") entry.counters.stale++
  else if (isFromStore(source)) entry.counters.storeHits++
  else entry.counters.hits++
  if (request.slides && surroundingsOf(self, fiber).policy.writes) slide(self, request, entry, nowOf(fiber))
  noteServed(self, fiber, request, entry, source)
  return entry.exit
}

/** What has to be said of an answer beside its counting. */
export const noteServed = (
  self: Engine,
  fiber: Fiber.Fiber<any, any>,
  request: Request,
  entry: Entry,
  source: Served
): void => {
  const { policy, within } = surroundingsOf(self, fiber)
  if (self.watchers.events !== undefined) {
    if (source === "stale") tell(self, request.key, entry.id, { _tag: "Stale" })
    else tellHit(self, request.key, entry.id, isFromStore(source) ? "store" : "memory")
  }
  // due for a refresh: fresh enough for a caller, but not for another cache to keep it
  const isFresh = source === "memory" || source === "store"
  if (within !== undefined && !isFresh) within.tainted = true
  if (policy.detector !== undefined) {
    detect(policy, request, entry.id, { source: isFresh ? source : "stale", entry, now: nowOf(fiber) })
  }
}

/**
 * A read moves the end of an entry. The store hears of it at most ten times in a lifetime, so that others, and the next
 * start, know of it; a touch that fails is the next one's to make good.
 */
export const slide = (self: Engine, request: Request, entry: Entry, now: number): void => {
  const { createdAt, expiresAt, softExpiresAt, writeId } = entry
  // marked as stale: whoever serves it still, it is to end soon
  if (softExpiresAt === -Infinity) return
  const moved = request.strategy.touch!(entry, now)
  // an entry of another strategy has deadlines of its own: no read makes them earlier
  if (!(moved > expiresAt)) return
  entry.expiresAt = moved
  if (self.backend === undefined || writeId === undefined) return
  const step = (moved - now) / 10
  const before = now - (moved - expiresAt)
  if (Math.floor((now - createdAt) / step) === Math.floor((before - createdAt) / step)) return
  const { budgetMillis, releasing, store } = self.backend
  const touch = ask(
    self,
    { leftMillis: budgetMillis },
    "touch",
    store.touch(entry.id, { writeId, softExpiresAt, expiresAt: moved })
  )
  const touching = Effect.runForkWith(self.context)(touch)
  if (touching.pollUnsafe() !== undefined) return
  releasing.add(touching)
  touching.addObserver(() => releasing.delete(touching))
}
