/** Makes a dispatcher that runs tasks in later turns, for as long as a layer lives. */
import * as Scheduler from "effect/Scheduler"

/** Does not use the scheduler of `runSync`, because a layer that `runSync` built outlives it. */
export const lastingDispatcher = (scheduler: Scheduler.Scheduler): Scheduler.SchedulerDispatcher =>
  (scheduler.executionMode === "sync" ? new Scheduler.MixedScheduler() : scheduler).makeDispatcher()
