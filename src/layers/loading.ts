/** Imports a driver when a layer is built, because some platforms do not have what it needs. */
import * as Effect from "effect/Effect"
import { StoreError } from "../CacheError.ts"

export const loading = <Module>(
  store: string,
  module: () => Promise<Module>,
  causeOf = (thrown: unknown): unknown => thrown
): Effect.Effect<Module, StoreError> =>
  Effect.tryPromise({
    try: module,
    catch: (thrown) => new StoreError({ store, operation: "open", reason: "Unsupported", cause: causeOf(thrown) })
  })
