/** Counts and reports what guards meet: failures of the storage that keeps their state, and calls they refuse. */
import type { StoreErrorReason } from "../../../CacheError.ts"
import type { Engine } from "../engine.ts"
import { tellStoreFailure } from "../telemetry/tell.ts"

export const guardRefusal = (self: Engine, kind: string): void => self.meter?.refusedByGuard(kind)

export const guardFault: (self: Engine, operation: string, reason: StoreErrorReason) => void = tellStoreFailure
