/** A value comes back equal from a store, or it is not stored: unions whose members the encoded value may confuse. */
import { describe, expect, it } from "@effect/vitest"
import { Effect, Exit, Layer, Logger, Option, Schema, SchemaTransformation, Stream } from "effect"
import { Cached, CacheKey, CacheLayer, CachePolicy, Transaction } from "effect-cached"
import { type Serializer, Store } from "effect-cached/adapters"
import { MemoryStore } from "effect-cached/memory"
import { Structured } from "effect-cached/serializers/Structured"
import { Yaml } from "effect-cached/serializers/Yaml"
import { isAmbiguous } from "../../src/internal/codec/ambiguous.ts"
import { warner } from "../support/logged.ts"

const A = Schema.Struct({ a: Schema.Int })
const AB = Schema.Struct({ a: Schema.Int, b: Schema.Int })
class One extends Schema.Class<One>("One")({ a: Schema.Int }) {}
class Two extends Schema.Class<Two>("Two")({ a: Schema.Int }) {}
class Left extends Schema.TaggedClass<Left>()("Left", { a: Schema.Int }) {}
class Right extends Schema.TaggedClass<Right>()("Right", { a: Schema.Int }) {}
const Trimmed = Schema.String.pipe(Schema.decode(SchemaTransformation.trim()))

interface Case {
  readonly schema: Schema.Codec<any, any>
  /** Values that come back, and values that would not, with the place of the difference. */
  readonly kept: ReadonlyArray<unknown>
  readonly lost: ReadonlyArray<readonly [value: unknown, place: string]>
}

const cases: Record<string, Case> = {
  "structs": {
    schema: Schema.Union([A, AB]),
    kept: [{ a: 1 }],
    lost: [[{ a: 1, b: 2 }, " at [b]"]]
  },
  "structs, the larger first": { schema: Schema.Union([AB, A]), kept: [{ a: 1 }, { a: 1, b: 2 }], lost: [] },
  "classes of one shape": {
    schema: Schema.Struct({ is: Schema.Union([One, Two]) }),
    kept: [{ is: new One({ a: 1 }) }],
    lost: [[{ is: new Two({ a: 1 }) }, " at [is]"]]
  },
  "texts and bigints": {
    schema: Schema.Array(Schema.Union([Schema.String, Schema.BigInt])),
    kept: [["a"], [1n]],
    lost: [[["123", 123n], " at [0]"]]
  },
  "texts and numbers": {
    schema: Schema.Union([Schema.String, Schema.Number]),
    kept: ["1", 1, "NaN"],
    lost: [[NaN, ""]]
  },
  "maps": {
    schema: Schema.ReadonlyMap(Schema.Union([Schema.String, Schema.BigInt]), Schema.Int),
    kept: [new Map([["a", 1]])],
    lost: [[new Map<string | bigint, number>([["1", 1], [1n, 2]]), " at [0]"]]
  },
  "null and undefined": { schema: Schema.NullishOr(Schema.Int), kept: [null, 1], lost: [[undefined, ""]] },
  "a recursive schema": {
    schema: Schema.Struct({ next: Schema.suspend((): Schema.Codec<any, any> => Schema.Union([A, AB])) }),
    kept: [{ next: { a: 1 } }],
    lost: [[{ next: { a: 1, b: 1 } }, " at [next][b]"]]
  },
  "text in JSON": {
    schema: Schema.fromJsonString(Schema.Union([A, AB])),
    kept: [{ a: 1 }],
    lost: [[{ a: 1, b: 2 }, " at [b]"]]
  },
  "beside what a transformation loses": {
    schema: Schema.Struct({ text: Trimmed, is: Schema.Union([AB, A]) }),
    kept: [{ text: "a", is: { a: 1 } }, { text: " a ", is: { a: 1, b: 1 } }],
    lost: []
  },
  "beside parts that accept anything": {
    schema: Schema.Struct({ any: Schema.Unknown, is: Schema.Union([A, AB]) }),
    kept: [{ any: { x: [1] }, is: { a: 1 } }],
    lost: [[{ any: 1, is: { a: 1, b: 1 } }, " at [is][b]"]]
  }
}

