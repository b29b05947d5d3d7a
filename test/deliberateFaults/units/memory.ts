/** Deliberate faults of the memory tier. */
import type { UnitFault } from "../fault.ts"

export const faults: ReadonlyArray<UnitFault> = [
  {
    name: "one long list takes all the time for which a value is looked at",
    in: "sampleObjects",
    find: "(state.left - 1) >> 3",
    replace: "0",
    by: "test/cached/weights.test.ts"
  },
  {
    name: "expiry follows the clock of the layer, though its readers have another one",
    in: "makeSweeper",
    find: "followed = reader",
    replace: "followed = clock",
    by: "test/cached/expiry.test.ts"
  },
  {
    name: "the entries of a class with a quota are copied when most of them have left",
    in: "makeQuota",
    find: "places: Entries.make()",
    replace: "places: new Map() as never",
    by: "test/layers/withQuotas.test.ts"
  },
  {
    name: "what was cleared stays in the wheel of deadlines",
    in: "empty",
    find: "Deadlines.removeAll(deadlines)",
    replace: "",
    by: "test/processes/clearedMemory.test.ts"
  },
  {
    name: "an eviction policy is not guarded",
    in: "makePolicy",
    find: "guarded(made(options), options.eviction.name, guard)",
    replace: "made(options)",
    by: "test/cached/userCodeThatThrows.test.ts"
  },
  {
    name: "what one entry has for itself is not counted",
    in: "bytesOf",
    find: "if (entries === 1) bytes += bytesOfTerms",
    replace: "",
    by: "test/processes/weighedMemory.test.ts"
  },
  {
    name: "a megabyte is a mebibyte",
    in: "bytesIn",
    find: "1024 : 1000",
    replace: "1024 : 1024",
    by: "test/layers/sizes.test.ts"
  }
]
