/**
 * Generated schemas with generated values.
 *
 * A list of dice decides everything, so a failing case shrinks with its list. Values come from small domains full of
 * what a bad encoding confuses: separators, brackets, numbers that look like lengths, lone surrogates, `-0`, `NaN`.
 */
import * as BigDecimal from "effect/BigDecimal"
import * as Chunk from "effect/Chunk"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as HashMap from "effect/HashMap"
import * as HashSet from "effect/HashSet"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"

export type Draw = (sides: number) => number

/** Dice of a list; when it is used up, every throw is 0, which always means the simplest choice. */
export const dice = (list: ReadonlyArray<number>): Draw => {
  let next = 0
  return (sides) => (list[next++] ?? 0) % sides
}

type Leaf = keyof typeof leafs

export type Shape =
  | { readonly kind: Leaf }
  | { readonly kind: "literals"; readonly literals: ReadonlyArray<string | number | boolean | bigint> }
  | { readonly kind: "struct" | "class"; readonly fields: ReadonlyArray<Field> }
  | { readonly kind: "tuple"; readonly items: ReadonlyArray<Shape> }
  | { readonly kind: "union"; readonly items: ReadonlyArray<Shape> }
  | { readonly kind: "array" | "set" | "hashSet" | "chunk" | "option" | "record" | "tree"; readonly item: Shape }
  | { readonly kind: "map" | "hashMap" | "result"; readonly key: Shape; readonly item: Shape }

export interface Field {
  readonly name: string
  readonly presence: "required" | "optionalKey" | "optional"
  readonly shape: Shape
}

const kinds = [
  ...["struct", "array", "union", "record", "tuple", "class", "set", "hashSet", "map", "hashMap"] as const,
  ...["option", "result", "chunk", "tree", "literals"] as const
]
const names = ["a", "b", "id", "constructor", "toString", "1", "a:b", "$", "\ud800", "length", "ä"]
const literals = ["a", "", "1", 1, 0, true, "true", 1n, "1n"]

const times = <A>(count: number, f: (i: number) => A): Array<A> => Array.from({ length: count }, (_, i) => f(i))
const distinct = <A>(items: ReadonlyArray<A>): Array<A> => [...new Set(items)]

// ---- leaves

const strings = [
  ...["", "a", "1", "1:", "0:", "1,", "true,", "null,", "1:a", ...",:![]{}();#@~\u0000\n"],
  ...["\ud800", "\udc00", "\ud800\udc00", "é", "e\u0301", "x".repeat(250)]
]
const numbers = [0, -0, 1, -1, 10, 11, 1e21, 0.1, NaN, Infinity, -Infinity]
const jsons = [null, { a: [] }, { a: {} }, [1, "1"], "1", 1, { b: 1, a: 2 }, [], {}]
const zones = [0, 3_600_000, "Europe/Berlin", "UTC"]

const leaf = (text: string, make: () => unknown): Spec => ({ kind: "leaf", text, make })
const pick = <A>(draw: Draw, items: ReadonlyArray<A>): A => items[draw(items.length)]!
const primitive = (value: unknown) => leaf(`${value === null ? "" : typeof value} ${value}`, () => value)
/** A leaf that is made of a plain value. */
const made = <A>(name: string, value: A, make: (value: A) => unknown) => leaf(`${name} ${value}`, () => make(value))

const json = (value: unknown): Spec =>
  Array.isArray(value)
    ? { kind: "list", name: "array", items: value.map(json), make: (items) => items }
    : typeof value === "object" && value !== null
    ? record(Object.entries(value).map(([name, item]) => [name, json(item)]))
    : primitive(value)

const Side = { Left: "left", Right: 1 } as const

