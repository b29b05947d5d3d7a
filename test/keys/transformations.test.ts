/** Keys whose schemas transform: every way to a key makes the one that its schema decodes. */
import { describe, expect, it } from "@effect/vitest"
import { Cached, CacheError, CacheKey, CacheLayer } from "effect-cached"
import * as Arbitrary from "effect/Arbitrary"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as SchemaGetter from "effect/SchemaGetter"
import * as SchemaTransformation from "effect/SchemaTransformation"
import { dice } from "../internal/key/shapes.ts"
import { testIn } from "../support/tests.ts"

const Lower = Schema.String.pipe(Schema.decode(SchemaTransformation.toLowerCase()))
const Upper = Schema.String.pipe(Schema.decode(SchemaTransformation.toUpperCase()))
const Trim = Schema.String.pipe(Schema.decode(SchemaTransformation.trim()))
const Percent = Schema.Number.pipe(
  Schema.decode({
    decode: SchemaGetter.transform((n: number) => Math.min(100, Math.max(0, n))),
    encode: SchemaGetter.passthrough()
  })
)
/** Its texts have no time of day. */
const Day = Schema.String.pipe(
  Schema.decodeTo(Schema.Date, {
    decode: SchemaGetter.transform((text: string) => new Date(text)),
    encode: SchemaGetter.transform((date: Date) => date.toISOString().slice(0, 10))
  })
)

class User extends CacheKey.Class<User>()("User", {
  payload: { email: Lower },
  success: Schema.Number,
  indexes: ["email"],
  tags: ({ email }) => [`mail:${email}`]
}) {}

const counted = () => {
  const loads: Array<string> = []
  const load = (key: { readonly email: string }) => Effect.sync(() => loads.push(key.email))
  return { loads, load, fn: Cached.fn(User, load, { ttl: "1 hour" }) }
}

describe("a key is what its schema decodes", () => {
  testIn(CacheLayer.memory())("one entry however the key is made", function*() {
    const { fn, load, loads } = counted()
    yield* fn({ email: "ADA" })
    yield* fn({ email: "ada" })
    yield* fn(yield* User.decode({ email: "aDa" }))
    yield* load(new User({ email: "AdA" })).pipe(Cached.ttl(new User({ email: "AdA" }), { ttl: "1 hour" }))
    expect(Option.isSome(yield* Cached.getOption(fn.key({ email: "Ada" })))).toBe(true)
    expect(loads).toEqual(["ada"])
  })

  const invalidations: ReadonlyArray<
    readonly [string, (fn: ReturnType<typeof counted>["fn"]) => Effect.Effect<unknown, any, any>]
  > = [
    ["of a key", () => Cached.invalidate(new User({ email: "ADA" }))],
    ["of a function", (fn) => fn.invalidate({ email: "ADA" })],
    ["by an index", () => Cached.invalidate({ where: [User, { email: "ADA" }] })],
    ["by a tag of the class", () => Cached.invalidate({ tag: "mail:ada" })],
    ["by an index, as a target", () => Cached.invalidate([{ where: [User, { email: "ADA" }] }])],
    ["of many keys", () => Cached.invalidate([new User({ email: "ADA" })])]
  ]
  testIn(CacheLayer.memory()).each(invalidations)("an invalidation %s reaches it", function*([, invalidate]) {
    const { fn, loads } = counted()
    yield* fn({ email: "ada" })
    yield* invalidate(fn)
    yield* fn({ email: "Ada" })
    expect(loads).toEqual(["ada", "ada"])
  })
})

