/** Key classes: canonical payloads, fingerprints, long ids, string keys, and what is wrong with a declaration. */
import { describe, expect, it } from "@effect/vitest"
import {
  BigDecimal,
  Data,
  DateTime,
  Duration,
  Effect,
  Equal,
  Exit,
  Hash,
  HashMap,
  HashSet,
  Option,
  PrimaryKey,
  Redacted,
  Request,
  RequestResolver,
  Result,
  Schema,
  SchemaGetter
} from "effect"
import { CacheError, CacheKey } from "effect-cached"
import { Persistable } from "effect/persistence"
import { isKey } from "../src/internal/key/isKey.ts"

class Down extends Schema.TaggedError<Down>()("Down", { retry: Schema.Boolean }) {}

class Weather extends CacheKey.Class<Weather>()("Weather", {
  payload: { city: Schema.String, days: Schema.Number },
  success: Schema.Number,
  error: Down
}) {
  get label() {
    return `${this.city} in ${this.days} days`
  }
}

class Meter extends Schema.Class<Meter>("Meter")({ value: Schema.Number }) {}
class Mile extends Schema.Class<Mile>("Mile")({ value: Schema.Number }) {}

const codecOfMap = Schema.link<Map<unknown, unknown>>()(Schema.Null, {
  decode: SchemaGetter.transform(() => new Map()),
  encode: SchemaGetter.transform(() => null)
})

const berlin = () => new Weather({ city: "Berlin", days: 3 })

type AnyKey = new(payload?: unknown) => CacheKey.Any & Record<string, unknown>

const define = (options: object, name = "Key") =>
  CacheKey.Class<unknown>()(name, { success: Schema.String, ...options }) as unknown as AnyKey

/** The canonical payload of a key with the only field `value`. */
const textOf = (schema: Schema.Constraint, value: unknown): string => {
  const Key = define({ payload: { value: schema }, version: "1" })
  return CacheKey.id(new Key({ value })).replace(/^~Key@[\w-]{8}:/, "")
}

const messageOf = (f: () => unknown): string => {
  try {
    f()
  } catch (error) {
    expect(error).toBeInstanceOf(CacheError.CacheConfigError)
    return (error as CacheError.CacheConfigError).message
  }
  throw new Error("nothing was thrown")
}

