/**
 * Caches a `RequestResolver` whose requests are keys.
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import { constTrue } from "effect/Function"
import type * as Request from "effect/Request"
import * as RequestResolver from "effect/RequestResolver"
import type { Any, CacheKey } from "../CacheKey.ts"
import { Caching } from "../Caching.ts"
import { Within } from "../internal/engine/request/attempt.ts"
import * as Policy from "../internal/engine/request/callPolicy.ts"
import { mistake } from "../internal/options/options.ts"
import { openTransaction } from "../internal/sql/sqlTransaction.ts"
import * as Turns from "../internal/time/turns.ts"
import { type Call, type FnOptions, strategyIn } from "./checkCall.ts"
import * as Combine from "./combine.ts"
import type { GivenStrategy, OptionsOf, Seen } from "./flat.ts"
import { checked } from "./withCaching.ts"

/** An instance of a key class, which is also a request for its result. */
type Requested = Any & Request.Any

type SuccessOf<K> = K extends CacheKey<infer A, any, any> ? A : never
type ErrorOf<K> = K extends CacheKey<any, infer E, any> ? E : never

/**
 * Creates a caching `RequestResolver` from a resolver whose requests are keys.
 *
 * **When to use**
 *
 * Use if the program already makes requests (`Effect.request`), which are batched across unrelated calls.
 *
 * **Details**
 *
 * - The options are those of `Cached.fn` except `timeout`, because the error type of a request cannot include
 *   `LoadTimeout`. Put `Effect.timeout` around the request instead.
 * - Requests with a cached result are answered at once. All others reach `self`, each key once, even across batches.
 * - The returned effect requires the cache and succeeds with one resolver per cache. Pass the effect itself to
 *   `Effect.request`, or run it and pass its result.
 * - Requests that are made together are looked up together. `batchN`, `grouped` and the delay of `self` apply only to
 *   the requests that reach `self`.
 * - If `self` leaves a request unanswered, only that request dies.
 *
 * **Example** (Resolving only what is missing)
 *
 * ```ts
 * import { Effect, Exit, RequestResolver, Schema } from "effect"
 * import { Cached, CacheKey, CacheLayer } from "effect-cached"
 *
 * class GetUser extends CacheKey.Class<GetUser>()("GetUser", { payload: { id: Schema.Int }, success: Schema.String }) {}
 * const batches: Array<ReadonlyArray<number>> = []
 * const origin = RequestResolver.make<GetUser>((entries) =>
 *   Effect.sync(() => {
 *     batches.push(entries.map(({ request }) => request.id))
 *     for (const entry of entries) entry.completeUnsafe(Exit.succeed(`user ${entry.request.id}`))
 *   })
 * )
 * const users = Cached.resolver(origin, { ttl: "1 hour" })
 * const get = (...ids: ReadonlyArray<number>) =>
 *   Effect.forEach(ids, (id) => Effect.request(new GetUser({ id }), users), { concurrency: "unbounded" })
 * await Effect.runPromise(Effect.andThen(get(1, 2, 1), get(2, 3)).pipe(Effect.provide(CacheLayer.memory())))
 * batches // => [[1, 2], [3]]
 * ```
 *
 * @see `Cached.many` for an origin that is a function
 * @see `Cached.fn` for a function of one payload
 * @category caching
 * @since 0.1.0
 */
