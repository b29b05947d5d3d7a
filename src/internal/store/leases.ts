/**
 * The rules of leases, for every table that keeps them, and a table inside one process. The owner is a token of the
 * loading flight; the generation decides whether a result may be stored. An expired lease does not end its generation,
 * so a slow load can still store its result.
 */
import type { SyncLeases } from "../../ports/storage.ts"
import type { Acquired, AcquireRequest, Failures, Join } from "../../ports/store.ts"
import { leaseLife, sharedFailures } from "../defaults/processes.ts"
import type { Tokens } from "../token.ts"

export interface Lease {
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
const leftOf = ({ leaseMillis, until }: Lease, now: number): number => Math.max(0, Math.min(until - now, leaseMillis))

/** The wait until a process may load, alone or beside the owner. It is bounded even if the clock was set back. */
const joinWaitOf = (lease: Lease, join: Join, now: number): number => {
  const left = leftOf(lease, now)
  if (typeof join === "boolean") return join ? 0 : left
  if (lease.joinedAt === undefined) return 0
  return Math.min(left, Math.max(0, Math.min(lease.joinedAt + join.afterMillis - now, join.afterMillis)))
}

/** Whether the clock was set back since a process joined. If so, the caller sets `joinedAt` to the current time. */
const isJoinedAhead = ({ joinedAt }: Lease, now: number): boolean => joinedAt !== undefined && joinedAt > now

const waitOf = (lease: Lease | undefined, { join, owner }: AcquireRequest, now: number): number =>
  lease === undefined || lease.owner === owner || lease.until > now + lease.leaseMillis || isJoinedAhead(lease, now)
    ? 0
    : joinWaitOf(lease, join, now)

/** The owner of a released lease. No token equals it, so the lease is never renewed by accident. */
export const noOwner = ""

const sweepFloor = 1024

const occupy = (lease: Lease, { leaseMillis, owner }: Pick<AcquireRequest, "leaseMillis" | "owner">, now: number) => {
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

const take = (lease: Lease, request: AcquireRequest, now: number): Taken => {
  const { join, owner } = request
  const left = leftOf(lease, now)
  if (left === 0 || lease.owner === owner) {
    if (lease.owner !== owner) lease.joinedAt = undefined
    occupy(lease, request, now)
    return granted(lease, now)
  }
  lease.until = now + left
  if (isJoinedAhead(lease, now)) lease.joinedAt = now
  const leftMillis = joinWaitOf(lease, join, now)
  if (leftMillis > 0) return { _tag: "Wait", leftMillis }
  if (typeof join !== "boolean") lease.joinedAt = now
  return granted(lease, now)
}

const release = (lease: Lease, now: number, note: Uint8Array | undefined): void => {
  lease.owner = noOwner
  lease.until = -Infinity
  lease.dies = now + Math.max(leaseLife.times * lease.leaseMillis, sharedFailures.millis)
  lease.failed = note && { count: 1 + (remembered(lease, now)?.count ?? 0), note: note.slice(), at: now }
}

/** The records of leases. What a step returns from `get` it changes, and passes to `set`. */
interface Records {
  readonly get: (id: string) => Lease | undefined
  readonly set: (id: string, lease: Lease, now: number) => void
}

/** The steps on one lease, whatever keeps its record. */
export const over = ({ get, set }: Records): Pick<SyncLeases, "leftMillis" | "acquire" | "renew" | "release"> => {
  const owned = (id: string, owner: string): Lease | undefined => {
    const lease = get(id)
    return lease !== undefined && lease.owner === owner ? lease : undefined
  }

  return {
    leftMillis: (request, now) => waitOf(get(request.id), request, now),
    acquire(request, now, newGeneration) {
      const known = get(request.id)
      const lease = known !== undefined && known.dies > now ? known : fresh(newGeneration())
      const taken = take(lease, request, now)
      set(request.id, lease, now)
      return taken
    },
    renew(id, owner, leaseMillis, now) {
      const lease = owned(id, owner)
      if (lease === undefined) return false
      occupy(lease, { owner, leaseMillis }, now)
      set(id, lease, now)
      return true
    },
    release(id, owner, now, note) {
      const lease = owned(id, owner)
      if (lease === undefined) return false
      release(lease, now, note)
      set(id, lease, now)
      return true
    }
  }
}

export const make = (leases = new Map<string, Lease>()): Leases => {
  let sweepAt = sweepFloor

  // Removes leases whose load never stored a result. Runs when the table has doubled: amortized O(1) per `acquire`.
  const sweep = (now: number) => {
    for (const [id, lease] of leases) if (lease.dies <= now) leases.delete(id)
    sweepAt = Math.max(sweepFloor, leases.size * 2)
  }

  return {
    ...over({
      get: (id) => leases.get(id),
      set(id, lease, now) {
        if (leases.size >= sweepAt) sweep(now)
        leases.set(id, lease)
      }
    }),
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
    size: () => leases.size
  }
}
