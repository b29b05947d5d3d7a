/** Deliberate faults of the store as the engine uses it, and invalidations. */
import { foundBy, type UnitFault } from "../fault.ts"

export const faults: ReadonlyArray<UnitFault> = [
  ...foundBy("test/cached/storesThatPushChanges.test.ts", [
    [
      "a late report of an invalidation removes what was set after it",
      "isOutrun",
      "TagEpochs.ownSince(tagEpochs, tags, checkedAt)",
      "TagEpochs.changedSince(tagEpochs, tags, checkedAt)"
    ],
    [
      "a value outlives an invalidation of its tag by the same process during the write",
      "isOutrun",
      "TagEpochs.ownSince(tagEpochs, tags, checkedAt)",
      "false"
    ],
    [
      "changes of loads are not applied if there are too many to tell apart",
      "known",
      `for (const { id } of self.flights.all()) yield mayBe(id) ? { _tag: "Changed", id } : undefined`,
      ""
    ],
    [
      "loads that began before changes were received are not stored",
      "outdateAll",
      "self.flights.all().forEach(noteChanged)",
      "for (const flight of self.flights.all()) if (hasBegun(flight)) detach(self, flight.id)"
    ]
  ]),
  ...foundBy("test/cached/bulkOverStore.test.ts", [
    [
      "results of a call that began before any change was received enter memory",
      "toFlight",
      "flight.changedAt = self.changedAt",
      ""
    ]
  ]),
  ...foundBy("test/cached/bulkOverSlowStore.test.ts", [
    [
      "a store that hangs is asked for each wave of a lookup or removal",
      "askNow",
      "budget.call.leftMillis = 0",
      "void budget.call"
    ]
  ]),
  ...foundBy("test/cached/invalidateMany.test.ts", [
    [
      "a strict invalidation by pattern that fails keeps later matches in memory",
      "invalidateMatching",
      "Stream.mapEffect(orLater),",
      "Stream.mapEffect(batch),"
    ]
  ]),
  ...foundBy("test/cached/storeAnswersInPart.test.ts", [
    [
      "an invalidation of ids that fails in a later part keeps what was derived meanwhile",
      "invalidateIds",
      "Effect.ensuring(tier.steps.remove(tier, ids, items, restore), again)",
      "Effect.tap(tier.steps.remove(tier, ids, items, restore), again)"
    ],
    [
      "a strict write that the store refuses keeps what was derived meanwhile",
      "set",
      "Effect.ensuring(replacing, afterWrite(self, [entry]))",
      "Effect.tap(replacing, afterWrite(self, [entry]))"
    ],
    [
      "a strict write of many that the store refuses keeps what was derived meanwhile",
      "setWave",
      "Effect.ensuring(",
      "Effect.tap("
    ],
    [
      "a strict touch that removes an entry leaves it where the store fails",
      "touch",
      "Effect.exit(setLifetime(self, key, 0))",
      "Effect.map(setLifetime(self, key, 0), Effect.succeed)"
    ]
  ]),
  ...foundBy("test/cached/invalidateUnacknowledged.test.ts", [
    [
      "a strict call for many keys that fails for one sets no others",
      "setMany",
      "Effect.exit(set(self, key, value, left))",
      "set(self, key, value, left)"
    ],
    [
      "a value set by hand does not wait for an unsent invalidation of its tags",
      "set",
      "const unsent = unsentOf(self, key, options)",
      "const unsent: ReadonlyArray<Pending.Item> = []"
    ]
  ]),
  ...foundBy("test/cached/setMany.test.ts", [
    [
      "under strict, one value that the store refuses keeps others from the store",
      "runAll",
      "Effect.exit,",
      "Effect.map((part) => Exit.succeed(part)),"
    ]
  ]),
  ...foundBy("test/promises/P4.test.ts", [
    [
      "a strict touch behind an unacknowledged invalidation fails as a read",
      "unacknowledged",
      "operation,",
      "operation: \"get\","
    ]
  ]),
  ...foundBy("test/cached/timeoutsInTurns.test.ts", [
    [
      "all operations that a store has not answered in time time out in one turn",
      "askNow",
      "TurnLimit.pass(tier.timeouts)",
      "Effect.void"
    ]
  ]),
  ...foundBy("test/internal/engine/withinOneStep.test.ts", [
    [
      "a value that is set enters memory before it is pending",
      "replaceInStore",
      `const items = own.map((write) => Pending.addWrite(pending, write.entry.id, write))
    const { clears } = pending
    replaceHere()`,
      `replaceHere()
    const items = own.map((write) => Pending.addWrite(pending, write.entry.id, write))
    const { clears } = pending`
    ]
  ]),
  ...foundBy("test/internal/engine/storeTier/lyingStores.test.ts", [
    [
      "answers of acquire to many are not checked",
      "areAcquired",
      "isAcquired(acquired, requests[i]!)",
      "isAnything(acquired) || i < 0"
    ]
  ]),
  ...foundBy("test/cached/setWhileStoreFails.test.ts", [
    [
      "a value is lost without an event if the store reports its removal before it answers",
      "sendWave",
      "const write = writes[i]",
      "const { write } = part.item"
    ]
  ]),
  ...foundBy("test/cached/recoveryAfterFailures.test.ts", [
    [
      "an operation that fails while others are answered begins an incident each time",
      "answered",
      "one.isAlone = true",
      ""
    ]
  ]),
  ...foundBy("test/cached/storeTimeoutsInBusyPrograms.test.ts", [
    [
      "what waits for a busy program times out, although its store does nothing",
      "lateBy",
      "workedMillis === undefined ? afterProgramMillis(clock, millis) : untilPassed(workedMillis, millis)",
      "Effect.sleep(millis)"
    ]
  ]),
  ...foundBy("test/servers/redisTracking.test.ts", [
    // F22
    [
      "memory keeps what was changed on a server while the connection was lost",
      "markTracked",
      "if (wasTracked) return unverifyAll(self, tier)",
      "if (wasTracked) return"
    ]
  ]),
  ...foundBy("test/drivers/clockBeside.test.ts", [
    [
      "a read that a store answers by a callback prolongs an entry by the layer's clock",
      "conclude",
      "tier.readerClock = reader.fiber.getRef(Clock.Clock)",
      ""
    ]
  ]),
  ...foundBy("test/cached/schemaChangedBetweenReleases.test.ts", [
    [
      "a removal does not reach other fingerprints",
      "acrossFingerprints",
      "chunksOf(ids.flatMap((id) => siblingsOf(known, id)))",
      "[]"
    ]
  ]),
  ...foundBy("test/cached/changesWhileStoreAnswers.test.ts", [
    ["an answer asked for before a change was reported enters memory", "applyChange", "noteChanged(flight)", "", {
      also: [{ in: "applyChange", find: "noteChange(self, change.id)", replace: "" }]
    }]
  ])
]
