/**
 * Deliberate faults of derived entries (`inherit: "changes"`), one for each thing that keeps P8: those that the seeded
 * schedules of derived entries find, and those that a file of the tests finds, because they cost loads and no promise.
 */
import type { Fault } from "./fault.ts"
import type { UnitFault } from "./units.ts"

const derivedTests = "test/cached/derived.test.ts"

export const faults: ReadonlyArray<Fault> = [
  {
    name: "markers are asked for after the values were read",
    in: "write",
    find: "const tags = dependencies === undefined ? own : withDependencies(dependencies, own)",
    replace: `const late = dependencies === undefined ? [] : [...dependencies.tags.keys()]
const asked = yield* ask(tier, budget, "markers", store.markers(late))
const tags = isFault(asked) || dependencies === undefined
  ? own
  : withDependencies({ ...dependencies, tags: new Map() }, own)
    ?.concat(late.map((tag, i) => ({ tag, version: asked.markers[i]!.version })))`
  },
  {
    name: "what changes while a marker is asked for is missed",
    in: "captured",
    find: "noteTag(dependencies, tag, { epoch,",
    replace: "noteTag(dependencies, tag, { epoch: dependencies.engine.tagEpochs.epoch,"
  },
  {
    name: "a copy in memory is not compared with the store",
    in: "isCompared",
    find: "?.version !== undefined",
    replace: "?.version === null"
  },
  {
    name: "a removal leaves the marker of the id",
    in: "remove",
    find: "const wasThere = self.storage.remove(id) endMarkers(self, id)",
    replace: "const wasThere = self.storage.remove(id)"
  },
  {
    name: "a write by hand leaves the marker of the id",
    in: "set",
    find: "write(self, id, entry, now) endMarkers(self, id)",
    replace: "write(self, id, entry, now)"
  },
  {
    name: "only what was loaded itself is taken over",
    sought: "always",
    in: "addLoaded",
    find: "if (inner !== undefined) addAll(dependencies, inner)",
    replace: ""
  },
  {
    name: "only what was served itself is taken over",
    in: "addServed",
    find: "addTags(dependencies, tags, checkedAt, versionsOf(entry))",
    replace: "addTags(dependencies, tags.filter((tag) => !isInherited(tag)), checkedAt, versionsOf(entry))"
  },
  {
    name: "a load is joined after what it read was invalidated",
    in: "isOlder",
    find: "if (dependencies !== undefined && isOlderThanJoining(dependencies, flight)) return true",
    replace: "",
    also: [{
      in: "joinable",
      find: "(flight.attempt.dependencies !== undefined && hasMoved(flight.attempt.dependencies)) ||",
      replace: ""
    }]
  },
  {
    name: "a result lands although what it read was invalidated",
    in: "land",
    find: "isTainted || hasMoved(dependencies) ||",
    replace: "isTainted ||"
  },
  {
    name: "an entry outlives what it was made of",
    in: "isLimitedByInner",
    find: `inherit === "life" || inherit === "changes"`,
    replace: `inherit === "life"`
  },
  {
    name: "a marker that is missing counts as unchanged",
    in: "validityOf",
    find: "if (now === version) continue",
    replace: "if (now === undefined || now === version) continue"
  },
  {
    name: "what running loads have read does not count",
    in: "addNew",
    find: "isRegistered && isInherited(tag) ?",
    replace: "!isRegistered && isInherited(tag) ?",
    also: [{
      in: "remove",
      find: "if (--known.count > 0) return",
      replace: "if (known === undefined || --known.count > 0) return"
    }]
  },
  {
    name: "a removal that the store has not acknowledged does not count",
    in: "areIdsPending",
    find: "if (ids.size === 0) return false",
    replace: "if (ids.size >= 0) return false"
  },
  {
    name: "an answer from before a change here is believed",
    in: "fetch",
    find: "hold?.(found)",
    replace: ""
  },
  {
    name: "an answer to all who ask is believed after a change here",
    in: "conclude",
    find: "question.mutations !== self.mutations && found",
    replace: "question.mutations < 0 && found"
  },
  {
    name: "of many ids of a group one change is missed",
    in: "tagsOfId",
    find: "[idTag(id), groupTag(groupOf(id))]",
    replace: "[idTag(id), idTag(id)]"
  },
  {
    name: "of many ids of a group a change here is missed",
    in: "idChanged",
    find: "[idTag(id), groupTag(groupOf(id))]",
    replace: "[idTag(id)]"
  },
  {
    name: "a removal here leaves what was made of the entry",
    in: "forget",
    find: "Dependents.idChanged(self.memory.dependents, self.tagEpochs, id)",
    replace: ""
  },
  {
    name: "a write by hand here leaves what was made of the entry",
    in: "put",
    find: "Dependents.idChanged(self.memory.dependents, self.tagEpochs, entry.id)",
    replace: ""
  },
  {
    name: "a transaction leaves the markers of what it sets",
    in: "carryOut",
    find: "Entries.set(self, step, now)",
    replace: "self.leases.end(step.id); Entries.write(self, step.id, step.entry, now)"
  },
  {
    name: "a transaction leaves the markers of what it removes",
    in: "carryOut",
    find: "Entries.remove(self, step.id) break",
    replace: "self.leases.end(step.id); self.storage.remove(step.id); break"
  },
  {
    name: "inside a transaction what derives from what it has written is served",
    in: "isEnded",
    find: "self.writes.size > 0 &&",
    replace: "self.writes.size < 0 &&"
  },
  {
    name: "of what was served the tags, those of classes and fields too, are not taken over",
    in: "addServed",
    find: "addTags(dependencies, tags, checkedAt, versionsOf(entry))",
    replace: "addTags(dependencies, tags.filter(isInherited), checkedAt, versionsOf(entry))"
  },
  {
    name: "what a load reads of a stream is not known",
    in: "consume",
    find: "const answer = read(engine, fiber, request)",
    replace: `const answer = Effect.provideService(
        Effect.withFiber((fiber) => read(engine, fiber, request)) as any,
        Within,
        undefined as any
      ) as ReturnType<typeof read>`
  }
]