/** A class, a cache over a store that it shows, and what the cache warns of. */
const setup = (
  schema: Schema.Codec<any, any>,
  options: { readonly unambiguous?: boolean; readonly serializer?: Serializer.Serializer } = {}
) => {
  class Key extends CacheKey.Class<Key>()("Key", { payload: { n: Schema.Int }, success: schema, ...options }) {}
  const store = MemoryStore.make()
  const { logger, warnings } = warner()
  const layer = Layer.provideMerge(
    CacheLayer.layer().pipe(Layer.provide(Layer.succeed(Store.Store, store))),
    Logger.layer([logger])
  )
  const isStored = (n: number) => store.getUnsafe(CacheKey.id(new Key({ n })), []).entry !== undefined
  return { Key, isStored, layer, warnings }
}

for (const [name, { kept, lost, schema }] of Object.entries(cases)) {
  describe(`a union of ${name}`, () => {
    it.effect("is stored if it comes back, and otherwise stays in memory, with one warning", () => {
      const { Key, isStored, layer, warnings } = setup(schema)
      return Effect.gen(function*() {
        const values = [...kept, ...lost.map(([value]) => value)]
        const get = Cached.fn(Key, ({ n }) => Effect.succeed(values[n]), { ttl: "1 hour" })
        for (const [n, value] of values.entries()) {
          expect(yield* get({ n })).toBe(value)
          expect(yield* get({ n })).toBe(value)
        }
        expect(values.map((_, n) => isStored(n))).toEqual([...kept.map(() => true), ...lost.map(() => false)])
        expect(warnings.length).toBe(lost.length === 0 ? 0 : 1)
        for (const [, place] of lost) {
          expect(warnings[0]).toContain(`"~Key@`)
          expect(warnings[0]).toContain(`as another one${place}: its schema`)
        }
      }).pipe(Effect.provide(layer))
    })
  })
}

describe("a value that would come back as another one", () => {
  const schema = Schema.Union([A, AB])
  const value = { a: 1, b: 2 }

  it.effect("is not stored by hand, in bulk or by a transaction, and fails under `strict`", () => {
    const { Key, isStored, layer } = setup(schema)
    return Effect.gen(function*() {
      const key = (n: number) => new Key({ n })
      yield* Cached.set(key(1), value)
      yield* Cached.setMany([[key(2), value], [key(3), { a: 1 }]])
      expect(String(yield* Effect.exit(Transaction.run(Cached.set(key(4), value))))).toContain("as another one at [b]")
      const many = Cached.many(
        Key,
        (keys) => Effect.succeed(keys.map(({ n }) => Exit.succeed(n === 5 ? value : { a: n }))),
        { ttl: "1 hour" }
      )
      expect(yield* many([{ n: 5 }, { n: 6 }])).toEqual([Exit.succeed(value), Exit.succeed({ a: 6 })])
      expect([1, 2, 3, 4, 5, 6].map(isStored)).toEqual([false, false, true, false, false, true])
      expect(yield* Cached.getOption(key(1))).toEqual(Option.some(value))
      const exit = yield* Effect.exit(Cached.set(key(7), value).pipe(CachePolicy.strict))
      expect(String(exit)).toContain("as another one at [b]")
    }).pipe(Effect.provide(layer))
  })

  it.effect("is not stored as the element of a stream", () => {
    const { Key, isStored, layer, warnings } = setup(schema)
    return Effect.gen(function*() {
      const rows = (n: number, ...elements: ReadonlyArray<unknown>) =>
        Stream.fromIterable(elements).pipe(Cached.stream(new Key({ n }), { ttl: "1 hour" }))
      yield* Stream.runDrain(rows(1, { a: 1 }))
      expect(yield* Stream.runCollect(rows(2, { a: 1 }, value))).toEqual([{ a: 1 }, value])
      expect([1, 2].map(isStored)).toEqual([true, false])
      expect(warnings.length).toBe(1)
    }).pipe(Effect.provide(layer))
  })

  it.effect("is not stored in another format", () =>
    Effect.forEach([Yaml, Structured], (serializer) => {
      const { Key, isStored, layer } = setup(schema, { serializer })
      return Effect.gen(function*() {
        yield* Cached.set(new Key({ n: 1 }), { a: 1 })
        yield* Cached.set(new Key({ n: 2 }), value)
        expect([1, 2].map(isStored)).toEqual([true, false])
      }).pipe(Effect.provide(layer))
    }))

  it.effect("is not stored as a failure", () => {
    class Failure extends CacheKey.Class<Failure>()("Failure", {
      success: Schema.Int,
      error: Schema.Union([Schema.TaggedStruct("Bad", A.fields), Schema.TaggedStruct("Bad", AB.fields)])
    }) {}
    const failure = { _tag: "Bad", ...value } as const
    const store = MemoryStore.make()
    const layer = CacheLayer.layer().pipe(Layer.provide(Layer.succeed(Store.Store, store)))
    return Effect.gen(function*() {
      const failing = Effect.fail(failure).pipe(
        Cached.ttl(new Failure(), { ttl: "1 hour", storeFailures: ["Bad"] })
      )
      expect(yield* Effect.flip(failing)).toBe(failure)
      expect(store.getUnsafe(CacheKey.id(new Failure()), []).entry).toBeUndefined()
    }).pipe(Effect.provide(layer))
  })

  it.effect("is stored if the class is declared unambiguous", () => {
    const { Key, isStored, layer, warnings } = setup(schema, { unambiguous: true })
    return Effect.gen(function*() {
      yield* Cached.set(new Key({ n: 1 }), value)
      expect(isStored(1)).toBe(true)
      expect(warnings).toEqual([])
    }).pipe(Effect.provide(layer))
  })
})

