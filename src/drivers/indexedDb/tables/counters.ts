/** Updates counters of the database inside a transaction. */
import type { SyncCounters } from "../../../ports/storage.ts"
import type { Counter } from "../../../ports/store.ts"
import type { Transaction } from "../database.ts"

export const update = async <A>(
  transaction: Transaction,
  name: string,
  step: (counters: SyncCounters) => A
): Promise<A> => {
  const records = transaction.objectStore("counters")
  const before: Counter | undefined = await records.get(name)
  let after = before
  const set = (counter: Counter | undefined): boolean => {
    after = counter
    return before !== undefined
  }
  const answer = step({
    get: () => before,
    set: (_, counter) => void set(counter),
    remove: () => set(undefined),
    clear: () => void set(undefined)
  })
  if (after !== undefined && after !== before) await records.put(after, name)
  else if (after === undefined && before !== undefined) await records.delete(name)
  return answer
}
