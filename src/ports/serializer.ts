/** The port that turns values into bytes and back: what a serializer is. Its constructors are in `Serializer`. */
import type * as Effect from "effect/Effect"
import type * as Schema from "effect/Schema"
import type { SerializerError } from "../CacheError.ts"

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
  /** `id`: what the bytes are stored under, so that a signature can cover it */
  readonly encode: (value: A, id: string) => Effect.Effect<Uint8Array, SerializerError, R>
  /** `id`: what the bytes were found under */
  readonly decode: (bytes: Uint8Array, id: string) => Effect.Effect<A, SerializerError, R>
}

/**
 * Makes a `Codec` for a schema, or for any structured value where there is no schema (string keys). `make` throws a
 * `CacheConfigError` for a schema that it cannot serve.
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
