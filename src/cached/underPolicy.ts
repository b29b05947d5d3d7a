/** Caches with a policy of their own, which applies to all their calls, even to those inside loads and transactions. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import type { Cache } from "../internal/engine/boundCache.ts"
import { Current, type Policy } from "../internal/engine/request/callPolicy.ts"

type Change = (policy: Policy) => Policy

export const underPolicy = (inner: Cache, change: Change): Cache => {
  const add = (context: Context.Context<never>) => Context.add(context, Current, change(Context.get(context, Current)))
  const wrap = <A, E>(self: Effect.Effect<A, E>): Effect.Effect<A, E> => Effect.updateContext(self, add)
  const { beside, policy } = inner
  const cache: Cache = {
    ...inner,
    beside: beside === undefined ? undefined : (other) => {
      const used = beside(other)
      return used === inner ? cache : used
    },
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

/** The cache of a transaction, under the policy of the cache over which it runs. */
export const underPolicyOf = ({ policy }: Cache, cache: Cache): Cache =>
  policy === undefined ? cache : underPolicy(cache, policy)
