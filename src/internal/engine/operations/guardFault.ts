/** Counts and reports a failure of the storage in which guards keep their state. */
import type { StoreErrorReason } from "../../../CacheError.ts"
import type { Engine } from "../engine.ts"
import { emit } from "../telemetry/events.ts"

export const guardFault = (self: Engine, operation: string, reason: StoreErrorReason): void => {
  self.stats.storeFailures++
  emit(self, { _tag: "StoreFailure", operation, reason })
}
