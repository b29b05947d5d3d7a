/**
 * Deliberate faults of derived entries (`inherit: "changes"`), one for each thing that keeps P8: those that the seeded
 * schedules of derived entries find. `units/derived.ts` has those that cost loads and no promise.
 */
import { type Fault, faultsOf } from "./fault.ts"

export const faults: ReadonlyArray<Fault> = faultsOf([
  [
    "markers are asked for after the values were read",
    "prepare",
    "const tags = dependencies === undefined ? own : withDependencies(dependencies, own)",
    `const late = dependencies === undefined ? [] : [...dependencies.tags.keys()]
const asked = yield* ask(tier, asking.budget, "markers", tier.store.markers(late))
const tags = isFault(asked) || dependencies === undefined
  ? own
  : withDependencies({ ...dependencies, tags: new Map() }, own)
    ?.concat(late.map((tag, i) => ({ tag, version: asked.markers[i]!.version })))`
  ],
  ["a copy in memory is not compared with the store", "isCompared", "?.version !== undefined", "?.version === null"],
  ["a removal leaves the marker of the id", "removeAll", "endMarkers(self, ids)", ""],
  ["a write by hand leaves the marker of the id", "setAll", "endMarkers(self, written)", ""],
  [
    "only what was loaded itself is taken over",
    "addLoaded",
    "if (inner !== undefined) addAll(dependencies, inner)",
    "",
    { sought: "always" }
  ],
  [
    "only what was served itself is taken over",
    "addServed",
    "addTags(dependencies, tags, checkedAt, versionsOf(entry))",
    "addTags(dependencies, tags.filter((tag) => !isInherited(tag)), checkedAt, versionsOf(entry))"
  ],
  [
    "a load is joined after what it read was invalidated",
    "isOlder",
    "dependencies !== undefined && isOlderThanJoining(dependencies, flight, joinedAt)",
    "false",
    {
      also: [{
        in: "planToJoin",
        find: "hasMovedForJoining(flight) ||",
        replace: ""
      }]
    }
  ],
  [
    "a result lands although what it read was invalidated",
    "land",
    "isTainted || hasMoved(dependencies) ||",
    "isTainted ||"
  ],
  [
    "an entry outlives what it was made of",
    "isLimitedByInner",
    `inherit === "life" || inherit === "changes"`,
    `inherit === "life"`
  ],
  [
    "a marker that is missing counts as unchanged",
    "validityOf",
    "if (now === version) continue",
    "if (now === undefined || now === version) continue"
  ],
  [
    "changes of ids do not count from the first load that derives",
    "make",
    "TagEpochs.follow(flight.engine.tagEpochs)",
    ""
  ],
  [
    "a removal that the store has not acknowledged does not count",
    "areIdsPending",
    "if (ids.size === 0) return false",
    "if (ids.size >= 0) return false"
  ],
  [
    "an answer is believed after a change here of what it derives from",
    "isSince",
    "const { floor, older, recent } = ids",
    "const { floor, older, recent } = bornAt < 0 && ids"
  ],
  [
    "of many ids of a group one change is missed",
    "tagsOfId",
    "[idTag(id), groupTag(groupOf(id))]",
    "[idTag(id), idTag(id)]"
  ],
  ["of many ids of a group a change here is missed", "idChanged", "tagsOfId(id)", "tagsOfId(id).slice(0, 1)"],
  [
    "a removal here leaves what was made of the entry",
    "change",
    "TagEpochs.idChanged(self.tagEpochs, id)",
    "if (how === \"set\") TagEpochs.idChanged(self.tagEpochs, id)"
  ],
  [
    "a write by hand here leaves what was made of the entry",
    "change",
    "TagEpochs.idChanged(self.tagEpochs, id)",
    "if (how !== \"set\") TagEpochs.idChanged(self.tagEpochs, id)"
  ],
  [
    "a transaction leaves the markers of what it sets",
    "carryOut",
    "Entries.setAll(self, [step], now)",
    "self.leases.end(step.id); Entries.write(self, step.id, step.entry, now)"
  ],
  [
    "a transaction leaves the markers of what it removes",
    "carryOut",
    "Entries.drop(self, step.id) break",
    "self.leases.end(step.id); self.storage.remove(step.id); break"
  ],
  [
    "inside a transaction what derives from what it has written is served",
    "insideOf",
    "own.tagEpochs.ids = TagEpochs.makeTable()",
    ""
  ],
  [
    "of what was served the tags, those of classes and fields too, are not taken over",
    "addServed",
    "addTags(dependencies, tags, checkedAt, versionsOf(entry))",
    "addTags(dependencies, tags.filter(isInherited), checkedAt, versionsOf(entry))"
  ],
  [
    "what a load reads of a stream is not known",
    "consume",
    "const answer = read(engine, fiber, request)",
    `const answer = Effect.provideService(
        Effect.withFiber((fiber) => read(engine, fiber, request)) as any,
        Within,
        undefined as any
      ) as ReturnType<typeof read>`
  ],
  [
    "what is made of cached values outlives changes of them",
    "inheritOf",
    "rulesOf(engine, request).inherit ?? engine.inherit",
    `(rulesOf(engine, request).inherit === "changes" ? "life" : rulesOf(engine, request).inherit) ?? engine.inherit`
  ]
])
