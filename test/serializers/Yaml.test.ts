/** The serializers `Yaml` and `Cbor`, which need optional packages. */
import { describe, expect, it } from "@effect/vitest"
import { Arbitrary, Effect, Schema } from "effect"
import type { Serializer } from "effect-cached/adapters"
import { Cbor } from "effect-cached/serializers/Cbor"
import { Yaml } from "effect-cached/serializers/Yaml"
import { isSame } from "../../src/testing/law.ts"
import { hostileBytes, refused, roundTrip, survives, valueOf } from "../support/fuzz.ts"
import { importAgain } from "../support/importAgain.ts"

const utf8 = (text: string) => new TextEncoder().encode(text)
const plainOf = (serializer: Serializer.Serializer) => serializer.make<any, never>(undefined)
const decoded = (serializer: Serializer.Serializer, bytes: Uint8Array) =>
  Effect.runSyncExit(plainOf(serializer).decode(bytes, "id"))

const texts = [
  ...["", " ", " a", "a ", "1", "-1", "01", "0x1f", "0o7", "1e3", "1_000", ".5", ".nan", ".inf", "NaN", "null", "Null"],
  ...["~", "true", "True", "yes", "no", "on", "2001-01-01", "2001-01-01T00:00:00Z", "12:30", "<<", "=", "&a", "*a"],
  ...[
    "!a",
    "!!str 1",
    "|",
    ">",
    "- a",
    "-",
    "? a",
    "a: b",
    "a #b",
    "#b",
    "[a",
    "{a",
    "'",
    "\"",
    "%YAML 1.1",
    "---",
    "..."
  ],
  ...[
    "@a",
    "`a",
    "a\nb",
    "\na",
    "a\n",
    "a\n\n",
    "\n",
    "\n\n",
    "\n a",
    " a\n b",
    "a\n  b\n c ",
    "a \nb",
    "\ta",
    "a\tb",
    "a\rb"
  ],
  ...[
    "a\r\nb",
    "\u0000",
    "\u0085",
    "\u2028",
    "\ufeff",
    "a\ufeff",
    "\ud800",
    "\udc00a",
    "\u{1f600}",
    "\ufffd",
    "\uffff"
  ],
  ...["é", "x".repeat(200), "word ".repeat(50), "__proto__", "constructor", "toJSON", "\\", "\\n", "a\\", ",", "a,b"]
]
const numbers = [0, -0, 1, -1, 0.1, 1e21, 1e300, 5e-324, 2 ** 31, 2 ** 53, -(2 ** 53), NaN, Infinity, -Infinity, 1e-7]
const others = [undefined, 0n, -1n, 2n ** 64n, -(2n ** 70n), new Date(0), new Date(NaN), new Date(1.7e12 + 1)]
const odd = [Uint8Array.of(1, 2), new Uint8Array(0), new Date(-62135596800001), new Date(8.64e15), /a/]

/** A value as numbers dictate it, so that a failing one shrinks. */
const build = (tape: Array<number>, rich: boolean): unknown => {
  const next = (below: number) => (tape.pop() ?? 0) % below
  const text = () => texts[next(texts.length)]! + (next(4) === 0 ? texts[next(texts.length)]! : "")
  const list = () => Array.from({ length: next(4) }, () => build(tape, rich))
  switch (next(9)) {
    case 1:
      return list()
    case 2:
    case 3:
      return Object.fromEntries(list().map((value) => [text(), value]))
    case 4:
      return rich ? new Map(list().map((key) => [key, build(tape, rich)])) : null
    case 5:
      return rich ? new Set(list()) : next(2) === 0
    case 6:
      return numbers[next(numbers.length)]
    case 7:
      return rich ? [...others, ...odd][next(others.length + odd.length)] : 1
    default:
      return text()
  }
}

const Byte = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 255 }))
const tape = Arbitrary.array(Arbitrary.schema(Byte), { maxLength: 150 })

