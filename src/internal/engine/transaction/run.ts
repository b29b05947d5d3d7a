/** Runs an effect as a transaction, with retries and savepoints. */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import * as Scope from "effect/Scope"
import type { SqlError } from "effect/sql/SqlError"
import {
  CacheConfigError,
  type LockError,
  type SerializerError,
  StoreError,
  TransactionConflict,
  TransactionTimeout
} from "../../../CacheError.ts"
import type { Lock } from "../../../ports/lock.ts"
import { together } from "../../lock/fromBackend.ts"
import { monotonicMillis } from "../../time/monotonic.ts"
import type { Cache } from "../boundCache.ts"
import * as Engine from "../engine.ts"
import * as Watches from "../flight/watches.ts"
import { commit, validate } from "./commit.ts"
import { surfacing } from "./locks.ts"
import * as Overlay from "./overlay.ts"
import { make as cacheOver } from "./transactionCache.ts"
import { inLaterTurn, inTurn } from "./turns.ts"
import { merge } from "./writes.ts"

export type Failure = TransactionConflict | TransactionTimeout | StoreError | SerializerError | LockError

interface Options {
  readonly isolation: Overlay.Isolation
  readonly timeoutMillis: number
  readonly retry: Schedule.Schedule<unknown, TransactionConflict>
}

type Body<A, E, R> = (cache: Cache) => Effect.Effect<A, E, R>

interface Begun {
  readonly outer: Cache
  readonly base: Engine.Engine
  readonly lock: Lock
}

/** Runs an outermost transaction, and retries it from the beginning after a conflict. */
export const run = <A, E, R>(
  begun: Begun,
  options: Options,
  body: Body<A, E, R>
): Effect.Effect<A, E | Failure, R> =>
  Effect.suspend((): Effect.Effect<A, E | Failure, R> => {
    const { base } = begun
    const { store } = base.storeTier ?? {}
    if (store !== undefined && store.transact === undefined) return Effect.fail(unsupported(store.name))
    return Effect.flatMap(Effect.andThen(inLaterTurn(base), Clock.Clock), (clock) => {
      const endsAt = monotonicMillis(clock) + options.timeoutMillis
      const leftMillis = () => Math.max(0, endsAt - monotonicMillis(clock))
      const once = Effect.suspend(() => tryOnce(begun, options, leftMillis(), body))
      return Effect.retry(once, {
        schedule: Schedule.modifyDelay(
          options.retry as Schedule.Schedule<unknown, unknown>,
          // A delay ends at the deadline at the latest. The next try then fails with a timeout.
          ({ duration }) => Effect.succeed(Duration.min(duration, Duration.millis(leftMillis())))
        ),
        while: (error) => error instanceof TransactionConflict
      }) as Effect.Effect<A, E | Failure, R>
    })
  })

const unsupported = (store: string): StoreError =>
  new StoreError({
    store,
    operation: "transact",
    reason: "Unsupported",
    cause: new Error(
      "it cannot write several entries in one step: transactions need CacheLayer.memory, disk, redis, postgres, sql, or a store with transact"
    )
  })

const tryOnce = <A, E, R>(
  { base, lock, outer }: Begun,
  { isolation, timeoutMillis }: Options,
  leftMillis: number,
  body: Body<A, E, R>
): Effect.Effect<A, E | Failure, R> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.flatMap(Scope.make(), (scope) => {
      const root: Overlay.Root = {
        outer,
        base,
        isolation,
        bypasses: false,
        checks: Overlay.noChecks(),
        acquire: together(lock, scope),
        scope,
        locked: new Map(),
        // Longer than the time left, so that the transaction fails with its own timeout and not the lock's.
        lockMillis: leftMillis + 60_000,
        watch: Watches.begin(base),
        outbox: undefined,
        isOpen: true
      }
      const overlay = Overlay.make(root, undefined)
      const ran = limited(body(cacheOver(overlay)), leftMillis, timeoutMillis)
      return restore(surfacing(root, ran)).pipe(
        // The effect may have failed because others changed what it had read. That is a conflict, which is retried.
        Effect.catchCause((cause) =>
          isolation === "serializable" && !Cause.hasInterrupts(cause)
            ? Effect.andThen(validate(overlay), Effect.failCause(cause))
            : Effect.failCause(cause)
        ),
        // The effect has succeeded. From here on, the transaction cannot be interrupted.
        Effect.tap(() => {
          overlay.isOpen = false
          return commit(overlay)
        }),
        Effect.onExit((exit) => {
          base.meter?.transacted(outcomeOf(exit))
          return end(overlay, exit)
        })
      ) as Effect.Effect<A, E | Failure, R>
    })
  )

