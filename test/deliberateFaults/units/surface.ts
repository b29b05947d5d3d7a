/** Deliberate faults of the public functions, telemetry and what tests of users use. */
import { foundBy, type UnitFault } from "../fault.ts"

export const faults: ReadonlyArray<UnitFault> = [
  ...foundBy("test/cached/removalListeners.test.ts", [
    [
      "an async callback of onRemoval rejects and is not counted",
      "awaited",
      "given instanceof Promise",
      "given === undefined"
    ]
  ]),
  ...foundBy("test/cached/events.test.ts", [
    [
      "a look-up that finds nothing is no event",
      "lookupMany",
      "emitOf(self, key, idOf(key), { _tag: \"Miss\" })",
      "undefined"
    ]
  ]),
  ...foundBy("test/cached/bulk.test.ts", [
    [
      "what is named twice is removed twice",
      "removeMany",
      "ids.values())",
      "Array.from(keys as Iterable<AnyKey>, idOf))"
    ],
    [
      "what is set twice in one call has the value that was stored last",
      "setMany",
      "pairs.set(idOf(key), ",
      "pairs.set(entry as never, "
    ],
    ["results of a call are stored after a clear", "makeIndex", "for (const call of calls) call.isDetached = true", ""]
  ]),
  ...foundBy("test/cached/invalidateMany.test.ts", [
    [
      "loads of a warmed list that end at once have one turn",
      "warm",
      "Effect.andThen(TurnLimit.pass(limit), failuresOf(self, part))",
      "failuresOf(self, part)"
    ],
    [
      "a target that fails under strict interrupts the invalidation of the others",
      "invalidateTargets",
      "Effect.flatMap(Effect.forEach(parts, Effect.exit, { concurrency: \"unbounded\" }), Exit.asVoidAll)",
      "Effect.all(parts, { concurrency: \"unbounded\", discard: true })"
    ]
  ]),
  ...foundBy("test/cached/bulkOverStore.test.ts", [
    [
      "one generation guards the results of a whole wave",
      "commitAll",
      "requests = commits.map(({ entry, generation, id }) => ({ id, generation, entry }))",
      "requests = commits.map(({ entry, id }) => ({ id, generation: commits[0]!.generation, entry }))"
    ],
    [
      "a flight asks again for the lease for which its wave has asked",
      "acquireLease",
      "takeAnswer(flight)",
      "undefined"
    ],
    [
      "the lifetime of values that are set together begins with their wave",
      "setMany",
      "const endsAt = monotonicMillis(clock) + options.ttlMillis",
      "",
      {
        also: [{
          in: "setMany",
          find: "ttlMillis: endsAt - monotonicMillis(clock)",
          replace: "ttlMillis: options.ttlMillis"
        }]
      }
    ],
    ["each step of a single wave has a budget of its own", "budgetOf", "whole ?? {", "{"],
    [
      "a renewal forgets the last wave",
      "renewing",
      "forEachWave(renewed, renewAll)",
      "forEachWave(renewed.slice(0, -1), renewAll)"
    ],
    [
      "a lease that is granted after its reader has left stays",
      "acquireLeases",
      "return void late.push(flight.id)",
      "return"
    ],
    [
      "one generation guards the results of all stubs of a wave",
      "acquireLeases",
      "member.generation = granted.generation",
      "member.generation = (answers[0] as unknown as typeof granted).generation"
    ],
    [
      "a stub's flight forgets what the store has granted",
      "handOver",
      "flight.waveAnswer = grantOf({ generation, seq: lease.seq }, lease.markersOf(flight.request))",
      ""
    ],
    ["a renewal forgets the stubs", "renewing", "one.isHeldAt(now) : isStubHeld(one, now)", "one.isHeldAt(now) : false"]
  ]),
  ...foundBy("test/cached/bulkOverSlowStore.test.ts", [
    [
      "the leases of a bulk call over a distant store are renewed one wave after the other",
      "renewing",
      "forEachWave(renewed, renewAll)",
      "Effect.forEach(Array.from({ length: Math.ceil(renewed.length / 256) }, (_, i) => renewed.slice(256 * i, 256 * i + 256)), renewAll)"
    ],
    [
      "leases whose renewal has failed once are not renewed again",
      "renewing",
      "if (isFault(answer)) return",
      "if (isFault(answer)) return one instanceof Renewed ? one.end() : void (one.generation = undefined)"
    ]
  ]),
  ...foundBy("test/cached/setMany.test.ts", [
    ["a wave of values is sent over what was invalidated meanwhile", "currentOf", "return isCurrent", "return true"]
  ]),
  ...foundBy("test/processes/transformInSmallHeap.test.ts", [
    [
      "a stream of payloads is read in one call",
      "transform",
      "Stream.grouped(payloads, chunk)",
      "Stream.grouped(payloads, 1_000_000_000)"
    ]
  ]),
  ...foundBy("test/testing/simulate.test.ts", [
    ["a simulation tells policies of no hit", "run", "return state.read(known)", "return"],
    [
      "a simulation draws its own dice",
      "run",
      "const { word } = Tokens.make(() => Uint32Array.of(1, seed, 2, 3))",
      "const word = () => Math.random() * 2 ** 32"
    ]
  ]),
  ...foundBy("test/internal/eviction/worstCases.test.ts", [
    ["all caches hash with one seed", "make", "seed: tokens.word", "seed: () => 7"]
  ]),
  ...foundBy("test/transaction/withSql.test.ts", [
    [
      "the outbox warns of its own end",
      "outbox",
      "Cause.hasInterruptsOnly(cause)",
      "Cause.hasInterruptsOnly(cause) && Cause.hasFails(cause)"
    ]
  ]),
  ...foundBy("test/cached/valuesOfReadsAndEvents.test.ts", [
    ["a detector that asks for no values gets them", "detect", "detector.values", "true"]
  ]),
  ...foundBy("test/cached/messages.test.ts", [
    ["the stack of a mistake leads nowhere", "dual", "mistakeIn(called, key, options)", "undefined"]
  ]),
  ...foundBy("test/cached/classesWithSameIds.test.ts", [
    ["a class that is used again after another has come is not noticed", "meetClass", "before.metBy = unknown", ""]
  ]),
  ...foundBy("test/guard/limits.test.ts", [
    ["Retry-After is too early", "headerOf", "Math.ceil(millis / 1000)", "Math.floor(millis / 1000)"]
  ]),
  ...foundBy("test/cached/update.test.ts", [
    [
      "updates of one key do not wait for each other",
      "inTurn",
      "const taken = Scope.provide(turns.semaphore.takeScoped(1), turn)",
      "const taken = Scope.provide(Effect.void, turn)"
    ],
    ["an update waits for what waits for it", "answerOf", "Effect.sleep(bounds.turnMillis)", "Effect.never"]
  ]),
  ...foundBy("test/explain/explanation.test.ts", [
    ["an id whose place in the history was overwritten was never seen", "makeSlots", "isOverwritten[set] = 1", ""]
  ]),
  ...foundBy("test/layers/withTelemetry.test.ts", [
    [
      "log lines quote a store's own error, which names an id that the layer hides",
      "hiding",
      "why ? message.replace(",
      "why === \"\" ? message.replace("
    ]
  ]),
  ...foundBy("test/cli/invalidate.test.ts", [
    ["a soft invalidation of an id by the command changes a later write", "soften", "IfUnchanged", "IfPresent"]
  ]),
  ...foundBy("test/drivers/sqlite/SqliteStore.test.ts", [
    [
      "a look into a database gives up at once while another program has locked it",
      "open",
      "Operations.attempt(operation, retrying, run)",
      "Operations.attempt(operation, { ...retrying, millis: 0 }, run)"
    ]
  ]),
  ...foundBy("test/serializers/tableStreams.test.ts", [
    [
      "Cached.has of a key of streams over tables dies",
      "has",
      "defect instanceof CacheConfigError ? Effect.succeed(false) : ",
      ""
    ]
  ])
]
