/** Asks a request's strategy what to do with an entry. */
import type * as Clock from "effect/Clock"
import type * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Random from "effect/Random"
import type { Timing } from "../../../CacheEntry.ts"
import type { Decision } from "../../../Strategy.ts"
import type { Entry } from "../memory/entry.ts"
import { isOfStream } from "../memory/manifest.ts"
import type { Flights, Request } from "../state.ts"
import type { Served } from "../telemetry/tell.ts"
import { adopt } from "./adopt.ts"
import type * as Policy from "./callPolicy.ts"
import { nowOf, readContextOf } from "./context.ts"
import { answerOrDefect, checkDecision, optionOf } from "./rules.ts"

/** The strategy's decision about an entry. Throws what the strategy throws, which becomes the caller's defect. */
export const decideAt = (request: Request, entry: Entry, now: number, random: () => number): Decision =>
  entry.softExpiresAt === -Infinity
    ? decideSoftened(request, entry, now, random())
    : ask(request, entry, now, random)

const ask = ({ strategy }: Request, entry: Timing, now: number, random: () => number): Decision =>
  checkDecision(strategy, strategy.decide(entry, now, random))

/** Decides about a softly invalidated entry: loads instead of serving it, or of a refresh that was due anyway. */
const decideSoftened = (request: Request, entry: Entry, now: number, die: number): Decision => {
  const decision = ask(request, entry, now, () => die)
  if (decision === "Serve") return "Load"
  if (decision !== "ServeAndRefresh") return decision
  const { createdAt, expiresAt, loadMillis, outcome, reads } = entry
  const fresh = { createdAt, softExpiresAt: Infinity, expiresAt, loadMillis, outcome, reads }
  return ask(request, fresh, now, () => die) === "ServeAndRefresh" ? "Load" : decision
}

/** Like `decideAt`, for one of many keys: an exception becomes the answer for that key. */
export const decideOrDefect = (
  request: Request,
  entry: Entry,
  now: number,
  random: () => number
): Decision | Exit.Exit<never> => answerOrDefect(() => decideAt(request, entry, now, random))

export const decide = (self: Flights, fiber: Fiber.Fiber<any, any>, request: Request, entry: Entry): Decision => {
  const { clock, policy } = readContextOf(self, fiber)
  adopt(self, { policy, request }, entry, self.time.now(clock))
  return decideAt(request, entry, nowFor(self, request, entry, clock), randomFor(fiber, request))
}

/** The time for a decision: 0, without reading the clock, if only deadlines matter and the entry has none. */
export const nowFor = (self: Flights, request: Request, entry: Entry, clock: Clock.Clock): number =>
  !entry.hasDeadlines && request.deadlinesOnly ? 0 : self.time.now(clock)

const randomFor = (fiber: Fiber.Fiber<any, any>, request: Request): () => number =>
  request.deadlinesOnly ? noRandom : randomOf(fiber)

const noRandom = (): number => 0

// One shared function avoids a closure per read. `decide` is synchronous, so `currentFiber` is the reading fiber.
let currentFiber: Fiber.Fiber<any, any> | undefined
const random = (): number => currentFiber!.getRef(Random.Random).nextDoubleUnsafe()
export const randomOf = (fiber: Fiber.Fiber<any, any>): () => number => {
  currentFiber = fiber
  return random
}

export const decideInMemory = (fiber: Fiber.Fiber<any, any>, request: Request, entry: Entry, now: number): Decision =>
  decideAt(request, entry, now, randomFor(fiber, request))

/** Like `isPastMemoryTtl`, but reads the fiber's clock, and does so only if the entry has a `memoryExpiresAt`. */
export const isDueAgain = (self: Flights, fiber: Fiber.Fiber<any, any>, request: Request, entry: Entry): boolean =>
  entry.memoryExpiresAt !== undefined && isPastMemoryTtl(self, request, entry, nowOf(self, fiber))

/** Whether to ask the store again: `memoryTtl` has passed, or only the entry or only the read belongs to a stream. */
export const isPastMemoryTtl = (self: Flights, request: Request, entry: Entry, now: number): boolean => {
  if (entry.memoryExpiresAt === undefined) return false
  if (isOfStream(entry) !== (request.followed !== undefined)) return true
  if (entry.memoryExpiresAt !== -Infinity) return now >= entry.memoryExpiresAt
  if (optionOf(self, request, "memoryTtl") !== undefined) return true
  entry.memoryExpiresAt = undefined
  return false
}

export const servedAs = (
  entry: Entry,
  decision: Decision,
  now: number,
  source: "memory" | "store" = "memory"
): Served => {
  if (decision === "LoadOrStale") return "stale"
  if (now >= entry.softExpiresAt) return source === "memory" ? "memoryDue" : "storeDue"
  return source
}

/** Whether an entry has no `memoryTtl` and is before its deadlines. `false` after a soft invalidation. */
export const isFreshAt = (entry: Entry, now: number): boolean =>
  entry.memoryExpiresAt === undefined && isBeforeDeadlines(entry, now)

export const isBeforeDeadlines = (entry: Entry, now: number): boolean => entry.isBeforeDeadlines(now)

/** The `writeId` of a rejected entry. `undefined` after its deadline or `memoryTtl`: the store may have a valid one. */
export const rejectedOf = (
  self: Flights,
  fiber: Fiber.Fiber<any, any>,
  request: Request,
  former: Entry | undefined
): string | undefined => {
  if (former === undefined) return undefined
  const now = nowOf(self, fiber)
  return now >= former.expiresAt || isPastMemoryTtl(self, request, former, now) ? undefined : former.writeId
}

/** Whether a read may use memory. While changes in the store cannot be tracked, a strict read may not. */
export const trustsMemory = (self: Flights, policy: Policy.Policy): boolean =>
  !policy.strict || self.storeTier === undefined || !self.storeTier.untracked
