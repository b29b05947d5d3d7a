/** Makes a layer with a cache, a lock and a guard store over one Redis connection. Building it imports the client. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { StoreError } from "../CacheError.ts"
import type * as Caching from "../Caching.ts"
import type { Config } from "../drivers/redis/options.ts"
import type { Checks } from "../internal/options/options.ts"
import { Store } from "../ports/store.ts"
import { lockAndGuards } from "./lockAndGuards.ts"
import { overStore } from "./overStore.ts"

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
      const store = yield* storeOver(opened)
      const others = yield* lockAndGuards({ lock: lockOver(opened), guards: Effect.sync(() => guardsOver(opened)) })
      return Context.add(others, Store, store)
    })
  )
  return Layer.flatMap(opened, (context) =>
    Layer.merge(
      Layer.provide(cache, Layer.succeed(Store, Context.get(context, Store))),
      Layer.succeedContext(Context.omit(Store)(context))
    ))
}
