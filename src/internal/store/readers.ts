/** Several who ask one store what others changed: each is told all of it, whoever asks first. */
import type { Change } from "../../ports/store.ts"
import { changesKept } from "../defaults.ts"

type Read = () => ReadonlyArray<Change>

interface Queue {
  waiting: ReadonlyArray<Change>
}

// A reader that nobody has any more takes its queue with it.
const queuesOf = new WeakMap<Read, Set<WeakRef<Queue>>>()

const nothing: ReadonlyArray<Change> = []
const gap: ReadonlyArray<Change> = [{ _tag: "Gap" }]

/** A reader of its own over a `changesUnsafe`, which has one reader only. What is no list of changes is a gap. */
export const reader = (read: Read): Read => {
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

  return () => {
    const answer = read()
    const fresh = isChanges(answer) ? answer : gap
    if (fresh.length > 0) tellOthers(fresh)
    if (own.waiting.length === 0) return fresh
    const changes = own.waiting.concat(fresh)
    own.waiting = nothing
    return changes
  }
}

const isChanges = (answer: ReadonlyArray<Change>): boolean => Array.isArray(answer) && answer.every(isChange)

const isChange = (change: Change | null | undefined): boolean => {
  switch (change?._tag) {
    case "Changed":
      return typeof change.id === "string"
    case "TagChanged":
      return typeof change.tag === "string"
    case "AllChanged":
    case "Gap":
    case "Coherent":
      return true
    default:
      return false
  }
}
