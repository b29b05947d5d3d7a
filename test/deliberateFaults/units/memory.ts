/** Deliberate faults of the memory tier. */
import type { UnitFault } from "../fault.ts"

export const faults: ReadonlyArray<UnitFault> = [
  {
    name: "an array whose first element is a number counts as an array of numbers",
    in: "isOfNumbers",
    find: "nth < count",
    replace: "nth < 1",
    by: "test/cached/weights.test.ts"
  },
  {
    name: "the parts of a long array that are looked at have one distance",
    in: "placeOf",
    find: "+ nth % Math.floor(length / count)",
    replace: "",
    by: "test/cached/weights.test.ts"
  },
  {
    name: "one long list takes all the time for which a value is looked at",
    in: "sampleObjects",
    find: "(state.left - 1) >> 3",
    replace: "0",
    by: "test/cached/weights.test.ts"
  },
  {
    name: "an object that is loaded again makes its field names count as those of a table",
    in: "isNew",
    find: "owner !== id ||",
    replace: "true ||",
    by: "test/cached/weights.test.ts"
  },
  {
    name: "the rows of one list count a hidden class each",
    in: "isNew",
    find: "|| state.shapes?.has(owners!) === true",
    replace: "",
    by: "test/cached/weights.test.ts"
  },
  {
    name: "expiry follows the clock of the layer, though its readers have another one",
    in: "makeSweeper",
    find: "followed = reader",
    replace: "followed = clock",
    by: "test/cached/expiry.test.ts"
  },
  {
    name: "the entries of a class with a quota are copied when most of them have left",
    in: "makeQuota",
    find: "places: Entries.make()",
    replace: "places: new Map() as never",
    by: "test/layers/withQuotas.test.ts"
  },
  {
    name: "a policy receives its new bound with each part that leaves",
    in: "shrink",
    find: "makeRoom(self, undefined, now, most)",
    replace: "self.policy.resized?.(capacity); makeRoom(self, undefined, now, most)",
    by: "test/cached/weights.test.ts"
  },
  {
    name: "an id that comes again while memory is listed has another place",
    in: "InSteps",
    find: "this.isListed = true",
    replace: "",
    by: "test/cached/listing.test.ts"
  },
  {
    name: "what has left is listed where another map has taken the place of the one that is gone through",
    in: "InSteps",
    find: "(map === this.map || this.has(entry.id))",
    replace: "true",
    by: "test/internal/engine/memory/entries.test.ts"
  },
  {
    name: "what leaves is counted by no cause",
    in: "left",
    find: "self.removals[cause]++",
    replace: "",
    by: "test/cached/stats.test.ts"
  },
  {
    name: "a curve takes what has expired for what a larger memory would have",
    in: "make",
    find: "known.expiresAt > (node as Expiring).createdAt",
    replace: "known.expiresAt > 0",
    by: "test/cached/curve.test.ts"
  },
  {
    name: "a curve forgets what was evicted",
    in: "make",
    find: "if (evicting === node) sample",
    replace: "if (false) sample",
    by: "test/cached/curve.test.ts"
  },
  {
    name: "a curve takes a new value of an entry in memory for a read",
    in: "make",
    find: "(old as Expiring).expiresAt <= (node as Expiring).createdAt",
    replace: "true",
    by: "test/cached/curve.test.ts"
  },
  {
    name: "thousands of deadlines are looked at without a look at the clock",
    in: "sweep",
    find: "entry === undefined || steps",
    replace: "steps",
    by: "test/cached/expiry.test.ts"
  },
  {
    name: "what was cleared stays in the wheel of deadlines",
    in: "empty",
    find: "Deadlines.removeAll(deadlines)",
    replace: "",
    by: "test/processes/clearedMemory.test.ts"
  },
  {
    name: "a class is over its quota by what comes",
    in: "makeRoom",
    find: "quota.weight + needed() > quota.most",
    replace: "quota.weight > quota.most",
    by: "test/layers/withQuotas.test.ts"
  },
  {
    name: "the listener of an eviction runs before the new entry is in memory",
    in: "put",
    find: "together(self, () => {",
    replace: "(<A>(_: unknown, steps: () => A): A => steps())(self, () => {",
    by: "test/layers/withQuotas.test.ts"
  },
  {
    name: "a quota takes entries that live by the readers' clock for expired",
    in: "makeSweeper",
    find: "clock: () => followed",
    replace: "clock: () => Context.get(tier().context, Clock.Clock)",
    by: "test/layers/withQuotas.test.ts"
  },
  {
    name: "what leaves a class keeps its part of the quota",
    in: "leave",
    find: "quota.weight -= place.weight",
    replace: "",
    by: "test/layers/withQuotas.test.ts"
  },
  {
    name: "the policy of a class hears of no reads",
    in: "wrap",
    find: "quota!.policy.read(place)",
    replace: "void place",
    by: "test/layers/withQuotas.test.ts"
  },
  {
    name: "what leaves keeps its weight",
    in: "drop",
    find: "self.weight -= weightOf(entry)",
    replace: "self.weight -= 1",
    by: "test/cached/weights.test.ts"
  },
  {
    name: "an entry that grows leaves where the order of the policy is not that of reads",
    in: "victimOf",
    find: "if (victim === newest) { for (victim of entries.values()) if (victim !== newest) break }",
    replace: "",
    by: "test/cached/weights.test.ts"
  },
  {
    name: "what is too heavy pushes everything out",
    in: "put",
    find: "weight === undefined || weight > Math.min(self.capacity, Number.MAX_SAFE_INTEGER)",
    replace: "weight === undefined",
    by: "test/cached/weights.test.ts"
  },
  {
    name: "a smaller memory evicts all at once",
    in: "shrink",
    find: "makeRoom(self, undefined, now, most)",
    replace: "makeRoom(self, undefined, now, Infinity * most)",
    by: "test/cached/weights.test.ts"
  },
  {
    name: "a clock that was set back keeps those who look for what is due for ever",
    in: "nextDue",
    find: "if (until < self.tick) return undefined",
    replace: "",
    by: "test/internal/engine/memory/deadlines.test.ts"
  },
  {
    name: "listeners are called in the midst of a list of changes",
    in: "together",
    find: "if (self.untold !== undefined) return steps()",
    replace: "if (self.capacity !== undefined) return steps()",
    by: "test/internal/engine/withinOneStep.test.ts"
  },
  {
    name: "an eviction policy is not guarded",
    in: "makePolicy",
    find: "guarded(made(options), options.eviction.name, guard)",
    replace: "made(options)",
    by: "test/cached/userCode.test.ts"
  },
  {
    name: "a change of one entry changes all that were stored alike",
    in: "ownTerms",
    find: "terms.isShared ? { ...terms, entries: 1, isShared: false } : terms",
    replace: "terms",
    by: "test/internal/engine/memory/entry.test.ts"
  },
  {
    name: "an entry has the tags of another one",
    in: "shared",
    find: "tags.length === 0 &&",
    replace: "",
    by: "test/internal/engine/memory/entry.test.ts"
  },
  {
    name: "an entry in front of a store forgets its write",
    in: "Entry",
    find: "if (options.writeId !== undefined) this.writeId = options.writeId",
    replace: "",
    by: "test/internal/engine/memory/entry.test.ts"
  },
  {
    name: "what was stored alike shares nothing",
    in: "shared",
    find: "areAlike(known, terms) && reaches(known, createdAt)",
    replace: "known === terms",
    by: "test/internal/engine/memory/entry.test.ts"
  },
  {
    name: "what one entry has for itself is not counted",
    in: "bytesOf",
    find: "if (entries === 1) bytes += bytesOfTerms",
    replace: "",
    by: "test/processes/weighedMemory.test.ts"
  },
  {
    name: "a megabyte is a mebibyte",
    in: "bytesIn",
    find: "1024 : 1000",
    replace: "1024 : 1024",
    by: "test/layers/sizes.test.ts"
  },
  {
    name: "a memory that counts takes sizes",
    in: "boundOfMemory",
    find: "typeof given !== \"string\" || isWeighed",
    replace: "given !== undefined",
    by: "test/layers/sizes.test.ts"
  },
  {
    name: "texts are counted without their headers",
    in: "bytesOfPrimitive",
    find: "bytesOf.string + padded(",
    replace: "padded(",
    by: "test/cached/weights.test.ts"
  },
  {
    name: "an entry has the load time of another one",
    in: "areAlike",
    find: "known.loadMillis === terms.loadMillis &&",
    replace: "",
    by: "test/internal/engine/memory/entry.test.ts"
  },
  {
    name: "a large memory is copied in one step when most has left it",
    in: "InSteps",
    find: "move === undefined && !isListed && (isSmall || map.size > most / 2)",
    replace: "move === undefined",
    by: "test/internal/engine/memory/entries.test.ts"
  },
  {
    name: "what comes in while a large memory becomes a smaller one is lost",
    in: "InSteps",
    find: "move.to.set(id, entry)",
    replace: "",
    by: "test/internal/engine/memory/entries.test.ts"
  },
  {
    name: "what leaves while a large memory becomes a smaller one comes back",
    in: "InSteps",
    find: "if (move.to.has(id)) move.to.set(id, undefined)",
    replace: "",
    by: "test/internal/engine/memory/entries.test.ts"
  },
  {
    name: "an entry that comes back to a large memory is not counted",
    in: "InSteps",
    find: "this.left--",
    replace: "",
    by: "test/internal/engine/memory/entries.test.ts"
  },
  {
    name: "a listing of a large memory has what has left it meanwhile",
    in: "InSteps",
    find: "(map === this.map || this.map.get(entry.id) === entry)",
    replace: "true",
    by: "test/internal/engine/memory/entries.test.ts"
  },
  {
    name: "a clock that is set back prolongs entries in memory",
    in: "WallTime",
    find: "this.setBackMillis += Math.ceil(setBack)",
    replace: "",
    by: "test/cached/clocksSetBack.test.ts"
  },
  {
    name: "a clock that is set back by less than the cache was idle is not noticed",
    in: "WallTime",
    find: "Math.max(this.ahead - ahead, this.seen - now)",
    replace: "this.seen - now",
    by: "test/cached/clocksSetBack.test.ts"
  },
  {
    name: "small corrections of a clock end entries early",
    in: "WallTime",
    find: "this.ahead = Math.max(this.ahead, ahead)",
    replace: "this.ahead = Infinity",
    by: "test/cached/clocksSetBack.test.ts"
  },
  {
    name: "an entry of a machine whose clock is ahead lives longer than its ttl",
    in: "madeAtOf",
    find: "Math.min(createdAt, time.seen)",
    replace: "createdAt",
    by: "test/cached/clocksSetBack.test.ts"
  },
  {
    name: "the wheel goes by a clock that was set back",
    in: "nextDue",
    find: "Math.floor(now + self.time.setBackMillis)",
    replace: "Math.floor(now)",
    by: "test/internal/engine/memory/deadlines.test.ts"
  },
  {
    name: "counters in memory go by a clock that was set back",
    in: "moved",
    find: "expiresAt: expiresAt + millis",
    replace: "expiresAt: expiresAt + 0 * millis",
    by: "test/cached/clocksSetBack.test.ts"
  },
  {
    name: "stored entries of the future are served",
    in: "hasEnded",
    find: " || createdAt - now > clocks.aheadMillis",
    replace: "",
    by: "test/cached/clocksSetBack.test.ts"
  },
  {
    name: "machines whose clocks differ by seconds load again what others have loaded",
    in: "hasEnded",
    find: "createdAt - now > clocks.aheadMillis",
    replace: "createdAt > now",
    by: "test/cached/clocksSetBack.test.ts"
  },
  {
    name: "stored entries come back once the clock that ended them is set back",
    in: "isOver",
    find: "now + time.olderBy(meta.createdAt)",
    replace: "now",
    by: "test/cached/clocksSetBack.test.ts"
  },
  {
    name: "a weight without end is counted",
    in: "put",
    find: "Math.min(self.capacity, Number.MAX_SAFE_INTEGER)",
    replace: "self.capacity",
    by: "test/cached/weights.test.ts"
  },
  {
    name: "the tags of loads that have ended are kept for ever",
    in: "remove",
    find: "if (loads.size > keptDependencies) loads.delete(tag)",
    replace: "",
    by: "test/internal/engine/memory/dependents.test.ts"
  },
  {
    name: "LRU has an entry twice where a policy failed about the one before it",
    in: "guarded",
    find: "if (policy === before) attempt(",
    replace: "attempt(",
    by: "test/cached/userCode.test.ts"
  },
  {
    name: "nothing survives a policy that empties memory while it is asked for a victim",
    in: "makeRoom",
    find: "if (victim === undefined) return",
    replace: "",
    by: "test/cached/userCode.test.ts"
  },
  {
    name: "an entry whose deadline was moved on counts as expired",
    in: "firstExpired",
    find: "!(entry.expiresAt > now)",
    replace: "!(entry.createdAt > now)",
    by: "test/internal/engine/memory/deadlines.test.ts"
  },
  {
    name: "an entry with an earlier deadline stays where it was",
    in: "reorder",
    find: "if (self.entries.get(entry.id) !== entry) return",
    replace: "if (self.entries.get(entry.id) === entry) return",
    by: "test/cached/expiredFirst.test.ts"
  },
  {
    name: "an entry that has ended under a shorter profile leaves memory",
    in: "expire",
    find: "if (!(entry.keptUntil > now)) return drop",
    replace: "if (!(entry.keptUntil > Infinity)) return drop",
    by: "test/CacheProfiles.test.ts"
  },
  {
    name: "an entry stays in its bucket when the time of that begins",
    in: "nextDue",
    find: "tick % span === 0",
    replace: "level === 0",
    by: "test/internal/engine/memory/deadlines.test.ts"
  },
  {
    name: "a timer runs on while nothing is read",
    in: "makeSweeper",
    find: "self.memory.rests ? Effect.void : run(self)",
    replace: "run(self)",
    by: "test/cached/expiry.test.ts"
  },
  {
    name: "a cache that rests is not woken",
    in: "peek",
    find: "if (self.rests) self.sweeper!.wake()",
    replace: "",
    by: "test/cached/expiry.test.ts"
  },
  {
    name: "what reads in another time is cleared by this one",
    in: "makeSweeper",
    find: "Math.abs(skew) > sweepEveryMillis",
    replace: "Math.abs(skew) > Infinity",
    by: "test/cached/expiry.test.ts"
  }
]
