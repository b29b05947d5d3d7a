/** Key templates: the texts of placeholders, different texts for different values, and invalid templates. */
import { describe, expect, it } from "@effect/vitest"
import { Cause, Context, Effect, Exit, Option, Redacted, Schema } from "effect"
import { Cached, CacheError, CacheKey, CacheLayer } from "effect-cached"
import * as Arbitrary from "effect/Arbitrary"
import { test, testIn } from "../support/tests.ts"

const inMemory = testIn(CacheLayer.memory())

const token = (claims: object): string => {
  const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url")
  return `${part({ alg: "none" })}.${part(claims)}.signature`
}

const messageOf = (f: () => unknown): string => {
  try {
    f()
  } catch (error) {
    expect(error).toBeInstanceOf(CacheError.CacheConfigError)
    return (error as Error).message
  }
  return "nothing was thrown"
}

/** The template without its types, for what does not compile. */
const template = CacheKey.template as (text: unknown, fields?: unknown, options?: unknown) => (...args: any) => any

const digest = /#[\w-]{22}$/

describe("CacheKey.template", () => {
  it("CA-60 · shows texts, numbers, booleans and bigints, percent-encoded", () => {
    const key = CacheKey.template("{s}/{n}:{b}|{i} end", {
      s: Schema.String,
      n: Schema.Number,
      b: Schema.Boolean,
      i: Schema.BigInt
    })
    expect(key({ s: "a-b_c.9", n: -1.5, b: true, i: 12n })).toBe("a-b_c.9/-1.5:true|12 end")
    expect(key({ s: "a/b:%~ é€", n: NaN, b: false, i: 0n }))
      .toBe("a%2Fb%3A%25%7E%20%C3%A9%E2%82%AC/NaN:false|0 end")
    expect(key({ s: "\ud800!", n: -0, b: false, i: 0n })).toBe("%uD800%21/0:false|0 end")
  })

  it("CA-60 · parts that contain the separator are not confused", () => {
    const key = CacheKey.template("{a}:{b}", { a: Schema.String, b: Schema.String })
    expect(key({ a: "a:b", b: "" })).not.toBe(key({ a: "a", b: "b" }))
    expect(key({ a: "a", b: "" })).not.toBe(key({ a: "", b: "a" }))
  })

  it("CA-61 · tells null, undefined, the texts of them and the empty text apart; a missing field is undefined", () => {
    const key = CacheKey.template("{a}", { a: Schema.optional(Schema.NullOr(Schema.String)) })
    expect([key({ a: null }), key({ a: undefined }), key({}), key({ a: "" }), key({ a: "null" }), key({ a: "%-" })])
      .toEqual(["%-", "%_", "%_", "", "null", "%25-"])
  })

  it("CA-61 · a hole of two kinds says which", () => {
    const key = CacheKey.template("{a}", {
      a: Schema.Union([Schema.Number, Schema.String, Schema.Boolean, Schema.BigInt])
    })
    expect([key({ a: 1 }), key({ a: "1" }), key({ a: 1n }), key({ a: true }), key({ a: "true" })])
      .toEqual(["%n1", "1", "%i1", "%ttrue", "true"])
    const literals = CacheKey.template("{a}", { a: Schema.Literals(["x", 1]) })
    expect([literals({ a: "x" }), literals({ a: 1 })]).toEqual(["x", "%n1"])
  })

  it("CA-61 · nested paths, through null, classes, unions, records and recursive schemas", () => {
    class Team extends Schema.Class<Team>("Team")({ id: Schema.NullOr(Schema.Int) }) {}
    interface Node {
      readonly name: string
      readonly next: Node | null
    }
    const Node = Schema.Struct({
      name: Schema.String,
      next: Schema.NullOr(Schema.suspend((): Schema.Codec<Node> => Node))
    })
    const key = CacheKey.template("{user.team.id}|{node.next.next.name}|{names.de}|{either.kind}", {
      user: Schema.Struct({ team: Schema.NullOr(Team) }),
      node: Node,
      names: Schema.Record(Schema.String, Schema.String),
      either: Schema.Union([Schema.Struct({ kind: Schema.Literal("a") }), Schema.Struct({ kind: Schema.Literal("b") })])
    })
    const rest = {
      node: { name: "a", next: { name: "b", next: { name: "c", next: null } } },
      names: { de: "x" },
      either: { kind: "b" }
    } as const
    expect(key({ user: { team: new Team({ id: 1 }) }, ...rest })).toBe("1|c|x|b")
    expect(key({ user: { team: new Team({ id: null }) }, ...rest })).toBe("%-|c|x|b")
    expect(key({ user: { team: null }, ...rest, names: {}, node: { name: "a", next: null } })).toBe("%-1|%-2|%_|b")
  })

  it("CA-62 · formatters show a part, and a digest of what they lose is added", () => {
    const fields = { name: Schema.String, tags: Schema.Array(Schema.String) }
    const key = CacheKey.template("{name:lower}:{name:upper}:{name:length}:{tags:length}", fields)
    const text = key({ name: "Ada", tags: ["x"] })
    expect(text).toMatch(digest)
    expect(text.replace(digest, "")).toBe("ada:ADA:3:1")
    const others = [{ name: "ada", tags: ["x"] }, { name: "Ada", tags: ["y"] }, { name: "Bob", tags: ["x"] }]
    expect(new Set([text, ...others.map(key)]).size).toBe(4)
    expect(key({ name: "Ada", tags: ["x"] })).toBe(text)
  })

  it("CA-62 · a lossy template makes payloads alike that look alike", () => {
    const key = CacheKey.template("{email:lower}", { email: Schema.String }, { lossy: true })
    expect(key({ email: "Ada@Example.org" })).toBe("ada%40example.org")
    expect(key({ email: "Ada@Example.org" })).toBe(key({ email: "ada@example.ORG" }))
  })

  it("CA-62 · hash takes any value that has a canonical form; a short one loses", () => {
    const fields = { user: Schema.Struct({ a: Schema.Int, b: Schema.Option(Schema.Date) }) }
    const key = CacheKey.template("{user:hash}", fields)
    const short = CacheKey.template("{user:hash(4)}", fields)
    const value = { user: { a: 1, b: Option.some(new Date(1)) } }
    expect(key(value)).toMatch(/^[\w-]{22}$/)
    expect(CacheKey.template("{user:hash(43)}", fields)(value)).toMatch(/^[\w-]{43}$/)
    expect(short(value)).toMatch(/^[\w-]{4}#[\w-]{22}$/)
    expect(key(value)).toBe(key({ user: { b: Option.some(new Date(1)), a: 1 } }))
    expect(key(value)).not.toBe(key({ user: { a: 1, b: Option.some(new Date(2)) } }))
    expect(short(value)).not.toBe(short({ user: { a: 1, b: Option.some(new Date(2)) } }))
  })

  it("CA-62 · jwt shows a claim, and tokens with the same claim stay apart", () => {
    const key = CacheKey.template("{token:jwt(sub)}", { token: Schema.Redacted(Schema.String) })
    const of = (claims: object) => key({ token: Redacted.make(token(claims)) })
    expect(of({ sub: "ada" })).toMatch(/^ada#[\w-]{22}$/)
    expect(of({ sub: "ada", exp: 1 })).not.toBe(of({ sub: "ada", exp: 2 }))
    expect(of({ sub: "1" }).slice(0, 3)).not.toBe(of({ sub: 1 }).slice(0, 3))
    expect(of({ sub: ["é"] })).toMatch(/^%j%5B%22%C3%A9%22%5D#/)
    expect(key({ token: Redacted.make("no token") })).toMatch(/^%_#/)
    expect(of({ nothing: 1 })).toMatch(/^%_#/)
  })

  it("CA-62 · jwt with lossy needs verified tokens, which have the claim", () => {
    const fields = { token: Schema.String }
    expect(messageOf(() => template("{token:jwt(sub)}", fields, { lossy: true }))).toContain("verified: true")
    const key = CacheKey.template("{token:jwt(sub)}", fields, { lossy: true, verified: true })
    expect(key({ token: token({ sub: "ada", exp: 1 }) })).toBe("ada")
    expect(messageOf(() => key({ token: token({}) }))).toContain("without the claim \"sub\"")
  })

  it("CA-62 · formatters of one's own, lossy unless they are injective", () => {
    const fields = { at: Schema.Date }
    const day = (at: Date) => at.toISOString().slice(0, 10)
    const morning = { at: new Date("2026-01-02T08:00:00Z") }
    const evening = { at: new Date("2026-01-02T20:00:00Z") }
    const key = CacheKey.template("on {at:day}", fields, { formatters: { day } })
    expect(key(morning)).toMatch(/^on 2026-01-02#/)
    expect(key(morning)).not.toBe(key(evening))
    const days = CacheKey.template("on {at:day}", fields, { formatters: { day }, lossy: true })
    expect([days(morning), days(evening)]).toEqual(["on 2026-01-02", "on 2026-01-02"])
    const iso = CacheKey.template("{at:iso}", fields, {
      formatters: { iso: { format: (at: Date) => at.toISOString(), injective: true } }
    })
    expect(iso(morning)).toBe("2026-01-02T08%3A00%3A00.000Z")
  })

  it("CA-60 · a payload without fields is refused: it would be the key of all", () => {
    const key = CacheKey.template("user:{id}", { id: Schema.optional(Schema.Int) })
    for (const payload of [7, "x", undefined, null]) {
      expect(() => key(payload as never)).toThrow(CacheError.CacheConfigError)
    }
  })

  it("CA-62 · a formatter that throws, or returns no text, is a CacheConfigError", () => {
    const bad = (format: (n: number) => unknown) => () =>
      template("{n:own}", { n: Schema.Number }, { formatters: { own: format } })({ n: 1 })
    expect(messageOf(bad(() => {
      throw new Error("mistake")
    }))).toBe("The key template \"{n:own}\": {n:own} cannot be written: its formatter threw Error: mistake")
    expect(messageOf(bad(() => 1))).toContain("must return a string, not a number")
  })

  it("a value of another type, after a cast, cannot get the text of another one", () => {
    const key = template("{n}:{s:lower}:{l:length}:{h:hash}", {
      n: Schema.Number,
      s: Schema.String,
      l: Schema.Array(Schema.String),
      h: Schema.Int
    })
    const right = { n: 1, s: "a", l: [], h: 1 }
    expect(key(right)).toMatch(/^1:a:0:/)
    for (const wrong of [{ n: "1" }, { s: 1 }, { l: 1 }, { h: "1" }, { n: { toString: () => "1" } }]) {
      expect(messageOf(() => key({ ...right, ...wrong }))).toContain("is expected, not a")
    }
  })

  test("CA-63 · context values", function*() {
    const Tenant = Context.Reference<string>("Tenant", { defaultValue: () => "none" })
    const Level = Context.Reference<number | null>("Level", { defaultValue: () => null })
    const key = CacheKey.template("{@tenant:upper}/{@level}/{id}", { id: Schema.Int }, {
      context: { tenant: Tenant, level: Level },
      lossy: true
    })
    expect(yield* key({ id: 1 })).toBe("NONE/%-/1")
    const inside = key({ id: 1 }).pipe(Effect.provideService(Tenant, "a/b"), Effect.provideService(Level, 3))
    expect(yield* inside).toBe("A%2FB/%n3/1")
    const wrong = yield* Effect.exit(Effect.provideService(key({ id: 1 }), Level, {} as never))
    expect(Exit.isFailure(wrong) && Cause.squash(wrong.cause)).toBeInstanceOf(CacheError.CacheConfigError)
  })

  test("CA-62 · a digest tells context values apart too", function*() {
    const Tenant = Context.Reference<string>("Tenant", { defaultValue: () => "A" })
    const key = CacheKey.template("{@tenant:lower}", {}, { context: { tenant: Tenant } })({})
    expect(yield* key).not.toBe(yield* Effect.provideService(key, Tenant, "a"))
  })

  const nasty = [
    null,
    undefined,
    1,
    10,
    "1",
    "10",
    "",
    "%-",
    "%_",
    "%n1",
    "a",
    "A",
    "aa",
    "AA",
    ":",
    "/",
    "a:b",
    "#",
    "%21",
    "\ud800"
  ]
  const value = Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: nasty.length - 1 })))
  const Any = Schema.optional(Schema.NullOr(Schema.Union([Schema.String, Schema.Number])))
  const keys = [
    CacheKey.template("a{a}:{b}/{c}z", { a: Any, b: Any, c: Any }),
    CacheKey.template("{a}#{b:lower}!21{c:length}", {
      a: Any,
      b: Schema.optional(Schema.NullOr(Schema.String)),
      c: Schema.optional(Schema.NullOr(Schema.String))
    })
  ]
  it.prop("different payloads have different texts, equal ones have one", {
    a: value,
    b: value,
    c: value,
    d: value,
    e: value,
    f: value
  }, (
    { a, b, c, d, e, f }
  ) => {
    for (const [i, key] of keys.entries()) {
      const clean = (one: unknown) => i === 1 && typeof one === "number" ? String(one) : one
      const payloads = [[a, b, c], [d, e, f], [a, e, c], [c, b, a]].map(([a, b, c]) => ({
        a,
        b: clean(b),
        c: clean(c)
      }))
      const texts = payloads.map((payload) => key(payload as never))
      for (const [i, one] of payloads.entries()) {
        for (const [j, other] of payloads.entries()) {
          const isSame = one.a === other.a && one.b === other.b && one.c === other.c
          expect(texts[i] === texts[j]).toBe(isSame)
        }
      }
    }
  }, { arbitrary: { runs: 500 } })

  describe("is refused", () => {
    const fields = {
      a: Schema.String,
      b: Schema.String,
      s: Schema.Struct({ x: Schema.Int }),
      r: Schema.Redacted(Schema.String)
    }
    it.each<[what: string, text: unknown, says: string, options?: object]>([
      ["no text", 1, "needs a text first"],
      ["an unknown field", "{c}", "names no field: there is no \"c\""],
      ["a path into a text", "{a.length}", "names no field: there is no \"length\""],
      ["what every object inherits", "{constructor}", "names no field"],
      ["an unknown formatter", "{a:lowr}", "did you mean \"lower\"?"],
      ["an inherited formatter", "{a:toString}", "no formatter \"toString\""],
      ["holes that touch", "{a}{b}", "{a} and {b} touch"],
      ["a text that could continue a value", "{a}x{b}", "begin it with a character other than"],
      ["a text that looks encoded", "{a}%2F{b}", "begin it with a character other than"],
      ["an empty hole", "{}", "is not a hole"],
      ["a lone brace", "{a", "a brace is unmatched"],
      ["a brace too many", "{a}}", "a brace is unmatched"],
      ["a struct", "{s}", "give it a formatter"],
      ["a secret", "{r}", "is a secret"],
      ["the hash of a secret", "{r:hash}", "is a secret"],
      ["the length of a secret", "{r:length}", "is a secret"],
      ["an argument too many", "{a:lower(1)}", "takes none"],
      ["a hash of no length", "{a:hash(0)}", "from 1 to 43"],
      ["a hash that is too long", "{a:hash(44)}", "from 1 to 43"],
      ["no claim", "{a:jwt}", "names no claim"],
      ["an unknown context value", "{@tenant}", "names no context value"],
      ["an inherited context value", "{@toString}", "names no context value", { context: {} }],
      ["an unknown option", "{a}", "did you mean \"lossy\"?", { lossi: true }],
      ["no schema of the result", "{a}", "`result` is not a schema", { result: {} }],
      ["lossy that is no boolean", "{a}", "`lossy` must be true or false", { lossy: 1 }],
      ["a formatter that is no function", "{a:own}", "neither a function nor", { formatters: { own: 1 } }],
      ["a formatter that exists", "{a:lower}", "there is a formatter \"lower\" already", {
        formatters: { lower: String }
      }]
    ])("%s", (_, text, says, options) => {
      expect(messageOf(() => template(text, fields, options))).toContain(says)
    })

    it("what no type of a hole's formatter has, before the first call", () => {
      const of = (text: string, schema: unknown) => messageOf(() => template(text, { a: schema }))
      for (const schema of [Schema.Int, Schema.NullOr(Schema.Number), Schema.Union([Schema.String, Schema.Int])]) {
        expect(of("{a:lower}", schema)).toContain("{a:lower} has values that its formatter does not take: a string is")
        expect(of("{a:upper}", schema)).toContain("a string is expected")
        expect(of("{a:length}", schema)).toContain("a string or an array is expected")
        expect(of("{a:jwt(sub)}", schema)).toContain("a token is expected")
      }
      for (const schema of [Schema.NullOr(Schema.Literals(["x", "y"])), Schema.optional(Schema.NonEmptyString)]) {
        expect(of("{a:lower}", schema)).toBe("nothing was thrown")
      }
    })

    it("a payload without what its schema wants", () => {
      const key = template("{a}/{b.c}", {
        a: Schema.NullOr(Schema.Int),
        b: Schema.optional(Schema.Struct({ c: Schema.String }))
      })
      expect(key({ a: null })).toBe("%-/%_1")
      expect(messageOf(() => key({}))).toContain("{a} has no value: \"a\" is undefined")
      expect(messageOf(() => key({ a: undefined }))).toContain("\"a\" is undefined")
      expect(messageOf(() => key({ a: 1, b: null }))).toContain("{b.c} has no value: \"b\" is null")
      expect(messageOf(() => key({ a: 1, b: {} }))).toContain("{b.c} has no value: \"c\" is undefined")
      expect(messageOf(() => key({ a: 1, b: "text" }))).toContain("\"c\" is undefined")
      // One of several shapes may have it.
      const either = template("{a.b}", {
        a: Schema.Union([Schema.Struct({ b: Schema.Int }), Schema.Struct({ c: Schema.Int })])
      })
      expect([either({ a: { b: 1 } }), either({ a: { c: 1 } })]).toEqual(["1", "%_"])
    })

    it("formatters and context values that are none", () => {
      const of = (options: object) => messageOf(() => template("{a}", { a: Schema.String }, options))
      expect(of({ formatters: 5 })).toContain("`formatters` needs options")
      expect(of({ context: 5 })).toContain("`context` needs options")
      expect(of({ context: [] })).toContain("`context` needs options")
      for (const given of [5, undefined, "tenant", Context.Service("Tenant"), Effect.succeed("tenant")]) {
        expect(of({ context: { tenant: given } })).toContain("the context value \"tenant\" is not a Context.Reference")
      }
    })

    it("fields that are none", () => {
      expect(messageOf(() => template("{a}"))).toContain("needs options")
      expect(messageOf(() => template("{a}", Schema.Struct(fields)))).toContain("not a schema")
      expect(messageOf(() => template("{a}", { a: 1 }))).toContain("the field \"a\" is not a schema")
      expect(messageOf(() => template("{result}", { result: Schema.String }, { result: Schema.String })))
        .toContain("cannot be distinguished")
    })
  })
})

describe("CacheKey.template as string key", () => {
  inMemory("CA-60 · names the calls of a cached function", function*() {
    let loads = 0
    const key = CacheKey.template("user:{id}", { id: Schema.Int })
    const user = Cached.fn(key, ({ id }) => Effect.sync(() => `${id}:${++loads}`), { strategy: "untilInvalidated" })
    expect([yield* user({ id: 1 }), yield* user({ id: 1 }), yield* user({ id: 2 })]).toEqual(["1:1", "1:1", "2:2"])
    expect(yield* Cached.has("user:1")).toBe(true)
    // CA-50: targets.
    yield* Effect.void.pipe(Cached.invalidateAfter(key({ id: 1 })))
    expect([yield* user({ id: 1 }), yield* user({ id: 2 })]).toEqual(["1:3", "2:2"])
    const failing = Effect.fail("no").pipe(Cached.invalidateAfter({ matching: "user:*" }))
    yield* Effect.exit(failing)
    expect(yield* user({ id: 2 })).toBe("2:2")
  })
})

describe("CacheKey.template as tag", () => {
  const Document = Schema.Struct({
    owner: Schema.NullOr(Schema.String),
    readers: Schema.Array(Schema.Struct({ id: Schema.Int }))
  })

  inMemory("CA-52 · of payload and result: one for each element, none for null and failures", function*() {
    class Doc
      extends CacheKey.Class<Doc>()("Doc", { payload: { id: Schema.Int }, success: Document, error: Schema.String })
    {}
    const owner = CacheKey.template("owner:{result.owner:lower}", {}, { result: Document, lossy: true })
    const reader = CacheKey.template("reader:{result.readers.id}/{id}", { id: Schema.Int }, { result: Document })
    const exit = Exit.succeed({ owner: "Ada", readers: [{ id: 1 }, { id: 2 }, { id: 1 }] })
    expect([owner(exit, {}), reader(exit, { id: 7 })]).toEqual([["owner:ada"], ["reader:1/7", "reader:2/7"]])
    expect(owner(Exit.succeed({ owner: null, readers: [] }), {})).toEqual([])
    expect(reader(Exit.fail("no"), { id: 7 })).toEqual([])

    const read = (id: number, value: typeof Document.Type) =>
      Effect.succeed(value).pipe(
        Cached.untilInvalidated(new Doc({ id }), { tags: (exit, key) => [...owner(exit, key), ...reader(exit, key)] })
      )
    yield* read(1, { owner: "Ada", readers: [{ id: 5 }] })
    yield* read(2, { owner: null, readers: [{ id: 5 }, { id: 6 }] })
    yield* Cached.invalidate({ tag: "reader:5/1" })
    expect([yield* Cached.has(new Doc({ id: 1 })), yield* Cached.has(new Doc({ id: 2 }))]).toEqual([false, true])
    yield* read(1, { owner: "Ada", readers: [] })
    yield* Cached.invalidate({ tag: "owner:ada" })
    expect(yield* Cached.has(new Doc({ id: 1 }))).toBe(false)
    yield* Cached.invalidate({ tag: "reader:6/2" })
    expect(yield* Cached.has(new Doc({ id: 2 }))).toBe(false)
  })

  inMemory(
    "CA-52 · of a class's payload; an entry whose hole is hashed leaves by its tag, and stays by others",
    function*() {
      const fields = { id: Schema.Int, user: Schema.Struct({ name: Schema.String }) }
      const tag = CacheKey.template("user:{user:hash}", { user: fields.user })
      class Item extends CacheKey.Class<Item>()("Item", {
        payload: fields,
        success: Schema.Int,
        tags: (payload) => [tag(payload)]
      }) {}
      const ada = new Item({ id: 1, user: { name: "Ada" } })
      const bob = new Item({ id: 2, user: { name: "Bob" } })
      for (const key of [ada, bob]) yield* Effect.succeed(1).pipe(Cached.untilInvalidated(key))
      yield* Cached.invalidate({ tag: tag({ user: { name: "Ada" } }) })
      expect([yield* Cached.has(ada), yield* Cached.has(bob)]).toEqual([false, true])
    }
  )
})

describe("CacheKey.template as id of a class", () => {
  const define = (options: object) =>
    CacheKey.Class<unknown>()("Page", { success: Schema.String, ...options } as never) as unknown as {
      new(payload: unknown): CacheKey.Any
    }
  const fields = { city: Schema.String, n: Schema.Int }

  it("CA-64 · shows what it names, and nothing of the object whose method asks", () => {
    const key = CacheKey.template("user:{id}", { id: Schema.Int })
    class Users {
      readonly id: number
      readonly connection: string
      constructor(id: number, connection: string) {
        this.id = id
        this.connection = connection
      }
      key() {
        return key(this)
      }
    }
    expect([new Users(1, "a").key(), new Users(1, "b").key(), new Users(2, "a").key()]).toEqual([
      "user:1",
      "user:1",
      "user:2"
    ])
  })

  it("CA-65 · stands after the fingerprint, which changes with schema, version and template", () => {
    const payload = { city: "New York", n: 3 }
    const idOf = (text: string, options: object = {}) =>
      CacheKey.id(new (define({ payload: fields, id: template(text, fields), ...options }))(payload))
    expect(idOf("{city}/{n}")).toMatch(/^~Page@[\w-]{8}:New%20York\/3$/)
    expect(idOf("{city}/{n}")).toBe(idOf("{city}/{n}"))
    const prefixes = [
      idOf("{city}/{n}"),
      idOf("{city}:{n}"),
      idOf("{city}/{n}", { version: "2" }),
      idOf("{city}/{n}", { success: Schema.Int })
    ]
      .map((id) => id.slice(0, 14))
    expect(new Set(prefixes).size).toBe(4)
  })

  it("names all fields, but for ignored ones, and lossy on purpose", () => {
    const id = template("{city}", fields)
    expect(messageOf(() => define({ payload: fields, id }))).toContain("does not name the field \"n\"")
    expect(
      messageOf(() =>
        define({
          payload: { city: Schema.Struct({ n: Schema.Int }) },
          id: template("{city.n}", { city: Schema.Struct({ n: Schema.Int }) })
        })
      )
    )
      .toContain("does not name the field \"city\"")
    define({ payload: fields, id, ignore: ["n"] })
    const Lossy = define({ payload: fields, id: template("{city:lower}", fields, { lossy: true }) })
    expect(CacheKey.id(new Lossy({ city: "ROME", n: 1 }))).toBe(CacheKey.id(new Lossy({ city: "rome", n: 2 })))
  })

  it("is a template of the payload alone", () => {
    for (const id of [() => "x", "{city}", null, template("{result}/{city}/{n}", fields, { result: Schema.String })]) {
      expect(messageOf(() => define({ payload: fields, id }))).toContain("`id` is ")
    }
  })

  it("a long one is hashed, and distinguished from a text that looks hashed", () => {
    const Long = define({ payload: { a: Schema.String }, id: template("{a}", { a: Schema.String }) })
    expect(CacheKey.id(new Long({ a: "x".repeat(300) }))).toMatch(/^~Page@[\w-]{8}:#[\w-]{43}$/)
    const Sharp = define({ payload: { a: Schema.String }, id: template("#{a}", { a: Schema.String }) })
    expect(CacheKey.id(new Sharp({ a: "x" }))).toMatch(/:%#x$/)
  })

  inMemory("indexes and tags of the class are as ever", function*() {
    class Page extends CacheKey.Class<Page>()("Page", {
      payload: fields,
      success: Schema.String,
      indexes: ["city"],
      id: CacheKey.template("{city}/{n}", fields)
    }) {}
    yield* Effect.succeed("x").pipe(Cached.untilInvalidated(new Page({ city: "Rome", n: 1 })))
    yield* Cached.invalidate({ where: [Page, { city: "Rome" }] })
    expect(yield* Cached.has(new Page({ city: "Rome", n: 1 }))).toBe(false)
    const page = Cached.fn(Page, ({ city }) => Effect.succeed(city), { strategy: "untilInvalidated" })
    expect(CacheKey.id(page.key({ city: "Rome", n: 1 }))).toMatch(/^~Page@[\w-]{8}:Rome\/1$/)
  })
})
