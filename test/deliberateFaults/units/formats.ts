/** Deliberate faults of the formats: YAML, CBOR, CSV, Parquet, text and bytes. */
import type { UnitFault } from "../fault.ts"

export const faults: ReadonlyArray<UnitFault> = [
  {
    name: "a list of unknown length is read from CBOR",
    in: "decoding",
    find: "allowIndefinite: false",
    replace: "allowIndefinite: true",
    by: "test/serializers/Yaml.test.ts"
  },
  {
    name: "a Parquet file may claim more cells than the limit",
    in: "layoutOf",
    find: "total + rows * chunks.length * cellSize + chunks",
    replace: "total + chunks",
    by: "test/serializers/Parquet.test.ts"
  },
  {
    name: "a missing cell of Parquet is null",
    in: "columnOf",
    find: "absent: optional ? undefined : null",
    replace: "absent: null",
    by: "test/serializers/Parquet.test.ts"
  },
  {
    name: "a choice by key class hides the wrappers in it",
    in: "byClass",
    find: "Object.values(serializers).flatMap(kindsOf)",
    replace: "[]",
    by: "test/serializers/keyClasses.test.ts"
  },
  {
    name: "a strict read loads what no secret fits",
    in: "strictFault",
    find: "found instanceof Rejected ? found.fault : undefined",
    replace: "undefined",
    by: "test/serializers/wrappedCaches.test.ts"
  },
  {
    name: "a page of elements has the extension of the format of each",
    in: "plain",
    find: `isTable(codec) ? codec.extension : ".bin"`,
    replace: "codec.extension",
    by: "test/serializers/tableStreams.test.ts"
  }
]
