/** The first bytes of the entries that this process wrote last, to recognize invalidations caused by its own writes. */
import * as Limits from "../../../internal/defaults/redis.ts"
import { remember } from "../../../internal/remember.ts"

/** The bytes are kept as text, because a view would keep the whole encoded entry in memory. */
export type OwnWrites = Map<string, string>

export const make = (): OwnWrites => new Map()

export const note = (self: OwnWrites, id: string, frame: Buffer, size = frame.length): void =>
  void remember(self, id, frame.toString("latin1", 0, size), Limits.tracking.ownWrites)
