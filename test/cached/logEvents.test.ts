/** `Cached.logEvents`: a line for each event, with values where they are asked for. */
import { describe, expect } from "@effect/vitest"
import { Effect, Layer, Logger, type LogLevel, Option, Redacted, References, Schema, type Scope } from "effect"
import { Cached, CacheKey, CacheLayer, type Caching } from "effect-cached"
import { test } from "../support/tests.ts"

class User extends CacheKey.Class<User>()("User", { payload: { id: Schema.Int }, success: Schema.String }) {}

const hour = { ttl: "1 hour" } as const

describe("PE-16 · logEvents", () => {
  /** The lines of a program while a scope logs events. */
  const linesOf = (
    log: Effect.Effect<void, never, Caching.Caching | Scope.Scope>,
    program: Effect.Effect<unknown, never, Caching.Caching>,
    minimum: LogLevel.LogLevel = "All"
  ) =>
    Effect.gen(function*() {
      const lines: Array<readonly [LogLevel.LogLevel, string, unknown]> = []
      const logger = Logger.make(({ fiber, logLevel, message }) => {
        lines.push([
          logLevel,
          String(Array.isArray(message) ? message[0] : message),
          fiber.getRef(References.CurrentLogAnnotations)["cache.key"]
        ])
      })
      yield* Effect.scoped(Effect.andThen(log, program)).pipe(
        Effect.provideService(References.MinimumLogLevel, minimum),
        Effect.provide(Logger.layer([logger]))
      )
      return lines
    }).pipe(Effect.provide(CacheLayer.memory()))

  const read = Effect.succeed("x".repeat(300)).pipe(Cached.ttl("k", hour))
  const program = Effect.all([read, read, Cached.invalidate({ tag: "t" }), Cached.set(new User({ id: 1 }), "Ada")])

  test("logs each event with its id, at the level that is asked for, to the end of the scope", function*() {
    const lines = yield* linesOf(Cached.logEvents(), program)
    expect(lines).toEqual([
      ["Debug", "Cache: Miss \"k\"", "k"],
      ["Debug", "Cache: Load \"k\" outcome=success refresh=false millis=0", "k"],
      ["Debug", "Cache: Hit \"k\" source=memory", "k"],
      ["Debug", "Cache: Invalidate ids=[] tags=[\"t\"] mode=hard all=false", undefined],
      ["Debug", `Cache: Set "${CacheKey.id(new User({ id: 1 }))}"`, CacheKey.id(new User({ id: 1 }))]
    ])
    expect((yield* linesOf(Cached.logEvents("Info"), program)).map(([level]) => level)).toEqual(
      lines.map(() => "Info")
    )
  })

  test("with values, of which it shows 200 characters", function*() {
    const lines = yield* linesOf(Cached.logEvents("Debug", { values: true }), program)
    expect(lines[2]![1]).toBe(`Cache: Hit "k" source=memory value="${"x".repeat(199)}…`)
    const failed = Effect.exit(Effect.fail("down").pipe(Cached.ttl("f", hour)))
    expect((yield* linesOf(Cached.logEvents("Debug", { values: true }), failed)).at(-1)![1])
      .toBe("Cache: Load \"f\" outcome=failure refresh=false millis=0 failure=\"down\"")
  })

  test("a value that cannot be shown disturbs no caller", function*() {
    const bad = {
      toJSON: () => {
        throw new Error("no")
      },
      get trap(): never {
        throw new Error("no")
      }
    }
    const lines = yield* linesOf(Cached.logEvents("Debug", { values: true }), Cached.set("bad", bad))
    expect(lines.map(([, line]) => line.slice(0, 23))).toEqual(["Cache: Set \"bad\" value="])
  })

  test("of a large value the beginning alone is looked at", function*() {
    let asked = 0
    class Secret {
      readonly value = "secret"
      toString() {
        asked++
        return "***"
      }
    }
    class Page extends Schema.Class<Page>("Page")({ title: Schema.String, rows: Schema.Array(Schema.Int) }) {}
    const rows = Array.from({ length: 10_000 }, (_, i) => i)
    const circle: Array<unknown> = Array.from({ length: 2000 })
    circle[0] = circle
    const secret = [Redacted.make("secret"), ...rows]
    const numbers = (function*() {
      for (let i = 0;; i++) yield i
    })()
    const shown: ReadonlyArray<readonly [unknown, string]> = [
      [rows.map(() => new Secret()), "[***,***,***,"],
      [rows.map((i) => new Page({ title: `page ${i}`, rows: [i] })), `[Page({"title":"page 0","rows":[0]}),Page({`],
      [new Page({ title: "long", rows }), "Page(…)"],
      [{ rows: Option.some(rows) }, `{"rows":Object(…)}`],
      [new Map(rows.map((i) => [i, { i }])), `Map([[0,{"i":0}],[1,{"i":1}],`],
      [new Set(rows), "Set([0,1,2,"],
      [new Uint8Array(10_000), "Uint8Array(10000 bytes)"],
      [circle, "[[Circular],undefined,"],
      [secret, "[<redacted>,0,1,"],
      ["x".repeat(10_000_000), `"xxx`],
      [numbers, "{}"],
      [Object.assign(Object.create(null), { rows }), `{"rows":[0,1,`],
      [new Proxy({}, { ownKeys: () => ["a"].concat(null as never) }), "{[inspection threw]"]
    ]
    for (const [value, begin] of shown) {
      const lines = yield* linesOf(Cached.logEvents("Debug", { values: true }), Cached.set("k", value))
      const line = lines.at(-1)![1].slice("Cache: Set \"k\" value=".length)
      expect(line.slice(0, begin.length)).toBe(begin)
      expect(line.length).toBeLessThanOrEqual(201)
    }
    expect(asked).toBeLessThan(100)
    expect(numbers.next().value).toBe(0)
  })

  test("a level that is not logged costs nothing: it has no listener", function*() {
    const lines = yield* linesOf(Cached.logEvents("Trace"), program, "Info")
    expect(lines).toEqual([])
  })

  test("as a layer, for the life of a program", function*() {
    const lines: Array<string> = []
    const logger = Logger.make(({ message }) => void lines.push(String(message)))
    yield* read.pipe(
      Effect.provide(
        Layer.provideMerge(Layer.effectDiscard(Cached.logEvents("Info")), CacheLayer.memory())
      ),
      Effect.provide(Logger.layer([logger]))
    )
    expect(lines).toHaveLength(2)
  })

  test("a defect is shown with its cause", function*() {
    const dying = Effect.exit(Effect.die("bug").pipe(Cached.ttl("f", hour)))
    const lines = yield* linesOf(Cached.logEvents("Debug", { values: true }), dying)
    expect(lines.at(-1)![1]).toMatch(/^Cache: Load "f" outcome=failure refresh=false millis=0 failure=.*bug/)
  })
})
