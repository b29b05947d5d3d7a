/** Deliberate faults of the formats: YAML, CBOR, CSV, Parquet, text and bytes. */
import type { UnitFault } from "../fault.ts"

export const faults: ReadonlyArray<UnitFault> = [
  {
    name: "a YAML document may have anchors",
    in: "isTree",
    find: `"anchor" in node && node.anchor !== undefined`,
    replace: "false",
    by: "test/serializers/Yaml.test.ts"
  },
  {
    name: "a YAML file that was cut off is null",
    in: "formatOf",
    find: "contents === null || ",
    replace: "",
    by: "test/serializers/Yaml.test.ts"
  },
  {
    name: "YAML loses the space before the first of several lines",
    in: "isPlain",
    find: `&& !(text.includes("\\n") && /^\\s/.test(text))`,
    replace: "",
    by: "test/serializers/Yaml.test.ts"
  },
  {
    name: "CBOR stores a date that seconds change",
    in: "isExact",
    find: "Math.round(millis / 1000 * 1000) === millis",
    replace: "true",
    by: "test/serializers/Yaml.test.ts"
  },
  {
    name: "a list of unknown length is read from CBOR",
    in: "decoding",
    find: "allowIndefinite: false",
    replace: "allowIndefinite: true",
    by: "test/serializers/Yaml.test.ts"
  },
  {
    name: "the mark before a formula stays when a table is read",
    in: "unmark",
    find: "marked.test(text) ? text.slice(1) : text",
    replace: "text",
    by: "test/serializers/Csv.test.ts"
  },
  {
    name: "a cell that is empty is text, where it may be null or missing",
    in: "meaningsOf",
    find: `[undefined, null, ""]`,
    replace: `["", null, undefined]`,
    by: "test/serializers/Csv.test.ts"
  },
  {
    name: "a Parquet file may claim more cells than the limit",
    in: "layoutOf",
    find: "total + rows * chunks.length * cellSize + chunks",
    replace: "total + chunks",
    by: "test/serializers/Parquet.test.ts"
  },
  {
    name: "a page of Parquet decompresses to more than its column claims",
    in: "readChunk",
    find: "|| size > left",
    replace: "",
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
    name: "a bigint of more than 64 bits is cut off",
    in: "kinds",
    find: "number === BigInt.asIntN(64, number) ? number",
    replace: "true ? BigInt.asIntN(64, number)",
    by: "test/serializers/Parquet.test.ts"
  },
  {
    name: "the format that a key class names escapes the wrappers of the cache",
    in: "compile",
    find: "use?.serializer === undefined || around.has(serializer)",
    replace: "use?.serializer === undefined",
    by: "test/serializers/keyClasses.test.ts"
  },
  {
    name: "a choice by key class hides the wrappers in it",
    in: "byClass",
    find: "Object.values(serializers).flatMap(kindsOf)",
    replace: "[]",
    by: "test/serializers/keyClasses.test.ts"
  },
  {
    name: "a file whose format changes leaves its former payload",
    in: "set",
    find: "if (other !== undefined) Folder.remove(folder, other)",
    replace: "",
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
    name: "bytes are stored without a copy",
    in: "fromSchema",
    find: "(bytes) => new Uint8Array(bytes))",
    replace: "(bytes) => bytes)",
    by: "test/serializers/Text.test.ts"
  },
  {
    name: "the elements of a stream are no table",
    in: "tables",
    find: `use?.outcome !== "element"`,
    replace: "true",
    by: "test/serializers/tableStreams.test.ts"
  },
  {
    name: "a page of elements has the extension of the format of each",
    in: "plain",
    find: `isTable(codec) ? codec.extension : ".bin"`,
    replace: "codec.extension",
    by: "test/serializers/tableStreams.test.ts"
  },
  {
    name: "a page in a wrapper has the extension of what is inside",
    in: "wrap",
    find: "inside.extension + extension",
    replace: "inside.extension",
    by: "test/serializers/tableStreams.test.ts"
  },
  {
    name: "a failure is stored in the format of values",
    in: "narrow",
    find: `use?.outcome === "failure"`,
    replace: "false",
    by: "test/serializers/Text.test.ts"
  }
]
