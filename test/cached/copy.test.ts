/** The option `copy`: a caller that changes its value changes no other caller's. */
import { describe, expect, it } from "@effect/vitest"
import { Cause, Effect, Exit, Fiber, Layer, Option, Schema } from "effect"
import { Cached, CacheError, CacheKey, CacheLayer, CachePolicy } from "effect-cached"
import { Store } from "effect-cached/adapters"
import { MemoryStore } from "effect-cached/memory"
import { TestClock } from "effect/testing"
import { caches, fakeStore, over, settle, start, taking } from "../support/caches.ts"
import { test, testIn } from "../support/tests.ts"

const inMemory = testIn(CacheLayer.memory())

interface Value {
  readonly n: number
  readonly inner: { readonly list: Array<number> }
}

/** Plain data, another one for each load. */
const loading = (delayMillis = 0) => {
  let n = 0
  return Effect.suspend(() => {
    const value: Value = { n: ++n, inner: { list: [n] } }
    return Effect.as(delayMillis === 0 ? Effect.void : Effect.sleep(delayMillis), value)
  })
}

const byHand = ({ inner, n }: Value): Value => ({ n, inner: { list: [...inner.list] } })

/** Changes a caller's value: the change must be visible nowhere else. */
const spoil = (value: Value): Value => {
  const before = structuredClone(value)
  value.inner.list.push(666)
  return before
}

const fresh = (n: number): Value => ({ n, inner: { list: [n] } })

class Item extends CacheKey.Class<Item>()("Item", {
  payload: { n: Schema.Int },
  success: Schema.Struct({ n: Schema.Int, inner: Schema.Struct({ list: Schema.mutable(Schema.Array(Schema.Int)) }) }),
  error: Schema.Struct({ why: Schema.String })
}) {}

const forms = [{ form: "structured", copy: "structured" }, { form: "a function", copy: byHand }] as const

