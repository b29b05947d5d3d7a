/** Runs tasks in later turns, for as long as a layer lives. */
import * as Scheduler from "effect/Scheduler"

/** A layer built by `runSync` outlives its scheduler. */
export const lastingDispatcher = (scheduler: Scheduler.Scheduler): Scheduler.SchedulerDispatcher =>
  (scheduler.executionMode === "sync" ? new Scheduler.MixedScheduler() : scheduler).makeDispatcher()
