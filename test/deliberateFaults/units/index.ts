/**
 * Deliberate faults that one file of the tests finds, each a file about the unit that has it: schedules see no order,
 * no bound and no question that is asked too often. A file a room of `src`.
 */
import type { UnitFault } from "../fault.ts"
import * as command from "./command.ts"
import * as configuration from "./configuration.ts"
import * as derived from "./derived.ts"
import * as encoding from "./encoding.ts"
import * as eviction from "./eviction.ts"
import * as flight from "./flight.ts"
import * as folders from "./folders.ts"
import * as formats from "./formats.ts"
import * as guards from "./guards.ts"
import * as http from "./http.ts"
import * as locks from "./locks.ts"
import * as memory from "./memory.ts"
import * as objects from "./objects.ts"
import * as pipelines from "./pipelines.ts"
import * as redis from "./redis.ts"
import * as requests from "./requests.ts"
import * as sql from "./sql.ts"
import * as sqlite from "./sqlite.ts"
import * as stores from "./stores.ts"
import * as storeTier from "./storeTier.ts"
import * as streams from "./streams.ts"
import * as surface from "./surface.ts"
import * as time from "./time.ts"
import * as transaction from "./transaction.ts"
import * as wrappers from "./wrappers.ts"

export const faults: ReadonlyArray<UnitFault> = [
  ...command.faults,
  ...configuration.faults,
  ...derived.faults,
  ...encoding.faults,
  ...eviction.faults,
  ...flight.faults,
  ...folders.faults,
  ...formats.faults,
  ...guards.faults,
  ...http.faults,
  ...locks.faults,
  ...memory.faults,
  ...objects.faults,
  ...pipelines.faults,
  ...redis.faults,
  ...requests.faults,
  ...sql.faults,
  ...sqlite.faults,
  ...storeTier.faults,
  ...stores.faults,
  ...streams.faults,
  ...surface.faults,
  ...time.faults,
  ...transaction.faults,
  ...wrappers.faults
]
