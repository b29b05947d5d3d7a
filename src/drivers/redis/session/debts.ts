/**
 * Gives leases and locks back once the server can be reached again: those whose grant may have been lost with a
 * connection, and those whose release was not carried out. Other processes would otherwise wait until the lease ends.
 */
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import type * as Scope from "effect/Scope"
import * as Limits from "../../../internal/defaults/redis.ts"
import { remember } from "../../../internal/remember.ts"
import { machineClock, monotonicMillis, onMachineClock } from "../../../internal/time/monotonic.ts"
import * as Turns from "../../../internal/time/turns.ts"
import type { Done } from "../connection/connection.ts"
import { isFault } from "../fault.ts"

interface Debt {
  readonly untilMillis: number
  readonly release: (done: Done) => void
}

export interface Debts {
  readonly all: Map<string, Debt>
  readonly isDue: Latch.Latch
}

export const make: Effect.Effect<Debts, never, Scope.Scope> = Effect.gen(function*() {
  const self: Debts = { all: new Map(), isDue: Latch.makeUnsafe() }
  yield* Effect.forkScoped(onMachineClock(Effect.forever(Effect.andThen(self.isDue.await, pay(self)))))
  return self
})

/** Releases later, and retries until the server answers. `release` names the owner, so later holders lose nothing. */
export const owe = (self: Debts, name: string, release: Debt["release"]): void =>
  add(self, name, { release, untilMillis: monotonicMillis(machineClock) + Limits.debts.millis })

const add = ({ all, isDue }: Debts, name: string, debt: Debt): void => {
  remember(all, name, debt, Limits.debts.most)
  isDue.openUnsafe()
}

const pay = Effect.fnUntraced(function*(self: Debts) {
  const { all, isDue } = self
  let pause: number = Limits.debts.firstPauseMillis
  while (all.size > 0) {
    yield* Effect.sleep(pause)
    pause = Math.min(Limits.debts.longestPauseMillis, 2 * pause)
    const now = monotonicMillis(machineClock)
    yield* Turns.forEach(Array.from(all), ([name, debt]) => {
      all.delete(name)
      if (debt.untilMillis <= now) return
      debt.release((answer) => {
        if (isFault(answer) && answer.reason === "Unavailable") add(self, name, debt)
      })
    })
  }
  isDue.closeUnsafe()
})
