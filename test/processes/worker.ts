/** A process that uses a cache as its parent requests: see `processes.ts`. */
import { Cause, Effect, Exit, Layer, ManagedRuntime, Redacted, Schema, Stream } from "effect"
import { Cached, CacheKey, CacheLayer, type Caching } from "effect-cached"
import { Store } from "effect-cached/adapters"
import { ObjectStore } from "effect-cached/objects"
import { PgStore } from "effect-cached/postgres"
import { RedisStore } from "effect-cached/redis"
import { SqliteStore } from "effect-cached/sqlite"
import { FetchHttpClient } from "effect/http"
import { key as keyOfBucket } from "../support/s3.ts"
import { storeFrom } from "../support/storeFrom.ts"
import type { Answers, Load, Message, OpenOptions } from "./processes.ts"
import { clock, recorded, type Recorder, recorder } from "./recording.ts"

const name = process.argv[2]!
let runtime: ManagedRuntime.ManagedRuntime<Caching.Caching, unknown> | undefined
let log: Recorder
let loads = 0

const open = async (
  { options: { missesChanges = false, directory, file, maxSize, objects, postgres, redis, ...options } }: {
    readonly options: OpenOptions
  }
): Promise<void> => {
  log = recorder(file, name)
  const prefix = directory.slice(-100)
  const { storeTimeout } = options
  const timed = storeTimeout === undefined ? {} : { storeTimeout }
  const store = objects !== undefined
    ? Effect.provide(
      storeFrom(ObjectStore.layer({
        ...objects,
        bucket: "cache",
        credentials: { accessKeyId: keyOfBucket.accessKeyId, secretAccessKey: Redacted.make(keyOfBucket.secret) },
        prefix: prefix.slice(-50).replaceAll("/", "_")
      })),
      FetchHttpClient.layer
    )
    : postgres !== undefined
    ? storeFrom(PgStore.layer({ ...postgres, schema: prefix.slice(-50).replaceAll(".", "_") }))
    : redis === undefined
    ? storeFrom(SqliteStore.layer({ directory, ...timed, ...maxSize === undefined ? {} : { maxSize } }))
    : "url" in redis
    ? storeFrom(RedisStore.layer({ ...redis, ...timed, prefix, connect: "required" }))
    : storeFrom(RedisStore.layer({ ...redis, ...timed, prefix, connect: "required" }))
  const stores = Layer.effect(
    Store.Store,
    Effect.map(store, (inner) => {
      const store = recorded(inner, log)
      if (!missesChanges || !store.capabilities.changes) return store
      const nothing = Stream.concat(Stream.succeed<Store.Change>({ _tag: "Coherent" }), Stream.never)
      return { ...store, changesUnsafe: store.changesUnsafe && (() => []), changes: nothing }
    })
  )
  runtime = ManagedRuntime.make(
    Layer.provide(CacheLayer.layer({ defaults: { waitForWrite: true }, ...options }), stores)
  )
  await runtime.context()
}

/** Keeps the event loop from everything else. */
const block = (millis: number): void => {
  const end = clock() + millis
  while (clock() < end);
}

const load = (
  id: string,
  { blockMillis = 0, needs, outcome = "value", sleepMillis = 0, size = 0 }: Load
): Effect.Effect<string, string, Caching.Caching> =>
  Effect.gen(function*() {
    const value = `${name} ${++loads}${"x".repeat(size)}`
    log.write("load", { id, value: value.slice(0, 40) })
    yield* Effect.sleep(sleepMillis)
    block(blockMillis)
    if (needs !== undefined) {
      yield* load(needs.key, needs.load).pipe(
        Cached.softTtl(needs.key, { ttl: "1 hour", softTtl: "59 minutes", fallbackOn: "all" })
      )
    }
    log.write("loaded", { id, value: value.slice(0, 40) })
    if (outcome === "defect") return yield* Effect.die(new Error("a defect"))
    return outcome === "failure" ? yield* Effect.fail("failed") : value
  })

class Row
  extends CacheKey.Class<Row>()("Row", { payload: { n: Schema.Int }, success: Schema.String, tags: ["rows"] })
{}

