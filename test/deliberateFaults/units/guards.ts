/** Deliberate faults of guards, and what keeps their state. */
import { foundBy, type UnitFault } from "../fault.ts"

export const faults: ReadonlyArray<UnitFault> = [
  ...foundBy("test/guard/limits.test.ts", [
    [
      "a ban that each call begins again",
      "fixedWindow",
      "renewsBan ? now + banMillis : until",
      "renewsBan || now > 0 ? now + banMillis : until"
    ],
    ["refused calls count", "slidingLog", "state: log, expiresAt: log.at(-1)!", "state: [...log, now], expiresAt: now"],
    [
      "states in memory go by the wall clock",
      "nowOf",
      "Math.floor(monotonicMillis(clock))",
      "clock.currentTimeMillisUnsafe()"
    ]
  ]),
  ...foundBy("test/guard/circuitBreaker.test.ts", [
    [
      "an interrupted probe keeps its place",
      "record",
      `return recorded("Ignored")
    if`,
      `return Effect.void
    if`
    ]
  ]),
  ...foundBy("test/guard/failures.test.ts", [
    ["under strict a guard continues without its place", "through", "if (strict) return strictly(error)", ""]
  ]),
  ...foundBy("test/guard/bloom.test.ts", [
    [
      "a bit that is not saved before the answer",
      "addMany",
      "Effect.andThen(Effect.suspend(() => save(fiber, filter, addition.dirty)))",
      `Effect.andThen(Effect.sync(() => {
      for (const { bytes, number } of addition.dirty.values()) learn(filter, ask(filter), number, bytes)
    }))`
    ],
    [
      "what this process does not know is absent",
      "mayHave",
      "Effect.map(lookUp(fiber, filter, hash), () => isKnown(filter, hash))",
      "Effect.succeed(false)"
    ],
    [
      "a lone addition saves for no other process",
      "saveWaiting",
      "Effect.andThen(saveWaiting(fiber, filter))",
      "Effect.asVoid"
    ]
  ]),
  ...foundBy("test/guard/locked.test.ts", [
    [
      "the loss of a lock of another kind stops nothing",
      "onEffect",
      "Effect.raceFirst(holding(token), lost)",
      "lost === undefined ? self : holding(token)"
    ],
    [
      "a stream that has lost its lock continues",
      "onStream",
      "untilLost(Stream.provideService(self, Held, { token }), lost)",
      "lost === undefined ? self : Stream.provideService(self, Held, { token })"
    ]
  ])
]
