/** Deliberate faults of the formats: YAML, CBOR, CSV, text and bytes. */
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
    name: "bytes are stored without a copy",
    in: "fromSchema",
    find: "(bytes) => new Uint8Array(bytes))",
    replace: "(bytes) => bytes)",
    by: "test/serializers/Text.test.ts"
  },
  {
    name: "a failure is stored in the format of values",
    in: "narrow",
    find: `use?.outcome === "failure"`,
    replace: "false",
    by: "test/serializers/Text.test.ts"
  }
]
