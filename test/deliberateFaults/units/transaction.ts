/** Deliberate faults of transactions. */
import type { UnitFault } from "../fault.ts"

export const faults: ReadonlyArray<UnitFault> = [
  {
    name: "thousands of transactions begin in one turn",
    in: "inLaterTurn",
    find: "return TurnLimit.pass(limit)",
    replace: "return Effect.void",
    by: "test/transaction/manyAtOnce.test.ts"
  },
  {
    name: "a commit reads the versions of tags before it sends an unsent invalidation of them",
    in: "inStore",
    find: "yield* replayed(tier, { counts, items }, budget)",
    replace: "",
    also: [{
      in: "inStore",
      find: "const versions = yield* versionsOf(tier, items, budget)",
      replace:
        "const versions = yield* versionsOf(tier, items, budget)\nyield* replayed(tier, { counts, items }, budget)"
    }],
    by: "test/cached/invalidateUnacknowledged.test.ts"
  },
  {
    name: "a commit of counters does not know of an unsent clear",
    in: "replayed",
    find: "counts.length > 0 ?",
    replace: "counts.length > 1e9 ?",
    by: "test/cached/invalidateUnacknowledged.test.ts"
  },
  {
    name: "what is written inside ends while a look-up asks the store",
    in: "look",
    find: "// The store may have taken longer than the ttl of a write.\n rebaseAll()",
    replace: "",
    by: "test/transaction/transaction.test.ts"
  },
  {
    name: "a load that a transaction stores ends no pause",
    in: "applyHere",
    find: "base.retryAt.delete(item.id)",
    replace: "",
    by: "test/promises/P6.test.ts"
  },
  {
    name: "what an outer level has loaded is not stored once a savepoint touches it",
    in: "touchMerged",
    find: "else if (loaded !== undefined)",
    replace: "else if (loaded === null)",
    by: "test/transaction/transaction.test.ts"
  },
  {
    name: "the load of a transaction replaces the result of a refresh that began later",
    in: "isPublishable",
    find: "current !== undefined && current !== former",
    replace: "current === null && current !== former",
    by: "test/transaction/transaction.test.ts"
  },
  {
    name: "a transaction loads though its cache is closed",
    in: "loadsOf",
    find: "base.closed ? new CacheClosed({ key: flight.id }) :",
    replace: "",
    by: "test/transaction/transaction.test.ts"
  },
  {
    name: "a touch that has waited for a commit has all of its time before it once more",
    in: "setLifetime",
    find: "run: () => moveDeadlines(self, id, ttlMillis, { tier, budget })",
    replace: "run: () => moveDeadlines(self, id, ttlMillis, { tier, budget: budgetOf(tier, policy) })",
    by: "test/transaction/lookupsBesideCommits.test.ts"
  },
  {
    name: "a look-up and a commit wait for each other",
    in: "commit",
    find: "before: Array.from(commits.lookups).filter((lookup) => meets(lookup, self)) }",
    replace: "get before() { return Array.from(commits.lookups).filter((lookup) => meets(lookup, self)) } }",
    by: "test/transaction/lookupsBesideCommits.test.ts"
  },
  {
    name: "a look-up does not wait for the commit of what it looks for",
    in: "lookup",
    find: "current === undefined || !meets(self, current)",
    replace: "current === undefined || meets(self, current) || true",
    by: "test/transaction/lookupsBesideCommits.test.ts"
  },
  {
    name: "a value of a transaction enters memory although changes were missed while its tags were read",
    in: "inStore",
    find: "base.mutations === mutations",
    replace: "mutations === mutations",
    by: "test/cached/setWhileChangesAreMissed.test.ts"
  },
  {
    name: "a look-up in memory does not wait for the commit of what it looks for",
    in: "storedMany",
    find: "keys.length === 1 || tier.commits.current === undefined",
    replace: "keys.length > 0",
    by: "test/transaction/lookupsBesideCommits.test.ts"
  },
  {
    name: "a commit does not wait for the look-ups before it",
    in: "commit",
    find: ".filter((lookup) => meets(lookup, self))",
    replace: ".filter((lookup) => meets(lookup, self) && false)",
    by: "test/transaction/lookupsBesideCommits.test.ts"
  },
  {
    name: "a removal in a transaction counts what a tag has ended",
    in: "inStore",
    find: `validityOf(tier, entry.meta, tags, answer?.versions ?? []) !== "gone"`,
    replace: "true",
    by: "test/cached/remove.test.ts"
  },
  {
    name: "a look-up finds nothing where a write is under way",
    in: "isGone",
    find: "self.all !== undefined || self.ids.get(id)!.isWrite !== true",
    replace: "true",
    by: "test/transaction/lookupsBesideCommits.test.ts"
  },
  {
    name: "a serializable transaction is shown what comes and goes",
    in: "inBase",
    find: "listed === undefined",
    replace: "true",
    by: "test/cached/entriesWhileMemoryChanges.test.ts"
  },
  {
    name: "what changes while a commit looks for changes is not noticed",
    in: "whileSame",
    find: "look.state !== stateOf(base)",
    replace: "false",
    by: "test/cached/entriesWhileMemoryChanges.test.ts"
  },
  {
    name: "a transaction checks nothing at its commit",
    in: "commit",
    find: "const asked = [...checks.ids.values(), ...checks.conditions, ...checks.names.values()]",
    replace: "const asked: Array<TransactCheck> = []",
    by: "test/transaction/bankUnderSchedules.test.ts",
    sought: "always"
  },
  {
    name: "serializable transactions check explicit reads alone",
    in: "below",
    find: `root.isolation === "serializable" ||`,
    replace: "",
    by: "test/transaction/transaction.test.ts"
  },
  {
    name: "after a conflict the next try reads the same old copy",
    in: "inStore",
    find: `for (const id of answer.ids) Memory.remove(base.memory, id, "unverified")`,
    replace: "",
    by: "test/transaction/failures.test.ts"
  },
  {
    name: "a commit without an answer counts as none",
    in: "doubt",
    find: "for (const [item] of sent) markUnsent(tier, item)",
    replace: "giveBack(tier, sent)",
    by: "test/transaction/failures.test.ts"
  },
  {
    name: "a ttl counts from the write, not from the commit",
    in: "committed",
    find: "const expiresAt = endOf(life, now)",
    replace: "const expiresAt = entry.expiresAt + 0 * endOf(life, now)",
    by: "test/transaction/transaction.test.ts"
  },
  {
    name: "a condition that is known is not checked",
    in: "rememberCondition",
    find: `checks.conditions.push({ _tag: "Entry", id, condition: told })`,
    replace: "void told",
    by: "test/transaction/transaction.test.ts"
  },
  {
    name: "a private load of a transaction is stored although its key was invalidated meanwhile",
    in: "isPublishable",
    find: "Watches.hasChanged(base, { since }, flight.id)",
    replace: "Watches.hasChanged(base, { since: Infinity }, flight.id) && since < 0",
    by: "test/transaction/transaction.test.ts"
  },
  {
    name: "a transaction locks nothing",
    in: "lock",
    find: `if (root.isolation !== "locked") return Effect.void`,
    replace: `if (root.isolation !== undefined) return Effect.void`,
    by: "test/transaction/failures.test.ts"
  },
  {
    name: "a savepoint reads past the level around it",
    in: "below",
    find: "if (parent !== undefined) {",
    replace: "if (parent !== undefined && self.isCleared) {",
    by: "test/transaction/transaction.test.ts"
  },
  {
    name: "write skew: two that read what the other one writes are both committed",
    in: "below",
    find: `root.isolation === "serializable" ||`,
    replace: "",
    by: "test/transaction/bankUnderSchedules.test.ts"
  },
  {
    name: "half a commit: the last write is left out",
    in: "inMemory",
    find: "for (const item of applied) applyHere",
    replace: "for (const item of applied.slice(0, Math.max(1, applied.length - 1))) applyHere",
    by: "test/transaction/bankUnderSchedules.test.ts"
  },
  {
    name: "dirty reads: memory has what is written before the store has committed it",
    in: "inStore",
    find: "const sent = begin(tier, items)",
    replace: `const sent = begin(tier, items)
    for (const entry of entries.values()) put(base, copyOf(entry, { bornAt: base.tagEpochs.epoch }), now)`,
    by: "test/transaction/bankUnderSchedules.test.ts"
  },
  {
    name: "of a tag that a transaction invalidates twice the first is taken for another's",
    in: "begin",
    find: "item !== undefined && (sent.get(item)?.displaced ?? true)",
    replace: "item !== undefined",
    by: "test/transaction/transaction.test.ts"
  },
  {
    name: "a look-up inside a transaction invalidates at once",
    in: "lookupMany",
    find: "if (policy.invalidate !== undefined && !policy.bypass) { return Effect.as( remove(",
    replace: "if (policy.invalidate !== undefined && policy.bypass) { return Effect.as( remove(",
    also: [{ in: "below", find: "Policy.readingAll", replace: "(policy) => policy" }],
    by: "test/transaction/transaction.test.ts"
  },
  {
    name: "a condition about what a transaction has loaded is checked outside",
    in: "isWritten",
    find: "level.isCleared || loadedHere(level, id) !== undefined",
    replace: "level.isCleared",
    by: "test/transaction/transaction.test.ts"
  },
  {
    name: "what was written around a savepoint ages in it",
    in: "writeSeen",
    find: "level = level.parent",
    replace: "level = undefined",
    by: "test/transaction/transaction.test.ts"
  },
  {
    name: "additions to a counter that come to nothing leave none",
    in: "addCount",
    find: "last.by + count.by !== 0",
    replace: "last.by + count.by < Infinity",
    by: "test/transaction/transaction.test.ts"
  },
  {
    name: "an SQL transaction invalidates before its commit",
    in: "withSql",
    find: "const told = Effect.andThen(",
    replace: "yield* tell(found)\n        const told = Effect.andThen(",
    by: "test/transaction/withSql.test.ts"
  },
  {
    name: "what an interrupted savepoint has invalidated is lost, and its rows are not",
    in: "nested",
    find: "around(ran) as typeof ran",
    replace: "restore(around(ran)) as typeof ran",
    by: "test/transaction/withSql.test.ts"
  },
  {
    name: "a client that does not say when it commits is believed",
    in: "withSql",
    find: "if (targets !== undefined) return told",
    replace: "if (targets !== null) return told",
    by: "test/transaction/withSql.test.ts"
  },
  {
    name: "an SQL transaction that was rolled back has counted",
    in: "withSql",
    find: ": Exit.isSuccess(exit)",
    replace: ": Exit.isSuccess(exit) || Exit.isFailure(exit)",
    by: "test/transaction/withSql.test.ts"
  },
  {
    name: "of a strict program the first invalidation that the store refuses is the last",
    in: "invalidate",
    find: "({ ...policy, strict: false })",
    replace: "policy",
    by: "test/transaction/withSql.test.ts"
  },
  {
    name: "rows of a later release are removed",
    in: "replay",
    find: "if (targets === undefined) foreign.add(id)",
    replace: "if (targets === undefined) yield* removeRow(sql, table, id)",
    by: "test/transaction/withSql.test.ts"
  },
  {
    name: "a row of the outbox goes before the store has acknowledged it",
    in: "withSql",
    find: "isUnsent(base, found) ?",
    replace: "isUnsent(undefined, found) ?",
    by: "test/transaction/withSql.test.ts"
  },
  {
    name: "the replay removes a row before the store has acknowledged it",
    in: "replay",
    find: "if (!isUnsent(cache.perform(engineOf), targets)) yield* removeRow",
    replace: "yield* removeRow",
    by: "test/transaction/withSql.test.ts"
  },
  {
    name: "the outbox carries out what is being carried out",
    in: "replay",
    find: "now - numbers.olderMillis",
    replace: "now",
    by: "test/transaction/withSql.test.ts"
  },
  {
    name: "a transaction reads what derives from what it has written",
    in: "isEnded",
    find: "self.writes.size > 0 &&",
    replace: "self.writes.size < 0 &&",
    by: "test/cached/derived.test.ts"
  },
  {
    name: "a transaction conflicts with what it has ended itself",
    in: "rememberCondition",
    find: "ended === undefined ?",
    replace: "ended !== null ?",
    by: "test/transaction/transaction.test.ts"
  },
  {
    name: "a look-up inside a transaction finds nothing where the store does not answer",
    in: "below",
    find: `purpose === "cached" || root.bypasses ? undefined`,
    replace: `purpose !== undefined || root.bypasses ? undefined`,
    by: "test/transaction/failures.test.ts"
  },
  {
    name: "what was touched is known, though a tag has ended it",
    in: "isKnown",
    find: `(self.writes.get(id) ?? touch)._tag !== "Touch"`,
    replace: "self.writes.has(id)",
    by: "test/transaction/transaction.test.ts"
  },
  {
    name: "savepoints of one level do not see each other",
    in: "nested",
    find: "return inTurn(parent, savepoint)",
    replace: "return savepoint",
    by: "test/transaction/transaction.test.ts"
  },
  {
    // It recurses until there is no memory left.
    name: "a load begins again in a transaction inside it",
    in: "loadsOf",
    find: "cycleOf(flight.parent, flight)",
    replace: "undefined",
    by: "test/transaction/transaction.test.ts",
    sought: "by hand"
  },
  {
    name: "a load of a transaction replaces a value that was set beside its commit",
    in: "inMemory",
    find: "items.filter((item) => item._tag !== \"Load\" || isPublishable(base, item.readCheck))",
    replace: "items",
    by: "test/transaction/loadsBesideSets.test.ts"
  }
]
