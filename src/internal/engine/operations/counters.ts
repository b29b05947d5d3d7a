/** Counters (`Cached.counter`, `Cached.counters`), in the store, or in memory without a store. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { StoreError } from "../../../CacheError.ts"
import type { Counter, NamedCounter } from "../../../ports/store.ts"
import * as Counters from "../../store/counters.ts"
import * as InTurns from "../../time/streamsInTurns.ts"
import type { Engine } from "../engine.ts"
import { isStuck, sendAgain, unacknowledged } from "../invalidation/strictReads.ts"
import * as Policy from "../request/callPolicy.ts"
import * as Pending from "../storeTier/pendingInvalidations.ts"
import type { StoreTier } from "../storeTier/storeTier.ts"
import { asked, askedPages } from "./inspect.ts"

const nowThen = <A, E>(
  { time }: Pick<Engine, "time">,
  use: (now: number) => Effect.Effect<A, E>
): Effect.Effect<A, E> => Effect.clockWith((clock) => use(time.now(clock)))

/** Sends an unacknowledged `clear` before an operation, because a later `clear` would undo the operation. */
const afterClear = <A>(
  tier: StoreTier,
  operation: string,
  use: Effect.Effect<A, StoreError>
): Effect.Effect<A, StoreError> => {
  const unsentOf = () => Pending.unsentOf(tier.pending, "", [])
  return Effect.flatMap(Policy.Current, (policy) => {
    const unsent = unsentOf()
    if (unsent.length === 0) return use
    return Effect.flatMap(
      sendAgain(tier, policy, unsent),
      (left) =>
        isStuck(unsent, unsentOf())
          ? Effect.fail(unacknowledged(tier, operation))
          : Effect.provideService(use, Policy.Current, left)
    )
  })
}

const askedAfterClear = <A>(
  tier: StoreTier,
  operation: string,
  effect: Effect.Effect<A, StoreError>
): Effect.Effect<A, StoreError> => afterClear(tier, operation, asked(tier, operation, effect))

/** Increments a counter. `ttlMillis` applies only if the counter does not exist yet. */
export const increment = (
  self: Engine,
  name: string,
  by: number,
  ttlMillis: number
): Effect.Effect<number, StoreError> =>
  nowThen(self, (now) => {
    const expiresAt = now + ttlMillis
    return self.storeTier === undefined
      ? Effect.try({
        try: () => Counters.increment(self.counters, { store: "memory", name, by, now, expiresAt }),
        catch: (error) => error as StoreError
      })
      : askedAfterClear(self.storeTier, "increment", self.storeTier.store.increment(name, by, { expiresAt }))
  })

export const counter = (
  { counters, storeTier, time }: Engine,
  name: string
): Effect.Effect<Counter | undefined, StoreError> =>
  nowThen({ time }, (now) =>
    storeTier === undefined
      ? Effect.succeed(Counters.live(counters, name, now))
      // A counter that the store returns has not expired by the store's clock, so its expiry is not checked again.
      : askedAfterClear(storeTier, "counter", storeTier.store.counter(name)))

export const touchCounter = (
  { counters, storeTier, time }: Engine,
  name: string,
  ttlMillis: number
): Effect.Effect<boolean, StoreError> =>
  ttlMillis <= 0 ? removeCounter({ counters, storeTier, time }, name) : nowThen({ time }, (now) => {
    const expiresAt = now + ttlMillis
    return storeTier === undefined
      ? Effect.succeed(Counters.touch(counters, name, { expiresAt, now }))
      : askedAfterClear(storeTier, "touchCounter", storeTier.store.touchCounter(name, expiresAt))
  })

export const removeCounter = (
  { counters, storeTier, time }: Pick<Engine, "counters" | "storeTier" | "time">,
  name: string
): Effect.Effect<boolean, StoreError> =>
  nowThen({ time }, (now) =>
    storeTier === undefined
      ? Effect.succeed(Counters.remove(counters, name, now))
      : askedAfterClear(storeTier, "removeCounter", storeTier.store.removeCounter(name)))

export const counters = (
  { counters, storeTier, time }: Engine,
  prefix: string
): Stream.Stream<NamedCounter, StoreError> =>
  Stream.unwrap(nowThen({ time }, (now) =>
    Effect.succeed(
      Stream.filter(
        storeTier === undefined
          ? Stream.suspend(() => InTurns.each(counters.scan(prefix)))
          : Stream.unwrap(Effect.as(
            afterClear(storeTier, "scanCounters", Effect.void),
            askedPages(storeTier, "scanCounters", storeTier.store.scanCounters({ prefix }))
          )),
        ({ expiresAt }) => now < expiresAt
      )
    )))
