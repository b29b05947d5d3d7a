/** The run-time description of a key class. */
import type * as Schema from "effect/Schema"
import type { Serializer } from "../../ports/serializer.ts"

export { idOfString } from "./id.ts"

/** The description of one key class. Each class has its own object, which can be a key of a `WeakMap`. */
export interface KeyInfo {
  readonly name: string
  /** In the description of a stream's key: the description of the class that the user defined. */
  readonly of?: KeyInfo | undefined
  /** Returns the beginning of every id of the class. Classes of the same name and shape share it. */
  readonly prefix: () => string
  /** An error created where the class is defined, so that its stack shows the place. */
  readonly definedAt: Error
  /** The mark of the last cache that used the class; see telemetry/keyClasses.ts. */
  metBy: number
  readonly payload: Schema.Constraint
  readonly success: AnyCodec
  readonly error: AnyCodec
  readonly serializer: Serializer | undefined
  /** The class's `maxLoad`. `undefined`: that of the layer. */
  readonly maxLoadMillis: number | undefined
  /** Whether the user declares that stored values are decoded to the same. */
  readonly unambiguous: boolean
  readonly isUndescribed: () => boolean
  /** Whether the class declares an error schema. Without one, a failure stays in memory. */
  readonly hasError: boolean
  /** The tag of every key of this class, across all versions of the class. A key's `~tags` do not include it. */
  readonly tag: string
  /** Returns the tags of the class and its indexes, which every entry of the key carries. */
  readonly structuralTags: (key: object) => ReadonlyArray<string>
  /** Returns the tags that the class declares, in their stored form. */
  readonly ownTags: (key: object) => ReadonlyArray<string>
  /** The tag of all keys with these field values. Throws a `CacheConfigError` if no index has exactly these fields. */
  readonly indexTagOf: (where: { readonly [field: string]: unknown }) => string
}

export const optionsOfClass = [
  "payload",
  "success",
  "error",
  "ignore",
  "indexes",
  "version",
  "tags",
  "id",
  "serializer",
  "maxLoad",
  "unambiguous"
]

/** A codec for any type. Its encoded side is `any`, because only the serializer uses that side. */
export type AnyCodec = Schema.Codec<unknown, any, unknown, unknown>
