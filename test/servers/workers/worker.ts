/** A Worker whose requests share a cache. Its answers are what they have read, and how often was loaded until then. */
import { Effect, Exit, ManagedRuntime, Schema } from "effect"
import { Cached, CacheKey, CacheLayer, CachePolicy, type Caching } from "effect-cached"
import { probe } from "../probe.ts"

/** The context that a platform gives each request. */
interface Context {
  readonly waitUntil: (promise: Promise<unknown>) => void
}

const runtimes = {
  private: ManagedRuntime.make(CacheLayer.memory({ flights: "private" })),
  shared: ManagedRuntime.make(CacheLayer.memory())
}

/** How often each key was loaded, in all requests. */
const loads = new Map<string, number>()

class Item extends CacheKey.Class<Item>()("Item", { payload: { id: Schema.String }, success: Schema.String }) {}

/** A load that takes its time, as a call of another server does. */
const load = (key: string): Effect.Effect<number> =>
  Effect.suspend(() => {
    const n = (loads.get(key) ?? 0) + 1
    loads.set(key, n)
    return Effect.delay(Effect.succeed(n), "100 millis")
  })

const routes: { readonly [path: string]: (key: string) => Effect.Effect<unknown, unknown, Caching.Caching> } = {
  "/ttl": (key) => Cached.ttl(load(key), key, { ttl: "1 hour" }),
  "/ahead": (key) => Cached.refreshAhead(load(key), key, { ttl: "1 hour", refreshAfter: "50 millis" }),
  "/soft": (key) => Cached.softTtl(load(key), key, { ttl: "1 hour", softTtl: "50 millis", softTimeout: "20 millis" }),
  "/many": (key) =>
    Cached.many(Item, (items) => Effect.map(load(key), (n) => items.map(({ id }) => Exit.succeed(`${id}${n}`))), {
      ttl: "1 hour"
    })(["a", "b"].map((part) => ({ id: key + part }))),
  "/nested": (key) =>
    Cached.ttl(Effect.map(routes["/ttl"]!(`${key}/inner`), (inner) => [inner]), key, { ttl: "1 hour" }),
  "/refresh": (key) => CachePolicy.refresh(routes["/ttl"]!(key)),
  "/change": (key) => Effect.succeed("changed").pipe(Cached.invalidateAfter(key)),
  "/timeout": (key) => Effect.flip(Cached.ttl(Effect.never, key, { ttl: "1 hour", timeout: "50 millis" })),
  "/hang": (key) => Cached.ttl(Effect.andThen(load(key), Effect.sleep("1 minute")), key, { ttl: "1 hour" }),
  "/probe": () => Effect.promise(() => probe("cache")),
  "/loads": (key) => Effect.sync(() => loads.get(key) ?? 0),
  "/size": () => Cached.size
}

export default {
  async fetch(request: Request, _env: unknown, context: Context): Promise<Response> {
    const { pathname, searchParams } = new URL(request.url)
    const key = searchParams.get("key") ?? "key"
    const runtime = searchParams.has("shared") ? runtimes.shared : runtimes.private
    const answer = routes[pathname]!(key)
    const kept = searchParams.has("alone")
      ? answer
      : Effect.provideService(answer, CachePolicy.WaitUntil, (rest) => context.waitUntil(Effect.runPromise(rest)))
    return Response.json(await runtime.runPromise(kept))
  }
}
