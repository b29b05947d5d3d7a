/** Tags by the fields of a key. */
import { describe, expect, it } from "@effect/vitest"
import { Schema } from "effect"
import { CacheError, CacheKey } from "effect-cached"

const payload = {
  city: Schema.String,
  days: Schema.Number,
  note: Schema.optionalKey(Schema.String)
}

class Weather extends CacheKey.Class<Weather>()("Weather", {
  payload,
  success: Schema.Number,
  indexes: ["city", ["days", "city"], ["city", "note"]]
}) {}

const berlin = new Weather({ city: "Berlin", days: 3 })
const info = berlin["~class"]

const messageOf = (f: () => unknown): string => {
  try {
    f()
  } catch (error) {
    if (error instanceof CacheError.CacheConfigError) return error.message
    throw error
  }
  return "nothing was thrown"
}

describe("the tag of an index", () => {
  it("is the same for a key and for a query by its values, in whatever order", () => {
    const tags = [
      "~Weather:city=6:Berlin",
      "~Weather:~4:city4:days=6:Berlin3,",
      "~Weather:~4:city4:note=6:Berlin!"
    ]
    expect(berlin["~tags"]).toEqual(tags)
    expect(info.structuralTags(berlin)).toEqual(["~Weather", ...tags])
    expect(info.indexTagOf({ city: "Berlin" })).toBe(tags[0])
    expect(info.indexTagOf({ city: "Berlin", days: 3 })).toBe(tags[1])
    expect(info.indexTagOf({ days: 3, city: "Berlin" })).toBe(tags[1])
    expect(info.indexTagOf({ note: undefined, city: "Berlin" })).toBe(tags[2])
    expect(info.indexTagOf({ city: "Berlin", note: "dry" })).toBe("~Weather:~4:city4:note=6:Berlin3:dry")
  })

  it("reads fields that are named like what every object has, or by a number", () => {
    const fields = { toString: Schema.optionalKey(Schema.String), 1: Schema.String }
    class Odd extends CacheKey.Class<Odd>()("Odd", {
      payload: fields,
      success: Schema.Number,
      indexes: ["toString", 1, ["toString", 1]]
    }) {}
    const key = new Odd({ 1: "x" } as never)
    expect(key["~tags"]).toEqual(["~Odd:toString=!", "~Odd:1=1:x", "~Odd:~1:18:toString=1:x!"])
    expect(key["~tags"][2]).toBe(key["~class"].indexTagOf(Object.assign(Object.create(null), {
      1: "x",
      toString: undefined
    })))
  })

  it("is at most as long as an id, and hashed beyond", () => {
    const long = info.indexTagOf({ city: "x".repeat(300), days: 3 })
    expect(long).toMatch(/^~Weather:~#[\w-]{43}$/)
    expect(info.indexTagOf({ city: "x".repeat(300), days: 4 })).not.toBe(long)
    expect(info.indexTagOf({ city: "x".repeat(300) })).toMatch(/^~Weather:city=#[\w-]{43}$/)
    expect(info.indexTagOf({ city: "\ud800", days: 3 })).toMatch(/^~Weather:~#/)
  })

  it("a list of one field is that field", () => {
    class One extends CacheKey.Class<One>()("One", { payload, success: Schema.Number, indexes: [["city"]] }) {}
    expect(new One({ city: "Berlin", days: 3 })["~tags"]).toEqual(["~One:city=6:Berlin"])
  })

  it("is refused for what is no declared index, with class, fields and indexes, but no value", () => {
    const declared = "\"city\", [\"city\",\"days\"], [\"city\",\"note\"]"
    for (const where of [{ days: 31337 }, { days: 31337, note: "x" }, { city: "secret", days: 3, note: "x" }]) {
      const message = messageOf(() => info.indexTagOf(where))
      expect(message).toContain("The key class \"Weather\"")
      expect(message).toContain(
        Object.keys(where).length === 1 ? "\"days\"" : JSON.stringify(Object.keys(where).sort())
      )
      expect(message).toContain(declared)
      expect(message).not.toMatch(/secret|31337/)
    }
    expect(messageOf(() => info.indexTagOf({ country: "x" }))).toContain("\"country\"")
    expect(messageOf(() => info.indexTagOf({}))).toMatch(/"Weather".*\{ all \}/)
    class None extends CacheKey.Class<None>()("None", { payload, success: Schema.Number }) {}
    const none = new None({ city: "x", days: 1 })["~class"]
    expect(messageOf(() => none.indexTagOf({ city: "x" }))).toContain("declares none")
  })

  it("is refused for values of another type, also for what is missing", () => {
    expect(messageOf(() => info.indexTagOf({ city: "Berlin", days: "3" }))).toMatch(/field "days" a number/)
    expect(messageOf(() => info.indexTagOf({ city: undefined }))).toMatch(/field "city" a string is expected/)
  })
})

describe("tags of all sets of fields", () => {
  // Names that are made to be mistaken for others, or for the text of values.
  const names = ["a", "b", "a,b", "1:a", "", "a1:b", "b=1:x", "1:a1:b", "#"]
  const sets = names.flatMap((one, i) => [[one], ...names.slice(i + 1).map((two) => [one, two])])
  const tricky = ["", "x", "=", "1:x", "~", "#", "1:a", ",", "x1:x", "\ud800", "x".repeat(250)]
  const Text = Schema.Union([Schema.Literals(tricky), Schema.String])

  const Fields = Object.fromEntries(names.map((name) => [name, Schema.String]))
  const Any = CacheKey.Class<unknown>()("Any", {
    payload: Fields,
    success: Schema.Number,
    indexes: sets
  }) as unknown as new(payload: object) => CacheKey.Any
  const anyInfo = new Any(Object.fromEntries(names.map((name) => [name, "x"])))["~class"]

  const Where = Schema.Struct({
    set: Schema.Literals(sets.map((_, i) => i)),
    texts: Schema.Tuple([Text, Text])
  })
  const whereOf = ({ set, texts }: typeof Where.Type) => sets[set]!.map((name, i) => [name, texts[i]!] as const)

  it("differ, each from each, for every set and every pair of tricky values", () => {
    const tags = sets.flatMap(([one, two]) =>
      tricky.flatMap((text) =>
        two === undefined
          ? [anyInfo.indexTagOf({ [one!]: text })]
          : tricky.map((other) => anyInfo.indexTagOf({ [one!]: text, [two]: other }))
      )
    )
    expect(new Set(tags).size).toBe(tags.length)
    expect(Math.max(...tags.map((tag) => Buffer.byteLength(tag)))).toBeLessThanOrEqual(200)
  })

  it.prop("differ where fields or values differ, and a combination never meets a single field", [Where, Where], ([
    one,
    other
  ]) => {
    const [a, b] = [whereOf(one), whereOf(other)]
    const [tagA, tagB] = [a, b].map((where) => anyInfo.indexTagOf(Object.fromEntries(where)))
    expect([tagA === tagB, a, b]).toEqual([JSON.stringify(a) === JSON.stringify(b), a, b])
    expect(anyInfo.indexTagOf(Object.fromEntries([...a].reverse()))).toBe(tagA)
  }, { arbitrary: { runs: 2000 } })

  it.prop("are what a key with these values has", [Schema.Array(Text)], ([texts]) => {
    const values = Object.fromEntries(names.map((name, i) => [name, texts[i] ?? "y"]))
    const tags = sets.map((set) => anyInfo.indexTagOf(Object.fromEntries(set.map((name) => [name, values[name]]))))
    expect(new Any(values)["~tags"]).toEqual(tags)
    expect(new Set(tags).size).toBe(sets.length)
  })
})
