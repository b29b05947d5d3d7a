/** The lock and the guard store that a layer provides with its cache, unless the program provides its own. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { GuardStore } from "../GuardStore.ts"
import { Lock } from "../Lock.ts"

export interface LockAndGuards<E, R> {
  readonly lock: Effect.Effect<Lock, E, R>
  readonly guards: Effect.Effect<GuardStore, E, R>
}

/** Opens the lock and the guard store, if there are any, unless the surrounding layers already provide them. */
export const lockAndGuards = Effect.fnUntraced(function*<E, R>(
  { guards, lock }: Partial<LockAndGuards<E, R>>
): Effect.fn.Return<Context.Context<never>, E, R> {
  const surrounding = yield* Effect.context<never>()
  let context = Context.empty()
  if (lock !== undefined && Context.getOrUndefined(surrounding, Lock) === undefined) {
    context = Context.add(context, Lock, yield* lock) as typeof context
  }
  if (guards !== undefined && Context.getOrUndefined(surrounding, GuardStore) === undefined) {
    context = Context.add(context, GuardStore, yield* guards) as typeof context
  }
  return context
})
