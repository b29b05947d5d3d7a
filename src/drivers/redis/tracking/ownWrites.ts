/**
 * The first bytes of the entries that this process wrote last, by id. Invalidations of its own writes come back like
 * those of others: the writes of this process are known by what is stored.
 */
import * as Limits from "../../../internal/defaults/redis.ts"
import { remember } from "./remember.ts"

export type OwnWrites = Map<string, Uint8Array>

export const make = (): OwnWrites => new Map()

/** From now on the entry of an id begins with these bytes. */
export const note = (self: OwnWrites, id: string, head: Uint8Array): void => {
  // A copy, so that the rest of the frame is not kept.
  remember(self, id, Uint8Array.from(head), Limits.tracking.ownWrites)
}
