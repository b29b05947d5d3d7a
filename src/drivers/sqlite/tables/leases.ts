/** Leases between processes: `internal/store/leases.ts` in a table. */
import type { DatabaseSync } from "node:sqlite"
import { leaseLife, sharedFailureMillis } from "../../../internal/defaults/processes.ts"
import {
  type Held,
  isJoinedAhead,
  isRecorded,
  joinWaitOf,
  leftOf,
  lifeMillis,
  noOwner,
  waitOf
} from "../../../internal/store/leases.ts"
import type { SyncLeases } from "../../../ports/storage.ts"
import type { Acquired, AcquireOptions, Failures } from "../../../ports/store.ts"
import { toColumn } from "./text.ts"

interface Generation {
  readonly generation: string
  /** its loads that have failed, where that counts still */
  readonly failed?: Failures | undefined
}

interface Lease extends Held, Generation {}

/** How many leases are granted between two removals of dead ones. */
const pruneEvery = 1024

export const make = (database: DatabaseSync): SyncLeases => {
  const select = database.prepare(
    "SELECT generation, owner, millis, until, joined_at, failures, failed_at, note FROM lease WHERE id = ? AND dies > ?"
  )
  // an object for each row costs a commit more than to find it
  const current = database.prepare("SELECT 1 FROM lease WHERE id = ? AND generation = ? AND dies > ?")
  current.setReturnArrays(true)
  const occupy = database.prepare(`
    INSERT INTO lease (id, generation, owner, millis, until, dies) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET
      joined_at = CASE WHEN generation = excluded.generation AND owner = excluded.owner THEN joined_at END,
      generation = excluded.generation, owner = excluded.owner, millis = excluded.millis, until = excluded.until,
      dies = excluded.dies`)
  const shorten = database.prepare("UPDATE lease SET until = ? WHERE id = ?")
  const recordJoin = database.prepare("UPDATE lease SET joined_at = ? WHERE id = ?")
  const renew = database.prepare("UPDATE lease SET millis = ?, until = ?, dies = ? WHERE id = ? AND owner = ?")
  const release = database.prepare(`
    UPDATE lease SET owner = '${noOwner}', until = -9e999, dies = ?3 + max(${leaseLife.times} * millis, ${sharedFailureMillis}), failed_at = ?3, note = ?5,
      failures = CASE WHEN NOT ?4 THEN 0 WHEN abs(?3 - failed_at) < ${sharedFailureMillis} THEN failures + 1 ELSE 1 END
    WHERE id = ?1 AND owner = ?2`)
  const end = database.prepare("DELETE FROM lease WHERE id = ?")
  const endAll = database.prepare("DELETE FROM lease")
  const prune = database.prepare("DELETE FROM lease WHERE dies <= ?")
  let grants = 0
  /** what `leftMillis` has found */
  let looked: Lease | undefined

  const find = (id: string, now: number): Lease | undefined => {
    const row = select.get(toColumn(id), now)
    return row === undefined ? undefined : {
      generation: String(row["generation"]),
      owner: String(row["owner"]),
      leaseMillis: Number(row["millis"]),
      until: Number(row["until"]),
      joinedAt: row["joined_at"] === null ? undefined : Number(row["joined_at"]),
      failed: failedOf(row, now)
    }
  }

  const grant = (id: string, of: Generation, { leaseMillis, owner }: AcquireOptions, now: number) => {
    if (++grants % pruneEvery === 0) prune.run(now)
    occupy.run(toColumn(id), of.generation, owner, leaseMillis, now + leaseMillis, now + lifeMillis(leaseMillis))
    return granted(of)
  }

  const lead = (
    lease: Lease | undefined,
    ...[id, options, now, newGeneration]: Parameters<SyncLeases["acquire"]>
  ): ReturnType<SyncLeases["acquire"]> => {
    if (lease === undefined) return grant(id, { generation: newGeneration() }, options, now)
    const left = leftOf(lease, now)
    if (left === 0 || lease.owner === options.owner) return grant(id, lease, options, now)
    if (lease.until > now + left) shorten.run(now + left, toColumn(id))
    if (isJoinedAhead(lease, now)) recordJoin.run(now, toColumn(id))
    const leftMillis = joinWaitOf(lease, options.join, now)
    if (leftMillis > 0) return { _tag: "Wait", leftMillis }
    if (isRecorded(options.join)) recordJoin.run(now, toColumn(id))
    return granted(lease)
  }

  return {
    leftMillis(id, options, now) {
      looked = find(id, now)
      return waitOf(looked, options, now)
    },
    acquire: (id, ...asked) => lead(find(id, asked[1]), id, ...asked),
    acquireSame: (id, ...asked) => lead(looked, id, ...asked),
    isCurrent: (id, generation, now) => current.get(toColumn(id), generation, now) !== undefined,
    end: (id) => void end.run(toColumn(id)),
    endAll: () => void endAll.run(),
    renew: (id, owner, leaseMillis, now) =>
      Number(
        renew.run(leaseMillis, now + leaseMillis, now + lifeMillis(leaseMillis), toColumn(id), owner).changes
      ) > 0,
    release: (id, owner, now, note) =>
      Number(release.run(toColumn(id), owner, now, note === undefined ? 0 : 1, note ?? null).changes) > 0
  }
}

const granted = ({ failed, generation }: Generation): Acquired & { readonly _tag: "Granted" } =>
  failed === undefined ? { _tag: "Granted", generation } : { _tag: "Granted", generation, failures: failed }

/** One in the future, because the clock was set back, is forgotten too. A row lives for as long as its failures count. */
const failedOf = ({ failed_at: at, failures, note }: Record<string, unknown>, now: number): Failures | undefined => {
  const count = Number(failures)
  if (count === 0 || Math.abs(now - Number(at)) >= sharedFailureMillis) return undefined
  return { count, note: note instanceof Uint8Array ? note : new Uint8Array(0) }
}
