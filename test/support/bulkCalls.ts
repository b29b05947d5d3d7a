/** Bulk calls over a store that several processes share, and that counts its waves. */
import { Effect, Exit, Layer, Option, Schema, Stream } from "effect"
import { Cached, CacheKey, CacheLayer, type Caching } from "effect-cached"
import { Store } from "effect-cached/adapters"
import { MemoryStore } from "effect-cached/memory"
import { singly } from "../../src/testing/internal/singly.ts"

export class User extends CacheKey.Class<User>()("User", {
  payload: { id: Schema.Int },
  success: Schema.String,
  error: Schema.String,
  indexes: ["id"],
  tags: ({ id }) => ["users", `user:${id}`]
}) {}

export const hour = { ttl: "1 hour" } as const
export const key = (id: number) => new User({ id })
export const idOf = (id: number) => CacheKey.id(key(id))
export const payloads = (count: number) => Array.from({ length: count }, (_, id) => ({ id }))

/** A store in memory that several processes use as they would a server: changes come later than the answers. */
export const sharedStore = (parts: (store: Store.Store) => Partial<Store.Store> = () => ({})) => {
  const calls: Array<string> = []
  const inMemory = MemoryStore.make()
  const group = `~*${idOf(1).split(":")[0]}`
  const store: Store.Store = {
    ...inMemory,
    capabilities: { shared: true, changes: true, dependencies: true },
    changes: Stream.concat(Stream.make({ _tag: "Coherent" }), Stream.never),
    changesUnsafe: undefined,
    getUnsafe: undefined,
    // A server loses its markers.
    clear: Effect.andThen(inMemory.clear, inMemory.invalidateTags([group]))
  }
  const counted: Store.Store = {
    ...store,
    acquire: (requests) => {
      calls.push(`acquire ${requests.length}`)
      return store.acquire(requests)
    },
    renew: (ids, ...rest) => {
      calls.push(`renew ${ids.length}`)
      return store.renew(ids, ...rest)
    },
    commit: (requests) => {
      calls.push(`commit ${requests.length}`)
      return store.commit(requests)
    }
  }
  return { layer: Layer.succeed(Store.Store, { ...counted, ...parts(counted) }), store, calls }
}

export const over = (layer: Layer.Layer<Store.Store>, options: CacheLayer.LayerOptions = {}) =>
  Layer.provide(CacheLayer.layer(options), layer)

export type Run = <A, E>(effect: Effect.Effect<A, E, Caching.Caching>) => Effect.Effect<A, E>

/** A process of its own. */
export const process = (layer: Layer.Layer<Caching.Caching, unknown>) =>
  Effect.map(
    Effect.orDie(Layer.build(Layer.fresh(layer))),
    (context): Run => (effect) => Effect.provideContext(effect, context)
  )

/** A shared store, and a process over it. */
export const oneProcess = (parts?: Parameters<typeof sharedStore>[0], options?: CacheLayer.LayerOptions) => {
  const shared = sharedStore(parts)
  return Effect.map(process(over(shared.layer, options)), (here) => ({ ...shared, here }))
}

/** Reads users 0 to count - 1, with a lookup that waits for the gate. */
export const read = (count: number, gate: Effect.Effect<unknown> = Effect.void, text = "old") =>
  Effect.suspend(() => {
    const users = Cached.many(User, (keys) => Effect.as(gate, keys.map(({ id }) => Exit.succeed(`${text} ${id}`))), {
      ...hour
    })
    return users(payloads(count))
  })

export const take = (store: Store.Store, id: number) =>
  singly(store).acquire(idOf(id), { owner: "other", leaseMillis: 1000, rejectedWriteId: undefined, join: false })

export const found = (id: number) => Effect.map(Cached.getOption(key(id)), Option.getOrUndefined)
