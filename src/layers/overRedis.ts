/**
 * A cache over Redis, and the lock and the state of guards there: all use one connection. The client is loaded when the layer
 * is built.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { StoreError } from "../CacheError.ts"
import type * as Caching from "../Caching.ts"
import type { Config } from "../drivers/redis/options.ts"
import { GuardStore } from "../GuardStore.ts"
import type { Checks } from "../internal/options/options.ts"
import { Lock } from "../Lock.ts"
import { Store } from "../ports/store.ts"
import { overStore } from "./overStore.ts"

/** Names options that are checked together, elsewhere. */
export const unchecked = <O>(names: ReadonlyArray<string>): Checks<O> =>
  Object.fromEntries(names.map((name) => [name, () => {}])) as unknown as Checks<O>

const load = Effect.tryPromise({
  try: () => import("#node/drivers/redis/parts"),
  catch: (cause) => new StoreError({ store: "redis", operation: "open", reason: "Unsupported", cause })
})

export const overRedis = (
  checked: Caching.MakeOptions,
  config: Config
): Layer.Layer<Caching.Caching, StoreError> => {
  const cache = overStore(checked)
  const opened = Layer.effectContext(
    Effect.gen(function*() {
      const { guardsOver, lockOver, open, storeError, storeOver } = yield* load
      const opened = yield* Effect.mapError(open(config), (fault) => storeError("open", fault))
      let context = Context.make(Store, yield* storeOver(opened))
      const surrounding = yield* Effect.context<never>()
      // a part of the program's own goes before
      if (Context.getOrUndefined(surrounding, Lock) === undefined) {
        context = Context.add(context, Lock, yield* lockOver(opened)) as typeof context
      }
      if (Context.getOrUndefined(surrounding, GuardStore) === undefined) {
        context = Context.add(context, GuardStore, guardsOver(opened)) as typeof context
      }
      return context
    })
  )
  return Layer.flatMap(opened, (context) =>
    Layer.merge(
      Layer.provide(cache, Layer.succeed(Store, Context.get(context, Store))),
      Layer.succeedContext(Context.omit(Store)(context))
    ))
}
