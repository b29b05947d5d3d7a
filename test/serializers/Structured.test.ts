/** The serializer `Structured`, over generated values. */
import { describe, expect, it } from "@effect/vitest"
import { Arbitrary, Exit, Schema } from "effect"
import { Structured } from "effect-cached/serializers/Structured"
import { isSame } from "../../src/testing/law.ts"

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

  it("gives back byte arrays of their own, of what it read as a view", () => {
    const bytes: Uint8Array = Buffer.from(
      successOf<Uint8Array>(codec.encode({ a: Uint8Array.of(1, 2), text: "ä" }, "id"))
    )
    const { a } = successOf<{ readonly a: Uint8Array }>(codec.decode(bytes, "id"))
    bytes.fill(0)
    expect(a).toStrictEqual(Uint8Array.of(1, 2))
    expect(a.buffer.byteLength).toBe(2)
  })

  // As another library (msgpackr 2) wrote them.
  it.each<readonly [string, unknown]>([
    [
      "00de000ba26964a6757365723a31a361676524a3626967cb4270000000000000a468616c66cb3fe0000000000000a4676f6e65d40000a46e6f" +
      "6e65c0a47461677392a161a2c3a9a26f6bc3a5636f756e74d34000000000000000a46c657373d3fffffffffffffffda34e614ecb7ff80000" +
      "00000000",
      {
        ...{ id: "user:1", age: 36, big: 2 ** 40, half: 0.5, gone: undefined, none: null, tags: ["a", "é"], ok: true },
        ...{ count: 2n ** 62n, less: -3n, NaN: NaN }
      }
    ],
    ["00de0002a56279746573c403010203a46c69737491c40104", { bytes: Uint8Array.of(1, 2, 3), list: [Uint8Array.of(4)] }],
    ["0194a2017ea56172726179a2017ed40000", ["\u0001~", undefined]],
    [
      "01dc0014a2017ea66f626a656374a2617493a2017ea46461746500a36d617094a2017ea36d6170a16192a2017ea22d30a373657493a2017ea3" +
      "73657493a2017ea6626967696e74b43138343436373434303733373039353531363136a2726595a2017ea6726567657870a161a16700a476" +
      "69657793a2017eac466c6f617436344172726179c408000000000000f03fa468616c6693a2017ea57574663136c402d800aa5f5f70726f74" +
      "6f5f5f7801ab636f6e7374727563746f72a36f6464a175d40000",
      {
        ...{
          at: new Date(0),
          map: new Map([["a", -0]]),
          set: new Set([2n ** 64n]),
          re: /a/g,
          view: Float64Array.of(1)
        },
        ...{ half: "\ud800", __proto__x: 1, constructor: "odd", u: undefined }
      }
    ]
  ])("reads %s, which was stored by an earlier release", (hex, value) => {
    expect(isSame(successOf(codec.decode(Buffer.from(hex, "hex"), "id")), value)).toBe(true)
  })

  it("writes as JSON what JSON gives back as it is, and nothing else", () => {
    const isJson = (value: unknown): boolean => {
      const [version, ...content] = successOf<Uint8Array>(codec.encode(value, "id"))
      if (version !== 2) return false
      expect(Buffer.from(content).toString()).toBe(JSON.stringify(value))
      return true
    }
    for (
      const value of [null, "é\u{1f600}", 0.1, true, [], {}, { id: "user:1", tags: ["a", { b: null }], "": -1e300 }]
    ) {
      expect(isJson(value)).toBe(true)
    }
    const others = [undefined, NaN, -Infinity, -0, 1n, 2n ** 64n, "\ud800", new Date(0), Uint8Array.of(1), /a/]
    for (const value of others) {
      expect(isJson(value)).toBe(false)
      expect(isJson({ plain: [1, { value }] })).toBe(false)
    }
    expect(isJson(Object.defineProperty({}, "__proto__", { value: 1, enumerable: true }))).toBe(false)
  })

  it("says that a value is circular", () => {
    const value: Record<string, unknown> = {}
    value["self"] = [value]
    expect(String(codec.encode(value, "id"))).toContain("the value at [self][] is circular: it contains itself")
    let deep: unknown = "not circular"
    for (let i = 0; i < 200; i++) deep = [deep, { i }]
    expect(isSame(successOf(codec.decode(successOf(codec.encode(deep, "id")), "id")), deep)).toBe(true)
  })

  it("says where the value is that it refuses, and not what it is", () => {
    const shown = String(codec.encode({ user: { "api key 123": [{ run: () => "secret" }] } }, "id"))
    expect(shown).toContain("the value at [user][?][][run] is a function")
  })
})
