/** Deliberate faults of requests: reads, operations and batches. */
import { foundBy, type UnitFault } from "../fault.ts"

export const faults: ReadonlyArray<UnitFault> = [
  ...foundBy("test/cached/bulk.test.ts", [
    [
      "a refresh of many keys goes by the clock of a fiber that has ended",
      "refreshDue",
      "self.time.now(starter.clock)",
      "wallNow(self, fiber)"
    ]
  ]),
  ...foundBy("test/cached/invalidation.test.ts", [
    [
      "a look-up of several keys answers one of them as before an invalidation, and one as after it",
      "foundIn",
      "if (agree && !found.some(mayBeValid)) break",
      "if (agree && !found.some(mayBeValid)) return before"
    ]
  ]),
  ...foundBy("test/cached/readsThatShareQuestions.test.ts", [
    [
      "what a reader changes as soon as it is answered counts as changed before the answer",
      "conclude",
      "question.mutations = self.mutations",
      "Object.defineProperty(question, 'mutations', { get: () => self.mutations })"
    ]
  ]),
  ...foundBy("test/cached/privateFlights.test.ts", [
    [
      "a private refresh replaces what others have changed since",
      "commitAfter",
      "yield* ask(tier, budget, \"get\", store.get(id, []))",
      "({ entry: { meta: earlier } })"
    ]
  ]),
  ...foundBy("test/internal/engine/request/attempt.test.ts", [
    ["a try is inside its load for ever", "endAttempt", "self.flight = undefined", ""]
  ]),
  ...foundBy("test/cached/optionsByFunction.test.ts", [
    [
      "limits that are functions of the key are not asked",
      "askTimeouts",
      "const timeoutMillis = askTimeout(\"timeout\", request, timeout)",
      "const timeoutMillis = undefined"
    ]
  ])
]
