/** The part of the engine that counts, tells and logs. Every other part stands on it. */
import type * as Context from "effect/Context"
import type { CacheEvent } from "../../../CacheEvent.ts"
import type { Counters } from "./counters.ts"

/** Who listens to a cache. Where nobody does, an event costs a branch. */
interface Listeners {
  /** a list, which a hit goes through faster than a set */
  events: ReadonlyArray<(event: CacheEvent) => void> | undefined
}

export interface Telemetry {
  /** what has no key class, and what concerns the whole cache */
  readonly stats: Counters
  /** by the name of the key class */
  readonly classes: Map<string, Counters>
  readonly listeners: Listeners
  /** a hit is more than counted: somebody listens, or a strategy lets a hit move a deadline */
  hitsHaveEffects: boolean
  /** of the fiber that built the layer: logs and replays run in it */
  readonly context: Context.Context<never>
}
