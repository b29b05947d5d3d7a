/** Locks on Redis: of no era, so `clear` leaves them alone. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { LockError } from "../../CacheError.ts"
import * as Limits from "../../internal/defaults/redis.ts"
import * as Lock from "../../Lock.ts"
import { type Fault, isFault, noAnswer } from "./fault.ts"
import type { Opened } from "./open.ts"
import { hashOf } from "./protocol/keys.ts"
import { toCount } from "./protocol/replies.ts"
import * as Messages from "./tracking/messages.ts"

export const lockError = (name: string, { message }: Fault): LockError =>
  new LockError({ name, reason: "Unavailable", cause: new Error(message) })

interface Step<A> {
  readonly script: "lock" | "renewLock" | "unlock" | "isLocked"
  readonly name: string
  readonly args: ReadonlyArray<string>
  readonly decode: (answer: unknown) => A | Fault
  /** takes an answer that comes after the step has failed for want of one */
  readonly late?: (answer: unknown) => void
}

/** The lock over what is open. */
export const lockOver = ({ keys, session, wire }: Opened): Effect.Effect<Lock.Lock, never, Scope.Scope> =>
  Effect.map(Messages.make(wire, keys.allChannels), (messages) => {
    const run = <A>({ args, decode, late, name, script }: Step<A>): Effect.Effect<A, LockError> =>
      Effect.callback((resume) => {
        const names = script === "lock" ? [keys.lock(name), keys.lockToken(name)] : [keys.lock(name)]
        session.runOutside(script, { tag: hashOf(name), keys: names, args, late }, (answer) => {
          const value = isFault(answer) ? answer : decode(answer)
          resume(isFault(value) ? Effect.fail(lockError(name, value)) : Effect.succeed(value))
        })
      })
    const isOne = (answer: unknown) => answer === 1
    const unlock = (name: string, token: bigint | number) =>
      run({ script: "unlock", name, args: [String(token)], decode: () => undefined })
    return Lock.make({
      name: "redis",
      pollMillis: Limits.lockPollMillis,
      tryAcquire: (name, leaseMillis) =>
        run({
          script: "lock",
          name,
          args: [millis(leaseMillis)],
          decode(answer) {
            if (typeof answer === "number") return { _tag: "Wait", leftMillis: answer }
            const token = tokenOf(answer)
            return token === undefined ? noAnswer("lock") : { _tag: "Held", token: BigInt(token) }
          },
          late(answer) {
            // nobody knows that it is held, so nobody would release it
            const token = tokenOf(answer)
            if (token !== undefined) Effect.runFork(Effect.ignore(unlock(name, token)))
          }
        }),
      renew: (name, token, leaseMillis) =>
        run({ script: "renewLock", name, args: [String(token), millis(leaseMillis)], decode: isOne }),
      release: unlock,
      isHeld: (name) => run({ script: "isLocked", name, args: [], decode: isOne }),
      watch: (name, wake) => messages.listen(keys.lock(name), wake)
    })
  })

const tokenOf = (answer: unknown): number | undefined => toCount(Array.isArray(answer) ? answer[0] : undefined)

const millis = (leaseMillis: number): string => String(Math.max(1, Math.ceil(leaseMillis)))