const payload = { id: Schema.String }
class OldUser extends CacheKey.Class<OldUser>()("User", { payload, success: Schema.String }) {}
class NewUser extends CacheKey.Class<NewUser>()("User", { payload, success: Schema.String, error: Schema.Int }) {}
class NextUser extends CacheKey.Class<NextUser>()("User", { payload, success: Schema.String, version: "next" }) {}
const users: Record<string, new(input: { readonly id: string }) => OldUser | NewUser | NextUser> = {
  old: OldUser,
  new: NewUser,
  next: NextUser
}

/** A user of one release, for `old user 1`, or the string key itself. */
const keyOf = (key: string) => {
  const [, release, id] = /^(old|new|next) user (.*)$/.exec(key) ?? []
  return release === undefined ? key : new users[release]!({ id: id! })
}

/** Loads rows in one call, and writes which ones. */
const rowsOf = (sleepMillis: number) =>
  Cached.many(Row, (rows) =>
    Effect.gen(function*() {
      log.write("load", { rows: rows.map(({ n }) => n) })
      yield* Effect.sleep(sleepMillis)
      return rows.map(({ n }) => Exit.succeed(`${name} ${n}`))
    }), { ttl: "1 hour" })

const commands: { readonly [K in keyof Answers]: (message: Extract<Message, { do: K }>) => Promise<Answers[K]> } = {
  open,
  read: async ({ callers = 1, key, load: how = {}, options }) => {
    const one = load(key, how).pipe(
      Cached.softTtl(keyOf(key) as string, { ttl: "1 hour", softTtl: "59 minutes", ...options, fallbackOn: "all" }),
      Effect.catchCause((cause) => Effect.succeed(`no value: ${String(Cause.squash(cause))}`))
    )
    const at = clock()
    const all = Effect.all(Array<typeof one>(callers).fill(one), { concurrency: "unbounded" })
    // Closing the cache interrupts its callers.
    const values = await runtime!.runPromise(all).catch(() => ["no value: interrupted"])
    return { served: values.length, values: Array.from(new Set(values)), millis: clock() - at }
  },
  readMany: async ({ count, sleepMillis = 0 }) => {
    const at = clock()
    const exits = await runtime!.runPromise(rowsOf(sleepMillis)(Array.from({ length: count }, (_, n) => ({ n }))))
    const values = exits.map((exit) => Exit.isSuccess(exit) ? exit.value : "no value")
    return { values, millis: clock() - at }
  },
  setMany: ({ numbers, value }) =>
    runtime!.runPromise(Effect.asVoid(Cached.setMany(numbers.map((n) => [new Row({ n }), value] as const)))),
  watch: async ({ everyMillis = 5, key, millis }) => {
    const seen: Array<readonly [at: number, value: string]> = []
    const end = clock() + millis
    const one = load(key, {}).pipe(Cached.ttl(key, { ttl: "1 hour" }), Effect.orDie)
    await runtime!.runPromise(
      Effect.gen(function*() {
        while (clock() < end) {
          const at = clock()
          seen.push([at, yield* one])
          yield* Effect.sleep(everyMillis)
        }
      })
    )
    return seen
  },
  set: ({ key, value }) => runtime!.runPromise(Effect.asVoid(Cached.set(keyOf(key) as string, value))),
  invalidate: async ({ key }) => {
    await runtime!.runPromise(Cached.invalidate(keyOf(key)))
    return clock()
  },
  invalidateTag: async ({ tag }) => {
    await runtime!.runPromise(Cached.invalidate({ tag }))
    return clock()
  },
  stats: () => runtime!.runPromise(Cached.stats),
  block: async ({ millis }) => block(millis),
  close: async () => {
    await runtime?.dispose()
    runtime = undefined
  }
}

process.on("message", async (message: Message & { readonly number: number }) => {
  const command = commands[message.do] as (message: Message) => Promise<unknown>
  const answer = await command(message).then(
    (answer) => ({ answer }),
    (error) => ({ error: String(error?.stack ?? error) })
  )
  process.send?.({ number: message.number, ...answer })
})
// With nothing left to do it ends by itself.
process.on("disconnect", () => void runtime?.dispose())
process.send!({ number: 0 })
