/**
 * Serializers: the port for converting values to bytes and back, and its constructors.
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Exit from "effect/Exit"
import { CacheConfigError } from "./CacheError.ts"
import { compile, compileOwn, containing, kindsOf } from "./internal/codec/compile.ts"
import { json } from "./internal/codec/json.ts"
import { requireSerializer } from "./internal/codec/requireSerializer.ts"
import { structured } from "./internal/codec/structured.ts"
import * as throughSchema from "./internal/codec/throughSchema.ts"
import { refuseUnknown, requireObject, requireType } from "./internal/options/options.ts"
import type * as Port from "./ports/serializer.ts"

export type { Codec } from "./ports/serializer.ts"

/**
 * A format for stored values. It compiles a `Codec` for a schema or, without one, for all values that it can represent.
 * @category models
 * @since 0.1.0
 */
export type Serializer = Port.Serializer

/**
 * The reference to the serializer that a cache layer uses. By default, a value with a schema is encoded as JSON through
 * the schema's JSON codec. A value without a schema is encoded as JSON if JSON preserves it exactly, and as MessagePack
 * otherwise (see `effect-cached/serializers/Structured`).
 *
 * **When to use**
 *
 * Provide a serializer to a cache layer whose values need a format other than the default.
 *
 * **Example** (Encoding every value as JSON)
 *
 * ```ts
 * import { Effect, Layer } from "effect"
 * import { Cached, CacheLayer } from "effect-cached"
 * import { Serializer } from "effect-cached/adapters"
 * import { Json } from "effect-cached/serializers/Json"
 * import { MemoryStore } from "effect-cached/memory"
 *
 * const cache = CacheLayer.layer().pipe(
 *   Layer.provide(MemoryStore.layer),
 *   Layer.provide(Layer.succeed(Serializer.Serializer, Json))
 * )
 * const answer = Effect.succeed(42).pipe(Cached.ttl("answer", { ttl: "1 hour" }))
 * await Effect.runPromise(answer.pipe(Effect.provide(cache))) // => 42
 * ```
 *
 * @see {@link make} for a custom format
 * @category services
 * @since 0.1.0
 */
export const Serializer: Context.Reference<Port.Serializer> = Context.Reference<Port.Serializer>(
  "effect-cached/Serializer",
  {
    defaultValue: () => standard
  }
)

const standard: Port.Serializer = {
  name: "standard",
  contentType: "application/octet-stream",
  extension: ".bin",
  make: (schema) => schema === undefined ? throughSchema.withoutSchema(structured) : throughSchema.make(json, schema)
}

/**
 * The options of `Serializer.make`, which describe a custom format.
 * @category options
 * @since 0.1.0
 */
interface Options {
  /** The name of the format. A read of bytes in another format is a miss. */
  readonly name: string
  /** The extension of files, like `".yaml"`, for a store that keeps each value in its own file. */
  readonly extension: string
  /** The media type of the encoded bytes. @default `application/octet-stream` */
  readonly contentType?: string | undefined
  /** Encodes the value of the entry `id` as bytes or text. If `encode` throws, the value is not stored. */
  readonly encode: (value: unknown, id: string) => string | Uint8Array
  /** Decodes the bytes stored under `id`. If `decode` throws, the read is a miss. */
  readonly decode: (bytes: Uint8Array, id: string) => unknown
}

/**
 * Creates a serializer for a custom format, such as YAML, compressed JSON or signed bytes.
 *
 * **When to use**
 *
 * Use for a format, a compression or a signature that no built-in serializer supports.
 *
 * **Details**
 *
 * - With a schema, `encode` receives the value's JSON form, and the schema validates the result of `decode`, so the
 *   format only has to support JSON values. If the schema accepts anything (`Schema.Any`), values other than JSON are
 *   refused before `encode` is called. Without a schema, `encode` should throw if `decode` cannot restore the value.
 * - `encode` and `decode` also receive the entry's id. A signature over the id detects bytes copied to another id.
 * - The format is assumed not to encrypt, so a schema with `Schema.Redacted` is refused with a `CacheConfigError`.
 *
 * **Example** (Compressing JSON)
 *
 * ```ts
 * import { Effect, Schema } from "effect"
 * import { Serializer } from "effect-cached/adapters"
 * import { gunzipSync, gzipSync } from "node:zlib"
 *
 * const Gzip = Serializer.make({
 *   name: "json+gzip",
 *   extension: ".gz",
 *   encode: (value) => gzipSync(JSON.stringify(value)),
 *   decode: (bytes) => JSON.parse(gunzipSync(bytes).toString())
 * })
 * const codec = Gzip.make(Schema.Array(Schema.String))
 * Effect.runSync(codec.decode(Effect.runSync(codec.encode(["a", "b"], "letters")), "letters")) // => ["a", "b"]
 * ```
 *
 * @see `effect-cached/serializers/Json` for plain JSON
 * @category constructors
 * @since 0.1.0
 */
