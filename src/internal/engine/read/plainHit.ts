/** A hit in memory for callers that answer without an effect: those of a server, which is as fast as its own code. */
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import { idOf, type Key } from "../../key/ofKey.ts"
import { sameIds } from "../../key/sameIds.ts"
import * as Memory from "../memory/memory.ts"
import * as Policy from "../request/callPolicy.ts"
import { readContextOf } from "../request/context.ts"
import { isBeforeDeadlines } from "../request/decide.ts"
import type { Flights } from "../state.ts"

/**
 * Reads a fresh value in memory, which counts as a hit if `use` makes an answer of it. `undefined`: read as usual. Only
 * for reads that no policy, listener or surrounding load changes, by strategies that serve what is fresh.
 */
export const plainHit = <A>(
  self: Flights,
  fiber: Fiber.Fiber<any, any>,
  key: Key,
  use: (value: never) => A | undefined
): A | undefined => {
  const { clock, policy } = readContextOf(self, fiber)
  if (policy !== Policy.standard || self.hitsHaveEffects || sameIds.exist) return undefined
  const entry = Memory.peek(self.memory, self.tagEpochs, idOf(key))
  if (entry === undefined || entry.memoryExpiresAt !== undefined) return undefined
  const { exit } = entry
  if (Exit.isFailure(exit) || !isBeforeDeadlines(entry, self.time.now(clock))) return undefined
  const answer = use(exit.value as never)
  if (answer === undefined) return undefined
  entry.counters.hits++
  entry.reads++
  self.memory.policy.read(entry)
  return answer
}
