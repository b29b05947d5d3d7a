/** The run-time description of a key class. */
import type * as Schema from "effect/Schema"

export { idOfString } from "./id.ts"

/** The facts that the engine needs of a key class: one object for each class, so it can be the key of a `WeakMap`. */
export interface KeyInfo {
  readonly name: string
  /** The class of a stream, in the info of its key. */
  readonly of?: KeyInfo | undefined
  /** The beginning of all its ids. Another class of the same name and shape has the same. */
  readonly prefix: () => string
  /** Made where the class was defined: its stack tells where that is. */
  readonly definedAt: Error
  /** The cache that has met the class last: see telemetry/keyClasses.ts. */
  metBy: number
  /** The struct of all fields, ignored ones too. */
  readonly payload: Schema.Constraint
  readonly success: AnyCodec
  readonly error: AnyCodec
  /** Whether a part of the schema of its result accepts more than data. */
  readonly isUndescribed: () => boolean
  /** Whether the class declares an error schema: without one a failure stays in memory. */
  readonly hasError: boolean
  /** The tag of every key of this class, in all its versions; a key's `~tags` do not include it. */
  readonly tag: string
  /**
   * The tags that every entry of the key has, whatever tags a read gives: the class's tag, then those of its indexes.
   */
  readonly structuralTags: (key: object) => ReadonlyArray<string>
  /** The tags that the class declares, as the cache stores them. */
  readonly ownTags: (key: object) => ReadonlyArray<string>
  /**
   * The tag of all keys with these values. The fields, in any order, must be exactly those of a declared index:
   * otherwise it throws a `CacheConfigError`.
   */
  readonly indexTagOf: (where: { readonly [field: string]: unknown }) => string
}

/** The names of the options of a key class. A cached function that makes its class takes them too. */
export const optionsOfClass = ["payload", "success", "error", "ignore", "indexes", "version", "tags", "id"]

/** A codec of any type; `any` because only the serializer looks at the encoded side. */
export type AnyCodec = Schema.Codec<unknown, any, unknown, unknown>
