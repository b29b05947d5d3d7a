/** Deliberate faults of requests: reads, operations and batches. */
import type { UnitFault } from "../fault.ts"

export const faults: ReadonlyArray<UnitFault> = [
  {
    name: "a refresh of many keys goes by the clock of a fiber that has ended",
    in: "refreshDue",
    find: "self.time.now(starter.clock)",
    replace: "wallNow(self, fiber)",
    by: "test/cached/bulk.test.ts"
  },
  {
    name: "an abandoned key of a call that continues has the result of the call",
    in: "beginCall",
    find: `if (state !== "waiting") return complete(flight.engine, flight, Exit.interrupt())`,
    replace: "",
    by: "test/cached/bulk.test.ts"
  },
  {
    name: "a look-up of several keys answers one of them as before an invalidation, and one as after it",
    in: "foundIn",
    find: "if (agree && !found.some(mayBeValid)) break",
    replace: "if (agree && !found.some(mayBeValid)) return before",
    by: "test/cached/invalidation.test.ts"
  },
  {
    name: "what a reader changes as soon as it is answered counts as changed before the answer",
    in: "conclude",
    find: "question.mutations = self.mutations",
    replace: "Object.defineProperty(question, 'mutations', { get: () => self.mutations })",
    by: "test/cached/readsThatShareQuestions.test.ts"
  },
  {
    name: "a private refresh replaces what others have changed since",
    in: "commitAfter",
    find: "yield* ask(tier, budget, \"get\", store.get(id, []))",
    replace: "({ entry: { meta: earlier } })",
    by: "test/cached/privateFlights.test.ts"
  },
  {
    name: "a try is inside its load for ever",
    in: "endAttempt",
    find: "self.flight = undefined",
    replace: "",
    by: "test/internal/engine/request/attempt.test.ts"
  },
  {
    name: "a call for thousands is joined for a reader that has left",
    in: "joinAll",
    find: "if (isLeft) return\n      const defect",
    replace: "const defect",
    by: "test/internal/time/turns.test.ts"
  },
  {
    name: "limits that are functions of the key are not asked",
    in: "askTimeouts",
    find: "const timeoutMillis = askTimeout(\"timeout\", request, timeout)",
    replace: "const timeoutMillis = undefined",
    by: "test/cached/optionsByFunction.test.ts"
  }
]
