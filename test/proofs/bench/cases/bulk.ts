/**
 * Many keys at once, nanoseconds a key: through `Cached.many`, `setMany` and `remove`, beside the same rows raw,
 * and the longest turn of the event loop meanwhile. The argument names the storage.
 */
import { Effect, Exit, Schema } from "effect"
import { Cached, CacheKey, CacheLayer, type Caching } from "effect-cached"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { SQLInputValue } from "node:sqlite"
import { createClient } from "redis"
import { inTurn, nanos, print, processorMillis, type Row, watchTurns } from "../measure.ts"
import { hour, openRaw, writerOf } from "../rawTables.ts"
import * as Redis from "../redis.ts"

const [storage, times] = process.argv.slice(2)
const keys = 100_000
const rounds = { warmup: 1, rounds: Number(times ?? 3) }
/** The rows of a transaction, and of a pipeline. */
const chunk = 256

const Product = Schema.Struct({ name: Schema.String, price: Schema.Number, text: Schema.String })
class ProductKey extends CacheKey.Class<ProductKey>()("Product", {
  payload: { id: Schema.Int },
  success: Product
}) {}

const text = "a description of some two hundred and forty letters, as they are in a catalogue; ".repeat(3)
const product = (id: number): typeof Product.Type => ({ name: `product ${id}`, price: id / 100, text })

const strategy = { ttl: "1 hour" } as const
const lookup = (all: ReadonlyArray<ProductKey>) => Effect.succeed(all.map(({ id }) => Exit.succeed(product(id))))
const products = Cached.many(ProductKey, lookup, strategy)
const one = Cached.fn(ProductKey, ({ id }) => Effect.succeed(product(id)), strategy)

/** Payloads that no earlier round has asked for. */
let asked = 0
const fresh = (count = keys): ReadonlyArray<{ readonly id: number }> => {
  asked += count
  return Array.from({ length: count }, (_, i) => ({ id: asked - i }))
}

const idOf = ({ id }: { readonly id: number }): string => `Product@01234567:${id}`

/** The results of the last raw reads, kept like those of `Cached.many`: keeping them is most of the work. */
let kept: Array<unknown> = []

/** Nanoseconds a key, in time or in processor time. */
const perKey = Effect.fnUntraced(function*<E, R>(effect: Effect.Effect<unknown, E, R>, count = keys, now = nanos) {
  const start = now()
  yield* effect
  return (now() - start) / count
})

const processorNanos = () => processorMillis() * 1e6

type Subjects = { readonly [name: string]: () => Effect.Effect<number, any, Caching.Caching> }

const take = (subjects: Subjects) => inTurn({ subjects: Object.keys(subjects), ...rounds }, (name) => subjects[name]!())

/** Runs subjects of ours, and keeps the longest turn of all. */
const makeTurns = () => {
  let longest = 0
  let own = 0
  const watched = Effect.fnUntraced(function*<A, E, R>(effect: Effect.Effect<A, E, R>) {
    const turns = watchTurns()
    yield* Effect.sleep(1)
    turns.longest()
    const answer = yield* effect
    yield* Effect.sleep(1)
    const taken = turns.longest()
    longest = Math.max(longest, taken.longest)
    own = Math.max(own, taken.own)
    turns.end()
    return answer
  })
  const rows = (name: string): ReadonlyArray<Row> => [
    { name: `${name}, longest turn`, value: longest * 1e6 },
    { name: `${name}, longest turn without collections`, value: own * 1e6 }
  ]
  return { watched, rows }
}

const chunksOf = <A>(all: ReadonlyArray<A>): ReadonlyArray<ReadonlyArray<A>> =>
  Array.from({ length: Math.ceil(all.length / chunk) }, (_, i) => all.slice(i * chunk, (i + 1) * chunk))

const inMemory = Effect.gen(function*() {
  const { rows, watched } = makeTurns()
  const layer = () => CacheLayer.memory({ capacity: 2 * keys })
  const oneByOne = (payloads: ReadonlyArray<{ readonly id: number }>) =>
    Effect.gen(function*() {
      for (const payload of payloads) yield* one(payload)
    })
  const hits = (read: Effect.Effect<unknown, never, Caching.Caching>) =>
    Effect.provide(Effect.andThen(read, watched(perKey(read))), layer())
  const measured = yield* take({
    "memory: Cached.many, cold": () => Effect.provide(watched(perKey(products(fresh()))), layer()),
    "memory: Cached.fn one by one, cold": () => Effect.provide(perKey(oneByOne(fresh())), layer()),
    "memory: Cached.many, hits": () => hits(products(fresh())),
    "memory: Cached.fn one by one, hits": () => {
      const payloads = fresh()
      const read = oneByOne(payloads)
      return Effect.provide(Effect.andThen(read, perKey(read)), layer())
    }
  })
  return [...measured, ...rows("memory")]
})

