/**
 * Test laws that every serializer has to satisfy.
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import { CacheConfigError, type SerializerError } from "../CacheError.ts"
import type { Codec, Serializer } from "../Serializer.ts"
import { isSame, type Law, LawBroken, same } from "./law.ts"

/**
 * A serializer that holds only some schemas, like those of text or of arrays of records: samples of what it holds.
 * @category testing
 * @since 0.1.0
 */
export interface NarrowSerializer<A = any, B = any> {
  /** A schema that the serializer supports, and a value of it. */
  readonly schema: Schema.Codec<A, any>
  readonly value: A
  /** Another such schema, and a value of it whose bytes `schema` must refuse. */
  readonly other: { readonly schema: Schema.Codec<B, any>; readonly value: B }
}

/**
 * The laws of a serializer, tried with many difficult values and, without a schema, with the given `values`. The
 * serializer has to restore each value exactly, or refuse it with a `SerializerError`. A serializer that holds only
 * some schemas says which with `narrow`, and has to refuse every other schema with a `CacheConfigError`.
 *
 * **When to use**
 *
 * Use to test a custom serializer.
 *
 * **Example** (Checking a serializer)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Json } from "effect-cached/serializers/Json"
 * import { serializerLaws } from "effect-cached/testing"
 *
 * const laws = serializerLaws(Json, [{ city: "Berlin" }])
 * await Effect.runPromise(laws[0]!.run)
 * ```
 *
 * @see `storeLaws` for the laws of stores
 * @category testing
 * @since 0.1.0
 */
export const serializerLaws = (
  serializer: Serializer,
  values: ReadonlyArray<unknown> = [],
  narrow?: NarrowSerializer
): ReadonlyArray<Law> => {
  const subject: Subject = { serializer, narrow, sample: narrow ?? { schema: Sample, value: sample, other } }
  const back = narrow === undefined ? comesBack : backOrRefused
  const orNot = narrow === undefined ? "" : " or is refused"
  const odd = oddValues()
  return [
    { name: "it has a name, a content type and an extension", run: named(subject) },
    ...schemas.map(({ name, run }) => ({ name: `with a schema: ${name} comes back${orNot}`, run: run(subject) })),
    ...plainValues.map(([name, value]) => ({
      name: `without a schema: ${name} comes back${orNot}`,
      run: withCodec(subject, undefined, (codec) => back(codec, value))
    })),
    ...[...odd, ...values.map((value, i): Named => [`given value ${i}`, value])].map(([name, value]) => ({
      name: `without a schema: ${name} comes back as it was or is refused`,
      run: withCodec(subject, undefined, (codec) => backOrRefused(codec, value))
    })),
    ...odd.filter(([name]) => !changesForm.has(name)).map(([name, value]) => ({
      name: `with a schema that accepts anything: ${name} comes back as it was or is refused`,
      run: withCodec(subject, Schema.Any, (codec) => backOrRefused(codec, value))
    })),
    { name: "a value that does not fit the schema is refused", run: refusesMisfits(subject) },
    { name: "bytes that do not fit the schema are refused", run: refusesOthers(subject) },
    { name: "damaged bytes are a SerializerError, never a defect", run: survivesDamage(subject) },
    { name: "encoded bytes do not change later", run: bytesAreKept(subject) },
    { name: "a secret is never written in the clear nor shown in an error", run: keepsSecrets(subject) },
    { name: "a view into a larger buffer is decoded", run: decodesViews(subject) }
  ]
}

interface Subject {
  readonly serializer: Serializer
  readonly narrow: NarrowSerializer | undefined
  readonly sample: NarrowSerializer
}

/** Runs a law with the codec of a schema. A narrow serializer may refuse the schema with a `CacheConfigError`. */
const withCodec = <A>(
  { narrow, serializer }: Subject,
  schema: Schema.Codec<A, any> | undefined,
  law: (codec: Codec<A>) => Effect.Effect<unknown, unknown>
): Law["run"] =>
  Effect.suspend(() => {
    if (narrow === undefined) return law(serializer.make<A, never>(schema))
    return Effect.matchEffect(Effect.try({ try: () => serializer.make<A, never>(schema), catch: (error) => error }), {
      onSuccess: law,
      onFailure: (error) => same(error instanceof CacheConfigError, true, "a CacheConfigError")
    })
  }) as Law["run"]

/** The codecs that hold the sample: that of its schema and, unless it is refused there, the one without a schema. */
const codecsOf = ({ narrow, sample, serializer }: Subject) =>
  Effect.gen(function*() {
    const codecs: Array<Codec<any>> = [serializer.make(sample.schema)]
    const plain = serializer.make<any, never>(undefined)
    const holds = narrow === undefined || Exit.isSuccess(yield* Effect.exit(plain.encode(sample.value, "id")))
    if (holds) codecs.push(plain)
    return codecs
  })

