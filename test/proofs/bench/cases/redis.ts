/**
 * Reads from Redis, without a memory tier: processor time of the client a read, fifty at a time, beside the plain
 * client with `JSON.parse` and `Persistence` of Effect. A miss loads at once and stores what it loaded.
 */
import * as NodeRedis from "@effect/platform-node/NodeRedis"
import { Effect, Exit, Layer, Schema } from "effect"
import { Cached, CacheKey, CacheLayer } from "effect-cached"
import { Persistence } from "effect/persistence"
import { createClient } from "redis"
import { inTurn, measure, processNanos, startRedis, type Subjects, took } from "../measure.ts"
import { User, user } from "../record.ts"

const reads = 2000
const ids = Array.from({ length: reads }, (_, i) => `user:${i}`)

class UserKey extends CacheKey.Class<UserKey>()("User", { payload: { id: Schema.String }, success: User }) {}

const concurrency = 50
const times = { warmup: 20, rounds: 20 }

const isSlow = (name: string) => name.startsWith("Effect")

const url = await startRedis()
const client = createClient({ url })
await client.connect()
for (const id of ids) await client.set(id, JSON.stringify(user(id)))

const load: Effect.Effect<typeof User.Type> = Effect.die("it is stored")

const program = Effect.gen(function*() {
  const persistence = yield* (yield* Persistence.Persistence).make({ storeId: "users" })
  for (const id of ids) {
    yield* Cached.ttl(Effect.succeed(user(id)), id, { ttl: "1 hour" })
    yield* Cached.ttl(Effect.succeed(user(id)), new UserKey({ id }), { ttl: "1 hour" })
  }
  for (const id of ids) yield* persistence.set(new UserKey({ id }), Exit.succeed(user(id)))
  const decode = Schema.decodeUnknownSync(User)
  let fresh = 0
  const one: Subjects<(id: string) => Effect.Effect<unknown, unknown, never>> = {
    "GET and JSON.parse": (id) => Effect.promise(async () => JSON.parse((await client.get(id))!)),
    "GET, JSON.parse and the schema": (id) => Effect.promise(async () => decode(JSON.parse((await client.get(id))!))),
    "string key (JSON)": (id) => Cached.ttl(load, id, { ttl: "1 hour" }) as never,
    "key class (JSON, checked by its schema)": (id) =>
      Cached.ttl(load, new UserKey({ id }), { ttl: "1 hour" }) as never,
    "GET and SET": (id) =>
      Effect.promise(async () => {
        const key = `raw:${++fresh}`
        if ((await client.get(key)) !== null) throw new Error(`${key} is stored`)
        await client.set(key, JSON.stringify(user(id)))
      }),
    "miss, string key": (id) => Cached.ttl(Effect.succeed(user(id)), `fresh:${++fresh}`, { ttl: "1 hour" }) as never,
    "Effect Persistence": (id) => persistence.get(new UserKey({ id }))
  }
  const context = yield* Effect.context<never>()
  const rows = yield* inTurn(one, times, (read, _, name) => {
    const count = isSlow(name) ? reads / 4 : reads
    const all = Effect.forEach(ids.slice(0, count), read, { concurrency, discard: true })
    return took(Effect.provide(all, context), count, processNanos)
  })
  const stats = yield* Cached.stats
  if (stats.storeHits < (times.warmup + times.rounds) * 2 * reads) {
    throw new Error(`only ${stats.storeHits} hits`)
  }
  return rows
})

const persistence = Persistence.layerRedis.pipe(Layer.provide(NodeRedis.layer({ url })))
const cache = CacheLayer.redis({ url, memory: false, storeTimeout: "10 seconds", connect: "required" })
await measure(program.pipe(Effect.provide([cache, persistence])))
