/** The first bytes of the newest own entries, by id: they tell the invalidations of own writes from others. */
import * as Limits from "../../../internal/defaults/redis.ts"
import { remember } from "./remember.ts"

export type OwnWrites = Map<string, Uint8Array>

export const make = (): OwnWrites => new Map()

export const note = (self: OwnWrites, id: string, head: Uint8Array): void => {
  // A copy, so that the rest of the frame can be collected.
  remember(self, id, Uint8Array.from(head), Limits.tracking.ownWrites)
}
