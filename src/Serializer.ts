/**
 * The port that turns values into bytes and back.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Schema from "effect/Schema"
import type { SerializerError } from "./CacheError.ts"
import { json } from "./internal/json.ts"
import { structured } from "./internal/structured.ts"
import * as throughSchema from "./internal/throughSchema.ts"

/**
 * A serializer compiled for one schema. Both directions are synchronous (they answer an `Exit`) unless the schema's
 * own transformations are not.
 *
 * @category models
 * @since 0.1.0
 */
export interface Codec<in out A, out R = never> {
  /** 1 to 255, written beside the payload: bytes of another serializer are a miss */
  readonly id: number
  readonly encode: (value: A) => Effect.Effect<Uint8Array, SerializerError, R>
  readonly decode: (bytes: Uint8Array) => Effect.Effect<A, SerializerError, R>
}

/**
 * Makes a `Codec` for a schema (its `make` throws a `CacheConfigError` for a schema it cannot serve), or for any structured value where there is no schema (string keys).
 *
 * @category models
 * @since 0.1.0
 */
export interface Serializer {
  readonly name: string
  readonly contentType: string
  /** of files that hold one value, with its dot */
  readonly extension: string
  readonly make: <A, R>(schema: Schema.Codec<A, any, R, R> | undefined) => Codec<A, R>
}

/**
 * The serializer of a cache: by default JSON through the schema's own codec where there is a schema, and structured
 * MessagePack (see `effect-cached/serializers/Structured`) where there is none.
 *
 * @category services
 * @since 0.1.0
 */
export const Serializer: Context.Reference<Serializer> = Context.Reference<Serializer>("effect-cached/Serializer", {
  defaultValue: () => standard
})

const standard: Serializer = {
  name: "standard",
  contentType: "application/octet-stream",
  extension: ".bin",
  make: (schema) => schema === undefined ? throughSchema.withoutSchema(structured) : throughSchema.make(json, schema)
}