describe("fields that the schema does not declare", () => {
  it.effect("cause one warning for each key class, which names their place", () => {
    const { Key, isStored, layer, warnings } = setup(
      Schema.Struct({ rows: Schema.Array(Schema.NullOr(A)), more: Schema.Record(Schema.String, Schema.Int) })
    )
    return Effect.gen(function*() {
      yield* Cached.set(new Key({ n: 1 }), { rows: [null, { a: 1 }], more: { x: 1 } })
      expect(warnings).toEqual([])
      yield* Cached.set(new Key({ n: 2 }), { rows: [null, { a: 1, extra: undefined }, { a: 1, extra: 1 }], more: {} })
      yield* Cached.set(new Key({ n: 3 }), { rows: [], more: {}, other: 1 })
      expect([2, 3].map(isStored)).toEqual([true, true])
      expect(warnings).toEqual([
        `A value of the key class "Key" has a field that its schema does not declare at [rows][2][extra]: it lasts only in ` +
        "memory, and readers of the store do not get it. Declare it, or leave it out in the load " +
        "(logged once a key class)"
      ])
    }).pipe(Effect.provide(layer))
  })
})

describe("a schema", () => {
  it("is unambiguous if its unions have members of different kinds, or with different tags", () => {
    const unambiguous: ReadonlyArray<Schema.Constraint> = [
      AB,
      Schema.NullOr(AB),
      Schema.Literals(["a", "b"]),
      Schema.Union([Schema.Literal("a"), Schema.String]),
      Schema.Union([Schema.String, Schema.Int, Schema.Boolean, Schema.Null, Schema.Array(A), A]),
      Schema.Union([Left, Right]),
      Schema.Union([
        Schema.Struct({ type: Schema.Literals(["a", "b"]) }),
        Schema.Struct({ type: Schema.Literal("c") })
      ]),
      Schema.Option(Schema.Date),
      Schema.Result(A, Schema.String),
      Schema.ReadonlyMap(Schema.String, Schema.NullOr(Schema.Number)),
      Schema.Struct({ at: Schema.optional(Schema.Date), bytes: Schema.Uint8Array })
    ]
    expect(unambiguous.map((schema) => isAmbiguous(schema))).toEqual(unambiguous.map(() => false))
    const ambiguous = [A, One, Schema.Date, Schema.BigInt].map((schema) =>
      Schema.Union([schema, schema === A || schema === One ? AB : Schema.String])
    )
    expect(ambiguous.map((schema) => isAmbiguous(schema))).toEqual(ambiguous.map(() => true))
  })

  it("may be declared unambiguous by a boolean only", () => {
    const define = (unambiguous: unknown) => () =>
      CacheKey.Class()("Key", { success: Schema.Int, unambiguous: unambiguous as boolean })
    expect(define(true)).not.toThrow()
    expect(define("yes")).toThrow("`unambiguous` is not a boolean")
  })
})
