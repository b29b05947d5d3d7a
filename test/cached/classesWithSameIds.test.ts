/** Two key classes of one name and shape have the same ids, which is reported. */
import { describe, expect } from "@effect/vitest"
import { Effect, Exit, Layer, Logger, Schema } from "effect"
import { Cached, CacheKey, CacheLayer, type Caching } from "effect-cached"
import { MemoryStore } from "effect-cached/memory"
import { test } from "../support/tests.ts"

const fields = { payload: { n: Schema.Number }, success: Schema.String }

const logged = () => {
  const lines: Array<string> = []
  const layer = Logger.layer([
    Logger.make(({ logLevel, message }) => void lines.push(`${logLevel} ${String(message)}`))
  ])
  return { lines, layer }
}

const caches = {
  memory: CacheLayer.memory(),
  "a store with memory": Layer.provide(CacheLayer.layer(), MemoryStore.layer),
  "a store without memory": Layer.provide(CacheLayer.layer({ memory: false }), MemoryStore.layer)
}

const warned = (lines: ReadonlyArray<string>) => lines.filter((line) => line.startsWith("Warn Two key classes")).length

const settle = Effect.repeat(Effect.yieldNow, { times: 20 })

/** Runs a program in a cache, and returns how many warnings of classes with the same ids it logged. */
const warnings = <A, E>(cache: Layer.Layer<Caching.Caching>, use: Effect.Effect<A, E, Caching.Caching>) =>
  Effect.gen(function*() {
    const { layer, lines } = logged()
    yield* use.pipe(Effect.andThen(settle), Effect.provide(Layer.provideMerge(cache, layer)))
    return warned(lines)
  })

type Key = CacheKey.CacheKey<string>

const read = (key: Key, value = "loaded") => Cached.ttl(Effect.succeed(value), key, { ttl: "1 hour" })

describe.each(Object.entries(caches))("over %s", (_, cache) => {
  test("two classes of one name and shape meet: one warning, and the entries are shared", function*() {
    class A extends CacheKey.Class<A>()("Item", fields) {}
    class B extends CacheKey.Class<B>()("Item", fields) {}
    const count = yield* warnings(
      cache,
      Effect.gen(function*() {
        expect(yield* read(new A({ n: 1 }), "of A")).toBe("of A")
        expect(yield* read(new B({ n: 1 }), "of B")).toBe("of A")
        for (let n = 0; n < 10; n++) yield* Effect.andThen(read(new A({ n })), read(new B({ n })))
      })
    )
    expect(count).toBe(1)
  })

  test("also where their ids were asked for before there was a cache", function*() {
    class A extends CacheKey.Class<A>()("Before", fields) {}
    class B extends CacheKey.Class<B>()("Before", fields) {}
    expect(CacheKey.id(new B({ n: 1 }))).toBe(CacheKey.id(new A({ n: 1 })))
    expect(yield* warnings(cache, Effect.andThen(read(new A({ n: 1 })), read(new B({ n: 1 }))))).toBe(1)
    expect(yield* warnings(cache, Effect.andThen(read(new B({ n: 1 })), read(new A({ n: 2 }))))).toBe(1)
  })

  test("also without a combinator, and with many keys", function*() {
    class A extends CacheKey.Class<A>()("ByHand", fields) {}
    class B extends CacheKey.Class<B>()("ByHand", fields) {}
    const first = Cached.set(new A({ n: 1 }), "set", { ttl: "1 hour" })
    expect(yield* warnings(cache, Effect.andThen(first, Cached.getOption(new B({ n: 1 }))))).toBe(1)
    expect(yield* warnings(cache, Effect.andThen(first, Cached.set(new B({ n: 2 }), "set")))).toBe(1)
    const many = Cached.many(B, (keys) => Effect.succeed(keys.map(() => Exit.succeed("many"))), { ttl: "1 hour" })
    expect(yield* warnings(cache, Effect.andThen(first, many([{ n: 1 }])))).toBe(1)
  })

  test("classes of another name, shape or version do not meet", function*() {
    class A extends CacheKey.Class<A>()("Apart", fields) {}
    class B extends CacheKey.Class<B>()("Apart", { ...fields, version: "2" }) {}
    class C extends CacheKey.Class<C>()("Apart", { ...fields, payload: { m: Schema.Number } }) {}
    class D extends CacheKey.Class<D>()("Another", fields) {}
    const keys = [new A({ n: 1 }), new B({ n: 1 }), new C({ m: 1 }), new D({ n: 1 })]
    const all = Effect.forEach([...keys, ...keys], (key) => read(key))
    expect(yield* warnings(cache, all)).toBe(0)
  })

  test("classes that are used in different caches do not meet", function*() {
    class A extends CacheKey.Class<A>()("TwoCaches", fields) {}
    class B extends CacheKey.Class<B>()("TwoCaches", fields) {}
    const { layer, lines } = logged()
    for (const key of [new A({ n: 1 }), new B({ n: 1 }), new A({ n: 1 })]) {
      yield* read(key).pipe(Effect.provide(Layer.provideMerge(cache, layer)))
    }
    expect(warned(lines)).toBe(0)
  })

  test("one warning for each pair, and one only", function*() {
    class A extends CacheKey.Class<A>()("Pair", fields) {}
    class B extends CacheKey.Class<B>()("Pair", fields) {}
    class C extends CacheKey.Class<C>()("OtherPair", fields) {}
    class D extends CacheKey.Class<D>()("OtherPair", fields) {}
    const keys = [new A({ n: 1 }), new B({ n: 1 }), new C({ n: 1 }), new D({ n: 1 })]
    const all = Effect.forEach([...keys, ...keys, ...keys], (key) => read(key))
    expect(yield* warnings(cache, all)).toBe(2)
  })
})

