/** Instructions for the programs of the long soak, and their reports. */

import type { CacheLayer } from "effect-cached"

/** The place of a program's cache. */
export type Where =
  | { readonly _tag: "memory" }
  | { readonly _tag: "disk"; readonly options: CacheLayer.DiskOptions }
  | { readonly _tag: "redis"; readonly options: CacheLayer.RedisOptions }

export interface Plan {
  readonly where: Where
  readonly seed: number
}

/** The sizes of a program, after a full collection. */
export interface Held {
  /** Megabytes, with buffers. */
  readonly heap: number
  /** Handles that keep its event loop alive, and open files and sockets. */
  readonly handles: number
  readonly files: number
  readonly fibers: number
  readonly operations: number
  /** Failures other than those of its own loads. */
  readonly failures: number
  readonly lastFailure: string
}
