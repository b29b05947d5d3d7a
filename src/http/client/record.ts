/** The stored values: responses, and bodies that are too large to lie beside them. */
import * as Schema from "effect/Schema"
import * as CacheKey from "../../CacheKey.ts"

const Fields = Schema.Record(Schema.String, Schema.String)

/** A stored response. Times are in milliseconds, `lifetime` and the like in seconds. */
export const Variant = Schema.Struct({
  /** The name of its body, whatever fields are updated later. */
  id: Schema.String,
  status: Schema.Number,
  fields: Fields,
  cookies: Schema.Array(Schema.String),
  varying: Schema.Record(Schema.String, Schema.NullOr(Schema.String)),
  /** Whether it says that it is for all requests, also those that could name a user. */
  isForAll: Schema.Boolean,
  tags: Schema.Array(Schema.String),
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

/** `null`: the answer to one request that no other may have. It is never stored. */
const Stored = Schema.Struct({ variant: Schema.NullOr(Variant) })
export type Stored = typeof Stored.Type

/**
 * The response of a URL to the requests of one `partition`. `varying` is empty for the first one of a URL; others lie
 * under the values of the fields that `Vary` names.
 */
export class Resource extends CacheKey.Class<Resource>()("HttpResource", {
  payload: { partition: Schema.String, url: Schema.String, varying: Schema.String },
  success: Stored
}) {}

/** The bytes of one response. They never change, so no validation and no other variant touches them. */
export class Body extends CacheKey.Class<Body>()("HttpBody", {
  payload: { id: Schema.String },
  success: Schema.Uint8Array
}) {}

/** The stored response of an entry. A soft invalidation makes it stale, and it may answer only errors. */
export const variantOf = (
  { softExpiresAt, value: { variant } }: { readonly softExpiresAt: number; readonly value: Stored }
): Variant | undefined => variant === null ? undefined : softExpiresAt === -Infinity ? staled(variant) : variant

const staled = (variant: Variant): Variant => ({
  ...variant,
  lifetime: 0,
  whileRevalidate: 0,
  // As long as before.
  ifError: variant.ifError + variant.lifetime
})

export const urlTag = (url: string): string => `http:url:${url}`

export const originTag = (origin: string): string => `http:origin:${origin}`

export const groupTag = (origin: string, group: string): string => `http:group:${origin}:${group}`
