/** What a request's strategy says about an entry. */
import type * as Clock from "effect/Clock"
import type * as Fiber from "effect/Fiber"
import * as Random from "effect/Random"
import { type Decision, Load, LoadOrStale, Serve, ServeAndRefresh } from "../../../Strategy.ts"
import type { Entry } from "../memory/entry.ts"
import type * as Policy from "./callPolicy.ts"
import { nowOf, readContextOf } from "./context.ts"
import type { Flights } from "./flights.ts"
import type { Request } from "./request.ts"

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
export const decide = (self: Flights, fiber: Fiber.Fiber<any, any>, request: Request, entry: Entry): Decision =>
  decideAt(request, entry, nowFor(request, entry, readContextOf(self, fiber).clock), diceFor(fiber, request))

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
export const decideInMemory = (fiber: Fiber.Fiber<any, any>, request: Request, entry: Entry, now: number): Decision =>
  entry.memoryExpiresAt !== undefined && isPastMemoryTtl(request, entry, nowOf(fiber))
    ? Load
    : decideAt(request, entry, now, diceFor(fiber, request))

/** It was in memory for as long as it may be without asking the store. */
export const isPastMemoryTtl = (request: Request, entry: Entry, now: number): boolean => {
  if (entry.memoryExpiresAt === undefined) return false
  if (entry.memoryExpiresAt !== -Infinity) return now >= entry.memoryExpiresAt
  if (request.options.memoryTtl !== undefined) return true
  entry.memoryExpiresAt = undefined
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

/** before both its deadlines; what was marked as stale never is */
export const isFreshAt = (entry: Entry, now: number): boolean =>
  entry.memoryExpiresAt === undefined && now < entry.softExpiresAt && now < entry.expiresAt

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
  return now >= former.expiresAt || isPastMemoryTtl(request, former, now) ? undefined : former.writeId
}

/** who is strict does not believe a copy while what others do cannot be heard */
export const trustsMemory = (self: Flights, policy: Policy.Policy): boolean =>
  !policy.strict || self.storeTier === undefined || !self.storeTier.untracked
