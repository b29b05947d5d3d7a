/** Deliberate faults of transactions. */
import { foundBy, type UnitFault } from "../fault.ts"

export const faults: ReadonlyArray<UnitFault> = [
  ...foundBy("test/transaction/manyAtOnce.test.ts", [
    ["thousands of transactions begin in one turn", "inLaterTurn", "return TurnLimit.pass(limit)", "return Effect.void"]
  ]),
  ...foundBy("test/cached/invalidateUnacknowledged.test.ts", [
    [
      "a commit reads the versions of tags before it sends an unsent invalidation of them",
      "inStore",
      "yield* replayed(tier, { counts, items }, budget)",
      "",
      {
        also: [{
          in: "inStore",
          find: "const versions = yield* versionsFor(tier, items, budget)",
          replace:
            "const versions = yield* versionsFor(tier, items, budget)\nyield* replayed(tier, { counts, items }, budget)"
        }]
      }
    ]
  ]),
  ...foundBy("test/transaction/transaction.test.ts", [
    [
      "a transaction loads though its cache is closed",
      "loadsOf",
      "base.closed ? new CacheClosed({ key: flight.id }) :",
      ""
    ],
    [
      "a look-up inside a transaction invalidates at once",
      "lookupMany",
      "if (policy.invalidate !== undefined && !policy.bypass) { return Effect.as( remove(",
      "if (policy.invalidate !== undefined && policy.bypass) { return Effect.as( remove(",
      { also: [{ in: "below", find: "Policy.readingAll", replace: "(policy) => policy" }] }
    ],
    ["savepoints of one level do not see each other", "nested", "return inTurn(parent, savepoint)", "return savepoint"],
    // It recurses until there is no memory left.
    ["a load begins again in a transaction inside it", "loadsOf", "cycleOf(flight.parent, flight)", "undefined", {
      sought: "by hand"
    }]
  ]),
  ...foundBy("test/transaction/model.test.ts", [
    [
      "a ttl counts from the write, not from the commit",
      "committed",
      "const expiresAt = endOf(life, now)",
      "const expiresAt = entry.expiresAt + 0 * endOf(life, now)"
    ],
    ["what was written around a savepoint ages in it", "writeSeen", "level = level.parent", "level = undefined"]
  ]),
  ...foundBy("test/transaction/bankUnderSchedules.test.ts", [
    [
      "a transaction checks nothing at its commit",
      "commit",
      "const asked = [...checks.ids.values(), ...checks.conditions, ...checks.names.values()]",
      "const asked: Array<TransactCheck> = []",
      { sought: "always" }
    ],
    [
      "half a commit: the last write is left out",
      "inMemory",
      "for (const item of applied) applyHere",
      "for (const item of applied.slice(0, Math.max(1, applied.length - 1))) applyHere"
    ],
    [
      "dirty reads: memory has what is written before the store has committed it",
      "inStore",
      "const sent = begin(tier, items)",
      `const sent = begin(tier, items)
    for (const entry of entries.values()) put(base, copyOf(entry, { bornAt: base.tagEpochs.epoch }), now)`
    ]
  ]),
  ...foundBy("test/transaction/failures.test.ts", [
    [
      "after a conflict the next try reads the same old copy",
      "inStore",
      `for (const id of answer.ids) Memory.remove(base.memory, id, "unverified")`,
      ""
    ]
  ]),
  ...foundBy("test/transaction/withSql.test.ts", [
    [
      "an SQL transaction invalidates before its commit",
      "withSql",
      "const told = Effect.andThen(",
      "yield* tell(found)\n        const told = Effect.andThen("
    ],
    [
      "what an interrupted savepoint has invalidated is lost, and its rows are not",
      "nested",
      "around(ran) as typeof ran",
      "restore(around(ran)) as typeof ran"
    ],
    [
      "an SQL transaction that was rolled back has counted",
      "withSql",
      ": Exit.isSuccess(exit)",
      ": Exit.isSuccess(exit) || Exit.isFailure(exit)"
    ],
    [
      "a row of the outbox goes before the store has acknowledged it",
      "withSql",
      "isUnsent(base, found) ?",
      "isUnsent(undefined, found) ?"
    ]
  ])
]
