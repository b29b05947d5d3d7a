/** Deliberate faults of the public functions, telemetry and what tests of users use. */
import type { UnitFault } from "../fault.ts"

export const faults: ReadonlyArray<UnitFault> = [
  {
    name: "a service of the same name around a named cache is not seen",
    in: "meet",
    find: "(around && services.get(around))",
    replace: "undefined",
    by: "test/layers/named.test.ts"
  },
  {
    name: "a Response in memory is a value like any other",
    in: "readOnce",
    find: "if (\"bodyUsed\" in value) return inTheLoad(\"a Response or Request\")",
    replace: "",
    by: "test/cached/warningsOfUnfitValues.test.ts"
  },
  {
    name: "a failure of a key class without `error` stays in memory without a warning",
    in: "encodeNoting",
    find: "warnOfFailure(tier, key, entry)",
    replace: "",
    by: "test/cached/warningsOfUnfitValues.test.ts"
  },
  {
    name: "a failure of a string key that stays in memory is warned of",
    in: "warnOfFailure",
    find: "if (name === undefined && isKept) return",
    replace: "",
    by: "test/cached/warningsOfUnfitValues.test.ts"
  },
  {
    name: "a callback of onRemoval that fails is not counted",
    in: "handleAll",
    find: "caching.perform(Operations.noteCallbackFailure)",
    replace: "",
    by: "test/cached/removalListeners.test.ts"
  },
  {
    name: "a callback of onRemoval that fails for each key is a warning for each",
    in: "onRemoval",
    find: "placeOf(Cause.squash(cause))",
    replace: "id",
    by: "test/cached/warningsOncePerCause.test.ts"
  },
  {
    name: "an async callback of onRemoval rejects and is not counted",
    in: "awaited",
    find: "given instanceof Promise",
    replace: "given === undefined",
    by: "test/cached/removalListeners.test.ts"
  },
  {
    name: "entries whose markers have given way are taken for those of an earlier process",
    in: "lookFor",
    find: "!table.isWhole()",
    replace: "false",
    by: "test/lastingStorage.test.ts"
  },
  {
    name: "a mistake behind many string keys is warned of for each of them",
    in: "topicOf",
    find: "`~${cause}`",
    replace: "String(Math.random())",
    by: "test/cached/warningsOncePerCause.test.ts"
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
    name: "a failure after a clear takes the place of a newer load",
    in: "board",
    find: "if (self.isDetached) flight.storable = false\n  else engine.flights.set(flight)",
    replace: "engine.flights.set(flight)",
    by: "test/cached/bulk.test.ts"
  },
  {
    name: "a pattern does not find the keys of a call",
    in: "ticketIds",
    find: "if (isOpen) yield id",
    replace: "if (!isOpen) yield id",
    by: "test/cached/bulk.test.ts"
  },
  {
    name: "a call continues although its last reader has left",
    in: "leaveTickets",
    find: "if (call !== undefined) call.waiting--",
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
    name: "a wave puts a refused result into memory",
    in: "store",
    find: "committed(commit.flight, commit, accepted[i]!)",
    replace: "committed(commit.flight, commit, true)",
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
    name: "a result that waits for its wave is lost when its reader leaves",
    in: "beginCall",
    find: "loadEnded(flight)",
    replace: "",
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
    name: "a renewal that hangs lasts until the leases of other waves have ended",
    in: "renewalMillis",
    find: "Math.min(leaseMillis, Math.max(leaseMillis / 3, budgetMillis))",
    replace: "budgetMillis === 0 ? 0 : leaseMillis",
    by: "test/cached/bulkOverSlowStore.test.ts"
  },
  {
    name: "the pause after a renewal that hung is as long as others",
    in: "renewalPauseMillis",
    find: "Math.max(leaseMillis / 6, leaseMillis / 3 - tookMillis)",
    replace: "tookMillis < 0 ? 0 : leaseMillis / 3",
    by: "test/cached/bulkOverSlowStore.test.ts"
  },
  {
    name: "a lease of one load ends with a renewal that hangs",
    in: "renewing",
    find: "{ leftMillis: renewalMillis(leaseMillis, budgetMillis) }",
    replace: "{ leftMillis: leaseMillis }",
    by: "test/cached/waitForOthers.test.ts"
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
    name: "a strict look-up of many keys does not fail for a later wave",
    in: "completeWave",
    find: "if (fault !== undefined) yield* orFault(fault)",
    replace: "if (fault !== undefined && places[0] === 0) yield* orFault(fault)",
    by: "test/cached/bulkOverSlowStore.test.ts"
  },
  {
    name: "a wave whose markers could not be read keeps the others from being stored",
    in: "askWave",
    find: "noteTimeout(self, answer)",
    replace: "if (isFault(answer)) self.isTooSlow = true",
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
    name: "a lease that is granted to a ticket after its reader has left stays",
    in: "acquireLeases",
    find: "return void late.push(seat.id)",
    replace: "return",
    by: "test/cached/bulkOverStore.test.ts"
  },
  {
    name: "one generation guards the results of all tickets of a wave",
    in: "acquireLeases",
    find: "seat.generation = granted.generation",
    replace: "seat.generation = (answers[0] as unknown as typeof granted).generation",
    by: "test/cached/bulkOverStore.test.ts"
  },
  {
    name: "a ticket's lease is lost when it becomes a flight",
    in: "board",
    find: "self.renewed.push(renewal)",
    replace: "flight.lease = undefined",
    by: "test/cached/bulkOverStore.test.ts"
  },
  {
    name: "a ticket's flight forgets what the store has granted",
    in: "board",
    find: "flight.waveAnswer = grantOf({ generation, seq: lease.seq }, lease.markersOf(flight.request))",
    replace: "",
    by: "test/cached/bulkOverStore.test.ts"
  },
  {
    name: "a clear keeps the leases of tickets",
    in: "makeIndex",
    find: "batch.giveBack(tickets.values())",
    replace: "void [batch, tickets]",
    by: "test/cached/bulkOverStore.test.ts"
  },
  {
    name: "a renewal forgets the tickets",
    in: "renewing",
    find: "one.isHeldAt(now) : isTicketHeld(one, now)",
    replace: "one.isHeldAt(now) : false",
    by: "test/cached/bulkOverStore.test.ts"
  },
  {
    name: "a circle of loads does not lead through the tickets of a call",
    in: "holdersOf",
    find: "flights.tickets?.boardWaiting(circles.loads)",
    replace: "",
    by: "test/cached/bulkOverStore.test.ts"
  },
  {
    name: "many changes at once do not concern tickets",
    in: "known",
    find: "yield isOpen && mayBe(id)",
    replace: "yield !isOpen && mayBe(id)",
    by: "test/cached/bulkOverStore.test.ts"
  },
  {
    name: "results of tickets are lost when their reader leaves",
    in: "leaveTickets",
    find: "|| call?.isStoring === true",
    replace: "",
    by: "test/cached/bulkOverStore.test.ts"
  },
  {
    name: "a bulk call whose reader has left reads a key again, which no caller waits for",
    in: "joinAll",
    find: "if (isLeft) return\n      if (Exit.isExit(effect))",
    replace: "if (Exit.isExit(effect))",
    by: "test/cached/tagsKnownAfterLoad.test.ts"
  },
  {
    name: "results that changes may have been missed for enter memory",
    in: "makeIndex",
    find: "else call.isOutdated = true",
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
    name: "a simulation keeps one entry more than there is room for",
    in: "run",
    find: "held.size <= capacity",
    replace: "held.size <= capacity + 1",
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
    name: "a savepoint's outbox is forgotten",
    in: "withSql",
    find: "entered.root.outbox ??= options.outbox",
    replace: "",
    by: "test/transaction/withSql.test.ts"
  },
  {
    name: "what is in an SQL transaction may be discarded without its rows",
    in: "rollback",
    find: "if (entered.root.bypasses) {",
    replace: "if (entered === null) {",
    by: "test/transaction/withSql.test.ts"
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
    name: "a listing of values pushes others out of memory",
    in: "valuesOf",
    find: "writes: false",
    replace: "writes: policy.writes",
    by: "test/cached/matching.test.ts"
  },
  {
    name: "the stack of a mistake leads nowhere",
    in: "dual",
    find: "mistakeIn(called, key, options)",
    replace: "undefined",
    by: "test/cached/messages.test.ts"
  },
  {
    name: "a listener is not isolated",
    in: "isolated",
    find: `try {
listener(told, also)
} catch`,
    replace: `listener(told, also)
try {
} catch`,
    by: "test/cached/events.test.ts"
  },
  {
    name: "a cached function has no options of reads",
    in: "unchecked",
    find: "=> true",
    replace: "=> false",
    by: "test/cached/functionsOverStringKeys.test.ts"
  },
  {
    name: "a class that is used again after another has come is not noticed",
    in: "meetClass",
    find: "before.metBy = unknown",
    replace: "",
    by: "test/cached/classesWithSameIds.test.ts"
  },
  {
    name: "a key that looks like a pattern is not warned of",
    in: "ofKey",
    find: `key.includes("*")`,
    replace: "false",
    by: "test/cached/invalidateAfter.test.ts"
  },
  {
    name: "an invalidation by pattern fails the write that it follows",
    in: "searched",
    find: "if (strict) return strictly(error)",
    replace: "return strictly(error)",
    by: "test/cached/invalidateAfter.test.ts"
  },
  {
    name: "requests of a transaction are answered with those around it",
    in: "groupsOf",
    find: ".flatMap((group) => split(group, openTransaction))",
    replace: "",
    by: "test/cached/sqlTransaction.test.ts"
  },
  {
    name: "closing does not wait for a write whose caller has continued",
    in: "close",
    find: "flight.callers.size === 0 && !flight.isBehind",
    replace: "flight.callers.size === 0",
    by: "test/cached/waitForWrite.test.ts"
  },
  {
    name: "Retry-After is too early",
    in: "headerOf",
    find: "Math.ceil(millis / 1000)",
    replace: "Math.floor(millis / 1000)",
    by: "test/guard/limits.test.ts"
  },
  {
    name: "an update that lost is not tried again",
    in: "updated",
    find: "if (yield* write(self, current, before, after)) return after",
    replace: "yield* write(self, current, before, after); return after",
    by: "test/cached/update.test.ts"
  },
  {
    name: "an update that lost is called with what memory has",
    in: "current",
    find: "tier === undefined || tries === 0",
    replace: "tier === undefined || tries >= 0",
    by: "test/cached/update.test.ts"
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
    name: "an update gives a value another end",
    in: "write",
    find: "!isNew && (options.keepTtl ?? options.ttl === undefined)",
    replace: "!isNew && options.keepTtl === true",
    by: "test/cached/update.test.ts"
  },
  {
    name: "an update loses the tags of a value",
    in: "write",
    find: "isNew ? undefined : ownTags(key, entry!.tags)",
    replace: "undefined",
    by: "test/cached/update.test.ts"
  },
  {
    name: "the span of a load does not say why its result was refused",
    in: "tellRefused",
    find: "if (trace !== undefined) trace.because = because",
    replace: "",
    by: "test/cached/tracing.test.ts"
  },
  {
    name: "a listener gets events that it has not named",
    in: "listen",
    find: "!kinds.has(_tag)",
    replace: "false",
    by: "test/cached/events.test.ts"
  },
  {
    name: "hits look for listeners although none wants them",
    in: "listen",
    find: "if (kinds?.has(\"Hit\") !== false)",
    replace: "",
    by: "test/cached/events.test.ts"
  },
  {
    name: "an invalidation in a transaction counts inside, and again at the commit",
    in: "insideOf",
    find: "countsInvalidations: false",
    replace: "countsInvalidations: true",
    by: "test/CacheMetrics.test.ts"
  },
  {
    name: "metrics have no load of a ticket",
    in: "end",
    find: "tellLoad(engine, pilot, exit, millis)",
    replace: "",
    by: "test/CacheMetrics.test.ts"
  },
  {
    name: "every key class has series of its own",
    in: "add",
    find: "byLabel.has(name) || byLabel.size <= maxClasses",
    replace: "byLabel.size >= 0",
    by: "test/CacheMetrics.test.ts"
  },
  {
    name: "series stay when their layer is gone",
    in: "measure",
    find: "series.remove()",
    replace: "",
    by: "test/CacheMetrics.test.ts"
  },
  {
    name: "an explanation knows nothing of memoryTtl",
    in: "planned",
    find: "tier === \"memory\" ? planInMemory : planOf",
    replace: "planOf",
    by: "test/explain/predictions.test.ts"
  },
  {
    name: "an explanation knows nothing of loads that hold up a refresh",
    in: "mayRefresh",
    find: "flight === undefined || (isAskingStore(flight) && \"perhaps\")",
    replace: "true",
    by: "test/explain/predictions.test.ts"
  },
  {
    name: "an explanation promises a refresh before the end of a pause",
    in: "mayRefresh",
    find: "isThrottled(engine, request, id, at)",
    replace: "false",
    by: "test/explain/predictions.test.ts"
  },
  {
    name: "an id whose place in the history was overwritten was never seen",
    in: "makeSlots",
    find: "isOverwritten[set] = 1",
    replace: "",
    by: "test/explain/explanation.test.ts"
  },
  {
    name: "an invalidation by another process counts as one by this process",
    in: "make",
    find: "bys[Number(engine.storeTier?.isElsewhere === true)]",
    replace: "bys[0]",
    by: "test/explain/explanation.test.ts"
  },
  {
    name: "the report of an own invalidation counts as one by another process",
    in: "make",
    find: "at - change.at < defaults.echoMillis",
    replace: "false",
    by: "test/explain/explanation.test.ts"
  },
  {
    name: "metrics miss the end of loads",
    in: "tellLoad",
    find: "self.meter?.loaded(flight, exit, millis)",
    replace: "",
    by: "test/CacheMetrics.test.ts"
  },
  {
    name: "a removal by another process is one by this process",
    in: "byWhom",
    find: "self.storeTier?.isElsewhere === true",
    replace: "false",
    by: "test/cached/events.test.ts"
  },
  {
    name: "a slow subscriber is not told how many events it lost",
    in: "takeAll",
    find: "missed === undefined ? inOrder",
    replace: "missed !== null ? inOrder",
    by: "test/cached/events.test.ts"
  },
  {
    name: "a slow subscriber gets what it did not lose in another order",
    in: "takeAll",
    find: "[...items.slice(first), ...items.slice(0, first)]",
    replace: "[...items.slice(0, first), ...items.slice(first)]",
    by: "test/cached/events.test.ts"
  },
  {
    name: "a bulk read adds an event to its span for each key",
    in: "tellSpan",
    find: "batch !== undefined || ",
    replace: "",
    by: "test/cached/tracing.test.ts"
  },
  {
    name: "the steps before a load have no spans",
    in: "traced",
    find: "trace.began?.(span)",
    replace: "",
    by: "test/cached/tracing.test.ts"
  },
  {
    name: "log lines and spans have ids that the layer hides",
    in: "annotationsOf",
    find: "if (disguise !== undefined) return disguise.annotationsOf(about)",
    replace: "",
    by: "test/layers/withTelemetry.test.ts"
  },
  {
    name: "a pipeline replaces or removes its input by its failures",
    in: "checkFailures",
    find: "resolve(file) === resolve(failures)",
    replace: "false",
    by: "test/pipeline/Pipeline.test.ts"
  },
  {
    name: "a draft of a killed process that had the same id stays",
    in: "isLeftHere",
    find: "pid === process.pid ? thread === threadId && !written.has(path) : ",
    replace: "",
    by: "test/pipeline/Pipeline.test.ts"
  },
  {
    name: "a pipeline removes the drafts of its own process",
    in: "isLeftHere",
    find: "!written.has(path)",
    replace: "true",
    by: "test/pipeline/Pipeline.test.ts"
  },
  {
    name: "a read that is traced twice has several spans",
    in: "traceReads",
    find: "if (policy.trace !== undefined) return self",
    replace: "",
    by: "test/cached/tracing.test.ts"
  },
  {
    name: "events have ids that the layer hides",
    in: "listen",
    find: "self.disguise === undefined ? told : self.disguise.event(told)",
    replace: "told",
    by: "test/layers/withTelemetry.test.ts"
  },
  {
    name: "log lines of loads ahead of their readers show ids that the layer hides",
    in: "shown",
    find: "disguise?.line(text, { other: idOf(key), cause: cause! }) ?? [text, { cause }]",
    replace: "[text, { cause, disguise }] as const",
    by: "test/layers/withTelemetry.test.ts"
  },
  {
    name: "a guard's store says ids that the layer hides",
    in: "failed",
    find: "cache === undefined ? text",
    replace: "cache !== null ? text",
    by: "test/layers/withTelemetry.test.ts"
  },
  {
    name: "a tier that fails says ids that the layer hides",
    in: "build",
    find: "cache === undefined ? text",
    replace: "cache !== null ? text",
    by: "test/layers/withTelemetry.test.ts"
  },
  {
    name: "a store that logs while the cache is built says ids that the layer hides",
    in: "follow",
    find: "engine.disguise ??= disguise",
    replace: "void disguise",
    by: "test/layers/withTelemetry.test.ts"
  },
  {
    name: "the failure of a span says ids that the layer hides",
    in: "traced",
    find: "engine.disguise?.exit(exit, id) ?? exit",
    replace: "exit",
    by: "test/layers/withTelemetry.test.ts"
  },
  {
    name: "the failure of the span of a read says ids that the layer hides",
    in: "traceReads",
    find: "if (engine.disguise === undefined) return",
    replace: "if (engine.disguise !== null) return",
    by: "test/layers/withTelemetry.test.ts"
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
    name: "the metric says that changes cannot be followed, where the program has chosen that none are reported",
    in: "attach",
    find: "tier.untracked && !tier.untrackable",
    replace: "tier.untracked",
    by: "test/CacheMetrics.test.ts"
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
  },
  {
    name: "a store says ids that the layer hides",
    in: "askNow",
    find: "tier.front.disguise === undefined",
    replace: "tier.front.disguise !== null",
    by: "test/servers/redisLargeValues.test.ts"
  },
  {
    name: "an invalidation by pattern does not concern what a bulk call has just read",
    in: "allHere",
    find: "self.mutations++",
    replace: "",
    by: "test/cached/matching.test.ts"
  }
]
