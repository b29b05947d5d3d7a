/**
 * Reads from a bucket, without a memory tier, beside `AwsClient.fetch` of the package that signs the requests, with
 * `JSON.parse`: processor time of the client a read, fifty at a time; and the longest turn of a clean-up.
 */
import { AwsClient } from "aws4fetch"
import { Effect, Layer, Redacted, Schema } from "effect"
import { Cached, CacheKey, CacheLayer, type Caching } from "effect-cached"
import { Store } from "effect-cached/adapters"
import { ObjectStore } from "effect-cached/objects"
import { FetchHttpClient } from "effect/http"
import { fork } from "node:child_process"
import { fileURLToPath } from "node:url"
import { singly } from "../../../../src/testing/internal/singly.ts"
import { key } from "../../../support/s3.ts"
import { entry } from "../../../support/stored.ts"
import { storeFrom } from "../../../support/storeFrom.ts"
import { inTurn, measure, processNanos, type Subjects, took, turnsOf } from "../measure.ts"
import { User, user } from "../record.ts"

const reads = 500
const ids = Array.from({ length: reads }, (_, i) => `user:${i}`)
const times = { warmup: 4, rounds: 10 }
const many = 100_000

class UserKey extends CacheKey.Class<UserKey>()("User", { payload: { id: Schema.String }, success: User }) {}

interface Told {
  readonly endpoint?: string
  readonly asked?: number
  readonly objects?: number
  readonly copied?: number
}

const child = fork(fileURLToPath(new URL("../objects/server.ts", import.meta.url)), {
  execArgv: ["--conditions=effect-cached-source", "--no-warnings"]
})
let told: Told = {}
child.on("message", (message: Told) => told = { ...told, ...message })

/** Waits for what the server tells. */
const until = (is: () => boolean) =>
  Effect.gen(function*() {
    while (!is()) yield* Effect.sleep(5)
  })

/** The number of requests so far, as the server tells it next. */
const asked = Effect.gen(function*() {
  const { asked: _, ...others } = told
  told = others
  yield* until(() => told.asked !== undefined)
  return told.asked!
})

const program = Effect.gen(function*() {
  yield* until(() => told.endpoint !== undefined)
  const endpoint = told.endpoint!
  const client = new AwsClient({ accessKeyId: key.accessKeyId, secretAccessKey: key.secret, service: "s3" })
  const urlOf = (id: string) => `${endpoint}/cache/raw/${encodeURIComponent(id)}`
  for (const id of ids) {
    yield* Effect.promise(() => client.fetch(urlOf(id), { method: "PUT", body: JSON.stringify(user(id)) }))
  }
  const load: Effect.Effect<typeof User.Type> = Effect.die("it is stored")
  const one: Subjects<(id: string) => Effect.Effect<unknown, unknown, Caching.Caching>> = {
    "GET and JSON.parse": (id) =>
      Effect.promise(async () => JSON.parse(await (await client.fetch(urlOf(id))).text()) as unknown),
    "string key (JSON)": (id) => Cached.ttl(load, id, { ttl: "1 hour" }),
    "key class (JSON, checked by its schema)": (id) => Cached.ttl(load, new UserKey({ id }), { ttl: "1 hour" })
  }
  const options: ObjectStore.Options = {
    bucket: "cache",
    endpoint,
    credentials: { accessKeyId: key.accessKeyId, secretAccessKey: Redacted.make(key.secret) },
    prefix: "bench",
    tagStaleness: "5 seconds"
  }
  const open = (more: Partial<ObjectStore.Options> = {}) =>
    Effect.provide(storeFrom(ObjectStore.layer({ ...options, ...more })), FetchHttpClient.layer)
  const cache = CacheLayer.layer({ memory: false, storeTimeout: "10 seconds" }).pipe(
    Layer.provide(Layer.effect(Store.Store, open()))
  )
  const rows = yield* Effect.gen(function*() {
    for (const id of ids) {
      yield* Cached.set(id, user(id), { ttl: "1 hour" })
      yield* Cached.set(new UserKey({ id }), user(id), { ttl: "1 hour" })
    }
    const context = yield* Effect.context<Caching.Caching>()
    const before = yield* asked
    const rows = yield* inTurn(one, times, (read) => {
      const all = Effect.forEach(ids, read, { concurrency: 50, discard: true })
      return took(Effect.provideContext(all, context), reads, processNanos)
    })
    // A hit is one request. The version of a key class is asked for now and then.
    const count = (yield* asked) - before
    const expected = Object.keys(one).length * (times.warmup + times.rounds) * reads
    if (count < expected || count > expected + 100) throw new Error(`${count} requests, not ${expected}`)
    return rows
  }).pipe(Effect.provide(cache))

  const store = yield* open({ prefix: "tidy" })
  yield* singly(store).set("n", entry(1, 200))
  child.send({ name: "/n", copies: many })
  yield* until(() => told.copied === many)
  const { longest } = yield* turnsOf(Effect.gen(function*() {
    // All of them are of a former era, which the first clean-up removes, a minute after the store has opened.
    yield* store.clear
    yield* until(() => told.objects! < many / 5)
  }))
  return [...rows, { name: "a clean-up of 100,000 entries: longest turn", value: longest }]
})

await measure(program)
