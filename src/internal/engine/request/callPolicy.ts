/** How the calls inside an effect use the cache. */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type { Flights } from "../flight/flights.ts"
import type { Detector } from "../telemetry/detect.ts"

/** The operations that `CachePolicy.disable` can switch off. */
export type Operation = "get" | "set" | "remove" | "invalidate" | "clear"

/** How the calls inside an effect use the cache. The constructors are in `CachePolicy`. */
export interface Policy {
  readonly readsMemory: boolean
  readonly readsStore: boolean
  readonly joins: "any" | "refresh" | "none"
  /** a load that starts here can be joined, and its result is stored */
  readonly writes: boolean
  /** the effect runs as if it were not wrapped */
  readonly bypass: boolean
  /** faults become failures of the caller, and memory is not used while untracked */
  readonly strict: boolean
  readonly storeTimeoutMillis: number | undefined
  readonly disabled: ReadonlySet<Operation>
  /** what each read invalidates its id with before anything else */
  readonly invalidate: ((self: Flights, ids: ReadonlyArray<string>) => Effect.Effect<unknown>) | undefined
  /** collects how reads are answered */
  readonly detector: Detector | undefined
}

const nothing: ReadonlySet<Operation> = new Set()

export const standard: Policy = {
  readsMemory: true,
  readsStore: true,
  joins: "any",
  writes: true,
  bypass: false,
  strict: false,
  storeTimeoutMillis: undefined,
  disabled: nothing,
  invalidate: undefined,
  detector: undefined
}

/** The standard policy inside a load: another object, so that only hits in there are recorded. */
export const insideLoad: Policy = { ...standard }

export const Current = Context.Reference<Policy>("effect-cached/CachePolicy", { defaultValue: () => standard })

export const refreshing = (self: Policy): Policy => ({
  ...self,
  readsMemory: false,
  readsStore: false,
  joins: "refresh"
})

export const bypassing = (self: Policy): Policy => ({ ...self, bypass: true })

/** The standard policy with the detector of another one. */
export const detecting = ({ detector }: Policy): Policy => ({ ...standard, detector })

/** What there is, whatever the call may use of it. */
export const readingAll = (self: Policy): Policy =>
  readsNormally(self)
    ? self
    : { ...self, readsMemory: true, readsStore: true, joins: "any", bypass: false, invalidate: undefined }

export const readsNormally = (self: Policy): boolean =>
  self.readsMemory && self.readsStore && self.joins === "any" && !self.bypass && self.invalidate === undefined
