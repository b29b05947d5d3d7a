/** The run-time description of a key class. */
import type * as Schema from "effect/Schema"

export { idOfString } from "./id.ts"

/** One object for each class, so it can be the key of a `WeakMap`. */
export interface KeyInfo {
  readonly name: string
  /** The class of a stream, in the info of its key. */
  readonly of?: KeyInfo | undefined
  /** Another class of the same name and shape has the same prefix. */
  readonly prefix: () => string
  /** Created where the class was defined, so that its stack shows the place. */
  readonly definedAt: Error
  /** The last cache that met the class; see telemetry/keyClasses.ts. */
  metBy: number
  /** The struct of all fields, including ignored ones. */
  readonly payload: Schema.Constraint
  readonly success: AnyCodec
  readonly error: AnyCodec
  readonly isUndescribed: () => boolean
  /** Whether the class declares an error schema. Without one, a failure stays in memory. */
  readonly hasError: boolean
  /** The tag of every key of this class, in all its versions. A key's `~tags` do not include it. */
  readonly tag: string
  /** The class's tag and those of its indexes, which every entry of the key has. */
  readonly structuralTags: (key: object) => ReadonlyArray<string>
  /** The tags that the class declares, in their stored form. */
  readonly ownTags: (key: object) => ReadonlyArray<string>
  /** The tag of all keys with these values. Throws a `CacheConfigError` unless the fields are those of an index. */
  readonly indexTagOf: (where: { readonly [field: string]: unknown }) => string
}

export const optionsOfClass = ["payload", "success", "error", "ignore", "indexes", "version", "tags", "id"]

/** A codec of any type. `any`, because only the serializer uses the encoded side. */
export type AnyCodec = Schema.Codec<unknown, any, unknown, unknown>
