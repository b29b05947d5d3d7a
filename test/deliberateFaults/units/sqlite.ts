/** Deliberate faults of stores in SQLite, and SQL in transactions. */
import type { UnitFault } from "../fault.ts"

const byForeignLock = "test/drivers/sqlite/transactions/foreignLock.test.ts"

export const faults: ReadonlyArray<UnitFault> = [
  {
    name: "an inspection of a prefix leaves out ids that are stored as bytes",
    in: "readPage",
    find: "last = afterAllTexts",
    replace: "last = undefined",
    by: "test/drivers/inspections.test.ts"
  },
  {
    name: "all operations that wait for the lock of a database proceed in one turn",
    in: "resumeSome",
    find: "if (left-- === 0) return resumeInNextTurn(self)",
    replace: "",
    by: byForeignLock
  },
  {
    name: "each operation makes its own attempts for the lock of a database",
    in: "again",
    find: "if (backoff.leaders > 0) {",
    replace: "if (false as boolean) {",
    by: byForeignLock
  },
  {
    name: "no operation makes attempts for the lock of a database after its first leader",
    in: "lead",
    find: "resumeInNextTurn(self)",
    replace: "",
    by: byForeignLock
  },
  {
    name: "a load waits for its lease for all of `storeTimeout`",
    in: "run",
    find: `name === "acquire" ? self.millis * writeQueue.acquireShare : self.millis`,
    replace: "self.millis",
    by: byForeignLock
  },
  {
    name: "a commit of another process falls between the reads of one look-up",
    in: "snapshot",
    find: "self.database.isTransaction ? reads() : transaction(self, self.beginReading, reads)",
    replace: "reads()",
    by: "test/drivers/sqlite/transactions/readsTogether.test.ts"
  },
  {
    name: "a lease that an embedded database has refused is released",
    in: "isLate",
    find: "&& store.workedMillis === undefined",
    replace: "",
    by: byForeignLock
  },
  {
    name: "a process that begins to follow a damaged database fails",
    in: "listen",
    find: "let listening = run(self, () => start(tables(self)))",
    replace: "let listening = start(tables(self))",
    by: "test/drivers/sqlite/SqliteDamage.test.ts"
  },
  {
    name: "each lock on disk goes through all that are held",
    in: "acquire",
    find: "pruning.dueAt = monotonicMillis(clock) + lockLifeMillis",
    replace: "",
    by: "test/drivers/sqlite/SqliteLock.test.ts"
  },
  {
    name: "an invalidation does not wait for the commit",
    in: "afterCommit",
    find: "if (openTransaction(context) === undefined) return effect",
    replace: "return effect",
    by: "test/cached/sqlTransaction.test.ts"
  },
  {
    name: "only the client of the context reports its commit",
    in: "clientOf",
    find: "Effect.succeed(client) : makeClient(service)",
    replace: `Effect.succeed(client) : Effect.die("no client")`,
    by: "test/cached/sqlTransaction.test.ts"
  },
  {
    name: "a fiber keeps all invalidations to repeat",
    in: "repeatAtEnd",
    find: "if (count === repeatsOfFiber) return",
    replace: "",
    by: "test/cached/sqlTransaction.test.ts"
  },
  {
    name: "what was written into a former database counts",
    in: "runNow",
    find: "if (!self.hasWritten || !leaveFormer(self, kind)) {",
    replace: "if (true) {",
    by: "test/drivers/sqlite/SqliteReplaced.test.ts"
  },
  {
    name: "a process that cannot start the next database returns to the former one",
    in: "startNext",
    find: `if (InUse.stateOf(opened.inUse) !== "replaced") throw thrown`,
    replace: "",
    by: "test/drivers/sqlite/SqliteReplaced.test.ts"
  },
  {
    name: "locks and guards do not open again what is removed while it is opened",
    in: "openStaying",
    find: "if (!isDetached(thrown) || reasonOf(thrown, \"open\") === \"Full\" || opens === mostOpens) throw thrown",
    replace: "throw thrown",
    by: "test/drivers/sqlite/SqliteDamage.test.ts"
  },
  {
    name: "a lease forgets that a process has joined its holder",
    in: "find",
    find: "joinedAt: joinedAt ?? undefined",
    replace: "joinedAt: undefined",
    by: "test/laws/stores.test.ts"
  },
  {
    name: "what waits for the lock of another program has all the time of the world",
    in: "workedMillis",
    find: "slowMillis + Backoff.allRefusedMillis(lock) + Backoff.allRefusedMillis(values)",
    replace: "slowMillis",
    by: "test/drivers/sqlite/transactions/operationsAtOnce.test.ts"
  },
  {
    name: "thousands of operations at once count as a slow store",
    in: "runTimed",
    find: "- items * writeQueue.ordinaryMillis",
    replace: "",
    by: "test/drivers/sqlite/transactions/operationsAtOnce.test.ts"
  },
  {
    name: "loads that have a lease end behind those that want one",
    in: "later",
    find: "self[self.laneOf(operation)]",
    replace: `self[self.laneOf(operation) === "first" ? "others" : self.laneOf(operation)]`,
    by: "test/drivers/sqlite/transactions/queue.test.ts"
  },
  {
    name: "reads of one step continue in a snapshot that is long over",
    in: "reads",
    find: "if (at - self.beganAt < limits.longestMillis && self.bornIn === operations) return",
    replace: "if (self.bornIn === operations) return",
    by: "test/drivers/sqlite/transactions/readsOfOneStep.test.ts"
  },
  {
    name: "reads of one step miss what another store of this process has written",
    in: "reads",
    find: "if (at - self.beganAt < limits.longestMillis && self.bornIn === operations) return",
    replace: "if (at - self.beganAt < limits.longestMillis) return",
    by: "test/drivers/sqlite/transactions/readsOfOneStep.test.ts"
  },
  {
    name: "programs that continue for long after their reads have snapshots, too",
    in: "reads",
    find: "if (!self.isTrusted) return",
    replace: "",
    by: "test/drivers/sqlite/transactions/readsOfOneStep.test.ts"
  },
  {
    name: "reads in pages continue in a snapshot",
    in: "inPages",
    find: "    endSnapshot(self)\n    const next",
    replace: "    const next",
    by: "test/drivers/sqlite/transactions/readsOfOneStep.test.ts"
  },
  {
    name: "a snapshot continues under a lock that was just taken over",
    in: "run",
    find: " finally {\n    countOperation()\n  }",
    replace: "",
    by: "test/drivers/sqlite/transactions/readsOfOneStep.test.ts"
  },
  {
    name: "a snapshot outlives the step that reads it",
    in: "reads",
    find: "void now.then(self.endOfStep)",
    replace: "setTimeout(self.endOfStep, 100)",
    by: "test/drivers/sqlite/transactions/readsOfOneStep.test.ts"
  },
  {
    name: "a log that was removed is not missed",
    in: "stateOf",
    find: `if (!isSame(log, self.log.mark) || !isSame(statOf(self.index.path), self.index.mark)) return "split"`,
    replace: "",
    by: "test/drivers/sqlite/SqliteReplaced.test.ts"
  },
  {
    name: "a folder in which nothing has changed for long is not asked again",
    in: "stateOf",
    find: "self.known !== undefined && isUnchanged(statOf(self.directory), self.known)",
    replace: "self.known !== undefined",
    by: "test/drivers/sqlite/file/inUse.test.ts"
  },
  {
    name: "a folder that has just changed is believed to stay unchanged",
    in: "learn",
    find: "Math.max(folder.mtimeMs, folder.ctimeMs) + sameMillis",
    replace: "Math.max(folder.mtimeMs, folder.ctimeMs)",
    by: "test/drivers/sqlite/file/inUse.test.ts"
  },
  {
    name: "a folder that got its former time back has not changed",
    in: "isUnchanged",
    find: " && a!.ctimeMs === b.ctimeMs",
    replace: "",
    by: "test/drivers/sqlite/file/inUse.test.ts"
  },
  {
    name: "a process that has looked waits like a refused one, because another has stored since",
    in: "orAtomic",
    find: "if (hasLooked && isBusy(thrown)) return afterwards()",
    replace: "",
    by: "test/drivers/sqlite/SqliteShared.test.ts"
  },
  {
    name: "a lease is granted as if another had not stored since the look",
    in: "orAtomic",
    find: "const afterwards = () => atomic(self, () => steps(false))",
    replace: "const afterwards = () => atomic(self, () => steps(true))",
    by: "test/drivers/sqlite/SqliteShared.test.ts"
  },
  {
    name: "what was invalidated comes back with an older copy",
    in: "open",
    find: "invalidateAgain(self, tables)",
    replace: "",
    by: "test/drivers/sqlite/SqliteReplaced.test.ts"
  },
  {
    name: "a database cut to nothing is a new one",
    in: "wasCut",
    find: "?.size === 0",
    replace: "?.size === -1",
    by: "test/drivers/sqlite/SqliteReplaced.test.ts"
  },
  {
    name: "all processes that wait for the lock ask for it",
    in: "attempt",
    find: "if (leftMillis(self) > 0) throw self.refusal",
    replace: "",
    by: "test/timed/sqliteLocks.test.ts"
  },
  {
    name: "values are stored however large the log is",
    in: "admit",
    find: "if (self.bytes <= bound || empty(database)) return noteEmptied(self)",
    replace: "return noteEmptied(self)",
    by: "test/processes/fullDisk.test.ts"
  },
  {
    name: "all writes at once happen in one turn",
    in: "run",
    find: "isLate && canWait ?",
    replace: "isLate && false ?",
    by: "test/drivers/sqlite/transactions/queue.test.ts"
  },
  {
    name: "a write whose fiber has yielded waits for a turn that never comes",
    in: "later",
    find: "if (self.startedAt === undefined) begin(self)",
    replace: "",
    by: "test/drivers/sqlite/transactions/queue.test.ts"
  },
  {
    name: "a write of runSync waits for a later turn",
    in: "run",
    find: "isLate && canWait ?",
    replace: "isLate ?",
    by: "test/cached/operationsAtOnce.test.ts"
  },
  {
    name: "invalidations wait for all values",
    in: "endTurn",
    find: "runGroup(self, [self.apart])",
    replace: "if (self.first.size + self.others.size === 0) runGroup(self, [self.apart])",
    by: "test/drivers/sqlite/transactions/queue.test.ts"
  },
  {
    name: "invalidations at once are refused while values are",
    in: "runAll",
    find: "passes: all.every(({ passes }) => passes)",
    replace: "passes: false",
    by: "test/drivers/sqlite/transactions/operationsAtOnce.test.ts"
  },
  {
    name: "groups of writes continue however long their turn has taken",
    in: "endTurn",
    find: "while (hasWaiting(self) && !hasTaken(self, limits.turnMillis))",
    replace: "while (hasWaiting(self))",
    by: "test/drivers/sqlite/transactions/queue.test.ts"
  },
  {
    name: "what an operation has written before it failed stays, because others were in its transaction",
    in: "partly",
    find: `if (database.isTransaction) database.exec("ROLLBACK TO part; RELEASE part")`,
    replace: "",
    by: "test/drivers/sqlite/transactions/operationsAtOnce.test.ts"
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
    name: "markers fill a small database for good",
    in: "free",
    find: "dropOthers(Math.ceil((size + slack) / pageSize))",
    replace: "",
    by: "test/drivers/sqlite/SqliteBounds.test.ts"
  },
  {
    name: "no process is notified of an evicted marker",
    in: "dropSome",
    find: `if (table === "marker") Changes.markersDropped(changes, dropped.map(({ name }) => fromColumn(name)))`,
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
    name: "what is known of a database that is gone counts until the next one can be opened",
    in: "listen",
    find: "if (self.isClosed || known === self.left) throw thrown",
    replace: "throw thrown",
    by: "test/drivers/sqlite/SqliteDamage.test.ts"
  },
  {
    name: "on a full disk a program cannot start",
    in: "openFile",
    find: "if (!isWithoutRoom || Reserve.freeBytes(directory) >= bound || !Reserve.giveUp(reserve)) throw thrown",
    replace: "throw thrown",
    by: "test/processes/fullDisk.test.ts"
  },
  {
    name: "a folder that is deleted while it is opened is an error",
    in: "isDetached",
    find: `FileErrors.codeOf(thrown) === "ENOENT" ||`,
    replace: "",
    by: "test/drivers/sqlite/SqliteDamage.test.ts"
  },
  {
    name: "the counter of invalidations may be missing",
    in: "count",
    find: `if (typeof value !== "number") throw damage("The counter of invalidations is missing")`,
    replace: "",
    by: "test/drivers/sqlite/SqliteBounds.test.ts"
  },
  {
    name: "a database stays as large as it was",
    in: "make",
    find: "self.isDue = pagesAbove(self) > 0",
    replace: "",
    by: "test/drivers/sqlite/SqliteBounds.test.ts"
  },
  {
    name: "what has expired stays in the file",
    in: "over",
    find: "if (++steps % tidyEvery === 0) tables.tidy.run(now)",
    replace: "",
    by: "test/drivers/sqlite/SqliteGuards.test.ts"
  },
  {
    name: "a disk that others have filled costs all entries",
    in: "makeRoom",
    find: "!isInvalidation && !isOwn(self, opened)",
    replace: "false",
    by: "test/processes/fullDisk.test.ts"
  }
]
