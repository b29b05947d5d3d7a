/** Deliberate faults of the formats: YAML, CBOR, CSV, Parquet, text and bytes. */
import { foundBy, type UnitFault } from "../fault.ts"

export const faults: ReadonlyArray<UnitFault> = [
  ...foundBy("test/serializers/Parquet.test.ts", [
    [
      "a Parquet file may claim more cells than the limit",
      "layoutOf",
      "total + rows * chunks.length * cellSize + chunks",
      "total + chunks"
    ],
    ["a missing cell of Parquet is null", "columnOf", "absent: optional ? undefined : null", "absent: null"]
  ]),
  ...foundBy("test/serializers/keyClasses.test.ts", [
    ["a choice by key class hides the wrappers in it", "byClass", "Object.values(serializers).flatMap(kindsOf)", "[]"]
  ]),
  ...foundBy("test/serializers/wrappedCaches.test.ts", [
    [
      "a strict read loads what no secret fits",
      "strictFault",
      "found instanceof Rejected ? found.fault : undefined",
      "undefined"
    ]
  ]),
  ...foundBy("test/serializers/tableStreams.test.ts", [
    [
      "a page of elements has the extension of the format of each",
      "plain",
      `isTable(codec) ? codec.extension : ".bin"`,
      "codec.extension"
    ]
  ])
]
