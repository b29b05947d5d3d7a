/** Deliberate faults of requests: reads, operations and batches. */
import type { UnitFault } from "../fault.ts"

export const faults: ReadonlyArray<UnitFault> = [
  {
    name: "a repeated key that a call misses at one place and serves at another has two answers",
    in: "repeatAnswers",
    find: "missing.size === keys.length ||",
    replace: "missing.size > 0 ||",
    by: "test/cached/bulk.test.ts"
  },
  {
    name: "a repeated key that is replaced while a call looks for its keys has two answers",
    in: "repeatAnswers",
    find: "!isChanged",
    replace: "true",
    by: "test/cached/bulk.test.ts"
  },
  {
    name: "a repeated key that changes while a lookup looks for its keys has two answers",
    in: "allInMemory",
    find: "!mayDiffer",
    replace: "true",
    by: "test/cached/repeatedLookups.test.ts"
  },
  {
    name: "a stale entry of the store answers only the first place of its key",
    in: "takeWave",
    find: "one.setIn(reading.exits, reading.exits[one.place]!)",
    replace: "",
    by: "test/cached/bulk.test.ts"
  },
  {
    name: "a call for many keys begins for keys that no reader waits for",
    in: "fireIfComplete",
    find: `=> state === "waiting"`,
    replace: "=> state.length > 0",
    by: "test/cached/bulk.test.ts"
  },
  {
    name: "a refresh of many keys goes by the clock of a fiber that has ended",
    in: "refreshDue",
    find: "self.time.now(starter.clock)",
    replace: "nowOf(self, fiber)",
    by: "test/cached/bulk.test.ts"
  },
  {
    name: "a call for many keys begins while its readers are leaving",
    in: "fireIfComplete",
    find: "self.isPaused || ",
    replace: "",
    by: "test/cached/bulkOverStore.test.ts"
  },
  {
    name: "the results of a lookup may have holes",
    in: "problemOf",
    find: "exits.findIndex((exit) => !Exit.isExit(exit)) < 0",
    replace: "exits.every(Exit.isExit)",
    by: "test/cached/transform.test.ts"
  },
  {
    name: "an abandoned key of a call that continues has the result of the call",
    in: "beginCall",
    find: `if (state !== "waiting") return complete(flight.engine, flight, Exit.interrupt())`,
    replace: "",
    by: "test/cached/bulk.test.ts"
  },
  {
    name: "a read prolongs an entry whose lifetime another process has set by hand",
    in: "touched",
    find: "needsConstant === true && isConstant !== true",
    replace: "false",
    by: "test/cached/readersWithOtherConstants.test.ts"
  },
  {
    name: "a look-up of several keys answers one of them as before an invalidation, and one as after it",
    in: "foundIn",
    find: "if (agree && !found.some(mayBeValid)) break",
    replace: "if (agree && !found.some(mayBeValid)) return before",
    by: "test/cached/invalidation.test.ts"
  },
  {
    name: "a touch that ends where the soft deadline was leaves the lifetime a constant",
    in: "touched",
    find: "{ meta: { ...meta, softExpiresAt, expiresAt }, payload",
    replace:
      "{ meta: { ...softExpiresAt === meta.softExpiresAt ? entry.meta : meta, softExpiresAt, expiresAt }, payload",
    by: "test/cached/readersWithOtherConstants.test.ts"
  },
  {
    name: "a read makes the end in the store earlier",
    in: "touched",
    find: "Math.max(expiresAt, meta.expiresAt)",
    replace: "expiresAt",
    by: "test/cached/readersWithOtherConstants.test.ts"
  },
  {
    name: "all ids are copied before the first of them is listed",
    in: "idsHere",
    find: "InTurns.each(Entries.ids(self.memory.entries))",
    replace: "Stream.fromArray(Array.from(Entries.ids(self.memory.entries)))",
    by: "test/internal/time/turns.test.ts"
  },
  {
    name: "memory never gets back the room that it gave up for the heap",
    in: "pressureOn",
    find: "share < most * relaxedAt",
    replace: "false",
    by: "test/layers/withHeapLimit.test.ts"
  },
  {
    name: "the coldest entries are listed although they may not be served",
    in: "ranked",
    find: "liveEntry(self, entry.id, now) === entry",
    replace: "entry",
    by: "test/cached/ranking.test.ts"
  },
  {
    name: "what a reader changes as soon as it is answered counts as changed before the answer",
    in: "conclude",
    find: "question.mutations = self.mutations",
    replace: "Object.defineProperty(question, 'mutations', { get: () => self.mutations })",
    by: "test/cached/readsThatShareQuestions.test.ts"
  },
  {
    name: "a private refresh replaces what others have changed since",
    in: "commitAfter",
    find: "yield* ask(tier, budget, \"get\", store.get(id, []))",
    replace: "({ entry: { meta: earlier } })",
    by: "test/cached/privateFlights.test.ts"
  },
  {
    name: "a counter that has expired is listed",
    in: "counters",
    find: "now < expiresAt",
    replace: "now < expiresAt + 60_000",
    by: "test/cached/counters.test.ts"
  },
  {
    name: "only the first key of a call inherits what the call was served",
    in: "settle",
    find: "recordShared(flight.attempt, first.attempt)",
    replace: "",
    by: "test/cached/inherit.test.ts"
  },
  {
    name: "a strict read of many does not either",
    in: "refusedStrictly",
    find: "return unsent.length === 0 ? undefined",
    replace: "return unsent.length < Infinity ? undefined",
    by: "test/promises/P4.test.ts"
  },
  {
    name: "a strict read of many fails because of what becomes unsent while it sends again",
    in: "readStrictly",
    find: "isStuck(sent, unsent)",
    replace: "sent.length > 0",
    by: "test/promises/P4.test.ts"
  },
  {
    name: "a try is inside its load for ever",
    in: "endAttempt",
    find: "self.flight = undefined",
    replace: "",
    by: "test/internal/engine/request/attempt.test.ts"
  },
  {
    name: "the call of a batch begins within an invalidation",
    in: "drop",
    find: "dispatcher.scheduleTask(() => fireIfComplete(self), 0)",
    replace: "fireIfComplete(self)",
    by: "test/internal/engine/withinOneStep.test.ts"
  },
  {
    name: "a store that is far away is asked in small groups",
    in: "make",
    find: "if (one.older-- <= 0) one.firstAt ??=",
    replace: "one.firstAt ??=",
    by: "test/internal/engine/batch/groups.test.ts"
  },
  {
    name: "all flights of a call for thousands ask the store at once",
    in: "make",
    find: "if (inside.size < size) return true",
    replace: "return true",
    by: "test/cached/bulkOverStore.test.ts"
  },
  {
    name: "a call for thousands is joined for a reader that has left",
    in: "joinAll",
    find: "if (isLeft) return\n      const defect",
    replace: "const defect",
    by: "test/internal/time/turns.test.ts"
  },
  {
    name: "limits that are functions of the key are not asked",
    in: "askTimeouts",
    find: "const timeoutMillis = askTimeout(\"timeout\", request, timeout)",
    replace: "const timeoutMillis = undefined",
    by: "test/cached/optionsByFunction.test.ts"
  },
  {
    name: "the store is not told of a longer constant",
    in: "prolong",
    find: "writeId === undefined ||",
    replace: "writeId !== undefined ||",
    by: "test/cached/readersWithOtherConstants.test.ts"
  },
  {
    name: "the store gets a longer constant with each change of readers",
    in: "prolong",
    find: "prolongedUntil.set(entry, expiresAt)",
    replace: "",
    by: "test/cached/readersWithOtherConstants.test.ts"
  },
  {
    name: "a bulk refresh that a caller joins before its list is complete waits for a slot",
    in: "offer",
    find: "if (unit.isPromoted) {",
    replace: "if (unit.isPromoted && unit.flights.size === 0) {",
    by: "test/internal/engine/promotedUnits.test.ts"
  },
  {
    name: "a bulk call waits for the refreshes of its own values, and they for its end and for one slot",
    in: "add",
    find: "flight.refresh && self.batch.options.retry === undefined",
    replace: "false",
    by: "test/internal/engine/promotedUnits.test.ts"
  }
]
