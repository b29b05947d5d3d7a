/** Locks on Redis: of no era, so `clear` leaves them alone. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { LockError } from "../../CacheError.ts"
import { redisLockPollMillis } from "../../internal/defaults.ts"
import * as Lock from "../../Lock.ts"
import { type Fault, isFault, noAnswer } from "./redisFault.ts"
import { hashOf } from "./redisKeys.ts"
import * as Messages from "./redisMessages.ts"
import type { Opened } from "./redisOpen.ts"
import { toCount } from "./redisReplies.ts"

export const lockError = (name: string, { message }: Fault): LockError =>
  new LockError({ name, reason: "Unavailable", cause: new Error(message) })

/** The lock over what is open. */
export const lockOver = ({ keys, session, wire }: Opened): Effect.Effect<Lock.Lock, never, Scope.Scope> =>
  Effect.map(Messages.make(wire, keys.allChannels), (messages) => {
    const run = <A>(
      script: "lock" | "renewLock" | "unlock" | "isLocked",
      name: string,
      args: ReadonlyArray<string>,
      decode: (answer: unknown) => A | Fault,
      late?: (answer: unknown) => void
    ): Effect.Effect<A, LockError> =>
      Effect.callback((resume) => {
        const names = script === "lock" ? [keys.lock(name), keys.lockToken(name)] : [keys.lock(name)]
        session.runOutside(script, { tag: hashOf(name), keys: names, args, late }, (answer) => {
          const value = isFault(answer) ? answer : decode(answer)
          resume(isFault(value) ? Effect.fail(lockError(name, value)) : Effect.succeed(value))
        })
      })
    const isOne = (answer: unknown) => answer === 1
    const unlock = (name: string, token: bigint | number) => run("unlock", name, [String(token)], () => undefined)
    return Lock.make({
      name: "redis",
      pollMillis: redisLockPollMillis,
      tryAcquire: (name, leaseMillis) =>
        run("lock", name, [millis(leaseMillis)], (answer) => {
          if (typeof answer === "number") return { _tag: "Wait", leftMillis: answer }
          const token = tokenOf(answer)
          return token === undefined ? noAnswer("lock") : { _tag: "Held", token: BigInt(token) }
        }, (answer) => {
          // whoever wanted it has gone: nobody would release it
          const token = tokenOf(answer)
          if (token !== undefined) Effect.runFork(unlock(name, token))
        }),
      renew: (name, token, leaseMillis) => run("renewLock", name, [String(token), millis(leaseMillis)], isOne),
      release: unlock,
      isHeld: (name) => run("isLocked", name, [], isOne),
      watch: (name, wake) => messages.listen(keys.lock(name), wake)
    })
  })

const tokenOf = (answer: unknown): number | undefined => toCount(Array.isArray(answer) ? answer[0] : undefined)

const millis = (leaseMillis: number): string => String(Math.max(1, Math.ceil(leaseMillis)))
