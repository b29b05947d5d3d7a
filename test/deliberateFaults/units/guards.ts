/** Deliberate faults of guards, and what keeps their state. */
import type { UnitFault } from "../fault.ts"

export const faults: ReadonlyArray<UnitFault> = [
  {
    name: "a window that each call prolongs",
    in: "fixedWindow",
    find: "Math.min(window.until, now + (window.isBan ? banMillis : windowMillis))",
    replace: "window.isBan ? window.until : now + windowMillis",
    by: "test/guard/limits.test.ts"
  },
  {
    name: "a ban that each call begins again",
    in: "fixedWindow",
    find: "renewsBan ? now + banMillis : until",
    replace: "renewsBan || now > 0 ? now + banMillis : until",
    by: "test/guard/limits.test.ts"
  },
  {
    name: "a clock that is set back keeps calls out",
    in: "within",
    find: "kept[i]! > now",
    replace: "kept[i]! < 0",
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
    name: "a log whose window is a moment too long",
    in: "within",
    find: "<= now - windowMillis",
    replace: "< now - windowMillis",
    by: "test/internal/guard/kinds.test.ts"
  },
  {
    name: "the window before counts as a whole",
    in: "slidingCounter",
    find: "counts.before * (1 - elapsed / windowMillis)",
    replace: "counts.before",
    by: "test/guard/limits.test.ts"
  },
  {
    name: "a bucket whose intervals begin with each call",
    in: "bucket",
    find: "refilledAt += refilled * refillMillis",
    replace: "refilledAt = now",
    by: "test/internal/guard/kinds.test.ts"
  },
  {
    name: "a probe that never ends",
    in: "admit",
    find: "until: now + probeMillis",
    replace: "until: Infinity",
    by: "test/guard/circuitBreaker.test.ts"
  },
  {
    name: "a half open circuit lets every call through",
    in: "admit",
    find: "if (now < state.until)",
    replace: `if (state.phase === "Open" && now < state.until)`,
    by: "test/guard/circuitBreaker.test.ts"
  },
  {
    name: "the outcome of a call from before a change counts",
    in: "record",
    find: "circuit.generation !== generation || ",
    replace: "",
    by: "test/guard/circuitBreaker.test.ts"
  },
  {
    name: "what is long ago counts for the rate",
    in: "count",
    find: "Math.max(0, slot - circuit.slot)",
    replace: "0",
    by: "test/guard/circuitBreaker.test.ts"
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
    name: "a circuit that was forgotten gives a generation again",
    in: "next",
    find: "Math.max(generation + 1, now * 1000)",
    replace: "generation + 1",
    by: "test/internal/guard/kinds.test.ts"
  },
  {
    name: "a place that has failed is asked by every call",
    in: "isResting",
    find: "millisOf(fiber) < outage.restsUntil",
    replace: "millisOf(fiber) < 0",
    by: "test/guard/failures.test.ts"
  },
  {
    name: "each failure of a place is a warning",
    in: "failed",
    find: "if (outage === undefined) {",
    replace: "{",
    by: "test/guard/failures.test.ts"
  },
  {
    name: "a place that hangs holds calls up",
    in: "ask",
    find: "storeTimeoutMillis ?? OptionsDefaults.layer.storeTimeoutMillis",
    replace: "storeTimeoutMillis === undefined ? Infinity : Infinity",
    by: "test/guard/failures.test.ts"
  },
  {
    name: "what is no answer is believed",
    in: "ask",
    find: "!isAnswer(answer)",
    replace: "answer === undefined && !isAnswer(answer)",
    by: "test/guard/failures.test.ts"
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
    name: "a filter never grows",
    in: "makeRoom",
    find: "share > fullAt",
    replace: "share > 2",
    by: "test/guard/bloom.test.ts"
  },
  {
    name: "a process that knows nothing fills the first layer again",
    in: "sample",
    find: "if (layer.knownBits > 0) return Effect.void",
    replace: "if (layer.knownBits >= 0) return Effect.void",
    by: "test/guard/bloom.test.ts"
  },
  {
    name: "a layer that another process has begun is not asked",
    in: "lookUp",
    find: "filter.layers.length > count ? from(count) : Effect.void",
    replace: "Effect.void",
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
    find: "Stream.interruptWhen(Stream.provideService(self, Held, { token }), lost)",
    replace: "lost === undefined ? self : Stream.provideService(self, Held, { token })",
    by: "test/guard/locked.test.ts"
  },
  {
    name: "states of names that never come again are kept for ever",
    in: "makeRoom",
    find: "if (expiresAt <= now) byName.delete(name)",
    replace: "if (expiresAt < 0) byName.delete(name)",
    by: "test/internal/guard/kinds.test.ts"
  },
  {
    name: "states have no bound",
    in: "makeRoom",
    find: "if (byName.size >= capacity)",
    replace: "if (byName.size < 0)",
    by: "test/internal/guard/kinds.test.ts"
  },
  {
    name: "caches in memory share their limits",
    in: "placeOf",
    find: "cache === undefined || cache === disabled ? fiber.getRef(Clock.Clock) : cache",
    replace: "cache === undefined || cache !== disabled ? fiber.getRef(Clock.Clock) : cache",
    by: "test/guard/limits.test.ts"
  },
  {
    name: "an answer of before an addition takes its bits away",
    in: "learn",
    find: "askedAt <= layer.learnedAt.get(block)!",
    replace: "askedAt < 0",
    by: "test/guard/bloom.test.ts"
  },
  {
    name: "a filter takes one item more than has room",
    in: "makeRoom",
    find: "(unsavedBits + hashes) / bits",
    replace: "(unsavedBits + 0 * hashes) / bits",
    by: "test/guard/bloom.test.ts"
  },
  {
    name: "an addition that has ended takes the bits of the others for saved",
    in: "addMany",
    find: "layer.unsavedBits -= bits",
    replace: "layer.unsavedBits = 0 * bits",
    by: "test/guard/bloom.test.ts"
  },
  {
    name: "states in memory go by the wall clock",
    in: "nowOf",
    find: "Math.floor(monotonicMillis(clock))",
    replace: "clock.currentTimeMillisUnsafe()",
    by: "test/guard/limits.test.ts"
  }
]
