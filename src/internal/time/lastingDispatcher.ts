/** Makes a dispatcher that runs tasks in later turns of the event loop, for as long as a layer lives. */
import * as Scheduler from "effect/Scheduler"

/** Replaces the scheduler of `runSync`, because a layer that `runSync` has built outlives that scheduler. */
export const lastingDispatcher = (scheduler: Scheduler.Scheduler): Scheduler.SchedulerDispatcher =>
  (scheduler.executionMode === "sync" ? new Scheduler.MixedScheduler() : scheduler).makeDispatcher()
