/** Lets several readers follow the changes to one store. Each gets all changes, no matter which of them reads first. */
import { StoreError } from "../../CacheError.ts"
import type { Change } from "../../ports/store.ts"
import { changesKept } from "../defaults/stores.ts"

type Read = () => ReadonlyArray<Change>

interface Queue {
  waiting: ReadonlyArray<Change>
}

// Queues are held weakly, so that a queue is garbage-collected with its reader.
const queuesOf = new WeakMap<Read, Set<WeakRef<Queue>>>()

const nothing: ReadonlyArray<Change> = []
const gap: ReadonlyArray<Change> = [{ _tag: "Gap" }]

/**
 * Makes one of several readers over `changesUnsafe`, which supports only one. If the store throws, or if its answer is
 * not a list of changes, the reader throws a `StoreError`. Unless the store threw it, all readers also get a `Gap`.
 */
export const reader = (store: string, read: Read): Read => {
  const queues = queuesOf.get(read) ?? new Set<WeakRef<Queue>>()
  queuesOf.set(read, queues)
  const own: Queue = { waiting: nothing }
  queues.add(new WeakRef(own))

  const tellOthers = (changes: ReadonlyArray<Change>) => {
    for (const reference of queues) {
      const queue = reference.deref()
      if (queue === undefined) queues.delete(reference)
      else if (queue !== own) {
        queue.waiting = queue.waiting.length + changes.length > changesKept ? gap : queue.waiting.concat(changes)
      }
    }
  }

  const lose = () => {
    own.waiting = gap
    tellOthers(gap)
  }

  const ask = (): ReadonlyArray<Change> => {
    let answer: ReadonlyArray<Change>
    try {
      answer = read()
    } catch (thrown) {
      if (thrown instanceof StoreError) throw thrown
      lose()
      throw new StoreError({ store, operation: "listen", reason: "Unavailable", cause: thrown })
    }
    if (isChanges(answer)) return answer
    lose()
    throw new StoreError({ store, operation: "listen", reason: "Corrupt" })
  }

  return () => {
    const fresh = ask()
    if (fresh.length > 0) tellOthers(fresh)
    if (own.waiting.length === 0) return fresh
    const changes = own.waiting.concat(fresh)
    own.waiting = nothing
    return changes
  }
}

const isChanges = (answer: ReadonlyArray<Change>): boolean => Array.isArray(answer) && answer.every(isChange)

/** Checks a change at run time, because an adapter may violate its types. */
export const isChange = (change: Change | null | undefined): boolean => {
  switch (change?._tag) {
    case "Changed":
    case "LoadEnded":
      return typeof change.id === "string"
    case "ManyChanged":
      return typeof change.mayBe === "function"
    case "TagChanged":
      return typeof change.tag === "string"
    case "AllChanged":
    case "Gap":
    case "Coherent":
      return true
    case "Partial":
      return change.why === undefined || change.why instanceof StoreError
    default:
      return false
  }
}
