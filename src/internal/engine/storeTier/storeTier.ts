/** A store, and what the engine needs to live with it. */
import type * as Fiber from "effect/Fiber"
import type { SerializerError, StoreError } from "../../../CacheError.ts"
import type { Codec, Serializer } from "../../../ports/serializer.ts"
import type { Store } from "../../../ports/store.ts"
import type { MemoryTier } from "../memory/memory.ts"
import * as Circuit from "./circuit.ts"
import * as KnownTagVersions from "./knownTagVersions.ts"
import * as Pending from "./pendingInvalidations.ts"
import { validateAnswers } from "./validateAnswers.ts"

export interface Codecs {
  readonly success: Codec<unknown, any>
  /** without an error schema failures stay in memory */
  readonly failure: Codec<unknown, any> | undefined
}

/** A store, and what the engine needs to live with it. */
export interface StoreTier extends StoreTierOptions {
  /** the memory tier in front of it */
  readonly front: MemoryTier
  readonly codecs: WeakMap<object, Codecs>
  readonly plain: Codecs
  readonly pending: Pending.PendingInvalidations
  readonly circuit: Circuit.Circuit
  /** the operations that failed and have not succeeded since: an incident, which has been logged */
  readonly failing: Set<string>
  /** what was said already about values that do not fit the serializer */
  readonly warned: Set<string>
  /** leases on their way back */
  readonly background: Set<Fiber.Fiber<unknown>>
  /** asks the store what others did; none while there are no reads */
  tracker: Fiber.Fiber<unknown> | undefined
  /** follows what the store pushes, where it does */
  follower: Fiber.Fiber<unknown> | undefined
  /** when it was last told */
  polledAt: number
  /** it cannot be told now, or never: what is in memory is believed for the bound at most */
  untracked: boolean
  readonly knownTagVersions: KnownTagVersions.KnownTagVersions
  /** when all that was in memory was last given up, for having been believed long enough */
  clearedAt: number
  /** tries again what was lost */
  replay: Fiber.Fiber<unknown> | undefined
}

/** What went wrong with the store while a flight used it: only strict callers hear of it. */
export type Fault = StoreError | SerializerError

/** What a layer says of all stores alike. */
export interface StoreTierLimits {
  /** for all store steps of one read together */
  readonly storeTimeoutMillis: number
  /** for so long a load is exclusive across processes, and longer while its process prolongs it */
  readonly leaseMillis: number
  /** for so long a load waits for another process's */
  readonly waitMillis: number
  /** for so long memory is believed where it cannot be heard what other processes did */
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
  circuit: Circuit.make(),
  failing: new Set(),
  warned: new Set(),
  background: new Set(),
  tracker: undefined,
  follower: undefined,
  polledAt: 0,
  untracked: false,
  clearedAt: 0,
  knownTagVersions: KnownTagVersions.make(),
  replay: undefined
})
