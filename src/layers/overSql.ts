/** Makes a layer with a cache, a lock and a guard store in one schema. Building it imports the driver. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import { StoreError } from "../CacheError.ts"
import type * as Caching from "../Caching.ts"
import type { Opened } from "../drivers/sql/stores.ts"
import { Store } from "../ports/store.ts"
import { lockAndGuards } from "./lockAndGuards.ts"
import { overStore } from "./overStore.ts"

export const load = <A>(module: () => Promise<A>): Effect.Effect<A, StoreError> =>
  Effect.tryPromise({
    try: module,
    catch: (cause) => new StoreError({ store: "sql", operation: "open", reason: "Unsupported", cause })
  })

export const parts = load(() => import("#node/drivers/sql/parts"))

export const overSql = <R>(
  checked: Caching.MakeOptions,
  open: Effect.Effect<Opened, StoreError, R>
): Layer.Layer<Caching.Caching, StoreError, Exclude<R, Scope.Scope>> => {
  const cache = overStore(checked)
  const opened = Layer.effectContext(
    Effect.gen(function*() {
      const { guardsOver, lockOver } = yield* parts
      const { session, store } = yield* open
      if (session === undefined) return Context.make(Store, store) as Context.Context<Store>
      const others = yield* lockAndGuards({
        lock: Effect.sync(() => lockOver(session)),
        guards: Effect.sync(() => guardsOver(session))
      })
      return Context.add(others, Store, store)
    })
  )
  return Layer.flatMap(opened, (context) =>
    Layer.merge(
      Layer.provide(cache, Layer.succeed(Store, Context.get(context, Store))),
      Layer.succeedContext(Context.omit(Store)(context))
    ))
}
