/** The store tier: a store, with the state that the engine keeps about it. */
import type { SerializerError, StoreError } from "../../../CacheError.ts"
import type { Codec, Serializer } from "../../../ports/serializer.ts"
import type { Store } from "../../../ports/store.ts"
import { unansweredCommits } from "../../defaults.ts"
import type { MemoryTier } from "../memory/memory.ts"
import * as Background from "./background.ts"
import * as Circuit from "./circuit.ts"
import * as KnownTagVersions from "./knownTagVersions.ts"
import * as Pending from "./pendingInvalidations.ts"
import { validateAnswers } from "./validateAnswers.ts"

export interface Codecs {
  readonly success: Codec<unknown, any>
  /** `undefined` without an error schema: failures stay in memory */
  readonly failure: Codec<unknown, any> | undefined
}

/** A store, with the state that the engine keeps about it. */
export interface StoreTier extends StoreTierOptions {
  /** the memory tier in front of it */
  readonly front: MemoryTier
  /** by the `KeyInfo` of a key class */
  readonly codecs: WeakMap<object, Codecs>
  /** for string keys */
  readonly plain: Codecs
  readonly pending: Pending.PendingInvalidations
  /** ids whose commit was asked for and not answered: the store may carry it out later, when nothing here knows the id */
  readonly unanswered: Set<string>
  readonly circuit: Circuit.Circuit
  /** the operations that failed and have not succeeded since: while there are any, an incident lasts */
  readonly failing: Set<string>
  /** the fibers that track changes, replay invalidations, renew and release leases, and touch entries */
  readonly background: Background.Background
  /** polls the changes, or clears memory in time while untracked; `undefined` while there are no reads */
  tracker: Background.Worker | undefined
  /** when changes were last read, or memory was last cleared, in epoch milliseconds */
  polledAt: number
  /** changes cannot be read, now or ever: memory is used for `maxStaleness` at most */
  untracked: boolean
  readonly knownTagVersions: KnownTagVersions.KnownTagVersions
  /** how often memory was cleared because `maxStaleness` had passed. Counted: loads may have another clock */
  clears: number
  /** sends unsent invalidations again; `undefined` while there are none */
  replay: Background.Worker | undefined
}

/** What went wrong with the store or the serializer, as a value. Only strict callers get it as a failure. */
export type Fault = StoreError | SerializerError

/** The options of a layer that concern any store. */
export interface StoreTierLimits {
  /** the budget: for all store steps of one read together */
  readonly storeTimeoutMillis: number
  /** the length of a lease, which is renewed while the load runs */
  readonly leaseMillis: number
  /**
   * how long loads wait for a lease that another process renews; then one of them leads beside it, and one more after
   * each further such time. `undefined`: as long as it is renewed
   */
  readonly waitMillis: number | undefined
  /** how long a load renews its lease */
  readonly maxLoadMillis: number
  /** how long memory is used while untracked */
  readonly maxStalenessMillis: number
}

interface StoreTierOptions extends StoreTierLimits {
  readonly store: Store
  readonly serializer: Serializer
}

export const makeStoreTier = (front: MemoryTier, options: StoreTierOptions): StoreTier => ({
  ...options,
  front,
  store: validateAnswers(options.store),
  codecs: new WeakMap(),
  plain: { success: options.serializer.make(undefined), failure: undefined },
  pending: Pending.make(),
  unanswered: new Set(),
  circuit: Circuit.make(),
  failing: new Set(),
  background: Background.make(front),
  tracker: undefined,
  polledAt: -Infinity,
  untracked: false,
  clears: 0,
  knownTagVersions: KnownTagVersions.make(),
  replay: undefined
})

/** Before a result is committed, so that no interruption loses it. */
export const addUnanswered = ({ unanswered }: StoreTier, id: string): void => {
  unanswered.add(id)
  for (const oldest of unanswered) {
    if (unanswered.size <= unansweredCommits) break
    unanswered.delete(oldest)
  }
}
