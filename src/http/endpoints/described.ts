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
  /** Makes the request as the functions of the annotation get it. */
  readonly given: (request: any) => unknown
  /** The tags of a result. */
  readonly tags: (request: any) => ReadonlyArray<string>
}

interface Api {
  readonly identifier: string
  readonly groups: { readonly [name: string]: any }
}

export const ofEndpoint = (api: Api, group: string, endpoint: HttpApiEndpoint.Top): Described => {
  const { headers, identifier, method, middlewares, params, path, query } = endpoint
  const payload = Array.from(endpoint.payload.values())
  const isStreamed = payload.some(({ encoding }) => encoding._tag === "Stream" || encoding._tag === "Multipart")
  const successes = endpoint.success.size === 0 ? [HttpApiSchema.NoContent] : Array.from(endpoint.success)
  const all: ReadonlyArray<HttpApiEndpoint.Top> = Object.values(api.groups).flatMap(({ endpoints }) =>
    Object.values(endpoints)
  )
  const tags = tagsIn(all, endpoint, `${api.identifier}/${group}`)
  return {
    name: `${group}/${identifier}`,
    of: [api.identifier, group, identifier, method, path],
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
      : undefined,
    given: (request) => request,
    tags: ({ params }) => tags(params)
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

export const ofRpc = (all: ReadonlyArray<Rpc.AnyWithProps>, rpc: Rpc.AnyWithProps): Described => {
  const { _tag, errorSchema, payloadSchema, successSchema } = rpc
  const isStream = RpcSchema.isStreamSchema(successSchema)
  const tags = tagsIn(all, rpc, _tag)
  return {
    name: _tag,
    of: ["rpc", _tag],
    fields: { payload: payloadSchema },
    success: isStream ? successSchema.success : successSchema,
    error: isStream ? unionOf([errorSchema, successSchema.error]) : errorSchema,
    isStream,
    isOfUrl: false,
    obstacle: undefined,
    given: ({ payload }) => payload,
    tags: ({ payload }) => tags(payload)
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

interface Named {
  readonly name: string
  /** The places where the cache has found it beside another one of this name. */
  readonly places: Set<string>
}

/**
 * The name that an endpoint or `Rpc` had when it was annotated. A group with a prefix renames it, and the tags of
 * annotations remain those of the former name.
 */
export class TagName extends Context.Service<TagName, Named>()("effect-cached/HttpCache/TagName") {}

type Tagged = HttpApiEndpoint.Top | Rpc.AnyWithProps

const namedOf = ({ annotations }: Tagged): Named | undefined => annotations.mapUnsafe.get(TagName.key)

/** A tag of all results of an endpoint or, with `of`, of those for its parameters or payload. */
export const tagOf = (endpoint: Tagged, of?: unknown, place?: string): string => {
  const [own, schema] = "_tag" in endpoint
    ? [endpoint._tag, endpoint.payloadSchema]
    : [endpoint.identifier, endpoint.params]
  const name = `${namedOf(endpoint)?.name ?? own}${place === undefined ? "" : ` in ${place}`}`
  const base = `http:endpoint:${name}`
  return of === undefined || schema === undefined ? base : `${base}:${CacheKey.id(new (partOf(schema))({ of }))}`
}

/** The tags of the results. Beside another endpoint that has the same ones, each has some with its place too. */
const tagsIn = (all: ReadonlyArray<Tagged>, endpoint: Tagged, place: string) => {
  const isAlone = all.every((one) => one === endpoint || tagOf(one) !== tagOf(endpoint))
  if (!isAlone) namedOf(endpoint)?.places.add(place)
  const places = isAlone ? [undefined] : [undefined, place]
  return (of: unknown): ReadonlyArray<string> =>
    Array.from(new Set(places.flatMap((place) => [tagOf(endpoint, undefined, place), tagOf(endpoint, of, place)])))
}

/** The place in the tag by which a program names the results. An endpoint that is in several places has none. */
export const knownPlaceOf = (endpoint: Tagged): string | undefined => {
  const places = Array.from(namedOf(endpoint)?.places ?? [])
  return places.length === 1 ? places[0] : undefined
}

const parts = new WeakMap<Schema.Top, ReturnType<typeof keyClass>>()

const partOf = (schema: Schema.Top): ReturnType<typeof keyClass> => {
  const made = parts.get(schema) ?? keyClass("HttpEndpointPart", { of: schema }, { success: Schema.Void })
  parts.set(schema, made)
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
