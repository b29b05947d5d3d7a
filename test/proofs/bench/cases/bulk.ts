/**
 * Many keys at once, nanoseconds a key: through `Cached.many`, `setMany` and `remove`, beside the same rows raw,
 * and the longest turn of the event loop meanwhile. The argument names the storage.
 */
import { Effect, Exit, Schema } from "effect"
import { Cached, CacheKey, CacheLayer, type Caching } from "effect-cached"
import { join } from "node:path"
import type { SQLInputValue } from "node:sqlite"
import { createClient } from "redis"
import {
  inTurn,
  measure,
  processorNanos,
  type Row,
  startRedis,
  type Subjects,
  temporaryFolder,
  took,
  turnsOf
} from "../measure.ts"
import { hour, openRaw, writerOf } from "../rawTables.ts"

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

/** Nanoseconds a key. */
const perKey = <E, R>(effect: Effect.Effect<unknown, E, R>) => took(effect, keys)

type Runs = Subjects<() => Effect.Effect<number, any, Caching.Caching>>

const take = (subjects: Runs) => inTurn(subjects, rounds, (run) => run())

/** Runs subjects of ours, and keeps the longest turn of all. */
const makeTurns = () => {
  const most = { longest: 0, own: 0 }
  const watched = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
    Effect.map(turnsOf(effect), ({ answer, longest, own }) => {
      most.longest = Math.max(most.longest, longest)
      most.own = Math.max(most.own, own)
      return answer
    })
  const rows = (name: string): ReadonlyArray<Row> => [
    { name: `${name}, longest turn`, value: most.longest },
    { name: `${name}, longest turn without collections`, value: most.own }
  ]
  return { watched, rows }
}

const chunksOf = <A>(all: ReadonlyArray<A>): ReadonlyArray<ReadonlyArray<A>> =>
  Array.from({ length: Math.ceil(all.length / chunk) }, (_, i) => all.slice(i * chunk, (i + 1) * chunk))

const oneByOne = (payloads: ReadonlyArray<{ readonly id: number }>) =>
  Effect.gen(function*() {
    for (const payload of payloads) yield* one(payload)
  })

const inMemory = Effect.gen(function*() {
  const { rows, watched } = makeTurns()
  const layer = () => CacheLayer.memory({ capacity: 2 * keys })
  type Read = Effect.Effect<unknown, never, Caching.Caching>
  const hits = (read: Read, measured: (read: Read) => Effect.Effect<number, never, Caching.Caching> = perKey) =>
    Effect.provide(Effect.andThen(read, measured(read)), layer())
  const measured = yield* take({
    "memory: Cached.many, cold": () => Effect.provide(watched(perKey(products(fresh()))), layer()),
    "memory: Cached.fn one by one, cold": () => Effect.provide(perKey(oneByOne(fresh())), layer()),
    "memory: Cached.many, hits": () => hits(products(fresh()), (read) => watched(perKey(read))),
    "memory: Cached.fn one by one, hits": () => hits(oneByOne(fresh()))
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
    const perKey = <E, R>(effect: Effect.Effect<unknown, E, R>) => took(effect, keys, processorNanos)
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
    const ours = (around: Around): Runs => ({
      "redis: Cached.many, cold": () => around(perKey(products(fresh()))),
      "redis: Cached.many, hits": () => Effect.provide(around(perKey(products(ourHits))), layer(false)),
      "redis: Cached.setMany": () => {
        const entries = fresh().map(({ id }) => [products.key({ id }), product(id)] as const)
        return around(perKey(Cached.setMany(entries, { ttl: "1 hour" })))
      }
    })
    const measured = yield* take({
      "redis: raw, cold": () => {
        const payloads = fresh()
        return perKey(inChunks(payloads, async (some) => {
          await client.mGet(some.map(idOf))
          await store(some)
        }))
      },
      "redis: raw, hits": () => {
        kept = []
        return perKey(inChunks(rawHits, async (some) => {
          for (const json of await client.mGet(some.map(idOf))) kept.push(Exit.succeed(decode(JSON.parse(json!))))
        }))
      },
      "redis: raw, set": () => perKey(inChunks(fresh(), store)),
      ...ours((effect) => effect)
    }).pipe(Effect.provide(layer()))
    // The turns are watched apart: watching takes processor time for as long as the server does not answer.
    const watching = Effect.forEach(Object.values(ours(watched)), (run) => run(), { discard: true })
    yield* Effect.provide(watching, layer())
    return [...measured, ...rows("redis")]
  })

/** 50,000 single loads at once, beside as many fibers that sleep. */
const atOnce = (directory: string) => {
  const count = 50_000
  const longestOf = <E, R>(one: (payload: { readonly id: number }) => Effect.Effect<unknown, E, R>) =>
    Effect.map(
      turnsOf(Effect.forEach(fresh(count), one, { concurrency: "unbounded", discard: true })),
      ({ longest }) => longest
    )
  return take({
    "50,000 fibers that sleep, longest turn": () => longestOf(() => Effect.sleep(1)),
    "50,000 loads at once in memory, longest turn": () =>
      Effect.provide(longestOf(one), CacheLayer.memory({ capacity: 2 * count })),
    "50,000 loads at once on disk, longest turn": () => Effect.provide(longestOf(one), CacheLayer.disk({ directory }))
  })
}

const programs: Subjects<() => Effect.Effect<unknown, unknown, any>> = {
  memory: () => inMemory,
  disk: () => onDisk(temporaryFolder()),
  redis: () => Effect.flatMap(Effect.promise(startRedis), onRedis),
  atOnce: () => atOnce(temporaryFolder())
}

await measure(programs[storage!]!() as Effect.Effect<unknown>)
