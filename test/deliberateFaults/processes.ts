/** Deliberate faults that the consistency check between real processes finds. */
import type { Fault } from "./fault.ts"

export interface ProcessFault extends Fault {
  /** it is found where files are removed and replaced, and the disk is full */
  readonly removes?: boolean
}

export const faults: ReadonlyArray<ProcessFault> = [
  {
    name: "a lease is not exclusive",
    sought: "by hand",
    in: "leftOf",
    find: "Math.max(0, Math.min(until - now, leaseMillis))",
    replace: "Math.min(0, Math.max(until - now, leaseMillis))"
  },
  {
    name: "a missing marker counts as unchanged",
    in: "validityOf",
    find: "if (now === version) continue",
    replace: "if (now === undefined || now === version) continue"
  },
  {
    name: "an answer older than a change is used",
    sought: "by hand",
    in: "applyChange",
    find: "flight.changedWhileAsked = true",
    replace: "flight.changedWhileAsked = false"
  },
  {
    name: "the store is used despite a pending invalidation",
    sought: "by hand",
    in: "isPending",
    find: "self.all !== undefined || (self.ids.size > 0 && self.ids.has(id))",
    replace: "self.all !== undefined || (self.ids.size < 0 && self.ids.has(id))"
  },
  {
    name: "changes are ignored",
    sought: "always",
    in: "poll",
    find: "for (const change of changes) applyChange(self, tier, change)",
    replace: `for (const change of changes) if (change._tag === "Coherent") applyChange(self, tier, change)`
  },
  { name: "no epoch step after a gap", sought: "by hand", in: "applyChange", find: `case "Gap":`, replace: "" },
  {
    name: "no epoch step before a pause",
    sought: "by hand",
    in: "rest",
    find: "self.tagEpochs.epoch++",
    replace: ""
  },
  {
    name: "no generation guard",
    in: "make",
    find: "if (!leases.isCurrent(id, generation, now)) return false",
    replace: ""
  },
  {
    name: "no second local drop",
    sought: "by hand",
    in: "invalidateTags",
    find: "return Effect.map(tier.steps.send(tier, item, restore), forgetTags)",
    replace: "return Effect.asVoid(tier.steps.send(tier, item, restore))"
  },
  {
    name: "tag versions are read after the load",
    sought: "by hand",
    in: "write",
    find: "const tags = yield* versionsOf(asking, entry.tags, declaredTags(self, request), markers)",
    replace: `const after = yield* ask(tier, budget, "markers", store.markers(declaredTags(self, request)))
const tags = yield* versionsOf(asking, entry.tags, declaredTags(self, request), isFault(after) ? markers : after)`
  },
  {
    name: "what was invalidated comes back with an older copy of the folder",
    sought: "by hand",
    removes: true,
    in: "make",
    find: "if (opened.generation <= lastGeneration) invalidateAgain(made)",
    replace: ""
  },
  {
    name: "a log that was removed separates processes",
    sought: "by hand",
    removes: true,
    in: "stateOf",
    find: `if (!isSame(log, marks.log) || !isSame(markOf(\`\${file}-shm\`), marks.index)) return "split"`,
    replace: ""
  }
]
