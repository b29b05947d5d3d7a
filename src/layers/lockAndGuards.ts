/** The lock and the guard store that a layer provides with its cache, unless the program provides its own. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { GuardStore } from "../GuardStore.ts"
import { Lock } from "../Lock.ts"

interface LockAndGuards<E, R> {
  readonly lock: Effect.Effect<Lock, E, R>
  readonly guards: Effect.Effect<GuardStore, E, R>
}

/** Opens the lock and the guard store, each only if the surrounding layers do not already provide it. */
export const lockAndGuards = Effect.fnUntraced(function*<E, R>(
  { guards, lock }: LockAndGuards<E, R>
): Effect.fn.Return<Context.Context<never>, E, R> {
  const surrounding = yield* Effect.context<never>()
  let context = Context.empty()
  if (Context.getOrUndefined(surrounding, Lock) === undefined) {
    context = Context.add(context, Lock, yield* lock) as typeof context
  }
  if (Context.getOrUndefined(surrounding, GuardStore) === undefined) {
    context = Context.add(context, GuardStore, yield* guards) as typeof context
  }
  return context
})
