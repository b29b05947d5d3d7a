/**
 * A disk that is really full. SQLite writes what it removes into the log first, so without any room it cannot even remove:
 * the reserve is given up, and taken back before anything is stored again.
 */
import type { DatabaseSync } from "node:sqlite"
import type { Room } from "../tables/makeRoom.ts"
import type { Reserve } from "./reserve.ts"
import { pragma } from "./schema.ts"
import * as Log from "./wal.ts"

interface Parts {
  readonly database: DatabaseSync
  readonly reserve: Reserve
  readonly room: Room
  /** how large the log may become, in bytes */
  readonly bound: number
  /** epoch milliseconds */
  readonly now: number
}

/** How much of the database is freed beyond the reserve, so that the disk is not full again at once. */
const slack = 1 / 16

/** How many steps are made at once: a step frees some hundred kilobytes. */
const mostSteps = 256

/**
 * Frees room on the disk, and answers whether the reserve is back. Throws what SQLite throws where not even removing is
 * possible.
 */
export const free = ({ bound, database, now, reserve, room }: Parts): boolean => {
  const pageSize = pragma(database, "page_size")
  const pages = () => pragma(database, "page_count")
  // Each transaction has to fit into the room that the reserve has left.
  const pagesOfStep = Math.max(4, Math.floor(bound / 4 / pageSize))
  reserve.giveUp()
  // Before anything is written: what is in the log already is room to win.
  Log.empty(database)
  const enough = pages() * (1 - slack)
  for (let step = 0; step < mostSteps; step++) {
    const before = pages()
    if (pragma(database, "freelist_count") < pagesOfStep) room.make(pagesOfStep * pageSize, now)
    database.exec(`PRAGMA incremental_vacuum(${pagesOfStep})`)
    Log.empty(database)
    if (pages() <= enough && reserve.take()) return true
    if (pages() >= before) return reserve.take()
  }
  return reserve.take()
}
