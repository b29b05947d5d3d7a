/** Runs the calls of an endpoint through the cache, as its annotation says. */
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as HttpClientResponse from "effect/http/HttpClientResponse"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as Struct from "effect/Struct"
import * as Cached from "../../Cached.ts"
import type * as CacheKey from "../../CacheKey.ts"
import * as CachePolicy from "../../CachePolicy.ts"
import {
  checkOptions,
  type Checks,
  isFlag,
  isListOfText,
  mistake,
  optional,
  refuseUnless,
  within
} from "../../internal/options/options.ts"
import type { Input } from "../../Strategy.ts"
import { Inherits } from "../server/handled.ts"
import { type Described, keyClass } from "./described.ts"

const ofReads = ["when", "storeIf", "storeFailures", "fallbackOn"] as const

/**
 * The options of an annotation.
 * @category options
 * @since 0.1.0
 */
export interface EndpointOptions<in Req = any, in out Val = any>
  extends Pick<Cached.ReadOptions<Val, any, any> & Cached.FallbackOptions, typeof ofReads[number]>
{
  /** How long results are served, and how they are renewed. @default none: the endpoint is not cached */
  readonly strategy?: Input<any, any, any> | undefined
  /** Whether all callers may have the same result. If not, the cache needs a `partition`. @default `false` */
  readonly shared?: boolean | undefined
  /**
   * Parts of a request that make no difference to the result: `"params"`, `"query"`, `"headers"` or `"payload"`.
   * @default none: all that have schemas are in the key
   */
  readonly ignore?: ReadonlyArray<"params" | "query" | "headers" | "payload"> | undefined
  /** Tags of a result, beside those that `HttpCache.tag` gives. @default none */
  readonly tags?: ((request: Req, value: Val) => ReadonlyArray<string>) | undefined
  /** For an endpoint that changes something: the tags to invalidate when it has succeeded. @default none */
  readonly invalidates?: ((request: Req) => ReadonlyArray<string>) | undefined
  /** A text in every key. Change it when results change in a way that no schema shows. @default none */
  readonly version?: string | undefined
}

const parts = ["params", "query", "headers", "payload"]

const checkedByCached = () => {}

const checks: Checks<EndpointOptions> = {
  when: checkedByCached,
  storeIf: checkedByCached,
  storeFailures: checkedByCached,
  fallbackOn: checkedByCached,
  strategy: optional((strategy) =>
    refuseUnless(typeof strategy === "object", "strategy must be an object, like { ttl: \"1 minute\" }")
  ),
  shared: isFlag("shared"),
  tags: optional((tags) => refuseUnless(typeof tags === "function", "tags must be a function of request and value")),
  ignore: optional((ignore) =>
    refuseUnless(
      isListOfText(ignore) && ignore.every((part) => parts.includes(part)),
      `ignore must be a list of parts of a request: ${parts.join(", ")}`
    )
  ),
  invalidates: optional((invalidates, _, beside) => {
    refuseUnless(typeof invalidates === "function", "invalidates must be a function from a request to tags")
    refuseUnless(
      (beside as EndpointOptions).strategy === undefined,
      "invalidates belongs to endpoints that change something, and strategy to those that do not"
    )
  }),
  version: optional((version) => refuseUnless(typeof version === "string", "version must be a string"))
}

export type Run = Effect.Effect<unknown, unknown, any>

export type RunStream = Stream.Stream<unknown, unknown, any>

export interface Side {
  readonly name: "client" | "server"
  readonly partition: Effect.Effect<string, never, any> | undefined
  readonly server: string | undefined
}

/** The calls of one endpoint. `request` has the fields of its key, and more. */
export interface Calls {
  /** Whether they change something. */
  readonly invalidate: boolean
  readonly effect: (request: object, run: Run) => Run
  readonly stream: (request: object, run: RunStream) => RunStream
}