describe("Class", () => {
  it("makes ids of name, fingerprint and payload", () => {
    expect(CacheKey.id(berlin())).toMatch(/^~Weather@[\w-]{8}:6:Berlin3,$/)
  })

  // If it fails, every stored entry is lost: a new version of Effect, or a change here, writes structures otherwise.
  it("ME-13 · gives the same id in every run of every program", () => {
    expect(CacheKey.id(berlin())).toBe("~Weather@ZKNl8Nbb:6:Berlin3,")
  })

  it("instances are plain objects of their payload, with the methods of the class", () => {
    expect(Object.keys(berlin())).toEqual(["city", "days"])
    expect(JSON.stringify(berlin())).toBe(`{"city":"Berlin","days":3}`)
    expect(berlin().label).toBe("Berlin in 3 days")
    expect(berlin()).toBeInstanceOf(Weather)
  })

  it("is Equal and Hash by id, a PrimaryKey and a Persistable", () => {
    expect(Equal.equals(berlin(), new Weather({ days: 3, city: "Berlin" }))).toBe(true)
    expect(Equal.equals(berlin(), new Weather({ days: 4, city: "Berlin" }))).toBe(false)
    expect(Hash.hash(berlin())).toBe(Hash.hash(berlin()))
    expect(PrimaryKey.value(berlin())).toBe(CacheKey.id(berlin()))
    expect(berlin()[Persistable.symbol]).toEqual({ success: Weather.success, error: Down })
  })

  it.effect("is a Request", () =>
    Effect.gen(function*() {
      const resolver = RequestResolver.make<Weather>((entries) =>
        Effect.forEach(entries, (entry) => Request.succeed(entry, entry.request.days), { discard: true })
      )
      expect(Request.isRequest(berlin())).toBe(true)
      expect(yield* Effect.request(berlin(), resolver)).toBe(3)
    }))

  it("needs no argument where nothing is required", () => {
    class Settings extends CacheKey.Class<Settings>()("Settings", { success: Schema.String }) {}
    expect(CacheKey.id(new Settings())).toMatch(/^~Settings@[\w-]{8}:$/)
    const Optional = define({ payload: { a: Schema.optionalKey(Schema.String) } })
    expect(CacheKey.id(new Optional())).toBe(CacheKey.id(new Optional({})))
  })

  it("leaves every name to the payload", () => {
    const names = [
      "id",
      "tags",
      "class",
      "pipe",
      "_tag",
      "constructor",
      "toString",
      "hasOwnProperty",
      "decode",
      "symbol"
    ]
    const fields = Object.fromEntries(names.map((name) => [name, Schema.String]))
    const Key = define({ payload: fields })
    const key = new Key(Object.fromEntries(names.map((name) => [name, name])))
    expect(names.map((name) => key[name])).toEqual(names)
    expect(CacheKey.id(key)).toContain(`${"_tag".length}:_tag`)
  })

  it("takes an absent optional field for absent whatever objects inherit", () => {
    const Key = define({ payload: { toString: Schema.optionalKey(Schema.String) } })
    expect(CacheKey.id(new Key({}))).toMatch(/:!$/)
  })

  it("keeps undeclared properties out of the key, and its prototype", () => {
    const Key = define({ payload: { a: Schema.String } })
    const key = new Key(JSON.parse(`{"a":"x","b":"y","__proto__":{"~id":"forged"}}`))
    expect(Object.keys(key)).toEqual(["a"])
    expect(CacheKey.id(key)).toMatch(/^~Key@/)
  })

  it.effect("decode validates and decodes, also when passed around", () =>
    Effect.gen(function*() {
      class Page extends CacheKey.Class<Page>()("Page", {
        payload: { page: Schema.FiniteFromString },
        success: Schema.String
      }) {}
      const key = yield* Effect.flatMap(Effect.succeed({ page: "7" }), Page.decode)
      expect(key).toBeInstanceOf(Page)
      expect(CacheKey.id(key)).toBe(CacheKey.id(new Page({ page: 7 })))
      expect(Exit.isFailure(yield* Effect.exit(Page.decode({ page: 7 })))).toBe(true)
      expect(Exit.isFailure(yield* Effect.exit(Page.decode(null)))).toBe(true)
    }))

  it("gives the engine one object a class", () => {
    const info = berlin()["~class"]
    expect(info).toBe(new Weather({ city: "Rome", days: 1 })["~class"])
    expect(info).toMatchObject({ name: "Weather", tag: "~Weather", hasError: true })
    expect([info.payload, info.success, info.error]).toEqual([Weather.payload, Weather.success, Weather.error])
    class Sure extends CacheKey.Class<Sure>()("Sure", { success: Schema.Number }) {}
    expect(new Sure()["~class"].hasError).toBe(false)
  })
})

describe("constructor defaults", () => {
  const one = Effect.succeed(1)

  it("make equal calls equal keys", () => {
    const Key = define({
      payload: { city: Schema.String, days: Schema.Number.pipe(Schema.withConstructorDefault(one)) }
    })
    const ids = [{ city: "x" }, { city: "x", days: 1 }, { city: "x", days: undefined }].map((p) =>
      CacheKey.id(new Key(p))
    )
    expect(new Set(ids).size).toBe(1)
    expect(new Key({ city: "x" })["days"]).toBe(1)
    expect(CacheKey.id(new Key({ city: "x", days: 2 }))).not.toBe(ids[0])
  })

  it("are applied inside fields too, also behind `suspend`", () => {
    const Inner = Schema.Struct({ days: Schema.Number.pipe(Schema.withConstructorDefault(one)) })
    const Key = define({ payload: { inner: Inner, late: Schema.Array(Schema.suspend(() => Inner)) } })
    expect(CacheKey.id(new Key({ inner: {}, late: [{}] }))).toBe(
      CacheKey.id(new Key({ inner: { days: 1 }, late: [{ days: 1 }] }))
    )
  })

  it("construct the classes of fields", () => {
    class Place extends Schema.Class<Place>("Place")({ lat: Schema.Number }) {}
    const Key = define({ payload: { place: Place } })
    expect(new Key({ place: { lat: 1 } })["place"]).toBeInstanceOf(Place)
    expect(CacheKey.id(new Key({ place: { lat: 1 } }))).toBe(CacheKey.id(new Key({ place: new Place({ lat: 1 }) })))
    expect(messageOf(() => new Key({ place: { lon: 1 } }))).toMatch(/"Key": the field "place" cannot be made: .*lat/s)
  })
})

