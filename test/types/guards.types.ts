/** The failures that guards add to their effects, and the view of the options on them; checked by `tsc`, not run. */
import { Data, Effect, Exit, type Exit as ExitOf, Stream } from "effect"
import { type CacheError, Guard } from "effect-cached"
import type { RateLimitOptions } from "../../src/guard/limits.ts"

const call = Effect.succeed(1)
const options = { key: "api", limit: 1, window: "1 second" } as const
const preset: RateLimitOptions = options

type Equals<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
const equals = <A, B>(_: Equals<A, B>) => {}
type ErrorOf<Self> = Self extends Effect.Effect<unknown, infer E, unknown> ? E : never

const alone = call.pipe(Guard.rateLimit(options))
const local = call.pipe(Guard.rateLimit({ ...options, onStoreError: "local" }))
const failing = call.pipe(Guard.rateLimit({ ...options, onStoreError: "fail" }))
const given = call.pipe(Guard.rateLimit(preset))
const either = (mode: "local" | "fail") => call.pipe(Guard.rateLimit({ ...options, onStoreError: mode }))

type Limited = CacheError.RateLimitExceeded
export const errors: [
  Equals<ErrorOf<typeof alone>, Limited>,
  Equals<ErrorOf<typeof local>, Limited>,
  Equals<ErrorOf<typeof failing>, Limited | CacheError.StoreError>,
  // Guards that may fail with it.
  Equals<ErrorOf<typeof given>, Limited | CacheError.StoreError>,
  Equals<ErrorOf<ReturnType<typeof either>>, Limited | CacheError.StoreError>
] = [true, true, true, true, true]

// ---------------------------------------------------------------------------------------------------------------------
// unknown options
// ---------------------------------------------------------------------------------------------------------------------

// @ts-expect-error data-last
Guard.rateLimit({ key: "api", limit: 1, window: "1 second", bann: "1 minute" })
// @ts-expect-error data-first
Guard.rateLimit(call, { key: "api", limit: 1, window: "1 second", bann: "1 minute" })
// @ts-expect-error an algorithm that does not exist
Guard.rateLimit({ key: "api", limit: 1, window: "1 second", algorithm: "sliding" })
// @ts-expect-error data-last
call.pipe(Guard.circuitBreaker({ key: "api", failure: 5 }))
// @ts-expect-error data-first
Guard.circuitBreaker(call, { key: "api", failure: 5 })
// @ts-expect-error what happens while the place fails has three values
Guard.rateLimit({ key: "api", limit: 1, window: "1 second", onStoreError: "ignore" })
// @ts-expect-error
Guard.locked(call, { key: "api", leese: 1 })

// ---------------------------------------------------------------------------------------------------------------------
// what isFailure sees
// ---------------------------------------------------------------------------------------------------------------------

class Down extends Data.TaggedError("Down")<{ readonly status: number }> {}
const fetching = Effect.succeed({ status: 200 }) as Effect.Effect<{ readonly status: number }, Down>
const rows = Stream.make(1) as Stream.Stream<number, Down>

const isDown = (exit: Exit.Exit<unknown, Down>) => Exit.isFailure(exit)

export const piped = fetching.pipe(
  Guard.circuitBreaker({
    key: "api",
    isFailure: (exit) => {
      equals<typeof exit, ExitOf.Exit<{ readonly status: number }, Down>>(true)
      return Exit.isSuccess(exit) && exit.value.status >= 500
    }
  })
)
equals<typeof piped, Effect.Effect<{ readonly status: number }, Down | CacheError.CircuitOpen>>(true)

fetching.pipe(
  Guard.circuitBreaker({
    key: "api",
    // @ts-expect-error there is no such field
    isFailure: (exit) => Exit.isSuccess(exit) && exit.value.state >= 500
  })
)
Guard.circuitBreaker(fetching, {
  key: "api",
  // @ts-expect-error there is no such field
  isFailure: (exit) => Exit.isSuccess(exit) && exit.value.state >= 500
})

const first = Guard.circuitBreaker(rows, {
  key: "api",
  onStoreError: "fail",
  isFailure: (exit) => {
    equals<typeof exit, ExitOf.Exit<void, Down>>(true)
    return isDown(exit)
  }
})
equals<typeof first, Stream.Stream<number, Down | CacheError.CircuitOpen | CacheError.StoreError>>(true)
const stream = rows.pipe(
  Guard.circuitBreaker({
    key: "api",
    isFailure: (exit) => {
      equals<typeof exit, ExitOf.Exit<void, Down>>(true)
      return isDown(exit)
    }
  })
)
equals<typeof stream, Stream.Stream<number, Down | CacheError.CircuitOpen>>(true)

// The types of what is guarded may be type parameters.
const guardedOf = <A, E, R>(self: Effect.Effect<A, E | Down, R>) =>
  self.pipe(Guard.circuitBreaker({ key: "api", isFailure: (exit) => Exit.isFailure(exit) }))
const ofAny = guardedOf(fetching)
equals<typeof ofAny, Effect.Effect<{ readonly status: number }, Down | CacheError.CircuitOpen>>(true)

// Made apart it declares the outcomes that it looks at, and accepts effects that have no others.
const breaker = Guard.circuitBreaker({ key: "api", isFailure: isDown })
const guarded = breaker(fetching)
equals<typeof guarded, Effect.Effect<{ readonly status: number }, Down | CacheError.CircuitOpen>>(true)
const guardedRows = breaker(rows)
equals<typeof guardedRows, Stream.Stream<number, Down | CacheError.CircuitOpen>>(true)
// @ts-expect-error it fails with something else
breaker(Effect.fail("broken"))
const withoutOutcome = Guard.circuitBreaker({ key: "api", failures: 3 })
const broken = withoutOutcome(Effect.fail("broken"))
equals<typeof broken, Effect.Effect<never, string | CacheError.CircuitOpen>>(true)
