/** Callers' limits, the store's budget, and timers that are left. */
import { Cause, Effect, Exit } from "effect"
import { mayHaveAnswered } from "./answerRules.ts"
import { isHeld, mayBeCompared } from "./held.ts"
import { type Load, type Read, streamId } from "./model.ts"
import { hasConstant, readsNothing, steadyOf, violate, type World } from "./state.ts"

/** Pauses with jitter are fractions of milliseconds, whose sums are rounded. */
export const rounding = 1e-6

const hasFailed = ({ exit }: Load): boolean => exit !== undefined && Exit.isFailure(exit)

/** A caller's limits, and P4: the store delays a read by no more than its budget. */
export const checkDelay = (self: World, read: Read, isFailure = false): void => {
  const { spec } = read
  // It is answered when the slowest of them is.
  if (read.many) return
  const elapsed = self.now() - read.begunAt
  const what = `read ${read.id} @${read.begun} took ${elapsed} ms`
  if (spec?.policy !== "bypass" && spec?.timeout !== undefined && elapsed > spec.timeout + rounding) {
    violate(self, `timeout: ${what}, not ${spec.timeout}`)
  }
  if (
    spec?.softTimeout !== undefined && !readsNothing(spec) && elapsed > spec.softTimeout && isHeld(self, read) &&
    !mayHaveAnswered(self, read) && !mayWaitForStore(self, read) && !mayBeCompared(self, read)
  ) violate(self, `softTimeout: ${what}, not ${spec.softTimeout}`)
  const loading = loadingTime(self, read)
  // A caller that joined a flight whose result turns out not to be for it asks again.
  const invalidated = self.writes.filter((write) => write.kind === "tag").length
  // A caller that joins a load that has not asked the store asks the store first.
  const reruns = 1 + invalidated + (spec?.kind === "softTtl" || spec?.kind === "failover" ? 2 : 0) +
    // The value that the flight has found in the store may be too old for a shorter constant.
    (spec !== undefined && (hasConstant(spec) || mayBeCutShort(self, read)) ? 1 : 0) +
    // A load that failed after its starter had left has answered no follower, whose own load has a budget of its own.
    // Only the last failure may be the reader's answer.
    Math.max(
      0,
      self.loads.filter((load) => load.id === read.id && load.n > read.begun && hasFailed(load)).length -
        Number(isFailure)
    ) +
    // Loads that begin at once wait in a line, and those of a bulk call for their wave, where no budget counts.
    (["turns", "waves"].some((feature) => self.config.features.includes(feature as "turns")) ? 1 : 0)
  const { storeTimeout, store } = self.config
  // Each page that is written or read has a budget of its own.
  const steps = (1 + reruns) * (read.id === streamId ? 3 : 1)
  const budget = store === "none" || store === "sync" ? 0 : storeTimeout * steps
  if (elapsed - loading > budget + rounding) {
    violate(self, `P4: ${what}, ${loading} of them loading, with a budget of ${budget}`)
  }
}

/**
 * The value that a flight has found in the store never ends for this read, but may have ended for all callers of the
 * flight by the shorter constant of one of them. Such a caller has begun since, or still waits.
 */
const mayBeCutShort = (self: World, { begun, id, spec }: Read): boolean =>
  spec?.kind === "untilInvalidated" &&
  (self.constants.get(id) ?? []).some((other) => other.begun > begun || self.reading.has(other))

/** A strict read takes nothing from memory before the store has acknowledged what it has missed: P4 limits that. */
const mayWaitForStore = (self: World, { spec }: Read): boolean =>
  spec?.policy === "strict" && self.config.store !== "none"

/** How long flights it may have waited for were loading, the pauses between tries included. */
const loadingTime = (self: World, read: Read): number => {
  const spans = new Map<unknown, [number, number]>()
  for (const load of self.loads) {
    if (load.id !== read.id) continue
    const key = load.flight ?? load
    const [from, to] = spans.get(key) ?? [Infinity, 0]
    spans.set(key, [Math.min(from, load.begunAt), Math.max(to, loadingUntil(self, load))])
  }
  const sorted = [...spans.values()].sort((a, b) => a[0] - b[0])
  let total = 0
  let until = read.begunAt
  for (const [from, to] of sorted) {
    if (to <= until) continue
    total += to - Math.max(from, until)
    until = to
  }
  return total
}

const loadingUntil = (self: World, load: Load): number => {
  const { endedAt, flight } = load
  // A refresh that failed may be about to try again.
  if (endedAt === undefined || (flight?.refresh === true && flight.exit === undefined)) return self.now()
  return endedInPause(self, load) ? steadyOf(self, flight!.endedAt) : endedAt
}

/**
 * The last try of a refresh failed, and another was to follow after a pause. In this pause the flight was interrupted,
 * at its time limit or because the layer closed. Until then its callers waited for its load, not for the store.
 */
const endedInPause = (self: World, { exit, flight }: Load): boolean =>
  flight?.refresh === true && isFailure(exit, false) && isFailure(flight.exit, true) &&
  self.loads.filter((load) => load.flight === flight).length <= self.config.retries

const isFailure = (exit: Load["exit"], isInterruption: boolean): boolean =>
  exit !== undefined && Exit.isFailure(exit) && Cause.hasInterrupts(exit.cause) === isInterruption

export const noteTimers = (self: World): void => {
  for (const { flight } of self.open) {
    if (flight === undefined) continue
    for (const waiter of flight.callers) for (const timer of waiter.timers) self.timers.set(timer, waiter)
  }
}

/** P7: a caller's timers end with its waiting. A timer that was interrupted may yield once more before it ends. */
export const checkTimers = (self: World): Effect.Effect<void> =>
  Effect.suspend(() => {
    const late = [...self.timers].filter(([timer, { flight }]) =>
      timer.pollUnsafe() === undefined && ![...flight.callers].some((waiter) => waiter.timers.includes(timer))
    )
    self.timers.clear()
    return late.length === 0 ? Effect.void : Effect.andThen(
      Effect.sleep(1),
      Effect.sync(() => {
        for (const [timer, { flight }] of late) {
          if (timer.pollUnsafe() === undefined) violate(self, `P7: a timer of a caller of ${flight.id} runs on`)
        }
      })
    )
  })
