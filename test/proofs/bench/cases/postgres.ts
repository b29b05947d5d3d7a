/**
 * Reads from PostgreSQL, without a memory tier, beside the plain client with `JSON.parse`: processor time of the client
 * a read, fifty at a time; time a key, 10,000 in one call. A miss loads at once and stores what it loaded.
 */
import { PgClient } from "@effect/sql-pg"
import { Effect, Exit, Layer, Redacted, Schema } from "effect"
import { Cached, CacheKey, CacheLayer } from "effect-cached"
import { SqlClient } from "effect/sql"
import { startPostgres } from "../../../support/postgres.ts"
import { inTurn, measure, nanos, processNanos, type Subjects, took } from "../measure.ts"
import { User, user } from "../record.ts"

const reads = 2000
const bulk = 10_000
const ids = Array.from({ length: bulk }, (_, i) => `user:${i}`)

class UserKey extends CacheKey.Class<UserKey>()("User", { payload: { id: Schema.String }, success: User }) {}

const server = await startPostgres()
const program = Effect.gen(function*() {
  const sql = yield* SqlClient.SqlClient
  yield* sql.unsafe("CREATE TABLE raw (id text PRIMARY KEY, value text NOT NULL)")
  yield* sql.unsafe("INSERT INTO raw SELECT * FROM unnest($1::text[], $2::text[])", [
    ids,
    ids.map((id) => JSON.stringify(user(id)))
  ])
  const users = Cached.many(UserKey, (keys) => Effect.succeed(keys.map(({ id }) => Exit.succeed(user(id)))), {
    ttl: "1 hour"
  })
  yield* Cached.setMany(ids.map((id): readonly [string, unknown] => [id, user(id)]), { ttl: "1 hour" })
  yield* users(ids.map((id) => ({ id })))
  const load: Effect.Effect<typeof User.Type> = Effect.die("it is stored")
  const each = (one: (id: string) => Effect.Effect<unknown, any, any>) =>
    [Effect.forEach(ids.slice(0, reads), one, { concurrency: 50, discard: true }), reads] as const
  let fresh = 0
  const all: Subjects<readonly [Effect.Effect<unknown, any, any>, number]> = {
    "SELECT and JSON.parse": each((id) =>
      Effect.map(
        sql.unsafe("SELECT value FROM raw WHERE id = $1", [id]).values,
        ([row]) => JSON.parse(String(row![0]))
      )
    ),
    "string key (JSON)": each((id) => Cached.ttl(load, id, { ttl: "1 hour" })),
    "key class (JSON, checked by its schema)": each((id) => Cached.ttl(load, new UserKey({ id }), { ttl: "1 hour" })),
    "SELECT of nothing": each(() => sql.unsafe("SELECT value FROM raw WHERE id = $1", [`fresh:${++fresh}`]).values),
    "miss, string key": each((id) => Cached.ttl(Effect.succeed(user(id)), `fresh:${++fresh}`, { ttl: "1 hour" })),
    "SELECT = ANY and JSON.parse": [
      Effect.map(
        sql.unsafe("SELECT id, value FROM raw WHERE id = ANY($1::text[])", [ids]).values,
        (rows) => new Map(rows.map(([id, value]) => [id, JSON.parse(String(value))]))
      ),
      bulk
    ],
    "Cached.getMany, 10,000 keys": [Cached.getMany(ids), bulk]
  }
  const context = yield* Effect.context<never>()
  // The server does most of the work of a large query.
  return yield* inTurn(
    all,
    { warmup: 5, rounds: 15 },
    ([effect, count]) => took(Effect.provideContext(effect, context), count, count === bulk ? nanos : processNanos)
  )
})
const client = PgClient.layer({ url: Redacted.make(server.url) })
const cache = CacheLayer.sql({ memory: false, storeTimeout: "10 seconds" }).pipe(Layer.provideMerge(client))
const ended = Effect.ensuring(Effect.scoped(Effect.provide(program, cache)), Effect.promise(server.end))
await measure(ended as Effect.Effect<unknown>)
