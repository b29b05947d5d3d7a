/**
 * Repeats recent changes on a server that may lack them: a server restarted from an older snapshot, or a replica that
 * was promoted before it had received all writes. Each process first repeats its own changes of the last few seconds.
 * All processes also write the time every few seconds, under a key with the server's `run_id`. If the new server's
 * time is too old, not all changes can be repeated: the first process to notice clears the store and writes the time.
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

export type Invalidator = Pick<Store, "invalidateTags" | "remove" | "clear">

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
  /** The session whose changes are repeated. `undefined` until a store uses the connections. */
  inUse: InUse | undefined
  /** The last written time, on the server's clock and on the monotonic clock (`at`), and the server's `run_id`. */
  written: { readonly time: number; readonly at: number; readonly run: string } | undefined
}

export const make = (options: RecoveryOptions): Effect.Effect<Recovery> =>
  Effect.map(
    Clock.Clock,
    (clock) => ({ ...options, clock, recent: Recent.make(), inUse: undefined, written: undefined })
  )

/** Records changes that the server has confirmed, except `Load` and `End`, which need not be repeated. */
export const note = ({ recent }: Recovery, changes: ReadonlyArray<Recent.Told>): void => {
  for (const change of changes) if (change._tag !== "Load" && change._tag !== "End") recent.note(change)
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
  const found = yield* asking(
    (done) => session.wire.send(keys.controlTag, ["MGET", keys.timeOf(fresh.formerRun ?? "")], done),
    (found) =>
      // Unlike `GET`, `MGET` treats a value of another type as missing.
      Array.isArray(found) ? found[0] as unknown : undefined
  )
  const { all, ids, tags } = recent.since(fresh.lostAt)
  const { clear, invalidateTags, remove } = inUse.invalidatorOver(session)
  // The server has an earlier era than this process, so the server has lost a `clear`.
  const isBehind = Number(era) < Number(inUse.session.era ?? 0)
  const isCleared = all || isBehind || lacksMore(self, fresh, found)
  const changes = isCleared ? clear : Effect.andThen(remove(ids), invalidateTags(tags))
  yield* Effect.mapError(changes, ({ cause }) => new Fault("Unavailable", String(cause)))
  if (!isCleared || fresh.formerRun === undefined) return
  // The written time tells other processes that the store is already cleared, so they do not clear it again.
  const { args } = timeIn(self, fresh.formerRun, wire)
  yield* Effect.ignore(asking((done) => session.wire.send(keys.controlTag, args, done)))
})

const asking = <A = unknown>(
  ask: (done: Done) => void,
  decode: (answer: unknown) => A = (answer) => answer as A
): Effect.Effect<A, Fault> => asEffect(ask, decode, (fault) => fault)

/** A session with only the new server. Skips changes in slots of other servers, which have not lost any changes. */
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

/** Whether the server also lacks changes that are older than those recorded by this process. */
const lacksMore = ({ written }: Recovery, { formerRun, lostAt }: Fresh, found: unknown): boolean => {
  if (written === undefined || written.run !== formerRun) return false
  const time = Number(Buffer.isBuffer(found) ? found.toString() : NaN)
  return !(time >= written.time + (lostAt - written.at) - recentInvalidations.millis)
}

/** How long a written time is kept: longer than a server is expected to be down. */
const timeKeptMillis = 7 * 24 * 3_600_000

const timeIn = ({ clock, keys }: Recovery, run: string, wire: Wire) => {
  const now = clock.currentTimeMillisUnsafe()
  // After the local clock has jumped, the written time may be too early, and the expected time too late.
  const args = ["SET", keys.timeOf(run), String(now + wire.offset(true)), "PX", String(timeKeptMillis)]
  return { time: now + wire.offset(), args }
}

const writeTime = (self: Recovery, wire: Wire): void => {
  const [at, run] = [monotonicMillis(machineClock), wire.run()]
  const { args, time } = timeIn(self, run, wire)
  wire.send(self.keys.controlTag, args, (answer) => {
    if (!isFault(answer)) self.written = { time, at, run }
  })
}
