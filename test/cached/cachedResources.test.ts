/** A resource is released when its load ends, so a cached one is closed: the cache reports that where it can see it. */
import { describe, expect, it } from "@effect/vitest"
import {
  Chunk,
  Data,
  Effect,
  Exit,
  HashMap,
  HashSet,
  Layer,
  Logger,
  Option,
  RcMap,
  Result,
  Schema,
  type Scope
} from "effect"
import { Cached, CacheKey, CachePolicy, type Caching } from "effect-cached"
import { TestClock } from "effect/testing"
import { caches, settle } from "../support/caches.ts"
import { warner } from "../support/logged.ts"
import { test } from "../support/tests.ts"

class Connection {
  isOpen = true
  query(): string {
    return this.isOpen ? "rows" : "closed"
  }
  close(): void {
    this.isOpen = false
  }
}

class Socket extends Connection {}

/** Acquired in the scope of the load. */
const connect = Effect.acquireRelease(
  Effect.sync(() => new Connection()),
  (connection) => Effect.sync(() => connection.close())
)

const acquire = <A>(value: A): Effect.Effect<A, never, Scope.Scope> =>
  Effect.acquireRelease(Effect.succeed(value), () => Effect.void)

class Point extends Schema.Class<Point>("Point")({ x: Schema.Int }) {
  get doubled(): number {
    return this.x * 2
  }
}

class Pair extends Data.Class<{ readonly a: number }> {}

class Anything extends CacheKey.Class<Anything>()("Anything", { payload: { n: Schema.Int }, success: Schema.Any }) {}
class Declared extends CacheKey.Class<Declared>()("Declared", {
  payload: { n: Schema.Int },
  success: Schema.instanceOf(Connection),
  version: "1"
}) {}
class Points extends CacheKey.Class<Points>()("Points", { payload: { n: Schema.Int }, success: Point }) {}

const hour = { ttl: "1 hour" } as const

/** Runs a test over a cache, and gives it what the cache has warned of closed resources. */
const warned = <A, E>(
  layer: Layer.Layer<Caching.Caching>,
  test: (warnings: Array<string>) => Effect.Effect<A, E, Caching.Caching>
) => {
  const { logger, warnings } = warner("released")
  return Effect.provide(test(warnings), Layer.provide(layer, Logger.layer([logger])))
}

describe.each(caches)("a resource, over $name", (cache) => {
  const it_ = (name: string, test: (warnings: Array<string>) => Effect.Effect<void, unknown, Caching.Caching>) =>
    it.effect(name, () => warned(cache.layer(), test))

  it_(
    "is warned of once a kind where keys are strings, and is closed before its first reader has it",
    (warnings) =>
      Effect.gen(function*() {
        const get = connect.pipe(Cached.ttl("db", hour))
        expect((yield* get).query()).toBe("closed")
        yield* Cached.invalidate("db")
        yield* get
        yield* settle
        expect(warnings).toHaveLength(1)
        expect(warnings[0]).toContain(`"db"`)
        expect(warnings[0]).toMatch(/RcMap.*onRemoval/)
        for (const n of [1, 2, 3]) yield* connect.pipe(Cached.ttl(`db ${n}`, hour))
        yield* settle
        expect(warnings).toHaveLength(1)
        yield* acquire(new Socket()).pipe(Cached.ttl("socket", hour))
        yield* settle
        expect(warnings).toHaveLength(2)
      })
  )

  it_("is warned of once a key class", (warnings) =>
    Effect.gen(function*() {
      const connection = Cached.fn(Anything, () => connect, hour)
      yield* connection({ n: 1 })
      yield* connection({ n: 2 })
      yield* settle
      expect(warnings).toHaveLength(1)
      yield* connect.pipe(Cached.ttl(new Declared({ n: 1 }), hour))
      yield* settle
      expect(warnings).toHaveLength(2)
    }))

  it_(
    "is found in a refresh, in a call of many, and where the result is not stored",
    (warnings) =>
      Effect.gen(function*() {
        let acquires = false
        const load = Effect.suspend((): Effect.Effect<Connection, never, Scope.Scope> =>
          acquires ? connect : Effect.succeed(new Connection())
        )
        const get = load.pipe(Cached.refreshAhead("db", { ...hour, refreshAfter: "1 minute" }))
        yield* get
        yield* TestClock.adjust("1 minute")
        acquires = true
        yield* get
        yield* settle
        expect(warnings).toHaveLength(1)
        const many = Cached.many(Anything, (keys) =>
          Effect.forEach(keys, ({ n }) =>
            Effect.exit<unknown, never, Scope.Scope>(n === 1 ? connect : Effect.succeed(n))), hour)
        yield* many([{ n: 2 }])
        yield* settle
        expect(warnings).toHaveLength(1)
        yield* many([{ n: 3 }, { n: 1 }])
        yield* settle
        expect(warnings).toHaveLength(2)
        expect(warnings[1]).toContain(CacheKey.id(new Anything({ n: 1 })))
        yield* acquire(new Socket()).pipe(Cached.ttl("unstored", {
          ...hour,
          when: () =>
            false
        }))
        yield* settle
        expect(warnings).toHaveLength(3)
      })
  )
})

