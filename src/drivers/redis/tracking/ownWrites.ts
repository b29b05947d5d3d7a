/** The first bytes of the entries that this process wrote last, to recognize invalidations caused by its own writes. */
import * as Limits from "../../../internal/defaults/redis.ts"
import { remember } from "./remember.ts"

export type OwnWrites = Map<string, Uint8Array>

export const make = (): OwnWrites => new Map()

export const note = (self: OwnWrites, id: string, head: Uint8Array): void => {
  // Copies the bytes, so that the garbage collector can free the rest of the encoded entry.
  remember(self, id, Uint8Array.from(head), Limits.tracking.ownWrites)
}
