/** Deliberate faults of flights, their loads and their leases. */
import { foundBy, type UnitFault } from "../fault.ts"

export const faults: ReadonlyArray<UnitFault> = [
  ...foundBy("test/cached/readsThatShareQuestions.test.ts", [
    [
      "a caller that cannot use what its flight has found asks the store for it again",
      "foundOrRetry",
      "return isKnown ? loadInstead(caller, request, found) : request",
      "return isKnown && found.entry.id === \"\" ? loadInstead(caller, request, found) : request"
    ]
  ]),
  ...foundBy("test/cached/bulk.test.ts", [
    [
      "a closed cache forgets the stubs that a clear has detached",
      "makeIndex",
      "for (const call of calls) call.isDetached = true",
      "for (const call of calls) call.isDetached = true\n      calls.clear()"
    ],
    ["an invalidation does not find a stub's flight", "add", "stub.isOpen = true", "stub.isOpen = id.length === 0"],
    ["a stub replaces an entry of another load", "add", "engine.flights.has(id, self) ||", ""],
    [
      "a stub's result is as young as its end",
      "end",
      "scratch.bornAt = stub.bornAt",
      "scratch.bornAt = engine.tagEpochs.epoch"
    ],
    ["a stub's flight forgets its call", "replaceStub", "member.call = call", ""],
    ["a call that loads a circle through a stub is not found", "replaceStub", "flight.attempt.waitsOn = call.edges", ""]
  ]),
  ...foundBy("test/cached/bulkOverStore.test.ts", [
    [
      "a result of a bulk call is as old as the turn in which it is stored",
      "toEntry",
      "flight.attempt.endedAt ?? now",
      "now"
    ],
    [
      "a wave's answer that another process loads is asked for once more",
      "acquireLease",
      "takeAnswer(flight) ?? (",
      "("
    ]
  ]),
  ...foundBy("test/internal/engine/lease/needEachOther.test.ts", [
    [
      "loads that can no longer be joined are in no circle",
      "holdersOf",
      "of running.all()",
      "of running.all().filter((one) => one.engine.flights.get(one.id) === one)"
    ]
  ]),
  ...foundBy("test/cached/privateFlights.test.ts", [
    [
      "a private load is stored although its key was invalidated meanwhile",
      "complete",
      "flight.storable = isStorable(self, flight)",
      ""
    ],
    [
      "what a private reader does waits for the turn of another",
      "work",
      "self.isPrivate ? Infinity : jobsOfTurn",
      "jobsOfTurn"
    ]
  ]),
  ...foundBy("test/internal/engine/flight/fairness.test.ts", [
    [
      "the work loop has no budget",
      "work",
      "while (left > 0 && job(self)) left--",
      "while (left !== Infinity && job(self)) left--",
      { sought: "always" }
    ]
  ]),
  ...foundBy("test/internal/engine/flight/refreshQueue.test.ts", [
    ["what was asked for first is refreshed first", "newestOf", "newest = unit", "newest ??= unit"]
  ]),
  ...foundBy("test/internal/engine/request/attempt.test.ts", [
    ["a flight keeps its parent", "letGo", "flight.parent = undefined", ""],
    ["a flight keeps the context of its starter", "letGo", "flight.starter = noContext", ""],
    ["a second try inherits from the first", "again", "nextAttempt(first, now)", "first.attempt"]
  ]),
  ...foundBy("test/internal/engine/lease/waiting.test.ts", [
    [
      "each load that waits for a lease asks alone",
      "askWave",
      "all: store.acquire",
      "all: (requests) => Effect.map(Effect.forEach(requests, (one) => store.acquire([one])), (all) => all.flat())"
    ],
    ["an entry that came with the lease is read once more", "useHit", "isWhole(flight, hit, declared)", "false"],
    [
      "thousands that wait for leases ask in one request",
      "askAll",
      "askInWaves(",
      "((all: any, budget: any, send: any) => send(all, budget, 0, Effect.void))("
    ],
    [
      "an entry that came with the lease is believed whatever the versions of its tags",
      "askWave",
      "versions: asked.versions",
      "versions: answers.flatMap((one) => one._tag === \"Hit\" ? one.entry.meta.tags.map(({ version }) => version) : [])"
    ]
  ]),
  ...foundBy("test/internal/token.test.ts", [
    [
      "the name of a write is drawn from the caller's Random",
      "entryOf",
      "self.tokens.next(16)",
      "String(Context.get(flight.starter.context, Random.Random).nextDoubleUnsafe())"
    ]
  ]),
  ...foundBy("test/promises/P4.test.ts", [
    [
      "a read that asks the store while a refresh runs, and then loads, has two budgets",
      "askThenJoin",
      "storeMillis: Math.max(0, budget.leftMillis)",
      "storeMillis: undefined"
    ]
  ]),
  ...foundBy("test/cached/queuedLoads.test.ts", [
    [
      "a load that has waited is as old as the question for it",
      "start",
      "flight.bornAt = TagEpochs.epochNow(self.tagEpochs)",
      ""
    ]
  ]),
  ...foundBy("test/cached/requestCounts.test.ts", [
    [
      "each wave of a bulk call reads the markers of the class",
      "readMarkers",
      "self.known = tags",
      "self.known = undefined"
    ]
  ])
]