describe("canonical payloads", () => {
  it("do not join fields ambiguously", () => {
    const Key = define({ payload: { a: Schema.String, b: Schema.String } })
    expect(CacheKey.id(new Key({ a: "a:b", b: "" }))).not.toBe(CacheKey.id(new Key({ a: "a", b: "b" })))
    const Optional = define({
      payload: {
        a: Schema.optionalKey(Schema.Struct({ b: Schema.optionalKey(Schema.String) })),
        c: Schema.optionalKey(Schema.String)
      }
    })
    expect(CacheKey.id(new Optional({ c: "x" }))).not.toBe(CacheKey.id(new Optional({ a: {} })))
  })

  it.each<[string, Schema.Struct.Fields]>([
    ["optional", { q: Schema.String, page: Schema.optional(Schema.Int) }],
    ["optional, of any text or number", { q: Schema.String, page: Schema.optional(Schema.Json) }],
    ["without `undefined` in its type", { q: Schema.String, page: Schema.optionalKey(Schema.Int) }],
    ["`UndefinedOr`", { q: Schema.String, page: Schema.UndefinedOr(Schema.Int) }]
  ])("an absent field and one that is `undefined` are one: %s", (_, payload) => {
    const Key = define({ payload })
    expect(CacheKey.id(new Key({ q: "x" }))).toBe(CacheKey.id(new Key({ q: "x", page: undefined })))
    const Nested = define({ payload: { search: Schema.Struct(payload), list: Schema.Array(Schema.Struct(payload)) } })
    expect(CacheKey.id(new Nested({ search: { q: "x" }, list: [{ q: "x" }] }))).toBe(
      CacheKey.id(new Nested({ search: { q: "x", page: undefined }, list: [{ q: "x", page: undefined }] }))
    )
  })

  it.each<[string, Schema.Constraint, unknown, unknown]>([
    ["-0 and 0", Schema.Number, -0, 0],
    ["NaN and NaN", Schema.Number, NaN, Number("x")],
    ["records in another order", Schema.Record(Schema.String, Schema.Number), { a: 1, b: 2 }, { b: 2, a: 1 }],
    ["sets in another order", Schema.ReadonlySet(Schema.String), new Set(["a", "b"]), new Set(["b", "a"])],
    ["hash sets in another order", Schema.HashSet(Schema.String), HashSet.make("a", "b"), HashSet.make("b", "a")],
    [
      "maps in another order",
      Schema.ReadonlyMap(Schema.String, Schema.Number),
      new Map([["a", 1], ["b", 2]]),
      new Map([["b", 2], ["a", 1]])
    ],
    [
      "hash maps in another order",
      Schema.HashMap(Schema.String, Schema.Number),
      HashMap.make(["a", 1], ["b", 2]),
      HashMap.make(["b", 2], ["a", 1])
    ],
    ["durations in another unit", Schema.Duration, Duration.millis(1), Duration.nanos(1_000_000n)],
    ["decimals with zeros", Schema.BigDecimal, BigDecimal.fromStringUnsafe("1"), BigDecimal.fromStringUnsafe("1.00")],
    ["invalid dates", Schema.Date, new Date(NaN), new Date("x")],
    ["JSON in another order", Schema.Json, { a: 1, b: [2] }, { b: [2], a: 1 }]
  ])("are the same for %s", (_, schema, a, b) => {
    expect(textOf(schema, a)).toBe(textOf(schema, b))
  })

  it.each<[string, Schema.Constraint, unknown, unknown]>([
    ["members of a union", Schema.Union([Schema.String, Schema.Number]), "1", 1],
    ["a date and its number", Schema.Union([Schema.Number, Schema.Date]), 5, new Date(5)],
    [
      "structs that extend each other",
      Schema.Union([Schema.Struct({ a: Schema.Number }), Schema.Struct({ a: Schema.Number, b: Schema.Number })]),
      { a: 1, b: 2 },
      { a: 1, b: 3 }
    ],
    ["null and undefined", Schema.NullishOr(Schema.String), null, undefined],
    ["none and some", Schema.Option(Schema.String), Option.none(), Option.some("none")],
    ["success and failure", Schema.Result(Schema.String, Schema.String), Result.succeed("a"), Result.fail("a")],
    ["literals", Schema.Literals(["1", 1, 1n]), "1", 1],
    ["a bigint literal and a number", Schema.Literals([1n, 1]), 1n, 1],
    ["Unicode forms", Schema.String, "é", "e\u0301"],
    ["lone surrogates", Schema.String, "\ud800", "\ud801"],
    ["a lone surrogate and its replacement", Schema.String, "\ud800", "\ufffd"],
    ["long strings", Schema.String, "x".repeat(300) + "a", "x".repeat(300) + "b"],
    [
      "zones of one instant",
      Schema.DateTimeZoned,
      DateTime.makeZonedUnsafe(0, { timeZone: "Europe/Berlin" }),
      DateTime.makeZonedUnsafe(0, { timeZone: "Asia/Tokyo" })
    ],
    ["patterns with other flags", Schema.RegExp, /a/, /a/g],
    ["long strings that differ in a high byte", Schema.String, "x".repeat(300) + "\u0161", "x".repeat(300) + "a"],
    [
      "one value of two members and two values",
      Schema.Array(Schema.Union([Schema.Struct({ a: Schema.Number }), Schema.Struct({ b: Schema.Number })])),
      [{ a: 1, b: 2 }],
      [{ a: 1 }, { b: 2 }]
    ],
    ["keys that look like values", Schema.Record(Schema.String, Schema.Number), { a: 1, b: 2 }, { "a1,b": 2 }],
    ["instances of other classes", Schema.Union([Meter, Mile]), new Meter({ value: 1 }), new Mile({ value: 1 })],
    ["arrays of arrays", Schema.Array(Schema.Array(Schema.String)), [["a"], []], [["a", ""]]]
  ])("are different for %s", (_, schema, a, b) => {
    expect(textOf(schema, a)).not.toBe(textOf(schema, b))
  })

  it("use the codec of a declared type that is not built in", () => {
    class Money {
      readonly cents: number
      constructor(cents: number) {
        this.cents = cents
      }
    }
    const money = Schema.instanceOf(Money, {
      toCodecJson: () =>
        Schema.link<Money>()(Schema.Struct({ cents: Schema.Number }), {
          decode: SchemaGetter.transform(({ cents }) => new Money(cents)),
          encode: SchemaGetter.transform(({ cents }) => ({ cents }))
        })
    })
    expect(textOf(money, new Money(5))).toBe("{5,}")
    expect(messageOf(() => textOf(money, { cents: 5 }))).toMatch(/the field "value"/)
    expect(textOf(Schema.URLSearchParams, new URLSearchParams({ a: "1" }))).toBe("3:a=1")
  })

  it("are compiled once a class, not once a key (F19)", () => {
    let compiled = 0
    const url = Schema.instanceOf(URLSearchParams, {
      toCodecJson: () => {
        compiled++
        return Schema.link<URLSearchParams>()(Schema.String, {
          decode: SchemaGetter.transform((text) => new URLSearchParams(text)),
          encode: SchemaGetter.transform(String)
        })
      }
    })
    const Key = define({ payload: { url }, version: "1" })
    const idOf = (a: string) => CacheKey.id(new Key({ url: new URLSearchParams({ a }) }))
    expect(idOf("1")).not.toBe(idOf("2"))
    const before = compiled
    expect(before).toBeGreaterThan(0)
    for (let i = 0; i < 100; i++) idOf(String(i))
    expect(compiled).toBe(before)
  })

  it("recursive schemas work, values that contain themselves are refused", () => {
    interface Tree {
      readonly value: number
      readonly kids: Array<Tree>
    }
    const Tree: Schema.Codec<Tree> = Schema.Struct({
      value: Schema.Number,
      kids: Schema.mutable(Schema.Array(Schema.suspend((): Schema.Codec<Tree> => Tree)))
    })
    expect(textOf(Tree, { value: 1, kids: [{ value: 2, kids: [] }] })).toBe("{[{[]2,}]1,}")
    const circle: Tree = { value: 1, kids: [] }
    circle.kids.push(circle)
    expect(messageOf(() => textOf(Tree, circle))).toMatch(/"Key": the field "value" is nested too deeply/)
  })

  it.each<[string, Schema.Constraint, unknown]>([
    ["a number for a string", Schema.String, 1],
    ["a string for a number", Schema.Number, "1"],
    ["nothing for a string", Schema.String, undefined],
    ["an array for a struct", Schema.Struct({ a: Schema.optionalKey(Schema.String) }), ["x"]],
    ["a struct for an array", Schema.Array(Schema.String), { length: 0 }],
    ["a wrong item", Schema.Array(Schema.String), ["a", 1]],
    ["a hole", Schema.Array(Schema.String), new Array(1)],
    ["a longer tuple", Schema.Tuple([Schema.String]), ["a", "b"]],
    ["another literal", Schema.Literals(["a", "b"]), "c"],
    ["no member of a union", Schema.Union([Schema.String, Schema.Number]), true],
    ["a string for a date", Schema.Date, "2020-01-01"],
    ["an array for a set", Schema.ReadonlySet(Schema.String), ["a"]],
    ["a plain object for an Option", Schema.Option(Schema.String), { _tag: "None" }],
    ["a local symbol", Schema.Symbol, Symbol("a")],
    ["a Map for JSON", Schema.Json, new Map()],
    ["a wrong type for what has a codec", Schema.URLSearchParams, "a=1"]
  ])("refuse %s, naming class and field", (_, schema, value) => {
    expect(messageOf(() => textOf(schema, value))).toMatch(/The key class "Key".*the field "value"/)
  })

  it("refuse a plain object that was put where an instance belongs", () => {
    const key = Object.assign(new (define({ payload: { value: Meter } }))({ value: { value: 1 } }), {
      value: { value: 1 }
    })
    expect(messageOf(() => CacheKey.id(key))).toMatch(/in the field "value" an instance of its class is expected/)
  })

  it("never show a value in a message", () => {
    expect(messageOf(() => textOf(Schema.Number, "my password"))).not.toContain("password")
  })
})

