/** Opens the store of a layer. */
import { Context, Effect, Layer, type Scope } from "effect"
import { Store } from "effect-cached/adapters"

/** The store of a layer, until the scope closes. Each run of the effect opens another. */
export const storeFrom = <E, R>(
  layer: Layer.Layer<Store.Store, E, R>
): Effect.Effect<Store.Store, E, R | Scope.Scope> =>
  Effect.map(Layer.build(Layer.fresh(layer)), Context.get(Store.Store))
