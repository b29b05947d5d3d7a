/** A hit on disk, without a memory tier, beside `node:sqlite` and `JSON.parse` of the same record. */
import { Effect, Schema } from "effect"
import { Cached, CacheKey, CacheLayer } from "effect-cached"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { type Body, measure, temporaryFolder, timeCalls } from "../measure.ts"
import { User, user } from "../record.ts"

const keys = 1000
const ids = Array.from({ length: keys }, (_, i) => `user:${i}`)
const idOf = (i: number): string => ids[i % keys]!

class UserKey extends CacheKey.Class<UserKey>()("User", { payload: { id: Schema.String }, success: User }) {}

const calls = 1000
const warmup = 20
const rounds = 60

const directory = temporaryFolder()

const openRaw = () => {
  const database = new DatabaseSync(join(directory, "raw.db"))
  database.exec("PRAGMA journal_mode = WAL; CREATE TABLE record (id TEXT PRIMARY KEY, value TEXT NOT NULL)")
  const insert = database.prepare("INSERT INTO record VALUES (?, ?)")
  for (const id of ids) insert.run(id, JSON.stringify(user(id)))
  return database
}

const program = Effect.gen(function*() {
  const raw = openRaw()
  const select = raw.prepare("SELECT value FROM record WHERE id = ?")
  const load: Effect.Effect<typeof User.Type> = Effect.die("it is stored")
  for (const id of ids) {
    yield* Cached.ttl(Effect.succeed(user(id)), id, { ttl: "1 hour" })
    yield* Cached.ttl(Effect.succeed(user(id)), new UserKey({ id }), { ttl: "1 hour" })
  }
  const subjects: { readonly [name: string]: Body } = {
    "node:sqlite and JSON.parse": (i) => Effect.sync(() => JSON.parse(select.get(idOf(i))!["value"] as string)),
    "string key (JSON)": (i) => Cached.ttl(load, idOf(i), { ttl: "1 hour" }),
    "key class (JSON, checked by its schema)": (i) => Cached.ttl(load, new UserKey({ id: idOf(i) }), { ttl: "1 hour" })
  }
  const rows = yield* timeCalls(subjects, { calls, warmup, rounds })
  const stats = yield* Cached.stats
  if (stats.storeHits !== 2 * calls * (warmup + rounds)) throw new Error(`only ${stats.storeHits} hits`)
  return rows
})

await measure(program.pipe(Effect.provide(CacheLayer.disk({ directory: join(directory, "cache"), memory: false }))))