const makeRaw = (file: string) => {
  const database = openRaw(file)
  const marks = Array.from({ length: chunk }, () => "?").join(",")
  const select = database.prepare(`SELECT id, frame FROM entry WHERE id IN (${marks})`)
  const erase = database.prepare("DELETE FROM entry WHERE id = ?")
  const { change, insert, transaction, write } = writerOf(database)
  const padded = (ids: ReadonlyArray<string>): Array<SQLInputValue> =>
    Array.from({ length: chunk }, (_, i) => ids[i] ?? null)
  return {
    close: () => database.close(),
    read: (ids: ReadonlyArray<string>) => select.all(...padded(ids)),
    store: (payloads: ReadonlyArray<{ readonly id: number }>) => {
      const now = Date.now()
      transaction(() => payloads.forEach((payload) => write(idOf(payload), product(payload.id), now)))
    },
    storeJson: (payloads: ReadonlyArray<{ readonly id: number }>) =>
      transaction(() => {
        for (const payload of payloads) {
          insert.run(idOf(payload), Buffer.from(JSON.stringify(product(payload.id))), hour)
        }
      }),
    remove: (ids: ReadonlyArray<string>) =>
      transaction(() => {
        for (const id of ids) {
          erase.run(id)
          change.run(id)
        }
      })
  }
}

const decoder = new TextDecoder()

const onDisk = (directory: string) =>
  Effect.gen(function*() {
    const { rows, watched } = makeTurns()
    const raw = makeRaw(join(directory, "raw.db"))
    const layer = (memory?: false) =>
      CacheLayer.disk({ directory: join(directory, "cache"), ...memory === false && { memory } })
    const inChunks = <A>(all: ReadonlyArray<A>, each: (some: ReadonlyArray<A>) => void) =>
      Effect.gen(function*() {
        for (const some of chunksOf(all)) {
          each(some)
          yield* Effect.yieldNow
        }
      })
    const rawHits = fresh()
    yield* inChunks(rawHits, raw.storeJson)
    const ourHits = fresh()
    const toEntries = (payloads: ReadonlyArray<{ readonly id: number }>) =>
      payloads.map(({ id }) => [products.key({ id }), product(id)] as const)
    let storedRaw: ReadonlyArray<{ readonly id: number }> = []
    let stored: ReadonlyArray<{ readonly id: number }> = []
    yield* Effect.provide(products(ourHits), layer())
    const measured = yield* take({
      "disk: raw, cold": () => {
        const payloads = fresh()
        return perKey(inChunks(payloads, (some) => {
          raw.read(some.map(idOf))
          raw.store(some)
        }))
      },
      "disk: Cached.many, cold": () => watched(perKey(products(fresh()))),
      "disk: raw, hits": () => {
        kept = []
        return perKey(inChunks(rawHits, (some) => {
          for (const { frame } of raw.read(some.map(idOf))) {
            kept.push(Exit.succeed(JSON.parse(decoder.decode(frame as Uint8Array))))
          }
        }))
      },
      "disk: Cached.many, hits": () => Effect.provide(watched(perKey(products(ourHits))), layer(false)),
      "disk: raw, set": () => perKey(inChunks(storedRaw = fresh(), raw.store)),
      "disk: Cached.setMany": () => {
        const entries = toEntries(stored = fresh())
        return watched(perKey(Cached.setMany(entries, { ttl: "1 hour" })))
      },
      "disk: raw, remove": () => perKey(inChunks(storedRaw.map(idOf), raw.remove)),
      "disk: Cached.remove of many": () => {
        const removed = stored.map((payload) => products.key(payload))
        return watched(perKey(Cached.remove(removed)))
      }
    }).pipe(Effect.provide(layer()))
    raw.close()
    return [...measured, ...rows("disk")]
  })

