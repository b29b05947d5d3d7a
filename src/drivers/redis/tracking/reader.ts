/**
 * Tracking by key: the server remembers what the connections for data have read, and sends its invalidations to the
 * connection that listens (`REDIRECT`). It forgets a key with its invalidation, and everything with the connection. A
 * lost connection for data, or a late answer on it, therefore ends the stream of changes, like a lost listener.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Scope from "effect/Scope"
import * as Limits from "../../../internal/defaults/redis.ts"
import { chunksOf } from "../../../internal/time/chunks.ts"
import type { Held } from "../../../ports/store.ts"
import * as Connection from "../connection/connection.ts"
import type { Done } from "../connection/connection.ts"
import { answerMillis } from "../connection/wire.ts"
import { Fault } from "../fault.ts"
import { hashOf, markerOf, type Named } from "../protocol/keys.ts"
import { all, asEffect } from "../session/answers.ts"
import { control } from "../session/era.ts"
import type { Control, Session } from "../session/session.ts"
import { type Ask, switchedOff, textOf } from "./client.ts"

interface Reader {
  readonly connection: Connection.Connection
  /** The id that the server has given to the connection that listens. */
  readonly listener: string
}

interface Reading {
  readonly session: Session
  /** The connections that listen, one per master, in the order of the masters. */
  readonly asks: ReadonlyArray<Ask>
  readonly onLost: (why: Fault) => void
  /** The names of the probes that have not been reported yet. */
  readonly probes: Map<string, () => void>
  readonly sender: string
}

const readers = new WeakSet<Session>()

/**
 * Claims the connections for data until the scope closes. Returns `false` if another stream of changes has claimed
 * them, which happens if several caches share a store: a connection sends its reports to one listener only.
 */
export const claim = (session: Session): Effect.Effect<boolean, never, Scope.Scope> =>
  Effect.suspend(() => {
    if (readers.has(session)) return Effect.succeed(false)
    readers.add(session)
    return Effect.as(Effect.addFinalizer(() => Effect.sync(() => readers.delete(session))), true)
  })

/** Makes the server report changes of all that is read from now on, until the scope closes. Returns the heartbeat. */
export const read = Effect.fnUntraced(function*(
  self: Reading
): Effect.fn.Return<Effect.Effect<never, Fault>, Fault, Scope.Scope> {
  const { asks, onLost, session } = self
  const { wire } = session
  const connections = wire.masters()
  if (connections.length !== asks.length) return yield* Effect.fail(otherMasters)
  const end = wire.onSlots(() => onLost(otherMasters))
  tables.set(session, { isFull: false, asked: 0 })
  yield* Effect.addFinalizer(() =>
    Effect.sync(() => {
      tables.delete(session)
      end()
    })
  )
  const readers = yield* Effect.forEach(asks, (ask, i) => begin(self, ask, connections[i]!), {
    concurrency: "unbounded"
  })
  if (!wire.isCluster) yield* prove(self, readers[0]!)
  return beat(self, readers)
})

const beat = Effect.fnUntraced(function*(
  { session }: Reading,
  readers: ReadonlyArray<Reader>
): Effect.fn.Return<never, Fault> {
  for (let beats = 0;; beats++) {
    const isDue = beats % Limits.tracking.beatsPerTable === 0 ||
      tables.get(session)!.asked >= Limits.tracking.askedPerTable
    if (isDue) {
      const areFull = yield* Effect.forEach(readers, (one) => watchTable(session, one))
      tables.set(session, { isFull: areFull.includes(true), asked: 0 })
    }
    yield* Effect.sleep(Limits.tracking.heartbeatMillis)
    yield* Effect.forEach(readers, look, { concurrency: "unbounded", discard: true })
    session.wire.lookAgain()
  }
})

const warned = new WeakSet<Session>()

/** Whether the server's table was full when it was last looked at, and how many reports have asked that since. */
interface Table {
  readonly isFull: boolean
  asked: number
}

const tables = new WeakMap<Session, Table>()

/**
 * Whether a report must not be answered by a read. If the server's table is full, to read a key again would make the
 * server forget and report another one, which would be read again, and so on without an end.
 */
export const isTableFull = (session: Session): boolean => {
  const table = tables.get(session)
  if (table === undefined) return false
  table.asked++
  return table.isFull
}

/**
 * Whether the server's table of the keys that processes have read is full, of which it warns once. If the user may not
 * read its limit, that is assumed to be the default one, at which a full table stays.
 */
