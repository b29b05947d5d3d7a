/** Deliberate faults of guards, and what keeps their state. */
import type { UnitFault } from "../fault.ts"

export const faults: ReadonlyArray<UnitFault> = [
  {
    name: "a ban that each call begins again",
    in: "fixedWindow",
    find: "renewsBan ? now + banMillis : until",
    replace: "renewsBan || now > 0 ? now + banMillis : until",
    by: "test/guard/limits.test.ts"
  },
  {
    name: "refused calls count",
    in: "slidingLog",
    find: "state: log, expiresAt: log.at(-1)!",
    replace: "state: [...log, now], expiresAt: now",
    by: "test/guard/limits.test.ts"
  },
  {
    name: "an interrupted probe keeps its place",
    in: "record",
    find: `return recorded("Ignored")
    if`,
    replace: `return Effect.void
    if`,
    by: "test/guard/circuitBreaker.test.ts"
  },
  {
    name: "under strict a guard continues without its place",
    in: "through",
    find: "if (strict) return strictly(error)",
    replace: "",
    by: "test/guard/failures.test.ts"
  },
  {
    name: "a bit that is not saved before the answer",
    in: "addMany",
    find: "Effect.andThen(Effect.suspend(() => save(fiber, filter, addition.dirty)))",
    replace: `Effect.andThen(Effect.sync(() => {
      for (const { bytes, number } of addition.dirty.values()) learn(filter, ask(filter), number, bytes)
    }))`,
    by: "test/guard/bloom.test.ts"
  },
  {
    name: "what this process does not know is absent",
    in: "mayHave",
    find: "Effect.map(lookUp(fiber, filter, hash), () => isKnown(filter, hash))",
    replace: "Effect.succeed(false)",
    by: "test/guard/bloom.test.ts"
  },
  {
    name: "a lone addition saves for no other process",
    in: "saveWaiting",
    find: "Effect.andThen(saveWaiting(fiber, filter))",
    replace: "Effect.asVoid",
    by: "test/guard/bloom.test.ts"
  },
  {
    name: "the loss of a lock of another kind stops nothing",
    in: "onEffect",
    find: "Effect.raceFirst(holding(token), lost)",
    replace: "lost === undefined ? self : holding(token)",
    by: "test/guard/locked.test.ts"
  },
  {
    name: "a stream that has lost its lock continues",
    in: "onStream",
    find: "untilLost(Stream.provideService(self, Held, { token }), lost)",
    replace: "lost === undefined ? self : Stream.provideService(self, Held, { token })",
    by: "test/guard/locked.test.ts"
  },
  {
    name: "states in memory go by the wall clock",
    in: "nowOf",
    find: "Math.floor(monotonicMillis(clock))",
    replace: "clock.currentTimeMillisUnsafe()",
    by: "test/guard/limits.test.ts"
  }
]
