/** Deliberate faults of the memory tier. */
import type { UnitFault } from "../fault.ts"

export const faults: ReadonlyArray<UnitFault> = [
  {
    name: "an array whose first element is a number counts as an array of numbers",
    in: "isOfNumbers",
    find: "nth < count",
    replace: "nth < 1",
    by: "test/cached/weights.test.ts"
  },
  {
    name: "the parts of a long array that are looked at have one distance",
    in: "placeOf",
    find: "+ nth % Math.floor(length / count)",
    replace: "",
    by: "test/cached/weights.test.ts"
  },
  {
    name: "one long list takes all the time for which a value is looked at",
    in: "sampleObjects",
    find: "(state.left - 1) >> 3",
    replace: "0",
    by: "test/cached/weights.test.ts"
  },
  {
    name: "an object that is loaded again makes its field names count as those of a table",
    in: "isNew",
    find: "owner !== id ||",
    replace: "true ||",
    by: "test/cached/weights.test.ts"
  },
  {
    name: "the rows of one list count a hidden class each",
    in: "isNew",
    find: "|| state.shapes?.has(owners!) === true",
    replace: "",
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
  },
  {
    name: "a memory that counts takes sizes",
    in: "boundOfMemory",
    find: "typeof given !== \"string\" || isWeighed",
    replace: "given !== undefined",
    by: "test/layers/sizes.test.ts"
  },
  {
    name: "texts are counted without their headers",
    in: "bytesOfPrimitive",
    find: "bytesOf.string + padded(",
    replace: "padded(",
    by: "test/cached/weights.test.ts"
  },
  {
    name: "a clock that is set back prolongs entries in memory",
    in: "WallTime",
    find: "this.setBackMillis += Math.ceil(setBack)",
    replace: "",
    by: "test/cached/clocks.test.ts"
  },
  {
    name: "a clock that is set back by less than the cache was idle is not noticed",
    in: "WallTime",
    find: "Math.max(this.ahead - ahead, this.seen - now)",
    replace: "this.seen - now",
    by: "test/cached/clocks.test.ts"
  },
  {
    name: "small corrections of a clock end entries early",
    in: "WallTime",
    find: "this.ahead = Math.max(this.ahead, ahead)",
    replace: "this.ahead = Infinity",
    by: "test/cached/clocks.test.ts"
  },
  {
    name: "counters in memory go by a clock that was set back",
    in: "moved",
    find: "expiresAt: expiresAt + millis",
    replace: "expiresAt: expiresAt + 0 * millis",
    by: "test/cached/clocks.test.ts"
  },
  {
    name: "stored entries of the future are served",
    in: "hasEnded",
    find: " || createdAt - now > clocks.aheadMillis",
    replace: "",
    by: "test/cached/clocks.test.ts"
  },
  {
    name: "machines whose clocks differ by seconds load again what others have loaded",
    in: "hasEnded",
    find: "createdAt - now > clocks.aheadMillis",
    replace: "createdAt > now",
    by: "test/cached/clocks.test.ts"
  },
  {
    name: "stored entries come back once the clock that ended them is set back",
    in: "isOver",
    find: "now + time.olderBy(meta.createdAt)",
    replace: "now",
    by: "test/cached/clocks.test.ts"
  }
]
