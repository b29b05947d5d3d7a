/** How long readers and writers wait. */
import { Effect, Exit } from "effect"
import { decide } from "./decide.ts"
import { type Load, type Read, streamId } from "./model.ts"
import { hasConstant, type World } from "./state.ts"

/** Pauses with jitter are fractions of milliseconds, whose sums are rounded. */
export const rounding = 1e-6

const hasFailed = ({ exit }: Load): boolean => exit !== undefined && Exit.isFailure(exit)

const delays = "the store delays a call by its budget at most"

/** A caller's limits: the store delays a read by no more than its budget. */
export const checkDelay = (self: World, read: Read, isFailure = false): void => {
  const { spec } = read
  // It is answered when the slowest of them is.
  if (read.many) return
  const elapsed = self.now() - read.begunAt
  const what = () => `read ${read.id} @${read.begun} took ${elapsed} ms`
  if (spec?.policy !== "bypass" && spec?.timeout !== undefined) {
    decide(self, "a reader waits as long as it says", elapsed <= spec.timeout + rounding, what)
  }
  const { storeTimeout, store } = self.config
  // Each page that is written or read has a budget of its own.
  const steps = (1 + rerunsOf(self, read, isFailure)) * (read.id === streamId ? 3 : 1)
  const budget = store === "none" || store === "sync" ? 0 : storeTimeout * steps
  const loading = loadingTime(self, read)
  const text = () => `${what()}, ${loading} of them loading, with a budget of ${budget}`
  decide(self, delays, elapsed - loading <= budget + rounding, text)
}

/** How often it may begin again, each time with a budget of its own. */
const rerunsOf = (self: World, read: Read, isFailure: boolean): number => {
  const { spec } = read
  // A caller that joined a flight whose result turns out not to be for it asks again.
  const invalidated = self.writes.filter((write) => write.kind === "tag").length
  // A load that failed after its starter had left has answered no follower, whose own load has a budget of its own.
  // Only the last failure may be the reader's answer.
  const failed = self.loads.filter((load) => load.id === read.id && load.n > read.begun && hasFailed(load)).length
  // A caller that joins a load that has not asked the store asks the store first.
  return 1 + invalidated + Math.max(0, failed - Number(isFailure)) +
    (spec?.kind === "softTtl" || spec?.kind === "failover" ? 2 : 0) +
    // The value that the flight has found in the store may be too old for a shorter constant.
    (spec !== undefined && (hasConstant(spec) || mayBeCutShort(self, read)) ? 1 : 0) +
    // Loads that begin at once wait in a line, and those of a bulk call for their wave, where no budget counts.
    (["turns", "waves"].some((feature) => self.config.features.includes(feature as "turns")) ? 1 : 0)
}

/**
 * The value that a flight has found in the store never ends for this read, but may have ended for all callers of the
 * flight by the shorter constant of one of them. Such a caller has begun since, or still waits.
 */
const mayBeCutShort = (self: World, { begun, id, spec }: Read): boolean =>
  spec?.kind === "untilInvalidated" &&
  (self.constants.get(id) ?? []).some((other) => other.begun > begun || self.reading.has(other))

/** How long the loads that it may have waited for ran, the pauses between tries included. */
const loadingTime = (self: World, read: Read): number => {
  const spans = new Map<unknown, [number, number]>()
  for (const load of self.loads) {
    if (load.id !== read.id) continue
    const key = load.by ?? load
    const [from, to] = spans.get(key) ?? [Infinity, 0]
    // A refresh that failed may be about to try again.
    const more = hasFailed(load) && self.config.retries > 0 ? pauseMillis : 0
    const end = Math.min(self.now(), (load.endedAt ?? Infinity) + more)
    spans.set(key, [Math.min(from, load.begunAt), Math.max(to, end)])
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

/** Between two tries of a refresh, in which the last of them may still be interrupted. */
export const pauseMillis = 3

/** An operation by hand takes no longer than its budgets. */
export const timed = <A, E, R>(self: World, what: string, budgets: number, effect: Effect.Effect<A, E, R>) =>
  Effect.suspend(() => {
    const begunAt = self.now()
    return Effect.tap(effect, () =>
      Effect.sync(() => {
        const { store, storeTimeout } = self.config
        const budget = store === "none" || store === "sync" ? 0 : budgets * storeTimeout
        const millis = self.now() - begunAt
        decide(self, delays, millis <= budget + rounding, () => `${what} took ${millis} ms, with a budget of ${budget}`)
      }))
  })
