/** Deliberate faults of stores in SQLite, and SQL in transactions. */
import type { UnitFault } from "../fault.ts"

export const faults: ReadonlyArray<UnitFault> = [
  {
    name: "an inspection of a prefix leaves out ids that are stored as bytes",
    in: "readPage",
    find: "last = afterAllTexts",
    replace: "last = undefined",
    by: "test/drivers/inspections.test.ts"
  },
  {
    name: "a commit of another process falls between the reads of one look-up",
    in: "snapshot",
    find: "self.database.isTransaction ? reads() : transaction(self, self.beginReading, reads)",
    replace: "reads()",
    by: "test/drivers/sqlite/transactions/readsTogether.test.ts"
  },
  {
    name: "a process that begins to follow a damaged database fails",
    in: "listen",
    find: "let listening = run(self, () => start(tables(self)))",
    replace: "let listening = start(tables(self))",
    by: "test/drivers/sqlite/SqliteDamage.test.ts"
  },
  {
    name: "a process that cannot start the next database returns to the former one",
    in: "startNext",
    find: `if (InUse.stateOf(opened.inUse) !== "replaced") throw thrown`,
    replace: "",
    by: "test/drivers/sqlite/SqliteReplaced.test.ts"
  },
  {
    name: "loads that have a lease end behind those that want one",
    in: "later",
    find: "self[self.laneOf(operation)]",
    replace: `self[self.laneOf(operation) === "first" ? "others" : self.laneOf(operation)]`,
    by: "test/drivers/sqlite/transactions/queue.test.ts"
  },
  {
    name: "a snapshot outlives the step that reads it",
    in: "reads",
    find: "void now.then(self.endOfStep)",
    replace: "setTimeout(self.endOfStep, 100)",
    by: "test/drivers/sqlite/transactions/readsOfOneStep.test.ts"
  },
  {
    name: "a database cut to nothing is a new one",
    in: "wasCut",
    find: "?.size === 0",
    replace: "?.size === -1",
    by: "test/drivers/sqlite/SqliteReplaced.test.ts"
  },
  {
    name: "values are stored however large the log is",
    in: "admit",
    find: "if (self.bytes <= bound || empty(database)) return noteEmptied(self)",
    replace: "return noteEmptied(self)",
    by: "test/processes/fullDisk.test.ts"
  },
  {
    name: "invalidations wait for all values",
    in: "endTurn",
    find: "runGroup(self, [self.apart])",
    replace: "if (self.first.size + self.others.size === 0) runGroup(self, [self.apart])",
    by: "test/drivers/sqlite/transactions/queue.test.ts"
  },
  {
    name: "a mere reader waits for a writer, because others write in the same turn",
    in: "together",
    find: "self.begun = undefined",
    replace: "self.begun = undefined\n  beginTogether(self)",
    by: "test/drivers/sqlite/transactions/operationsAtOnce.test.ts"
  },
  {
    name: "one operation that finds no room takes all others with it",
    in: "runAll",
    find: "return alone()\n  }\n}",
    replace: `return operations.map(({ name }) => Exit.fail(toStoreError(name, "together")))\n  }\n}`,
    by: "test/drivers/sqlite/transactions/operationsAtOnce.test.ts"
  },
  {
    name: "values are stored before there is room again for removing",
    in: "admitted",
    find: "if (!self.hasReserve) throw noRoom()",
    replace: "",
    by: "test/processes/fullDisk.test.ts"
  },
  {
    name: "a full disk acknowledges what it has not taken",
    in: "withRoom",
    find: "if (!isFull(thrown) || self.opened === undefined || triesLeft === 0) throw thrown",
    replace: "if (!isFull(thrown) || self.opened === undefined) throw thrown; return undefined as A",
    by: "test/processes/fullDisk.test.ts"
  },
  {
    name: "where others have filled the disk nothing can be removed",
    in: "makeRoom",
    find: "if (!succeeds(() => freeDisk(self, opened))) abandon(self, opened)",
    replace: "freeDisk(self, opened)",
    by: "test/processes/fullDisk.test.ts"
  },
  {
    name: "a disk that the cache has filled stays full where the processes that made room have ended",
    in: "regainReserve",
    find: "succeeds(() => freeDisk(self, opened!))",
    replace: "return",
    by: "test/processes/fullDisk.test.ts"
  },
  {
    name: "an endless reader keeps the log growing",
    in: "leaveFormer",
    find: "return Wal.isHopeless(wal) && abandon(self, opened)",
    replace: "return false",
    by: "test/processes/fullDisk.test.ts"
  },
  {
    name: "outdated leases are searched for only at the beginning of their table",
    in: "pruneSome",
    find: "self.prunedUntil = until ?? beforeAllIds",
    replace: "",
    by: "test/drivers/sqlite/SqliteBounds.test.ts"
  },
  {
    name: "a value of any size is stored",
    in: "set",
    find: "aboveMaxValue(\"sqlite\", \"set\", [{ id, entry }], maxValue)",
    replace: "aboveMaxValue(\"sqlite\", \"set\", [{ id, entry }], Infinity)",
    by: "test/drivers/sqlite/SqliteBounds.test.ts"
  },
  {
    name: "on a full disk a program cannot start",
    in: "openFile",
    find: "if (!isWithoutRoom || Reserve.freeBytes(directory) >= bound || !Reserve.giveUp(reserve)) throw thrown",
    replace: "throw thrown",
    by: "test/processes/fullDisk.test.ts"
  },
  {
    name: "a disk that others have filled costs all entries",
    in: "makeRoom",
    find: "!isInvalidation && !isOwn(self, opened)",
    replace: "false",
    by: "test/processes/fullDisk.test.ts"
  }
]