describe.each([["Yaml", Yaml, false], ["Cbor", Cbor, true]] as const)("%s", (name, serializer, rich) => {
  const plain = plainOf(serializer)

  it.prop("gives back what went in, or refuses it", { tape }, ({ tape }) => {
    const value = build([...tape], rich)
    const back = roundTrip(plain, value)
    if (back !== refused) expect(isSame(back, value)).toBe(true)
    else expect(rich).toBe(true)
  }, { arbitrary: { runs: 2000 } })

  it.each(texts)("gives back the text %j, as a value and as a name", (text) => {
    for (const value of [text, [text], { a: text }, { [text]: [{ [text]: text }] }]) {
      expect(isSame(roundTrip(plain, value), value)).toBe(true)
    }
    expect(roundTrip(serializer.make(Schema.String), text)).toBe(text)
  })

  it("survives bytes that are not its own", () => {
    const value = { text: "a\nb", list: [1, -1.5, null, true, { a: "é" }], "__proto__x": {}, long: "x".repeat(300) }
    survives(plain, hostileBytes(valueOf(plain.encode(value, "id"))))
    survives(
      serializer.make(Schema.Struct({ text: Schema.String })),
      hostileBytes(valueOf(plain.encode(value, "id")), 200)
    )
  })

  it("holds what is nested deeply, or refuses it", () => {
    for (const depth of [50, 200, 100_000]) {
      let value: unknown = 1
      for (let i = 0; i < depth; i++) value = i % 2 === 0 ? [value] : { a: value }
      const exit = Effect.runSyncExit(plain.encode(value, "id"))
      expect(exit._tag).toBe(depth > 10_000 ? "Failure" : "Success")
    }
  })

  it("says how to install its package if that is missing", async () => {
    const needed = name === "Yaml" ? "yaml" : "cborg"
    const module = await importAgain<Record<string, Serializer.Serializer>>(`effect-cached/serializers/${name}`, {
      [needed]: undefined
    })
    const without = module[name]!
    expect(() => without.make(Schema.String)).toThrow(
      expect.objectContaining({ _tag: "CacheConfigError", message: expect.stringContaining(`npm install ${needed}`) })
    )
  })
})

describe("Yaml", () => {
  it("writes YAML that people read; later releases read it", () => {
    const golden = "city: Berlin\nzip: \"10115\"\nat: 2026-01-01\nnote: |-\n  two\n  lines\ntags:\n  - a\n  - null\n" +
      "  - -1.5\nbell: \"\\u0007\"\nhalf: \"\\ud800\"\n"
    const value = {
      city: "Berlin",
      zip: "10115",
      at: "2026-01-01",
      note: "two\nlines",
      tags: ["a", null, -1.5],
      bell: "\u0007",
      half: "\ud800"
    }
    expect(new TextDecoder().decode(valueOf(plainOf(Yaml).encode(value, "id")))).toBe(golden)
    expect(valueOf(decoded(Yaml, utf8(golden)))).toEqual(value)
    expect([plainOf(Yaml).id, Yaml.extension]).toEqual([6, ".yaml"])
  })

  it("refuses what it cannot give back", () => {
    for (
      const value of [undefined, 1n, new Date(0), new Map(), Uint8Array.of(1), { a: undefined }, Object.create(null)]
    ) {
      expect(roundTrip(plainOf(Yaml), value)).toBe(refused)
    }
  })

  it("reads what people write: comments, quotes, flow style", () => {
    const text = "# a comment\na: {b: [1, 'two']} # another\n"
    expect(valueOf(decoded(Yaml, utf8(text)))).toEqual({ a: { b: [1, "two"] } })
  })

  it("long texts of several lines that need quotes come back as they were", () => {
    for (const line of [" ", "  ", "\\", " x", "x "]) {
      const text = `\u{1f600} ${"x".repeat(40)}\n${line}\n${line}\nend`
      expect(roundTrip(plainOf(Yaml), text)).toBe(text)
      expect(roundTrip(plainOf(Yaml), { a: [text] })).toEqual({ a: [text] })
    }
  })

  it("refuses bombs of aliases, tags, several documents and text that is no YAML, at once", () => {
    const levels = Array.from({ length: 12 }, (_, i) => `a${i + 1}: &a${i + 1} [${`*a${i}, `.repeat(9)}*a${i}]`)
    const bomb = ["a0: &a0 [1, 1]", ...levels].join("\n")
    const bad = [
      bomb,
      // Nothing is written for no value: such a file was cut off.
      "",
      "\n",
      "# a comment\n",
      "a: &x 1\nb: 2",
      "a: &x 1\nb: *x",
      "? [a]\n: 1",
      `[${"&a 1,*a,".repeat(5000)}]`,
      `{${"&a 1: 1,".repeat(5000)}${"[]: 1,".repeat(5000)}}`,
      "!!js/function 'x'",
      "!<tag:a.b,2002:c> x",
      "a: !!binary aGk=",
      "!!set {a, b}",
      "!!timestamp 2001-01-01",
      "a\n---\nb",
      "a: [",
      "*a",
      "[".repeat(100_000),
      "- ".repeat(5000)
    ]
    for (const text of bad) {
      const { heapUsed } = process.memoryUsage()
      const exit = decoded(Yaml, utf8(text))
      // A value of so many aliases cannot be shown.
      expect(exit._tag, text.slice(0, 40)).toBe("Failure")
      expect(String(exit)).toContain("SerializerError")
      expect(process.memoryUsage().heapUsed - heapUsed).toBeLessThan(200e6)
    }
  })

  it("a document cannot choose other rules", () => {
    const text = "%YAML 1.1\n---\na: yes\nb: 0o7\n<<: {c: 1}\nd: 12:30:00\n"
    expect(valueOf(decoded(Yaml, utf8(text)))).toEqual({ a: "yes", b: 7, "<<": { c: 1 }, d: "12:30:00" })
  })

  it("reaches no prototype", () => {
    for (const text of ["__proto__: {polluted: 1}", "{__proto__: {polluted: 1}}", "? __proto__\n: {polluted: 1}"]) {
      const value = valueOf(decoded(Yaml, utf8(text))) as { polluted?: unknown }
      expect([Object.getPrototypeOf(value), value.polluted]).toEqual([Object.prototype, undefined])
    }
    expect("polluted" in {}).toBe(false)
  })
})

