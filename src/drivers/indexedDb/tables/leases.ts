/** Updates leases of the database inside a transaction. */
import * as Leases from "../../../internal/store/leases.ts"
import type { SyncLeases } from "../../../ports/storage.ts"
import type { LeaseRecord, Transaction } from "../database.ts"

export const update = async <A>(
  transaction: Transaction,
  id: string,
  step: (leases: SyncLeases, recordOf: () => LeaseRecord | undefined) => A
): Promise<A> => {
  const records = transaction.objectStore("leases")
  const before = await records.get(id)
  const table = new Map<string, LeaseRecord>(before === undefined ? [] : [[id, before]])
  const answer = step(Leases.make(table), () => table.get(id))
  const after = table.get(id)
  if (after !== undefined) await records.put(after, id)
  else if (before !== undefined) await records.delete(id)
  return answer
}
