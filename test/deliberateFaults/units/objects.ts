/** Deliberate faults of stores in buckets. */
import type { UnitFault } from "../fault.ts"

const by = "test/drivers/objects/objects.test.ts"
const byRoom = "test/drivers/objects/room.test.ts"

export const faults: ReadonlyArray<UnitFault> = [
  {
    name: "an unconditional PUT",
    in: "put",
    find: "self.bucket.guardsWrites ? { etag } : undefined",
    replace: "undefined",
    by
  },
  {
    name: "a marker without condition",
    in: "put",
    find: "self.bucket.guardsWrites ? { etag } : undefined",
    replace: "head.version === undefined ? { etag } : undefined",
    by
  },
  {
    name: "an answer that was lost counts as a condition that was ignored",
    in: "attempt",
    find: "return isUncertain ? undefined : answer",
    replace: "return answer",
    by
  },
  {
    name: "a write whose answer was lost counts as one of another process",
    in: "put",
    find: "return reply.isRepeated",
    replace: "return false && reply.isRepeated",
    by
  },
  {
    name: "a removal of nothing leaves no trace for a write that arrives late",
    in: "remove",
    find: "? !self.doubtful.has(seen.name)",
    replace: "? true",
    by
  },
  {
    name: "a clean-up takes an era that it trusts for the one of its list",
    in: "cleanPage",
    find: "yield* readEra(self, operation)",
    replace: "yield* self.eras.read(\"era\", readEra(self, operation))",
    by: byRoom
  },
  {
    name: "an era is never asked for again",
    in: "placeNow",
    find: "self.eras.read(era.id, readEra(self, operation)),",
    replace: "KnownVersions.make(Infinity).read(era.id, readEra(self, operation)),",
    by: byRoom
  },
  {
    name: "what has expired in a bucket stays",
    in: "open",
    find: "yield* tidying(self)",
    replace: "",
    by: byRoom
  },
  {
    name: "the names that a clean-up remembers keep the pages of the list",
    in: "add",
    find: "name: copyOf(name), etag: etag && copyOf(etag)",
    replace: "name, etag",
    by: "test/processes/largeBucket.test.ts"
  }
]
