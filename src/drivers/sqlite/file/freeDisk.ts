/** Frees a full disk. SQLite writes removals into the log first: they use the reserve, which is then taken back. */
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

/** How much of the database is freed beyond the reserve, so that the disk is not full again at once. */
const slack = 1 / 16

/** A step frees some hundred kilobytes. */
const mostSteps = 256

/** Answers whether the reserve is back. Throws the errors of SQLite where not even removing is possible. */
export const free = ({ bound, database, now, reserve, room }: Options): boolean => {
  const pages = () => pragma(database, "page_count")
  // Each transaction has to fit into the room that the reserve has left.
  const pagesOfStep = Math.max(4, Math.floor(bound / 4 / room.pageSize))
  Reserve.giveUp(reserve)
  // Before anything is written: the log as it is is room to win.
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
