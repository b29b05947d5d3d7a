/**
 * What a server may lack that takes the place of the one in use: restarted from an older snapshot, or a replica that was
 * promoted before it had everything.
 *
 * What this process has changed in the last seconds is changed again before anything else is asked of that server. How much
 * a server has lost it tells itself: all processes write the time under a key of its run, every few seconds. Where the time
 * that is found there is older than what is changed again, everything is cleared, once: who clears writes the time, too.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Scope from "effect/Scope"
import type { StoreError } from "../../../CacheError.ts"
import * as Limits from "../../../internal/defaults/redis.ts"
import { recentInvalidations } from "../../../internal/defaults/stores.ts"
import { monotonicMillis } from "../../../internal/time/monotonic.ts"
import type { Store } from "../../../ports/store.ts"
import * as Recent from "../../shared/recentChanges.ts"
import type { Client } from "../connection/client.ts"
import * as Session from "../connection/commands.ts"
import type { Wire } from "../connection/router.ts"
import { Fault, faultOf, isFault, type Scrub } from "../fault.ts"
import type { Keys } from "../protocol/keys.ts"
import type { Scripts } from "../protocol/scripts/all.ts"

/** A connection to a server that may lack something, before anybody else uses it. */
interface Fresh {
  readonly client: Client
  /** the run of the server that was there before, where that is known */
  readonly formerRun: string | undefined
  /** when the connection to that was lost, by the monotonic clock */
  readonly lostAt: number
}

export interface Recovery {
  /** The server has confirmed these changes. */
  readonly changed: (changes: ReadonlyArray<Recent.Told>) => void
  /** Makes a server as new as what this process has changed. */
  readonly recover: (fresh: Fresh) => Effect.Effect<void, Fault>
  /** From here on there is something to be lost. */
  readonly start: (using: Using) => Effect.Effect<void, never, Scope.Scope>
}

interface Using {
  readonly session: Session.Session
  /** the operations over another session */
  readonly operationsOver: (session: Session.Session) => Pick<Store, "invalidateTags" | "removeMany" | "clear">
}

interface Parts {
  readonly keys: Keys
  readonly scripts: Scripts
  readonly scrub: Scrub
}

export const make = ({ keys, scripts, scrub }: Parts): Effect.Effect<Recovery> =>
  Effect.map(Clock.Clock, (clock) => {
    const recent = Recent.make()
    const now = () => monotonicMillis(clock)
    let using: Using | undefined
    /** the last time that was written: the server's, when, and in which run */
    let written: { readonly time: number; readonly at: number; readonly run: string } | undefined

    /** A session with one server alone. What is in the slots of others is not lost with it. */
    const sessionWith = (client: Client, { wire }: Session.Session): Session.Session =>
      Session.make({
        keys,
        scripts,
        replicas: 0,
        waitMillis: 1,
        wire: {
          ...wire,
          send: (tag, args, done) =>
            void client.sendCommand(args).then(done, (thrown: unknown) => {
              const fault = faultOf(thrown, scrub)
              if (fault.code !== "MOVED") done(fault)
              else if (tag === keys.controlTag) wire.send(tag, args, done)
              else done(0)
            })
        }
      })

    const asked = (ask: (done: (answer: unknown) => void) => void): Effect.Effect<unknown, Fault> =>
      Effect.callback((resume) => ask((answer) => resume(isFault(answer) ? Exit.fail(answer) : Exit.succeed(answer))))

    /** Whether the server has lost more than what is changed again. */
    const lacksMore = (found: unknown, { formerRun, lostAt }: Fresh): boolean => {
      if (written === undefined || written.run !== formerRun) return false
      const time = Number(Buffer.isBuffer(found) ? found.toString() : NaN)
      return !(time >= written.time + (lostAt - written.at) - recentInvalidations.millis)
    }

    const recover: Recovery["recover"] = Effect.fnUntraced(function*(fresh) {
      if (using === undefined) return
      const session = sessionWith(fresh.client, using.session)
      const { era } = (yield* asked(session.control)) as { readonly era: string }
      const found = yield* asked((done) =>
        session.wire.send(keys.controlTag, ["GET", keys.timeOf(fresh.formerRun ?? "")], done)
      )
      const { all, ids, tags } = recent.since(fresh.lostAt)
      const { clear, invalidateTags, removeMany } = using.operationsOver(session)
      // an era that has ended is back, or more than is known here
      const isBehind = Number(era) < Number(using.session.era() ?? 0)
      const isCleared = all || isBehind || lacksMore(found, fresh)
      const changes: Effect.Effect<unknown, StoreError> = isCleared
        ? clear
        : Effect.andThen(removeMany(ids), invalidateTags(tags))
      yield* Effect.mapError(changes, ({ cause }) => new Fault("Unavailable", String(cause)))
      if (!isCleared || fresh.formerRun === undefined) return
      // nothing from before is there any more: whoever comes later need not clear again what has been stored since
      const { args } = timeIn(fresh.formerRun, using.session.wire)
      yield* Effect.ignore(asked((done) => session.wire.send(keys.controlTag, args, done)))
    })

    /** The present time of the server, and how it is written down as a time of a run. */
    const timeIn = (run: string, wire: Wire) => {
      const time = clock.currentTimeMillisUnsafe() + wire.offset()
      return { time, args: ["SET", keys.timeOf(run), String(time), "PX", String(timeKeptMillis)] }
    }

    const writeTime = ({ wire }: { readonly wire: Wire }): void => {
      const [at, run] = [now(), wire.run()]
      const { args, time } = timeIn(run, wire)
      wire.send(keys.controlTag, args, (answer) => {
        if (!isFault(answer)) written = { time, at, run }
      })
    }

    return {
      recover,
      changed: (changes) => {
        for (const changed of changes) {
          if (changed._tag !== "Load") recent.note(changed)
        }
        recent.ended(now())
      },
      start: (given) => {
        using = given
        return Effect.asVoid(Effect.forkScoped(Effect.forever(Effect.andThen(
          Effect.sync(() => writeTime(given.session)),
          Effect.sleep(Limits.connection.heartbeatMillis)
        ))))
      }
    }
  })

/** A server is not down for longer. */
const timeKeptMillis = 7 * 24 * 3_600_000
