/**
 * Locks and the state of guards in a directory on the local disk, with Node's SQLite. All processes of one machine
 * share them. Must not be used on a network file system.
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { StoreError } from "../../CacheError.ts"
import { refuseUnknown } from "../../internal/options/options.ts"
import { lockAndGuards } from "../shared/lockAndGuards.ts"
import { guardsIn, storeError } from "./guards.ts"
import { lockIn } from "./locks.ts"
import { folderOf } from "./options.ts"

/**
 * The directory in which the locks and the state of guards are kept.
 * @category options
 * @since 0.1.0
 */
interface Options {
  /** The directory. It is created if it does not exist, and may be the directory of a `SqliteStore`. */
  readonly directory: string
  /**
   * Whether to accept a folder that other users can write to. The program then trusts everything they write there.
   * @default `false`
   */
  readonly trustFolder?: boolean | undefined
}

/**
 * Provides a lock and a guard store in a directory.
 *
 * **When to use**
 *
 * Use for locks and limits that all processes of a machine share. `CacheLayer.disk` already provides both.
 *
 * **Details**
 *
 * - A caller that waits for a lock checks it every 50 ms and when the holder's lease ends. Fencing tokens grow across
 *   restarts.
 * - Each step of a guard is one transaction, so a limit holds across all processes, even if some are killed.
 * - Fails with a `StoreError` if the directory cannot be used. Throws a `CacheConfigError` for invalid options.
 *
 * **Gotchas**
 *
 * - If the scope closes while a lock is held, the lock stays held until its lease ends.
 * - A damaged file is not replaced automatically, because other processes may use it. Delete the file by hand.
 *
 * **Example** (Refusing a second call)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Guard } from "effect-cached"
 * import { SqliteGuards } from "effect-cached/sqlite"
 * import { mkdtempSync } from "node:fs"
 * import { tmpdir } from "node:os"
 * import { join } from "node:path"
 *
 * const directory = join(mkdtempSync(join(tmpdir(), "cache-")), "limits")
 *
 * const call = Effect.succeed("called").pipe(
 *   Guard.rateLimit({ key: "api", limit: 1, window: "1 minute" }),
 *   Effect.catchTag("RateLimitExceeded", () => Effect.succeed("refused"))
 * )
 * const twice = Effect.all([call, call]).pipe(Effect.provide(SqliteGuards.layer({ directory })))
 * await Effect.runPromise(twice) // => ["called", "refused"]
 * ```
 *
 * @see `RedisGuards.layer` for processes on several machines
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: Options): Layer.Layer<never, StoreError> => {
  const what = "SqliteGuards.layer"
  refuseUnknown(what, options, ["directory", "trustFolder"])
  const folder = folderOf(what, options)
  const lock = Effect.mapError(lockIn(folder), ({ cause }) => storeError("open", cause))
  return Layer.effectContext(Effect.zipWith(lock, guardsIn(folder), lockAndGuards))
}
