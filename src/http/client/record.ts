/** The stored values: the responses of a resource as variants, and bodies that are too large to lie beside them. */
import * as Schema from "effect/Schema"
import * as CacheKey from "../../CacheKey.ts"
import { sameVarying } from "../rules/selection.ts"

const Fields = Schema.Record(Schema.String, Schema.String)

/** A stored response. Times are in milliseconds, `lifetime` and the like in seconds. */
export const Variant = Schema.Struct({
  /** The name of its body, whatever fields are updated later. */
  id: Schema.String,
  status: Schema.Number,
  fields: Fields,
  cookies: Schema.Array(Schema.String),
  varying: Schema.Record(Schema.String, Schema.NullOr(Schema.String)),
  tags: Schema.Array(Schema.String),
  /** The run of the handler that made it, if it depends on the entries that the run has read. */
  run: Schema.optionalKey(Schema.String),
  /** `null`: the body is a stream of its own. */
  body: Schema.NullOr(Schema.Uint8Array),
  requestTime: Schema.Number,
  responseTime: Schema.Number,
  lifetime: Schema.Number,
  initialAge: Schema.Number,
  date: Schema.Number,
  noCache: Schema.Boolean,
  mustRevalidate: Schema.Boolean,
  immutable: Schema.Boolean,
  whileRevalidate: Schema.Number,
  ifError: Schema.Number
})
export type Variant = typeof Variant.Type

/** `unshared`: the answer to one request that no other may have. It is never stored. */
const Variants = Schema.Struct({ variants: Schema.Array(Variant), unshared: Schema.optionalKey(Schema.Boolean) })
export type Variants = typeof Variants.Type

/** The responses of a URL to the requests of one `partition`. */
export class Resource extends CacheKey.Class<Resource>()("HttpResource", {
  payload: { partition: Schema.String, url: Schema.String },
  success: Variants
}) {}

/** The bytes of one response. They never change, so no validation and no other variant touches them. */
export class Body extends CacheKey.Class<Body>()("HttpBody", {
  payload: { id: Schema.String },
  success: Schema.Uint8Array
}) {}

/** A run of a handler. Its entry is removed with any entry that the run has read. */
export class Run extends CacheKey.Class<Run>()("HttpRun", {
  payload: { id: Schema.String },
  success: Schema.Literal(true)
}) {}

/** The variants of a stored resource. A soft invalidation makes each of them stale, and it may answer only errors. */
export const variantsOf = (
  { softExpiresAt, value: { variants } }: { readonly softExpiresAt: number; readonly value: Variants }
): ReadonlyArray<Variant> => softExpiresAt === -Infinity ? variants.map(staled) : variants

const staled = (variant: Variant): Variant => ({
  ...variant,
  lifetime: 0,
  whileRevalidate: 0,
  // As long as before.
  ifError: variant.ifError + variant.lifetime
})

/** The variants with a new one, which replaces that for the same request fields. The newest `most` are kept. */
export const withVariant = (variants: ReadonlyArray<Variant>, one: Variant, most: number): ReadonlyArray<Variant> =>
  [one, ...variants.filter(({ varying }) => !sameVarying(varying, one.varying))].slice(0, most)

export const urlTag = (url: string): string => `http:url:${url}`

export const originTag = (origin: string): string => `http:origin:${origin}`

export const groupTag = (origin: string, group: string): string => `http:group:${origin}:${group}`
