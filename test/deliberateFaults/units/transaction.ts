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
      find: "const versions = yield* versionsFor(tier, items, budget)",
      replace:
        "const versions = yield* versionsFor(tier, items, budget)\nyield* replayed(tier, { counts, items }, budget)"
    }],
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
    name: "a transaction loads though its cache is closed",
    in: "loadsOf",
    find: "base.closed ? new CacheClosed({ key: flight.id }) :",
    replace: "",
    by: "test/transaction/transaction.test.ts"
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
    name: "after a conflict the next try reads the same old copy",
    in: "inStore",
    find: `for (const id of answer.ids) Memory.remove(base.memory, id, "unverified")`,
    replace: "",
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
    name: "a look-up inside a transaction invalidates at once",
    in: "lookupMany",
    find: "if (policy.invalidate !== undefined && !policy.bypass) { return Effect.as( remove(",
    replace: "if (policy.invalidate !== undefined && policy.bypass) { return Effect.as( remove(",
    also: [{ in: "below", find: "Policy.readingAll", replace: "(policy) => policy" }],
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
    name: "an SQL transaction that was rolled back has counted",
    in: "withSql",
    find: ": Exit.isSuccess(exit)",
    replace: ": Exit.isSuccess(exit) || Exit.isFailure(exit)",
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
  }
]
