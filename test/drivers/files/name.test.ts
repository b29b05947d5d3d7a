/** The names of files, and what is read back from them. */
import { describe, expect, it } from "@effect/vitest"
import { Arbitrary, Schema } from "effect"
import { metadataOf, parse, stemOf, textOf } from "../../../src/drivers/files/name.ts"

const pieces = [
  ..."aAzZ09 ~@%=+:/\\.-_,*?\"<>|'#&()[]{}$!;`^\u0000\u0001\u001f\u007f\r\n",
  ...[
    "é",
    "e\u0301",
    "ß",
    "ﬁ",
    "東",
    "\u{1f600}",
    "\ud800",
    "\udc00",
    "¹",
    "%41",
    "%u0041",
    "con",
    "NUL",
    "com1",
    "..",
    "~~",
    "\ufeff"
  ]
]

const Index = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: pieces.length - 1 }))
const text = Arbitrary.map(
  Arbitrary.array(Arbitrary.schema(Index), { maxLength: 30 }),
  (indexes) => indexes.map((i) => pieces[i]).join("")
)

const devices = /^(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(\.|$)/i

const isSafe = (name: string): boolean =>
  // eslint-disable-next-line no-control-regex
  !/[\u0000-\u001f\u007f<>:"/\\|?*\p{Surrogate}]/u.test(name) &&
  !/^[.-]/.test(name) && !/[. ]$/.test(name) && !devices.test(name) && Buffer.byteLength(name) <= 143

describe("a file's name", () => {
  it.prop("is safe on every file system, and says which text it stands for", { text }, ({ text }) => {
    const stem = stemOf(text)
    expect([stem + ".json", metadataOf(stem)].filter((name) => !isSafe(name))).toEqual([])
    expect(textOf(stem) ?? text).toBe(text)
    if (Buffer.byteLength(stem) < 100) expect(textOf(stem)).toBe(text)
    expect(parse(metadataOf(stem))).toEqual({ stem, isMetadata: true })
    expect(parse(stem + ".json")).toEqual({ stem, isMetadata: false })
  }, { arbitrary: { runs: 3000 } })

  it.prop("is another for another text, also where case and accents do not count", { a: text, b: text }, ({ a, b }) => {
    const folded = (name: string) => name.normalize("NFKD").toLowerCase()
    expect(folded(stemOf(a)) === folded(stemOf(b))).toBe(a === b)
  }, { arbitrary: { runs: 3000 } })

  it("can be read", () => {
    const names = [
      "user:1",
      "~Weather@MCzotVDh:6:Berlin3,",
      "GET /a?b=c",
      "Mün chen",
      "con.txt",
      "con",
      "../a",
      "",
      "a@b"
    ]
    expect(names.map((name) => stemOf(name).replace(/~[0-9a-f]{12}$/, ""))).toEqual([
      "user=1",
      "Weather@MCzotVDh=6=Berlin3,",
      "GET+%2fa%3fb%3dc",
      "Mün+chen",
      "%63on.txt",
      "con",
      "%2e.%2fa",
      "",
      "a%40b"
    ])
  })

  it("keeps texts apart that look alike", () => {
    const alike = [["a", "A"], ["é", "e\u0301"], ["~a@b", "a@b"], ["a:b", "a=b"], ["a b", "a+b"], ["%41", "A"], [
      "\ud800",
      "%ud800"
    ]]
    for (const [a, b] of alike) expect(stemOf(a!).toLowerCase()).not.toBe(stemOf(b!).toLowerCase())
    const long = "x".repeat(100_000)
    expect(stemOf(`${long}1`)).not.toBe(stemOf(`${long}2`))
    expect(textOf(stemOf(long))).toBeUndefined()
  })

  it("is not taken for ours where it is not", () => {
    for (
      const name of [
        "notes.json",
        "a.meta.json",
        "a~1234.json",
        "a~0123456789ab",
        "a~0123456789AB.json",
        "CACHEDIR.TAG"
      ]
    ) {
      expect(parse(name)).toBeUndefined()
    }
    expect(textOf("a~0123456789ab")).toBeUndefined()
  })
})
