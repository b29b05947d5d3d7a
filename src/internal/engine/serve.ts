import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Random from "effect/Random"
import type { Source } from "../../CacheEvent.ts"
import { type Decision, Load, Serve } from "../../Strategy.ts"
import { ask } from "./backend.ts"
import type { Entry } from "./entry.ts"
import * as Memory from "./memory.ts"
import type { Engine } from "./model.ts"
import { detect, tell } from "./observe.ts"
import type { Request } from "./request.ts"
import { nowOf, surroundingsOf } from "./waiting.ts"

// Answers with what is cached.

/** What a request's strategy says about an entry. What was marked as stale is nothing to simply serve. */
export const decideAt = (request: Request, entry: Entry, now: number, random: () => number): Decision => {
  const decision = request.strategy.decide(entry, now, random)
  return decision === Serve && entry.softExpiresAt === -Infinity ? Load : decision
}

/** As `decideAt`, for the fiber that reads: no clock is read for an entry without deadlines, and no dice are made. */
export const decide = (self: Engine, fiber: Fiber.Fiber<any, any>, request: Request, entry: Entry): Decision => {
  const { clock } = surroundingsOf(self, fiber)
  return request.deadlinesOnly
    ? decideAt(
      request,
      entry,
      entry.softExpiresAt === Infinity && entry.expiresAt === Infinity ? 0 : clock.currentTimeMillisUnsafe(),
      noDice
    )
    : decideAt(request, entry, clock.currentTimeMillisUnsafe(), diceOf(fiber))
}

const noDice = (): number => 0

// one function for all reads: `decide` is synchronous, so it can ask for the fiber that reads now
let player: Fiber.Fiber<any, any> | undefined
const dice = (): number => player!.getRef(Random.Random).nextDoubleUnsafe()
const diceOf = (fiber: Fiber.Fiber<any, any>): () => number => {
  player = fiber
  return dice
}

/** Answers with what is cached, and says so to those who want to know. */
export const serve = (
  self: Engine,
  fiber: Fiber.Fiber<any, any>,
  request: Request,
  entry: Entry,
  source: Source
): Exit.Exit<unknown, unknown> => {
  entry.reads++
  Memory.touch(self.memory, entry)
  if (source === "stale") entry.counters.stale++
  else if (source === "store") entry.counters.storeHits++
  else entry.counters.hits++
  if (request.slides) slide(self, request, entry, nowOf(fiber))
  noteServed(self, fiber, request, entry, source)
  return entry.exit
}

/** What has to be said of an answer beside its counting. */
export const noteServed = (
  self: Engine,
  fiber: Fiber.Fiber<any, any>,
  request: Request,
  entry: Entry,
  source: Source
): void => {
  const { policy, within } = surroundingsOf(self, fiber)
  if (self.watchers.events !== undefined) {
    if (source === "memory" || source === "store") tell(self, request.key, entry.id, { _tag: "Hit", source })
    else tell(self, request.key, entry.id, { _tag: "Stale" })
  }
  const now = policy.detector === undefined && within === undefined ? 0 : nowOf(fiber)
  // due for a refresh: fresh enough for a caller, but not for another cache to keep it
  const isStale = source === "stale" || now >= entry.softExpiresAt
  if (within !== undefined && isStale) within.tainted = true
  if (policy.detector !== undefined) {
    detect(policy, request, entry.id, { source: isStale ? "stale" : source, entry, now })
  }
}

/**
 * A read moves the end of an entry. The store hears of it at most ten times in a lifetime, so that others, and the next
 * start, know of it; a touch that fails is the next one's to make good.
 */
export const slide = (self: Engine, request: Request, entry: Entry, now: number): void => {
  const { createdAt, expiresAt, softExpiresAt, writeId } = entry
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
