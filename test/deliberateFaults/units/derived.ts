/** Deliberate faults of derived entries. */
import type { UnitFault } from "../fault.ts"

export const faults: ReadonlyArray<UnitFault> = [
  {
    name: "an answer from before a change here is believed",
    in: "fetch",
    find: "hold?.(found.tags)",
    replace: "",
    by: "test/cached/changesWhileStoreAnswers.test.ts"
  },
  {
    name: "an entry outlives what was loaded for it",
    in: "recordLoaded",
    find: "isLimitedByInner(within.flight)",
    replace: "false",
    by: "test/cached/inherit.test.ts"
  },
  {
    name: "an entry outlives what a cache served for it",
    in: "record",
    find: "if (endsAt < known.endsAt) {",
    replace: "if (endsAt > Infinity) {",
    by: "test/cached/inherit.test.ts"
  },
  {
    name: "the last value that was served counts, not the oldest",
    in: "record",
    find: "if (oldestAt < known.oldestAt) {",
    replace: "{",
    by: "test/cached/inherit.test.ts"
  },
  {
    name: "a read of many inside a load waits for markers for longer than its timeout",
    in: "captureMany",
    find: "return longest === Infinity",
    replace: "return longest > 0",
    by: "test/cached/derived.test.ts"
  },
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
    name: "what was made without the store is believed when it is back",
    in: "recovered",
    find: "if (Dependents.has(dependents, unverified)) TagEpochs.invalidate(tagEpochs, [unverified])",
    replace: "",
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
    name: "what has a tag without a version is stored",
    in: "fitsStore",
    find: "if (version === undefined) return false",
    replace: "if (version === null) return false",
    by: "test/cached/derived.test.ts"
  },
  {
    name: "of two entries with one tag it is enough that one knows its version",
    in: "add",
    find: "if (dependency.version === undefined) known.version = undefined",
    replace: "",
    by: "test/cached/derived.test.ts"
  },
  {
    name: "the timeout of a read counts from when the store has told its marker",
    in: "afterCapture",
    find: "shortened(self, request, steadyOf(fiber) - since)",
    replace: "shortened(self, request, 0 * since)",
    by: "test/cached/derived.test.ts"
  },
  {
    name: "a caller that joined a tainted load is answered by it",
    in: "isOlderThanJoining",
    find: "isTainted || TagEpochs",
    replace: "TagEpochs",
    by: "test/cached/derived.test.ts"
  },
  {
    name: "a caller that read again after a tainted load reads again after each",
    in: "noteCaller",
    find: "if (request.isAgain === true) caller.joinedAt = -1",
    replace: "",
    by: "test/cached/derived.test.ts"
  },
  {
    name: "a caller that joined before a tainted load began reads again",
    in: "taint",
    find: "if (caller.isEarly === true)",
    replace: "if (!caller.joined)",
    by: "test/cached/derived.test.ts"
  },
  {
    name: "a caller that joined a running tainted load counts as early",
    in: "noteCaller",
    find: "flight.attempt.startedAt === undefined",
    replace: "true",
    by: "test/cached/derived.test.ts"
  },
  {
    name: "taint ends after one level",
    in: "addAll",
    find: "if (inner.isTainted) taint(dependencies)",
    replace: "",
    by: "test/cached/derived.test.ts"
  },
  {
    name: "what was there before its marker was asked for is taken over",
    in: "answered",
    find: "asOf < noteId",
    replace: "asOf < -1 * noteId",
    by: "test/cached/derived.test.ts"
  },
  {
    name: "an answer about many is believed after a change here",
    // That it counts while the store is asked (`Dependents.during`) hides this one: no schedule is known that needs
    // both.
    sought: "by hand",
    in: "takeWave",
    find: "answer instanceof Entry && self.mutations !== mutations && derives(answer)",
    replace: "answer instanceof Entry && mutations < 0 && derives(answer)",
    by: "test/cached/derived.test.ts"
  },
  {
    name: "a look-up is believed after a change here",
    // That it counts while the store is asked (`Dependents.during`) hides this one: no schedule is known that needs
    // both.
    sought: "by hand",
    in: "recordedMany",
    find: "self.mutations === mutations || !derives(entry)",
    replace: "mutations >= 0 || !derives(entry)",
    by: "test/cached/derived.test.ts"
  },
  {
    name: "each load that is stored ends the marker of its id",
    in: "commit",
    find: "write(self, id, entry, now) self.leases.end(id) return true",
    replace: "write(self, id, entry, now); self.leases.end(id); self.tags.remove?.([\"~=\" + id]); return true",
    by: "test/cached/derived.test.ts"
  },
  {
    name: "a marker that gives way is not told",
    in: "countWritten",
    find: "Changes.markersDropped(changes, forget.all(kept).map(({ tag }) => fromColumn(tag)))",
    replace: "forget.all(kept)",
    by: "test/drivers/sqlite/SqliteBounds.test.ts"
  },
  {
    name: "what was read is known by the epoch of the load's start",
    in: "land",
    find: "if (isTainted || hasMoved(dependencies) ||",
    replace: "if (isTainted || TagEpochs.changedSince(tagEpochs, Array.from(tags.keys()), flight.bornAt) ||",
    by: "test/cached/derived.test.ts"
  },
  {
    name: "what another cache has served is taken over",
    in: "isOfThisCache",
    find: "taint(dependencies) return false",
    replace: "return false",
    by: "test/cached/derived.test.ts"
  },
  {
    name: "ids of a group are known one by one without end",
    in: "tagFor",
    find: "(groups.get(group) ?? 0) < limits.idsOfGroup ? tag",
    replace: "(groups.get(group) ?? 0) >= 0 ? tag",
    by: "test/cached/derived.test.ts"
  },
  {
    name: "a caller that joins before a change reads again after it",
    in: "isOlderThanJoining",
    find: "epoch < joinedAt && ",
    replace: "",
    by: "test/cached/derived.test.ts"
  },
  {
    name: "a stream is joined whose origin waits for what is too old",
    in: "hasMovedForJoining",
    find: " && hasMovedInside(flight)",
    replace: " && false",
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