export const unitFaults: ReadonlyArray<UnitFault> = [
  {
    name: "in a transaction the cache around it is another one for a load that derives",
    in: "below",
    find: "Lookup.storedMany(base",
    replace: "Lookup.lookupMany(base",
    by: derivedTests
  },
  {
    name: "who joined is answered by a load that nobody can tell the age of",
    in: "taint",
    find: "flight.bornAt = -1",
    replace: "",
    by: derivedTests
  },
  {
    name: "what a look-up finds is of before a change that came while the store was asked",
    in: "during",
    find: "inherited.length === 0 ?",
    replace: "inherited.length >= 0 ?",
    by: derivedTests
  },
  {
    name: "a write counts as made when the store has said so",
    in: "write",
    find: "flight.asOf = captures",
    replace: "flight.asOf = tier.captures",
    by: derivedTests
  },
  {
    name: "what was made without the store is believed when it is back",
    in: "recovered",
    find: "if (Dependents.has(dependents, unverified)) TagEpochs.invalidate(tagEpochs, [unverified])",
    replace: "",
    by: derivedTests
  },
  {
    name: "on disk a removal leaves what others have made of the entry",
    in: "remove",
    find: "const wasThere = self.storage.remove(id) endMarkers(self, id)",
    replace: "const wasThere = self.storage.remove(id)",
    by: "test/processes/page.test.ts"
  },
  {
    name: "on Redis a removal leaves the marker of the id",
    in: "keysOfWrite",
    find: `[["v", id], ["l", id], ["f", id], ["d", id], markerOf(groupTag(groupOf(id)))]`,
    replace: `[["v", id], ["l", id], ["f", id], ["d", "~" + id], markerOf(groupTag(groupOf(id)))]`,
    by: "test/servers/redisDerived.test.ts"
  },
  {
    name: "on Redis a removal leaves the marker of the group",
    in: "keysOfWrite",
    find: `["d", id], markerOf(groupTag(groupOf(id)))]`,
    replace: `["d", id], ["d", "~" + id]]`,
    by: "test/servers/redisDerived.test.ts"
  },
  {
    name: "what has a tag without a version is stored",
    in: "fitsStore",
    find: "if (version === undefined) return false",
    replace: "if (version === null) return false",
    by: derivedTests
  },
  {
    name: "of two entries with one tag it is enough that one knows its version",
    in: "add",
    find: "if (dependency.version === undefined) known.version = undefined",
    replace: "",
    by: derivedTests
  },
  {
    name: "the timeout of a read counts from when the store has told its marker",
    in: "afterCapture",
    find: "shortened(self, request, nowOf(fiber) - since)",
    replace: "shortened(self, request, 0 * since)",
    by: derivedTests
  },
  {
    name: "who joined a tainted load is answered by it",
    in: "isOlderThanJoining",
    find: "dependencies.isTainted || hasMoved(dependencies) ||",
    replace: "hasMoved(dependencies) ||",
    by: derivedTests
  },
  {
    name: "taint ends after one level",
    in: "addAll",
    find: "if (inner.isTainted) taint(dependencies)",
    replace: "",
    by: derivedTests
  },
  {
    name: "what was there before its marker was asked for is taken over",
    in: "answered",
    find: "asOf < noteId",
    replace: "asOf < -1 * noteId",
    by: derivedTests
  },
  {
    name: "an answer about many is believed after a change here",
    // that it counts while the store is asked (`Dependents.during`) hides this one: no schedule is known that needs both
    sought: "by hand",
    in: "askStore",
    find: "answer instanceof Entry && self.mutations !== mutations && derives(answer)",
    replace: "answer instanceof Entry && mutations < 0 && derives(answer)",
    by: derivedTests
  },
  {
    name: "a look-up is believed after a change here",
    // that it counts while the store is asked (`Dependents.during`) hides this one: no schedule is known that needs both
    sought: "by hand",
    in: "lookupMany",
    find: "self.mutations === mutations || !derives(entry)",
    replace: "mutations >= 0 || !derives(entry)",
    by: derivedTests
  },
  {
    name: "each load that is stored ends the marker of its id",
    in: "commit",
    find: "write(self, id, entry, now) self.leases.end(id) return true",
    replace: "write(self, id, entry, now); self.leases.end(id); self.tags.remove?.([\"~=\" + id]); return true",
    by: derivedTests
  },
  {
    name: "each removal moves the epoch",
    in: "idChanged",
    find: "if (tags.length > 0) TagEpochs",
    replace: "if (tags.length >= 0) TagEpochs",
    by: "test/internal/engine/memory/dependents.test.ts"
  },
  {
    name: "a marker that gives way is not told",
    in: "tags",
    find: "changes.markersDropped(forget.all(kept).map(({ tag }) => fromColumn(tag)))",
    replace: "forget.all(kept)",
    by: "test/drivers/sqlite/SqliteBounds.test.ts"
  },
  {
    name: "what was read is known by the epoch of the load's start",
    in: "land",
    find: "if (isTainted || hasMoved(dependencies) ||",
    replace: "if (isTainted || TagEpochs.changedSince(tagEpochs, Array.from(tags.keys()), flight.bornAt) ||",
    by: derivedTests
  },
  {
    name: "what another cache has served is taken over",
    in: "isOfThisCache",
    find: "taint(dependencies) return false",
    replace: "return false",
    by: derivedTests
  },
  {
    name: "ids of a group are known one by one without end",
    in: "tagFor",
    find: "(groups.get(group) ?? 0) < limits.idsOfGroup ? tag",
    replace: "(groups.get(group) ?? 0) >= 0 ? tag",
    by: derivedTests
  }
]
