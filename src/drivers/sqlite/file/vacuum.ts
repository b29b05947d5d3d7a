/**
 * Gives room back to the file system, in small steps: after much was removed, and where the database is larger than it
 * may become, because `maxSize` was larger before.
 */
import type { DatabaseSync } from "node:sqlite"
import type { Room } from "../tables/makeRoom.ts"
import { pragma } from "./schema.ts"

export interface Shrinking {
  /** Looks whether there is something to do. */
  readonly look: () => void
  /** Much was removed. */
  readonly begin: () => void
  readonly isDue: () => boolean
  /** Frees some pages, and answers whether there are more. `now` is in epoch milliseconds. */
  readonly step: (now: number) => boolean
}

/** How many pages are freed at once: about 3 ms. */
const pagesOfStep = 200

export const make = (database: DatabaseSync, maxSize: number, room: Room): Shrinking => {
  const pageSize = pragma(database, "page_size")
  const most = Math.max(1, Math.floor(maxSize / pageSize))
  let isDue = false

  /** Sets the limit of this connection, and answers how many pages there are above it. SQLite never goes below what is there. */
  const above = (): number => Math.max(0, pragma(database, `max_page_count = ${most}`) - most)

  const free = () => pragma(database, "freelist_count")

  /** More of the file is free than is used. */
  const isFree = (share: number) => free() > pragma(database, "page_count") * share

  isDue = above() > 0

  return {
    look: () => void (isDue ||= isFree(1 / 2) || above() > 0),
    begin: () => void (isDue = true),
    isDue: () => isDue,
    step(now) {
      const wanted = Math.min(pagesOfStep, above())
      if (free() < wanted) room.make((wanted - free()) * pageSize, now)
      database.exec(`PRAGMA incremental_vacuum(${pagesOfStep})`)
      return isDue = above() > 0 || isFree(1 / 4)
    }
  }
}
