/** Names that every object has, or has a meaning for: `constructor`, `toString`, `__proto__`. */
import { describe, expect, it } from "@effect/vitest"
import { Cause, Effect, Exit, Option, Schema, SchemaGetter } from "effect"
import { Cached, CacheError, CacheKey, CacheLayer } from "effect-cached"
import { checkGiven } from "../../src/internal/options/options.ts"
import { caches, counting } from "../support/caches.ts"
import { made } from "../support/strategies.ts"
import { testIn } from "../support/tests.ts"

const inMemory = testIn(CacheLayer.memory())

const names = ["constructor", "toString", "__proto__", "hasOwnProperty", "valueOf"]

/** An object with one more property of its own, also where that is called `__proto__`. */
const and = <A extends object>(object: A, name: string): A =>
  Object.defineProperty({ ...object }, name, { value: 1, enumerable: true })

describe.each(names)("%s", (name) => {
  describe.each(caches)("over $name", (cache) => {
    testIn(cache.layer())("is a string key, and a tag", function*() {
      const { counts, load } = counting()
      const get = load.pipe(Cached.ttl(name, { ttl: "1 hour", tags: [name] }))
      expect([yield* get, yield* get]).toEqual([1, 1])
      yield* Cached.invalidate({ tag: name })
      expect(yield* get).toBe(2)
      expect(yield* Cached.remove(name)).toBe(true)
      expect(yield* Cached.getOption(name)).toEqual(Option.none())
      expect(yield* Cached.counter(name).increment()).toBe(1)
      expect(yield* Cached.counter(name).increment()).toBe(2)
      expect(counts.started).toBe(2)
    })

    testIn(cache.layer())("is a key class, with counters of its own", function*() {
      class Named extends CacheKey.Class<Named>()(name, {
        payload: { id: Schema.Int },
        success: Schema.Int
      }) {}
      const get = Cached.fn(Named, ({ id }) => Effect.succeed(id), { ttl: "1 hour" })
      expect([yield* get({ id: 1 }), yield* get({ id: 1 }), yield* get({ id: 2 })]).toEqual([1, 1, 2])
      const { classes, loads } = yield* Cached.stats
      expect(loads).toBe(2)
      expect(Object.entries(classes).map(([name, { loads }]) => [name, loads])).toEqual([[name, 2]])
      expect(Object.hasOwn(classes, name)).toBe(true)
      expect(classes[name]!.loads).toBe(2)
      yield* Cached.invalidate({ all: Named })
      expect(yield* get({ id: 1 })).toBe(1)
      expect((yield* Cached.stats).loads).toBe(3)
    })
  })

  inMemory("is no option of a strategy, of a read or of a layer, and is refused as such", function*() {
    const exit = yield* Effect.exit(Effect.succeed(1).pipe(Cached.ttl("k", and({ ttl: "1 hour" }, name))))
    expect(Exit.isFailure(exit) && Cause.squash(exit.cause)).toMatchObject({
      _tag: "CacheConfigError",
      message: expect.stringContaining(`no option "${name}"`)
    })
    expect(() => CacheLayer.memory(and({}, name))).toThrow(CacheError.CacheConfigError)
    expect(() => made({ strategy: "ttl", ...and({ ttl: "1 hour" }, name) })).toThrow(CacheError.CacheConfigError)
  })

  it("is looked up among the checks that there are", () => {
    const checked: Array<unknown> = []
    checkGiven("test", and({ key: "k" }, name), { key: (given) => void checked.push(given) })
    expect(checked).toEqual(["k"])
  })

  it("is the representation of a declared type", () => {
    class Point {
      readonly x: number
      constructor(x: number) {
        this.x = x
      }
    }
    const PointSchema = Schema.instanceOf(Point, {
      representation: { id: name, payload: null },
      toCodecJson: () =>
        Schema.link<Point>()(Schema.Number, {
          decode: SchemaGetter.transform((x: number) => new Point(x)),
          encode: SchemaGetter.transform((point: Point) => point.x)
        })
    })
    class Named extends CacheKey.Class<Named>()("Named", { payload: { at: PointSchema }, success: Schema.Int }) {}
    const idAt = (x: number) => CacheKey.id(new Named({ at: new Point(x) }))
    expect(idAt(1)).toBe(idAt(1))
    expect(idAt(1)).not.toBe(idAt(2))
  })
})

inMemory("a property that a program has added to every object is no option", function*() {
  const get = counting().load.pipe(Cached.ttl("k", { ttl: "1 hour" }))
  Reflect.defineProperty(Object.prototype, "polluted", { value: 1, enumerable: true, configurable: true })
  const exit = yield* Effect.exit(get)
  Reflect.deleteProperty(Object.prototype, "polluted")
  expect(exit).toEqual(Exit.succeed(1))
})