describe.each(caches)("copy, over $name", (cache) => {
  const test = testIn(cache.layer())

  describe.each(forms)("as $form", ({ copy }) => {
    test("ME-17 · a caller that changes a loaded or cached value changes nothing else", function*() {
      const get = Effect.map(loading().pipe(Cached.ttl("k", { ttl: "1 hour", copy })), spoil)
      expect([yield* get, yield* get, yield* get]).toEqual([fresh(1), fresh(1), fresh(1)])
      expect(yield* Cached.getOption("k")).toEqual(Option.some(fresh(1)))
    })

    test("ME-17 · all callers of one load get their own", function*() {
      const get = loading(1000).pipe(Cached.ttl("k", { ttl: "1 hour", copy }))
      const readers = yield* Effect.forEach([1, 2, 3], () => start(get))
      yield* TestClock.adjust(1000)
      const values = yield* Effect.forEach(readers, Fiber.join)
      expect(values.map(spoil)).toEqual([fresh(1), fresh(1), fresh(1)])
      expect(yield* get).toEqual(fresh(1))
    })

    test("ME-17 · stale values, after a failure and after a soft timeout", function*() {
      let mode: "good" | "down" | "slow" = "good"
      const load = loading()
      const get = Effect.map(
        Effect.suspend(() => mode === "good" ? load : mode === "down" ? Effect.fail("down") : Effect.never).pipe(
          Cached.softTtl("k", {
            ttl: "1 hour",
            softTtl: "1 minute",
            softTimeout: 1000,
            retryAfter: 0,
            copy,
            fallbackOn: "all"
          })
        ),
        spoil
      )
      yield* get
      yield* TestClock.adjust("1 minute")
      mode = "down"
      expect([yield* get, yield* get]).toEqual([fresh(1), fresh(1)])
      mode = "slow"
      expect(yield* taking(1000, get)).toEqual(fresh(1))
      expect(yield* Cached.getOption("k")).toEqual(Option.some(fresh(1)))
    })

    test("ME-17 · the value of a refresh", function*() {
      const get = Effect.map(
        loading().pipe(Cached.refreshAhead("k", { ttl: "1 hour", refreshAfter: "1 minute", copy })),
        spoil
      )
      yield* get
      yield* TestClock.adjust("1 minute")
      expect(yield* get).toEqual(fresh(1))
      yield* settle
      expect([yield* get, yield* get]).toEqual([fresh(2), fresh(2)])
      expect([yield* CachePolicy.refresh(get), yield* get]).toEqual([fresh(3), fresh(3)])
    })

    test("ME-17 · functions and many, also for one key that is asked for twice", function*() {
      const strategy = { ttl: "1 hour" } as const
      const item = Cached.fn(Item, ({ n }) => Effect.sync(() => fresh(n)), { ...strategy, copy })
      const items = Cached.many(Item, (keys) => Effect.sync(() => keys.map(({ n }) => Exit.succeed(fresh(n)))), {
        ...strategy,
        copy
      })
      const read = Effect.map(items([{ n: 1 }, { n: 2 }, { n: 1 }]), (exits) => exits.map(Exit.map(spoil)))
      const expected = [fresh(1), fresh(2), fresh(1)].map(Exit.succeed)
      expect(yield* read).toEqual(expected)
      expect(yield* read).toEqual(expected)
      expect(yield* Effect.map(item({ n: 1 }), spoil)).toEqual(fresh(1))
      expect(yield* item({ n: 1 })).toEqual(fresh(1))
    })
  })

  describe.each(forms)("CA-06 · into the cache, as $form", ({ copy }) => {
    const value = (): Value => fresh(1)

    test("a load that changes its value afterwards changes nothing", function*() {
      const mine = value()
      const strategy = { ttl: "1 hour" } as const
      const get = Effect.sync(() => mine).pipe(Cached.ttl("k", { ...strategy, copy }))
      expect(yield* get).toEqual(fresh(1))
      spoil(mine)
      expect(yield* get).toEqual(fresh(1))
      expect(yield* Cached.getOption("k")).toEqual(Option.some(fresh(1)))
    })

    test("a refresh that changes its value afterwards changes nothing", function*() {
      const mine = value()
      const get = Effect.sync(() => mine).pipe(
        Cached.refreshAhead("k", { ttl: "1 hour", refreshAfter: "1 minute", copy })
      )
      yield* get
      yield* TestClock.adjust("1 minute")
      yield* get
      yield* settle
      spoil(mine)
      expect(yield* get).toEqual(fresh(1))
      expect((yield* Cached.stats).loads).toBe(2)
    })

    test("a lookup of many that changes its values afterwards changes nothing", function*() {
      const mine = [fresh(1), fresh(2)]
      const items = Cached.many(Item, (keys) => Effect.sync(() => keys.map(({ n }) => Exit.succeed(mine[n - 1]!))), {
        ttl: "1 hour",
        copy
      })
      const expected = [fresh(1), fresh(2)].map(Exit.succeed)
      expect(yield* items([{ n: 1 }, { n: 2 }])).toEqual(expected)
      mine.forEach(spoil)
      expect(yield* items([{ n: 1 }, { n: 2 }])).toEqual(expected)
      expect((yield* Cached.stats).loads).toBe(2)
    })

    test("a value may be changed after set, also under a condition and of many", function*() {
      const mine = [value(), value(), value(), value()] as const
      const key = new Item({ n: 1 })
      yield* Cached.set("a", mine[0], { copy })
      yield* Cached.set("b", mine[1], { copy, ifAbsent: true })
      yield* Cached.setMany([["c", mine[2]]], { copy })
      yield* Cached.set(key, mine[3], { copy, ttl: "1 hour" })
      mine.forEach(spoil)
      for (const one of ["a", "b", "c", key]) {
        expect(yield* Cached.getOption(one)).toEqual(Option.some(fresh(1)))
      }
    })

    test("a value is copied when set is called, not when the store has answered", function*() {
      const mine = value()
      yield* Cached.set("k", fresh(0), { ttl: "1 hour" })
      const setting = yield* start(Cached.set("k", mine, { copy, keepTtl: true }))
      spoil(mine)
      yield* settle
      expect(yield* Fiber.join(setting)).toBe(true)
      expect(yield* Cached.getOption("k")).toEqual(Option.some(fresh(1)))
    })
  })

  test("ME-17 · two callers with different options share the entry: each gets the copy it has asked for", function*() {
    const load = loading()
    const get = load.pipe(Cached.ttl("k", { ttl: "1 hour", copy: "structured" }))
    const asIs = load.pipe(Cached.ttl("k", { ttl: "1 hour" }))
    const value = yield* get
    expect(yield* asIs).not.toBe(value)
    // A store without memory gives each caller its own anyway.
    if (cache.memory) expect(yield* asIs).toBe(yield* asIs)
  })

  test("ME-17 · failures are not copied", function*() {
    let copies = 0
    const error = { why: "down" }
    const get = Effect.fail(error).pipe(Cached.ttl(new Item({ n: 1 }), {
      ttl: "1 hour",
      when: () => true,
      copy: <A>(value: A): A => {
        copies++
        return value
      }
    }))
    expect(yield* Effect.flip(get)).toBe(error)
    expect(yield* Effect.flip(get)).toEqual(error)
    expect(copies).toBe(0)
  })

  test("ME-17 · one copy a read, made when it is answered, and one for what is stored", function*() {
    let copies = 0
    const get = loading().pipe(Cached.ttl("k", {
      ttl: "1 hour",
      copy: (value) => {
        copies++
        return byHand(value)
      }
    }))
    yield* get
    expect(copies).toBe(2)
    yield* get
    expect(copies).toBe(3)
  })

  test("CA-06 · a value that is not stored is not copied for the cache", function*() {
    let copies = 0
    const count = (value: Value) => {
      copies++
      return byHand(value)
    }
    yield* loading().pipe(Cached.ttl("k", { ttl: "1 hour", copy: count, when: () => false }))
    expect(copies).toBe(1)
    yield* CachePolicy.disable("set")(loading().pipe(Cached.ttl("k", { ttl: "1 hour", copy: count })))
    expect(copies).toBe(2)
  })
})

