/** Prepares the statements for all tables of an open database. */
import type { DatabaseSync } from "node:sqlite"
import type * as Recent from "../../shared/recentChanges.ts"
import * as Vacuum from "../file/vacuum.ts"
import * as Batch from "../transactions/batch.ts"
import * as Snapshot from "../transactions/snapshot.ts"
import * as Changes from "./changes.ts"
import * as Counters from "./counters.ts"
import { dropMetadata } from "./dropMetadata.ts"
import * as Entries from "./entries.ts"
import * as Leases from "./leases.ts"
import * as Room from "./makeRoom.ts"
import * as Tags from "./tags.ts"

interface Options {
  readonly maxSize: number
  readonly maxValue: number
  /** The time of a monotonic clock, in milliseconds. */
  readonly now: () => number
  /** Runs steps that take the database's write lock, or throws if they may not run now. */
  readonly admitted: Batch.Batch["admitted"]
  readonly note: Recent.Recent["note"]
}

export type Tables = ReturnType<typeof prepare>

export const prepare = (database: DatabaseSync, options: Options) => {
  const { admitted, maxSize, maxValue, note, now } = options
  const room = Room.make(database, maxSize, (pages) => dropMetadata(database, changes, pages))
  const changes = Changes.make(database, Math.floor(maxSize / room.pageSize), note)
  const vacuum = Vacuum.make(database, maxSize, room)
  const batch = Batch.make(database, (steps) => {
    Changes.begin(changes)
    return admitted(steps)
  })
  const snapshot: Snapshot.Snapshot = Snapshot.make(database, now)
  return {
    batch,
    snapshot,
    changes,
    room,
    vacuum,
    entries: Entries.make(database, { maxValue, changes, room, vacuum }),
    leases: Leases.make(database),
    tags: Tags.make(database, { maxSize, batch, changes }),
    counters: Counters.make(database)
  }
}
