/** Deliberate faults of derived entries. */
import { foundBy, type UnitFault } from "../fault.ts"

export const faults: ReadonlyArray<UnitFault> = [
  ...foundBy("test/cached/derived.test.ts", [
    [
      "in a transaction the cache around it is another one for a load that derives",
      "below",
      "Lookup.storedMany(base",
      "Lookup.lookupMany(base"
    ],
    ["a caller that joined is answered by a load of unknown age", "taint", "flight.bornAt = -1", ""],
    [
      "a write counts as made when the store has said so",
      "committed",
      "flight.asOf = captures",
      "flight.asOf = engine.storeTier!.captures"
    ],
    [
      "the timeout of a read counts from when the store has told its marker",
      "afterCapture",
      "rest(self, request, since)",
      "rest(self, request, monotonicNow(fiber))"
    ],
    [
      "what changes while a marker is asked for is missed",
      "captured",
      "noteTag(dependencies, tag, { epoch,",
      "noteTag(dependencies, tag, { epoch: dependencies.engine.tagEpochs.epoch,"
    ]
  ]),
  ...foundBy("test/processes/derivedWhileKilled.test.ts", [
    ["on disk a removal leaves what others have made of the entry", "removeAll", "endMarkers(self, ids)", ""]
  ]),
  ...foundBy("test/servers/redisDerived.test.ts", [
    ["on Redis a removal leaves the marker of the id", "written", "KEYS[keyAt + 4]", "KEYS[keyAt + 3]"],
    ["on Redis a removal leaves the marker of the group", "addWritten", "groups.add(groupOf(id))", "groups.clear()"]
  ])
]
