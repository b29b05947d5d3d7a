/** The job of a pipeline: how long its reads wait for the store, and what they cost. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import { idOf, type Key } from "../../key/ofKey.ts"

export interface Job {
  /** How long a step of a read waits for a store that fails, in milliseconds. */
  readonly patienceMillis: number
  /** Whether the store failed for longer. Until a write succeeds, each step asks it once. */
  isOut: boolean
  /** The keys that lookups got, those of refreshes included. */
  calls: number
  /** How many refreshes that its reads have begun have not ended. */
  refreshes: number
  /** The results of its loads that the store did not keep, although they should be stored. */
  unsaved: number
  /** The ids of its loads, until the job has counted the row. Without those of refreshes, whose rows were served. */
  readonly loaded: Set<string>
}

/** Not a part of the policy: reads under the standard policy are the fastest. A load is not a part of the job. */
export const Current = Context.Reference<Job | undefined>("effect-cached/Job", { defaultValue: () => undefined })

export const called = (context: Context.Context<never>, keys: ReadonlyArray<Key>, isRefresh: boolean): void => {
  const job = Context.get(context, Current)
  if (job === undefined) return
  job.calls += keys.length
  if (!isRefresh) { for (const key of keys) job.loaded.add(idOf(key)) }
}

/** The context in which a flight asks the store for a job. Its load is `apart`. */
export const within = <R>(context: Context.Context<R>, starter: Context.Context<never>): Context.Context<R> => {
  const job = Context.get(starter, Current)
  return job === undefined ? context : Context.add(context, Current, job)
}

export const apart = <A, E, R>(fiber: Fiber.Fiber<unknown, unknown>, load: Effect.Effect<A, E, R>) =>
  fiber.getRef(Current) === undefined ? load : Effect.provideService(load, Current, undefined)

/** Runs a lookup that has no flight. */
export const outside = <A, E, R>(
  keys: ReadonlyArray<Key>,
  lookup: Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> =>
  Effect.contextWith((context: Context.Context<never>) => {
    called(context, keys, false)
    return Effect.provideService(lookup, Current, undefined)
  })

export const noteRefresh = (context: Context.Context<never>, by: 1 | -1): void => {
  const job = Context.get(context, Current)
  if (job !== undefined) job.refreshes += by
}

export const noteUnsaved = (context: Context.Context<never>): void => {
  const job = Context.get(context, Current)
  if (job !== undefined) job.unsaved++
}
