/**
 * How each library reads through a cache that several processes share. A process imports only the libraries that it
 * uses.
 */
import { join } from "node:path"

export interface User {
  readonly id: string
  readonly name: string
}

export interface Cache {
  readonly get: (key: string, load: () => Promise<User>) => Promise<User>
  /** The answers of several callers at once, if these are not promises: fibers of one program. */
  readonly getTogether?: (callers: number, key: string, load: () => Promise<User>) => Promise<ReadonlyArray<User>>
  readonly close: () => Promise<unknown>
}

/** The place that the processes share: a folder, or a Redis server. */
export interface Shared {
  readonly directory: string
  readonly url: string
}

const hour = 3_600_000

const disk = async ({ directory }: Shared): Promise<Cache> => {
  const { Effect, ManagedRuntime } = await import("effect")
  const { Cached, CacheLayer } = await import("effect-cached")
  const runtime = ManagedRuntime.make(CacheLayer.disk({ directory: join(directory, "cache") }))
  return {
    get: (key, load) => runtime.runPromise(Cached.ttl(Effect.promise(load), key, { ttl: "1 hour" })),
    close: () => runtime.dispose()
  }
}

const redis = async ({ url }: Shared): Promise<Cache> => {
  const { Effect, ManagedRuntime } = await import("effect")
  const { Cached, CacheLayer } = await import("effect-cached")
  const runtime = ManagedRuntime.make(CacheLayer.redis({ url, connect: "required" }))
  const read = (key: string, load: () => Promise<User>) => Cached.ttl(Effect.promise(load), key, { ttl: "1 hour" })
  return {
    get: (key, load) => runtime.runPromise(read(key, load)),
    getTogether: (callers, key, load) =>
      runtime.runPromise(
        Effect.all(Array.from({ length: callers }, () => read(key, load)), { concurrency: "unbounded" })
      ),
    close: () => runtime.dispose()
  }
}

const bentocache = async ({ url }: Shared): Promise<Cache> => {
  const { BentoCache, bentostore } = await import("bentocache")
  const { memoryDriver } = await import("bentocache/drivers/memory")
  const { redisDriver } = await import("bentocache/drivers/redis")
  const connection = { host: "127.0.0.1", port: Number(new URL(url).port) }
  const store = bentostore().useL1Layer(memoryDriver()).useL2Layer(redisDriver({ connection }))
  const cache = new BentoCache({ default: "shared", stores: { shared: store } })
  return {
    get: (key, load) => cache.getOrSet({ key, ttl: hour, factory: load }),
    close: () => cache.disconnectAll()
  }
}

const cacheable = async ({ url }: Shared): Promise<Cache> => {
  const { Cacheable } = await import("cacheable")
  const { createKeyv } = await import("@keyv/redis")
  const cache = new Cacheable({ secondary: createKeyv(url) })
  return {
    get: async (key, load) => (await cache.getOrSet(key, load, { ttl: hour, throwErrors: true }))!,
    close: () => cache.disconnect()
  }
}

const asyncCacheDedupe = async ({ url }: Shared): Promise<Cache> => {
  const { createCache } = await import("async-cache-dedupe")
  const { Redis } = await import("ioredis")
  const client = new Redis(url)
  const loads = new Map<string, () => Promise<User>>()
  const cache = createCache({ ttl: hour / 1000, storage: { type: "redis", options: { client } } })
    .define("user", (key: string) => loads.get(key)!())
  return {
    get: (key, load) => {
      loads.set(key, load)
      return cache.user(key)
    },
    close: () => client.quit()
  }
}

const none = (): Promise<Cache> => Promise.resolve({ get: (_, load) => load(), close: () => Promise.resolve() })

export const caches: { readonly [name: string]: (shared: Shared) => Promise<Cache> } = {
  "no cache": none,
  "CacheLayer.disk": disk,
  "CacheLayer.redis": redis,
  bentocache,
  cacheable,
  "async-cache-dedupe": asyncCacheDedupe
}

export const usesRedis = (name: string): boolean => name !== "no cache" && name !== "CacheLayer.disk"
