/** Answers of a bulk lookup beyond the asked keys, over Redis: other processes have them, and no change is undone. */
import { afterAll, beforeAll, describe, expect, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, Layer, Option, Schema } from "effect"
import { Cached, CacheKey, CacheLayer, type Caching } from "effect-cached"
import { isMissing } from "../support/needs.ts"
import { freshPrefix, program, type RedisCluster, type Server, startCluster, startServer } from "../support/redis.ts"

class User extends CacheKey.Class<User>()("User", {
  payload: { id: Schema.Int },
  success: Schema.String,
  indexes: ["id"],
  tags: ["users"]
}) {}

/** On a machine under load, a server may count as far. */
const defaults = { waitForWrite: true }

const timeout = 120_000
const key = (id: number) => new User({ id })

type Run = <A, E>(effect: Effect.Effect<A, E, Caching.Caching>) => Effect.Effect<A, E>

const process = (layer: Layer.Layer<Caching.Caching, unknown>) =>
  Effect.map(Layer.build(Layer.fresh(layer)), (context): Run => (effect) => Effect.provideContext(effect, context))

/** Reads user 1 with a lookup that answers these users too, after the gate is open. */
const readOne = (unasked: ReadonlyArray<number>, gate: Effect.Effect<unknown> = Effect.void) =>
  Effect.suspend(() => {
    const users = Cached.many(User, (keys) =>
      Effect.as(
        gate,
        new Map([...keys.map(({ id }) => id), ...unasked].map((id) => [key(id), Exit.succeed(`old ${id}`)]))
      ), { ttl: "1 hour" })
    return users([{ id: 1 }])
  })

const found = (id: number) => Effect.map(Cached.getOption(key(id)), Option.getOrUndefined)

/** The value that a process with an empty memory finds, once it differs from `before` or a second has passed. */
const foundLater = (layer: Layer.Layer<Caching.Caching, unknown>, id: number, before: string | undefined) =>
  Effect.scoped(Effect.gen(function*() {
    const run = yield* process(layer)
    let last = before
    for (let i = 0; i < 20 && (last = yield* run(found(id))) === before; i++) yield* Effect.sleep("50 millis")
    return last
  }))

/** A process that follows the changes of the server: its answers beyond the asked keys are stored. */
const following = Effect.fnUntraced(function*(layer: Layer.Layer<Caching.Caching, unknown>) {
  const run = yield* process(layer)
  for (let id = 1000; id < 1020; id++) {
    yield* run(Cached.invalidate(key(1)))
    yield* run(readOne([id]))
    if (id === 1000) yield* Effect.sleep("300 millis")
    else if ((yield* foundLater(layer, id, undefined)) !== undefined) break
  }
  yield* run(Cached.invalidate(key(1)))
  return run
})

describe.skipIf(isMissing(program))("over a server", () => {
  let server: Server
  beforeAll(async () => {
    server = await startServer()
  })
  afterAll(() => server.end())
  const layerOf = () => CacheLayer.redis({ url: server.url, prefix: freshPrefix(), connect: "required", defaults })

  it.live("AI-18 · another process finds them, with their tags", () =>
    Effect.gen(function*() {
      const layer = layerOf()
      const here = yield* following(layer)
      yield* here(readOne(Array.from({ length: 500 }, (_, i) => i + 2)))
      expect(yield* foundLater(layer, 2, undefined)).toBe("old 2")
      expect(yield* foundLater(layer, 501, undefined)).toBe("old 501")
      yield* here(Cached.invalidate({ where: [User, { id: 2 }] }))
      expect(yield* Effect.scoped(Effect.flatMap(process(layer), (run) => run(found(2))))).toBe(undefined)
      expect((yield* here(Cached.stats)).storeFailures).toBe(0)
    }).pipe(Effect.scoped), timeout)

  const changes = [
    ["removed", Cached.invalidate(key(2)), undefined],
    ["invalidated by its tag", Cached.invalidate({ tag: "users" }), undefined],
    ["invalidated by its field", Cached.invalidate({ where: [User, { id: 2 }] }), undefined],
    ["invalidated by a pattern", Cached.remove({ matching: `${CacheKey.id(key(2))}*` }), undefined],
    ["cleared", Cached.clear, undefined],
    ["set", Cached.set(key(2), "new"), "new"],
    ["set and removed", Effect.andThen(Cached.set(key(2), "new"), Cached.remove(key(2))), undefined]
  ] as const

  it.live.each(changes)(
    "P2 · does not come back where it is %s by another process during the call",
    ([, change, after]) =>
      Effect.gen(function*() {
        const layer = layerOf()
        const here = yield* process(layer)
        const there = yield* process(layer)
        const gate = yield* Deferred.make<void>()
        const begun = yield* Deferred.make<void>()
        const reading = yield* Effect.forkChild(
          here(readOne([2], Effect.andThen(Deferred.succeed(begun, undefined), Deferred.await(gate))))
        )
        yield* Deferred.await(begun)
        yield* there(change)
        // At once: the report of the change is on its way.
        yield* Deferred.succeed(gate, undefined)
        yield* Fiber.join(reading)
        yield* Effect.sleep("300 millis")
        expect(yield* foundLater(layer, 2, after)).toBe(after)
      }).pipe(Effect.scoped),
    timeout
  )
})

describe.skipIf(isMissing(program))("over a cluster", () => {
  let cluster: RedisCluster
  beforeAll(async () => {
    cluster = await startCluster()
  }, timeout)
  afterAll(() => cluster.end())

  it.live("they stay in memory: no marker of a group ends with a removal", () =>
    Effect.gen(function*() {
      const layer = CacheLayer.redis({
        nodes: cluster.nodes,
        prefix: freshPrefix(),
        connect: "required",
        defaults
      })
      const here = yield* process(layer)
      // Until its changes are followed, anything may have changed during a call.
      yield* Effect.sleep("1 second")
      yield* here(readOne([2]))
      expect(yield* here(found(2))).toBe("old 2")
      expect(yield* foundLater(layer, 2, undefined)).toBe(undefined)
    }).pipe(Effect.scoped), timeout)
})
