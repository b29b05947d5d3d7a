/** The lock of a folder, which is the default where a cache is in that folder. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import { StoreError } from "../CacheError.ts"
import { Lock } from "../Lock.ts"
import type * as Port from "../ports/lock.ts"

interface Folder {
  readonly directory: string
  readonly trustFolder?: boolean | undefined
}

/**
 * Provides the lock of a folder, unless the program has one of its own. Its file is made with the first lock: most programs
 * need none.
 */
export const folderLock = (folder: Folder): Layer.Layer<never, StoreError> =>
  Layer.effectContext(
    Effect.contextWith((context: Context.Context<never>) =>
      Context.getOrUndefined(context, Lock) === undefined
        ? Effect.map(lazily(folder), (lock) => Context.make(Lock, lock) as Context.Context<never>)
        : Effect.succeed(Context.empty())
    )
  )

const lazily = Effect.fnUntraced(function*({ directory, trustFolder }: Folder) {
  const scope = yield* Effect.scope
  // now, where the working directory is that of the cache
  const { make } = yield* Effect.tryPromise({
    try: () => import("#node/locks/SqliteLock"),
    catch: (cause) => new StoreError({ store: "sqlite", operation: "open", reason: "Unsupported", cause })
  })
  const open = Scope.provide(make({ directory, ...trustFolder === undefined ? {} : { trustFolder } }), scope)
  let opened: Port.Lock | undefined
  const lock = Effect.suspend(() =>
    opened === undefined ? Effect.map(open, (lock) => opened ??= lock) : Exit.succeed(opened)
  )
  return {
    name: "sqlite",
    acquire: (name, options) => Effect.flatMap(lock, (lock) => lock.acquire(name, options)),
    isLocked: (name) => Effect.flatMap(lock, (lock) => lock.isLocked(name))
  } satisfies Port.Lock
})
