/** The store tier: a store, with the state that the engine keeps about it, and what is done with it. */
import type * as Effect from "effect/Effect"
import type * as Latch from "effect/Latch"
import type { SerializerError, StoreError, StoreErrorReason } from "../../../CacheError.ts"
import type { Codec, Serializer } from "../../../ports/serializer.ts"
import type { Store, TouchOptions } from "../../../ports/store.ts"
import type { Key } from "../../key/ofKey.ts"
import type { TurnLimit } from "../../time/turnLimit.ts"
import type { Entry } from "../memory/entry.ts"
import type { MemoryTier } from "../memory/memory.ts"
import type * as Background from "./background.ts"
import type * as Circuit from "./circuit.ts"
import type * as Pending from "./pendingInvalidations.ts"

/**
 * The versions of a key class's tags, as the store answered them since the last poll of its changes. Every poll, and
 * every invalidation by tag here or in another process, empties them.
 *
 * They save a read of the versions with every read of an entry: equal versions prove that an entry is still valid. They
 * prove nothing else.
 */
export interface KnownTagVersions {
  /** by the array itself: all keys of a class without indexes share one */
  readonly byTags: Map<ReadonlyArray<string>, ReadonlyArray<string | undefined>>
  /** the tag epoch in which they were read */
  epoch: number
}

/** The rest of the time that all store steps of one read may take together. */
export interface Budget {
  leftMillis: number
}

/** The entry to fetch. */
export interface Asked {
  readonly key: Key
  readonly id: string
  /** the tags that are known before the entry is read */
  readonly tags: ReadonlyArray<string>
  /** called with the tags of the entry before it is asked for again with them: from then on their changes are noticed */
  readonly hold?: ((tags: ReadonlyArray<string>) => void) | undefined
  /** whether the store is not asked; without it, whether an invalidation of the id is pending */
  readonly isGone?: typeof Pending.isPending
}

/** A synchronous store cannot answer at once: it failed, its circuit is open, or the codec needs services or time. */
export const NeedsEffect = Symbol("Later")

/** A stored entry that must not be used: expired, invalidated, undecodable. */
export class Rejected {
  readonly _tag = "Rejected"
  readonly writeId: string
  /** by a tag: there may be a newer one since */
  readonly isInvalid: boolean
  constructor(writeId: string, isInvalid = false) {
    this.writeId = writeId
    this.isInvalid = isInvalid
  }
}

/** The answer of the store: a decoded entry, a rejected one, or nothing. */
export type Fetched = Entry | Rejected | undefined

export interface Codecs {
  readonly success: Codec<unknown, any>
  /** `undefined` without an error schema: failures stay in memory */
  readonly failure: Codec<unknown, any> | undefined
}

/**
 * What is done with a store by parts of the engine that every cache has. They are given as values, because a program
 * without a store does not load them (`overStore.ts`).
 */
export interface StoreSteps {
  /** the codecs of a key; throws where the serializer has none for its schema */
  readonly codecsOf: (tier: StoreTier, key: Key) => Codecs
  /** moves the deadlines of an entry, behind the read that moves them */
  readonly touch: (tier: StoreTier, id: string, touched: TouchOptions) => void
  /** removes ids, whose items are pending already; `restore`: from here on an interruption may end it */
  readonly remove: (
    tier: StoreTier,
    ids: ReadonlyArray<string>,
    items: ReadonlyArray<Pending.Item>,
    restore: <A>(effect: Effect.Effect<A>) => Effect.Effect<A>
  ) => Effect.Effect<ReadonlyArray<boolean>>
  /** sends an item that is pending already; `restore` as for `remove` */
  readonly send: (
    tier: StoreTier,
    item: Pending.Item,
    restore: <A>(effect: Effect.Effect<A>) => Effect.Effect<A>
  ) => Effect.Effect<unknown>
  /** ends what runs in the background, and sends once more what is pending */
  readonly close: (tier: StoreTier) => Effect.Effect<void>
}

/** What asks the store for ids of a commit, or writes them. */
export interface Concern {
  /** opens when it has ended */
  readonly ended: Latch.Latch
  /** `undefined`: tags are invalidated or all is cleared, and nobody knows which entries that concerns */
  readonly ids: ReadonlySet<string> | undefined
}

interface Commits {
  /** the commit under way, or the next one; there is one at a time */
  current: Concern | undefined
  /** the look-ups that ask the store, and those that wait for a commit */
  readonly lookups: Set<Concern>
}

/** A store, with the state that the engine keeps about it. */
export interface StoreTier extends StoreTierOptions {
  readonly steps: StoreSteps
  /** the memory tier in front of it */
  readonly front: MemoryTier
  /** by the `KeyInfo` of a key class */
  readonly codecs: WeakMap<object, Codecs>
  /** for string keys */
  readonly plain: Codecs
  readonly pending: Pending.PendingInvalidations
  readonly commits: Commits
  /** ids whose commit was asked for and not answered: the store may carry it out later, when nothing here knows the id */
  readonly unanswered: Set<string>
  readonly circuit: Circuit.Circuit
  /** for reads of a store that answers at once: each that finds nothing starts a load in the same step */
  readonly reads: TurnLimit
  /** for operations that the store has not answered in time */
  readonly timeouts: TurnLimit
  /** the operations that failed and have not succeeded since: while there are any, an incident lasts */
  readonly failing: Set<string>
  /** whether its beginning was logged, when that was done last, in milliseconds of a monotonic clock, and why */
  readonly incident: { isLogged: boolean; loggedAt: number; reason: StoreErrorReason | undefined }
  /** the fibers that track changes, replay invalidations, renew and release leases, and touch entries */
  readonly background: Background.Background
  /** polls the changes, or clears memory in time while untracked; `undefined` while there are no reads */
  tracker: Background.Worker | undefined
  /** when changes were last read, or memory was last cleared, in epoch milliseconds */
  polledAt: number
  /** changes cannot be read, now or ever: memory is used for `maxStaleness` at most */
  untracked: boolean
  readonly knownTagVersions: KnownTagVersions
  /** how often markers of ids were asked for: what came before an answer may be older than what it says */
  captures: number
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

export interface StoreTierOptions extends StoreTierLimits {
  readonly store: Store
  readonly serializer: Serializer
}
