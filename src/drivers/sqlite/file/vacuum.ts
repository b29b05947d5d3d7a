/** Returns free pages to the file system in small steps, after large removals or after `maxSize` was reduced. */
import type { DatabaseSync } from "node:sqlite"
import * as Room from "../tables/makeRoom.ts"
import { pragma } from "./schema.ts"

export interface Vacuum {
  readonly database: DatabaseSync
  readonly room: Room.Room
  readonly mostPages: number
  isDue: boolean
}

/** How many pages one step frees, in about 3 ms. */
const pagesOfStep = 200

export const make = (database: DatabaseSync, maxSize: number, room: Room.Room): Vacuum => {
  const mostPages = Math.max(1, Math.floor(maxSize / room.pageSize))
  const self: Vacuum = { database, room, mostPages, isDue: false }
  self.isDue = pagesAbove(self) > 0
  return self
}

export const check = (self: Vacuum): void => {
  self.isDue ||= isFree(self, 1 / 2) || pagesAbove(self) > 0
}

/** Frees a few hundred pages. Returns whether more must be freed. `now` is in epoch milliseconds. */
export const step = (self: Vacuum, now: number): boolean => {
  const { database, room } = self
  const wanted = Math.min(pagesOfStep, pagesAbove(self))
  const missing = wanted - pragma(database, "freelist_count")
  if (missing > 0) Room.free(room, missing * room.pageSize, now)
  database.exec(`PRAGMA incremental_vacuum(${pagesOfStep})`)
  return self.isDue = pagesAbove(self) > 0 || isFree(self, 1 / 4)
}

/** Sets the page limit, and returns how many pages exceed it. SQLite never sets the limit below the pages in use. */
const pagesAbove = ({ database, mostPages }: Vacuum): number =>
  Math.max(0, pragma(database, `max_page_count = ${mostPages}`) - mostPages)

const isFree = ({ database }: Vacuum, share: number): boolean =>
  pragma(database, "freelist_count") > pragma(database, "page_count") * share
