/** Deliberate faults of derived entries. */
import type { UnitFault } from "../fault.ts"

export const faults: ReadonlyArray<UnitFault> = [
  {
    name: "in a transaction the cache around it is another one for a load that derives",
    in: "below",
    find: "Lookup.storedMany(base",
    replace: "Lookup.lookupMany(base",
    by: "test/cached/derived.test.ts"
  },
  {
    name: "a caller that joined is answered by a load of unknown age",
    in: "taint",
    find: "flight.bornAt = -1",
    replace: "",
    by: "test/cached/derived.test.ts"
  },
  {
    name: "a write counts as made when the store has said so",
    in: "committed",
    find: "flight.asOf = captures",
    replace: "flight.asOf = engine.storeTier!.captures",
    by: "test/cached/derived.test.ts"
  },
  {
    name: "on disk a removal leaves what others have made of the entry",
    in: "removeAll",
    find: "endMarkers(self, ids)",
    replace: "",
    by: "test/processes/derivedWhileKilled.test.ts"
  },
  {
    name: "on Redis a removal leaves the marker of the id",
    in: "written",
    find: "KEYS[keyAt + 4]",
    replace: "KEYS[keyAt + 3]",
    by: "test/servers/redisDerived.test.ts"
  },
  {
    name: "on Redis a removal leaves the marker of the group",
    in: "addWritten",
    find: "groups.add(groupOf(id))",
    replace: "groups.clear()",
    by: "test/servers/redisDerived.test.ts"
  },
  {
    name: "the timeout of a read counts from when the store has told its marker",
    in: "afterCapture",
    find: "rest(self, request, since)",
    replace: "rest(self, request, monotonicNow(fiber))",
    by: "test/cached/derived.test.ts"
  },
  {
    name: "what changes while a marker is asked for is missed",
    in: "captured",
    find: "noteTag(dependencies, tag, { epoch,",
    replace: "noteTag(dependencies, tag, { epoch: dependencies.engine.tagEpochs.epoch,",
    by: "test/cached/derived.test.ts"
  }
]
