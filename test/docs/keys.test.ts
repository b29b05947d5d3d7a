/** `docs/keys.md` lists the changes that make a new key. `UPDATE_DOCS=1` writes its table. */
import { expect, it } from "@effect/vitest"
import { Effect, Schema, SchemaGetter, SchemaTransformation } from "effect"
import { CacheKey } from "effect-cached"
import { readFileSync, writeFileSync } from "node:fs"

interface Case {
  readonly payload?: Schema.Struct.Fields
  readonly success?: Schema.Constraint
  readonly error?: Schema.Constraint
  readonly ignore?: ReadonlyArray<string>
  readonly indexes?: ReadonlyArray<string>
  readonly tags?: ReadonlyArray<string>
  readonly version?: string
  readonly name?: string
  readonly value?: object
}

const idOf = ({ name = "Weather", value, ...options }: Case): string => {
  const Key = CacheKey.Class<unknown>()(name, {
    payload: { city: Schema.String, days: Schema.Number },
    success: Schema.Struct({ celsius: Schema.Number, text: Schema.String }),
    ...options
  }) as unknown as new(payload: object) => CacheKey.Any
  return CacheKey.id(new Key(value ?? { city: "Berlin", days: 3 }))
}

const { Number, String, Struct } = Schema
const celsius = (schema: Schema.Constraint) => ({ success: Struct({ celsius: schema }) })
const city = (schema: Schema.Constraint, value: unknown) => ({ payload: { city: schema }, value: { city: value } })
const point = (name: string) => Schema.Class<object>(name)({ lat: Number }) as unknown as Schema.Constraint
const scaled = (factor: number): Schema.Constraint =>
  Number.pipe(Schema.decodeTo(Number, {
    decode: SchemaGetter.transform((n: number) => n * factor),
    encode: SchemaGetter.transform((n: number) => n / factor)
  }))
const lower = String.pipe(Schema.decode(SchemaTransformation.toLowerCase()))
const tree = (leaf: Schema.Constraint): Schema.Constraint => {
  const Tree: Schema.Top = Struct({ leaf, kids: Schema.Array(Schema.suspend((): Schema.Top => Tree)) })
  return Tree
}

const rows: ReadonlyArray<readonly [change: string, before: Case, after: Case]> = [
  ["another value in a field", {}, { value: { city: "Berlin", days: 4 } }],
  ["another value in an ignored field", { ignore: ["days"] }, { ignore: ["days"], value: { city: "Berlin", days: 4 } }],
  ["another order of the payload's properties", {}, { value: { days: 3, city: "Berlin" } }],
  [
    "another order in a record, set or map",
    city(Schema.ReadonlySet(String), new Set(["a", "b"])),
    city(Schema.ReadonlySet(String), new Set(["b", "a"]))
  ],
  ["another order in an array", city(Schema.Array(String), ["a", "b"]), city(Schema.Array(String), ["b", "a"])],
  ["`0` for `-0`, `NaN` for `NaN`", city(Schema.Array(Number), [-0, NaN]), city(Schema.Array(Number), [0, NaN])],
  [
    "an optional field given as `undefined` instead of left out",
    { payload: { city: Schema.optional(String) }, value: {} },
    { payload: { city: Schema.optional(String) }, value: { city: undefined } }
  ],
  [
    "a value that the schema decodes to the same value",
    { payload: { city: lower }, value: { city: "berlin" } },
    { payload: { city: lower }, value: { city: "Berlin" } }
  ],
  [
    "a field left out for which the constructor has the same default",
    {},
    {
      payload: { city: String, days: Number.pipe(Schema.withConstructorDefault(Effect.succeed(3))) },
      value: { city: "Berlin" }
    }
  ],
  ["another name of the class", {}, { name: "Forecast" }],
  ["another `version`", { version: "1" }, { version: "2" }],
  ["a field added", {}, { payload: { city: String, days: Number, unit: Schema.optionalKey(String) } }],
  ["a field renamed", city(String, "x"), { payload: { town: String }, value: { town: "x" } }],
  ["a field made optional", city(String, "x"), city(Schema.optionalKey(String), "x")],
  ["a field ignored", {}, { ignore: ["days"] }],
  ["the type of an ignored field", { ignore: ["days"] }, {
    payload: { city: String, days: String },
    ignore: ["days"],
    value: { city: "Berlin", days: "3" }
  }],
  ["another type in payload, success or error", celsius(Number), celsius(String)],
  ["another JSON form of the same type", celsius(Number), celsius(Schema.NumberFromString)],
  ["an error added", {}, { error: Struct({ reason: String }) }],
  ["a built-in check added or its bound changed", celsius(Number), celsius(Number.check(Schema.isGreaterThan(0)))],
  [
    "the logic inside a check of one's own",
    celsius(Number.check(Schema.makeFilter((n: number) => n > 1))),
    celsius(Number.check(Schema.makeFilter((n: number) => n > 2)))
  ],
  [
    "the logic inside a transformation",
    celsius(scaled(2)),
    celsius(scaled(4))
  ],
  ["the type in a recursive schema", celsius(tree(Number)), celsius(tree(String))],
  [
    "another order of the members of a union",
    celsius(Schema.Union([Number, String])),
    celsius(Schema.Union([String, Number]))
  ],
  ["a struct made a class", celsius(Struct({ lat: Number })), celsius(point("Point"))],
  [
    "another tag of a tagged class",
    celsius(Schema.TaggedStruct("A", { lat: Number })),
    celsius(Schema.TaggedStruct("B", { lat: Number }))
  ],
  ["another order of the fields in a schema", {}, { payload: { days: Number, city: String } }],
  ["another name of a class inside a schema", celsius(point("Point")), celsius(point("Position"))],
  [
    "annotations (`title`, `identifier`, …)",
    celsius(Number),
    celsius(Number.annotate({ title: "°C", identifier: "C" }))
  ],
  ["a brand", celsius(Number), celsius(Number.pipe(Schema.brand("Celsius")))],
  ["a schema used through `Schema.suspend`", celsius(Number), celsius(Schema.suspend(() => Number))],
  ["`tags`, `indexes`", {}, { tags: ["weather"], indexes: ["city"] }]
]

const table = [
  "| change | new key? |",
  "|---|---|",
  ...rows.map(([change, before, after]) => `| ${change} | ${idOf(before) === idOf(after) ? "no" : "**yes**"} |`)
].join("\n")

it("docs/keys.md says what changes the id and what does not", () => {
  const file = new URL("../../docs/keys.md", import.meta.url)
  const text = readFileSync(file, "utf8")
  const [start, end] = ["<!-- what changes the id -->\n", "\n<!-- end -->"]
  const updated = text.slice(0, text.indexOf(start) + start.length) + table + text.slice(text.indexOf(end))
  expect(text).toContain(start)
  expect(text).toContain(end)
  if (process.env["UPDATE_DOCS"] === "1") writeFileSync(file, updated)
  else expect(text).toBe(updated)
})
