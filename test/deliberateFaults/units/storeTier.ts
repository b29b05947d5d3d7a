/** Deliberate faults of the store as the engine uses it, and invalidations. */
import type { UnitFault } from "../fault.ts"

export const faults: ReadonlyArray<UnitFault> = [
  {
    name: "a ticket becomes two flights, if the store reports a change of its key at that moment",
    in: "board",
    find: "if (ticket.flight !== undefined) return ticket.flight",
    replace: "",
    by: "test/cached/bulkOverStore.test.ts"
  },
  {
    name: "a late report of an invalidation removes what was set after it",
    in: "isOutrun",
    find: "TagEpochs.ownSince(tagEpochs, tags, checkedAt)",
    replace: "TagEpochs.changedSince(tagEpochs, tags, checkedAt)",
    by: "test/cached/storesThatPushChanges.test.ts"
  },
  {
    name: "a value outlives an invalidation of its tag by the same process during the write",
    in: "isOutrun",
    find: "TagEpochs.ownSince(tagEpochs, tags, checkedAt)",
    replace: "false",
    by: "test/cached/storesThatPushChanges.test.ts"
  },
  {
    name: "a caller that joins gets the result of a load that began before any change was received",
    in: "isOlder",
    find: "flight.isOutdated ||",
    replace: "",
    by: "test/cached/storesThatPushChanges.test.ts"
  },
  {
    name: "results of a call that began before any change was received enter memory",
    in: "board",
    find: "flight.isOutdated = self.isOutdated",
    replace: "",
    by: "test/cached/bulkOverStore.test.ts"
  },
  {
    name: "an entry that may be newer than a reported invalidation is replaced by a load",
    in: "rejectedBy",
    find: "mayBeValid(found) ? undefined : found?.writeId",
    replace: "found?.writeId",
    by: "test/cached/readsWhileChangesArrive.test.ts"
  },
  {
    name: "a look-up that meets two late reports misses a valid entry",
    in: "foundIn",
    find: "agree && !found.some(mayBeValid)",
    replace: "agree",
    by: "test/cached/readsWhileChangesArrive.test.ts"
  },
  {
    name: "a wave has only the budget that the wave before has left",
    in: "askInWaves",
    find: "{ ...budget, call: budget, inTurn }",
    replace: "budget",
    by: "test/cached/bulkOverSlowStore.test.ts"
  },
  {
    name: "entries of waves that the store answers together are decoded in one turn",
    in: "reviveAll",
    find: "yield* budget.inTurn ?? Effect.void",
    replace: "",
    by: "test/cached/bulkOverSlowStore.test.ts"
  },
  {
    name: "a store that hangs is asked for each wave of a lookup or removal",
    in: "askNow",
    find: "budget.call.leftMillis = 0",
    replace: "void budget.call",
    by: "test/cached/bulkOverSlowStore.test.ts"
  },
  {
    name: "the answers to a wave of removals count for another wave",
    in: "removeFromStore",
    find: "removed[from + i] = was",
    replace: "removed[i] = was",
    by: "test/cached/invalidateMany.test.ts"
  },
  {
    name: "a strict invalidation by pattern that fails keeps later matches in memory",
    in: "invalidateMatching",
    find: "Stream.mapEffect(orLater),",
    replace: "Stream.mapEffect(batch),",
    by: "test/cached/invalidateMany.test.ts"
  },
  {
    name: "an invalidation that the store refuses ends the pass",
    in: "failed",
    find: "pass.failures >= limits.failures",
    replace: "pass.failures >= 1",
    by: "test/cached/refusedInvalidations.test.ts"
  },
  {
    name: "a clear that is sent again leaves in memory what others have changed",
    in: "acknowledge",
    find: "onCleared?.()",
    replace: "void onCleared",
    by: "test/cached/refusedInvalidations.test.ts"
  },
  {
    name: "a write that is interrupted while it sends an invalidation takes it along",
    in: "sendTogether",
    find: "!sendings.get(item)!.isAnswered",
    replace: "sendings.get(item) === undefined",
    by: "test/cached/refusedInvalidations.test.ts"
  },
  {
    name: "an invalidation of ids that fails in a later part keeps what was derived meanwhile",
    in: "invalidateIds",
    find: "Effect.ensuring(tier.steps.remove(tier, ids, items, restore), again)",
    replace: "Effect.tap(tier.steps.remove(tier, ids, items, restore), again)",
    by: "test/cached/storeAnswersInPart.test.ts"
  },
  {
    name: "a strict write that the store refuses keeps what was derived meanwhile",
    in: "set",
    find: "Effect.ensuring(replacing, afterWrite(self, [entry]))",
    replace: "Effect.tap(replacing, afterWrite(self, [entry]))",
    by: "test/cached/storeAnswersInPart.test.ts"
  },
  {
    name: "a strict write of many that the store refuses keeps what was derived meanwhile",
    in: "setWave",
    find: "Effect.ensuring(",
    replace: "Effect.tap(",
    by: "test/cached/storeAnswersInPart.test.ts"
  },
  {
    name: "a strict touch that removes an entry leaves it where the store fails",
    in: "touch",
    find: "Effect.exit(setLifetime(self, key, 0))",
    replace: "Effect.map(setLifetime(self, key, 0), Effect.succeed)",
    by: "test/cached/storeAnswersInPart.test.ts"
  },
  {
    name: "a strict call for many keys that fails for one sets no others",
    in: "setMany",
    find: "Effect.exit(set(self, key, value, left))",
    replace: "set(self, key, value, left)",
    by: "test/cached/invalidateUnacknowledged.test.ts"
  },
  {
    name: "under strict, one value that the store refuses keeps others from the store",
    in: "runAll",
    find: "Effect.exit,",
    replace: "Effect.map((part) => Exit.succeed(part)),",
    by: "test/cached/setMany.test.ts"
  },
  {
    name: "a change older than a set removes its value from memory",
    in: "isUnasked",
    find: "item.isAsked !== true",
    replace: "item.isAsked === undefined && false",
    by: "test/cached/setWhileStoreFails.test.ts"
  },
  {
    name: "a value that a late invalidation of its tag removes is not reported as lost",
    in: "set",
    find: "stored === undefined && unsent.length > 0",
    replace: "false",
    by: "test/cached/setWhileStoreFails.test.ts"
  },
  {
    name: "an older change does not remove a value whose write has ended before the store was asked",
    in: "isUnasked",
    find: " && !unsent.has(item)",
    replace: "",
    by: "test/cached/setWhileStoreFails.test.ts"
  },
  {
    name: "a value that stays in memory is reported as lost",
    in: "lost",
    find: "else if (Memory.peek(memory, tagEpochs, id)?.writeId === writeId) return",
    replace: "",
    by: "test/cached/setWhileStoreFails.test.ts"
  },
  {
    name: "an invalidation that something newer has replaced is sent again",
    in: "sendWave",
    find: "wave.filter((part) => isOpen(pending, part) && !written.has(part))",
    replace: "wave.filter((part) => !written.has(part))",
    by: "test/cached/invalidateUnacknowledged.test.ts"
  },
  {
    name: "a further answer of a bulk lookup is stored over what another process has just changed",
    in: "commitAll",
    find: "self.tagEpochs.look?.()",
    replace: "",
    by: "test/cached/bulkOverStore.test.ts"
  },
  {
    name: "an answer that was not asked for holds its lease for long",
    in: "storePart",
    find: "leaseMillis: 1",
    replace: "leaseMillis: tier.leaseMillis",
    by: "test/cached/bulkOverStore.test.ts"
  },
  {
    name: "a further answer of a bulk lookup that is not stored keeps its lease",
    in: "storePart",
    find: "yield* Effect.forEach(grants.keys(), giveBack, { concurrency: many.concurrency, discard: true })",
    replace: "",
    by: "test/cached/bulkOverStore.test.ts"
  },
  {
    name: "an invalid entry keeps a further answer of a bulk lookup out of the store",
    in: "storePart",
    find: "dead.push(...asked.filter((flight, i) => isDead(flight, acquired[i]!, markers)))",
    replace: "",
    by: "test/cached/bulkOverStore.test.ts"
  },
  {
    name: "a value set by hand does not wait for an unsent invalidation of its tags",
    in: "set",
    find: "const unsent = unsentOf(self, key, options)",
    replace: "const unsent: ReadonlyArray<Pending.Item> = []",
    by: "test/cached/invalidateUnacknowledged.test.ts"
  },
  {
    name: "a strict set succeeds although an earlier invalidation will remove its value",
    in: "set",
    find: "isUndone && policy.strict",
    replace: "false",
    by: "test/cached/invalidateUnacknowledged.test.ts"
  },
  {
    name: "counters do not know of an unsent clear",
    in: "afterClear",
    find: "unsent.length === 0",
    replace: "true",
    by: "test/cached/invalidateUnacknowledged.test.ts"
  },
  {
    name: "a ping fails as the read that it asks for",
    in: "ping",
    find: "new StoreError({ ...error, operation, cause: error.cause })",
    replace: "error",
    by: "test/cached/messages.test.ts"
  },
  {
    name: "the failure of a ping loses its cause",
    in: "ping",
    find: "new StoreError({ ...error, operation, cause: error.cause })",
    replace: "new StoreError({ ...error, operation })",
    by: "test/cached/messages.test.ts"
  },
  {
    name: "a strict touch behind an unacknowledged invalidation fails as a read",
    in: "unacknowledged",
    find: "operation,",
    replace: "operation: \"get\",",
    by: "test/promises/P4.test.ts"
  },
  {
    name: "a value that a rule keeps out of the store is a failure of it",
    in: "noteFault",
    find: "isOfCaller(operation, fault) || isKeptOut(fault)",
    replace: "isOfCaller(operation, fault)",
    by: "test/cached/tapStore.test.ts"
  },
  {
    name: "all operations at once on a synchronous store run in one turn",
    in: "ask",
    find: "tier.turns === undefined",
    replace: "tier.turns !== null",
    by: "test/cached/operationsAtOnce.test.ts"
  },
  {
    name: "an operation whose fiber has yielded waits for a turn that never comes",
    in: "nextTurn",
    find: "if (self.beganAt === undefined) begin(self)",
    replace: "",
    by: "test/internal/time/turnTime.test.ts"
  },
  {
    name: "an operation of runSync on a synchronous store waits for a later turn",
    in: "pass",
    find: `fiber.getRef(Scheduler.Scheduler).executionMode === "sync"`,
    replace: "false",
    by: "test/cached/operationsAtOnce.test.ts"
  },
  {
    name: "operations that waited for a turn on a synchronous store all run in the next one",
    in: "endTurn",
    find: "while (self.waiting.size > 0 && hasTime(self))",
    replace: "while (self.waiting.size > 0)",
    by: "test/cached/operationsAtOnce.test.ts"
  },
  {
    name: "all operations that a store has not answered in time time out in one turn",
    in: "askNow",
    find: "TurnLimit.pass(tier.timeouts)",
    replace: "Effect.void",
    by: "test/cached/timeoutsInTurns.test.ts"
  },
  {
    name: "changes of loads are not applied if there are too many to tell apart",
    in: "known",
    find: `for (const { id } of self.flights.all()) yield mayBe(id) ? { _tag: "Changed", id } : undefined`,
    replace: "",
    by: "test/cached/storesThatPushChanges.test.ts"
  },
  {
    name: "the changes that waited before there were too many are lost",
    in: "keepId",
    find: "for (const one of self.ids.keys()) mark(self.bits, one)",
    replace: "",
    by: "test/drivers/waitingChanges.test.ts"
  },
  {
    name: "processes wait for a load of many keys whose tag was invalidated",
    in: "releaseOutdated",
    find: "self.flights.tickets?.releaseOutdated(",
    replace: "void (",
    by: "test/cached/tagReleasesLease.test.ts"
  },
  {
    name: "a load of another process is stored although its id matches a pattern",
    in: "ids",
    find: "Stream.concat(store.scanLoads({ prefix }), Stream.filter(entries, (id) => !isPage(id)))",
    replace: "Stream.filter(entries, (id) => !isPage(id))",
    by: "test/cached/patternsOfOthers.test.ts"
  },
  {
    name: "memory keeps what only it has although another process has invalidated it by a pattern",
    in: "report",
    find: "store.capabilities.changes === false",
    replace: "true",
    by: "test/cached/patternsOfOthers.test.ts"
  },
  {
    name: "listeners receive tags before they are pending",
    in: "invalidateTags",
    find: `if (tier !== undefined) items.push(Pending.add(tier.pending, Pending.tagsTarget(tier.pending, tags, mode)))
      self.mutations++
      TagEpochs.invalidate(self.tagEpochs, tags, mode)
      tellInvalidated(self, { tags, mode })`,
    replace: `self.mutations++
      TagEpochs.invalidate(self.tagEpochs, tags, mode)
      tellInvalidated(self, { tags, mode })
      if (tier !== undefined) items.push(Pending.add(tier.pending, Pending.tagsTarget(tier.pending, tags, mode)))`,
    by: "test/internal/engine/withinOneStep.test.ts"
  },
  {
    name: "a value that is set enters memory before it is pending",
    in: "replaceInStore",
    find: `const items = own.map((write) => Pending.addWrite(pending, write.entry.id, write))
    const { clears } = pending
    replaceHere()`,
    replace: `replaceHere()
    const items = own.map((write) => Pending.addWrite(pending, write.entry.id, write))
    const { clears } = pending`,
    by: "test/internal/engine/withinOneStep.test.ts"
  },
  {
    name: "answers of acquire are not checked",
    in: "validating",
    find: `ask("acquire", () => store.acquire(requests), areAcquired(requests))`,
    replace: `ask("acquire", () => store.acquire(requests), isAnything)`,
    by: "test/internal/engine/storeTier/validateAnswers.test.ts"
  },
  {
    name: "answers of acquire to many are not checked",
    in: "areAcquired",
    find: "isAcquired(acquired, requests[i]!)",
    replace: "isAnything(acquired) || i < 0",
    by: "test/internal/engine/storeTier/lyingStores.test.ts"
  },
  {
    name: "each incident of a store that fails now and then is logged",
    in: "failed",
    find: "now - self.loggedAt >= incidentMillis",
    replace: "true",
    by: "test/cached/recoveryAfterFailures.test.ts"
  },
  {
    name: "a cache that closes refuses those who wait for an answer of the store",
    in: "follow",
    find: "endQuestions(engine)",
    replace: "Effect.void",
    by: "test/cached/readsThatShareQuestions.test.ts"
  },
  {
    name: "a store that fails hides a written value from reads of many",
    in: "orOwn",
    find: "ownWrite(tier, id, now)",
    replace: "undefined",
    by: "test/cached/setWhileStoreFails.test.ts"
  },
  {
    name: "a value is lost without an event if the store reports its removal before it answers",
    in: "sendWave",
    find: "const write = writes[i]",
    replace: "const { write } = part.item",
    by: "test/cached/setWhileStoreFails.test.ts"
  },
  {
    name: "a value that the store has not acknowledged is read for ever",
    in: "ownWrite",
    find: "store.capabilities.shared &&",
    replace: "store === undefined &&",
    by: "test/cached/setWhileStoreFails.test.ts"
  },
  {
    name: "a value that the store has not acknowledged survives clear",
    in: "add",
    find: "giveUpAll(self)",
    replace: "",
    by: "test/cached/setWhileStoreFails.test.ts"
  },
  {
    name: "an invalidation by pattern overlooks values that the store has not acknowledged",
    in: "allHere",
    find: "if (write !== undefined) others.add(write.entry.id)",
    replace: "void write",
    by: "test/cached/setWhileStoreFails.test.ts"
  },
  {
    name: "an incident lasts until each operation that failed has succeeded",
    in: "answered",
    find: "lasts ||= one.isAlone",
    replace: "lasts = true",
    by: "test/cached/recoveryAfterFailures.test.ts"
  },
  {
    name: "an operation that fails while others are answered begins an incident each time",
    in: "answered",
    find: "one.isAlone = true",
    replace: "",
    by: "test/cached/recoveryAfterFailures.test.ts"
  },
  {
    name: "an operation that is refused is an incident until it succeeds",
    in: "answered",
    find: "if (now - one.at >= incidentMillis) failing.delete(name)\n    else if (one.at >= since)",
    replace: "if (one.at >= since)",
    by: "test/cached/recoveryAfterFailures.test.ts"
  },
  {
    name: "the outage of a store that has refused something is not logged",
    in: "failed",
    find: `kind !== "refused" && !logged.has(kind)`,
    replace: `kind === "Denied" && !logged.has(kind)`,
    by: "test/cached/recoveryAfterFailures.test.ts"
  },
  {
    name: "a copy is read that is older than the entry shown with the lease",
    in: "noteHits",
    find: "if (outdated.length > 0) Middle.removeLater(middle, outdated)",
    replace: "",
    by: "test/layers/tieredStore.test.ts"
  },
  {
    name: "what waits for a busy program times out, although its store does nothing",
    in: "lateBy",
    find: "workedMillis === undefined ? afterProgramMillis(clock, millis) : untilPassed(workedMillis, millis)",
    replace: "Effect.sleep(millis)",
    by: "test/cached/storeTimeoutsInBusyPrograms.test.ts"
  },
  {
    // F22
    name: "memory keeps what was changed on a server while the connection was lost",
    in: "markTracked",
    find: "if (wasTracked) return unverifyAll(self, tier)",
    replace: "if (wasTracked) return",
    by: "test/servers/redisTracking.test.ts"
  },
  {
    name: "loads that began before changes were received are not stored",
    in: "outdateAll",
    find: "if (hasBegun(flight)) flight.isOutdated = true",
    replace: "if (hasBegun(flight)) detach(self, flight.id)",
    by: "test/cached/storesThatPushChanges.test.ts"
  },
  {
    name: "a value that is not acknowledged is read without asking for changes",
    in: "fetch",
    find: "tier.front.tagEpochs.ensureTracking?.()",
    replace: "",
    by: "test/cached/refusedInvalidations.test.ts"
  },
  {
    name: "a read prolongs a stored entry by the layer's clock",
    in: "contextOf",
    find: "clock === undefined ? context :",
    replace: "clock !== null ? context :",
    by: "test/drivers/clockBeside.test.ts"
  },
  {
    name: "a read that a store answers by a callback prolongs an entry by the layer's clock",
    in: "conclude",
    find: "tier.readerClock = reader.fiber.getRef(Clock.Clock)",
    replace: "",
    by: "test/drivers/clockBeside.test.ts"
  },
  {
    name: "a stream is cut again and again under a clock beside the layer's",
    in: "isNamed",
    find: "answer.entry.meta.expiresAt > now",
    replace: "answer.entry.meta.expiresAt > nowOf(tier)",
    by: "test/drivers/clockBeside.test.ts"
  },
  {
    name: "an outage of the store begins and ends on different clocks",
    in: "noteFault",
    find: "fault.reason, nowOf(tier)",
    replace: "fault.reason, 0",
    by: "test/drivers/clockBeside.test.ts"
  },
  {
    name: "a removal does not reach other fingerprints",
    in: "acrossFingerprints",
    find: "chunksOf(ids.flatMap((id) => siblingsOf(known, id)))",
    replace: "[]",
    by: "test/cached/schemaChangedBetweenReleases.test.ts"
  },
  {
    name: "a fingerprint is recorded without a look at what others have written meanwhile",
    in: "record",
    find: "left === 1 ? undefined : condition",
    replace: "undefined",
    by: "test/cached/schemaChangedBetweenReleases.test.ts"
  },
  {
    name: "a load stores its result, although others could not know of its fingerprint when it began",
    in: "acrossFingerprints",
    find: `isSafe ? generation.slice(early.length) : ""`,
    replace: "generation.slice(early.length)",
    by: "test/cached/schemaChangedBetweenReleases.test.ts"
  },
  {
    name: "fingerprints are kept for ever",
    in: "usesIn",
    find: "now - usedAt < limits.lifeMillis",
    replace: "usedAt <= now",
    by: "test/cached/schemaChangedBetweenReleases.test.ts"
  },
  {
    name: "a process still believes in its record after a clear",
    in: "takeAll",
    find: "storeTier?.recorded.clear()",
    replace: "",
    by: "test/cached/schemaChangedBetweenReleases.test.ts"
  },
  {
    name: "entries under another fingerprint are read before the store has removed them",
    in: "forgetOthers",
    find: "tier?.steps.removeLater(tier, other)",
    replace: "",
    by: "test/cached/schemaChangedBetweenReleases.test.ts"
  },
  {
    name: "the record is removed as a page without a stream",
    in: "sweep",
    find: "&& !isFingerprints(id)",
    replace: "",
    by: "test/cached/schemaChangedBetweenReleases.test.ts"
  },
  {
    name: "a copy of the record in a middle tier is used",
    in: "over",
    find: "ids.every(isFingerprints) ? last.getMany(ids) : getMany(self, ids)",
    replace: "getMany(self, ids)",
    by: "test/cached/schemaChangedBetweenReleases.test.ts"
  },
  {
    name: "an answer asked for before a change was reported enters memory",
    in: "applyChange",
    find: "flight.changedWhileAsked = true",
    replace: "flight.changedWhileAsked = false",
    also: [{ in: "applyChange", find: "noteChange(self, change.id)", replace: "" }],
    by: "test/cached/changesWhileStoreAnswers.test.ts"
  }
]
