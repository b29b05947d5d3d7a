/** The store tier: a store, what the engine knows about it, and the operations on it. */
import type { Clock } from "effect/Clock"
import type * as Effect from "effect/Effect"
import type * as Latch from "effect/Latch"
import type { SerializerError, StoreError } from "../../../CacheError.ts"
import type { Codec, Serializer } from "../../../ports/serializer.ts"
import type { Acquired, Markers, Store, TouchOptions } from "../../../ports/store.ts"
import { farMillis, loadsPerHit } from "../../defaults/bounds.ts"
import type { Key } from "../../key/ofKey.ts"
import type { Recorded } from "../../store/fingerprints.ts"
import type { TurnLimit } from "../../time/turnLimit.ts"
import type { TurnTime } from "../../time/turnTime.ts"
import type { Entry } from "../memory/entry.ts"
import type { MemoryTier } from "../memory/memory.ts"
import type * as Incident from "../telemetry/incident.ts"
import type { Trace } from "../telemetry/spans.ts"
import type { Counters } from "../telemetry/telemetry.ts"
import type * as Background from "./background.ts"
import type * as Circuit from "./circuit.ts"
import type * as Pending from "./pendingInvalidations.ts"

/**
 * Tag versions of key classes, read since the last poll for changes and the last invalidation by tag. If they equal the
 * versions stored with an entry, the entry is valid, and its tags need no further lookup. A difference proves nothing.
 */
export interface KnownTagVersions {
  /** Keyed by the array itself, which all keys of a class without indexes share. */
  readonly byTags: Map<ReadonlyArray<string>, ReadonlyArray<string | undefined>>
  epoch: number
}

export interface Budget {
  leftMillis: number
  /** If this is the budget of a wave: the budget of the whole call, which a timeout of the wave uses up. */
  readonly call?: Budget
  /** If this is the budget of a wave: waits until the wave may handle an answer, after other waves of the call. */
  readonly inTurn?: Effect.Effect<void>
  /** Sends the operation even if the circuit is open, because this is its last attempt. */
  readonly isLast?: true
  /** The flight that spends this budget, if it is one: its steps have spans. */
  readonly flight?: { readonly trace: Trace | undefined } | undefined
}

export interface Asked {
  readonly key: Key
  readonly id: string
  readonly tags: ReadonlyArray<string>
  /** Whether to skip the store. Default: whether an invalidation of the id is pending. */
  readonly isGone?: typeof Pending.isPending
  /** How to read the entry first. Default: alone. */
  readonly get?: Store["get"] | undefined
}

export interface TagsRead {
  readonly tags: ReadonlyArray<string>
  readonly versions: ReadonlyArray<string | undefined>
  readonly bornAt: number
}

/** Means that a read cannot be synchronous: the store failed, its circuit is open, or the codec is asynchronous. */
export const NeedsEffect = Symbol("Later")

/** A stored entry that must not be used: expired, invalidated or undecodable. */
export class Rejected {
  readonly _tag = "Rejected"
  readonly writeId: string
  /** Whether a tag was invalidated. `"perhaps"`: one was while the store was asked, so the entry may be a newer one. */
  readonly isInvalid: boolean | "perhaps"
  /** Why a strict read fails instead of loading: no secret of this process fits the entry. */
  readonly fault: SerializerError | undefined
  constructor(writeId: string, isInvalid: Rejected["isInvalid"] = false, fault?: SerializerError) {
    this.writeId = writeId
    this.isInvalid = isInvalid
    this.fault = fault
  }
}

export type Fetched = Entry | Rejected | undefined

export const mayBeValid = (found: Fetched | Fault): boolean =>
  found instanceof Rejected && found.isInvalid === "perhaps"

export const rejectedBy = (found: Fetched): string | undefined => mayBeValid(found) ? undefined : found?.writeId

export interface Codecs {
  readonly success: Codec<unknown, any>
  /** `undefined` without an error schema: failures then stay in memory. */
  readonly failure: Codec<unknown, any> | undefined
}

/** Operations on the tier. Injected, so that a program without a store does not bundle them. */
export interface StoreSteps {
  /** Throws if the serializer has no codec for the schema of the key. */
  readonly codecsOf: (tier: StoreTier, key: Key) => Codecs
  readonly touch: (tier: StoreTier, id: string, touched: TouchOptions) => void
  /** Sends to the store, in a later turn, the extended deadline that a reader has given to an entry. */
  readonly prolong: (tier: StoreTier, entry: Entry) => void
  /** Removes ids whose invalidations are already pending. `restore` marks the part that may be interrupted. */
  readonly remove: (
    tier: StoreTier,
    ids: ReadonlyArray<string>,
    items: ReadonlyArray<Pending.Item>,
    restore: <A>(effect: Effect.Effect<A>) => Effect.Effect<A>
  ) => Effect.Effect<ReadonlyArray<boolean>>
  /** Marks the entry of an id as stale, and returns its `writeId`. `undefined` if it must be removed instead. */
  readonly soften: (tier: StoreTier, id: string) => Effect.Effect<string | undefined>
  /** Sends invalidations that are already pending. `restore` marks the part that may be interrupted. */
  readonly send: (
    tier: StoreTier,
    items: ReadonlyArray<Pending.Item>,
    restore: <A>(effect: Effect.Effect<A>) => Effect.Effect<A>
  ) => Effect.Effect<unknown>
  /** Makes an id pending, and sends its invalidation in the background. */
  readonly removeLater: (tier: StoreTier, id: string) => void
  readonly close: (tier: StoreTier) => Effect.Effect<void>
}

