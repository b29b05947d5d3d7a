/** What a key class knows of itself. */
import type * as Schema from "effect/Schema"

export { idOfString } from "./id.ts"

/** What the engine knows of a key class: one object a class, so it can be the key of a `WeakMap`. */
export interface KeyInfo {
  readonly name: string
  /** the struct of all fields, ignored ones too */
  readonly payload: Schema.Constraint
  readonly success: AnyCodec
  readonly error: AnyCodec
  /** whether the class declares an error: without one a failure stays in the memory tier */
  readonly hasError: boolean
  /** the tag of every key of this class, in all its versions; it is not among a key's `~tags` */
  readonly tag: string
  /** what an entry of the key carries whatever tags its user gives: the class's tag, then those of its indexes */
  readonly structuralTags: (key: object) => ReadonlyArray<string>
  /** the tags that the class declares, as the cache stores them */
  readonly ownTags: (key: object) => ReadonlyArray<string>
  /**
   * the tag of all keys with these values, in whatever order, of exactly the fields of a declared index; throws
   * `CacheConfigError` where there is no such index
   */
  readonly indexTagOf: (where: { readonly [field: string]: unknown }) => string
}

/** A codec of anything; `any` because what is encoded is the serializer's business. */
export type AnyCodec = Schema.Codec<unknown, any, unknown, unknown>