export const make = (options: Options): Port.Serializer => {
  const what = "Serializer.make"
  refuseUnknown(what, options, ["name", "extension", "contentType", "encode", "decode"])
  requireType(what, options, ["name", "extension"], "string")
  requireType(what, options, ["encode", "decode"], "function")
  const { name, extension } = options
  if (name === "") throw new CacheConfigError({ message: `${what} needs a name that is not empty` })
  if (!/^\.\w{1,16}$/.test(extension)) {
    throw new CacheConfigError({ message: `${what} needs an extension like ".yaml", not ${JSON.stringify(extension)}` })
  }
  const format = formatOf(options)
  return {
    name,
    contentType: options.contentType ?? "application/octet-stream",
    extension,
    make: (schema) => schema === undefined ? throughSchema.withoutSchema(format) : throughSchema.make(format, schema)
  }
}

/**
 * Creates a serializer that chooses another one by the name of the key class, and `default` for the other keys. In a
 * folder (`CacheLayer.files`), each file has the extension of the serializer that wrote it. A key class may also name
 * its serializer itself (see `CacheKey.Options`); the one that is chosen here takes precedence.
 *
 * **Example** (Choosing a format for one key class)
 *
 * ```ts
 * import { Serializer } from "effect-cached/adapters"
 * import { Json } from "effect-cached/serializers/Json"
 * import { Text } from "effect-cached/serializers/Text"
 * Serializer.byClass({ default: Json, Page: Text }).extension // => ".json"
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const byClass = (
  serializers: { readonly default: Port.Serializer; readonly [keyClass: string]: Port.Serializer }
): Port.Serializer => {
  const what = "Serializer.byClass"
  requireObject(what, serializers, "{ default: Json, Weather: Csv }")
  for (const name of new Set(["default", ...Object.keys(serializers)])) {
    requireSerializer(`${JSON.stringify(name)} of ${what}`, serializers[name])
  }
  const { default: other, ...others } = serializers
  const forClass = new Map(Object.entries(others))
  const chosen: Port.Serializer = {
    ...other,
    make(schema, use) {
      const named = use && forClass.get(use.keyClass)
      return named === undefined ? compile(other, schema, use) : compileOwn(named, schema, use!)
    }
  }
  return containing(chosen, Object.values(serializers).flatMap(kindsOf))
}

const encoder = new TextEncoder()

const formatOf = ({ decode, encode, name }: Options): throughSchema.Format => ({
  name,
  id: idOf(name),
  holds: "json",
  // The thrown error may contain the cached value, so the `SerializerError` does not include that error.
  pack(value, id) {
    try {
      const bytes = encode(value, id)
      if (typeof bytes === "string") return Exit.succeed(encoder.encode(bytes))
      if (bytes instanceof Uint8Array) return Exit.succeed(bytes)
    } catch {
      return Exit.fail(throughSchema.fault(name, "encode", "it threw"))
    }
    return Exit.fail(throughSchema.fault(name, "encode", "it returned neither bytes nor a string"))
  },
  unpack(bytes, id) {
    try {
      return Exit.succeed(decode(bytes, id))
    } catch {
      return Exit.fail(throughSchema.fault(name, "decode", "it threw"))
    }
  }
})

/** The codec id of a custom format: a hash of its name, from 128 to 255. Smaller ids belong to the built-in formats. */
const idOf = (name: string): number => {
  let hash = 0
  for (let i = 0; i < name.length; i++) hash = (hash * 31 + name.charCodeAt(i)) % 0xff_ffff
  return 128 + hash % 128
}
