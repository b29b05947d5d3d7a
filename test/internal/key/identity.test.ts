/** Ids of generated schemas: equal values have one, others have others. */
import { describe, expect, it } from "@effect/vitest"
import { CacheKey } from "effect-cached"
import * as Arbitrary from "effect/Arbitrary"
import * as Schema from "effect/Schema"
import { fingerprint } from "../../../src/internal/key/structure.ts"
import {
  build,
  dice,
  drawFields,
  drawObject,
  type Field,
  plain,
  type Shape,
  type Style,
  textOf,
  valueOf
} from "./shapes.ts"

const throws = Arbitrary.array(Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 1000 }))), {
  minLength: 60,
  maxLength: 250
})
const runs = (count: number) => ({ timeout: 300_000, arbitrary: { runs: count } })

type AnyKey = new(payload: unknown) => CacheKey.Any

const classOf = (fields: ReadonlyArray<Field>, style: Style = plain) => {
  const built = build(style)
  const options = { payload: built.toFields(fields), success: Schema.String }
  const Key = CacheKey.Class<unknown>()("Key", options) as unknown as AnyKey
  return { Key, built }
}

describe("ids of generated schemas", () => {
  it.prop("equal values have one id, different values different ids", { list: throws }, ({ list }) => {
    const draw = dice(list)
    const fields = drawFields(draw)
    const { Key, built } = classOf(fields)
    const values = Array.from({ length: 8 }, () => {
      const spec = drawObject(fields, draw, built)
      return { text: textOf(spec), id: CacheKey.id(new Key(valueOf(spec))), spec }
    })
    for (const { id, spec } of values) {
      expect(CacheKey.id(new Key(valueOf(spec, "reversed")))).toBe(id)
      expect(id.length).toBeLessThanOrEqual(200)
      expect(id).toMatch(/^~Key@[\w-]{8}:/)
    }
    for (const a of values) {
      for (const b of values) expect([a.id === b.id, a.text, b.text]).toEqual([a.text === b.text, a.text, b.text])
    }
  }, runs(500))

  it.prop("the way a schema is written does not change the id", { list: throws }, ({ list }) => {
    const fields = drawFields(dice(list))
    const one = classOf(fields)
    const other = classOf(fields, { annotated: true, reversed: true, classNames: "B" })
    const draw = () => dice([...list].reverse())
    const id = ({ built, Key }: typeof one) => CacheKey.id(new Key(valueOf(drawObject(fields, draw(), built))))
    expect(id(other)).toBe(id(one))
  }, runs(250))

  it.prop("another structure is another fingerprint", { a: throws, b: throws, at: throws }, ({ a, at, b }) => {
    const shapes = [drawFields(dice(a)), drawFields(dice(b)), mutateFields(drawFields(dice(a)), dice(at))]
    const all = shapes.map((fields) => ({ fields, text: shapeText(fields) }))
    const prints = all.map(({ fields }) => fingerprint([Schema.Struct(build(plain).toFields(fields))], undefined))
    for (let i = 0; i < all.length; i++) {
      for (let j = 0; j < all.length; j++) {
        expect([prints[i] === prints[j], all[i], all[j]]).toEqual([all[i]!.text === all[j]!.text, all[i], all[j]])
      }
    }
  }, runs(250))
})

const shapeText = (fields: ReadonlyArray<Field>): string =>
  JSON.stringify(
    [...fields].sort((a, b) => a.name < b.name ? -1 : 1).map((
      { name, presence, shape }
    ) => [name, presence, nodeText(shape)])
  )

const nodeText = (shape: Shape): unknown => {
  switch (shape.kind) {
    case "struct":
    case "class":
      return [shape.kind, shapeText(shape.fields)]
    case "tuple":
    case "union":
      return [shape.kind, shape.items.map(nodeText)]
    case "literals":
      return [shape.kind, shape.literals.map((literal) => [typeof literal, String(literal)])]
    case "map":
    case "hashMap":
    case "result":
      return [shape.kind, nodeText(shape.key), nodeText(shape.item)]
    default:
      return "item" in shape ? [shape.kind, nodeText(shape.item)] : shape.kind
  }
}

/** One small change of the structure. */
const mutateFields = (fields: ReadonlyArray<Field>, draw: ReturnType<typeof dice>): ReadonlyArray<Field> => {
  const index = draw(fields.length + 1)
  if (index === fields.length) return [...fields, { name: "added", presence: "required", shape: { kind: "string" } }]
  return fields.map((field, i) => {
    if (i !== index) return field
    switch (draw(3)) {
      case 0:
        return { ...field, presence: field.presence === "required" ? "optionalKey" : "required" }
      case 1:
        return { ...field, name: `${field.name}_` }
      default:
        return { ...field, shape: { kind: "array", item: field.shape } }
    }
  })
}