describe("a value that could be a resource", () => {
  const warningsOf = (
    load: Effect.Effect<unknown, unknown, Scope.Scope | Caching.Caching>,
    key: string | Anything | Points = "k"
  ) =>
    warned(caches[0]!.layer(), (warnings) =>
      Effect.gen(function*() {
        yield* Effect.exit(load.pipe(Cached.ttl(key as string, hour)))
        yield* settle
        return warnings.length
      }))

  test.each<readonly [string, unknown]>([
    ["an instance with a method", new Connection()],
    ["a function", () => 1],
    ["functions in an object", { query: () => 1 }],
    ["one in a list", [1, new Connection()]],
    ["one in an object", { rows: [], connection: { inner: new Connection() } }],
    ["one in a Map", new Map([["db", new Connection()]])],
    ["one in an Option", Option.some(new Connection())],
    ["one in a Result", Result.succeed({ connection: new Connection() })],
    ["one in an Exit", Exit.succeed(new Connection())],
    ["one in a Chunk", Chunk.of(new Connection())],
    ["one in a HashMap", HashMap.make(["db", new Connection()])],
    ["one in a HashSet", HashSet.make(() => 1)],
    ["one that can be disposed", { [Symbol.asyncDispose]: async () => {} }]
  ])("%s", function*([, value]) {
    expect(yield* warningsOf(acquire(value))).toBe(1)
    // Nothing is released when the load ends.
    expect(yield* warningsOf(Effect.succeed(value))).toBe(0)
  })

  const circle: Record<string, unknown> = {}
  circle["self"] = circle

  test.each<readonly [string, unknown]>([
    ["rows", [{ id: 1, at: new Date(0), tags: new Set(["a"]) }]],
    ["undefined", undefined],
    ["a text", "text"],
    ["bytes", Uint8Array.of(1)],
    ["an option", Option.some(1)],
    ["no option", Option.none()],
    ["a failure in an exit", Exit.fail("down")],
    ["a map of data", HashMap.make(["a", Chunk.of(1)])],
    ["an instance of a data class", new Pair({ a: 1 })],
    ["an instance of a schema", new Point({ x: 1 })],
    [
      "an instance without methods",
      new (class Row {
        id = 1
      })()
    ],
    ["an error", new Error("no")],
    ["a URL", new URL("https://effect.website")],
    ["a circle", circle],
    [
      "an object that cannot be looked at",
      new Proxy({}, {
        ownKeys: () => {
          throw new Error("no")
        }
      })
    ],
    ["a getter", {
      get rows() {
        throw new Error("no")
      }
    }]
  ])("is not %s", function*([, value]) {
    expect(yield* warningsOf(acquire(value))).toBe(0)
  })

  test("is no value of a schema that says what it is", function*() {
    expect(yield* warningsOf(acquire(new Point({ x: 1 })), new Points({ n: 1 }))).toBe(0)
    expect(yield* warningsOf(acquire(new Connection()), new Anything({ n: 1 }))).toBe(1)
  })

  test("is no failure", function*() {
    expect(yield* warningsOf(Effect.andThen(connect, Effect.fail(new Connection())))).toBe(0)
  })

  test("past the cache nothing is said", function*() {
    expect(yield* warningsOf(CachePolicy.bypass(connect.pipe(Cached.ttl("inner", hour))))).toBe(0)
  })
})

describe("the ways to cache a resource", () => {
  test("an RcMap keeps it open while it is in use", function*() {
    const connections = yield* RcMap.make({ lookup: (_: string) => connect, idleTimeToLive: "1 minute" })
    const connection = yield* Effect.scoped(Effect.map(RcMap.get(connections, "db"), (one) => {
      expect(one.query()).toBe("rows")
      return one
    }))
    expect(connection.query()).toBe("rows")
    yield* TestClock.adjust("1 minute")
    expect(connection.query()).toBe("closed")
  })
})
