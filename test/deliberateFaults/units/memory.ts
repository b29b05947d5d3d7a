/** Deliberate faults of the memory tier. */
import { foundBy, type UnitFault } from "../fault.ts"

export const faults: ReadonlyArray<UnitFault> = [
  ...foundBy("test/cached/weights.test.ts", [
    ["one long list takes all the time for which a value is looked at", "sampleObjects", "(state.left - 1) >> 3", "0"]
  ]),
  ...foundBy("test/cached/expiry.test.ts", [
    [
      "expiry follows the clock of the layer, though its readers have another one",
      "makeSweeper",
      "followed = reader",
      "followed = clock"
    ]
  ]),
  ...foundBy("test/layers/withQuotas.test.ts", [
    [
      "the entries of a class with a quota are copied when most of them have left",
      "makeQuota",
      "places: Entries.make()",
      "places: new Map() as never"
    ]
  ]),
  ...foundBy("test/processes/clearedMemory.test.ts", [
    ["what was cleared stays in the wheel of deadlines", "empty", "Deadlines.removeAll(deadlines)", ""]
  ]),
  ...foundBy("test/cached/userCodeThatThrows.test.ts", [
    [
      "an eviction policy is not guarded",
      "makePolicy",
      "guarded(made(options), options.eviction.name, guard)",
      "made(options)"
    ]
  ]),
  ...foundBy("test/processes/weighedMemory.test.ts", [
    ["what one entry has for itself is not counted", "bytesOf", "if (entries === 1) bytes += bytesOfTerms", ""]
  ]),
  ...foundBy("test/layers/sizes.test.ts", [
    ["a megabyte is a mebibyte", "bytesIn", "1024 : 1000", "1024 : 1024"]
  ])
]
