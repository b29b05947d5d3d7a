/** Deliberate faults of flights, their loads and their leases. */
import type { UnitFault } from "../fault.ts"

export const faults: ReadonlyArray<UnitFault> = [
  {
    name: "a caller that cannot use what its flight has found asks the store for it again",
    in: "foundOrRetry",
    find: "return isKnown ? loadInstead(caller, request, found.entry) : request",
    replace: "return isKnown && found.entry.id === \"\" ? loadInstead(caller, request, found.entry) : request",
    by: "test/cached/readsThatShareQuestions.test.ts"
  },
  {
    name: "a result replaces a value that its strategy's function has set",
    in: "end",
    find: "if (!ticket.isOpen) return false",
    replace: "",
    by: "test/cached/bulk.test.ts"
  },
  {
    name: "a closed cache forgets the tickets that a clear has detached",
    in: "makeIndex",
    find: "for (const call of calls) call.isDetached = true",
    replace: "for (const call of calls) call.isDetached = true\n      calls.clear()",
    by: "test/cached/bulk.test.ts"
  },
  {
    name: "a miss looks through the tickets of calls that have ended",
    in: "close",
    find: "if (flights.tickets?.calls.size === 0) flights.tickets = undefined",
    replace: "",
    by: "test/cached/bulk.test.ts"
  },
  {
    name: "a ticket is not made a flight when another reader comes",
    in: "makeIndex",
    find: "if (ticket?.isOpen === true) return ticket.board()",
    replace: "if (ticket?.isOpen === null) return ticket.board()",
    by: "test/cached/bulk.test.ts"
  },
  {
    name: "an invalidation does not find a ticket's flight",
    in: "take",
    find: "ticket.isOpen = true",
    replace: "ticket.isOpen = id.length === 0",
    by: "test/cached/bulk.test.ts"
  },
  {
    name: "a ticket replaces an entry of another load",
    in: "take",
    find: "engine.flights.has(id, self) ||",
    replace: "",
    by: "test/cached/bulk.test.ts"
  },
  {
    name: "a ticket's result is as young as its end",
    in: "end",
    find: "pilot.bornAt = ticket.bornAt",
    replace: "pilot.bornAt = engine.tagEpochs.epoch",
    by: "test/cached/bulk.test.ts"
  },
  {
    name: "a ticket's flight forgets its call",
    in: "board",
    find: "item.call = call",
    replace: "",
    by: "test/cached/bulk.test.ts"
  },
  {
    name: "a call that loads a circle through a ticket is not found",
    in: "board",
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
    name: "the time of loads is not counted",
    in: "tellLoad",
    find: "flight.counters.loadMillis += millis",
    replace: "",
    by: "test/cached/stats.test.ts"
  },
  {
    name: "a stream is reported to a load as a value",
    in: "previousOf",
    find: "|| request.settled !== undefined",
    replace: "",
    by: "test/cached/stream.test.ts"
  },
  {
    name: "a private load is stored although its key was invalidated meanwhile",
    in: "complete",
    find: "flight.storable = isStorable(self, flight)",
    replace: "",
    by: "test/cached/privateFlights.test.ts"
  },
  {
    name: "a private flight is kept in a list, where one that is stopped stays",
    in: "launch",
    find: "!self.isPrivate",
    replace: "true",
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
    name: "a load that has found no previous value asks the store again",
    in: "remember",
    find: "entry ?? null",
    replace: "entry",
    by: "test/cached/duringLoad.test.ts"
  },
  {
    name: "a resource is only found in the value itself",
    in: "holdsResource",
    find: "addParts(waiting, value)",
    replace: "",
    by: "test/cached/cachedResources.test.ts"
  },
  {
    name: "a resource in an Option is not found",
    in: "contentOf",
    find: "if (Option.isOption(value)) return Option.toArray(value)",
    replace: "",
    by: "test/cached/cachedResources.test.ts"
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
    name: "what ends last is answered first",
    in: "Fifo",
    find: "this.items[this.end++] = item",
    replace: `this.items.splice(this.head, 0, item)
this.end++`,
    by: "test/internal/engine/flight/fairness.test.ts"
  },
  {
    name: "refreshes start before answers",
    in: "next",
    find: "endNext(self) || startNext(self)",
    replace: "startNext(self) || endNext(self)",
    by: "test/internal/engine/flight/fairness.test.ts"
  },
  {
    name: "a due read waits for the synchronous part of its refresh",
    in: "takeSlots",
    find: "startLater(self, flight, dispatcher)",
    replace: "self.work.start(self, flight)",
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
    name: "a refresh leaves a key that was set meanwhile to another process",
    in: "leaveToOthers",
    find: "if (flight.storable) holdOff",
    replace: "holdOff",
    by: "test/promises/changesBetweenSteps.test.ts"
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
    name: "the next try of a batch is an attempt of its first key alone",
    in: "again",
    find: "flight && countFrom",
    replace: "flight === first && countFrom",
    by: "test/cached/loadsThatHang.test.ts"
  },
  {
    name: "a caller that has left waits for the load in place of the one that gave way",
    in: "moveToCurrent",
    find: "!flight.abandoned && ",
    replace: "",
    by: "test/cached/loadsThatHang.test.ts"
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
    name: "an entry that came with the lease is believed whatever was reported meanwhile",
    in: "isWhole",
    find: "!changedWhileAsked && ",
    replace: "",
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
    name: "a load that waits for a lease asks as often as at first",
    in: "nextOf",
    find: "Math.min(waited / 4, leasePoll.longestMillis)",
    replace: "0",
    by: "test/internal/engine/lease/waiting.test.ts"
  },
  {
    name: "thousands that wait for leases ask as often as one",
    in: "nextOf",
    find: "leaseWaits.waiting.size / leasePoll.ofMilli",
    replace: "0",
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
    name: "a refresh that somebody joins stays in the queue while listeners are called",
    in: "promote",
    find: "self.refreshing.queue.delete(unit)\n  return Array.from(unit.flights)",
    replace: "return unit.flights",
    by: "test/internal/engine/withinOneStep.test.ts"
  },
  {
    name: "the name of a write is drawn from the caller's Random",
    in: "entryOf",
    find: "self.tokens.next(16)",
    replace: "String(Context.get(flight.starter.context, Random.Random).nextDoubleUnsafe())",
    by: "test/internal/token.test.ts"
  },
  {
    name: "strict callers do not wait for the write either",
    in: "isBehind",
    find: "!policy.strict && ",
    replace: "",
    by: "test/cached/waitForWrite.test.ts"
  },
  {
    name: "a load that waits for no other keeps its lease when it has failed",
    in: "acquireLeases",
    find: "const hasLease = isExclusive || store.capabilities.shared",
    replace: "const hasLease = isExclusive",
    by: "test/cached/waitForOthers.test.ts"
  },
  {
    name: "a load alone waits for a wave",
    in: "isCrowded",
    find: "!TurnLimit.tryEnter(linesOf(self, tier).alone)",
    replace: "true",
    by: "test/cached/loadsOfOneTurn.test.ts"
  },
  {
    name: "a read that asks the store while a refresh runs, and then loads, has two budgets",
    in: "askThenJoin",
    find: "storeMillis: Math.max(0, budget.leftMillis)",
    replace: "storeMillis: undefined",
    by: "test/promises/P4.test.ts"
  },
  {
    name: "time in the line counts for single loads",
    in: "sendWave",
    find: "Math.max(most, one.budget.leftMillis)",
    replace: "Math.max(most, one.budget.leftMillis - (sentAt - one.since))",
    by: "test/cached/loadsOfOneTurn.test.ts"
  },
  {
    name: "on a cluster a wave fails as a whole if one server is down",
    in: "askForAll",
    find: "tier.store.capabilities.sharded !== true",
    replace: "tier.store.capabilities.shared === true",
    by: "test/cached/loadsOfOneTurn.test.ts"
  },
  {
    name: "a wave's answer that another process loads is asked for once more",
    in: "acquireLease",
    find: "takeAnswer(flight) ?? (",
    replace: "(",
    by: "test/cached/bulkOverStore.test.ts"
  },
  {
    name: "what ends with its parts is not shortened by a shorter constant",
    in: "entryOf",
    find: "(life?.createdAt ?? now) === now",
    replace: "life === undefined",
    by: "test/cached/readersWithOtherConstants.test.ts"
  },
  {
    name: "an answer that was not asked for is as young as the turn that keeps it",
    in: "flightOf",
    find: "own.attempt.endedAt = attempt.endedAt ?? now",
    replace: "",
    by: "test/cached/bulk.test.ts"
  },
  {
    name: "a load that has waited is as old as the question for it",
    in: "start",
    find: "flight.bornAt = TagEpochs.epochNow(self.tagEpochs)",
    replace: "",
    by: "test/cached/queuedLoads.test.ts"
  },
  {
    name: "memory keeps what was loaded while a value was set",
    in: "afterWrite",
    find: "if (!Pending.isPending(self.storeTier!.pending, entry.id)) dropOthers(self, entry)",
    replace: "",
    by: "test/cached/operations.test.ts"
  },
  {
    name: "a lease that never ends is believed for as long as ten loads may take",
    in: "joinOf",
    find: "now - heldSince >= longestMillis",
    replace: "now - heldSince >= 10 * longestMillis",
    by: "test/internal/engine/lease/waiting.test.ts"
  },
  {
    name: "a far store is asked for the entry first",
    in: "throughStore",
    find: "if (flight.readsStore && !isOneQuestion) {",
    replace: "if (flight.readsStore) {",
    by: "test/cached/readsOverFarStores.test.ts"
  },
  {
    name: "loads of one turn over a far store have no waves",
    in: "throughStore",
    find: " && !isCrowd\n",
    replace: "\n",
    by: "test/cached/readsOverFarStores.test.ts"
  },
  {
    name: "a full store that is far serves no entries",
    in: "acquireLease",
    find: "(yield* lookUp) ?? failWith(answer)",
    replace: "failWith(answer)",
    by: "test/cached/readsOverFarStores.test.ts"
  },
  {
    name: "callers wait for the write of a far store",
    in: "waitsByDefault",
    find: "!isFar(storeTier!)",
    replace: "storeTier !== undefined",
    by: "test/cached/readsOverFarStores.test.ts"
  },
  {
    name: "each wave of a bulk call reads the markers of the class",
    in: "readMarkers",
    find: "self.known = tags",
    replace: "self.known = undefined",
    by: "test/cached/requestCounts.test.ts"
  },
  {
    name: "a bulk call stores results with markers from before an invalidation",
    in: "tagsOf",
    find: "!TagEpochs.movedSince(engine.tagEpochs, names, known.bornAt)",
    replace: "names.length < Infinity",
    by: "test/cached/requestCounts.test.ts"
  },
  {
    name: "single reads of one turn each ask for their entry",
    in: "throughStore",
    find: "isCrowd && canShare ?",
    replace: "isCrowd && !canShare ?",
    by: "test/cached/requestCounts.test.ts"
  },
  {
    name: "the next run of a stream is that of a consumer that may not write",
    in: "mayStart",
    find: "caller.policy.writes && ",
    replace: "",
    by: "test/cached/loadsThatHang.test.ts"
  },
  {
    name: "patience is not twice the usual time",
    in: "patienceFor",
    find: "Math.max(millis, 2 * usualMillis(self, flight))",
    replace: "millis",
    by: "test/cached/loadsThatHang.test.ts"
  },
  {
    name: "patience does not double",
    in: "patienceFor",
    find: "least * 2 ** restarts",
    replace: "least",
    by: "test/cached/loadsThatHang.test.ts"
  },
  {
    name: "the usual time of an id is that of its last load",
    in: "lowered",
    find: "peak * 0.9",
    replace: "0 * peak",
    by: "test/cached/loadsThatHang.test.ts"
  },
  {
    name: "a run of a stream ages while it has elements",
    in: "waitForOrigin",
    find: "flight.attempt.aliveAt = waits ? monotonicMillis(clock) : Infinity",
    replace: "flight.attempt.aliveAt = waits && clock === undefined ? 0 : flight.attempt.aliveAt",
    by: "test/cached/loadsThatHang.test.ts"
  },
  {
    name: "callers of a load that gives way while the cache closes are interrupted",
    in: "end",
    find: "if (gaveWay && self.closed)",
    replace: "if (gaveWay && !self.closed)",
    by: "test/cached/loadsThatHang.test.ts"
  }
]
