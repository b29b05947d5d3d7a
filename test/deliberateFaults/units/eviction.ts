/** Deliberate faults of eviction policies, and sizes of memory. */
import type { UnitFault } from "../fault.ts"

export const faults: ReadonlyArray<UnitFault> = [
  {
    name: "LIRS makes hot what was read again after longer than any hot entry has waited",
    in: "HotAndQueue",
    find: "this.ageOf(item) <= this.hotAge()",
    replace: "this.ageOf(item) >= 0",
    by: "test/internal/eviction/policies.test.ts"
  },
  {
    name: "what comes after a clear is linked to what was there before",
    in: "HotAndQueue",
    find: "Ring.empty(this.queue)",
    replace: "",
    by: "test/internal/eviction/policies.test.ts"
  },
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
    name: "LIRS leads first where all hits came so soon that every rule has them",
    in: "HotAndQueue",
    find: "!full && this.ageOf(item) >= aWhile",
    replace: "!full",
    by: "test/internal/eviction/worstCases.test.ts"
  },
  {
    name: "nothing is remembered of what was evicted",
    in: "Ghosts",
    find: "words[place] = ((now",
    replace: "words[place]! & ((now",
    by: "test/internal/eviction/policies.test.ts"
  },
  {
    name: "a curve counts what was counted before its sample was halved as often as what came after",
    in: "StackDistances",
    find: "this.distances[bucket]! /= 2",
    replace: "void bucket",
    by: "test/internal/eviction/stackDistances.test.ts"
  },
  {
    name: "a curve is not corrected for the ids that its sample has by chance",
    in: "StackDistances",
    find: "let hits = expected - counted",
    replace: "let hits = 0 * (expected - counted)",
    by: "test/internal/eviction/stackDistances.test.ts"
  },
  {
    name: "an id that is followed keeps its old place beside the new one",
    in: "StackDistances",
    find: "this.add(place, -weight)",
    replace: "void weight",
    by: "test/internal/eviction/stackDistances.test.ts"
  },
  {
    name: "a sample drops ids without a report",
    in: "StackDistances",
    find: "this.onDrop(sample)",
    replace: "void sample",
    by: "test/internal/eviction/stackDistances.test.ts"
  }
]
