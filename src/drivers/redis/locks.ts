/** Implements locks on Redis. Keys of locks do not contain the era, so `clear` does not affect them. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { LockError } from "../../CacheError.ts"
import * as Limits from "../../internal/defaults/redis.ts"
import * as Lock from "../../Lock.ts"
import { type Fault, noAnswer, storeName } from "./fault.ts"
import type { Opened } from "./open.ts"
import { hashOf } from "./protocol/keys.ts"
import { toCount } from "./protocol/replies.ts"
import type { locks } from "./protocol/scripts/locks.ts"
import { asEffect } from "./session/answers.ts"
import { runOutsideEras } from "./session/evaluate.ts"
import type { Session } from "./session/session.ts"
import * as Messages from "./tracking/messages.ts"

export const lockError = (name: string, { message }: Fault): LockError =>
  new LockError({ name, reason: "Unavailable", cause: new Error(message) })

export const lockOver = ({ session }: Opened): Effect.Effect<Lock.Lock, never, Scope.Scope> => {
  const { keys, wire } = session
  return Effect.map(Messages.make(wire, keys.allChannels), (messages) =>
    Lock.make({
      name: storeName,
      pollMillis: Limits.lockPollMillis,
      tryAcquire: (name, leaseMillis) => tryAcquire(session, name, leaseMillis),
      renew: (name, token, leaseMillis) =>
        run(session, { script: "renewLock", name, args: [String(token), millis(leaseMillis)], decode: isOne }),
      release: (name, token) => release(session, name, token),
      isHeld: (name) => run(session, { script: "isLocked", name, args: [], decode: isOne }),
      watch: (name, wake) => Messages.listen(messages, keys.lock(name), wake)
    }))
}

const tryAcquire = (session: Session, name: string, leaseMillis: number) =>
  run<Lock.Acquired>(session, {
    script: "lock",
    name,
    args: [millis(leaseMillis)],
    decode(answer) {
      if (typeof answer === "number") return { _tag: "Wait", leftMillis: answer }
      const token = tokenOf(answer)
      return token === undefined ? noAnswer("lock") : { _tag: "Held", token: BigInt(token) }
    },
    late(answer) {
      // The caller has already failed with a timeout, so the lock is released on the caller's behalf.
      const token = tokenOf(answer)
      if (token !== undefined) Effect.runFork(Effect.ignore(release(session, name, token)))
    }
  })

const release = (session: Session, name: string, token: bigint | number): Effect.Effect<void, LockError> =>
  run(session, { script: "unlock", name, args: [String(token)], decode: () => undefined })

interface Step<A> {
  readonly script: keyof typeof locks
  readonly name: string
  readonly args: ReadonlyArray<string>
  readonly decode: (answer: unknown) => A | Fault
  /** Receives the server's answer if it arrives after the step has failed with a timeout. */
  readonly late?: (answer: unknown) => void
}

const run = <A>(
  session: Session,
  { args, decode, late, name, script }: Step<A>
): Effect.Effect<A, LockError> => {
  const { keys } = session
  const names = script === "lock" ? [keys.lock(name), keys.lockToken(name)] : [keys.lock(name)]
  return asEffect(
    (done) => runOutsideEras(session, script, { tag: hashOf(name), keys: names, args, late }, done),
    decode,
    (fault) => lockError(name, fault)
  )
}

const isOne = (answer: unknown): boolean => answer === 1

const tokenOf = (answer: unknown): number | undefined => toCount(Array.isArray(answer) ? answer[0] : undefined)

const millis = (leaseMillis: number): string => String(Math.max(1, Math.ceil(leaseMillis)))
