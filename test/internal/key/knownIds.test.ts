/** The ids of keys that are made again and again are remembered. */
import { describe, expect, it } from "@effect/vitest"
import { Arbitrary, Schema } from "effect"
import { knownIds } from "../../../src/internal/defaults/bounds.ts"
import { type Fields, join } from "../../../src/internal/key/canonical.ts"
import { remembering } from "../../../src/internal/key/knownIds.ts"
import { compileFields } from "../../../src/internal/key/payload.ts"

const anything = Schema.Union([
  Schema.String,
  Schema.Number,
  Schema.Boolean,
  Schema.BigInt,
  Schema.Null,
  Schema.Undefined
])

const make = (fields: Schema.Struct.Fields) => {
  const properties = compileFields("Test", fields)
  const encode = join(properties)
  let made = 0
  const idOf = remembering(properties, (fields) => {
    made++
    return encode(fields)
  })
  return { idOf, encode, made: () => made }
}

// Few values, many of which look alike: different values must stay apart, however often they are used.
const values = [
  ..."1 a b 12 true null undefined".split(" "),
  ...["", "a".repeat(101), 1, 12, 1.5, -1, 0, -0, NaN, 2 ** 32, 2 ** 32 + 1, 1n, 12n, true, false, null, undefined]
]
const Index = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: values.length - 1 }))
const pairs = Arbitrary.array(Arbitrary.schema(Schema.Tuple([Index, Index])), { maxLength: 100 })

describe("a remembered id", () => {
  it.prop("is the one that would be made", { pairs }, ({ pairs }) => {
    const { encode, idOf } = make({ a: anything, b: anything })
    for (const [a, b] of [...pairs, ...pairs]) {
      const fields = { a: values[a], b: values[b] }
      // Twice, so that it takes its place.
      expect([idOf(fields), idOf(fields)]).toEqual([encode(fields), encode(fields)])
    }
  })

  it("is made twice, and found from then on", () => {
    const { idOf, made } = make({ a: Schema.String, b: Schema.Number })
    for (let i = 0; i < 10; i++) idOf({ a: "user", b: 1 })
    expect(made()).toBe(2)
  })

  it("stays while others are made once", () => {
    const { idOf, made } = make({ a: Schema.Number })
    const all = Array.from({ length: 10 * knownIds }, (_, i) => i)
    idOf({ a: -1 })
    idOf({ a: -1 })
    for (const a of all) idOf({ a })
    const before = made()
    idOf({ a: -1 })
    expect(made()).toBe(before)
  })

  it("gives way to one that is made again and again", () => {
    const { idOf, made } = make({ a: Schema.Number })
    const makeOften = (from: number) => {
      const before = made()
      for (let i = 0; i < 10; i++) {
        for (let a = from; a < from + knownIds; a++) {
          idOf({ a })
          idOf({ a })
        }
      }
      return made() - before
    }
    expect([makeOften(0), makeOften(knownIds)]).toEqual([2 * knownIds, 2 * knownIds])
  })

  it("is not that of a long text, of a field that may be absent, or of what is no primitive", () => {
    const cases: ReadonlyArray<readonly [Schema.Struct.Fields, Fields]> = [
      [{ a: Schema.String }, { a: "a".repeat(101) }],
      [{ a: Schema.optional(Schema.String) }, { a: "a" }],
      [{ a: Schema.Array(Schema.String) }, { a: ["a"] }]
    ]
    for (const [fields, object] of cases) {
      const { idOf, made } = make(fields)
      for (let i = 0; i < 10; i++) idOf(object)
      expect(made()).toBe(10)
    }
  })

  it("is never that of a value of another type", () => {
    const { idOf } = make({ a: Schema.String })
    for (let i = 0; i < 3; i++) {
      idOf({ a: "1" })
      expect(() => idOf({ a: 1 })).toThrow("a string is expected, not a number")
    }
  })
})
