/** Changes the context in which functions, effects and streams run, for `Cached.withCache` and `Cached.make`. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { AnyClass } from "../CacheKey.ts"
import { Caching, type Shape } from "../Caching.ts"
import { cacheOf } from "../internal/engine/boundCache.ts"
import { CurrentService } from "../internal/sql/sqlTransaction.ts"
import { type Captured, isMany, markMany, remakers } from "./combine.ts"
import { cacheAround, noCache } from "./withCaching.ts"

type AnyContext = Context.Context<never>

/** The type of an effect, a stream or a function that needs `Self` instead of `Gone`. */
export type Rewired<T, Gone, Self> = T extends Effect.Effect<infer A, infer E, infer R>
  ? Effect.Effect<A, E, Exclude<R, Gone> | Self>
  : T extends Stream.Stream<infer A, infer E, infer R> ? Stream.Stream<A, E, Exclude<R, Gone> | Self>
  : T extends AnyClass ? T
  : T extends (...args: infer Args) => infer Out
    ? ((...args: Args) => Rewired<Out, Gone, Self>) & { readonly [Name in keyof T]: Rewired<T[Name], Gone, Self> }
  : T

export const rewire = (self: unknown, change: (context: AnyContext) => AnyContext): unknown => {
  if (Effect.isEffect(self)) return Effect.updateContext(self as Effect.Effect<unknown, unknown>, change)
  if (Stream.isStream(self)) return Stream.updateContext(self as Stream.Stream<unknown, unknown>, change)
  // A key class does not depend on the cache, so it stays as it is.
  if (typeof self !== "function" || "keyName" in self) return self
  const members = Object.entries(self).map(([name, member]) => [name, rewire(member, change)])
  const call = (...args: ReadonlyArray<unknown>) => rewire(self(...args), change)
  if (isMany(self)) markMany(call)
  remakers.set(call, (context) => remake(self, change(context)))
  return Object.assign(call, Object.fromEntries(members))
}

/** Makes a function again, with the cache and the services of a context. */
export const remake = (self: Function, context: AnyContext): unknown => {
  const remaker = remakers.get(self)
  return remaker === undefined ? rewire(self, capture(self, context).provide) : remaker(context, capture)
}

/**
 * The keys of what belongs to a caller, or to the build of a layer, and is never captured: Effect's references, scopes,
 * spans and transactions, and the cache's own references. A context does not tell references from services.
 */
const ofCaller = [
  /^effect-cached\/(?!(Caching|GuardStore|Lock|Serializer|Store|HttpCache\/TagName|testing\/RecordingCache)$)/,
  /^effect\/(Clock|ConfigProvider|Console|Effect\/|ErrorReporter|ExecutionPlan|Headers|Layer\/|Logger|Metric|Random)/,
  /^effect\/(References|Schedule|Scope|Tracer|ai\/Tool|cluster\/ClusterSchema\/|crypto\/WebCrypto|http-api\/OpenApi\/)/,
  /^effect\/cli\/(CliConfig|CliOutput|Prompt\/Theme|TerminalCapabilities)|^effect\/workflow\/(Activity|Workflow)\//,
  /^effect\/eventlog\/(EventLog\/(CurrentStoreId|HandlerTransaction)|EventLogServer\/ChunkedMessageState)/,
  /^@?effect\/(http\/Http(Client|IncomingMessage|Middleware)|http\/(Multipart|UrlParams)|platform\/HttpMiddleware)\//,
  /^effect\/(http\/(FetchHttpClient\/(Fetch|StreamBodyFallback)|HttpRouter\/RouterConfig)|graphql\/[FR])/,
  /^effect\/(cluster\/MessageStorage\/MemoryTransaction|rpc\/(Rpc\/|RpcClient\/CurrentHeaders))/,
  /^effect\/sql\/(Current|SpanPropagation|SqlClient\/)/
]

/** Captures a context's cache and services, for a function whose keys `of` identifies: their class, or a function. */
const capture = (of: object, context: AnyContext): Captured => {
  const transaction = Context.get(context, CurrentService)
  const isCaptured = (key: string) => key !== transaction?.key && !ofCaller.some((pattern) => pattern.test(key))
  const services: Services = new Map([...context.mapUnsafe].filter(([key]) => isCaptured(key)))
  const own = services.get(Caching.key) as Shape | undefined
  if (own !== undefined) warnIfMadeTwice(of, own, services, context)
  const usedIn = (caller: AnyContext) => own && (cacheAround(caller)?.beside?.(own) ?? own)
  return {
    cacheIn: (fiber) => cacheOf(usedIn(fiber.context) ?? noCache()),
    provide: (caller) => {
      let inside = caller
      // Unlike `Context.merge`, this keeps what the fibers of the caller's context have computed from its references.
      for (const [key, service] of services) {
        inside = Context.addUnsafe(inside, key, key === Caching.key ? usedIn(caller) : service)
      }
      return inside
    }
  }
}

type Services = ReadonlyMap<string, unknown>

/** For each cache, the services with which its functions were made first, as long as these functions are in use. */
const firsts = new WeakMap<Shape, WeakMap<object, WeakRef<Services> | "warned">>()

const warnIfMadeTwice = (of: object, cache: Shape, services: Services, context: AnyContext): void => {
  const known = firsts.get(cache) ?? new WeakMap<object, WeakRef<Services> | "warned">()
  firsts.set(cache, known)
  const seen = known.get(of)
  if (seen === "warned") return
  const first = seen?.deref()
  if (first === undefined) return void known.set(of, new WeakRef(services))
  const differ = [...services].flatMap(([key, service]) =>
    first.has(key) && first.get(key) !== service ? [`"${key}"`] : []
  )
  if (differ.length === 0) return
  known.set(of, "warned")
  const name = "keyName" in of ? `The cached function of "${of.keyName}"` : "A cached function"
  Effect.runForkWith(context)(Effect.logWarning(
    `${name} was made twice over one cache, with different services (${differ.join(", ")}). Both have the same keys, ` +
      "so the first to load answers for both: make it in one layer, or give each its own cache (logged once)"
  ))
}
