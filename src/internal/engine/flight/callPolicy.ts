/** How the calls inside an effect use the cache: the rows of the table of `CachePolicy`. */
import * as Context from "effect/Context"
import type { Detector } from "../telemetry/detect.ts"

/** What may be switched off by name, see `CachePolicy.disable`. */
export type Operation = "get" | "set" | "remove" | "invalidate" | "clear"

/** How the calls inside an effect use the cache; the rows of the table of `CachePolicy`. */
export interface Policy {
  readonly readsMemory: boolean
  readonly readsStore: boolean
  readonly joins: "any" | "refresh" | "none"
  /** others may join a load that starts here, and its result is written */
  readonly writes: boolean
  /** no engine at all: the effect itself runs */
  readonly bypass: boolean
  /** store failures become failures of the caller */
  readonly strict: boolean
  readonly storeTimeoutMillis: number | undefined
  readonly disabled: ReadonlySet<Operation>
  /** each read forgets what is stored first */
  readonly invalidates: boolean
  /** wants to know how reads are answered */
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
  invalidates: false,
  detector: undefined
}

export const Current = Context.Reference<Policy>("effect-cached/CachePolicy", { defaultValue: () => standard })

export const refreshing = (self: Policy): Policy => ({
  ...self,
  readsMemory: false,
  readsStore: false,
  joins: "refresh"
})

/** as standard, for one who wants to know how reads are answered */
export const detecting = ({ detector }: Policy): Policy => ({ ...standard, detector })

export const readsNormally = (self: Policy): boolean =>
  self.readsMemory && self.readsStore && self.joins === "any" && !self.bypass && !self.invalidates