type Named = readonly [name: string, value: unknown]

class Person extends Schema.Class<Person>("Person")({ name: Schema.String, age: Schema.Number }) {}

interface Tree {
  readonly value: number
  readonly children: ReadonlyArray<Tree>
}

const Tree = Schema.Struct({
  value: Schema.Number,
  children: Schema.Array(Schema.suspend((): Schema.Codec<Tree> => Tree))
})

const schemaLaw = <A>(name: string, schema: Schema.Codec<A, any>, value: A) => ({
  name,
  run: (subject: Subject) =>
    withCodec(
      subject,
      schema,
      (codec) => subject.narrow === undefined ? comesBack(codec, value) : backOrRefused(codec, value)
    )
})

const schemas = [
  schemaLaw("a struct", Schema.Struct({ a: Schema.String, b: Schema.optionalKey(Schema.Number) }), {
    a: "\ufeffé\u{1f600}\u0000"
  }),
  schemaLaw("a number that JSON has not", Schema.Array(Schema.Number), [NaN, Infinity, -Infinity, 1e300, 5e-324]),
  schemaLaw("undefined", Schema.Undefined, undefined),
  schemaLaw("nothing", Schema.Void, undefined),
  schemaLaw("null", Schema.NullOr(Schema.String), null),
  schemaLaw("a date", Schema.Date, new Date(-1)),
  schemaLaw("a large integer", Schema.BigInt, 2n ** 200n),
  schemaLaw("bytes", Schema.Uint8Array, Uint8Array.of(0, 255, 128)),
  schemaLaw("a text of half a surrogate pair", Schema.String, "\ud800"),
  schemaLaw("an option", Schema.Option(Schema.Date), Option.some(new Date(0))),
  schemaLaw("an instance of a class", Person, new Person({ name: "Ada", age: 36 })),
  schemaLaw("a tree", Tree, { value: 1, children: [{ value: 2, children: [] }] }),
  schemaLaw("a large value", Schema.Array(Schema.String), Array.from({ length: 10_000 }, (_, i) => `item ${i}`))
]

const plainValues: ReadonlyArray<Named> = [
  ["null", null],
  ["a text", "\ufeffé\u{1f600}\u0000\r\n"],
  ["an empty text", ""],
  ["a number", 1.5],
  ["a boolean", false],
  ["a list", [1, "a", [null], {}]],
  ["a record", { a: 1, "": 2, "é": { b: [true] }, ["__proto_"]: 1 }],
  ["a long list", Array.from({ length: 200_000 }, (_, i) => i)]
]

const circle = (): unknown => {
  const value: Record<string, unknown> = {}
  value["self"] = [value]
  return value
}

const deep = (): unknown => {
  let value: unknown = 1
  for (let i = 0; i < 100_000; i++) value = [value]
  return value
}