describe("arguments of a constructor", () => {
  const idOf = (payload: Schema.Struct.Fields, value: unknown) => {
    const Key = CacheKey.Class<any>()("Key", { payload, success: Schema.String }) as any
    return CacheKey.id(new Key(value))
  }

  it("is of the type, not of the encoded side", () => {
    const payload = { at: Day, n: Schema.FiniteFromString }
    const Key = CacheKey.Class<any>()("Key", { payload, success: Schema.String }) as any
    const key = new Key({ at: new Date("2026-01-02T03:04:05Z"), n: 7 })
    expect([key.at, key.n]).toEqual([new Date("2026-01-02"), 7])
    expect(() => idOf(payload, { at: "2026-01-02", n: 7 })).toThrow("a Date is expected, not a string")
    expect(() => idOf(payload, { at: new Date(0), n: "7" })).toThrow("a number is expected, not a string")
  })

  it("is kept where nothing transforms it, and where it is what its schema decodes", () => {
    class Place extends Schema.Class<Place>("Place")({ name: Lower }) {}
    class Key extends CacheKey.Class<Key>()("Key", {
      payload: { plain: Schema.Struct({ a: Schema.String }), lower: Schema.Struct({ a: Lower }), place: Place },
      success: Schema.String
    }) {}
    const [plain, lower, place] = [{ a: "A" }, { a: "a" }, new Place({ name: "b" })]
    const key = new Key({ plain, lower, place })
    expect(key.plain).toBe(plain)
    expect(key.lower).toBe(lower)
    expect(key.place).toBe(place)
    expect(new Key({ plain, lower, place: new Place({ name: "B" }) }).place).toEqual(place)
  })

  it("does not have to pass checks", () => {
    const payload = { email: Lower.check(Schema.isMaxLength(2)) }
    expect(idOf(payload, { email: "ADA" })).toBe(idOf(payload, { email: "ada" }))
  })

  it("is a mistake where what is decoded is decoded to something else again", () => {
    const Twice = Schema.String.pipe(
      Schema.decode({
        decode: SchemaGetter.transform((text: string) => `${text}!`),
        encode: SchemaGetter.passthrough()
      })
    )
    const wrong = () => idOf({ name: Twice }, { name: "a" })
    expect(wrong).toThrow(CacheError.CacheConfigError)
    expect(wrong).toThrow(
      "The key class \"Key\": the field \"name\" changes each time it is encoded and decoded: let its transformation keep " +
        "what it decoded"
    )
  })

  it.each<[string, Schema.Constraint]>([
    [
      "has no way back",
      Schema.String.pipe(
        Schema.decode({ decode: SchemaGetter.toLowerCase(), encode: SchemaGetter.forbidden(() => "one way") })
      )
    ],
    [
      "waits",
      Schema.String.pipe(
        Schema.decode({
          decode: SchemaGetter.transformEffect((text: string) => Effect.as(Effect.sleep(1), text.toLowerCase())),
          encode: SchemaGetter.passthrough()
        })
      )
    ]
  ])("stays as it is where the transformation %s", (_, schema) => {
    expect(idOf({ email: schema }, { email: "ADA" })).not.toBe(idOf({ email: schema }, { email: "ada" }))
  })

  it("is not changed in a field that is ignored", () => {
    class Key extends CacheKey.Class<Key>()("Key", {
      payload: { trace: Lower },
      success: Schema.String,
      ignore: ["trace"]
    }) {}
    expect(new Key({ trace: "T" }).trace).toBe("T")
  })

  it("is settled before a template writes it", () => {
    class Key extends CacheKey.Class<Key>()("Key", {
      payload: { email: Lower },
      success: Schema.String,
      id: CacheKey.template("{email}", { email: Lower })
    }) {}
    expect(CacheKey.id(new Key({ email: "ADA" }))).toBe(CacheKey.id(new Key({ email: "ada" })))
  })
})

type Draw = ReturnType<typeof dice>

/** A value in two spellings of its type, and one of its encoded side. */
interface Spelt {
  readonly typed: readonly [unknown, unknown]
  readonly encoded: unknown
}

interface Shape {
  readonly schema: Schema.Codec<any, any>
  readonly draw: (draw: Draw) => Spelt
}

const words = ["Ada", "bob", "C d", ""]
const inCase = (text: string, draw: Draw) => [text, text.toLowerCase(), text.toUpperCase()][draw(3)]!
const spelt = (one: () => unknown): Spelt => ({ typed: [one(), one()], encoded: one() })

const leaves: ReadonlyArray<Shape> = [
  ...[Lower, Upper].map((schema): Shape => ({
    schema,
    draw: (draw) => {
      const word = words[draw(words.length)]!
      return spelt(() => inCase(word, draw))
    }
  })),
  {
    schema: Trim,
    draw: (draw) => {
      const word = words[draw(words.length)]!
      return spelt(() => " ".repeat(draw(3)) + word + " ".repeat(draw(2)))
    }
  },
  {
    schema: Percent,
    draw: (draw) => {
      const n = [-5, 0, 7, 100, 300][draw(5)]!
      return spelt(() => n > 100 ? n + draw(9) : n < 0 ? n - draw(9) : n)
    }
  },
  {
    schema: Day,
    draw: (draw) => {
      const day = `2026-01-0${1 + draw(4)}`
      const one = () => new Date(`${day}T0${draw(9)}:00:00Z`)
      return { typed: [one(), one()], encoded: day }
    }
  },
  {
    schema: Schema.FiniteFromString,
    draw: (draw) => {
      const n = draw(3)
      return { typed: [n, n], encoded: ["", "0", "00"][draw(3)]! + n }
    }
  },
  {
    schema: Schema.String,
    draw: (draw) => {
      const word = words[draw(words.length)]!
      return spelt(() => word)
    }
  }
]

const both = (items: ReadonlyArray<Spelt>, make: (values: ReadonlyArray<any>) => unknown): Spelt => ({
  typed: [make(items.map(({ typed }) => typed[0])), make(items.map(({ typed }) => typed[1]))],
  encoded: make(items.map(({ encoded }) => encoded))
})

