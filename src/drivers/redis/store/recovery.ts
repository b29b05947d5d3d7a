/**
 * Repeats changes on a server that replaces the one in use and may lack them: it was restarted from an older snapshot,
 * or is a replica promoted before it had received everything. The process repeats its changes of the last seconds
 * before any other command. Every few seconds all processes write the time under a key of the server's run: if that is
 * older than the repeated changes, the store is cleared once, because the process that clears also writes the time.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Limits from "../../../internal/defaults/redis.ts"
import { recentInvalidations } from "../../../internal/defaults/stores.ts"
import { machineClock, monotonicMillis, onMachineClock } from "../../../internal/time/monotonic.ts"
import type { Store } from "../../../ports/store.ts"
import * as Recent from "../../shared/recentChanges.ts"
import type { Client } from "../connection/client.ts"
import type { Done, Fresh } from "../connection/connection.ts"
import type { Wire } from "../connection/wire.ts"
import { Fault, faultOf, isFault, type Scrub } from "../fault.ts"
import type { Keys } from "../protocol/keys.ts"
import type { Scripts } from "../protocol/scripts/all.ts"
import { asEffect } from "../session/answers.ts"
import { control } from "../session/era.ts"
import * as Session from "../session/session.ts"

export type Invalidator = Pick<Store, "invalidateTags" | "removeMany" | "clear">

interface InUse {
  readonly session: Session.Session
  readonly invalidatorOver: (session: Session.Session) => Invalidator
}

interface RecoveryOptions {
  readonly keys: Keys
  readonly scripts: Scripts
  readonly scrub: Scrub
}

export interface Recovery extends RecoveryOptions {
  readonly clock: Clock.Clock
  readonly recent: Recent.Recent
  /** `undefined` while there is nothing to recover. */
  inUse: InUse | undefined
  /** The last time written: on the server's clock, on the monotonic clock, and the run. */
  written: { readonly time: number; readonly at: number; readonly run: string } | undefined
}

export const make = (options: RecoveryOptions): Effect.Effect<Recovery> =>
  Effect.map(
    Clock.Clock,
    (clock) => ({ ...options, clock, recent: Recent.make(), inUse: undefined, written: undefined })
  )

/** Records changes that the server has confirmed. Results of loads need not be repeated. */
export const note = ({ recent }: Recovery, changes: ReadonlyArray<Recent.Told>): void => {
  for (const change of changes) if (change._tag !== "Load") recent.note(change)
  recent.ended(monotonicMillis(machineClock))
}

export const start = (self: Recovery, inUse: InUse): Effect.Effect<void, never, Scope.Scope> => {
  self.inUse = inUse
  return Effect.asVoid(Effect.forkScoped(onMachineClock(Effect.forever(Effect.andThen(
    Effect.sync(() => writeTime(self, inUse.session.wire)),
    Effect.sleep(Limits.connection.heartbeatMillis)
  )))))
}

export const recover = Effect.fnUntraced(function*(self: Recovery, fresh: Fresh): Effect.fn.Return<void, Fault> {
  const { inUse, keys, recent } = self
  if (inUse === undefined) return
  const { wire } = inUse.session
  const session = sessionWith(self, fresh.client, wire)
  const { era } = yield* asking((done) => control(session, done), (answer) => answer as Session.Control)
  const found = yield* asking((done) =>
    session.wire.send(keys.controlTag, ["GET", keys.timeOf(fresh.formerRun ?? "")], done)
  )
  const { all, ids, tags } = recent.since(fresh.lostAt)
  const { clear, invalidateTags, removeMany } = inUse.invalidatorOver(session)
  // An earlier era is back, or the server has a later one.
  const isBehind = Number(era) < Number(inUse.session.era ?? 0)
  const isCleared = all || isBehind || lacksMore(self, fresh, found)
  const changes = isCleared ? clear : Effect.andThen(removeMany(ids), invalidateTags(tags))
  yield* Effect.mapError(changes, ({ cause }) => new Fault("Unavailable", String(cause)))
  if (!isCleared || fresh.formerRun === undefined) return
  // The store is empty now, so later processes must not clear the entries stored since.
  const { args } = timeIn(self, fresh.formerRun, wire)
  yield* Effect.ignore(asking((done) => session.wire.send(keys.controlTag, args, done)))
})

const asking = <A = unknown>(
  ask: (done: Done) => void,
  decode: (answer: unknown) => A = (answer) => answer as A
): Effect.Effect<A, Fault> => asEffect(ask, decode, (fault) => fault)

/** A session with one server only. Data in slots of other servers is not lost with it. */
const sessionWith = ({ keys, scripts, scrub }: Recovery, client: Client, wire: Wire): Session.Session =>
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

/** Whether the server has lost more than the recent changes. */
const lacksMore = ({ written }: Recovery, { formerRun, lostAt }: Fresh, found: unknown): boolean => {
  if (written === undefined || written.run !== formerRun) return false
  const time = Number(Buffer.isBuffer(found) ? found.toString() : NaN)
  return !(time >= written.time + (lostAt - written.at) - recentInvalidations.millis)
}

/** No server is expected to be down for longer. */
const timeKeptMillis = 7 * 24 * 3_600_000

const timeIn = ({ clock, keys }: Recovery, run: string, wire: Wire) => {
  const time = clock.currentTimeMillisUnsafe() + wire.offset()
  return { time, args: ["SET", keys.timeOf(run), String(time), "PX", String(timeKeptMillis)] }
}

const writeTime = (self: Recovery, wire: Wire): void => {
  const [at, run] = [monotonicMillis(machineClock), wire.run()]
  const { args, time } = timeIn(self, run, wire)
  wire.send(self.keys.controlTag, args, (answer) => {
    if (!isFault(answer)) self.written = { time, at, run }
  })
}
