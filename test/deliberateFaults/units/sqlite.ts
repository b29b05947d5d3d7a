/** Deliberate faults of stores in SQLite, and SQL in transactions. */
import { foundBy, type UnitFault } from "../fault.ts"

export const faults: ReadonlyArray<UnitFault> = [
  ...foundBy("test/drivers/inspections.test.ts", [
    [
      "an inspection of a prefix leaves out ids that are stored as bytes",
      "readPage",
      "last = afterAllTexts",
      "last = undefined"
    ]
  ]),
  ...foundBy("test/drivers/sqlite/transactions/readsTogether.test.ts", [
    [
      "a commit of another process falls between the reads of one look-up",
      "snapshot",
      "self.database.isTransaction ? reads() : transaction(self, self.beginReading, reads)",
      "reads()"
    ]
  ]),
  ...foundBy("test/drivers/sqlite/SqliteDamage.test.ts", [
    [
      "a process that begins to follow a damaged database fails",
      "listen",
      "let listening = run(self, () => start(tables(self)))",
      "let listening = start(tables(self))"
    ]
  ]),
  ...foundBy("test/drivers/sqlite/transactions/queue.test.ts", [
    [
      "loads that have a lease end behind those that want one",
      "later",
      "self[self.laneOf(operation)]",
      `self[self.laneOf(operation) === "first" ? "others" : self.laneOf(operation)]`
    ],
    [
      "invalidations wait for all values",
      "endTurn",
      "runGroup(self, [self.apart])",
      "if (self.first.size + self.others.size === 0) runGroup(self, [self.apart])"
    ]
  ]),
  ...foundBy("test/drivers/sqlite/transactions/readsOfOneStep.test.ts", [
    [
      "a snapshot outlives the step that reads it",
      "reads",
      "void now.then(self.endOfStep)",
      "setTimeout(self.endOfStep, 100)"
    ]
  ]),
  ...foundBy("test/drivers/sqlite/SqliteReplaced.test.ts", [
    ["a database cut to nothing is a new one", "wasCut", "?.size === 0", "?.size === -1"]
  ]),
  ...foundBy("test/processes/fullDisk.test.ts", [
    [
      "values are stored however large the log is",
      "admit",
      "if (self.bytes <= bound || empty(database)) return noteEmptied(self)",
      "return noteEmptied(self)"
    ],
    [
      "values are stored before there is room again for removing",
      "admitted",
      "if (!self.hasReserve) throw noRoom()",
      ""
    ],
    [
      "a full disk acknowledges what it has not taken",
      "withRoom",
      "if (!isFull(thrown) || self.opened === undefined || triesLeft === 0) throw thrown",
      "if (!isFull(thrown) || self.opened === undefined) throw thrown; return undefined as A"
    ],
    [
      "where others have filled the disk nothing can be removed",
      "makeRoom",
      "if (!succeeds(() => freeDisk(self, opened))) abandon(self, opened)",
      "freeDisk(self, opened)"
    ],
    [
      "a disk that the cache has filled stays full where the processes that made room have ended",
      "regainReserve",
      "succeeds(() => freeDisk(self, opened!))",
      "return"
    ],
    [
      "an endless reader keeps the log growing",
      "leaveFormer",
      "return Wal.isHopeless(wal) && abandon(self, opened)",
      "return false"
    ],
    [
      "on a full disk a program cannot start",
      "openFile",
      "if (!isWithoutRoom || Reserve.freeBytes(directory) >= bound || !Reserve.giveUp(reserve)) throw thrown",
      "throw thrown"
    ],
    ["a disk that others have filled costs all entries", "makeRoom", "!isInvalidation && !isOwn(self, opened)", "false"]
  ]),
  ...foundBy("test/drivers/sqlite/transactions/operationsAtOnce.test.ts", [
    [
      "a mere reader waits for a writer, because others write in the same turn",
      "together",
      "self.begun = undefined",
      "self.begun = undefined\n  beginTogether(self)"
    ],
    [
      "one operation that finds no room takes all others with it",
      "runAll",
      "return alone()\n  }\n}",
      `return operations.map(({ name }) => Exit.fail(toStoreError(name, "together")))\n  }\n}`
    ]
  ]),
  ...foundBy("test/drivers/sqlite/SqliteBounds.test.ts", [
    [
      "outdated leases are searched for only at the beginning of their table",
      "pruneSome",
      "self.prunedUntil = until ?? beforeAllIds",
      ""
    ],
    [
      "a value of any size is stored",
      "set",
      "aboveMaxValue(\"sqlite\", \"set\", [{ id, entry }], maxValue)",
      "aboveMaxValue(\"sqlite\", \"set\", [{ id, entry }], Infinity)"
    ]
  ])
]
