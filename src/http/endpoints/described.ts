/** Endpoints of an `HttpApi` and requests of `Rpc` as the cache sees them: their names, schemas and annotations. */
import * as Context from "effect/Context"
import type * as HttpApiEndpoint from "effect/http-api/HttpApiEndpoint"
import * as HttpApiSchema from "effect/http-api/HttpApiSchema"
import type * as Rpc from "effect/rpc/Rpc"
import * as RpcSchema from "effect/rpc/RpcSchema"
import * as Schema from "effect/Schema"
import * as SchemaGetter from "effect/SchemaGetter"
import * as CacheKey from "../../CacheKey.ts"

type Fields = { readonly [name: string]: Schema.Top }

export interface Described {
  readonly name: string
  readonly annotations: Context.Context<never>
  /** The names that distinguish it from others with the same name. */
  readonly of: ReadonlyArray<string>
  /** The parts of a request that identify a result. */
  readonly fields: Fields
  readonly success: Schema.Top
  readonly error: Schema.Top
  readonly isStream: boolean
  /** Whether a URL names one result, and nothing checks its callers. */
  readonly isOfUrl: boolean
  /** Why it cannot be cached. */
  readonly obstacle: string | undefined
}

export const ofEndpoint = (api: string, group: string, endpoint: HttpApiEndpoint.Top): Described => {
  const { annotations, headers, identifier, method, middlewares, params, path, query } = endpoint
  const payload = Array.from(endpoint.payload.values())
  const isStreamed = payload.some(({ encoding }) => encoding._tag === "Stream" || encoding._tag === "Multipart")
  const successes = endpoint.success.size === 0 ? [HttpApiSchema.NoContent] : Array.from(endpoint.success)
  return {
    name: `${group}/${identifier}`,
    annotations,
    of: [api, group, identifier, method, path],
    fields: {
      ...params === undefined ? {} : { params },
      ...query === undefined ? {} : { query },
      ...headers === undefined ? {} : { headers },
      ...payload.length === 0
        ? {}
        : { payload: unionOf(payload.flatMap(({ schemas }): ReadonlyArray<Schema.Top> => schemas)) }
    },
    success: resultOf(successes.map((schema) => HttpApiSchema.isWithHeaders(schema) ? withHeaders(schema) : schema)),
    error: resultOf(Array.from(endpoint.error)),
    isStream: false,
    isOfUrl: method === "GET" && headers === undefined && middlewares.size === 0,
    obstacle: isStreamed
      ? "its payload is a stream or has parts"
      : successes.some((schema) => unstorable.some((kind) => kind in schema))
      ? "its response is a stream or an upgrade"
      : undefined
  }
}

/** The kinds of schemas whose values are no values: `HttpApiSchema` does not export how to recognize them. */
const unstorable = ["~effect/http-api/HttpApiSchema/Stream", "~effect/http-api/HttpApiSchema/Upgrade"]

const withHeaders = ({ headers, schema }: HttpApiSchema.WithHeaders<Schema.Top, Schema.Top>): Schema.Top =>
  Schema.Struct({
    [HttpApiSchema.WithHeadersValueTypeId]: Schema.Literal(HttpApiSchema.WithHeadersValueTypeId),
    body: schema,
    headers
  })

export const ofRpc = (rpc: Rpc.AnyWithProps): Described => {
  const { _tag, annotations, errorSchema, payloadSchema, successSchema } = rpc
  const isStream = RpcSchema.isStreamSchema(successSchema)
  return {
    name: _tag,
    annotations,
    of: ["rpc", _tag],
    fields: { payload: payloadSchema },
    success: isStream ? successSchema.success : successSchema,
    error: isStream ? unionOf([errorSchema, successSchema.error]) : errorSchema,
    isStream,
    isOfUrl: false,
    obstacle: undefined
  }
}

const unionOf = (schemas: ReadonlyArray<Schema.Top>): Schema.Top =>
  schemas.length === 1 ? schemas[0]! : Schema.Union(schemas)

/** One of several results, which is stored with its number: two of one shape would else become the first. */
const resultOf = (schemas: ReadonlyArray<Schema.Top>): Schema.Top =>
  schemas.length < 2 ? unionOf(schemas) : Schema.Union(schemas.map((schema, number) => {
    const numbered = Schema.Tuple([Schema.Literal(number), Schema.toEncoded(schema)])
    return Schema.encodeTo(numbered, {
      decode: SchemaGetter.transform(([, value]) => value),
      encode: SchemaGetter.transform((value) => [number, value] as const)
    })(schema)
  }))

/**
 * The name that an endpoint or `Rpc` had when it was annotated. A group with a prefix renames it, and the tags of
 * annotations remain those of the former name.
 */
export class TagName extends Context.Service<TagName, string>()("effect-cached/HttpCache/TagName") {}

/** A tag of all results of an endpoint or, with `of`, of those for its parameters or payload. */
export const tagOf = (endpoint: HttpApiEndpoint.Top | Rpc.AnyWithProps, of: unknown): string => {
  const [name, schema] = "_tag" in endpoint
    ? [endpoint.annotations.mapUnsafe.get(TagName.key) ?? endpoint._tag, endpoint.payloadSchema]
    : [endpoint.annotations.mapUnsafe.get(TagName.key) ?? endpoint.identifier, endpoint.params]
  const base = `http:endpoint:${name}`
  return of === undefined || schema === undefined ? base : `${base}:${CacheKey.id(new (partOf(name, schema))({ of }))}`
}

interface PartClass {
  new(input: { readonly of: unknown }): CacheKey.Any
}

const parts = new WeakMap<Schema.Top, Map<string, PartClass>>()

const partOf = (name: string, schema: Schema.Top): PartClass => {
  const known = parts.get(schema) ?? new Map<string, PartClass>()
  parts.set(schema, known)
  const made = known.get(name) ?? keyClass("HttpEndpointPart", { of: schema }, { success: Schema.Void })
  known.set(name, made)
  return made
}

interface Results {
  readonly success: Schema.Top
  readonly error?: Schema.Top
  readonly version?: string | undefined
}

export const keyClass = (
  name: string,
  payload: Fields,
  { error, success, version }: Results
): new(input: any) => CacheKey.Any =>
  CacheKey.Class<any>()(name, {
    payload,
    success,
    ...error === undefined ? {} : { error },
    ...version === undefined ? {} : { version }
  })
