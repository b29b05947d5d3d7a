/** Finds out whether two stores keep their entries in the same place, such as one folder that two tiers name. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { Stored } from "../CacheEntry.ts"
import { exitBefore } from "../internal/engine/storeTier/ask.ts"
import { afterProgramMillis } from "../internal/time/programTime.ts"
import * as Tokens from "../internal/token.ts"
import type { Store } from "../ports/store.ts"

/**
 * An entry of one is found in the other, if they are the same. Stores that do not answer in time count as different,
 * because a server may be reached later.
 */
export const areSame = Effect.fnUntraced(function*(one: Store, other: Store, timeoutMillis: number) {
  if (one.name !== other.name || !one.capabilities.shared || !other.capabilities.shared) return false
  const clock = yield* Clock.Clock
  const tokens = Tokens.make(yield* Tokens.Seed)
  const id = `tier-${tokens.next(16)}`
  const entry = entryAt(clock.currentTimeMillisUnsafe(), tokens.next(16))
  const compared = Effect.ensuring(
    Effect.flatMap(one.set([{ id, entry }]), () => Effect.map(other.get(id, []), ({ entry }) => entry !== undefined)),
    Effect.ignore(one.remove([id]))
  )
  const exit = yield* exitBefore(compared, afterProgramMillis(clock, timeoutMillis))
  return exit !== undefined && Exit.isSuccess(exit) && exit.value
})

/** Long enough to be read, and short enough to be no burden where a process ends before it removes the entry. */
const lifeMillis = 10_000

const entryAt = (createdAt: number, writeId: string): Stored => {
  const expiresAt = createdAt + lifeMillis
  const times = { createdAt, softExpiresAt: expiresAt, expiresAt, loadMillis: 0 }
  return {
    meta: { ...times, outcome: "success", tags: [], writeId, serializer: 1 },
    payload: new TextEncoder().encode("0")
  }
}
