/** `CacheLayer.withDisabled`: the operations of a cache that are disabled for the whole program. */
import { describe, expect, it } from "@effect/vitest"
import { Context, Effect, Layer, Option, Schema, Stream } from "effect"
import { Cached, CacheKey, CacheLayer, CachePolicy, type Caching, Transaction } from "effect-cached"
import * as CacheReactivity from "effect-cached/CacheReactivity"
import { RecordingCache } from "effect-cached/testing"
import { Reactivity } from "effect/reactivity"
import * as Looking from "../support/looking.ts"
import { test } from "../support/tests.ts"

class Item
  extends CacheKey.Class<Item>()("Item", { payload: { id: Schema.Int }, success: Schema.Int, tags: ["items"] })
{}

const strategy = { ttl: "1 hour" } as const

const without = (...operations: ReadonlyArray<CachePolicy.Operation>) =>
  CacheLayer.withDisabled(CacheLayer.memory(), operations)

type Change = Effect.Effect<unknown, unknown, Caching.Caching>

const counting = () => {
  const count = { loads: 0 }
  const load = Effect.sync(() => ++count.loads)
  return { count, load, read: load.pipe(Cached.ttl("count", { ttl: "1 hour" })) }
}

describe("withDisabled", () => {
  test("\"get\": every read loads, and its result is stored", function*() {
    const { load, read } = counting()
    const many = Cached.many(Item, (items) => Effect.forEach(items, () => Effect.exit(load)), strategy)
    const program = Effect.gen(function*() {
      expect(yield* Effect.all([read, read])).toEqual([1, 2])
      expect(yield* many([{ id: 1 }])).toMatchObject([{ value: 3 }])
      expect(yield* many([{ id: 1 }])).toMatchObject([{ value: 4 }])
      expect(yield* Cached.getOption("count")).toEqual(Option.none())
      expect(yield* Cached.getMany(["count"])).toEqual([Option.none()])
      expect(yield* Cached.size).toBe(2)
    })
    yield* Effect.provide(program, without("get"))
  })

  test("\"set\": nothing is stored, not even inside a load, by hand or in a transaction", function*() {
    const { count, read } = counting()
    const outer = read.pipe(Cached.ttl("outer", { ttl: "1 hour" }))
    const program = Effect.gen(function*() {
      yield* Effect.all([outer, outer, read])
      expect(count.loads).toBe(3)
      yield* Cached.set("a", 1, { ttl: "1 hour" })
      yield* Cached.setMany([["b", 1]], { ttl: "1 hour" })
      yield* Transaction.run(Effect.andThen(Cached.set("c", 1, { ttl: "1 hour" }), read))
      yield* Transaction.run(Transaction.run(Cached.set("d", 1, { ttl: "1 hour" })))
      const inLoad = Cached.set("e", 1, { ttl: "1 hour" }).pipe(Cached.ttl("load", { ttl: "1 hour" }))
      yield* inLoad
      expect(yield* Cached.size).toBe(0)
    })
    yield* Effect.provide(program, without("set"))
  })

  test("\"invalidate\", \"remove\" and \"clear\": what is stored stays", function*() {
    const { read } = counting()
    const stays = (
      operations: ReadonlyArray<CachePolicy.Operation>,
      change: Change
    ) =>
      Effect.gen(function*() {
        const before = yield* read
        yield* Cached.set(new Item({ id: 1 }), 1, { ttl: "1 hour" })
        yield* change
        return (yield* read) === before && (yield* Cached.has(new Item({ id: 1 })))
      }).pipe(Effect.provide(without(...operations)))
    const changes: ReadonlyArray<readonly [CachePolicy.Operation, Change]> = [
      ["invalidate", Cached.invalidate("count")],
      ["invalidate", Cached.invalidate({ tag: "items" })],
      ["invalidate", Cached.invalidate({ all: Item })],
      ["invalidate", Cached.invalidate({ matching: "co*" })],
      ["invalidate", Effect.void.pipe(Cached.invalidateAfter("count"))],
      ["remove", Cached.remove("count")],
      ["remove", Cached.remove(["count"])],
      ["clear", Cached.clear]
    ]
    for (const [operation, change] of changes) {
      expect(yield* stays([operation], change), operation).toBe(true)
      const inLoad = Effect.asVoid(Effect.orDie(change)).pipe(Cached.ttl("load", { ttl: "1 hour" }))
      expect(yield* stays([operation], inLoad), operation).toBe(true)
      expect(yield* stays([], change), operation).toBe(false)
    }
    const further = read.pipe(CachePolicy.invalidating)
    expect(yield* Effect.provide(Effect.all([read, further]), without("invalidate"))).toHaveLength(2)
  })

  test("holds for the bridge to Reactivity", function*() {
    const program = Effect.gen(function*() {
      yield* Cached.set(new Item({ id: 1 }), 1, { ttl: "1 hour" })
      yield* (yield* Reactivity.Reactivity).invalidate(["items"])
      return yield* Cached.has(new Item({ id: 1 }))
    })
    expect(yield* Effect.provide(program, CacheReactivity.layer(without("invalidate")))).toBe(true)
    expect(yield* Effect.provide(program, CacheReactivity.layer(without("set")))).toBe(false)
  })

  test("adds to a policy of an effect, and to other disabled operations", function*() {
    const { read } = counting()
    const program = Effect.gen(function*() {
      expect(yield* Effect.all([read, CachePolicy.disable("set")(read), read])).toEqual([1, 2, 3])
      yield* Cached.clear
      expect(yield* Cached.size).toBe(1)
    })
    yield* Effect.provide(program, without("get").pipe(CacheLayer.withDisabled(["clear"])))
  })

  test("leaves other caches, other operations and recordings as they are", function*() {
    class Pages extends Context.Service<Pages, Caching.Shape>()("Pages") {}
    const { read } = counting()
    const program = Effect.gen(function*() {
      expect(yield* Effect.all([read, read])).toEqual([1, 2])
      const named = read.pipe(Cached.withCache(Pages))
      expect(yield* Effect.all([named, named])).toEqual([3, 3])
      expect(yield* Cached.counter("visits").increment()).toBe(1)
      expect((yield* Cached.stats).loads).toBe(2)
      expect(Array.from(yield* Stream.runCollect(Looking.ids()))).toEqual([])
    })
    yield* Effect.provide(program, Layer.merge(without("set"), CacheLayer.named(Pages, CacheLayer.memory())))
    const { log } = yield* Effect.provide(RecordingCache, RecordingCache.layer(without("set")))
    expect(yield* log).toEqual([])
  })

  it("refuses an operation that it does not have", () => {
    expect(() => without("ge" as never)).toThrow("CacheLayer.withDisabled has no operation \"ge\": use one of get, set")
    expect(() => CacheLayer.memory().pipe(CacheLayer.withDisabled("get" as never))).toThrow("needs a list")
  })
})