const oddValues = (): ReadonlyArray<Named> => [
  ["undefined", undefined],
  ["undefined in a record", { a: undefined }],
  ["minus zero", [-0, 0, { a: -0 }]],
  ["NaN", [NaN, Infinity, -Infinity]],
  ["a large number", [2 ** 53, 2 ** 31, -(2 ** 31) - 1, 2 ** 32, 1e300, 5e-324, 0.1]],
  ["a bigint", [0n, -1n, 2n ** 63n - 1n, 2n ** 63n, -(2n ** 63n), -(2n ** 63n) - 1n, 2n ** 64n, 10n ** 300n]],
  ["a date", [new Date(0), new Date(-1), new Date(1.7e12 + 1), new Date(NaN), new Date(8.64e15), new Date(-8.64e15)]],
  ["a map", new Map<unknown, unknown>([[{ a: 1 }, [-0]], ["b", new Map()], [NaN, 1], [1n, undefined]])],
  ["a set", new Set<unknown>([1, "1", 1n, NaN, new Set([{}])])],
  ["a large map", new Map(Array.from({ length: 150_000 }, (_, i) => [i, i]))],
  ["a regular expression", [/a/giu, Object.assign(/b/g, { lastIndex: 3 })]],
  ["bytes", [Uint8Array.of(0, 1, 255), new Uint8Array(0), Uint8Array.of(9, 1, 2, 9).subarray(1, 3)]],
  ["typed arrays", [
    ...[Int8Array.of(-1), Uint8ClampedArray.of(1), Int16Array.of(-2), Uint16Array.of(2), Int32Array.of(-3)],
    ...[Uint32Array.of(3), Float32Array.of(0.5), Float64Array.of(NaN, -0), BigInt64Array.of(-1n), BigUint64Array.of(1n)]
  ]],
  ["a view into a buffer", new Float64Array(new Float64Array([1, 2, 3]).buffer, 8, 1)],
  ["a buffer", [Uint8Array.of(1, 2, 3).buffer, new DataView(Uint8Array.of(1, 2, 3, 4).buffer, 1, 2)]],
  ["half a surrogate pair", ["\ud800", "a\udc00b", { "\ud83d": "\ude00" }, new Map([["\udfff", "\ud800"]])]],
  ["a record with a prototype for a key", JSON.parse("{\"__proto__\":{\"a\":1},\"constructor\":2,\"toJSON\":3}")],
  ["a record with keys of Object", { hasOwnProperty: 1, toString: 2, valueOf: { toJSON: "x" }, length: 3 }],
  ["a record without a prototype", Object.assign(Object.create(null), { a: 1 })],
  ["a record of many keys", Object.fromEntries(Array.from({ length: 70_000 }, (_, i) => [`k${i}`, i]))],
  ["a list that looks like a mark", [["\u0001~", "date", 0], ["\u0001~"], ["\u0001~", -0]]],
  ["a list with holes", Array(3)],
  ["a list with properties", Object.assign([1], { extra: 1 })],
  ["a match", "abc".match(/b/)],
  ["a function", () => 1],
  ["a function within", { a: [() => 1] }],
  ["a symbol", Symbol("s")],
  ["a symbol for a key", { [Symbol("s")]: 1 }],
  ["a hidden property", Object.defineProperty({}, "hidden", { value: 1 })],
  ["a circle", circle()],
  ["a deep list", deep()],
  ["the same object twice", ((shared) => [shared, shared])({ a: [1] })],
  ["an instance of a class", new Person({ name: "Ada", age: 36 })],
  ["an instance of a subclass of Map", new (class Registry extends Map {})()],
  ["a date with a property", Object.assign(new Date(0), { zone: "UTC" })],
  ["an error", new RangeError("message")],
  ["an option", Option.some(1)],
  ["a promise", Promise.resolve(1)],
  ["a weak map", new WeakMap()],
  ["a URL", new URL("https://effect.website")],
  ["a boxed number", Object(1)],
  ["a redacted value", { password: Redacted.make("secret") }]
]

/** The names of values that a schema's JSON form may alter: -0 becomes 0, an object without a prototype gets one. */
const changesForm: ReadonlySet<string> = new Set([
  "minus zero",
  "a list that looks like a mark",
  "a record without a prototype"
])

const named = ({ narrow, serializer }: Subject) =>
  Effect.gen(function*() {
    yield* same(serializer.name.length > 0, true, "a name")
    yield* same(/^[\w.+-]+\/[\w.+-]+/.test(serializer.contentType), true, "a content type")
    yield* same(/^(?:\.\w+)+$/.test(serializer.extension), true, "an extension with its dot")
    for (const schema of [undefined, narrow?.schema ?? Schema.String]) {
      const { id } = serializer.make<any, never>(schema)
      yield* same(Number.isInteger(id) && id >= 1 && id <= 255, true, "an id of 1 to 255")
    }
  })

const comesBack = <A>(codec: Codec<A>, value: A) =>
  Effect.gen(function*() {
    const bytes = yield* codec.encode(value, "id")
    yield* same(yield* codec.decode(bytes, "id"), value, "what went in")
    const again = yield* codec.decode(Uint8Array.from(bytes), "id")
    bytes.fill(0)
    yield* same(again, value, "what went in, whatever becomes of the bytes")
  })

const backOrRefused = <A>(codec: Codec<A>, value: A) =>
  Effect.flatMap(Effect.exit(codec.encode(value, "id")), (exit) =>
    Exit.isSuccess(exit)
      ? Effect.flatMap(codec.decode(exit.value, "id"), (back) => same(back, value, "what went in"))
      : isRefusal(exit, "encode"))

const isRefusal = (exit: Exit.Exit<unknown, unknown>, operation: SerializerError["operation"]) =>
  Effect.flatMap(Effect.flip(exit), (error) => {
    const { _tag, operation: of } = error as SerializerError
    return same([_tag, of], ["SerializerError", operation], "a refusal")
  })

const Sample = Schema.Struct({ text: Schema.String, count: Schema.Number })
const sample = { text: "a text", count: 42 }
const other = { schema: Schema.Struct({ other: Schema.String }), value: { other: "a text" } }

const refusesMisfits = ({ narrow, sample, serializer }: Subject) =>
  Effect.gen(function*() {
    const misfits = narrow === undefined ? [{ text: "a text", count: "42" }, Symbol("misfit")] : [Symbol("misfit"), {}]
    for (const misfit of misfits) {
      yield* isRefusal(yield* Effect.exit(serializer.make(sample.schema).encode(misfit, "id")), "encode")
    }
  })

