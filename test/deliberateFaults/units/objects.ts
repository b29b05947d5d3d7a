/** Deliberate faults of stores in buckets. */
import { foundBy, type UnitFault } from "../fault.ts"

const by = "test/drivers/objects/objects.test.ts"
const byRoom = "test/drivers/objects/room.test.ts"

export const faults: ReadonlyArray<UnitFault> = [
  ...foundBy(by, [
    ["an unconditional PUT", "put", "self.bucket.guardsWrites ? { etag } : undefined", "undefined"],
    [
      "a marker without condition",
      "put",
      "self.bucket.guardsWrites ? { etag } : undefined",
      "head.version === undefined ? { etag } : undefined"
    ],
    [
      "an answer that was lost counts as a condition that was ignored",
      "attempt",
      "return isUncertain ? undefined : answer",
      "return answer"
    ],
    [
      "a write whose answer was lost counts as one of another process",
      "put",
      "return reply.isRepeated",
      "return false && reply.isRepeated"
    ],
    [
      "a removal of nothing leaves no trace for a write that arrives late",
      "remove",
      "? !self.doubtful.has(seen.name)",
      "? true"
    ]
  ]),
  ...foundBy(byRoom, [
    [
      "a clean-up takes an era that it trusts for the one of its list",
      "cleanPage",
      "yield* readEra(self, operation)",
      "yield* self.eras.read(\"era\", readEra(self, operation))"
    ],
    [
      "an era is never asked for again",
      "placeNow",
      "self.eras.read(era.id, readEra(self, operation)),",
      "KnownVersions.make(Infinity).read(era.id, readEra(self, operation)),"
    ],
    ["what has expired in a bucket stays", "open", "yield* tidying(self)", ""]
  ]),
  ...foundBy("test/processes/largeBucket.test.ts", [
    [
      "the names that a clean-up remembers keep the pages of the list",
      "add",
      "name: copyOf(name), etag: etag && copyOf(etag)",
      "name, etag"
    ]
  ])
]
