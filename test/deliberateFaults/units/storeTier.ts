/** Deliberate faults of the store as the engine uses it, and invalidations. */
import type { UnitFault } from "../fault.ts"

export const faults: ReadonlyArray<UnitFault> = [
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
    find: "if (hasBegun(flight) && isOutdated(flight)) return true",
    replace: "",
    by: "test/cached/storesThatPushChanges.test.ts"
  },
  {
    name: "results of a call that began before any change was received enter memory",
    in: "toFlight",
    find: "flight.changedAt = self.changedAt",
    replace: "",
    by: "test/cached/bulkOverStore.test.ts"
  },
  {
    name: "a store that hangs is asked for each wave of a lookup or removal",
    in: "askNow",
    find: "budget.call.leftMillis = 0",
    replace: "void budget.call",
    by: "test/cached/bulkOverSlowStore.test.ts"
  },
  {
    name: "a strict invalidation by pattern that fails keeps later matches in memory",
    in: "invalidateMatching",
    find: "Stream.mapEffect(orLater),",
    replace: "Stream.mapEffect(batch),",
    by: "test/cached/invalidateMany.test.ts"
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
    name: "a value set by hand does not wait for an unsent invalidation of its tags",
    in: "set",
    find: "const unsent = unsentOf(self, key, options)",
    replace: "const unsent: ReadonlyArray<Pending.Item> = []",
    by: "test/cached/invalidateUnacknowledged.test.ts"
  },
  {
    name: "a strict touch behind an unacknowledged invalidation fails as a read",
    in: "unacknowledged",
    find: "operation,",
    replace: "operation: \"get\",",
    by: "test/promises/P4.test.ts"
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
    name: "answers of acquire to many are not checked",
    in: "areAcquired",
    find: "isAcquired(acquired, requests[i]!)",
    replace: "isAnything(acquired) || i < 0",
    by: "test/internal/engine/storeTier/lyingStores.test.ts"
  },
  {
    name: "a value is lost without an event if the store reports its removal before it answers",
    in: "sendWave",
    find: "const write = writes[i]",
    replace: "const { write } = part.item",
    by: "test/cached/setWhileStoreFails.test.ts"
  },
  {
    name: "an operation that fails while others are answered begins an incident each time",
    in: "answered",
    find: "one.isAlone = true",
    replace: "",
    by: "test/cached/recoveryAfterFailures.test.ts"
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
    find: "self.flights.all().forEach(noteChanged)",
    replace: "for (const flight of self.flights.all()) if (hasBegun(flight)) detach(self, flight.id)",
    by: "test/cached/storesThatPushChanges.test.ts"
  },
  {
    name: "a read that a store answers by a callback prolongs an entry by the layer's clock",
    in: "conclude",
    find: "tier.readerClock = reader.fiber.getRef(Clock.Clock)",
    replace: "",
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
    name: "an answer asked for before a change was reported enters memory",
    in: "applyChange",
    find: "noteChanged(flight)",
    replace: "",
    also: [{ in: "applyChange", find: "noteChange(self, change.id)", replace: "" }],
    by: "test/cached/changesWhileStoreAnswers.test.ts"
  }
]
