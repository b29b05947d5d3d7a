/** Caches with a policy of their own, which applies to all their calls, even to those inside loads and transactions. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import type { Cache } from "../internal/engine/boundCache.ts"
import { Current, type Policy } from "../internal/engine/request/callPolicy.ts"

type Change = (policy: Policy) => Policy

export const underPolicy = (inner: Cache, change: Change): Cache => {
  // Most calls have the context of the call before. It is forgotten in a microtask, so that it is not retained.
  let last: { readonly from: Context.Context<never>; readonly to: Context.Context<never> } | undefined
  const forget = () => void (last = undefined)
  const add = (from: Context.Context<never>): Context.Context<never> => {
    if (last?.from === from) return last.to
    if (last === undefined) queueMicrotask(forget)
    return (last = { from, to: Context.add(from, Current, change(Context.get(from, Current))) }).to
  }
  const wrap = <A, E>(self: Effect.Effect<A, E>): Effect.Effect<A, E> => Effect.updateContext(self, add)
  const { beside, inside, policy } = inner
  const cache: Cache = {
    ...inner,
    beside: beside === undefined ? undefined : (other) => {
      const used = beside(other)
      return used === inner ? cache : used
    },
    inside: (transaction) => underPolicy(inside === undefined ? transaction : inside(transaction), change),
    policy: policy === undefined ? change : (current) => change(policy(current)),
    read: (_, request) => wrap(Effect.withFiber((fiber) => inner.read(fiber, request))),
    perform: (operation, ...args) => {
      const perform = (all: ReadonlyArray<unknown>): unknown => inner.perform(operation, ...all as typeof args)
      const [first, ...rest] = args
      // An operation with a fiber reads the policy of that fiber.
      if (Fiber.isFiber(first)) {
        return wrap(Effect.withFiber((fiber) => perform([fiber, ...rest]) as Effect.Effect<unknown>)) as never
      }
      const result = perform(args)
      if (Effect.isEffect(result)) return wrap(result as Effect.Effect<unknown>) as never
      return (Stream.isStream(result) ? Stream.updateContext(result as Stream.Stream<unknown>, add) : result) as never
    }
  }
  return cache
}
