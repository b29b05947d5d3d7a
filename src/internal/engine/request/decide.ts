/** Asks a request's strategy what to do with an entry. */
import * as Context from "effect/Context"
import type * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Random from "effect/Random"
import type { Timing } from "../../../CacheEntry.ts"
import type { Decision } from "../../../Strategy.ts"
import type { Entry } from "../memory/entry.ts"
import { isOfStream } from "../memory/manifest.ts"
import type { Flights, ReadContext, Request } from "../state.ts"
import type { Served } from "../telemetry/tell.ts"
import { adopt } from "./adopt.ts"
import type * as Policy from "./callPolicy.ts"
import { readContextOf } from "./context.ts"
import { answerOrDefect, checkDecision, optionOf } from "./rules.ts"
import { standsIn } from "./throttle.ts"

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

/** The use of an entry by a read: the decision of its strategy or, while loads pause, a stale value in place of one. */
export type Plan = Decision | "ServeStale"

/** The source of a plan's time and random numbers: the context of the read or flight. */
export type Planner = Pick<ReadContext, "clock" | "context">

/** Plans the use of an entry whose lifetime was adopted. Changes nothing, so that explanations can ask it too. */
export const planOf = (self: Flights, planner: Planner, request: Request, entry: Entry): Plan => {
  const now = self.time.now(planner.clock)
  const decision = decideAt(request, entry, now, request.deadlinesOnly ? noRandom : randomOf(planner))
  return decision === "LoadOrStale" && standsIn(self, request, entry, now) ? "ServeStale" : decision
}

/** Like `planOf`, for an entry in memory, which may have to be asked for again. */
export const planInMemory = (self: Flights, planner: Planner, request: Request, entry: Entry): Plan =>
  isPastMemoryTtl(self, planner, request, entry) ? "Load" : planOf(self, planner, request, entry)

/** Like `planInMemory`, for one of many keys: an exception becomes the answer for that key. */
export const planOrDefect = (
  self: Flights,
  planner: Planner,
  request: Request,
  entry: Entry
): Plan | Exit.Exit<never> => answerOrDefect(() => planInMemory(self, planner, request, entry))

/** Plans the use of an entry that the store has returned. */
export const planFound = (self: Flights, fiber: Fiber.Fiber<any, any>, request: Request, entry: Entry): Plan => {
  const context = readContextOf(self, fiber)
  adopt(self, { policy: context.policy, request }, entry, self.time.now(context.clock))
  return planOf(self, context, request, entry)
}

const noRandom = (): number => 0

// One shared function avoids a closure per read. `decide` is synchronous, so `current` is the reading one.
let current: Planner | undefined
const random = (): number => Context.get(current!.context, Random.Random).nextDoubleUnsafe()
const randomOf = (planner: Planner): () => number => {
  current = planner
  return random
}

/** Whether to ask the store again: `memoryTtl` has passed, or only the entry or only the read belongs to a stream. */
const isPastMemoryTtl = (self: Flights, { clock }: Planner, request: Request, entry: Entry): boolean => {
  if (entry.memoryExpiresAt === undefined) return false
  if (isOfStream(entry) !== (request.followed !== undefined)) return true
  if (entry.memoryExpiresAt !== -Infinity) return self.time.now(clock) >= entry.memoryExpiresAt
  if (optionOf(self, request, "memoryTtl") !== undefined) return true
  entry.memoryExpiresAt = undefined
  return false
}

export const servedAs = (entry: Entry, plan: Plan, now: number, source: "memory" | "store"): Served => {
  if (plan === "ServeStale") return "stale"
  if (plan === "Serve" || now < entry.softExpiresAt) return source
  return source === "memory" ? "memoryDue" : "storeDue"
}

/** Whether an entry has no `memoryTtl` and is before its deadlines. `false` after a soft invalidation. */
export const isFreshAt = (entry: Entry, now: number): boolean =>
  entry.memoryExpiresAt === undefined && isBeforeDeadlines(entry, now)

export const isBeforeDeadlines = (entry: Entry, now: number): boolean => entry.isBeforeDeadlines(now)

/** The `writeId` of a rejected entry. `undefined` after its deadline or `memoryTtl`: the store may have a valid one. */
export const rejectedOf = (self: Flights, planner: Planner, request: Request, former: Entry): string | undefined =>
  self.time.now(planner.clock) >= former.expiresAt || isPastMemoryTtl(self, planner, request, former)
    ? undefined
    : former.writeId

/** Whether a read may use memory. While changes in the store cannot be tracked, a strict read may not. */
export const trustsMemory = (self: Flights, policy: Policy.Policy): boolean =>
  !policy.strict || self.storeTier === undefined || !self.storeTier.untracked
