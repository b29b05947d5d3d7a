/** What the programs of the long soak are told, and what they say. */

import type { CacheLayer } from "effect-cached"

/** Where a program finds its cache. */
export type Where =
  | { readonly _tag: "memory" }
  | { readonly _tag: "disk"; readonly options: CacheLayer.DiskOptions }
  | { readonly _tag: "redis"; readonly options: CacheLayer.RedisOptions }

export interface Plan {
  readonly where: Where
  readonly seed: number
}

/** What a program holds, after a full collection. */
export interface Held {
  /** Megabytes, with buffers. */
  readonly heap: number
  /** What keeps its event loop alive, and open files and sockets. */
  readonly handles: number
  readonly files: number
  readonly operations: number
  /** Failures other than those of its own loads. */
  readonly failures: number
  readonly lastFailure: string
}