describe("fingerprints", () => {
  const fingerprint = (success: Schema.Constraint) => CacheKey.id(new (define({ success }))())

  interface Tree {
    readonly value: number
    readonly kids: ReadonlyArray<Tree>
  }
  const Tree = Schema.Struct({
    value: Schema.Number,
    kids: Schema.Array(Schema.suspend((): Schema.Codec<Tree> => Tree))
  })

  it("do not see how a circle is written", () => {
    const unrolled = Schema.Struct({ value: Schema.Number, kids: Schema.Array(Tree) })
    const forms = [Tree, unrolled, Tree.annotate({ identifier: "Tree" }), Schema.suspend(() => Tree)]
    expect(new Set(forms.map(fingerprint)).size).toBe(1)
  })

  it("see a change deep in a circle", () => {
    const Deep = Schema.Struct({
      value: Schema.Number,
      kids: Schema.Array(Schema.Struct({ value: Schema.String, kids: Schema.Array(Schema.suspend(() => Tree)) }))
    })
    expect(fingerprint(Deep)).not.toBe(fingerprint(Tree))
  })

  it("see the parameters of a declared type", () => {
    const graph = (kind: "directed" | "undirected") =>
      fingerprint(Schema.Graph(kind as "directed", Schema.String, Schema.String))
    expect(graph("directed")).not.toBe(graph("undirected"))
  })

  it("are made with the first id, not when the class is defined", () => {
    let looked = false
    const Key = define({
      success: Schema.suspend(() => {
        looked = true
        return Schema.String
      })
    })
    const key = new Key()
    expect(looked).toBe(false)
    CacheKey.id(key)
    expect(looked).toBe(true)
  })
})

