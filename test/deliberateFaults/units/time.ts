/** Deliberate faults of time, and turns of the event loop. */
import { foundBy, type UnitFault } from "../fault.ts"

export const faults: ReadonlyArray<UnitFault> = [
  ...foundBy("test/internal/time/turns.test.ts", [
    [
      "the hits of a bulk call take one turn",
      "readTogether",
      "Turns.forEachNow(keys, lookerIn(self, reading, inTheWay))",
      "void keys.forEach(lookerIn(self, reading, inTheWay))"
    ],
    [
      "a look-up of many keys in memory takes one turn",
      "allInMemory",
      "Turns.map(keys, (key) => inMemory(self, fiber, policy, key))",
      "Effect.sync(() => keys.map((key) => inMemory(self, fiber, policy, key)))"
    ]
  ]),
  ...foundBy("test/cached/timeoutsOfStores.test.ts", [
    ["what is answered during a long step has timed out", "afterProgramMillis", "isReal(clock)", "false"]
  ]),
  ...foundBy("test/processes/leftBehind.test.ts", [
    ["what waits by a clock of its own keeps the process alive", "startWaiting", "if (clock !== realClock) return", ""]
  ])
]
