/**
 * Deliberate faults that one file of the tests finds, each a file about the unit that has it: schedules see no order, no
 * bound and no question that is asked too often.
 */
import type { Fault } from "./fault.ts"

export interface UnitFault extends Fault {
  /** the file whose tests find it */
  readonly by: string
}

const flight = "test/internal/engine/flight"
const storeTier = "test/internal/engine/storeTier"
const withinOneStep = "test/internal/engine/withinOneStep.test.ts"

export const faults: ReadonlyArray<UnitFault> = [
  {
    name: "a private load is stored although its key was invalidated meanwhile",
    in: "complete",
    find: "flight.storable = isStorable(self, flight)",
    replace: "",
    by: "test/cached/privateFlights.test.ts"
  },
  {
    name: "a private flight is kept in a list, where one that is stopped stays",
    in: "launch",
    find: "!self.isPrivate",
    replace: "true",
    by: "test/cached/privateFlights.test.ts"
  },
  {
    name: "every reader of a due key has it refreshed",
    in: "handOver",
    find: "holdOff(self, id, now, self.refreshing.timeoutMillis)",
    replace: "void [id, now]",
    by: "test/cached/privateFlights.test.ts"
  },
  {
    name: "a private load past its softTimeout runs on without a platform",
    in: "serveStale",
    find: "!self.isPrivate || ",
    replace: "true || ",
    by: "test/cached/privateFlights.test.ts"
  },
  {
    name: "what a private reader does waits for the turn of another",
    in: "work",
    find: "self.isPrivate ? Infinity : jobsOfTurn",
    replace: "jobsOfTurn",
    by: "test/cached/privateFlights.test.ts"
  },
  {
    name: "a long list holds the event loop",
    in: "inTurns",
    find: "monotonicMillis(clock) - beganAt < turnMillis",
    replace: "true",
    by: "test/internal/turns.test.ts"
  },
  {
    name: "a map of many answers holds the event loop",
    in: "forEach",
    find: "monotonicMillis(clock) - beganAt >= turnMillis",
    replace: "false",
    by: "test/internal/turns.test.ts"
  },
  {
    name: "a line of the log has what a value leaves out of its text",
    in: "beginOf",
    find: "else if (hasText(value) && isSmall(value)) text += Formatter.format(value)",
    replace: "",
    by: "test/cached/values.test.ts"
  },
  {
    name: "a detector that asks for no values gets them",
    in: "detect",
    find: "detector.values",
    replace: "true",
    by: "test/cached/values.test.ts"
  },
  {
    name: "an answer that nobody asked for comes back after its key was invalidated",
    in: "detach",
    find: "noteChange(self, id)",
    replace: "",
    by: "test/cached/unasked.test.ts"
  },
  {
    name: "an answer that nobody asked for comes back after a clear",
    in: "forgetAll",
    find: "noteAll(self)",
    replace: "",
    by: "test/cached/unasked.test.ts"
  },
  {
    name: "a listing of values pushes others out of memory",
    in: "valuesOf",
    find: "writes: false",
    replace: "writes: policy.writes",
    by: "test/cached/matching.test.ts"
  },
  {
    name: "a counter that has expired is listed",
    in: "counters",
    find: "now < expiresAt",
    replace: "now < expiresAt + 60_000",
    by: "test/cached/counters.test.ts"
  },
  {
    name: "what caches served inside a load that was joined is forgotten",
    in: "respond",
    find: "recordLoaded(caller.within, flight)",
    replace: "",
    by: "test/cached/inherit.test.ts"
  },
  {
    name: "only the first key of a call inherits what the call was served",
    in: "make",
    find: "recordShared(item.flight.attempt, first.flight.attempt)",
    replace: "",
    by: "test/cached/inherit.test.ts"
  },
  {
    name: "what is to be refused is stored",
    in: "inherited",
    find: `if (inherit === "refuse") return "skip"`,
    replace: "",
    by: "test/cached/inherit.test.ts"
  },
  {
    name: "a call whose first key was left is inside no load",
    in: "endFlight",
    find: "if (flight.request.batch?.isLedBy(flight) !== true) endAttempt(flight.attempt)",
    replace: "endAttempt(flight.attempt)",
    by: "test/cached/bulk.test.ts"
  },
  {
    name: "what a touch has made fresh is nothing to fall back on",
    in: "usableStale",
    find: "decision === LoadOrStale || (decision !== Load && now < stale.softExpiresAt)",
    replace: "decision === LoadOrStale",
    by: "test/promises/P6.test.ts"
  },
  {
    name: "what was made stale is fallen back on as fresh",
    in: "usableStale",
    find: "stale.softExpiresAt = -Infinity",
    replace: "{}",
    by: "test/promises/P6.test.ts"
  },
  {
    name: "the last value that was served counts, not the oldest",
    in: "record",
    find: "else if (oldestAt < recorder.oldestAt) {",
    replace: "else {",
    by: "test/cached/inherit.test.ts"
  },
  {
    name: "what is stored is the object that the load answered",
    in: "kept",
    find: "return copy === undefined || renewed || !policy.writes ? exit : Exit.map(exit, copyOf(copy, request.key))",
    replace: "return exit",
    by: "test/cached/copy.test.ts"
  },
  {
    name: "a resource is only found in the value itself",
    in: "holdsResource",
    find: "addParts(waiting, value)",
    replace: "",
    by: "test/cached/resources.test.ts"
  },
  {
    name: "a resource in an Option is not found",
    in: "contentOf",
    find: "if (Option.isOption(value)) return Option.toArray(value)",
    replace: "",
    by: "test/cached/resources.test.ts"
  },
  {
    name: "text of JSON is made of what is not JSON",
    in: "checkedLink",
    find: "[new SchemaAST.Link(SchemaAST.any, onlyJson), link]",
    replace: "[link]",
    by: "test/cached/messages.test.ts"
  },
  {
    name: "the stack of a mistake leads nowhere",
    in: "dual",
    find: "mistakeIn(called, options)",
    replace: "undefined",
    by: "test/cached/messages.test.ts"
  },
  {
    name: "below Schema.Any anything is JSON",
    in: "isOpen",
    find: `_tag === "Any" || _tag === "ObjectKeyword" || _tag === "Unknown"`,
    replace: `_tag === "ObjectKeyword" || _tag === "Unknown"`,
    by: "test/serializers/openSchemas.test.ts"
  },
  {
    name: "the work loop has no budget",
    sought: "always",
    in: "work",
    find: "while (left > 0 && job(self)) left--",
    replace: "while (left !== Infinity && job(self)) left--",
    by: `${flight}/work.test.ts`
  },
  {
    name: "what ends last is answered first",
    in: "Fifo",
    find: "this.items[this.end++] = item",
    replace: `this.items.splice(this.head, 0, item)
this.end++`,
    by: `${flight}/work.test.ts`
  },
  {
    name: "refreshes start before answers",
    in: "next",
    find: "endNext(self) || startNext(self)",
    replace: "startNext(self) || endNext(self)",
    by: `${flight}/work.test.ts`
  },
  {
    name: "a due read waits for the synchronous part of its refresh",
    in: "takeSlots",
    find: "startLater(self, flight, dispatcher)",
    replace: "self.work.start(self, flight)",
    by: `${flight}/work.test.ts`
  },
  {
    name: "a load that is not the newest of its id ends a fallback",
    in: "endFallback",
    find: "if (!isNewest(flight)) return",
    replace: "",
    by: "test/cached/fallback.test.ts"
  },
  {
    name: "a stale value is served without a load, though there was an answer",
    in: "standsIn",
    find: "&& !isAnswered(self, entry)",
    replace: "",
    by: "test/cached/fallback.test.ts"
  },
  {
    name: "ids whose load has answered are not bounded",
    in: "endFallback",
    find: "if (self.answered.size <= answeredIds) break",
    replace: "if (self.answered.size < Infinity) break",
    by: `${flight}/answers.test.ts`
  },
  {
    name: "a strict read does not ask what the store was asked in vain to invalidate",
    in: "afterUnsent",
    find: "return unsent.length === 0 ? undefined",
    replace: "return unsent.length < Infinity ? undefined",
    by: "test/promises/P4.test.ts"
  },
  {
    name: "a strict read of many does not either",
    in: "refusedStrictly",
    find: "return unsent.length === 0 ? undefined",
    replace: "return unsent.length < Infinity ? undefined",
    by: "test/promises/P4.test.ts"
  },
  {
    name: "the queue of refreshes is not bounded",
    in: "offer",
    find: "if (queue.size <= queuedRefreshes) return",
    replace: "if (queue.size < Infinity) return",
    by: `${flight}/refreshing.test.ts`
  },
  {
    name: "what was asked for first is refreshed first",
    in: "newestOf",
    find: "newest = unit",
    replace: "newest ??= unit",
    by: `${flight}/refreshing.test.ts`
  },
  {
    name: "what is queued outlives its entry",
    in: "forgetRefresh",
    find: "dropFlight(self, flight)",
    replace: "",
    by: `${flight}/refreshing.test.ts`
  },
  {
    name: "a detached refresh keeps its slot",
    in: "detach",
    find: "else leaveUnit(self, flight)",
    replace: "",
    by: `${flight}/refreshing.test.ts`
  },
  {
    name: "a refresh keeps its slot past its time",
    in: "limitUnattended",
    find: "leaveUnit(self, flight)",
    replace: "",
    by: `${flight}/refreshing.test.ts`
  },
  {
    name: "a flight keeps its parent",
    in: "letGo",
    find: "flight.parent = undefined",
    replace: "",
    by: `${flight}/attempt.test.ts`
  },
  {
    name: "a flight keeps the context of its starter",
    in: "letGo",
    find: "flight.starter = noContext",
    replace: "",
    by: `${flight}/attempt.test.ts`
  },
  {
    name: "a try is inside its load for ever",
    in: "endAttempt",
    find: "self.flight = undefined",
    replace: "",
    by: `${flight}/attempt.test.ts`
  },
  {
    name: "a second try inherits from the first",
    in: "again",
    find: "nextAttempt(flight, nowOf(fiber))",
    replace: "flight.attempt",
    by: `${flight}/attempt.test.ts`
  },
  {
    name: "who waits for a lease asks alone",
    in: "askAll",
    find: "tier.store.acquireMany(due.map((waiting) => requestOf(tier, waiting, now)))",
    replace: `Effect.forEach(due, (waiting) => {
const { id, ...asking } = requestOf(tier, waiting, now)
return tier.store.acquire(id, asking)
})`,
    by: `${flight}/leaseWaits.test.ts`
  },
  {
    name: "who waits for a lease asks as often as at first",
    in: "nextOf",
    find: "Math.max(leasePoll.firstMillis, waited / 4)",
    replace: "leasePoll.firstMillis",
    by: `${flight}/leaseWaits.test.ts`
  },
  {
    name: "changes are looked for before the result is in memory",
    in: "complete",
    find: "unregister(self, flight)\n  publish(self, flight)",
    replace: "unregister(self, flight)\n  releaseLease(flight)\n  publish(self, flight)",
    by: "test/internal/engine/invalidation/tracking.test.ts"
  },
  {
    name: "a refresh that somebody joins stays in the queue while listeners are told",
    in: "promote",
    find: "self.refreshing.queue.delete(unit)\n  return Array.from(unit.flights)",
    replace: "return unit.flights",
    by: withinOneStep
  },
  {
    name: "changes are looked for when a value that was set enters memory",
    in: "set",
    find: "self.tagEpochs.ensureTracking?.()",
    replace: "",
    by: withinOneStep
  },
  {
    name: "listeners are told in the midst of a list of changes",
    in: "together",
    find: "if (self.untold !== undefined) return steps()",
    replace: "if (self.capacity !== undefined) return steps()",
    by: withinOneStep
  },
  {
    name: "listeners are told of tags before they are pending",
    in: "invalidateTags",
    find: "const item = Pending.add(tier.pending, Pending.tagsTarget(tier.pending, tags, mode))\n    begin()",
    replace: "begin()\n    const item = Pending.add(tier.pending, Pending.tagsTarget(tier.pending, tags, mode))",
    by: withinOneStep
  },
  {
    name: "a value that is set enters memory before it is pending",
    in: "replaceInStore",
    find: `const item = Pending.add(pending, { _tag: "Id", id })
    const { clears } = pending
    replaceHere()`,
    replace: `replaceHere()
    const item = Pending.add(pending, { _tag: "Id", id })
    const { clears } = pending`,
    by: withinOneStep
  },
  {
    name: "the call of a batch begins within an invalidation",
    sought: "always",
    in: "make",
    find: "dispatcher.scheduleTask(fireIfComplete, 0)",
    replace: "fireIfComplete()",
    by: withinOneStep
  },
  {
    name: "what a listener has invalidated is refreshed",
    in: "enqueue",
    find: "mutations !== self.mutations",
    replace: "mutations === undefined",
    by: withinOneStep
  },
  {
    name: "the name of a write is drawn from the caller's Random",
    in: "entryOf",
    find: "self.tokens.next(16)",
    replace: "String(Context.get(flight.starter.context, Random.Random).nextDoubleUnsafe())",
    by: "test/internal/token.test.ts"
  },
  {
    name: "a store seeds its tokens from the caller's Random",
    in: "lazily",
    find: "make(fiber.getRef(Seed))",
    replace: `make(drawWith(() =>
  fiber.getRef(Context.Reference("effect/Random", { defaultValue: () => Math })).nextDoubleUnsafe()
))`,
    by: "test/internal/token.test.ts"
  },
  {
    name: "a listener is not isolated",
    in: "isolated",
    find: `try {
listener(...told)
} catch`,
    replace: `listener(...told)
try {
} catch`,
    by: "test/cached/events.test.ts"
  },
  {
    name: "an eviction policy is not guarded",
    in: "makePolicy",
    find: "guarded(made(options), guard)",
    replace: "made(options)",
    by: "test/cached/userCode.test.ts"
  },
  {
    name: "answers of acquire are not checked",
    in: "validateAnswers",
    find: `ask("acquire", () => store.acquire(id, options), isAcquired(options))`,
    replace: `ask("acquire", () => store.acquire(id, options), isAnything)`,
    by: `${storeTier}/validateAnswers.test.ts`
  },
  {
    name: "answers of acquire to many are not checked",
    in: "validateAnswers",
    find: "isListOf(requests.length, (acquired, i) => isAcquired(requests[i]!)(acquired))",
    replace: "isListOf(requests.length, isAnything)",
    by: `${storeTier}/lyingStores.test.ts`
  },
  {
    name: "an entry whose deadline was moved on counts as expired",
    in: "firstExpired",
    find: "if (entry.expiresAt <= now) return entry",
    replace: "if (entry.createdAt <= now) return entry",
    by: "test/internal/engine/memory/deadlines.test.ts"
  },
  {
    name: "an entry with an earlier deadline stays where it was",
    in: "reorder",
    find: "if (self.entries.get(entry.id) === entry)",
    replace: "if (self.entries.get(entry.id) !== entry)",
    by: "test/cached/expiredFirst.test.ts"
  },
  {
    name: "the heap of deadlines fills a gap with what does not belong there",
    in: "settle",
    find: "if (place > 0 && time < self.times[above(place)]!)",
    replace: "if (place < 0)",
    by: "test/internal/engine/memory/deadlines.test.ts"
  },
  {
    name: "a hit does not look at the class of its key",
    in: "read",
    find: "if (sameIds.exist) meet(self, key)",
    replace: "",
    by: "test/cached/sameIds.test.ts"
  },
  {
    name: "a class that is used again after another has come is not noticed",
    in: "meetClass",
    find: "before.metBy = unknown",
    replace: "",
    by: "test/cached/sameIds.test.ts"
  },
  {
    name: "classes of a hot reload are two",
    in: "mayBeOne",
    find: "(one.position === other.position || one.query !== other.query)",
    replace: "false",
    by: "test/cached/sameIds.test.ts"
  },
  {
    name: "a marker that another process has changed counts as an old one",
    in: "make",
    find: "wasThere ? forgotten : ++seq",
    replace: "forgotten",
    by: "test/lastingStorage.test.ts"
  },
  {
    name: "the marker of another process is written over",
    in: "make",
    find: `if (!(yield* writeIfAbsent(tag, fresh))) {
const winner = yield* versionOf(tag)`,
    replace: `if (!(yield* writeIfAbsent(tag, fresh))) {
const winner = undefined as string | undefined`,
    by: "test/lastingStorage.test.ts"
  },
  {
    name: "a soft invalidation undoes a hard one of another process",
    in: "hasUndone",
    find: "hard !== undefined && hardHalf(hard) !== hardHalf(softened)",
    replace: "hard === \"\" && softened === \"\"",
    by: "test/lastingStorage.test.ts"
  },
  {
    name: "a storage's own markers are counted as entries",
    in: "hiddenIn",
    find: "(all, markers) => all - markers",
    replace: "(all) => all",
    by: "test/laws/lastingStores.test.ts"
  },
  {
    name: "a key that looks like a pattern is not warned of",
    in: "ofKey",
    find: `key.includes("*")`,
    replace: "false",
    by: "test/cached/targets.test.ts"
  },
  {
    name: "an invalidation by pattern fails the write that it follows",
    in: "invalidateMatching",
    find: "if (strict) return strictly(error)",
    replace: "return strictly(error)",
    by: "test/cached/targets.test.ts"
  },
  {
    name: "an invalidation does not wait for the commit",
    in: "afterCommit",
    find: "if (openTransaction(context) === undefined) return effect",
    replace: "return effect",
    by: "test/cached/sqlTransaction.test.ts"
  },
  {
    name: "only the client of the context tells of its commit",
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
    name: "requests of a transaction are answered with those around it",
    in: "groupsOf",
    find: ".flatMap((group) => split(group, openTransaction))",
    replace: "",
    by: "test/cached/sqlTransaction.test.ts"
  },
  {
    name: "limits that are functions of the key are not asked",
    in: "askTimeouts",
    find: "timeoutMillis: askTimeout(\"timeout\", request, timeout)",
    replace: "timeoutMillis: undefined",
    by: "test/cached/byFunction.test.ts"
  },
  {
    name: "one cache has the defaults of another",
    in: "rulesOf",
    find: "rules !== undefined && rules.defaults === self.readDefaults",
    replace: "rules !== undefined",
    by: "test/cached/defaults.test.ts"
  },
  {
    name: "what was written into a former database counts",
    in: "make",
    find: "if (!hasWritten || !leaveFormer()) {",
    replace: "if (true) {",
    by: "test/stores/SqliteReplaced.test.ts"
  },
  {
    name: "a log that was removed is not missed",
    in: "stateOf",
    find: `if (!isSame(log, marks.log) || !isSame(markOf(\`\${file}-shm\`), marks.index)) return "split"`,
    replace: "",
    by: "test/stores/SqliteReplaced.test.ts"
  },
  {
    name: "what was invalidated comes back with an older copy",
    in: "make",
    find: "if (opened.generation <= lastGeneration) invalidateAgain(made)",
    replace: "",
    by: "test/stores/SqliteReplaced.test.ts"
  },
  {
    name: "a database cut to nothing is a new one",
    in: "wasCut",
    find: "?.size === 0",
    replace: "?.size === -1",
    by: "test/stores/SqliteReplaced.test.ts"
  },
  {
    name: "all who wait for the lock ask for it",
    in: "make",
    find: "if (leftMillis() > 0) throw last",
    replace: "",
    by: "test/stores/SqliteShared.test.ts"
  },
  {
    name: "values are stored however large the log is",
    in: "make",
    find: "if (bytes <= bound || empty(database)) return emptied()",
    replace: "return emptied()",
    by: "test/processes/fullDisk.test.ts"
  },
  {
    name: "all who write at once write in one turn",
    in: "make",
    find: "return waiting.size > 0 || isOver() ? Effect.andThen(later, once) : once",
    replace: "return once",
    by: "test/stores/internal/sqliteTurns.test.ts"
  },
  {
    name: "values are stored before there is room again for removing",
    in: "make",
    find: "if (!hasReserve && !takeReserve()) throw noRoom()",
    replace: "",
    by: "test/processes/fullDisk.test.ts"
  },
  {
    name: "a full disk acknowledges what it has not taken",
    in: "make",
    find: "if (!isFull(thrown) || opened === undefined || triesLeft === 0) throw thrown",
    replace: "if (!isFull(thrown) || opened === undefined) throw thrown; return undefined as A",
    by: "test/processes/fullDisk.test.ts"
  },
  {
    name: "where others have filled the disk nothing can be removed",
    in: "make",
    find: "if (!succeeds(free)) abandon(of)",
    replace: "free()",
    by: "test/processes/fullDisk.test.ts"
  },
  {
    name: "who reads for ever keeps the log growing",
    in: "make",
    find: `if (state === "current") return log?.isHopeless() === true && abandon(opened)`,
    replace: `if (state === "current") return false`,
    by: "test/processes/fullDisk.test.ts"
  },
  {
    name: "markers fill a small database for good",
    in: "make",
    find: "if (spared.length === 0 && freePages() === before) dropOthers(Math.ceil((size + slack) / pageSize))",
    replace: "",
    by: "test/stores/SqliteBounds.test.ts"
  },
  {
    name: "nobody is told of a marker that has given way",
    in: "dropping",
    find: `if (table === "marker") changes.markersDropped(dropped.map(({ name }) => fromColumn(name)))`,
    replace: "",
    by: "test/stores/SqliteBounds.test.ts"
  },
  {
    name: "a relative directory goes where the program goes",
    in: "absolute",
    find: "path.resolve(directory)",
    replace: "directory",
    by: "test/stores/directories.test.ts"
  },
  {
    name: "many ids are one step",
    in: "inSteps",
    find: "if (items.length <= many.firstSteps)",
    replace: "if (items.length > 0)",
    by: "test/stores/SqliteBounds.test.ts"
  },
  {
    name: "all threads of a process write one draft",
    in: "open",
    find: "`${owner}-${process.pid}-${drafts++}.tmp`",
    replace: "`${process.pid}.tmp`",
    by: "test/processes/threads.test.ts"
  },
  {
    name: "what is no plain file is opened",
    in: "requirePlainFile",
    find: "if (!stat.isFile()) throw refused(`${file} is refused because it is no plain file`)",
    replace: "",
    by: "test/stores/sharedFolders.test.ts"
  },
  {
    name: "new folders are for everybody who may read",
    in: "makeFolder",
    find: "mode: 0o700",
    replace: "mode: 0o755",
    by: "test/stores/sharedFolders.test.ts"
  },
  {
    name: "a value of any size is stored",
    in: "make",
    find: "if (size > maxValue) {",
    replace: "if (size < 0) {",
    by: "test/stores/SqliteBounds.test.ts"
  },
  {
    name: "under a folder locks are those of the process",
    in: "folderLock",
    find: "Context.getOrUndefined(context, Lock) === undefined",
    replace: "Context.getOrUndefined(context, Lock) !== undefined",
    by: "test/layers/diskLock.test.ts"
  },
  {
    name: "a folder of files is measured at once",
    in: "make",
    find: "if (scan !== undefined) step(scan, filesMeasured.ofStep)",
    replace: "if (scan !== undefined) step(scan, Infinity)",
    by: "test/stores/internal/filesRoom.test.ts"
  },
  {
    name: "what is known of a database that is gone counts until the next one can be opened",
    in: "make",
    find: "if (isClosed || known === left) throw thrown",
    replace: "throw thrown",
    by: "test/stores/SqliteDamage.test.ts"
  },
  {
    name: "on a full disk a program cannot start",
    in: "make",
    find: "if (!isWithoutRoom || Reserve.freeBytes(directory) >= bound || !reserve.giveUp()) throw thrown",
    replace: "throw thrown",
    by: "test/processes/fullDisk.test.ts"
  },
  {
    name: "a folder that is deleted while it is opened is an error",
    in: "isDetached",
    find: `field(thrown, "code") === "ENOENT" ||`,
    replace: "",
    by: "test/stores/SqliteDamage.test.ts"
  },
  {
    name: "the counter of invalidations may be missing",
    in: "tags",
    find: `if (typeof value !== "number") throw damage("The counter of invalidations is missing")`,
    replace: "",
    by: "test/stores/SqliteBounds.test.ts"
  },
  {
    name: "tags may have any length in a frame",
    in: "decode",
    find: "if (tagsEnd > end) return undefined",
    replace: "",
    by: "test/stores/SqliteBounds.test.ts"
  },
  {
    name: "a database stays as large as it was",
    in: "make",
    find: "isDue = above() > 0 return {",
    replace: "return {",
    by: "test/stores/SqliteBounds.test.ts"
  },
  {
    name: "everybody may put values into the folder",
    in: "othersOf",
    find: `if ((mode & everybody) !== 0) return "everybody"`,
    replace: "",
    by: "test/stores/sharedFolders.test.ts"
  },
  {
    name: "who was stopped serves what was invalidated meanwhile",
    in: "polled",
    find: "monotonicMillis(clock) - lookedAt <= polling.pollMillis",
    replace: "true",
    by: "test/internal/engine/invalidation/tracking.test.ts"
  },
  {
    name: "closing does not wait for a write whose caller has gone on",
    in: "close",
    find: "flight.callers.size === 0 && !flight.isBehind",
    replace: "flight.callers.size === 0",
    by: "test/cached/waitForWrite.test.ts"
  },
  {
    name: "who asks while a value is written waits for that",
    in: "joinOrStart",
    find: "if (running.loaded !== undefined) answerIfBehind(engine, caller)",
    replace: "",
    by: "test/cached/waitForWrite.test.ts"
  },
  {
    name: "any number of writes goes on behind their callers",
    in: "isBehind",
    find: "(flight.isBehind || self.behind < writesBehind)",
    replace: "true",
    by: "test/cached/waitForWrite.test.ts"
  },
  {
    name: "strict callers do not wait for the write either",
    in: "isBehind",
    find: "!policy.strict && ",
    replace: "",
    by: "test/cached/waitForWrite.test.ts"
  }
]