describe("long ids", () => {
  const Key = define({ payload: { a: Schema.String } })
  const payloadOf = (a: string) => CacheKey.id(new Key({ a })).slice("~Key@12345678:".length)

  it("are hashed over 200 bytes of UTF-8", () => {
    const room = 200 - "~Key@12345678:".length - "123:".length
    expect(payloadOf("x".repeat(room))).toBe(`${room}:${"x".repeat(room)}`)
    expect(payloadOf("x".repeat(room + 1))).toMatch(/^#[\w-]{43}$/)
    expect(payloadOf("é".repeat(91))).toBe(`91:${"é".repeat(91)}`)
    expect(payloadOf("é".repeat(92))).toMatch(/^#/)
    expect(payloadOf("日".repeat(61))).toBe(`61:${"日".repeat(61)}`)
    expect(payloadOf("日".repeat(62))).toMatch(/^#/)
    expect(payloadOf("😀".repeat(45))).toBe(`90:${"😀".repeat(45)}`)
    expect(payloadOf("😀".repeat(46))).toMatch(/^#/)
  })

  it("are never the readable id of another key", () => {
    const hashed = payloadOf("x".repeat(300))
    expect(payloadOf(hashed)).not.toBe(hashed)
    const long = CacheKey.id("x".repeat(300))
    expect(long).toMatch(/^~#[\w-]{43}$/)
    expect(CacheKey.id(long)).toBe(`~${long}`)
  })
})

describe("string keys", () => {
  it("are their own ids, and never those of a class", () => {
    expect(CacheKey.id("user:1")).toBe("user:1")
    expect(CacheKey.id("")).toBe("")
    expect(CacheKey.id(CacheKey.id(berlin()))).toBe(`~${CacheKey.id(berlin())}`)
  })

  it("keep lone surrogates apart", () => {
    expect(CacheKey.id("\ud800")).not.toBe(CacheKey.id("\ud801"))
    expect(CacheKey.id("\ud800")).toMatch(/^~#/)
  })
})

describe("options", () => {
  it("ignore keeps a field out of id and fingerprint, whatever it is", () => {
    const payload = { a: Schema.String, token: Schema.Redacted(Schema.String), any: Schema.Unknown }
    const Key = define({ payload, ignore: ["token", "any"] })
    const key = new Key({ a: "x", token: Redacted.make("1"), any: () => 1 })
    expect(CacheKey.id(key)).toBe(CacheKey.id(new Key({ a: "x", token: Redacted.make("2"), any: 2 })))
    expect(CacheKey.id(key)).toBe(CacheKey.id(new (define({ payload: { a: Schema.String } }))({ a: "x" })))
    expect(Redacted.value(key["token"] as Redacted.Redacted<string>)).toBe("1")
  })

  it("version changes the fingerprint", () => {
    const ids = [undefined, "1", "2"].map((version) => CacheKey.id(new (define({ version }))()))
    expect(new Set(ids).size).toBe(3)
  })

  it("tags are the indexes' first, then the class's own", () => {
    const Key = define({
      payload: { city: Schema.String, days: Schema.Number, note: Schema.optionalKey(Schema.String) },
      indexes: ["days", "note"],
      tags: (payload: { readonly city: string }) => [payload.city, "~mine"]
    })
    const key = new Key({ city: "Berlin", days: 3 })
    expect(key["~tags"]).toEqual(["~Key:days=3,", "~Key:note=!", "Berlin", "~~mine"])
    expect(new (define({ tags: ["a"] }))()["~tags"]).toEqual(["a"])
  })

  it("without tags and indexes there is one empty list for all", () => {
    expect(berlin()["~tags"]).toBe(new Weather({ city: "Rome", days: 1 })["~tags"])
    expect(Object.isFrozen(berlin()["~tags"])).toBe(true)
    expect(berlin()["~tags"]).toEqual([])
  })

  it("a key has the tag of its class and those of its indexes apart from the class's own", () => {
    const payload = { city: Schema.String, days: Schema.Number, toString: Schema.optionalKey(Schema.String) }
    const tags = (key: { readonly city: string }) => [key.city, "~mine", "x".repeat(300)]
    const Key = define({ payload, indexes: ["days", "toString"], tags })
    const { ownTags, structuralTags } = new Key({ city: "Berlin", days: 3 })["~class"]
    const key = new Key({ city: "Rome", days: 1 })
    expect(structuralTags(key)).toEqual(["~Key", "~Key:days=1,", "~Key:toString=!"])
    expect(ownTags(key)).toEqual(["Rome", "~~mine", expect.stringMatching(/^~#/)])
    expect(key["~tags"]).toEqual([...structuralTags(key).slice(1), ...ownTags(key)])
  })

  it("every version of a class has its tag, so that an invalidation reaches them all", () => {
    const structural = ["1", "2"].map((version) => {
      const key = new (define({ version, payload: { city: Schema.String }, indexes: ["city"] }))({ city: "Berlin" })
      return key["~class"].structuralTags(key)
    })
    expect(structural).toEqual([["~Key", "~Key:city=6:Berlin"], ["~Key", "~Key:city=6:Berlin"]])
  })

  it("tags that do not depend on the payload are one frozen list", () => {
    const info = berlin()["~class"]
    const rome = new Weather({ city: "Rome", days: 1 })
    expect(info.structuralTags(berlin())).toEqual(["~Weather"])
    expect(info.structuralTags(berlin())).toBe(info.structuralTags(rome))
    expect(info.ownTags(berlin())).toEqual([])
    expect(info.ownTags(berlin())).toBe(info.ownTags(rome))
    for (const tags of [info.structuralTags(rome), info.ownTags(rome)]) expect(Object.isFrozen(tags)).toBe(true)

    const given = ["a", "~b"]
    const Tagged = define({ tags: given })
    given.push("later")
    expect(new Tagged()["~tags"]).toEqual(["a", "~~b"])
    expect(new Tagged()["~tags"]).toBe(new Tagged()["~tags"])
    expect(Object.isFrozen(given)).toBe(false)
  })

  it.each<[string, object, RegExp]>([
    ["an unknown option", { tag: [] }, /no option "tag"/],
    ["`ignore` of no field", { payload: { a: Schema.String }, ignore: ["b"] }, /`ignore` names "b"/],
    ["`indexes` of no field", { payload: { a: Schema.String }, indexes: ["b"] }, /`indexes` names "b"/],
    ["an ignored index", { payload: { a: Schema.String }, ignore: ["a"], indexes: ["a"] }, /"a" cannot be both/],
    ["`indexes` that is no list", { payload: { a: Schema.String }, indexes: "a" }, /`indexes` is not a list/],
    ["a combination of no fields", { payload: { a: Schema.String }, indexes: [[]] }, /a combination of no fields/],
    ["a combination with no field", { payload: { a: Schema.String }, indexes: [["a", "b"]] }, /`indexes` names "b"/],
    [
      "an ignored field in a combination",
      { payload: { a: Schema.String, b: Schema.String }, ignore: ["b"], indexes: [["a", "b"]] },
      /"b" cannot be both/
    ],
    ["a field twice in a combination", { payload: { a: Schema.String }, indexes: [["a", "a"]] }, /names "a" twice/],
    ["an index twice", { payload: { a: Schema.String }, indexes: ["a", ["a"]] }, /declares "a" twice/],
    [
      "a combination twice",
      { payload: { a: Schema.String, b: Schema.String }, indexes: [["a", "b"], ["b", "a"]] },
      /declares \["a","b"\] twice/
    ],
    ["a schema as payload", { payload: Schema.Struct({ a: Schema.String }) }, /`payload` takes fields/],
    ["a success that is no schema", { success: "x" }, /`success` is not a schema/],
    ["an error that is no schema", { error: "x" }, /`error` is not a schema/],
    ["a field that is no schema", { payload: { a: "x" } }, /"a" is not a schema/],
    ["a field named like an own member", { payload: { "~id": Schema.String } }, /cannot be named "~id"/],
    ["a field named `__proto__`", { payload: JSON.parse(`{"__proto__":1}`) }, /cannot be named "__proto__"/],
    ["a field named by a symbol", { payload: { [Symbol.for("a")]: Schema.String } }, /must be named by a string/],
    ["a secret", { payload: { a: Schema.Redacted(Schema.String) } }, /"a".*secret/],
    ["a secret inside", { payload: { a: Schema.Array(Schema.Redacted(Schema.String)) } }, /"a".*secret/],
    ["an unknown field", { payload: { a: Schema.Unknown } }, /"a" cannot be in an id/],
    ["an object of any shape", { payload: { a: Schema.ObjectKeyword } }, /"a" cannot be in an id/],
    ["a file", { payload: { a: Schema.File } }, /"a" cannot be in an id/],
    [
      "a declared type without codec",
      { payload: { a: Schema.instanceOf(Map) }, version: "1" },
      /"a" cannot be in an id/
    ],
    [
      "a declared field without version, whatever its name",
      { payload: { success: Schema.instanceOf(Map, { toCodecJson: () => codecOfMap }) } },
      /"success" contains .*version/
    ],
    ["a declared result without version", { success: Schema.Array(Schema.instanceOf(Map)) }, /"success".*version/],
    ["a declared error without version", { error: Schema.instanceOf(Map) }, /"error".*version/]
  ])("refuse %s when the class is defined", (_, options, message) => {
    expect(messageOf(() => define(options))).toMatch(message)
  })

  it.each(["", "a@b", "a:b", "~a", "a#b", "a*", "=a", "*a", ":a", "a b", "\ud800", "x".repeat(101), "日".repeat(34)])(
    "refuse the name %j",
    (name) => {
      expect(messageOf(() => define({}, name))).toMatch(/a name has 1 to 100/)
    }
  )

  it("a version stands for a declared type, also behind `suspend`, which is looked at with the first id", () => {
    const success = Schema.Array(Schema.suspend(() => Schema.instanceOf(Map)))
    const Key = define({ success })
    expect(messageOf(() => CacheKey.id(new Key()))).toMatch(/"success".*version/)
    expect(CacheKey.id(new (define({ success, version: "1" }))())).toMatch(/^~Key@/)
  })

  it("a class may be its own result", () => {
    const Key: AnyKey = define({ success: Schema.suspend(() => (Key as unknown as typeof Weather).payload) })
    expect(CacheKey.id(new Key())).toMatch(/^~Key@/)
  })
})

describe("codeOf", () => {
  const double = (n: number) => n * 2

  it("changes with the source text of any of the functions", () => {
    expect(CacheKey.codeOf(double)).toMatch(/^[\w-]{8}$/)
    expect(CacheKey.codeOf(double)).toBe(CacheKey.codeOf((n: number) => n * 2))
    expect(CacheKey.codeOf(double)).not.toBe(CacheKey.codeOf((n: number) => n * 3))
    expect(CacheKey.codeOf(double)).not.toBe(CacheKey.codeOf(double, double))
  })

  it("refuses functions without source text", () => {
    expect(messageOf(() => CacheKey.codeOf(Math.max))).toMatch(/"max" has no source text/)
    expect(messageOf(() => CacheKey.codeOf(double.bind(null)))).toMatch(/has no source text/)
  })
})

describe("an id", () => {
  it("is made once for a key, and all the same of what only looks like one", () => {
    const key = berlin()
    const id = CacheKey.id(key)
    expect(CacheKey.id(key)).toBe(id)
    expect(CacheKey.id(new Proxy(key, {}))).toBe(id)
    expect(CacheKey.id(Object.create(key) as typeof key)).toBe(id)
    expect(CacheKey.id(berlin())).toBe(id)
  })
})

describe("isCacheKey", () => {
  it("knows keys of classes", () => {
    expect(isKey(berlin())).toBe(true)
    expect([isKey("a"), isKey(null), isKey({})]).toEqual([
      false,
      false,
      false
    ])
    class Plain extends Data.Class<{ readonly a: string }> {}
    expect(isKey(new Plain({ a: "x" }))).toBe(false)
  })
})
