/** Deliberate faults of locks. */
import type { UnitFault } from "../fault.ts"

export const faults: ReadonlyArray<UnitFault> = [
  {
    name: "the locks of a transaction are not renewed",
    in: "renewing",
    find: "return Effect.forever(Effect.andThen(Effect.sleep(third), renewAll))",
    replace: "return Effect.never",
    by: "test/transaction/locks.test.ts"
  },
  {
    name: "the first of several locks alone is renewed",
    in: "renewing",
    find: "Array.from(all)",
    replace: "Array.from(all).slice(0, 1)",
    by: "test/transaction/locks.test.ts"
  },
  {
    name: "a place that does not answer ends the locks of others",
    in: "renewing",
    find: "Effect.timeoutOption(backend.renew(held.name, held.token, leaseMillis), third)",
    replace: "Effect.timeoutOption(backend.renew(held.name, held.token, leaseMillis), leaseMillis * 10)",
    by: "test/transaction/locks.test.ts"
  },
  {
    name: "work continues without its lock",
    in: "during",
    find: "Effect.raceFirst(use(held.token), failWhenLost(self, held))",
    replace: "use(held.token)",
    by: "test/guard/locked.test.ts"
  },
  {
    name: "the lock of an effect is not released",
    in: "during",
    find: "release(self, held)",
    replace: "Effect.void",
    by: "test/guard/locked.test.ts"
  }
]
