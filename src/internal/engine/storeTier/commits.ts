/**
 * Orders lookups and transactions' commits, because a lookup during a commit may find either the old or the new entry.
 * If a lookup and a commit have an id in common, the later of the two waits for the earlier.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import { StoreError } from "../../../CacheError.ts"
import { afterProgramMillis, programMillis } from "../../time/programTime.ts"
import { exitBefore } from "./ask.ts"
import type { Budget, Concern, StoreTier } from "./storeTier.ts"

const begin = (ids: ReadonlySet<string> | undefined): Concern => ({ ended: Latch.makeUnsafe(false), ids })

const meets = (some: Concern, others: Concern): boolean => {
  if (some.ids === undefined || others.ids === undefined) return true
  const [few, many] = some.ids.size < others.ids.size ? [some.ids, others.ids] : [others.ids, some.ids]
  for (const id of few) if (many.has(id)) return true
  return false
}

interface Lookup<A, E, R> {
  readonly run: (hasWaited: boolean) => Effect.Effect<A, E, R>
  /** The answer if an earlier commit takes longer than the lookup's budget. */
  readonly late: (fault: StoreError) => Effect.Effect<A, E, R>
}

export const lookup = <A, E, R>(
  tier: StoreTier,
  budget: Budget,
  ids: ReadonlySet<string>,
  { late, run }: Lookup<A, E, R>
): Effect.Effect<A, E, R> => {
  const { commits, store } = tier
  return Effect.acquireUseRelease(
    Effect.sync(() => {
      const self = begin(ids)
      commits.lookups.add(self)
      // The same step adds this lookup and reads the current commit, so a later commit waits for this lookup.
      return { self, current: commits.current }
    }),
    ({ current, self }) =>
      current === undefined || !meets(self, current)
        ? run(false)
        : Effect.flatMap(
          awaited(current, budget),
          (hasEnded) =>
            hasEnded ? run(true) : late(new StoreError({ store: store.name, operation: "get", reason: "Timeout" }))
        ),
    ({ self }) =>
      Effect.suspend(() => {
        commits.lookups.delete(self)
        return self.ended.open
      })
  )
}

/** Runs a commit after earlier lookups of its ids. The wait is limited: a lookup's codec may await the commit. */
export const commit = <A, E, R>(
  tier: StoreTier,
  ids: ReadonlySet<string> | undefined,
  effect: Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> => {
  const { commits } = tier
  return Effect.acquireUseRelease(
    Effect.sync(() => {
      const self = commits.current = begin(ids)
      // The same step sets this commit and reads the lookups so far, so a later lookup waits for this commit.
      return { self, before: Array.from(commits.lookups).filter((lookup) => meets(lookup, self)) }
    }),
    ({ before }) => {
      const budget = { leftMillis: tier.storeTimeoutMillis }
      return Effect.andThen(Effect.forEach(before, (lookup) => awaited(lookup, budget), { discard: true }), effect)
    },
    ({ self }) =>
      Effect.suspend(() => {
        commits.current = undefined
        return self.ended.open
      })
  )
}

const awaited = ({ ended }: Concern, budget: Budget): Effect.Effect<boolean> =>
  Effect.flatMap(Clock.Clock, (clock) => {
    const startedAt = programMillis(clock)
    return Effect.map(exitBefore(ended.await, afterProgramMillis(clock, budget.leftMillis)), (exit) => {
      budget.leftMillis -= programMillis(clock) - startedAt
      return exit !== undefined
    })
  })
