/**
 * Fills memory by weight until much has left it, and prints what a megabyte of `maxWeight` and an entry take of the
 * heap.
 */
import { Effect } from "effect"
import { Cached, CacheLayer } from "effect-cached"
import { Weigher } from "effect-cached/adapters"

const used = (): number => {
  for (let i = 0; i < 3; i++) globalThis.gc!()
  const { arrayBuffers, heapUsed } = process.memoryUsage()
  return heapUsed + arrayBuffers
}

const row = (i: number): unknown =>
  JSON.parse(`{"id":${i},"name":"user number ${i}","email":"user.${i}@example.com","active":true,"score":${i + 0.5}}`)

const fields = Array.from({ length: 20 }, (_, i) => `field${i}`)

const values: { readonly [kind: string]: (i: number) => unknown } = {
  rows: row,
  "lists of rows": (i) => Array.from({ length: 20 }, (_, j) => row(i * 20 + j)),
  "rows of code": (i) => ({
    id: i,
    name: `user number ${i}`,
    email: `user.${i}@example.com`,
    active: true,
    score: i / 3
  }),
  "rows as arrays": (i) => [i, `user number ${i}`, `user.${i}@example.com`, i / 3, i + 1],
  "lists of rows as arrays": (i) => Array.from({ length: 20 }, (_, j) => [i, `user number ${i * 20 + j}`, j + 0.5, j]),
  "rows of twenty fields": (i) => JSON.parse(`{${fields.map((name) => `"${name}":"${name} of ${i}"`)}}`),
  "objects by id": (i) => JSON.parse(`{${fields.map((_, j) => `"id-${i}-${j}":${j}`)}}`),
  "objects by number": (i) => Object.fromEntries(fields.map((_, j) => [i + 1000 * j, `of ${i}`])),
  "tiny objects": (i) => ({ i }),
  texts: (i) => Buffer.alloc(600, `${i} `).toString("latin1"),
  "texts beyond Latin-1": (i) => Buffer.alloc(600, `${i} ж`).toString(),
  buffers: (i) => new Uint8Array(1000).fill(i),
  "small buffers": (i) => Buffer.from(`${i}`),
  maps: (i) => new Map(Array.from({ length: 50 }, (_, j) => [j, i])),
  dates: (i) => ({ at: new Date(i) })
}

type Put = (key: string, value: () => unknown) => Effect.Effect<unknown, any, any>

const ways: { readonly [way: string]: Put } = {
  loaded: (key, value) => Cached.ttl(Effect.sync(value), key, { ttl: "1 hour" }),
  set: (key, value) => Cached.set(key, value(), { ttl: "1 hour" }),
  "set without an end": (key, value) => Cached.set(key, value()),
  "with jitter": (key, value) => Cached.ttl(Effect.sync(value), key, { ttl: "1 hour", jitter: 0.2 }),
  "with tags": (key, value) => Cached.ttl(Effect.sync(value), key, { ttl: "1 hour", tags: [`tag of ${key}`, "all"] })
}

const measured = (maxWeight: number, fill: Effect.Effect<unknown, any, any>) =>
  Effect.gen(function*() {
    yield* fill
    const stats = yield* Cached.stats
    // Lets go of objects that only the run loop held.
    yield* Effect.sleep(10)
    const full = used()
    yield* Cached.clear
    yield* Effect.sleep(10)
    return { ...stats, bytes: full - used() }
  }).pipe(Effect.provide(CacheLayer.memory({ maxWeight, weigher: Weigher.bytes })))

const filled = (put: Put, value: (i: number) => unknown, count: number) =>
  Effect.gen(function*() {
    for (let i = 0; i < count; i++) yield* put(`key:${100_000 + i}`, () => value(i))
  })

const program = Effect.gen(function*() {
  const [megabytes, kinds, way] = process.argv.slice(2) as [string, string, string]
  const maxWeight = Number(megabytes) * 1_000_000
  const lines: Array<unknown> = []
  for (const kind of kinds === "" ? Object.keys(values) : [kinds]) {
    const put = ways[way]!
    const weigh = (i: number) => Weigher.bytes(values[kind]!(i), { id: `key:${100_000 + i}`, keyClass: undefined })
    // The first row of a shape weighs as much as an object whose names are data.
    weigh(0)
    const weight = weigh(1)
    // Run once before measuring: this compiles code and creates lasting objects.
    yield* measured(weight * 500, filled(put, values[kind]!, 3000))
    const full = yield* measured(maxWeight, filled(put, values[kind]!, Math.ceil(2 * maxWeight / weight)))
    lines.push({ kind, evictions: full.evictions, heapOfWeight: full.bytes / full.weight })
  }
  const count = 50_000
  const { bytes } = yield* measured(1e9, filled(ways[way]!, () => 1, count))
  return { lines, entry: bytes / count }
})

process.stdout.write(JSON.stringify(await Effect.runPromise(program as Effect.Effect<unknown>)))
