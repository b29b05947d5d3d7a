/** Deliberate faults of eviction policies, and sizes of memory. */
import type { UnitFault } from "../fault.ts"

export const faults: ReadonlyArray<UnitFault> = [
  {
    name: "S3-FIFO steps over all that it has forgotten, for each that leaves",
    in: "remember",
    find: "const { done, value } = self.oldestFirst.next()",
    replace: "const { done, value } = (self.oldestFirst = ghosts.values()).next()",
    by: "test/internal/eviction/policies.test.ts"
  },
  {
    name: "the lead never changes",
    in: "Shadow",
    find: "this.lead = rule",
    replace: "void rule",
    by: "test/internal/eviction/policies.test.ts"
  },
  {
    name: "nothing is remembered of what was evicted",
    in: "Ghosts",
    find: "words[place] = ((now",
    replace: "words[place]! & ((now",
    by: "test/internal/eviction/policies.test.ts"
  },
  {
    name: "an id that is followed keeps its old place beside the new one",
    in: "StackDistances",
    find: "this.add(place, -weight)",
    replace: "void weight",
    by: "test/internal/eviction/stackDistances.test.ts"
  }
]
