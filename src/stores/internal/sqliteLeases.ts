/** Leases between processes: see `internal/store/generations.ts`, which keeps them inside one. */
import type { DatabaseSync } from "node:sqlite"
import { type Held, leftOf, lifeMillis, nobody, waitOf } from "../../internal/store/generations.ts"
import type { SyncLeases, TakeOptions } from "../../Store.ts"
import { toColumn } from "./sqliteColumn.ts"

interface Lease extends Held {
  readonly generation: string
}

/** So many new leases between two looks at those that have died. */
const pruneEvery = 1024

export const make = (database: DatabaseSync): SyncLeases => {
  const select = database.prepare("SELECT generation, owner, millis, until FROM lease WHERE id = ? AND dies > ?")
  const replace = database.prepare("INSERT OR REPLACE INTO lease VALUES (?, ?, ?, ?, ?, ?)")
  const shorten = database.prepare("UPDATE lease SET until = ? WHERE id = ?")
  const prolong = database.prepare("UPDATE lease SET millis = ?, until = ?, dies = ? WHERE id = ? AND owner = ?")
  const giveBack = database.prepare(
    "UPDATE lease SET owner = ?, until = 0, dies = ? + 10 * millis WHERE id = ? AND owner = ?"
  )
  const end = database.prepare("DELETE FROM lease WHERE id = ?")
  const endAll = database.prepare("DELETE FROM lease")
  const prune = database.prepare("DELETE FROM lease WHERE dies <= ?")
  let taken = 0

  const find = (id: string, now: number): Lease | undefined => {
    const row = select.get(toColumn(id), now)
    return row === undefined ? undefined : {
      generation: String(row["generation"]),
      owner: String(row["owner"]),
      leaseMillis: Number(row["millis"]),
      until: Number(row["until"])
    }
  }

  const lead = (id: string, generation: string, { leaseMillis, owner }: TakeOptions, now: number) => {
    if (++taken % pruneEvery === 0) prune.run(now)
    replace.run(toColumn(id), generation, owner, leaseMillis, now + leaseMillis, now + lifeMillis(leaseMillis))
    return { _tag: "Lead", generation } as const
  }

  return {
    left: (id, options, now) => waitOf(find(id, now), options, now),
    take(id, options, now, newGeneration) {
      const lease = find(id, now)
      if (lease === undefined) return lead(id, newGeneration(), options, now)
      const left = leftOf(lease, now)
      if (left === 0 || lease.owner === options.owner) return lead(id, lease.generation, options, now)
      if (lease.until > now + left) shorten.run(now + left, toColumn(id))
      return options.join ? { _tag: "Lead", generation: lease.generation } : { _tag: "Wait", leftMillis: left }
    },
    isCurrent: (id, generation, now) => find(id, now)?.generation === generation,
    end: (id) => void end.run(toColumn(id)),
    endAll: () => void endAll.run(),
    keep: (id, owner, leaseMillis, now) =>
      Number(
        prolong.run(leaseMillis, now + leaseMillis, now + lifeMillis(leaseMillis), toColumn(id), owner).changes
      ) > 0,
    release: (id, owner, now) => Number(giveBack.run(nobody, now, toColumn(id), owner).changes) > 0
  }
}