/** Whether the store answers so slowly that a round trip costs callers more than a heavier request. */
export const isFar = (tier: StoreTier): boolean => distanceOf(tier) >= farMillis

/**
 * Whether a read asks for its entry and its lease together. Over a short network, it does while reads like it have
 * loaded much more often than they have found an entry: the requests that loads save pay for the heavier ones of hits.
 */
export const asksTogether = (tier: StoreTier, { loads, storeHits }: Counters): boolean =>
  tier.store.distanceMillis !== undefined && (isFar(tier) || loads > loadsPerHit * storeHits)

export const distanceOf = ({ store }: StoreTier): number => store.distanceMillis?.() ?? 0

export interface Concern {
  readonly ended: Latch.Latch
  /** `undefined` if the commit invalidates tags or everything, because its ids are then unknown. */
  readonly ids: ReadonlySet<string> | undefined
}

interface Commits {
  /** The commit that runs or still waits for lookups. There is never more than one. */
  current: Concern | undefined
  readonly lookups: Set<Concern>
}

export interface StoreTier extends StoreTierOptions {
  readonly steps: StoreSteps
  readonly front: MemoryTier
  readonly codecs: WeakMap<object, Codecs>
  readonly plain: Codecs
  readonly pending: Pending.PendingInvalidations
  readonly recorded: Recorded
  readonly commits: Commits
  /** Ids whose commit was sent but not answered. Patterns include these, because the store may still commit them. */
  readonly unanswered: Set<string>
  readonly circuit: Circuit.Circuit
  /** Limits reads of a synchronous store per turn, because each miss starts a load in the same step. */
  readonly reads: TurnLimit
  readonly timeouts: TurnLimit
  /** The time of a turn for operations of a synchronous store. */
  readonly turns: TurnTime | undefined
  readonly incident: Incident.Incident
  readonly background: Background.Background
  /** Polls for changes. If that fails, clears memory after `maxStaleness`. `undefined` while there are no reads. */
  tracker: Background.Worker | undefined
  /** The time at which changes were last read or memory was last cleared, in milliseconds since 1970. */
  polledAt: number
  /** Whether changes cannot be read, temporarily or permanently, so memory is used for at most `maxStaleness`. */
  untracked: boolean
  /** Whether the store reports no changes, or not all of them, because the program has chosen that. */
  untrackable: boolean
  /** The clock of the reader that uses a shared answer of the store, outside its fiber, in this step. */
  readerClock: Clock | undefined
  /** Whether a change by another process is being applied. */
  isElsewhere: boolean
  readonly knownTagVersions: KnownTagVersions
  /** How often loads have captured markers of ids. A value read before a capture may be older than those markers. */
  captures: number
  /** The engine's `mutations` when `maxStaleness` last cleared memory. */
  clearedAt: number
  /** The last private load of each id that was stored, and when it began. */
  readonly privateWrites: Map<string, { readonly writeId: string; readonly since: number }>
  /** Sends unsent items again. `undefined` while nothing is unsent. */
  replay: Background.Worker | undefined
  /** Called when the store has carried out a `clear` that was sent again, if other processes may change the store. */
  onCleared: (() => void) | undefined
}

/** A failure of the store or serializer. Only a strict policy reports it if the operation can do without the store. */
export type Fault = StoreError | SerializerError

export interface WriteGrant {
  readonly generation: string
  /** `undefined` if no tag was declared before the load and the store returned neither markers nor its `seq`. */
  readonly markers: Markers | undefined
  /** Whether a wave has acquired the lease. The result is then stored in a wave, too. */
  readonly isOfWave?: boolean
}

/** The answer of a wave for a flight without a grant: an entry is stored, or another process has the lease. */
export class Elsewhere {
  readonly answer: Exclude<Acquired, { readonly _tag: "Granted" }> & { readonly tagsRead?: TagsRead | undefined }
  readonly owner: string
  readonly markers: Markers | undefined

  constructor(answer: Elsewhere["answer"], owner: string, markers: Markers | undefined) {
    this.answer = answer
    this.owner = owner
    this.markers = markers
  }
}

export interface StoreTierLimits {
  /** The budget for all store steps of one read together. */
  readonly storeTimeoutMillis: number
  readonly leaseMillis: number
  /** How long processes wait while a lease is renewed, before one of them loads without it. `undefined`: no limit. */
  readonly waitMillis: number | undefined
  readonly maxStalenessMillis: number
}

export interface StoreTierOptions extends StoreTierLimits {
  readonly store: Store
  readonly serializer: Serializer
}
