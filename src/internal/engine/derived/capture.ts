/** Asks for the markers of ids before a load with `inherit: "changes"` reads these ids, to notice later changes. */
import { beginCapture, captured } from "#platform/engine/derived/dependencies"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { identity } from "effect/Function"
import * as Option from "effect/Option"
import { idOf } from "../../key/ofKey.ts"
import { monotonicNow } from "../../time/monotonic.ts"
import { answerOrDefect, askTimeouts, rulesOf, shortened, withRules } from "../request/rules.ts"
import type { Attempt, Flights, Policy, Request, StoreReads } from "../state.ts"
import { ask, budgetOf } from "../storeTier/ask.ts"
import { isFault } from "../storeTier/faults.ts"

type InTime = <A>(question: Effect.Effect<A>) => Effect.Effect<A | undefined>

const whole: InTime = (question) => question

export const captureFirst = (
  self: Flights,
  { policy, within }: { readonly policy: Policy; readonly within: Attempt },
  ids: ReadonlyArray<string>,
  inTime: InTime = whole
): Effect.Effect<Policy> | undefined => {
  const capture = beginCapture(self, within, ids)
  if (capture === undefined) return undefined
  const tier = self.storeTier!
  const budget = budgetOf(tier, policy)
  const { leftMillis } = budget
  const question = ask(tier, budget, "markers", tier.store.markers(capture.tags))
  return Effect.map(inTime(question), (answer): Policy => {
    const isTold = answer !== undefined && !isFault(answer)
    captured(capture, isTold ? answer.markers.map(({ version }) => version) : undefined)
    return budget.leftMillis === leftMillis ? policy : { ...policy, storeTimeoutMillis: Math.max(0, budget.leftMillis) }
  })
}

/** Captures markers before a read of many keys. Waits no longer than the longest timeout of the keys' requests. */
export const captureMany: StoreReads["captureMany"] = (self, reading, requests, ids) => {
  if (requests === undefined) {
    const captured = captureFirst(self, reading, ids)
    return captured && Effect.map(captured, (policy) => ({ policy, shortened: identity }))
  }
  const asked = new Map<string, Request>()
  const captured = captureFirst(self, reading, ids, (question) =>
    Effect.suspend(() => {
      let longest = 0
      for (const given of requests()) {
        const limit = answerOrDefect(() => {
          const request = askTimeouts(self, given)
          if (Exit.isExit(request)) return request
          asked.set(idOf(given.key), request)
          return rulesOf(self, request).timeoutMillis ?? Infinity
        })
        // If a timeout function throws for a key, the read that follows fails for that key alone.
        if (!Exit.isExit(limit)) longest = Math.max(longest, limit)
      }
      return longest === Infinity
        ? question
        : Effect.map(Effect.timeoutOption(question, longest), Option.getOrUndefined)
    }))
  return captured && Effect.withFiber((fiber) => {
    const since = monotonicNow(fiber)
    return Effect.map(captured, (policy) => {
      const millis = monotonicNow(fiber) - since
      return {
        policy,
        shortened: (request) => {
          const known = asked.get(idOf(request.key))
          return known === undefined ? request : withRules(request, rulesOf(self, shortened(self, known, millis)))
        }
      }
    })
  })
}