export const resolver = <K extends Requested, S extends GivenStrategy = "ttl">(
  self: RequestResolver.RequestResolver<K>,
  options:
    & Seen<S, { readonly strategy?: S }>
    & Omit<OptionsOf<S, SuccessOf<K>, ErrorOf<K>, ErrorOf<K>, K, undefined>, "timeout">
): Effect.Effect<RequestResolver.RequestResolver<K>, never, Caching> => {
  if (!RequestResolver.isRequestResolver(self)) {
    throw mistake("Cached.resolver needs a RequestResolver whose requests are instances of CacheKey classes")
  }
  const strategy = strategyIn(called, options as FnOptions)
  const resolve = (key: K): Effect.Effect<unknown, unknown, any> => Effect.request(key, self)
  const readMany = Combine.callMany({
    options: options as FnOptions,
    strategy,
    // Requests each key separately, because `self` decides which requests form a batch.
    lookup: (keys) => Effect.forEach(keys, (key) => Effect.exit(resolve(key)), { concurrency: "unbounded" }),
    isPerKey: true
  })
  // Keeps one resolver for each cache, because Effect batches only requests that are made with the same resolver.
  const resolvers = new WeakMap<Caching["Service"], RequestResolver.RequestResolver<K>>()
  const make = (caching: Caching["Service"]): RequestResolver.RequestResolver<K> => {
    const leavers: Leavers<K> = new WeakMap()
    return RequestResolver.makeWith<K>({
      // Effect keeps a batch that runs, even if all its callers have left. But it then asks for their batch again.
      batchKey: (entry) => void leavers.get(entry)?.(),
      delay: Effect.yieldNow,
      collectWhile: constTrue,
      runAll: (entries) => {
        const [first, ...others] = groupsOf(entries).map((group) =>
          readGroup(readMany, caching, { group, leavers }) as Effect.Effect<void>
        )
        return others.length === 0 ? first! : Effect.forEach(
          [first!, ...others],
          // Each in a fiber of its own, so that a group that all its callers have left ends alone.
          (read) => Effect.flatMap(Effect.forkChild(read), Fiber.await),
          { concurrency: "unbounded", discard: true }
        )
      }
    })
  }
  return Effect.map(Caching, (caching) => {
    const known = resolvers.get(caching)
    if (known !== undefined) return known
    const made = make(caching)
    resolvers.set(caching, made)
    return made
  })
}

const called: Call = { name: "Cached.resolver", before: "Cached.resolver(resolver", without: ["timeout"] }

type Entries<K> = ReadonlyArray<Request.Entry<K>>

/** By entry, a function to call when the entry's caller leaves while the batch runs. */
type Leavers<K> = WeakMap<Request.Entry<K>, () => void>

/** Groups requests by policy, by the enclosing load that waits for them, and by the open SQL transaction. */
const groupsOf = <K>(entries: Entries<K>): ReadonlyArray<Entries<K>> =>
  split(entries, (context) => Context.get(context, Policy.Current))
    .flatMap((group) => split(group, (context) => Context.get(context, Within)))
    .flatMap((group) => split(group, openTransaction))

const split = <K>(entries: Entries<K>, by: (context: Context.Context<never>) => unknown): ReadonlyArray<Entries<K>> => {
  const groups = new Map<unknown, Array<Request.Entry<K>>>()
  for (const entry of entries) {
    const name = by(entry.context as Context.Context<never>)
    const group = groups.get(name)
    if (group === undefined) groups.set(name, [entry])
    else group.push(entry)
  }
  return Array.from(groups.values())
}

/** Reads the keys of a group and completes all its requests, even if the read fails. Ends if all callers leave. */
const readGroup = <K extends Requested>(
  readMany: ReturnType<typeof Combine.callMany>,
  caching: Caching["Service"],
  { group, leavers }: { readonly group: Entries<K>; readonly leavers: Leavers<K> }
): Effect.Effect<void, never, any> => {
  const context = Context.add(group[0]!.context as Context.Context<never>, Caching, caching)
  const read = Effect.withFiber((fiber) => {
    let left = group.length
    for (const entry of group) {
      leavers.set(entry, () => {
        leavers.delete(entry)
        if (--left === 0) fiber.interruptUnsafe()
      })
    }
    return readMany(group.map(({ request }) => checked(request)))
  })
  // Sets the group's context: Effect uses the context of the batch's first request, which may be in another group.
  return Effect.flatMap(Effect.exit(Effect.updateContext(read, () => context)), (exits) => {
    let place = 0
    return Turns.forEach(group, (entry) => {
      const i = place++
      entry.completeUnsafe((Exit.isSuccess(exits) ? (exits.value as ReadonlyArray<unknown>)[i] : exits) as never)
    })
  })
}