/** The schema of each, and how a value of it is drawn. */
const leafs = {
  string: [Schema.String, (draw) => primitive(times(draw(3), () => pick(draw, strings)).join(""))],
  number: [Schema.Number, (draw) => primitive(pick(draw, numbers))],
  boolean: [Schema.Boolean, (draw) => primitive(draw(2) === 1)],
  bigint: [Schema.BigInt, (draw) => primitive(BigInt(draw(12)) - 2n)],
  date: [Schema.Date, (draw) => made("date", pick(draw, [0, 1, -1, 11]), (value) => new Date(value))],
  duration: [Schema.Duration, (draw) => {
    const [value, written] = [draw(5), draw(2)]
    if (value === 4) return leaf("duration Infinity", () => Duration.infinity)
    return made("duration", value, written === 0 ? Duration.millis : () => Duration.nanos(BigInt(value) * 1_000_000n))
  }],
  decimal: [Schema.BigDecimal, (draw) => {
    const [value, scale] = [draw(4), draw(3)]
    return made("decimal", value, () => BigDecimal.make(BigInt(value) * 10n ** BigInt(scale), scale))
  }],
  utc: [Schema.DateTimeUtc, (draw) => made("utc", draw(12), DateTime.makeUnsafe)],
  zoned: [Schema.DateTimeZoned, (draw) => {
    const [value, timeZone] = [draw(12), pick<number | string>(draw, zones)]
    return made(`zoned ${typeof timeZone} ${timeZone}`, value, () => DateTime.makeZonedUnsafe(value, { timeZone }))
  }],
  bytes: [
    Schema.Uint8Array,
    (draw) => made("bytes", times(draw(4), () => draw(3)), (value) => new Uint8Array(value))
  ],
  url: [Schema.URL, (draw) => made("url", draw(4), (value) => new URL(`http://a/${value}`))],
  symbol: [Schema.Symbol, (draw) => made("symbol", pick(draw, strings), Symbol.for)],
  null: [Schema.Null, () => primitive(null)],
  json: [Schema.Json, (draw) => json(pick(draw, jsons))],
  enum: [Schema.Enum(Side), (draw) => primitive(pick(draw, Object.values(Side)))],
  template: [Schema.TemplateLiteral(["v", Schema.Number]), (draw) => primitive(`v${draw(12)}`)],
  params: [
    Schema.URLSearchParams,
    (draw) => made("params", `a=${draw(12)}`, (value) => new URLSearchParams(value))
  ]
} satisfies Record<string, readonly [Schema.Top, (draw: Draw) => Spec]>

// ---- shapes

const leaves = Object.keys(leafs) as ReadonlyArray<Leaf>

interface Allowed {
  readonly either: "class" | "union"
  readonly leaves: ReadonlyArray<Leaf>
}

// Effect's `Equal` does not distinguish these from others of their class, so they cannot be members of a `HashSet`.
const hashable = leaves.filter((kind) => kind !== "url" && kind !== "params")

const drawShape = (draw: Draw, depth: number, allowed: Allowed): Shape => {
  if (depth === 0 || draw(3) === 0) return { kind: pick(draw, allowed.leaves) }
  const inner = () => drawShape(draw, depth - 1, allowed)
  const innerHashable = () => drawShape(draw, depth - 1, { ...allowed, leaves: hashable })
  const drawn = pick(draw, kinds)
  const kind = drawn === "class" || drawn === "union" ? allowed.either : drawn
  switch (kind) {
    case "struct":
    case "class":
      return {
        kind,
        fields: fieldNames(draw, allowed.either).map((name) => field(name, draw, inner(), presences(allowed)))
      }
    case "tuple":
      return { kind, items: times(draw(4), inner) }
    case "union":
      return { kind, items: times(1 + draw(3), inner) }
    case "literals":
      return { kind, literals: distinct(times(1 + draw(4), () => pick(draw, literals))) }
    case "hashMap":
      return { kind, key: innerHashable(), item: inner() }
    case "hashSet":
      return { kind, item: innerHashable() }
    case "map":
    case "result":
      return { kind, key: inner(), item: inner() }
    default:
      return { kind, item: inner() }
  }
}

// Effect's constructors take what an object inherits for a field, so with classes in a field there is no "constructor".
const fieldNames = (draw: Draw, either: "class" | "union"): ReadonlyArray<string> =>
  distinct(times(draw(5), () => pick(draw, names))).filter((name) => either === "union" || !(name in Object.prototype))

const field = (name: string, draw: Draw, shape: Shape, presences = all): Field => ({
  name,
  presence: presences[draw(presences.length)]!,
  shape
})

const all: ReadonlyArray<Field["presence"]> = ["required", "optionalKey", "optional"]

// In a union, they can differ: JSON has `{}`, but no `{ a: undefined }`.
const presences = ({ either }: Allowed) => either === "union" ? all.slice(0, 2) : all

/**
 * A field has classes or unions in it, not both: where there are classes, a key's constructor makes instances of plain
 * objects, and the first member of a union that fits decides of which and with which fields.
 */
export const drawFields = (draw: Draw): ReadonlyArray<Field> =>
  fieldNames(draw, "union").map((name) =>
    field(name, draw, drawShape(draw, 3, { either: pick(draw, ["union", "class"] as const), leaves }))
  )

// ---- schemas