/** The error that changing the value throws. */
const changed = (value: Value): unknown => {
  try {
    value.inner.list.push(666)
    return "changed"
  } catch (error) {
    return error
  }
}

describe.each(caches)("copy: \"freeze\", over $name", (cache) => {
  const test = testIn(cache.layer())

  test("ME-17 · a change throws where it happens: loaded, cached, joined, of a class and of many", function*() {
    const get = loading(1000).pipe(Cached.ttl("k", { ttl: "1 hour", copy: "freeze" }))
    const readers = yield* Effect.forEach([1, 2], () => start(get))
    yield* TestClock.adjust(1000)
    const many = Cached.many(Item, (keys) => Effect.succeed(keys.map(({ n }) => Exit.succeed(fresh(n)))), {
      strategy: "untilInvalidated",
      copy: "freeze"
    })
    const item = Effect.succeed(fresh(1)).pipe(Cached.untilInvalidated(new Item({ n: 1 }), { copy: "freeze" }))
    const values = [
      ...yield* Effect.forEach(readers, Fiber.join),
      yield* get,
      yield* item,
      yield* item,
      ...yield* Effect.flatMap(many([{ n: 1 }, { n: 2 }]), Effect.forEach((exit) => exit))
    ]
    expect(values.map(changed)).toEqual(values.map(() => expect.any(TypeError)))
    expect(values.map(({ n }) => n)).toEqual([1, 1, 1, 1, 1, 1, 2])
    expect(yield* get).toEqual(fresh(1))
  })

  test("ME-17 · a value that the load keeps is frozen when it is stored", function*() {
    const kept = fresh(1)
    yield* Effect.succeed(kept).pipe(Cached.ttl("k", { ttl: "1 hour", copy: "freeze" }))
    expect(changed(kept)).toBeInstanceOf(TypeError)
    const mine = fresh(2)
    yield* Cached.set("mine", mine, { copy: "freeze" })
    expect(changed(mine)).toBeInstanceOf(TypeError)
  })
})

