/**
 * Leases inside one process. The owner says who loads, the generation says whether a result may be stored: a lease that
 * ran out ends nothing, so a slow leader can still store, as long as nobody invalidated what it loads.
 */
import type * as Random from "effect/Random"
import type { SyncLeases } from "../../ports/storage.ts"
import type { Acquired, AcquireOptions, Failures, Join } from "../../ports/store.ts"
import { tokenUnsafe } from "../token.ts"

/** What has to be known about a lease to decide on it. */
export interface Held {
  readonly owner: string
  readonly leaseMillis: number
  /** exclusive until */
  readonly until: number
  /** when another led beside the holder for the last time, since the holder took it */
  readonly joinedAt: number | undefined
}

interface Lease extends Held {
  readonly generation: string
  owner: string
  leaseMillis: number
  until: number
  joinedAt: number | undefined
  /** may be forgotten from here on */
  dies: number
  failed: Failed | undefined
}

interface Failed extends Failures {
  readonly at: number
}

export interface Leases extends SyncLeases {
  readonly size: () => number
}

export const newGeneration = (random: Random.Random): string => tokenUnsafe(random, 16)

/** Longer than any load one would wait for: a load that outlives it is not stored. */
export const lifeMillis = (leaseMillis: number) => Math.max(10 * leaseMillis, 3_600_000)

/** How long a failure is remembered. */
export const noteMillis = 1000

/**
 * How long it is exclusive still. Never longer than the lease itself: where the clock was set back, the lease begins
 * again instead of being frozen.
 */
export const leftOf = ({ leaseMillis, until }: Held, now: number): number =>
  Math.max(0, Math.min(until - now, leaseMillis))

/**
 * How long one who is not the holder has to wait; 0: it leads beside the holder. A clock that was set back makes nobody
 * wait for longer than `afterMillis`.
 */
export const joinWaitOf = (lease: Held, join: Join, now: number): number => {
  const left = leftOf(lease, now)
  if (typeof join === "boolean") return join ? 0 : left
  if (lease.joinedAt === undefined) return 0
  return Math.min(left, Math.max(0, Math.min(lease.joinedAt + join.afterMillis - now, join.afterMillis)))
}

/** Another led beside the holder in the future: the clock was set back, and what is recorded begins again with now. */
export const isJoinedAhead = ({ joinedAt }: Held, now: number): boolean => joinedAt !== undefined && joinedAt > now

/** How long who asks has to wait, as a look tells: 0 also where there is something to be put right, which `acquire` does. */
export const waitOf = (lease: Held | undefined, { join, owner }: AcquireOptions, now: number): number =>
  lease === undefined || lease.owner === owner || lease.until > now + lease.leaseMillis || isJoinedAhead(lease, now)
    ? 0
    : joinWaitOf(lease, join, now)

/** Whether to lead beside the holder is to be recorded with the lease. */
export const isRecorded = (join: Join): boolean => typeof join !== "boolean"

/** The owner of a lease that was given back: it cannot be kept by accident any more. */
export const nobody = ""

const sweepFloor = 1024

export const make = (): Leases => {
  const leases = new Map<string, Lease>()
  let sweepAt = sweepFloor

  // Only generations whose load never ended are left over: sweeping when the table has doubled costs O(1) a take.
  const sweep = (now: number) => {
    for (const [id, lease] of leases) if (lease.dies <= now) leases.delete(id)
    sweepAt = Math.max(sweepFloor, leases.size * 2)
  }

  const occupy = (lease: Lease, owner: string, leaseMillis: number, now: number) => {
    lease.owner = owner
    lease.leaseMillis = leaseMillis
    lease.until = now + leaseMillis
    lease.dies = now + lifeMillis(leaseMillis)
  }

  /** What a clock that was set back has put into the future is forgotten too. */
  const remembered = ({ failed }: Lease, now: number): Failed | undefined =>
    failed !== undefined && Math.abs(now - failed.at) < noteMillis ? failed : undefined

  const lead = (lease: Lease, now: number): Acquired & { readonly _tag: "Granted" } => {
    const { generation } = lease
    lease.failed = remembered(lease, now)
    if (lease.failed === undefined) return { _tag: "Granted", generation }
    const { count, note } = lease.failed
    return { _tag: "Granted", generation, failures: { count, note: note.slice() } }
  }

  const owned = (id: string, owner: string): Lease | undefined => {
    const lease = leases.get(id)
    return lease !== undefined && lease.owner === owner ? lease : undefined
  }

  return {
    leftMillis: (id, options, now) => waitOf(leases.get(id), options, now),
    acquire(id, options, now, newGeneration) {
      const lease = leases.get(id)
      if (lease === undefined || lease.dies <= now) {
        if (leases.size >= sweepAt) sweep(now)
        const fresh: Lease = {
          generation: newGeneration(),
          owner: nobody,
          leaseMillis: 0,
          until: 0,
          joinedAt: undefined,
          dies: 0,
          failed: undefined
        }
        occupy(fresh, options.owner, options.leaseMillis, now)
        leases.set(id, fresh)
        return lead(fresh, now)
      }
      const left = leftOf(lease, now)
      if (left === 0 || lease.owner === options.owner) {
        if (lease.owner !== options.owner) lease.joinedAt = undefined
        occupy(lease, options.owner, options.leaseMillis, now)
        return lead(lease, now)
      }
      lease.until = now + left
      if (isJoinedAhead(lease, now)) lease.joinedAt = now
      const leftMillis = joinWaitOf(lease, options.join, now)
      if (leftMillis > 0) return { _tag: "Wait", leftMillis }
      if (isRecorded(options.join)) lease.joinedAt = now
      return lead(lease, now)
    },
    isCurrent(id, generation, now) {
      const lease = leases.get(id)
      return lease !== undefined && lease.generation === generation && lease.dies > now
    },
    end(id) {
      leases.delete(id)
    },
    endAll() {
      leases.clear()
      sweepAt = sweepFloor
    },
    renew(id, owner, leaseMillis, now) {
      const lease = owned(id, owner)
      if (lease !== undefined) occupy(lease, owner, leaseMillis, now)
      return lease !== undefined
    },
    release(id, owner, now, note) {
      const lease = owned(id, owner)
      if (lease === undefined) return false
      lease.owner = nobody
      lease.until = 0
      lease.dies = now + Math.max(10 * lease.leaseMillis, noteMillis)
      lease.failed = note && { count: 1 + (remembered(lease, now)?.count ?? 0), note: note.slice(), at: now }
      return true
    },
    size: () => leases.size
  }
}
