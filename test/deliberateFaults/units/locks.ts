/** Deliberate faults of locks. */
import { foundBy, type UnitFault } from "../fault.ts"

export const faults: ReadonlyArray<UnitFault> = [
  ...foundBy("test/transaction/locks.test.ts", [
    [
      "the locks of a transaction are not renewed",
      "renewing",
      "return Effect.forever(Effect.andThen(Effect.sleep(third), renewAll))",
      "return Effect.never"
    ],
    ["the first of several locks alone is renewed", "renewing", "Array.from(all)", "Array.from(all).slice(0, 1)"],
    [
      "a place that does not answer ends the locks of others",
      "renewing",
      "Effect.timeoutOption(backend.renew(held.name, held.token, leaseMillis), third)",
      "Effect.timeoutOption(backend.renew(held.name, held.token, leaseMillis), leaseMillis * 10)"
    ]
  ]),
  ...foundBy("test/guard/locked.test.ts", [
    [
      "work continues without its lock",
      "during",
      "Effect.raceFirst(use(held.token), failWhenLost(self, held))",
      "use(held.token)"
    ],
    ["the lock of an effect is not released", "during", "release(self, held)", "Effect.void"]
  ])
]
