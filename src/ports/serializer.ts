/** The types of the port for converting values to bytes and back. Its constructors are in `Serializer`. */
import type * as Effect from "effect/Effect"
import type * as Schema from "effect/Schema"
import type { Meta } from "../CacheEntry.ts"
import type { SerializerError } from "../CacheError.ts"

/**
 * A serializer compiled for one schema. `encode` and `decode` should return an `Exit`, so that a hit takes no turn of
 * the event loop, unless a transformation in the schema is asynchronous or a value is large.
 *
 * **Example** (Encoding a value for an id)
 *
 * ```ts
 * import { Effect, Schema } from "effect"
 * import { Json } from "effect-cached/serializers/Json"
 *
 * const codec = Json.make(Schema.Date)
 * const bytes = Effect.runSync(codec.encode(new Date(0), "epoch"))
 * Effect.runSync(codec.decode(bytes, "epoch")) // => new Date(0)
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface Codec<in out A, out R = never> {
  /** The serializer's number, 1 to 255, stored with the payload. A payload with another number is a miss. */
  readonly id: number
  /**
   * Encodes a value. A signature can include `id` and `meta`, the id and the metadata of the entry. The elements of
   * streams have no metadata.
   */
  readonly encode: (value: A, id: string, meta?: Meta) => Effect.Effect<Uint8Array, SerializerError, R>
  /** Decodes the bytes stored under `id`. A store may have moved the times in `meta` since `encode`. */
  readonly decode: (bytes: Uint8Array, id: string, meta?: Meta) => Effect.Effect<A, SerializerError, R>
  /** The extension of files with these payloads, if it is not that of the serializer. */
  readonly extension?: string | undefined
  /** Returns the codec for payloads with another number, if this serializer can read them too. */
  readonly reads?: ((serializer: number) => Codec<A, R> | undefined) | undefined
}

/**
 * The use of a codec: for the values of a key class, for its failures, or for the elements of its streams.
 * @category models
 * @since 0.1.0
 */
export interface Use {
  readonly keyClass: string
  readonly outcome: "success" | "failure" | "element"
  /** The serializer that the key class names, which takes the place of the cache's format. */
  readonly serializer?: Serializer | undefined
}

/**
 * A format for stored values. It compiles a `Codec` for a schema or, without one, for all values that it can represent.
 * @category models
 * @since 0.1.0
 */
export interface Serializer {
  readonly name: string
  readonly contentType: string
  /** The extension of files, with its dot, for a store that keeps each value in its own file. */
  readonly extension: string
  /** Compiles a codec. Throws a `CacheConfigError` for a schema that the format does not support. */
  readonly make: <A, R>(schema: Schema.Codec<A, any, R, R> | undefined, use?: Use) => Codec<A, R>
}