describe("Cbor", () => {
  const hex = (text: string) => Uint8Array.from(Buffer.from(text, "hex"))

  it("writes CBOR; later releases read it", () => {
    const golden = "a76463697479664265726c696e616e20616df98000626269c24109626174c1f93e00" +
      "6473657473d90102820143010203636d6170d90103a101f7"
    const value = {
      city: "Berlin",
      n: -1,
      m: -0,
      bi: 9n,
      at: new Date(1500),
      sets: new Set<unknown>([1, Uint8Array.of(1, 2, 3)]),
      map: new Map([[1, undefined]])
    }
    expect(isSame(roundTrip(plainOf(Cbor), value), value)).toBe(true)
    const bytes = valueOf<Uint8Array>(plainOf(Cbor).encode(value, "id"))
    expect(Buffer.from(bytes).toString("hex")).toBe(golden)
    expect(isSame(valueOf(decoded(Cbor, hex(golden))), value)).toBe(true)
    expect([plainOf(Cbor).id, Cbor.extension]).toEqual([7, ".cbor"])
  })

  it("refuses lengths that are longer than the bytes, at once", () => {
    const bad = [
      "9affffffff",
      "9b001fffffffffffff",
      "baffffffff",
      "5affffffff",
      "7affffffff",
      "5b001fffffffffffff",
      "7b7fffffffffffffff",
      "c25affffffff",
      "d901029affffffff",
      "d90103baffffffff",
      "81".repeat(100_000),
      "c1".repeat(100_000),
      "d90103a1".repeat(50_000)
    ]
    for (const bytes of bad) {
      const before = process.memoryUsage()
      expect(String(decoded(Cbor, hex(bytes))), bytes.slice(0, 20)).toContain("SerializerError")
      const { arrayBuffers, heapUsed } = process.memoryUsage()
      expect(arrayBuffers - before.arrayBuffers + heapUsed - before.heapUsed).toBeLessThan(100e6)
    }
  })

  it("refuses what it never writes", () => {
    for (
      const bytes of ["9f01ff", "bf6161ff", "ff", "a2616101616102", "d9ffff01", "c201", "d9010601", "0101", ""]
    ) {
      expect(String(decoded(Cbor, hex(bytes))), bytes).toContain("SerializerError")
    }
  })

  it("reads a long number in little time", () => {
    const bytes = new Uint8Array(1_000_005).fill(0xff)
    bytes.set([0xc2, 0x5a, 0x00, 0x0f, 0x42, 0x3f])
    const { user } = process.cpuUsage()
    expect(decoded(Cbor, bytes.subarray(0, 6 + 999_999))._tag).toBe("Success")
    expect((process.cpuUsage().user - user) / 1000).toBeLessThan(2000)
  })

  it("reaches no prototype", () => {
    const value = valueOf(decoded(Cbor, hex("a1695f5f70726f746f5f5fa168706f6c6c7574656401"))) as { polluted?: unknown }
    expect([Object.getPrototypeOf(value), value.polluted, "polluted" in {}]).toEqual([
      Object.prototype,
      undefined,
      false
    ])
  })

  it("refuses what it cannot give back, and says where it is", () => {
    const circle: Array<unknown> = []
    circle.push({ a: circle })
    for (const value of [/a/, Float64Array.of(1), new Error("x"), Object.create(null), [() => 1], circle]) {
      expect(roundTrip(plainOf(Cbor), value)).toBe(refused)
    }
    // As seconds, this date would come back a millisecond later.
    expect(roundTrip(plainOf(Cbor), new Date(4402267224613314))).toBe(refused)
    const error = Effect.runSync(Effect.flip(plainOf(Cbor).encode({ list: [{ run: () => "secret" }] }, "id")))
    expect(error.message).toContain("the value at [list][0][run] is a function")
  })
})