/** How a schema is written; it must not matter. */
export interface Style {
  readonly annotated: boolean
  readonly reversed: boolean
  readonly classNames: string
}

export const plain: Style = { annotated: false, reversed: false, classNames: "A" }

/** Classes are made once a shape, so that instances are those of the schema. */
export interface Built {
  readonly toSchema: (shape: Shape) => Schema.Top
  readonly toFields: (fields: ReadonlyArray<Field>) => Schema.Struct.Fields
  /** The class of a shape, which its schema may be a copy of. */
  readonly classOf: (shape: Shape) => AnyClass
}

type AnyClass = (new(fields: never) => object) & Schema.Top

export const build = (style: Style): Built => {
  const built = new Map<Shape, Schema.Top>()
  const classes = new Map<Shape, AnyClass>()
  const classOf = (shape: Shape): AnyClass => {
    toSchema(shape)
    return classes.get(shape)!
  }
  const annotate = (schema: Schema.Top): Schema.Top =>
    style.annotated
      ? schema.annotate({ identifier: `Id${built.size}`, title: "t", description: "d" }) as Schema.Top
      : schema
  const toSchema = (shape: Shape): Schema.Top => {
    let schema = built.get(shape)
    if (schema === undefined) built.set(shape, schema = annotate(make(shape)))
    return schema
  }
  const toFields = (fields: ReadonlyArray<Field>): Schema.Struct.Fields => {
    const entries = fields.map(({ name, presence, shape }): [string, Schema.Top] => {
      const schema = toSchema(shape)
      return [
        name,
        presence === "required"
          ? schema
          : presence === "optional"
          ? Schema.optional(schema)
          : Schema.optionalKey(schema)
      ]
    })
    return Object.fromEntries(style.reversed ? entries.reverse() : entries)
  }
  const makeClass = (shape: Shape, fields: Schema.Struct.Fields): Schema.Top => {
    const Class = Schema.Class<object>(`${style.classNames}${classes.size}`)(fields) as unknown as AnyClass
    classes.set(shape, Class)
    return Class
  }
  const make = (shape: Shape): Schema.Top => {
    switch (shape.kind) {
      case "literals":
        return Schema.Literals(shape.literals)
      case "struct":
        return Schema.Struct(toFields(shape.fields))
      case "class":
        return makeClass(shape, toFields(shape.fields))
      case "tuple":
        return Schema.Tuple(shape.items.map(toSchema))
      case "union":
        return Schema.Union(shape.items.map(toSchema))
      case "array":
        return Schema.Array(toSchema(shape.item))
      case "set":
        return Schema.ReadonlySet(toSchema(shape.item))
      case "hashSet":
        return Schema.HashSet(toSchema(shape.item))
      case "chunk":
        return Schema.Chunk(toSchema(shape.item))
      case "option":
        return Schema.Option(toSchema(shape.item))
      case "record":
        return Schema.Record(Schema.String, toSchema(shape.item))
      case "tree": {
        const tree: Schema.Top = Schema.Struct({
          value: toSchema(shape.item),
          kids: Schema.Array(Schema.suspend((): Schema.Top => tree))
        })
        return tree
      }
      case "map":
        return Schema.ReadonlyMap(toSchema(shape.key), toSchema(shape.item))
      case "hashMap":
        return Schema.HashMap(toSchema(shape.key), toSchema(shape.item))
      case "result":
        return Schema.Result(toSchema(shape.item), toSchema(shape.key))
      default:
        return leafs[shape.kind][0]
    }
  }
  return { toSchema, toFields, classOf }
}

// ---- values, as descriptions from which equal values can be made again and again

/** A plain description of a value: two descriptions have the same text exactly when their values are equal. */
export type Spec =
  | { readonly kind: "leaf"; readonly text: string; readonly make: () => unknown }
  | { readonly kind: "list"; readonly name: string; readonly items: ReadonlyArray<Spec>; readonly make: Build }
  | { readonly kind: "bag"; readonly name: string; readonly items: ReadonlyArray<Spec>; readonly make: Build }

type Build = (items: ReadonlyArray<unknown>) => unknown

