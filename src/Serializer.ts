/**
 * Serializers: the port that turns values into bytes and back.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Exit from "effect/Exit"
import { CacheConfigError } from "./CacheError.ts"
import { json } from "./internal/codec/json.ts"
import { structured } from "./internal/codec/structured.ts"
import * as throughSchema from "./internal/codec/throughSchema.ts"
import { refuseUnknown, requireType } from "./internal/options/options.ts"
import type * as Port from "./ports/serializer.ts"

export type { Codec } from "./ports/serializer.ts"

/**
 * Compiles a `Codec` for a schema, or for any structured value where there is no schema.
 *
 * @category models
 * @since 0.1.0
 */
export type Serializer = Port.Serializer

/**
 * The serializer of a cache: a reference with a default.
 *
 * **Details**
 *
 * By default, values with a schema become JSON through the schema's own codec, and values without one become JSON where
 * that is exact, or else MessagePack (see `effect-cached/serializers/Structured`).
 *
 * **Example** (Writing JSON for keys without a schema too)
 *
 * ```ts
 * import { Effect, Layer } from "effect"
 * import { Cached, CacheLayer, Serializer } from "effect-cached"
 * import { Json } from "effect-cached/serializers/Json"
 * import { MemoryStore } from "effect-cached/memory"
 *
 * const cache = CacheLayer.layer.pipe(
 *   Layer.provide(MemoryStore.layer),
 *   Layer.provide(Layer.succeed(Serializer.Serializer, Json))
 * )
 * const answer = Effect.succeed(42).pipe(Cached.ttl({ key: "answer", ttl: "1 hour" }))
 * await Effect.runPromise(answer.pipe(Effect.provide(cache))) // => 42
 * ```
 *
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
 * A format of your own, as `make` takes it.
 *
 * @category options
 * @since 0.1.0
 */
export interface Options {
  /** the name of the format; bytes that a serializer of another name wrote are a miss */
  readonly name: string
  /** the extension of files that hold one value, like `".yaml"` */
  readonly extension: string
  /**
   * the media type of its bytes
   *
   * @default `application/octet-stream`
   */
  readonly contentType?: string | undefined
  /**
   * makes the bytes, or a text to write as UTF-8, of a value that is stored under `id`; a value for which it throws is not
   * stored
   */
  readonly encode: (value: unknown, id: string) => string | Uint8Array
  /** makes the value of bytes that were found under `id`; bytes for which it throws are a miss */
  readonly decode: (bytes: Uint8Array, id: string) => unknown
}

/**
 * A serializer of your own: YAML, compressed JSON, signed bytes.
 *
 * **Details**
 *
 * - With a schema, `encode` gets the schema's JSON form, and the schema checks what `decode` answers; so the format has
 *   to know JSON values only. Where a schema accepts anything (`Schema.Any`) a value that is not JSON is refused before.
 *   Without a schema, `encode` gets any value, and should throw for one that it cannot restore.
 * - `encode` and `decode` also get the id of the entry. A signature that covers it refuses bytes that somebody copied
 *   to another id.
 * - Throws a `CacheConfigError` for options that make no sense.
 *
 * **Gotchas**
 *
 * The format is assumed not to encrypt: a schema with `Schema.Redacted` is refused with a `CacheConfigError`.
 *
 * **Example** (Compressing JSON)
 *
 * ```ts
 * import { Effect, Schema } from "effect"
 * import { Serializer } from "effect-cached"
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

const encoder = new TextEncoder()

const formatOf = ({ decode, encode, name }: Options): throughSchema.Format => ({
  name,
  id: idOf(name),
  holds: "json",
  // The thrown error may contain the value, so it is not passed on.
  pack(value, id) {
    try {
      const bytes = encode(value, id)
      if (typeof bytes === "string") return Exit.succeed(encoder.encode(bytes))
      if (bytes instanceof Uint8Array) return Exit.succeed(bytes)
    } catch {
      return Exit.fail(throughSchema.fault(name, "encode", "it threw"))
    }
    return Exit.fail(throughSchema.fault(name, "encode", "it gave neither bytes nor a text"))
  },
  unpack(bytes, id) {
    try {
      return Exit.succeed(decode(bytes, id))
    } catch {
      return Exit.fail(throughSchema.fault(name, "decode", "it threw"))
    }
  }
})

/** 128 to 255, the same in every process: the numbers below belong to this library. */
const idOf = (name: string): number => {
  let hash = 0
  for (let i = 0; i < name.length; i++) hash = (hash * 31 + name.charCodeAt(i)) % 0xff_ffff
  return 128 + hash % 128
}
