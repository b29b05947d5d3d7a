/** Deliberate faults of eviction policies, and sizes of memory. */
import { foundBy, type UnitFault } from "../fault.ts"

export const faults: ReadonlyArray<UnitFault> = [
  ...foundBy("test/internal/eviction/policies.test.ts", [
    [
      "S3-FIFO steps over all that it has forgotten, for each that leaves",
      "remember",
      "const { done, value } = self.oldestFirst.next()",
      "const { done, value } = (self.oldestFirst = ghosts.values()).next()"
    ],
    ["the lead never changes", "Shadow", "this.lead = rule", "void rule"],
    ["nothing is remembered of what was evicted", "Ghosts", "words[place] = ((now", "words[place]! & ((now"]
  ]),
  ...foundBy("test/internal/eviction/stackDistances.test.ts", [
    [
      "an id that is followed keeps its old place beside the new one",
      "StackDistances",
      "this.add(place, -weight)",
      "void weight"
    ]
  ])
]