const drawShape = (draw: Draw, depth: number): Shape => {
  const leaf = leaves[draw(leaves.length)]!
  switch (depth === 0 ? 0 : draw(7)) {
    case 1: {
      const inner = drawShape(draw, depth - 1)
      return {
        schema: Schema.Array(inner.schema),
        draw: (draw) => both(Array.from({ length: draw(3) }, () => inner.draw(draw)), (values) => values)
      }
    }
    case 2:
      return drawStruct(draw, depth - 1)
    case 3:
      return {
        schema: Schema.Union([Lower, Percent, Schema.Array(Upper)]),
        draw: (draw) => [leaves[0]!, leaves[3]!][draw(2)]!.draw(draw)
      }
    case 4: {
      const inner = drawShape(draw, depth - 1)
      return {
        schema: Schema.OptionFromNullOr(inner.schema),
        draw: (draw) => {
          if (draw(3) === 0) return { typed: [Option.none(), Option.none()], encoded: null }
          const { encoded, typed } = inner.draw(draw)
          return { typed: [Option.some(typed[0]), Option.some(typed[1])], encoded }
        }
      }
    }
    case 5: {
      const inner = drawShape(draw, depth - 1)
      return {
        schema: Schema.suspend(() => Schema.Tuple([inner.schema, leaf.schema])),
        draw: (draw) => both([inner.draw(draw), leaf.draw(draw)], (values) => values)
      }
    }
    default:
      return leaf
  }
}

const drawStruct = (draw: Draw, depth: number): Shape & { readonly fields: Schema.Struct.Fields } => {
  const fields = ["a", "b", "c"].slice(0, 1 + draw(3)).map((name) => {
    const shape = drawShape(draw, depth)
    return { name, shape, presence: (["required", "optional", "optionalKey"] as const)[draw(3)]! }
  })
  const struct = Object.fromEntries(fields.map(({ name, presence, shape: { schema } }) => [
    name,
    presence === "required"
      ? schema
      : presence === "optional"
      ? Schema.optional(schema)
      : Schema.optionalKey(schema)
  ]))
  return {
    fields: struct,
    schema: Schema.Struct(struct) as never,
    draw: (draw) => {
      const present = fields.filter(({ presence }) => presence === "required" || draw(3) > 0)
      const values = present.map(({ shape }) => shape.draw(draw))
      return both(values, (values) => Object.fromEntries(present.map(({ name }, i) => [name, values[i]])))
    }
  }
}

const numbers = Arbitrary.array(Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 999 }))), {
  minLength: 60,
  maxLength: 160
})

it.effect.prop("every way to a key agrees, whatever transforms", { list: numbers }, ({ list }) => {
  const draw = dice(list)
  const { draw: drawValue, fields } = drawStruct(draw, 2)
  const Key = CacheKey.Class<any>()("Key", {
    payload: fields,
    success: Schema.Number,
    indexes: ["a"],
    tags: (payload: any) => [`a:${JSON.stringify(payload.a)}`]
  }) as any
  const decode = (encoded: unknown) => Schema.decodeUnknownSync(Schema.Struct(fields) as any)(encoded) as any
  const values = Array.from({ length: 3 }, () => drawValue(draw))
  return Effect.gen(function*() {
    let loads = 0
    const fn: any = Cached.fn(Key, () => Effect.sync(() => ++loads), { strategy: "untilInvalidated" } as any)
    const many: any = Cached.many(Key, () => Effect.die("it is there"), { strategy: "untilInvalidated" } as any)
    for (const { encoded, typed } of values) {
      const decoded = decode(encoded)
      const made = yield* Key.decode(encoded)
      const keys = [made, new Key(typed[0]), new Key(typed[1]), new Key(decoded), fn.key(typed[1]), new Key(made)]
      for (const key of keys) {
        expect(CacheKey.id(key)).toBe(CacheKey.id(made))
        expect(key["~tags"]).toEqual(made["~tags"])
        expect({ ...key }).toEqual(decoded)
      }
      const before = loads
      const ways: ReadonlyArray<Effect.Effect<unknown, any, any>> = [
        fn.invalidate(typed[0]),
        Cached.invalidate(new Key(typed[1])),
        Cached.invalidate({ where: [Key, { a: (typed[1] as any).a } as never] }),
        Cached.invalidate({ tag: `a:${JSON.stringify(decoded.a)}` }),
        Cached.remove(new Key(typed[0]))
      ]
      yield* Cached.invalidate({ all: Key })
      for (const [i, invalidate] of ways.entries()) {
        yield* fn(typed[0])
        yield* fn(typed[1])
        yield* many([typed[0], made, new Key(typed[1])])
        expect(loads).toBe(before + i + 1)
        yield* invalidate
      }
    }
    for (const one of values) {
      for (const other of values) {
        const [a, b] = [decode(one.encoded), decode(other.encoded)]
        const equal = JSON.stringify(a) === JSON.stringify(b)
        expect(CacheKey.id(new Key(one.typed[0])) === CacheKey.id(new Key(other.typed[1]))).toBe(equal)
      }
    }
  }).pipe(Effect.provide(CacheLayer.memory())) as Effect.Effect<void>
}, { arbitrary: { runs: 200 } })
