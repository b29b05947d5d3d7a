/** Frees space on a full disk. Removals need space for the log, so the reserve is given up first and restored later. */
import type { DatabaseSync } from "node:sqlite"
import * as Room from "../tables/makeRoom.ts"
import * as Reserve from "./reserve.ts"
import { pragma } from "./schema.ts"
import * as Wal from "./wal.ts"

interface Options {
  readonly database: DatabaseSync
  readonly reserve: Reserve.Reserve
  readonly room: Room.Room
  readonly bound: number
  readonly now: number
}

/** The share of the database that is freed in addition to the reserve, so that the disk is not soon full again. */
const slack = 1 / 16

/** The maximum number of steps. Each step frees a few hundred kilobytes. */
const mostSteps = 256

/** Removes entries and shrinks the file. Returns whether the reserve is restored. Throws if even removals fail. */
export const free = ({ bound, database, now, reserve, room }: Options): boolean => {
  const pages = () => pragma(database, "page_count")
  // The log of each transaction must fit into the disk space that the reserve occupied.
  const pagesOfStep = Math.max(4, Math.floor(bound / 4 / room.pageSize))
  Reserve.giveUp(reserve)
  // Empties the log before anything is written, to free the log's disk space.
  Wal.empty(database)
  const enough = pages() * (1 - slack)
  for (let step = 0; step < mostSteps; step++) {
    const before = pages()
    if (pragma(database, "freelist_count") < pagesOfStep) Room.free(room, pagesOfStep * room.pageSize, now)
    database.exec(`PRAGMA incremental_vacuum(${pagesOfStep})`)
    Wal.empty(database)
    if (pages() <= enough && Reserve.take(reserve)) return true
    if (pages() >= before) break
  }
  return Reserve.take(reserve)
}
