/**
 * The port that turns values into bytes and back.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Exit from "effect/Exit"
import { CacheConfigError } from "./CacheError.ts"
import { json } from "./internal/codec/json.ts"
import { structured } from "./internal/codec/structured.ts"
import * as throughSchema from "./internal/codec/throughSchema.ts"
import { refuseUnknown, requireType } from "./internal/options.ts"
import type * as Port from "./ports/serializer.ts"

export type { Codec } from "./ports/serializer.ts"

/**
 * Makes a `Codec` for a schema, or for any structured value where there is none: see `Codec`.
 *
 * @category models
 * @since 0.1.0
 */
export type Serializer = Port.Serializer

/**
 * The serializer of a cache: by default JSON through the schema's own codec where there is a schema, and structured
 * MessagePack (see `effect-cached/serializers/Structured`) where there is none.
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
 * A format of one's own, as `make` takes it.
 *
 * @category options
 * @since 0.1.0
 */
export interface Options {
  /** what it is called; bytes that a serializer of another name wrote are a miss */
  readonly name: string
  /** of files that hold one value, like `".yaml"` */
  readonly extension: string
  /**
   * the media type of its bytes
   *
   * @default `application/octet-stream`
   */
  readonly contentType?: string | undefined
  /**
   * gives the bytes, or a text to be written as UTF-8, of a value that is stored under `id`; what it throws makes the value
   * one that cannot be stored
   */
  readonly encode: (value: unknown, id: string) => string | Uint8Array
  /** gives the value of bytes that were found under `id`; what it throws makes them a miss */
  readonly decode: (bytes: Uint8Array, id: string) => unknown
}

/**
 * A serializer of one's own: YAML, JSON that is compressed, whatever writes bytes and reads them again.
 *
 * Where a key has a schema, `encode` is given the schema's JSON form and what `decode` answers is checked by the schema;
 * so it has to know JSON values only. Where there is none it is given any value, and should throw for one that it could
 * not give back as it was.
 *
 * Both are given the id of the entry with the value, so that a signature can cover it: bytes that somebody has copied to
 * another id are then refused.
 *
 * It is taken for one that does not encrypt: a schema with `Schema.Redacted` is refused with a `CacheConfigError`. Options
 * that make no sense throw one too.
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
  // What is thrown may hold the value: it is not passed on.
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

/** 128 to 255, the same in every process: those below are of this library. */
const idOf = (name: string): number => {
  let hash = 0
  for (let i = 0; i < name.length; i++) hash = (hash * 31 + name.charCodeAt(i)) % 0xff_ffff
  return 128 + hash % 128
}