test("the warning says where both are defined", function*() {
  class A extends CacheKey.Class<A>()("Placed", fields) {}
  class B extends CacheKey.Class<B>()("Placed", fields) {}
  const { layer, lines } = logged()
  const both = Effect.andThen(read(new A({ n: 1 })), read(new B({ n: 1 })))
  yield* both.pipe(Effect.andThen(settle), Effect.provide(Layer.provideMerge(CacheLayer.memory(), layer)))
  expect(lines.join()).toMatch(
    /defined at \S*classesWithSameIds\.test\.ts:\d+:\d+ and \S*classesWithSameIds\.test\.ts:\d+:\d+/
  )
})

describe("a module that is evaluated again", () => {
  const evaluated = (query: string) =>
    Effect.promise(() =>
      import(/* @vite-ignore */ `../support/reloaded/item.ts?${query}`) as Promise<
        { readonly Item: new(_: { readonly n: number }) => Key }
      >
    )

  test("is a hot reload: its classes take the place of the former ones", function*() {
    const [one, two, three] = [yield* evaluated("t=1"), yield* evaluated("t=2"), yield* evaluated("t=3")]
    expect(one.Item).not.toBe(two.Item)
    const keys = [one, one, two, two, three, three].map(({ Item }) => new Item({ n: 1 }))
    expect(yield* warnings(CacheLayer.memory(), Effect.forEach(keys, (key) => read(key)))).toBe(0)
  })

  test("is none where the former class is used as well", function*() {
    const [one, two] = [yield* evaluated("t=4"), yield* evaluated("t=5")]
    const keys = [one, two, one, two, one].map(({ Item }) => new Item({ n: 1 }))
    expect(yield* warnings(CacheLayer.memory(), Effect.forEach(keys, (key) => read(key)))).toBe(1)
  })

  test("so a function that defines a class is found when the former class is used again", function*() {
    const made = () => {
      class Made extends CacheKey.Class<Made>()("Made", fields) {}
      return Made
    }
    const [A, B] = [made(), made()]
    const inTurn = [new A({ n: 1 }), new B({ n: 1 }), new A({ n: 2 })]
    expect(yield* warnings(CacheLayer.memory(), Effect.forEach(inTurn, (key) => read(key)))).toBe(1)
  })

  test("thousands of classes made one after another are not kept", function*() {
    const made = (n: number) => {
      class Made extends CacheKey.Class<Made>()(`Made-${n % 1200}`, fields) {}
      return new Made({ n: 1 })
    }
    const count = yield* warnings(
      CacheLayer.memory({ capacity: 10 }),
      Effect.forEach(Array.from({ length: 2400 }, (_, n) => n), (n) => read(made(n)), { discard: true })
    )
    expect(count).toBe(0)
  })
})
