/** Changes that are reported while the store is read: the entry that answers may be newer than they are. */
import { describe, expect, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Layer, Queue, Schema, Stream } from "effect"
import { Cached, CacheKey, CacheLayer, type Caching, Store, Strategy } from "effect-cached"
import { MemoryStore } from "effect-cached/memory"
import { settle, start } from "../support/caches.ts"

class User extends CacheKey.Class<User>()("User", {
  payload: { id: Schema.Int },
  success: Schema.String,
  tags: ["users"]
}) {}

const hour = Strategy.ttl({ ttl: "1 hour" })
const key = new User({ id: 1 })

type Reading = (load: Effect.Effect<string>) => Effect.Effect<string, never, Caching.Caching>

const reads: ReadonlyArray<readonly [string, Reading]> = [
  ["a single read", (load) => load.pipe(Cached.ttl({ key, ttl: "1 hour" }))],
  [
    "a bulk read",
    (load) => {
      const users = Cached.many(User, {
        lookup: (keys) => Effect.forEach(keys, () => Effect.exit(load)),
        strategy: hour
      })
      return Effect.flatMap(users([{ id: 1 }]), ([exit]) => Effect.orDie(exit!))
    }
  ]
]

describe.each(reads)("%s", (_, reading) => {
  it.effect.each([
    ["an entry that was stored after an invalidation of its tag", false],
    ["the same where the entry is found instead of a lease", true]
  ])("serves %s, and loads nothing", ([, isLater]) =>
    Effect.gen(function*() {
      const inMemory = MemoryStore.make()
      const changes = yield* Queue.unbounded<Store.Change>()
      const gate = yield* Deferred.make<void>()
      // The next one waits after it was answered.
      let isHeld = false
      const held = <A, E>(effect: Effect.Effect<A, E>) =>
        Effect.suspend(() => {
          if (!isHeld) return effect
          isHeld = false
          return Effect.tap(effect, () => Deferred.await(gate))
        })
      let afterFirst: Effect.Effect<unknown> = Effect.void
      const first = <A, E>(effect: Effect.Effect<A, E>) =>
        Effect.suspend(() => {
          const then = afterFirst
          afterFirst = Effect.void
          return Effect.tap(held(effect), () => then)
        })
      const store: Store.Store = {
        ...inMemory,
        capabilities: { shared: true, changes: true },
        changes: Stream.concat(Stream.make({ _tag: "Coherent" as const }), Stream.fromQueue(changes)),
        changesUnsafe: undefined,
        getUnsafe: undefined,
        getCallback: undefined,
        get: (id, tags) => first(inMemory.get(id, tags)),
        getMany: (ids) => first(inMemory.getMany(ids))
      }
      const over = (store: Store.Store) =>
        Layer.build(Layer.fresh(Layer.provide(CacheLayer.layerWith({}), Layer.succeed(Store.Store, store))))
      const here = yield* over(store)
      let loads = 0
      const load = Effect.sync(() => `loaded ${++loads}`)
      const another = yield* over({
        ...inMemory,
        getUnsafe: undefined,
        changes: Stream.never,
        changesUnsafe: undefined
      })
      const setting = Effect.andThen(Cached.invalidateTag("users"), Cached.set(key, "set", { ttl: "1 hour" })).pipe(
        Effect.provideContext(another),
        Effect.andThen(Effect.sync(() => {
          isHeld = true
        })),
        Effect.orDie
      )
      if (isLater) afterFirst = setting
      else yield* setting
      yield* settle
      const reader = yield* start(Effect.provideContext(reading(load), here))
      yield* settle
      yield* Queue.offer(changes, { _tag: "TagChanged", tag: "users" })
      yield* settle
      yield* Deferred.succeed(gate, undefined)
      expect(yield* Fiber.join(reader)).toBe("set")
      expect(loads).toBe(0)
    }).pipe(Effect.scoped, Effect.orDie))
})
