/**
 * Leases inside one process, and the rules that every table of leases shares. The owner is a token of the loading
 * flight; the generation decides whether a result may be stored. An expired lease does not end its generation, so a
 * slow load can still store its result.
 */
import type { SyncLeases } from "../../ports/storage.ts"
import type { Acquired, AcquireOptions, Failures, Join } from "../../ports/store.ts"
import { leaseLife, sharedFailures } from "../defaults/processes.ts"
import type { Tokens } from "../token.ts"

export interface Held {
  readonly owner: string
  readonly leaseMillis: number
  readonly until: number
  readonly joinedAt: number | undefined
}

export interface Lease extends Held {
  readonly generation: string
  owner: string
  leaseMillis: number
  until: number
  joinedAt: number | undefined
  dies: number
  failed: Failed | undefined
}

interface Failed extends Failures {
  readonly at: number
}

interface Leases extends SyncLeases {
  readonly size: () => number
}

export const newGeneration = (tokens: Tokens): string => tokens.next(16)

/** How long a lease record is kept: ten lease lengths, but at least an hour. Results of longer loads are not stored. */
export const lifeMillis = (leaseMillis: number) => Math.max(leaseLife.times * leaseMillis, leaseLife.leastMillis)

/** The time left of a lease. It is at most the lease's length, even if the clock was set back. */
export const leftOf = ({ leaseMillis, until }: Held, now: number): number =>
  Math.max(0, Math.min(until - now, leaseMillis))

/** The wait until a process may load, alone or beside the owner. It is bounded even if the clock was set back. */
export const joinWaitOf = (lease: Held, join: Join, now: number): number => {
  const left = leftOf(lease, now)
  if (typeof join === "boolean") return join ? 0 : left
  if (lease.joinedAt === undefined) return 0
  return Math.min(left, Math.max(0, Math.min(lease.joinedAt + join.afterMillis - now, join.afterMillis)))
}

/** Whether the clock was set back since a process joined. If so, the caller sets `joinedAt` to the current time. */
export const isJoinedAhead = ({ joinedAt }: Held, now: number): boolean => joinedAt !== undefined && joinedAt > now

export const waitOf = (lease: Held | undefined, { join, owner }: AcquireOptions, now: number): number =>
  lease === undefined || lease.owner === owner || lease.until > now + lease.leaseMillis || isJoinedAhead(lease, now)
    ? 0
    : joinWaitOf(lease, join, now)

export const isRecorded = (join: Join): boolean => typeof join !== "boolean"

/** The owner of a released lease. No token equals it, so the lease is never renewed by accident. */
export const noOwner = ""

const sweepFloor = 1024

const occupy = (lease: Lease, { leaseMillis, owner }: Pick<AcquireOptions, "leaseMillis" | "owner">, now: number) => {
  lease.owner = owner
  lease.leaseMillis = leaseMillis
  lease.until = now + leaseMillis
  lease.dies = now + lifeMillis(leaseMillis)
}

/** The recorded failure of a lease, unless it is too old, or in the future because the clock was set back. */
const remembered = ({ failed }: Lease, now: number): Failed | undefined =>
  failed !== undefined && Math.abs(now - failed.at) < sharedFailures.millis ? failed : undefined

type Taken = Exclude<Acquired, { readonly _tag: "Hit" }>

const granted = (lease: Lease, now: number): Taken => {
  const { generation } = lease
  lease.failed = remembered(lease, now)
  if (lease.failed === undefined) return { _tag: "Granted", generation }
  const { count, note } = lease.failed
  return { _tag: "Granted", generation, failures: { count, note: note.slice() } }
}

const fresh = (generation: string): Lease => ({
  generation,
  owner: noOwner,
  leaseMillis: 0,
  until: 0,
  joinedAt: undefined,
  dies: 0,
  failed: undefined
})

const take = (lease: Lease, options: AcquireOptions, now: number): Taken => {
  const left = leftOf(lease, now)
  if (left === 0 || lease.owner === options.owner) {
    if (lease.owner !== options.owner) lease.joinedAt = undefined
    occupy(lease, options, now)
    return granted(lease, now)
  }
  lease.until = now + left
  if (isJoinedAhead(lease, now)) lease.joinedAt = now
  const leftMillis = joinWaitOf(lease, options.join, now)
  if (leftMillis > 0) return { _tag: "Wait", leftMillis }
  if (isRecorded(options.join)) lease.joinedAt = now
  return granted(lease, now)
}

const release = (lease: Lease, now: number, note: Uint8Array | undefined): void => {
  lease.owner = noOwner
  lease.until = -Infinity
  lease.dies = now + Math.max(leaseLife.times * lease.leaseMillis, sharedFailures.millis)
  lease.failed = note && { count: 1 + (remembered(lease, now)?.count ?? 0), note: note.slice(), at: now }
}

export const make = (leases = new Map<string, Lease>()): Leases => {
  let sweepAt = sweepFloor

  // Removes leases whose load never stored a result. Runs when the table has doubled: amortized O(1) per `acquire`.
  const sweep = (now: number) => {
    for (const [id, lease] of leases) if (lease.dies <= now) leases.delete(id)
    sweepAt = Math.max(sweepFloor, leases.size * 2)
  }

  const owned = (id: string, owner: string): Lease | undefined => {
    const lease = leases.get(id)
    return lease !== undefined && lease.owner === owner ? lease : undefined
  }

  return {
    leftMillis: (id, options, now) => waitOf(leases.get(id), options, now),
    acquire(id, options, now, newGeneration) {
      const known = leases.get(id)
      if (known !== undefined && known.dies > now) return take(known, options, now)
      if (leases.size >= sweepAt) sweep(now)
      const lease = fresh(newGeneration())
      leases.set(id, lease)
      return take(lease, options, now)
    },
    isCurrent(id, generation, now) {
      const lease = leases.get(id)
      return lease !== undefined && lease.generation === generation && lease.dies > now
    },
    *ids(prefix) {
      for (const id of leases.keys()) if (id.startsWith(prefix)) yield id
    },
    end: (id) => void leases.delete(id),
    endAll() {
      leases.clear()
      sweepAt = sweepFloor
    },
    renew(id, owner, leaseMillis, now) {
      const lease = owned(id, owner)
      if (lease !== undefined) occupy(lease, { owner, leaseMillis }, now)
      return lease !== undefined
    },
    release(id, owner, now, note) {
      const lease = owned(id, owner)
      if (lease !== undefined) release(lease, now, note)
      return lease !== undefined
    },
    size: () => leases.size
  }
}
