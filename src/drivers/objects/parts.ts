/** Opens a bucket for the layer, by `fetch`. */
import * as Effect from "effect/Effect"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import type * as Scope from "effect/Scope"
import type { StoreError } from "../../CacheError.ts"
import type * as Store from "../../ports/stores.ts"
import { open } from "./open.ts"
import type { Config } from "./options.ts"

export const openByFetch = (config: Config): Effect.Effect<Store.Store, StoreError, Scope.Scope> =>
  Effect.provide(open(config), FetchHttpClient.layer)