const refusesOthers = ({ sample, serializer }: Subject) =>
  Effect.gen(function*() {
    const bytes = yield* serializer.make(sample.other.schema).encode(sample.other.value, "id")
    yield* isRefusal(yield* Effect.exit(serializer.make(sample.schema).decode(bytes, "id")), "decode")
  })

const survivesDamage = (subject: Subject) =>
  Effect.gen(function*() {
    for (const codec of yield* codecsOf(subject)) {
      const bytes = yield* codec.encode(subject.sample.value, "id")
      for (const damaged of damages(bytes)) {
        const exit = yield* Effect.exit(codec.decode(damaged, "id"))
        if (Exit.isFailure(exit)) yield* isRefusal(exit, "decode")
      }
    }
  })

const damages = function*(bytes: Uint8Array): Generator<Uint8Array> {
  for (let length = 0; length < bytes.length; length++) yield bytes.slice(0, length)
  for (let at = 0; at < bytes.length * 8; at++) {
    const copy = bytes.slice()
    copy[at >> 3]! ^= 1 << (at & 7)
    yield copy
  }
}

const bytesAreKept = (subject: Subject) =>
  Effect.gen(function*() {
    const { value } = subject.sample
    for (const codec of yield* codecsOf(subject)) {
      const bytes = yield* codec.encode(value, "id")
      const next = (count: number): unknown => subject.narrow === undefined ? { ...sample, count } : value
      for (let count = 0; count < 1000; count++) yield* codec.encode(next(count), "id")
      yield* same(yield* codec.decode(bytes, "id"), value, "the first value")
    }
  })

const decodesViews = (subject: Subject) =>
  Effect.gen(function*() {
    const { value } = subject.sample
    for (const codec of yield* codecsOf(subject)) {
      const bytes = yield* codec.encode(value, "id")
      const large = new Uint8Array(bytes.length + 9).fill(0xc1)
      large.set(bytes, 5)
      yield* same(yield* codec.decode(large.subarray(5, 5 + bytes.length), "id"), value, "the value")
    }
  })

const secret = "correct horse battery staple"

const keepsSecrets = (subject: Subject) =>
  Effect.gen(function*() {
    const { serializer } = subject
    const redacted = Redacted.make(secret)
    yield* hides(serializer, undefined, redacted)
    yield* hides(serializer, undefined, { a: [new Map([["b", redacted]])] })
    yield* hides(serializer, Schema.Redacted(Schema.String), redacted)
    yield* hides(serializer, Schema.Struct({ a: Schema.RedactedFromValue(Schema.String) }), { a: redacted })
    yield* hides(serializer, Schema.Unknown, { a: redacted })
    // The serializer cannot know that these plain texts are secrets, but its errors must never show any value.
    yield* hidesInError(serializer.make<any, never>(undefined).encode({ text: secret, bad: () => secret }, "id"))
    const schemas = subject.narrow === undefined ? [Schema.Number] : [Schema.Number, subject.narrow.other.schema]
    for (const schema of schemas) {
      yield* withCodec<any>(subject, schema, (codec) =>
        Effect.gen(function*() {
          for (const value of [secret, { text: secret }]) yield* hidesInError(codec.encode(value, "id"))
          yield* hidesInError(codec.decode(new TextEncoder().encode(`"${secret}"`), "id"))
        }))
    }
  })

const hides = (serializer: Serializer, schema: Schema.Codec<any> | undefined, value: unknown) =>
  Effect.gen(function*() {
    const made = yield* Effect.result(Effect.try({ try: () => serializer.make<any, never>(schema), catch: String }))
    if (made._tag === "Failure") return yield* same(made.failure.includes(secret), false, "not in the error of make")
    const exit = yield* Effect.exit(made.success.encode(value, "id"))
    if (Exit.isFailure(exit)) return yield* hidesInError(exit)
    yield* same(new TextDecoder().decode(exit.value).includes(secret), false, "not in the bytes")
    const back = yield* made.success.decode(exit.value, "id")
    if (!isSame(back, value)) {
      yield* Effect.fail(new LawBroken({ message: "not lost either", actual: back, expected: value }))
    }
  })

const hidesInError = (effect: Effect.Effect<unknown, SerializerError>) =>
  Effect.flatMap(Effect.exit(effect), (exit) => {
    const shown = Exit.isFailure(exit) ? `${String(exit.cause)} ${JSON.stringify(exit.cause)}` : ""
    return same(shown.includes(secret), false, "not in the error")
  })