describe("copy: \"freeze\"", () => {
  test("ME-17 · a value that the store has had is frozen when it is decoded", function*() {
    const store = MemoryStore.make()
    const get = (n: number) =>
      Effect.succeed(fresh(n)).pipe(Cached.ttl(new Item({ n: 0 }), { ttl: "1 hour", copy: "freeze" }))
    const over = Effect.provide(
      CacheLayer.layer().pipe(Layer.provide(Layer.succeed(Store.Store, store))),
      { local: true }
    )
    yield* get(1).pipe(over)
    const decoded = yield* get(2).pipe(over)
    expect(decoded).toEqual(fresh(1))
    expect(changed(decoded)).toBeInstanceOf(TypeError)
  })

  inMemory("ME-17 · a hit gives the frozen object itself", function*() {
    const get = loading().pipe(Cached.ttl("k", { ttl: "1 hour", copy: "freeze" }))
    const first = yield* get
    expect(yield* get).toBe(first)
  })

  it.effect("ME-17 · an option of the layer, which a read may overrule", () =>
    Effect.gen(function*() {
      const frozen = loading().pipe(Cached.ttl("frozen", { ttl: "1 hour" }))
      const copied = loading().pipe(Cached.ttl("copied", { ttl: "1 hour", copy: "structured" }))
      expect([changed(yield* frozen), changed(yield* frozen)]).toEqual([expect.any(TypeError), expect.any(TypeError)])
      expect(changed(yield* copied)).toBe("changed")
      expect(yield* copied).toEqual(fresh(1))
    }).pipe(Effect.provide(CacheLayer.memory({ defaults: { copy: "freeze" } }))))

  inMemory("ME-17 · goes through circles and what is frozen outside, and leaves all other objects alone", function*() {
    let asked = 0
    class Box {
      inside = { n: 1 }
    }
    const inside = Object.freeze({ list: [undefined, [1]] })
    const value = {
      inside,
      self: undefined as unknown,
      map: new Map([["a", { n: 1 }]]),
      date: new Date(0),
      bytes: new Uint8Array([1]),
      box: new Box(),
      get lazy() {
        return ++asked
      }
    }
    value.self = value
    const got = yield* Effect.succeed(value).pipe(Cached.ttl("k", { ttl: "1 hour", copy: "freeze" }))
    expect(got).toBe(value)
    expect(Object.isFrozen(inside.list[1])).toBe(true)
    expect([value.map, value.date, value.bytes, value.box, value.box.inside].filter(Object.isFrozen)).toEqual([])
    expect(asked).toBe(0)
  })
})

