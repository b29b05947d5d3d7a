/** The job of a pipeline: how long its reads wait for the store, and what they cost. */
import * as Context from "effect/Context"
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

export const make = (patienceMillis: number): Job => ({
  patienceMillis,
  isOut: false,
  calls: 0,
  refreshes: 0,
  unsaved: 0,
  loaded: new Set()
})

/** Not a part of the policy: reads under the standard policy are the fastest. */
export const Current = Context.Reference<Job | undefined>("effect-cached/Job", { defaultValue: () => undefined })

/** The context of the code of a load: its reads are not rows of the job. */
export const apart = <R>(context: Context.Context<R>): Context.Context<R> =>
  Context.get(context, Current) === undefined ? context : Context.add(context, Current, undefined)

export const called = (context: Context.Context<never>, keys: ReadonlyArray<Key>, isRefresh: boolean): void => {
  const job = Context.get(context, Current)
  if (job === undefined) return
  job.calls += keys.length
  if (!isRefresh) { for (const key of keys) job.loaded.add(idOf(key)) }
}

/** Whether a job that has paid for a result may still wait for the store. */
export const isWaiting = (context: Context.Context<never>): boolean => Context.get(context, Current)?.isOut === false

export const note = (context: Context.Context<never>, what: "refreshes" | "unsaved", by: 1 | -1): void => {
  const job = Context.get(context, Current)
  if (job !== undefined) job[what] += by
}
