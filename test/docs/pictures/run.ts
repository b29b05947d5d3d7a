/** Runs a scenario in virtual time, and records what its source, its cache and its callers did. */
import { Effect, Exit, Option, References } from "effect"
import { Cached, CacheLayer, type Caching } from "effect-cached"
import { TestClock } from "effect/testing"
import { key, type Scenario, type Settings } from "./scenarios.ts"

/**
 * How a read was answered: at once and fresh, at once or late with a value past its soft deadline, after a load, or
 * not.
 */
export type Answer = "fresh" | "stale" | "loaded" | "failed"

export interface Read {
  readonly at: number
  readonly answeredAt: number
  readonly answer: Answer
  readonly value: number | undefined
}

export interface Load {
  readonly at: number
  readonly endedAt: number
  readonly value: number | undefined
}

/** The stored value from one minute to another. */
export interface Stored {
  readonly from: number
  to: number
  readonly value: number
  readonly isStale: boolean
}

export interface Timeline {
  readonly reads: ReadonlyArray<Read>
  readonly loads: ReadonlyArray<Load>
  readonly stored: ReadonlyArray<Stored>
}

export const stepsAMinute = 4

const none: Settings = { ttl: 0, softTtl: 0, refreshAfter: 0, idle: 0, hits: 0 }

const recording = Effect.fnUntraced(function*(scenario: Scenario): Effect.fn.Return<Timeline, never, Caching.Caching> {
  const { cached, down = [Infinity, Infinity], invalidatedAt, loadSeconds, minutes, settings } = scenario
  const reads: Array<Read> = []
  const loads: Array<Load> = []
  const stored: Array<Stored> = []
  let now = 0
  let last = 0

  const load = Effect.suspend(() => {
    const at = now
    const isDown = at >= down[0] && at < down[1]
    const value = isDown ? undefined : ++last
    return Effect.sleep(loadSeconds * 1000).pipe(
      Effect.andThen(Effect.suspend(() => {
        loads.push({ at, endedAt: now, value })
        return value === undefined ? Effect.fail("down" as const) : Effect.succeed(value)
      }))
    )
  })

  const read = Effect.suspend(() => {
    const at = now
    return Effect.map(Cached.detect(Effect.exit(cached(load, { ...none, ...settings }))), ([exit, [detected]]) => {
      const isServed = detected?.source === "memory" || detected?.source === "stale" || detected?.source === "fallback"
      const answer = Exit.isFailure(exit)
        ? "failed"
        : !isServed
        ? "loaded"
        : detected.source === "memory"
        ? "fresh"
        : "stale"
      reads.push({ at, answeredAt: now, answer, value: Exit.isSuccess(exit) ? exit.value : undefined })
    })
  })

  for (let step = 0; step <= minutes * stepsAMinute; step++) {
    now = step / stepsAMinute
    if (step > 0) yield* TestClock.adjust(60_000 / stepsAMinute)
    if (now === invalidatedAt) yield* Cached.invalidate(key)
    if (scenario.reads.includes(now)) yield* Effect.forkChild(read, { startImmediately: true })
    const entry = Option.getOrUndefined(yield* Cached.getEntry(key))
    const before = stored.at(-1)
    if (before !== undefined && before.to === Infinity) before.to = now
    if (entry === undefined) continue
    const value = entry.value as number
    const isStale = now * 60_000 >= entry.softExpiresAt
    if (before?.to === now && before.value === value && before.isStale === isStale) before.to = Infinity
    else stored.push({ from: now, to: Infinity, value, isStale })
  }
  for (const one of stored) one.to = Math.min(one.to, minutes)
  return { reads, loads, stored }
})

export const timelineOf = (scenario: Scenario): Effect.Effect<Timeline> =>
  recording(scenario).pipe(
    // Loads are long here, so that they can be seen.
    Effect.provide([CacheLayer.memory({ refresh: { timeout: "5 minutes" } }), TestClock.layer()]),
    Effect.provideService(References.MinimumLogLevel, "Error")
  )
