/** Deliberate faults of the public functions, telemetry and what tests of users use. */
import type { UnitFault } from "../fault.ts"

export const faults: ReadonlyArray<UnitFault> = [
  {
    name: "a Response in memory is a value like any other",
    in: "readOnce",
    find: "if (\"bodyUsed\" in value) return inTheLoad(\"a Response or Request\")",
    replace: "",
    by: "test/cached/warningsOfUnfitValues.test.ts"
  },
  {
    name: "an async callback of onRemoval rejects and is not counted",
    in: "awaited",
    find: "given instanceof Promise",
    replace: "given === undefined",
    by: "test/cached/removalListeners.test.ts"
  },
  {
    name: "a look-up that finds nothing is no event",
    in: "lookupMany",
    find: "emitOf(self, key, idOf(key), { _tag: \"Miss\" })",
    replace: "undefined",
    by: "test/cached/events.test.ts"
  },
  {
    name: "what is named twice is removed twice",
    in: "removeMany",
    find: "ids.values())",
    replace: "Array.from(keys as Iterable<AnyKey>, idOf))",
    by: "test/cached/bulk.test.ts"
  },
  {
    name: "what is set twice in one call has the value that was stored last",
    in: "setMany",
    find: "pairs.set(idOf(key), ",
    replace: "pairs.set(entry as never, ",
    by: "test/cached/bulk.test.ts"
  },
  {
    name: "results of a call are stored after a clear",
    in: "makeIndex",
    find: "for (const call of calls) call.isDetached = true",
    replace: "",
    by: "test/cached/bulk.test.ts"
  },
  {
    name: "loads of a warmed list that end at once have one turn",
    in: "warm",
    find: "Effect.andThen(TurnLimit.pass(limit), failuresOf(self, part))",
    replace: "failuresOf(self, part)",
    by: "test/cached/invalidateMany.test.ts"
  },
  {
    name: "one generation guards the results of a whole wave",
    in: "commitAll",
    find: "requests = commits.map(({ entry, generation, id }) => ({ id, generation, entry }))",
    replace: "requests = commits.map(({ entry, id }) => ({ id, generation: commits[0]!.generation, entry }))",
    by: "test/cached/bulkOverStore.test.ts"
  },
  {
    name: "a flight asks again for the lease for which its wave has asked",
    in: "acquireLease",
    find: "takeAnswer(flight)",
    replace: "undefined",
    by: "test/cached/bulkOverStore.test.ts"
  },
  {
    name: "the lifetime of values that are set together begins with their wave",
    in: "setMany",
    find: "const endsAt = monotonicMillis(clock) + options.ttlMillis",
    replace: "",
    also: [{
      in: "setMany",
      find: "ttlMillis: endsAt - monotonicMillis(clock)",
      replace: "ttlMillis: options.ttlMillis"
    }],
    by: "test/cached/bulkOverStore.test.ts"
  },
  {
    name: "each step of a single wave has a budget of its own",
    in: "budgetOf",
    find: "whole ?? {",
    replace: "{",
    by: "test/cached/bulkOverStore.test.ts"
  },
  {
    name: "a target that fails under strict interrupts the invalidation of the others",
    in: "invalidateTargets",
    find: "Effect.flatMap(Effect.forEach(parts, Effect.exit, { concurrency: \"unbounded\" }), Exit.asVoidAll)",
    replace: "Effect.all(parts, { concurrency: \"unbounded\", discard: true })",
    by: "test/cached/invalidateMany.test.ts"
  },
  {
    name: "the leases of a bulk call over a distant store are renewed one wave after the other",
    in: "renewing",
    find: "forEachWave(renewed, renewAll)",
    replace:
      "Effect.forEach(Array.from({ length: Math.ceil(renewed.length / 256) }, (_, i) => renewed.slice(256 * i, 256 * i + 256)), renewAll)",
    by: "test/cached/bulkOverSlowStore.test.ts"
  },
  {
    name: "a renewal forgets the last wave",
    in: "renewing",
    find: "forEachWave(renewed, renewAll)",
    replace: "forEachWave(renewed.slice(0, -1), renewAll)",
    by: "test/cached/bulkOverStore.test.ts"
  },
  {
    name: "leases whose renewal has failed once are not renewed again",
    in: "renewing",
    find: "if (isFault(answer)) return",
    replace: "if (isFault(answer)) return one instanceof Renewed ? one.end() : void (one.generation = undefined)",
    by: "test/cached/bulkOverSlowStore.test.ts"
  },
  {
    name: "entries of a bulk call whose tags could not be read count as invalidated",
    in: "reviveAll",
    find: "if (isFault(versions)) return yield* orOwn(tier, ids, isGone, versions)",
    replace: "",
    by: "test/cached/bulkOverSlowStore.test.ts"
  },
  {
    name: "a lease that is granted after its reader has left stays",
    in: "acquireLeases",
    find: "return void late.push(flight.id)",
    replace: "return",
    by: "test/cached/bulkOverStore.test.ts"
  },
  {
    name: "one generation guards the results of all stubs of a wave",
    in: "acquireLeases",
    find: "member.generation = granted.generation",
    replace: "member.generation = (answers[0] as unknown as typeof granted).generation",
    by: "test/cached/bulkOverStore.test.ts"
  },
  {
    name: "a stub's flight forgets what the store has granted",
    in: "handOver",
    find: "flight.waveAnswer = grantOf({ generation, seq: lease.seq }, lease.markersOf(flight.request))",
    replace: "",
    by: "test/cached/bulkOverStore.test.ts"
  },
  {
    name: "a renewal forgets the stubs",
    in: "renewing",
    find: "one.isHeldAt(now) : isStubHeld(one, now)",
    replace: "one.isHeldAt(now) : false",
    by: "test/cached/bulkOverStore.test.ts"
  },
  {
    name: "results that changes may have been missed for enter memory",
    in: "makeIndex",
    find: "for (const call of calls) call.changedAt = call.engine.mutations",
    replace: "",
    by: "test/cached/bulkOverStore.test.ts"
  },
  {
    name: "a wave of values is sent over what was invalidated meanwhile",
    in: "currentOf",
    find: "return isCurrent",
    replace: "return true",
    by: "test/cached/setMany.test.ts"
  },
  {
    name: "a stream of payloads is read in one call",
    in: "transform",
    find: "Stream.grouped(payloads, chunk)",
    replace: "Stream.grouped(payloads, 1_000_000_000)",
    by: "test/processes/transformInSmallHeap.test.ts"
  },
  {
    name: "a simulation tells policies of no hit",
    in: "run",
    find: "return state.read(known)",
    replace: "return",
    by: "test/testing/simulate.test.ts"
  },
  {
    name: "a simulation draws its own dice",
    in: "run",
    find: "const { word } = Tokens.make(() => Uint32Array.of(1, seed, 2, 3))",
    replace: "const word = () => Math.random() * 2 ** 32",
    by: "test/testing/simulate.test.ts"
  },
  {
    name: "all caches hash with one seed",
    in: "make",
    find: "seed: tokens.word",
    replace: "seed: () => 7",
    by: "test/internal/eviction/worstCases.test.ts"
  },
  {
    name: "the outbox warns of its own end",
    in: "outbox",
    find: "Cause.hasInterruptsOnly(cause)",
    replace: "Cause.hasInterruptsOnly(cause) && Cause.hasFails(cause)",
    by: "test/transaction/withSql.test.ts"
  },
  {
    name: "a detector that asks for no values gets them",
    in: "detect",
    find: "detector.values",
    replace: "true",
    by: "test/cached/valuesOfReadsAndEvents.test.ts"
  },
  {
    name: "the stack of a mistake leads nowhere",
    in: "dual",
    find: "mistakeIn(called, key, options)",
    replace: "undefined",
    by: "test/cached/messages.test.ts"
  },
  {
    name: "a class that is used again after another has come is not noticed",
    in: "meetClass",
    find: "before.metBy = unknown",
    replace: "",
    by: "test/cached/classesWithSameIds.test.ts"
  },
  {
    name: "an invalidation by pattern fails the write that it follows",
    in: "searched",
    find: "if (strict) return strictly(error)",
    replace: "return strictly(error)",
    by: "test/cached/invalidateAfter.test.ts"
  },
  {
    name: "Retry-After is too early",
    in: "headerOf",
    find: "Math.ceil(millis / 1000)",
    replace: "Math.floor(millis / 1000)",
    by: "test/guard/limits.test.ts"
  },
  {
    name: "updates of one key do not wait for each other",
    in: "inTurn",
    find: "const taken = Scope.provide(turns.semaphore.takeScoped(1), turn)",
    replace: "const taken = Scope.provide(Effect.void, turn)",
    by: "test/cached/update.test.ts"
  },
  {
    name: "an update waits for what waits for it",
    in: "answerOf",
    find: "Effect.sleep(bounds.turnMillis)",
    replace: "Effect.never",
    by: "test/cached/update.test.ts"
  },
  {
    name: "an id whose place in the history was overwritten was never seen",
    in: "makeSlots",
    find: "isOverwritten[set] = 1",
    replace: "",
    by: "test/explain/explanation.test.ts"
  },
  {
    name: "log lines quote a store's own error, which names an id that the layer hides",
    in: "hiding",
    find: "why ? message.replace(",
    replace: "why === \"\" ? message.replace(",
    by: "test/layers/withTelemetry.test.ts"
  },
  {
    name: "a soft invalidation of an id by the command changes a later write",
    in: "soften",
    find: "IfUnchanged",
    replace: "IfPresent",
    by: "test/cli/invalidate.test.ts"
  },
  {
    name: "a look into a database gives up at once while another program has locked it",
    in: "open",
    find: "Operations.attempt(operation, retrying, run)",
    replace: "Operations.attempt(operation, { ...retrying, millis: 0 }, run)",
    by: "test/drivers/sqlite/SqliteStore.test.ts"
  },
  {
    name: "Cached.has of a key of streams over tables dies",
    in: "has",
    find: "defect instanceof CacheConfigError ? Effect.succeed(false) : ",
    replace: "",
    by: "test/serializers/tableStreams.test.ts"
  }
]
