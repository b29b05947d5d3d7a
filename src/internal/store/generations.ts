/**
 * Leases inside one process. The owner says who loads, the generation says whether a result may be stored: a lease that
 * ran out ends nothing, so a slow leader can still store, as long as nobody invalidated what it loads.
 */
import type * as Random from "effect/Random"
import type { Taken, TakeOptions } from "../../Store.ts"
import { tokenUnsafe } from "../token.ts"

interface Lease {
  readonly generation: string
  owner: string
  leaseMillis: number
  /** exclusive until */
  until: number
  /** may be forgotten from here on */
  dies: number
}

export interface Generations {
  readonly take: (
    id: string,
    options: TakeOptions,
    now: number,
    random: Random.Random
  ) => Exclude<Taken, { _tag: "Hit" }>
  readonly isCurrent: (id: string, generation: string) => boolean
  readonly end: (id: string) => void
  readonly endAll: () => void
  readonly keep: (id: string, owner: string, leaseMillis: number, now: number) => boolean
  readonly release: (id: string, owner: string, now: number) => boolean
  readonly size: () => number
}

/** Longer than any load one would wait for: a load that outlives it is not stored. */
const lifeMillis = (leaseMillis: number) => Math.max(10 * leaseMillis, 3_600_000)

const sweepFloor = 1024

export const make = (): Generations => {
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

  const owned = (id: string, owner: string): Lease | undefined => {
    const lease = leases.get(id)
    return lease !== undefined && lease.owner === owner ? lease : undefined
  }

  return {
    take(id, options, now, random) {
      const lease = leases.get(id)
      if (lease === undefined) {
        if (leases.size >= sweepAt) sweep(now)
        const generation = tokenUnsafe(random, 16)
        const fresh: Lease = { generation, owner: "", leaseMillis: 0, until: 0, dies: 0 }
        occupy(fresh, options.owner, options.leaseMillis, now)
        leases.set(id, fresh)
        return { _tag: "Lead", generation }
      }
      // A clock stepped back must not freeze a lease: never longer than the lease itself.
      const left = Math.min(lease.until - now, lease.leaseMillis)
      if (left <= 0 || lease.owner === options.owner) {
        occupy(lease, options.owner, options.leaseMillis, now)
        return { _tag: "Lead", generation: lease.generation }
      }
      return options.join ? { _tag: "Lead", generation: lease.generation } : { _tag: "Wait", leftMillis: left }
    },
    isCurrent: (id, generation) => leases.get(id)?.generation === generation,
    end(id) {
      leases.delete(id)
    },
    endAll() {
      leases.clear()
      sweepAt = sweepFloor
    },
    keep(id, owner, leaseMillis, now) {
      const lease = owned(id, owner)
      if (lease !== undefined) occupy(lease, owner, leaseMillis, now)
      return lease !== undefined
    },
    release(id, owner, now) {
      const lease = owned(id, owner)
      if (lease === undefined) return false
      lease.until = 0
      lease.dies = now + 10 * lease.leaseMillis
      return true
    },
    size: () => leases.size
  }
}