const onRedis = (url: string) =>
  Effect.gen(function*() {
    const client = createClient({ url })
    yield* Effect.promise(() => client.connect())
    const { rows, watched } = makeTurns()
    // On a busy machine the server may answer late, and a call that no longer asks it would look quick.
    const options = { url, connect: "required", storeTimeout: "1 minute" } as const
    const layer = (memory?: false) => CacheLayer.redis({ ...options, ...memory === false && { memory } })
    const encode = Schema.encodeUnknownSync(Product)
    const decode = Schema.decodeUnknownSync(Product)
    const measure = <E, R>(effect: Effect.Effect<unknown, E, R>) => perKey(effect, keys, processorNanos)
    const inChunks = <A>(all: ReadonlyArray<A>, each: (some: ReadonlyArray<A>) => Promise<unknown>) =>
      Effect.forEach(chunksOf(all), (some) => Effect.promise(() => each(some)), { concurrency: 8, discard: true })
    const store = (payloads: ReadonlyArray<{ readonly id: number }>) =>
      Promise.all(
        payloads.map((payload) => client.set(idOf(payload), JSON.stringify(encode(product(payload.id))), { PX: hour }))
      )
    const rawHits = fresh()
    yield* inChunks(rawHits, store)
    const ourHits = fresh()
    yield* Effect.provide(products(ourHits), layer())
    type Around = <E, R>(effect: Effect.Effect<number, E, R>) => Effect.Effect<number, E, R>
    const ours = (around: Around): Subjects => ({
      "redis: Cached.many, cold": () => around(measure(products(fresh()))),
      "redis: Cached.many, hits": () => Effect.provide(around(measure(products(ourHits))), layer(false)),
      "redis: Cached.setMany": () => {
        const entries = fresh().map(({ id }) => [products.key({ id }), product(id)] as const)
        return around(measure(Cached.setMany(entries, { ttl: "1 hour" })))
      }
    })
    const measured = yield* take({
      "redis: raw, cold": () => {
        const payloads = fresh()
        return measure(inChunks(payloads, async (some) => {
          await client.mGet(some.map(idOf))
          await store(some)
        }))
      },
      "redis: raw, hits": () => {
        kept = []
        return measure(inChunks(rawHits, async (some) => {
          for (const json of await client.mGet(some.map(idOf))) kept.push(Exit.succeed(decode(JSON.parse(json!))))
        }))
      },
      "redis: raw, set": () => measure(inChunks(fresh(), store)),
      ...ours((effect) => effect)
    }).pipe(Effect.provide(layer()))
    // The turns are watched apart: watching takes processor time for as long as the server does not answer.
    const watching = Effect.forEach(Object.values(ours(watched)), (run) => run(), { discard: true })
    yield* Effect.provide(watching, layer())
    client.destroy()
    return [...measured, ...rows("redis")]
  })

/** 50,000 single loads at once, beside as many fibers that sleep. */
const atOnce = (directory: string) =>
  Effect.gen(function*() {
    const count = 50_000
    const longestOf = Effect.fnUntraced(function*<E, R>(effect: Effect.Effect<unknown, E, R>) {
      const turns = watchTurns()
      yield* Effect.sleep(1)
      turns.longest()
      yield* effect
      // The turn in which the effect ends counts, too.
      yield* Effect.sleep(1)
      const { longest } = turns.longest()
      turns.end()
      return longest * 1e6
    })
    const loads = () =>
      Effect.forEach(fresh(count), (payload) => one(payload), { concurrency: "unbounded", discard: true })
    const sleeps = Effect.forEach(fresh(count), () => Effect.sleep(1), { concurrency: "unbounded", discard: true })
    const measured = yield* take({
      "50,000 fibers that sleep, longest turn": () => longestOf(sleeps),
      "50,000 loads at once in memory, longest turn": () =>
        Effect.provide(longestOf(loads()), CacheLayer.memory({ capacity: 2 * count })),
      "50,000 loads at once on disk, longest turn": () =>
        Effect.provide(longestOf(loads()), CacheLayer.disk({ directory }))
    })
    return [...measured, { name: "20 ms", value: 20e6 }]
  })

const growth = (directory: string) =>
  Effect.gen(function*() {
    const rows: Array<Row> = []
    const layers = {
      memory: () => CacheLayer.memory({ capacity: 1_100_000 }),
      disk: () => CacheLayer.disk({ directory, capacity: 10_000 })
    }
    for (const [name, layer] of Object.entries(layers)) {
      // The first one warms up.
      for (const count of [10_000, 10_000, 10_000, 1_000_000]) {
        const value = yield* Effect.provide(perKey(products(fresh(count)), count), layer())
        rows.push({ name: `${name}: a key of ${count}`, value })
      }
    }
    return rows
  })

const run = (program: Effect.Effect<ReadonlyArray<Row>, any, never>) => Effect.runPromise(program).then(print)

const directory = mkdtempSync(join(tmpdir(), "effect-cached-bench-"))
try {
  if (storage === "memory") await run(inMemory as never)
  else if (storage === "disk") await run(onDisk(directory) as never)
  else if (storage === "atOnce") await run(atOnce(directory) as never)
  else if (storage === "growth") await run(growth(directory) as never)
  else {
    const server = await Redis.start()
    if (server === undefined) {
      console.error("NO REDIS")
      print([])
    } else {
      try {
        await run(onRedis(`redis://127.0.0.1:${server.port}`) as never)
      } finally {
        await server.stop()
      }
    }
  }
} finally {
  rmSync(directory, { recursive: true, force: true })
}