const outcomeOf = (exit: Exit.Exit<unknown, unknown>): "committed" | "conflict" | "timeout" | "failed" => {
  if (Exit.isSuccess(exit)) return "committed"
  const error = Cause.squash(exit.cause)
  if (error instanceof TransactionConflict) return "conflict"
  return error instanceof TransactionTimeout ? "timeout" : "failed"
}

const end = (self: Overlay.Overlay, exit: Exit.Exit<unknown, unknown>): Effect.Effect<void> =>
  Effect.suspend(() => {
    const { base, scope } = self.root
    self.isOpen = false
    self.root.isOpen = false
    Watches.end(base)
    return Effect.andThen(Engine.close(self.own, 0), Scope.close(scope, exit))
  })

const limited = <A, E, R>(
  effect: Effect.Effect<A, E, R>,
  leftMillis: number,
  timeoutMillis: number
): Effect.Effect<A, E | TransactionTimeout, R> =>
  leftMillis === Infinity
    ? effect
    : Effect.flatMap(
      Effect.timeoutOption(effect, leftMillis),
      Option.match({
        onNone: () => Effect.fail(new TransactionTimeout({ timeoutMillis })),
        onSome: (value: A) => Effect.succeed(value)
      })
    )

const ranks: { readonly [Name in Overlay.Isolation]: number } = { fast: 0, locked: 1, serializable: 2 }

interface NestedOptions {
  readonly isolation: Overlay.Isolation | undefined
  readonly timeoutMillis: number
  /** Runs the level in a database savepoint. If the savepoint is kept, so are the writes, even after interruption. */
  readonly around?: <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E | SqlError, R>
}

/** Runs a savepoint: its writes are merged into the outer level, or discarded. */
export const nested = <A, E, R>(
  parent: Overlay.Overlay,
  { around, isolation, timeoutMillis }: NestedOptions,
  body: Body<A, E, R>
): Effect.Effect<A, E | TransactionTimeout, R> =>
  Effect.suspend(() => {
    Overlay.requireOpen(parent)
    if (isolation !== undefined && ranks[isolation] > ranks[parent.root.isolation]) {
      throw new CacheConfigError({
        message:
          `A transaction with isolation "${isolation}" cannot be inside one with "${parent.root.isolation}", which ` +
          "locks and checks less: give the outer one that isolation"
      })
    }
    const savepoint = Effect.uninterruptibleMask((restore) => {
      const overlay = Overlay.make(parent.root, parent)
      const ran = restore(limited(body(cacheOver(overlay)), timeoutMillis, timeoutMillis))
      return (around === undefined ? ran : around(ran) as typeof ran).pipe(
        Effect.tap(() =>
          Effect.clockWith((clock) => {
            overlay.isOpen = false
            // Throws if the outer level has ended, because the savepoint's writes can then not be merged.
            Overlay.requireOpen(parent)
            return merge(overlay, parent, parent.root.base.time.now(clock))
          })
        ),
        Effect.onExit(() =>
          Effect.suspend(() => {
            overlay.isOpen = false
            return Engine.close(overlay.own, 0)
          })
        )
      )
    })
    return inTurn(parent, savepoint)
  })
