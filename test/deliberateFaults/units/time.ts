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
    name: "a long list holds the event loop",
    in: "inTurns",
    find: "monotonicMillis(clock) - beganAt < turnMillis",
    replace: "true",
    by: "test/internal/time/turns.test.ts"
  },
  {
    name: "the locks of many keys hold the event loop",
    in: "forEachEffect",
    find: "monotonicMillis(clock) - beganAt >= turns.millis",
    replace: "false",
    by: "test/internal/time/turns.test.ts"
  },
  {
    name: "many items are requested in one part",
    in: "inParts",
    find: "items.length <= size",
    replace: "true",
    by: "test/internal/time/turns.test.ts"
  },
  {
    name: "a map of many answers holds the event loop",
    in: "turnOf",
    find: "monotonicMillis(clock) - beganAt >= turns.millis",
    replace: "false",
    by: "test/internal/time/turns.test.ts"
  },
  {
    name: "a store that tells wrongly how long it has worked is waited for without an end",
    in: "untilPassed",
    find: "&& leftMillis > 0",
    replace: "",
    by: "test/cached/storeTimeoutsInBusyPrograms.test.ts"
  },
  {
    name: "what is answered during a long step has timed out",
    in: "afterProgramMillis",
    find: "isReal(clock)",
    replace: "false",
    by: "test/cached/timeoutsOfStores.test.ts"
  },
  {
    name: "a long step counts whole, of the time that a store may take",
    in: "counted",
    find: "return Math.min(limits.mostMillis, rested === 0 ? least : Math.max(least, limits.lateMillis + rested))",
    replace: "return tookMillis",
    by: "test/cached/timeoutsOfStores.test.ts"
  },
  {
    name: "under faked timers a store never times out",
    in: "isReal",
    find: "&& timers() === realTimers",
    replace: "",
    by: "test/cached/timeoutsOfStores.test.ts"
  },
  {
    name: "once timers were faked, time stands still",
    in: "looking",
    find: "&& timers() === realTimers",
    replace: "",
    by: "test/cached/timeoutsOfStores.test.ts"
  },
  {
    name: "what waits by a clock of its own keeps the process alive",
    in: "startWaiting",
    find: "if (clock !== realClock) return",
    replace: "",
    by: "test/processes/leftBehind.test.ts"
  },
  {
    name: "what yields just when the next turn begins waits for another one",
    in: "nextTurn",
    find: "if (self.left > 0 && self.waiting.size === 0) return resume(Effect.void)",
    replace: "",
    by: "test/cached/yieldsBetweenTurns.test.ts"
  }
]
