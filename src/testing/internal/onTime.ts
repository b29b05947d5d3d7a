/** Makes laws that do not break because the machine was busy: leases and failures of laws last for seconds. */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { laws as Defaults } from "../../internal/defaults/options.ts"
import type { Law } from "../law.ts"

/** Runs a check, and tells how much more time passed than it has slept. */
const timed = <E, R>(
  check: Effect.Effect<unknown, E, R>,
  tell: (lateMillis: number) => void
): Effect.Effect<unknown, E, R> =>
  Effect.clockWith((clock) => {
    const startedAt = clock.currentTimeMillisUnsafe()
    let sleptMillis = 0
    const sleep: Clock.Clock["sleep"] = (duration) =>
      Effect.suspend(() => {
        const from = clock.currentTimeMillisUnsafe()
        const count = Effect.sync(() => {
          sleptMillis += Math.min(Duration.toMillis(duration), clock.currentTimeMillisUnsafe() - from)
        })
        return Effect.ensuring(clock.sleep(duration), count)
      })
    // A clock of a test has more methods.
    const counting: Clock.Clock = Object.assign(Object.create(clock), { sleep })
    return Effect.ensuring(
      Effect.provideService(check, Clock.Clock, counting),
      Effect.sync(() => tell(clock.currentTimeMillisUnsafe() - startedAt - sleptMillis))
    )
  })

/** A law over what `make` makes. One that is broken by a check that was late is checked again, over something new. */
export const law = <A, E, E2>(
  name: string,
  make: Effect.Effect<A, E, Scope.Scope>,
  check: (subject: A) => Effect.Effect<unknown, E2, Scope.Scope>
): Law => {
  const attempt = (triesLeft: number): Effect.Effect<void, E | E2> =>
    Effect.suspend(() => {
      let lateMillis = 0
      const checked = Effect.flatMap(make, (subject) =>
        timed(check(subject), (millis) => {
          lateMillis = millis
        }))
      return Effect.catchCause(Effect.asVoid(Effect.scoped(checked)), (cause) =>
        lateMillis > Defaults.lateMillis && triesLeft > 0 ? attempt(triesLeft - 1) : Effect.failCause(cause))
    })
  return { name, run: attempt(Defaults.tries) }
}
