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
    name: "a bucket that ignores conditions counts as one that honours them",
    in: "attempt",
    find:
      "return isKept && replaced.isWritten && replaced.etag !== undefined && replaced.etag !== first.etag && isGuarded",
    replace: "return replaced.isWritten",
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
    name: "an increment is counted twice, because its answer was lost",
    in: "changing",
    find: "isRepeated && operation === \"increment\"",
    replace: "false",
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
    name: "a bucket is asked again for ever, or at once",
    in: "send",
    find: "if (tries < times && millis <= longestWaitMillis) return again(millis)",
    replace: "if (tries < times) return again(0)",
    by
  },
  {
    name: "the version of a tag is asked for by each reader",
    in: "make",
    find: "keep(tag, one)",
    replace: "",
    by
  },
  {
    name: "a bucket's own text is in a message",
    in: "refused",
    find: "code: safe(textOf(xml, \"Code\")) ?? \"\"",
    replace: "code: safe(textOf(xml, \"Code\")) ?? xml",
    by
  },
  {
    name: "a clean-up of a bucket deletes what was written since it was listed",
    in: "remove",
    find: "bucket.guardsDeletes && etag !== undefined ? { etag } : undefined",
    replace: "undefined",
    by: byRoom
  },
  {
    name: "a young entry of a bucket is deleted, so that a late write brings an older one back",
    in: "judge",
    find: "age > Math.max(lifeOfSize(size), Defaults.settledMillis)",
    replace: "age > lifeOfSize(size)",
    by: byRoom
  },
  {
    name: "two processes clean up a bucket at once",
    in: "make",
    find: "return acquired._tag === \"Granted\"",
    replace: "return acquired._tag.length > 0",
    by: byRoom
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
  },
  {
    name: "a change is made in an era that another process has ended",
    in: "change",
    find: "version !== undefined && placeOf(kind, version) === place",
    replace: "version !== undefined",
    by: byRoom
  }
]
