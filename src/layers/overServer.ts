/** Makes a layer with a cache over a server, and with the lock and the guard store of that server. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import type { StoreError } from "../CacheError.ts"
import type * as Caching from "../Caching.ts"
import type { Checks } from "../internal/options/options.ts"
import { Store } from "../ports/store.ts"
import { type LockAndGuards, lockAndGuards } from "./lockAndGuards.ts"
import { overStore } from "./overStore.ts"

export const unchecked = <O>(names: ReadonlyArray<string>): Checks<O> =>
  Object.fromEntries(names.map((name) => [name, () => {}])) as unknown as Checks<O>

/** A store, and what its server also has. */
interface Opened<R> extends Partial<LockAndGuards<StoreError, R>> {
  readonly store: Store
}

export const overServer = <R>(
  checked: Caching.MakeOptions,
  open: Effect.Effect<Opened<R>, StoreError, R>
): Layer.Layer<Caching.Caching, StoreError, Exclude<R, Scope.Scope>> => {
  const cache = overStore(checked)
  const opened = Layer.effectContext(
    Effect.flatMap(open, (opened) => Effect.map(lockAndGuards(opened), Context.add(Store, opened.store)))
  )
  return Layer.flatMap(opened, (context) =>
    Layer.merge(
      Layer.provide(cache, Layer.succeed(Store, Context.get(context, Store))),
      Layer.succeedContext(Context.omit(Store)(context))
    ))
}