/** Draws the description of a value of the shape, whose instances are of the built classes. */
export const drawSpec = (shape: Shape, draw: Draw, built: Built, depth = 2): Spec => {
  const inner = (shape: Shape) => drawSpec(shape, draw, built, depth)
  const some = (shape: Shape) => times(draw(4), () => inner(shape))
  const pairs = (key: Shape, item: Shape) =>
    unique(some(key)).map((key): Spec => ({
      kind: "list",
      name: "pair",
      items: [key, inner(item)],
      make: (pair) => pair
    }))
  switch (shape.kind) {
    case "literals":
      return primitive(pick(draw, shape.literals))
    case "struct":
      return drawObject(shape.fields, draw, built)
    case "class": {
      const object = drawObject(shape.fields, draw, built)
      if (object.kind !== "bag") return object
      const Class = built.classOf(shape)
      const prototype = Class.prototype as object
      return {
        ...object,
        name: `class ${Class.name}`,
        make: (entries) => Object.assign(Object.create(prototype), object.make(entries))
      }
    }
    case "tuple":
      return { kind: "list", name: "array", items: shape.items.map(inner), make: (items) => items }
    case "union":
      return inner(pick(draw, shape.items))
    case "array":
      return { kind: "list", name: "array", items: some(shape.item), make: (items) => items }
    case "chunk":
      return { kind: "list", name: "chunk", items: some(shape.item), make: Chunk.fromIterable }
    case "option": {
      const items = draw(2) === 0 ? [] : [inner(shape.item)]
      return {
        kind: "list",
        name: "option",
        items,
        make: (items) => items.length === 0 ? Option.none() : Option.some(items[0])
      }
    }
    case "result": {
      const failed = draw(2) === 1
      return {
        kind: "list",
        name: failed ? "failure" : "success",
        items: [inner(failed ? shape.key : shape.item)],
        make: ([value]) => failed ? Result.fail(value) : Result.succeed(value)
      }
    }
    case "tree": {
      const kids = depth === 0 ? [] : times(draw(3), () => drawSpec(shape, draw, built, depth - 1))
      const list: Spec = { kind: "list", name: "array", items: kids, make: (items) => items }
      return record([["value", inner(shape.item)], ["kids", list]])
    }
    case "record":
      return record(distinct(times(draw(4), () => pick(draw, names))).map((name) => [name, inner(shape.item)]))
    case "set":
      return { kind: "bag", name: "set", items: unique(some(shape.item)), make: (items) => new Set(items) }
    case "hashSet":
      return { kind: "bag", name: "hashSet", items: unique(some(shape.item)), make: HashSet.fromIterable }
    case "map":
      return {
        kind: "bag",
        name: "map",
        items: pairs(shape.key, shape.item),
        make: (entries) => new Map(entries as Array<[unknown, unknown]>)
      }
    case "hashMap":
      return {
        kind: "bag",
        name: "hashMap",
        items: pairs(shape.key, shape.item),
        make: (entries) => HashMap.fromIterable(entries as Array<[unknown, unknown]>)
      }
    default:
      return leafs[shape.kind][1](draw)
  }
}

/** `undefined` in an optional property: no part of the text, as a property that is left out. */
const absence = leaf("absence", () => undefined)

const record = (entries: ReadonlyArray<readonly [string, Spec]>): Spec => ({
  kind: "bag",
  name: "object",
  items: entries.map(([name, spec]): Spec => ({
    kind: "list",
    name: `property ${JSON.stringify(name)}`,
    items: [spec],
    make: ([value]) => [name, value]
  })),
  make: (entries) => Object.fromEntries(entries as Array<[string, unknown]>)
})

export const drawObject = (
  fields: ReadonlyArray<Field>,
  draw: Draw,
  built: Built
): Spec =>
  record(fields.flatMap(({ name, presence, shape }): Array<readonly [string, Spec]> => {
    const choice = presence === "required" ? 2 : draw(3)
    if (choice === 0) return []
    if (choice === 1 && presence === "optional") return [[name, absence]]
    return [[name, drawSpec(shape, draw, built)]]
  }))

/** The text of a description, by which values are compared. */
export const textOf = (spec: Spec): string => {
  if (spec.kind === "leaf") return JSON.stringify(spec.text)
  const items = spec.items.filter((item) => item.kind === "leaf" || !item.items.includes(absence)).map(textOf)
  return JSON.stringify([spec.name, spec.kind === "bag" ? items.sort() : items])
}

const unique = (
  specs: ReadonlyArray<Spec>
): Array<Spec> => [...new Map(specs.map((spec) => [textOf(spec), spec])).values()]

/** A value of the description; with `reversed` everything whose order does not count is made the other way round. */
export const valueOf = (spec: Spec, order: "written" | "reversed" = "written"): unknown => {
  if (spec.kind === "leaf") return spec.make()
  const items = spec.items.map((item) => valueOf(item, order))
  return spec.make(spec.kind === "bag" && order === "reversed" ? items.reverse() : items)
}
