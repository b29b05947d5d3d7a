/** The serializer `Structured`, over generated values. */
import { describe, expect, it } from "@effect/vitest"
import { Arbitrary, Exit, Schema } from "effect"
import { Structured } from "effect-cached/serializers/Structured"
import { isSame } from "effect-cached/testing"

const leaves: ReadonlyArray<unknown> = [
  ...[null, undefined, true, false, 0, -0, 1, -1, 0.1, NaN, Infinity, -Infinity, 2 ** 31, 2 ** 32, 2 ** 53, -(2 ** 40)],
  ...["", "a", "\u0001~", "é", "\ud800", "\u{1f600}", "x".repeat(100), "__proto__", "date", "map"],
  ...[0n, -1n, 2n ** 63n, -(2n ** 64n), new Date(0), new Date(NaN), new Date(-1), /a/g],
  ...[Uint8Array.of(1, 2), new Uint8Array(0), Float64Array.of(-0, NaN), Uint8Array.of(3).buffer]
]
const keys = ["a", "b", "", "__proto__", "constructor", "toJSON", "hasOwnProperty", "length", "0", "\ud800", "é"]

/** A value as numbers dictate it, so that a failing one shrinks; when they run out, leaves. */
const build = (tape: Array<number>): unknown => {
  const next = (below: number) => (tape.pop() ?? 0) % below
  const list = () => Array.from({ length: next(4) }, () => build(tape))
  const pairs = () => list().map((value): [string, unknown] => [keys[next(keys.length)]!, value])
  switch (next(8)) {
    case 1:
      return list()
    case 2:
      return Object.fromEntries(pairs())
    case 3:
      return new Map(list().map((key) => [key, build(tape)]))
    case 4:
      return new Set(list())
    case 5:
      return ["\u0001~", ...list()]
    case 6:
      return Object.defineProperties(
        Object.create(null),
        Object.fromEntries(
          pairs().map(([key, value]) => [key, {
            value,
            enumerable: true,
            writable: true,
            configurable: true
          }])
        )
      )
    default:
      return leaves[next(leaves.length)]
  }
}

const Byte = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 255 }))
const value = Arbitrary.map(Arbitrary.array(Arbitrary.schema(Byte), { maxLength: 200 }), (tape) => build([...tape]))

const codec = Structured.make<unknown, never>(undefined)

const successOf = <A>(effect: unknown): A => {
  if (!Exit.isExit(effect) || Exit.isFailure(effect)) throw new Error(`not a success: ${String(effect)}`)
  return effect.value as A
}

describe("Structured", () => {
  it.prop("gives back what went in", { value }, ({ value }) => {
    expect(isSame(successOf(codec.decode(successOf(codec.encode(value, "id")), "id")), value)).toBe(true)
  }, { arbitrary: { runs: 2000 } })

  it.prop("leaves the value it encodes as it was", { value }, ({ value }) => {
    const before = successOf(codec.decode(successOf(codec.encode(value, "id")), "id"))
    codec.encode(value, "id")
    expect(isSame(value, before)).toBe(true)
  })

  it("holds a record of more keys than MessagePack has for one in two bytes", () => {
    const value = Object.fromEntries(Array.from({ length: 70_000 }, (_, i) => [`k${i}`, i]))
    expect(isSame(successOf(codec.decode(successOf(codec.encode(value, "id")), "id")), value)).toBe(true)
  })

  it("says that a value is circular", () => {
    const value: Record<string, unknown> = {}
    value["self"] = [value]
    expect(String(codec.encode(value, "id"))).toContain("the value at self.[] is circular: it contains itself")
    let deep: unknown = "not circular"
    for (let i = 0; i < 200; i++) deep = [deep, { i }]
    expect(isSame(successOf(codec.decode(successOf(codec.encode(deep, "id")), "id")), deep)).toBe(true)
  })

  it("says where the value is that it refuses, and not what it is", () => {
    const shown = String(codec.encode({ user: { "api key 123": [{ run: () => "secret" }] } }, "id"))
    expect(shown).toContain("the value at user.?.[].run is a function")
  })
})