describe("copy", () => {
  it.effect("ME-17 · a value that cannot be copied dies of a CacheConfigError that helps, and is not stored", () =>
    Effect.gen(function*() {
      let loads = 0
      const load = Effect.sync(() => ({ call: () => ++loads }))
      const strategy = { ttl: "1 hour" } as const
      const get = load.pipe(Cached.ttl("k", { ttl: "1 hour", copy: "structured" }))
      class Call extends CacheKey.Class<Call>()("Call", { payload: {}, success: Schema.Any }) {}
      const many = Cached.many(Call, (keys) => Effect.forEach(keys, () => Effect.exit(load)), {
        ...strategy,
        copy: "structured"
      })
      const ofMany = Effect.map(many([{}]), ([exit]) => exit!)
      for (const read of [Effect.exit(get), Effect.exit(get), ofMany]) {
        const exit: Exit.Exit<unknown, unknown> = yield* read
        const error = Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined
        expect(error).toBeInstanceOf(CacheError.CacheConfigError)
        expect((error as Error).message).toMatch(
          /copy: "structured" cannot copy the value of ".*Give a function that copies it/
        )
      }
      expect(yield* Cached.has("k")).toBe(false)
      expect(yield* Cached.stats).toMatchObject({ loads: 3, notStored: 3 })
    }).pipe(Effect.provide(CacheLayer.memory())))

  inMemory("ME-17 · a value never stands in the message", function*() {
    const get = Effect.succeed({ secret: "hunter2", call: () => "hunter2" }).pipe(
      Cached.ttl("k", { ttl: "1 hour", copy: "structured" })
    )
    const exit = yield* Effect.exit(get)
    expect(Exit.isFailure(exit) && Cause.pretty(exit.cause)).not.toContain("hunter2")
  })

  inMemory("ME-17 · a function that throws dies for its caller alone", function*() {
    const load = Effect.succeed(1)
    const bad = load.pipe(Cached.ttl("k", {
      ttl: "1 hour",
      copy: (): number => {
        throw new Error("mistake")
      }
    }))
    const exit = yield* Effect.exit(bad)
    expect(Exit.isFailure(exit) && Cause.hasDies(exit.cause)).toBe(true)
    expect(yield* load.pipe(Cached.ttl("k", { ttl: "1 hour" }))).toBe(1)
  })

  inMemory("CA-06 · a value that cannot be copied is not set, and the former one stays", function*() {
    yield* Cached.set("k", 1)
    const exit = yield* Effect.exit(Cached.set("k", { call: () => 1 }, { copy: "structured" }))
    expect(Exit.isFailure(exit) && Cause.squash(exit.cause)).toBeInstanceOf(CacheError.CacheConfigError)
    expect(yield* Cached.getOption("k")).toEqual(Option.some(1))
    for (const copy of [true, "deep", 1]) {
      const wrong = yield* Effect.exit(Cached.set("k", 2, { copy: copy as never }))
      expect(Exit.isFailure(wrong) && Cause.squash(wrong.cause)).toBeInstanceOf(CacheError.CacheConfigError)
    }
  })

  inMemory.each([true, "deep", 1, null])("ME-17 · %j is no way to copy", function*(copy) {
    let loads = 0
    const get = Effect.sync(() => ++loads).pipe(Cached.ttl("k", { ttl: "1 hour", copy: copy as never }))
    const exit = yield* Effect.exit(get)
    expect(Exit.isFailure(exit) && Cause.squash(exit.cause)).toBeInstanceOf(CacheError.CacheConfigError)
    expect(loads).toBe(0)
    expect(() => Cached.fn(Item, () => Effect.succeed(fresh(1)), { strategy: "untilInvalidated", copy: copy as never }))
      .toThrow(CacheError.CacheConfigError)
  })
})

it.effect.each(forms)(
  "a change by a load while its value is written reaches no caller, copied as $form",
  ({ copy }) => {
    const fake = fakeStore()
    fake.behave = (operation) => operation === "set" ? { before: Effect.sleep("10 millis") } : {}
    return Effect.gen(function*() {
      const mine = [fresh(1), fresh(2)]
      const get = Effect.sync(() => mine[0]!).pipe(Cached.ttl("k", { ttl: "1 hour", copy }))
      const many = Cached.many(Item, (keys) => Effect.sync(() => keys.map(() => Exit.succeed(mine[1]!))), {
        ttl: "1 hour",
        copy: copy as "structured"
      })
      const readers = [yield* start(get), yield* start(get)]
      const reader = yield* start(many([{ n: 1 }]))
      yield* TestClock.adjust("5 millis")
      for (const value of mine) spoil(value)
      yield* TestClock.adjust("5 millis")
      for (const fiber of readers) expect(yield* Fiber.join(fiber)).toEqual(fresh(1))
      expect(yield* Fiber.join(reader)).toEqual([Exit.succeed(fresh(2))])
    }).pipe(Effect.provide(over(fake)))
  }
)

inMemory.each(forms)(
  "a change by a load while other keys load reaches no reader of many, copied as $form",
  function*({ copy }) {
    const mine = fresh(1)
    const single = Effect.sync(() => mine).pipe(
      Effect.delay("5 millis"),
      Cached.ttl(new Item({ n: 1 }), { ttl: "1 hour", copy })
    )
    const many = Cached.many(
      Item,
      (keys) => Effect.delay(Effect.sync(() => keys.map(() => Exit.succeed(fresh(2)))), "10 millis"),
      {
        ttl: "1 hour",
        copy: copy as "structured"
      }
    )
    yield* start(single)
    const reader = yield* start(many([{ n: 1 }, { n: 2 }]))
    yield* TestClock.adjust("5 millis")
    spoil(mine)
    yield* TestClock.adjust("5 millis")
    expect(yield* Fiber.join(reader)).toEqual([Exit.succeed(fresh(1)), Exit.succeed(fresh(2))])
  }
)