const watchTable = Effect.fnUntraced(function*(session: Session, { connection }: Reader): Effect.fn.Return<boolean> {
  const ask = (...args: ReadonlyArray<string>) => Effect.catch(command(connection, ...args), () => Effect.undefined)
  const [limits, info] = yield* Effect.all([ask("CONFIG", "GET", setting), ask("INFO", "stats")], { concurrency: 2 })
  const { tableKeys, tableRoom, tableTolerance } = Limits.tracking
  const [least, most] = Array.isArray(limits)
    ? [Number(limits[1]) || Infinity, Infinity]
    : [tableKeys, tableKeys * tableTolerance]
  const keys = Number(/^tracking_total_keys:(\d+)/m.exec(String(info))?.[1])
  // Otherwise a table that is just below its limit would soon be full again.
  const room = tables.get(session)?.isFull === true ? tableRoom : 1
  if (!(keys >= least * room && keys <= most)) return false
  if (warned.has(session)) return true
  warned.add(session)
  // A logger that throws does not end the stream of changes.
  yield* Effect.exit(Effect.logWarning(
    `The server's table of the keys that processes have read is full (${keys} keys). It forgets some keys, which ` +
      `processes then read again: raise its ${setting}, or use coherence: "broadcast" (logged once)`
  ))
  return true
})

const setting = "tracking-table-max-keys"

const otherMasters = new Fault("Unavailable", "the cluster has other masters, or its slots have moved")

const begin = Effect.fnUntraced(function*(
  { onLost }: Reading,
  ask: Ask,
  connection: Connection.Connection
): Effect.fn.Return<Reader, Fault, Scope.Scope> {
  const listener = String(yield* ask("CLIENT", "ID"))
  connection.onDown.add(onLost)
  yield* Effect.addFinalizer(() =>
    Effect.sync(() => {
      connection.onDown.delete(onLost)
      // Locks and guards continue to use the connection, and what they read need not be reported.
      Connection.send(connection, ["CLIENT", "TRACKING", "OFF"], () => {})
    })
  )
  yield* command(connection, "CLIENT", "TRACKING", "ON", "REDIRECT", listener)
  return { connection, listener }
})

const command = (connection: Connection.Connection, ...args: ReadonlyArray<string>): Effect.Effect<unknown, Fault> =>
  asEffect((done) => Connection.send(connection, args, done), (answer) => answer, (fault) => fault)

/**
 * Reads and writes a key, and waits for the report. Ids of connections are small numbers that are unique on one server
 * only, so behind a proxy, Sentinels or a host name, the id may be that of a connection of another program.
 */
const prove = Effect.fnUntraced(function*(
  { probes, sender, session: { keys, wire } }: Reading,
  { connection, listener }: Reader
): Effect.fn.Return<void, Fault> {
  const probe = keys.probe(`${sender}${listener}`)
  const told = Deferred.makeUnsafe<void>()
  probes.set(probe, () => void Deferred.doneUnsafe(told, Exit.void))
  yield* command(connection, "PTTL", probe)
  yield* command(connection, "SET", probe, "", "PX", "1000")
  yield* Effect.timeoutOrElse(Deferred.await(told), {
    duration: answerMillis(wire, 1),
    orElse: () => Effect.fail(new Fault("Unavailable", "changes do not reach the connection that listens"))
  }).pipe(Effect.ensuring(Effect.sync(() => probes.delete(probe))))
})

const look = Effect.fnUntraced(function*({ connection, listener }: Reader): Effect.fn.Return<void, Fault> {
  const info = textOf(yield* command(connection, "CLIENT", "TRACKINGINFO"))
  const isOn = info.includes(`"redirect",${listener},`) && info.includes(`"on"`) && !info.includes("broken_redirect")
  if (!isOn) return yield* Effect.fail(switchedOff)
})

/** Reads what a process holds, so that the server remembers it: entries, and the markers of their tags. */
export const register = Effect.fnUntraced(function*(session: Session, held: Held): Effect.fn.Return<void, Fault> {
  const { era } = yield* asEffect((done) => control(session, done), (answer) => answer as Control, (fault) => fault)
  const tags = new Set<string>()
  let named: Array<Named> = []
  for (const entry of held.entries()) {
    named.push(["v", entry.id])
    for (const tag of entry.tags) if (tags.size < tags.add(tag).size) named.push(markerOf(tag))
    if (named.length < Limits.keysAtOnce) continue
    yield* readAll(session, era, named)
    named = []
  }
  yield* readAll(session, era, named)
})

const readAll = ({ keys, wire }: Session, era: string, named: ReadonlyArray<Named>): Effect.Effect<unknown, Fault> => {
  const keyOf = ([kind, text]: Named) => keys.of(kind, era, text)
  const parts = wire.isCluster ? named.map((one) => [one]) : chunksOf(named, Limits.keysPerCommand)
  const ask = (part: ReadonlyArray<Named>, done: Done) =>
    wire.send(wire.isCluster ? hashOf(part[0]![1]) : keys.controlTag, ["EXISTS", ...part.map(keyOf)], done)
  return asEffect((done) => all(parts, ask, done), (answer) => answer, (fault) => fault)
}
