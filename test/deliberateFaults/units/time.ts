/** Deliberate faults of time, and turns of the event loop. */
import type { UnitFault } from "../fault.ts"

export const faults: ReadonlyArray<UnitFault> = [
  {
    name: "the hits of a bulk call take one turn",
    in: "readTogether",
    find: "Turns.forEachNow(keys, lookerIn(self, reading, inTheWay))",
    replace: "void keys.forEach(lookerIn(self, reading, inTheWay))",
    by: "test/internal/time/turns.test.ts"
  },
  {
    name: "a look-up of many keys in memory takes one turn",
    in: "allInMemory",
    find: "Turns.map(keys, (key) => inMemory(self, fiber, policy, key))",
    replace: "Effect.sync(() => keys.map((key) => inMemory(self, fiber, policy, key)))",
    by: "test/internal/time/turns.test.ts"
  },
  {
    name: "what is answered during a long step has timed out",
    in: "afterProgramMillis",
    find: "isReal(clock)",
    replace: "false",
    by: "test/cached/timeoutsOfStores.test.ts"
  },
  {
    name: "what waits by a clock of its own keeps the process alive",
    in: "startWaiting",
    find: "if (clock !== realClock) return",
    replace: "",
    by: "test/processes/leftBehind.test.ts"
  }
]
