/** Deliberate faults of flights, their loads and their leases. */
import type { UnitFault } from "../fault.ts"

export const faults: ReadonlyArray<UnitFault> = [
  {
    name: "a caller that cannot use what its flight has found asks the store for it again",
    in: "foundOrRetry",
    find: "return isKnown ? loadInstead(caller, request, found) : request",
    replace: "return isKnown && found.entry.id === \"\" ? loadInstead(caller, request, found) : request",
    by: "test/cached/readsThatShareQuestions.test.ts"
  },
  {
    name: "a closed cache forgets the stubs that a clear has detached",
    in: "makeIndex",
    find: "for (const call of calls) call.isDetached = true",
    replace: "for (const call of calls) call.isDetached = true\n      calls.clear()",
    by: "test/cached/bulk.test.ts"
  },
  {
    name: "an invalidation does not find a stub's flight",
    in: "add",
    find: "stub.isOpen = true",
    replace: "stub.isOpen = id.length === 0",
    by: "test/cached/bulk.test.ts"
  },
  {
    name: "a stub replaces an entry of another load",
    in: "add",
    find: "engine.flights.has(id, self) ||",
    replace: "",
    by: "test/cached/bulk.test.ts"
  },
  {
    name: "a stub's result is as young as its end",
    in: "end",
    find: "scratch.bornAt = stub.bornAt",
    replace: "scratch.bornAt = engine.tagEpochs.epoch",
    by: "test/cached/bulk.test.ts"
  },
  {
    name: "a stub's flight forgets its call",
    in: "replaceStub",
    find: "member.call = call",
    replace: "",
    by: "test/cached/bulk.test.ts"
  },
  {
    name: "a call that loads a circle through a stub is not found",
    in: "replaceStub",
    find: "flight.attempt.waitsOn = call.edges",
    replace: "",
    by: "test/cached/bulk.test.ts"
  },
  {
    name: "a result of a bulk call is as old as the turn in which it is stored",
    in: "toEntry",
    find: "flight.attempt.endedAt ?? now",
    replace: "now",
    by: "test/cached/bulkOverStore.test.ts"
  },
  {
    name: "loads that can no longer be joined are in no circle",
    in: "holdersOf",
    find: "of running.all()",
    replace: "of running.all().filter((one) => one.engine.flights.get(one.id) === one)",
    by: "test/internal/engine/lease/needEachOther.test.ts"
  },
  {
    name: "a private load is stored although its key was invalidated meanwhile",
    in: "complete",
    find: "flight.storable = isStorable(self, flight)",
    replace: "",
    by: "test/cached/privateFlights.test.ts"
  },
  {
    name: "what a private reader does waits for the turn of another",
    in: "work",
    find: "self.isPrivate ? Infinity : jobsOfTurn",
    replace: "jobsOfTurn",
    by: "test/cached/privateFlights.test.ts"
  },
  {
    name: "the work loop has no budget",
    sought: "always",
    in: "work",
    find: "while (left > 0 && job(self)) left--",
    replace: "while (left !== Infinity && job(self)) left--",
    by: "test/internal/engine/flight/fairness.test.ts"
  },
  {
    name: "what was asked for first is refreshed first",
    in: "newestOf",
    find: "newest = unit",
    replace: "newest ??= unit",
    by: "test/internal/engine/flight/refreshQueue.test.ts"
  },
  {
    name: "a flight keeps its parent",
    in: "letGo",
    find: "flight.parent = undefined",
    replace: "",
    by: "test/internal/engine/request/attempt.test.ts"
  },
  {
    name: "a flight keeps the context of its starter",
    in: "letGo",
    find: "flight.starter = noContext",
    replace: "",
    by: "test/internal/engine/request/attempt.test.ts"
  },
  {
    name: "a second try inherits from the first",
    in: "again",
    find: "nextAttempt(first, now)",
    replace: "first.attempt",
    by: "test/internal/engine/request/attempt.test.ts"
  },
  {
    name: "each load that waits for a lease asks alone",
    in: "askWave",
    find: "all: store.acquire",
    replace:
      "all: (requests) => Effect.map(Effect.forEach(requests, (one) => store.acquire([one])), (all) => all.flat())",
    by: "test/internal/engine/lease/waiting.test.ts"
  },
  {
    name: "an entry that came with the lease is read once more",
    in: "useHit",
    find: "isWhole(flight, hit, declared)",
    replace: "false",
    by: "test/internal/engine/lease/waiting.test.ts"
  },
  {
    name: "thousands that wait for leases ask in one request",
    in: "askAll",
    find: "askInWaves(",
    replace: "((all: any, budget: any, send: any) => send(all, budget, 0, Effect.void))(",
    by: "test/internal/engine/lease/waiting.test.ts"
  },
  {
    name: "an entry that came with the lease is believed whatever the versions of its tags",
    in: "askWave",
    find: "versions: asked.versions",
    replace:
      "versions: answers.flatMap((one) => one._tag === \"Hit\" ? one.entry.meta.tags.map(({ version }) => version) : [])",
    by: "test/internal/engine/lease/waiting.test.ts"
  },
  {
    name: "the name of a write is drawn from the caller's Random",
    in: "entryOf",
    find: "self.tokens.next(16)",
    replace: "String(Context.get(flight.starter.context, Random.Random).nextDoubleUnsafe())",
    by: "test/internal/token.test.ts"
  },
  {
    name: "a read that asks the store while a refresh runs, and then loads, has two budgets",
    in: "askThenJoin",
    find: "storeMillis: Math.max(0, budget.leftMillis)",
    replace: "storeMillis: undefined",
    by: "test/promises/P4.test.ts"
  },
  {
    name: "a wave's answer that another process loads is asked for once more",
    in: "acquireLease",
    find: "takeAnswer(flight) ?? (",
    replace: "(",
    by: "test/cached/bulkOverStore.test.ts"
  },
  {
    name: "a load that has waited is as old as the question for it",
    in: "start",
    find: "flight.bornAt = TagEpochs.epochNow(self.tagEpochs)",
    replace: "",
    by: "test/cached/queuedLoads.test.ts"
  },
  {
    name: "each wave of a bulk call reads the markers of the class",
    in: "readMarkers",
    find: "self.known = tags",
    replace: "self.known = undefined",
    by: "test/cached/requestCounts.test.ts"
  }
]
