/** The lock and the guard store that `CacheLayer.disk` provides with its cache, in the same folder. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import type { StoreError } from "../CacheError.ts"
import { lazily } from "../internal/lock/fromBackend.ts"
import type * as GuardPort from "../ports/guardStore.ts"
import { withSqlite } from "./folder.ts"
import { lockAndGuards } from "./lockAndGuards.ts"

interface Folder {
  readonly directory: string
  readonly trustFolder?: boolean | undefined
}

/** Provides a lock and a guard store. Their files are created on first use, because most programs need neither. */
export const folderParts = (folder: Folder): Layer.Layer<never, StoreError> =>
  Layer.effectContext(lockAndGuards({ lock: lock(folder), guards: guards(folder) }))

/** Opens a resource on first use, and keeps it open until `scope` closes. */
const onFirstUse = <A, E>(open: Effect.Effect<A, E, Scope.Scope>, scope: Scope.Scope): Effect.Effect<A, E> => {
  let opened: A | undefined
  return Effect.suspend(() =>
    opened === undefined
      ? Effect.map(Scope.provide(open, scope), (value) => opened ??= value)
      : Exit.succeed(opened)
  )
}

const parts = withSqlite(() => import("#node/drivers/sqlite/parts"))

/** Imports while the layer is built, so that a relative path is resolved at that time, like that of the cache. */
const lock = Effect.fnUntraced(function*(folder: Folder) {
  const { folderOf, lockIn } = yield* parts
  return lazily("sqlite", onFirstUse(lockIn(folderOf("CacheLayer.disk", folder)), yield* Effect.scope))
})

const guards = Effect.fnUntraced(function*(folder: Folder) {
  const { folderOf, guardsIn } = yield* parts
  const store = onFirstUse(guardsIn(folderOf("CacheLayer.disk", folder)), yield* Effect.scope)
  return {
    name: "sqlite",
    run: (kind, name, input) => Effect.flatMap(store, (store) => store.run(kind, name, input)),
    readBits: (filter, numbers) => Effect.flatMap(store, (store) => store.readBits(filter, numbers)),
    mergeBits: (filter, blocks) => Effect.flatMap(store, (store) => store.mergeBits(filter, blocks)),
    removeBits: (filter) => Effect.flatMap(store, (store) => store.removeBits(filter))
  } satisfies GuardPort.GuardStore
})
