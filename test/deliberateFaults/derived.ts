/**
 * Deliberate faults of derived entries (`inherit: "changes"`), one for each thing that keeps P8: those that the seeded
 * schedules of derived entries find. `units/derived.ts` has those that cost loads and no promise.
 */
import type { Fault } from "./fault.ts"

export const faults: ReadonlyArray<Fault> = [
  {
    name: "markers are asked for after the values were read",
    in: "prepare",
    find: "const tags = dependencies === undefined ? own : withDependencies(dependencies, own)",
    replace: `const late = dependencies === undefined ? [] : [...dependencies.tags.keys()]
const asked = yield* ask(tier, asking.budget, "markers", tier.store.markers(late))
const tags = isFault(asked) || dependencies === undefined
  ? own
  : withDependencies({ ...dependencies, tags: new Map() }, own)
    ?.concat(late.map((tag, i) => ({ tag, version: asked.markers[i]!.version })))`
  },
  {
    name: "a copy in memory is not compared with the store",
    in: "isCompared",
    find: "?.version !== undefined",
    replace: "?.version === null"
  },
  {
    name: "a removal leaves the marker of the id",
    in: "removeAll",
    find: "endMarkers(self, ids)",
    replace: ""
  },
  {
    name: "a write by hand leaves the marker of the id",
    in: "setAll",
    find: "endMarkers(self, written)",
    replace: ""
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
    find: "dependencies !== undefined && isOlderThanJoining(dependencies, flight, joinedAt)",
    replace: "false",
    also: [{
      in: "planToJoin",
      find: "hasMovedForJoining(flight) ||",
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
    name: "changes of ids do not count from the first load that derives",
    in: "make",
    find: "TagEpochs.follow(flight.engine.tagEpochs)",
    replace: ""
  },
  {
    name: "a removal that the store has not acknowledged does not count",
    in: "areIdsPending",
    find: "if (ids.size === 0) return false",
    replace: "if (ids.size >= 0) return false"
  },
  {
    name: "an answer is believed after a change here of what it derives from",
    in: "isSince",
    find: "const { floor, older, recent } = ids",
    replace: "const { floor, older, recent } = bornAt < 0 && ids"
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
    find: "tagsOfId(id)",
    replace: "tagsOfId(id).slice(0, 1)"
  },
  {
    name: "a removal here leaves what was made of the entry",
    in: "change",
    find: "TagEpochs.idChanged(self.tagEpochs, id)",
    replace: "if (how === \"set\") TagEpochs.idChanged(self.tagEpochs, id)"
  },
  {
    name: "a write by hand here leaves what was made of the entry",
    in: "change",
    find: "TagEpochs.idChanged(self.tagEpochs, id)",
    replace: "if (how !== \"set\") TagEpochs.idChanged(self.tagEpochs, id)"
  },
  {
    name: "a transaction leaves the markers of what it sets",
    in: "carryOut",
    find: "Entries.setAll(self, [step], now)",
    replace: "self.leases.end(step.id); Entries.write(self, step.id, step.entry, now)"
  },
  {
    name: "a transaction leaves the markers of what it removes",
    in: "carryOut",
    find: "Entries.drop(self, step.id) break",
    replace: "self.leases.end(step.id); self.storage.remove(step.id); break"
  },
  {
    name: "inside a transaction what derives from what it has written is served",
    in: "insideOf",
    find: "own.tagEpochs.ids = TagEpochs.makeTable()",
    replace: ""
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
  },
  {
    name: "what is made of cached values outlives changes of them",
    in: "inheritOf",
    find: "rulesOf(engine, request).inherit ?? engine.inherit",
    replace:
      `(rulesOf(engine, request).inherit === "changes" ? "life" : rulesOf(engine, request).inherit) ?? engine.inherit`
  }
]
