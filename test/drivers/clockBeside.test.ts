/** Caches with a store that are made in real time and read under a `TestClock`, as the docs provide it in tests. */
import { describe, expect, it } from "@effect/vitest"
import { Duration, Effect, Exit, Layer, Logger, Option, Stream } from "effect"
import { Cached, CacheLayer, type Caching } from "effect-cached"
import { Store } from "effect-cached/adapters"
import { MemoryStore } from "effect-cached/memory"
import { TestClock } from "effect/testing"
import { fakeStore, over as overFake } from "../support/caches.ts"
import * as Looking from "../support/looking.ts"
import { tempDirectory } from "../support/tempDirectory.ts"
import { test } from "../support/tests.ts"

/** Answers reads in turns that belong to no fiber, as the client of a database does. */
const byCallback = (): Store.Store => {
  const memory = MemoryStore.make()
  const getCallback: Store.Store["getCallback"] = (id, tags, done) =>
    void setTimeout(() => Effect.runFork(memory.get(id, tags)).addObserver(done), 0)
  return { ...memory, getUnsafe: undefined, getCallback }
}

const over = (store: () => Store.Store, options: CacheLayer.LayerOptions): Layer.Layer<Caching.Caching> =>
  Layer.provide(CacheLayer.layer(options), Layer.sync(Store.Store, store))

const kinds: ReadonlyArray<
  readonly [string, (options: CacheLayer.LayerOptions, directory: string) => Layer.Layer<Caching.Caching, any>]
> = [
  ["disk", (options, directory) => CacheLayer.disk({ ...options, directory })],
  ["files", (options, directory) => CacheLayer.files({ ...options, directory })],
  ["a store in memory", (options) => over(MemoryStore.make, options)],
  ["a store that answers by a callback", (options) => over(byCallback, options)]
]

const tiers = kinds.flatMap(([name, layer]) =>
  [true, false].map((memory) =>
    [
      `${name}, ${memory ? "with" : "without"} memory`,
      (directory: string) => layer({ memory }, directory)
    ] as const
  )
)

/** Waits in real time for what the background does. */
const until = <E, R>(is: Effect.Effect<boolean, E, R>): Effect.Effect<void, E, R> =>
  Effect.gen(function*() {
    while (!(yield* is)) yield* Effect.promise(() => new Promise((resolve) => setTimeout(resolve, 5)))
  })

const left = Effect.map(Looking.expiresIn("k"), Option.match({ onNone: () => "", onSome: Duration.format }))
const isLeft = (time: string) => until(Effect.map(left, (left) => left === time))

const inTest = <A, E>(
  layer: (directory: string) => Layer.Layer<Caching.Caching, any>,
  use: Effect.Effect<A, E, Caching.Caching>
) =>
  Effect.scoped(
    Effect.flatMap(tempDirectory, (directory) => Effect.provide(use, [layer(directory), TestClock.layer()]))
  )

describe.each(tiers)("over %s", (_, layer) => {
  it.live("a longer constant prolongs what is stored", () =>
    inTest(
      layer,
      Effect.gen(function*() {
        yield* Cached.ttl(Effect.succeed(1), "k", { ttl: "10 minutes" })
        yield* TestClock.adjust("1 minute")
        expect(yield* Cached.ttl(Effect.succeed(2), "k", { ttl: "1 hour" })).toBe(1)
        yield* isLeft("59m")
      })
    ))

  it.live("reads prolong a sliding entry", () =>
    inTest(
      layer,
      Effect.gen(function*() {
        let loads = 0
        const get = Cached.sliding(Effect.sync(() => ++loads), "k", { idle: "10 minutes" })
        for (let i = 0; i < 4; i++) {
          expect(yield* get).toBe(1)
          yield* isLeft("10m")
          yield* TestClock.adjust("6 minutes")
        }
        yield* TestClock.adjust("10 minutes")
        expect(yield* get).toBe(2)
      })
    ))
})

test.live("the log says for how long the store has not answered in real time", function*() {
  const fake = fakeStore()
  const messages: Array<string> = []
  const logger = Logger.make(({ message }) => void messages.push(String(message)))
  yield* Effect.gen(function*() {
    yield* TestClock.adjust("10 hours")
    fake.behave = () => ({ before: Effect.die("down") })
    yield* Cached.getOption("k")
    fake.behave = () => ({})
    yield* TestClock.adjust("1 hour")
    yield* Cached.getOption("k")
    yield* until(Effect.sync(() => messages.length === 2))
  }).pipe(Effect.provide([overFake(fake), TestClock.layer()]), Effect.provide(Logger.layer([logger])))
  expect(messages).toHaveLength(2)
  expect(messages[1]).toMatch(/^The store "fake" answers again after (0|\d+ms|\d+s.*)$/)
})

test.live("a stored stream that has lost a page and begins otherwise is cut once: the next consumer starts it", function*() {
  const store = MemoryStore.make()
  let runs = 0
  const rows = Stream.suspend(() => {
    runs++
    return Stream.fromIterable([1, 2, 3].map((n) => `${runs} ${n} ${"x".repeat(70_000)}`))
  }).pipe(Cached.stream("rows", { ttl: "1 hour" }))
  yield* Effect.gen(function*() {
    yield* Stream.runDrain(rows)
    const second = Effect.map(
      Stream.runCollect(store.scan()),
      (all) => all.map(({ id }) => id).filter((id) => id.includes(":2:"))
    )
    yield* until(Effect.map(second, (ids) => ids.length > 0))
    const ids = yield* second
    yield* store.remove(ids)
    expect(Exit.isFailure(yield* Effect.exit(Stream.runDrain(rows)))).toBe(true)
    const before = runs
    expect(yield* Stream.runCollect(rows)).toHaveLength(3)
    expect(runs).toBe(before + 1)
  }).pipe(Effect.provide([over(() => store, { memory: false }), TestClock.layer()]))
})
