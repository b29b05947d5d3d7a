/** Implements locks on Redis. Keys of locks do not contain the era, so `clear` does not affect them. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { LockError } from "../../CacheError.ts"
import * as Limits from "../../internal/defaults/redis.ts"
import * as Tokens from "../../internal/token.ts"
import * as Lock from "../../Lock.ts"
import type { Done } from "./connection/connection.ts"
import { type Fault, isFault, Lost, noAnswer, storeName } from "./fault.ts"
import { sweepLocks } from "./lockSweep.ts"
import type { Opened } from "./open.ts"
import { hashOf } from "./protocol/keys.ts"
import { toCount } from "./protocol/replies.ts"
import type { locks } from "./protocol/scripts/locks.ts"
import { all, asEffect } from "./session/answers.ts"
import * as Debts from "./session/debts.ts"
import { runOutsideEras } from "./session/evaluate.ts"
import type { Session } from "./session/session.ts"
import * as Messages from "./tracking/messages.ts"

const lockError = (name: string, { message }: Fault): LockError =>
  new LockError({ lock: name, reason: "Unavailable", cause: new Error(message) })

interface Locks extends Pick<Opened, "debts" | "session"> {
  readonly tokens: Tokens.Tokens
  isUsed: boolean
}

export const lockOver = Effect.fnUntraced(function*(
  { debts, session }: Opened
): Effect.fn.Return<Lock.Lock, never, Scope.Scope> {
  const { keys, wire } = session
  const self: Locks = { debts, session, tokens: Tokens.make(yield* Tokens.Seed), isUsed: false }
  const messages = yield* Messages.make(wire, keys.released)
  const sweep = Effect.suspend(() => self.isUsed ? sweepLocks(session) : Effect.void)
  yield* Effect.forkScoped(Effect.forever(Effect.andThen(Effect.sleep(Limits.lockSweepMillis), sweep)))
  return Lock.make({
    name: storeName,
    pollMillis: Limits.lockPollMillis,
    tryAcquire: (name, leaseMillis) => tryAcquire(self, name, leaseMillis),
    renew: (name, token, leaseMillis) =>
      asking(self, { script: "renewLock", name, args: [String(token), millis(leaseMillis)], decode: isOne }),
    release: (name, token) => release(self, { name, token, forgets: false }),
    releaseMany: (held) => releaseMany(self, held),
    isHeld: (name) => asking(self, { script: "isLocked", name, args: [], decode: isOne }),
    watch: (name, wake) => Messages.listen(messages, keys.lock(name), wake)
  })
})

const tryAcquire = (self: Locks, name: string, leaseMillis: number) =>
  Effect.suspend(() => {
    self.isUsed = true
    const owner = self.tokens.next(8)
    // If the answer is lost, the lock may be held under an unknown token, so it is released by its `owner` instead.
    const lost = (answer: unknown): void => {
      if (answer instanceof Lost) oweRelease(self, { name, owner })
    }
    return asking<Lock.Acquired>(self, {
      script: "lock",
      name,
      args: [millis(leaseMillis), owner],
      decode(answer) {
        if (typeof answer === "number") return { _tag: "Wait", leftMillis: answer }
        const token = tokenOf(answer)
        return token === undefined ? noAnswer("lock") : { _tag: "Held", token: BigInt(token) }
      },
      lost,
      late(answer) {
        lost(answer)
        // The caller has already failed with a timeout, so the lock is released on the caller's behalf.
        if (tokenOf(answer) !== undefined) unlock(self, { name, owner }, () => {})
      }
    })
  })

interface Releasing {
  readonly name: string
  readonly token?: bigint
  readonly owner?: string
  /** Whether the last token is forgotten too, because nothing compares the tokens of this lock. */
  readonly forgets?: boolean
}

const release = (self: Locks, releasing: Releasing): Effect.Effect<void, LockError> =>
  asEffect((done) => unlock(self, releasing, done), () => undefined, (fault) => lockError(releasing.name, fault))

/** Releases the locks of a transaction. Programs never see their tokens, so the keys of the tokens are removed too. */
const releaseMany = (
  self: Locks,
  held: ReadonlyArray<Required<Pick<Releasing, "name" | "token">>>
): Effect.Effect<void, LockError> =>
  asEffect(
    (done) => all(held, (one, done) => unlock(self, { ...one, forgets: true }, done), done),
    () => undefined,
    (fault) => lockError(held[0]!.name, fault)
  )

const unlock = (self: Locks, releasing: Releasing, done: Done): void =>
  unlockOnce(self, releasing, (answer) => {
    if (isFault(answer) && answer.reason === "Unavailable") oweRelease(self, releasing)
    done(answer)
  })

const unlockOnce = (self: Locks, releasing: Releasing, done: Done): void => {
  const { forgets = false, name, owner = "", token = "" } = releasing
  const late = (answer: unknown): void => {
    if (answer instanceof Lost) oweRelease(self, releasing)
  }
  run(self, { script: "unlock", name, args: [String(token), owner, forgets ? "1" : "0"], late }, done)
}

const oweRelease = (self: Locks, releasing: Releasing): void =>
  Debts.owe(
    self.debts,
    `lock ${releasing.owner ?? releasing.token} ${releasing.name}`,
    (done) => unlockOnce(self, releasing, done)
  )

interface Step {
  readonly script: keyof typeof locks
  readonly name: string
  readonly args: ReadonlyArray<string>
  readonly late?: Done
}

interface Question<A> extends Step {
  readonly decode: (answer: unknown) => A | Fault
  readonly lost?: Done
}

const asking = <A>(self: Locks, { decode, lost, ...step }: Question<A>): Effect.Effect<A, LockError> =>
  asEffect(
    (done) =>
      run(self, step, (answer) => {
        lost?.(answer)
        done(answer)
      }),
    decode,
    (fault) => lockError(step.name, fault)
  )

const run = ({ session }: { readonly session: Session }, { args, late, name, script }: Step, done: Done): void => {
  const { keys } = session
  const hasToken = script === "lock" || script === "unlock"
  const names = hasToken ? [keys.lock(name), keys.lockToken(name)] : [keys.lock(name)]
  runOutsideEras(session, script, { tag: hashOf(name), keys: names, args, late }, done)
}

const isOne = (answer: unknown): boolean => answer === 1

const tokenOf = (answer: unknown): number | undefined => toCount(Array.isArray(answer) ? answer[0] : undefined)

/** The longest lease that a script adds to a time without losing digits. */
const longest = 2 ** 50

const millis = (leaseMillis: number): string => String(Math.min(longest, Math.max(1, Math.ceil(leaseMillis))))
