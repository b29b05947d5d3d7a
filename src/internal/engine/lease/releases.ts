/** Releases leases. Other processes wait for a lease until it ends, so a failed release is tried again until then. */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type { StoreError } from "../../../CacheError.ts"
import { many } from "../../defaults/bounds.ts"
import { releases } from "../../defaults/processes.ts"
import { monotonicMillis } from "../../time/monotonic.ts"
import { ask } from "../storeTier/ask.ts"
import { supervise } from "../storeTier/background.ts"
import { isFault } from "../storeTier/faults.ts"
import type { Budget, HeldLease, StoreTier } from "../storeTier/storeTier.ts"

export const release = (tier: StoreTier, lease: HeldLease, budget?: Budget): Effect.Effect<boolean | StoreError> =>
  Effect.map(releaseOnce(tier, lease, budget), (answer) => {
    if (isFault(answer)) tryAgain(tier, lease)
    return answer
  })

const releaseOnce = (
  tier: StoreTier,
  { id, note, owner }: HeldLease,
  budget: Budget = { leftMillis: tier.storeTimeoutMillis }
) => ask(tier, budget, "release", tier.store.release(id, owner, note))

const tryAgain = (tier: StoreTier, lease: HeldLease): void => {
  const { background, front, leaseMillis, unreleased } = tier
  if (background.isClosed || unreleased.size >= releases.most) return
  unreleased.set(lease, nowOf(tier) + leaseMillis)
  tier.releasing ??= supervise(background, {
    name: "releases leases again",
    context: front.context,
    run: releaseAll(tier)
  })
}

const releaseAll = Effect.fnUntraced(function*(tier: StoreTier) {
  const { leaseMillis, unreleased } = tier
  let pauseMillis = leaseMillis * releases.firstPause
  while (unreleased.size > 0) {
    yield* Effect.sleep(pauseMillis)
    pauseMillis = Math.min(leaseMillis * releases.longestPause, pauseMillis * 2)
    let isFailing = false
    yield* Effect.forEach(Array.from(unreleased), ([lease, endsAt]) => {
      if (endsAt <= nowOf(tier)) unreleased.delete(lease)
      if (isFailing || !unreleased.has(lease)) return Effect.void
      return Effect.map(releaseOnce(tier, lease), (answer) => {
        if (isFault(answer)) isFailing = true
        else unreleased.delete(lease)
      })
    }, { concurrency: many.concurrency, discard: true })
  }
  tier.releasing = undefined
})

const nowOf = ({ front }: StoreTier): number => monotonicMillis(Context.get(front.context, Clock.Clock))