/** `undefined`: calls pass. */
export const callsOf = (
  described: Described,
  annotation: EndpointOptions | undefined,
  side: Side
): Calls | undefined => {
  if (annotation === undefined) return undefined
  const { given, isStream, name, obstacle, tags: ownTags } = described
  const what = `HttpCache.Endpoint of "${name}"`
  within(what, () => checkOptions("it", annotation, checks))
  const { invalidates, strategy } = annotation
  if (invalidates !== undefined) {
    const targets = (request: object) => tagsIn(invalidates(given(request))).map((tag) => ({ tag }))
    const remove = (request: object) => Effect.suspend(() => Cached.invalidate(targets(request)))
    return {
      invalidate: true,
      effect: (request, run) => Cached.invalidateAfter(run, ({ value }) => hasFailed(value) ? [] : targets(request)),
      // A reader that leaves early has seen something change.
      stream: (request, run) => Stream.onExit(run, (exit) => Exit.isSuccess(exit) ? remove(request) : Effect.void)
    }
  }
  if (strategy === undefined) return undefined
  if (obstacle !== undefined) throw mistake(`HttpCache.Endpoint cannot cache "${name}": ${obstacle}`)
  const keyed = keysOf(described, annotation, side)
  const made = within(what, () => CachePolicy.strategyOf(strategy))
  const read = { ...Struct.pick(annotation, ofReads), strategy: made }
  // For streams, a strategy's options stand beside its word.
  const readOfStream: object = "decide" in strategy ? read : { ...read, strategy: "ttl", ...strategy }
  if (isStream) within(what, () => Cached.stream(Stream.empty, name, readOfStream as never))
  else CachePolicy.checkRead(what, read)
  const tagsOf = (request: object) => (exit: Exit.Exit<unknown, unknown>) => {
    const more = annotation.tags === undefined || isStream || Exit.isFailure(exit)
      ? []
      : tagsIn(annotation.tags(given(request), exit.value))
    return [...ownTags(request), ...more]
  }
  const lasts = side.name === "server" && annotation.shared === true && described.isOfUrl
  return {
    invalidate: false,
    effect: (request, run) =>
      Effect.flatMap(keyed(request), (key) => {
        if (key === undefined) return run
        const options = { ...read, tags: tagsOf(request) }
        const result = Cached.withStrategy(Effect.flatMap(run, storable), key, options) as Run
        return lasts ? Effect.tap(result, () => lastingAs(key)) : result
      }),
    stream: (request, run) =>
      Stream.unwrap(Effect.map(keyed(request), (key) => {
        if (key === undefined) return run
        const options = { ...readOfStream, tags: tagsOf(request), whenSlow: "wait" } as never
        return Stream.catch(
          Cached.stream(run, key, options) as RunStream,
          (error) => isOfCache(error) ? Stream.die(error) : Stream.fail(error)
        )
      }))
  }
}

/** The response with a result lasts as long as the result, in a cache that removes both together. */
const lastingAs = (key: CacheKey.Any): Effect.Effect<void, never, any> =>
  Effect.withFiber((fiber) =>
    fiber.getRef(Inherits)
      ? Effect.flatMap(Cached.getEntry(key), (entry) => {
        if (Option.isNone(entry)) return Effect.void
        const { expiresAt, softExpiresAt } = entry.value
        const now = fiber.getRef(Clock.Clock).currentTimeMillisUnsafe()
        return Cached.annotate({ ttl: Math.max(0, expiresAt - now), softTtl: Math.max(0, softExpiresAt - now) })
      })
      : Effect.void
  )

const tagsIn = (tags: ReadonlyArray<string>): ReadonlyArray<string> => {
  if (isListOfText(tags)) return tags
  throw mistake("tags and invalidates of HttpCache.Endpoint must return a list of strings")
}

/** The types of calls have no place for the failures of the cache itself. */
const isOfCache = (error: unknown): boolean =>
  ["StreamCut", "StreamLagged"].includes((error as { readonly _tag?: string } | null)?._tag ?? "")

/** Whether a mutation was answered by a response that says that it has failed. */
const hasFailed = (value: unknown): boolean =>
  (HttpServerResponse.isHttpServerResponse(value) || Predicate.hasProperty(value, HttpClientResponse.TypeId)) &&
  (value as { readonly status: number }).status > 399

/** A response that the handler made itself is for its own request. */
const storable = (value: unknown): Run =>
  HttpServerResponse.isHttpServerResponse(value)
    ? Effect.as(Cached.annotate({ ttl: 0 }), value)
    : Deferred.isDeferred(value)
    ? Deferred.await(value) as Run
    : Effect.succeed(value)

type Keyed = (request: object) => Effect.Effect<CacheKey.Any | undefined, never, any>

const keysOf = (
  { error, fields, name, of, success }: Described,
  { ignore = [], shared = false, version }: EndpointOptions,
  { name: side, partition, server }: Side
): Keyed => {
  if (!shared && partition === undefined) {
    throw mistake(
      `"${name}" is cached, but for whom? Say shared: true in its annotation if all callers may have the same result, ` +
        "or pass partition, an effect of a text that differs for each caller"
    )
  }
  const place = JSON.stringify([side, ...of, ...server === undefined ? [] : [server]])
  const names = Object.keys(fields).filter((part) => !(ignore as ReadonlyArray<string>).includes(part))
  const Key = keyClass(
    `${side}/${name.replace(/[^\w$./-]/g, "_").slice(0, 80)}`,
    { ...Struct.pick(fields, names), of: Schema.String, partition: Schema.String },
    { success, error, version }
  )
  const partsOf = (request: object) =>
    Object.fromEntries(names.map((part) => [part, (request as { readonly [part: string]: unknown })[part]]))
  const keyOf = (request: object, partition: string): CacheKey.Any | undefined => {
    try {
      const key = new Key({ ...partsOf(request), of: place, partition })
      // Its id is made here: the caller finds out what is wrong with the request.
      return key["~id"] === "" ? undefined : key
    } catch {
      return undefined
    }
  }
  const everyone = JSON.stringify(null)
  return shared
    ? (request) => Effect.sync(() => keyOf(request, everyone))
    : (request) => Effect.map(partition!, (one) => keyOf(request, JSON.stringify(one)))
}
