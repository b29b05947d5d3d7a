/** Spans, links and log lines of loads. */
import { describe, expect, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Layer, Logger, Option, References, Schema, type Tracer } from "effect"
import { Cached, CacheKey, CacheLayer } from "effect-cached"
import { TestClock } from "effect/testing"
import { caches, elapse, fakeStore, over, settle, start, started, taking } from "../support/caches.ts"
import { test, testIn } from "../support/tests.ts"
import { tracerLayer, tracing, withTracer } from "../support/tracer.ts"

class User extends CacheKey.Class<User>()("User", { payload: { id: Schema.Int }, success: Schema.String }) {}

const current = Effect.map(Effect.option(Effect.currentSpan), Option.getOrUndefined)

/** A load of 100 ms that keeps the span it runs in. */
const traced = () => {
  const spans: Array<Tracer.Span | undefined> = []
  const load = Effect.delay(Effect.map(current, (span) => String(spans.push(span))), 100)
  return { spans, load }
}

const linksOf = (span: Tracer.Span | undefined) =>
  span?.links.map((link) => link.span._tag === "Span" ? link.span.name : link.span.spanId)

const ttl = <A, E, R>(self: Effect.Effect<A, E, R>, key = "k") => Cached.ttl(self, key, { ttl: "1 hour" })

describe.each(caches)("the span of a load over $name", (cache) => {
  const test = testIn(Layer.merge(cache.layer({ capacity: 100 }), tracerLayer))

  test("is linked to the spans of all waiting callers, each once", function*() {
    const { load, spans } = traced()
    const read = ttl(load)
    const first = yield* start(Effect.withSpan(read, "first"))
    const second = yield* started(Effect.withSpan(Effect.all([read, read], { concurrency: 2 }), "second"))
    yield* TestClock.adjust(50)
    const third = yield* start(Effect.withSpan(read, "third"))
    yield* TestClock.adjust(50)
    yield* Fiber.joinAll([first, second, third])
    yield* Effect.withSpan(read, "a hit")
    expect(spans.length).toBe(1)
    expect(linksOf(spans[0])).toEqual(["first", "second", "third"])
    expect(spans[0]!.name).toBe("effect-cached.load")
    expect(Option.isNone(spans[0]!.parent)).toBe(true)
    expect(Object.fromEntries(spans[0]!.attributes)).toEqual({
      "cache.key": "k",
      "cache.refresh": false,
      "cache.outcome": "success",
      "cache.stored": true,
      "cache.tags": 0
    })
    expect(spans[0]!.status._tag).toBe("Ended")
  })

  test("says how the load ended, and whether its result is stored", function*() {
    const { load, spans } = traced()
    const read = Cached.ttl(load, new User({ id: 1 }), { ttl: "1 hour", tags: ["a", "b"] })
    const first = yield* started(Effect.withSpan(read, "first"))
    yield* Cached.invalidate(new User({ id: 1 }))
    yield* TestClock.adjust(100)
    yield* Fiber.join(first)
    const second = yield* started(Effect.withSpan(read, "second"))
    yield* TestClock.adjust(100)
    yield* Fiber.join(second)
    const failing = Effect.flatMap(current, (span) => {
      spans.push(span)
      return Effect.fail("down")
    })
    yield* Effect.exit(Effect.withSpan(ttl(failing), "third"))
    yield* settle
    const told = spans.map((span) => {
      const { "cache.key": key, "cache.refresh": refresh, ...rest } = Object.fromEntries(span!.attributes)
      expect([typeof key, refresh, span!.status._tag]).toEqual(["string", false, "Ended"])
      return rest
    })
    const refused = { "cache.class": "User", "cache.outcome": "success", "cache.stored": false }
    expect(told[0]).toMatchObject({ ...refused, "cache.refused": "changed" })
    expect(told[1]).toEqual({ ...refused, "cache.stored": true, "cache.tags": 3 })
    expect(told[2]).toEqual({ "cache.outcome": "failure", "cache.stored": false })
  })

  test("says that its result is not stored because a tag of it was invalidated, or because it took too long", function*() {
    const { load, spans } = traced()
    const tagged = yield* started(
      load.pipe(Cached.ttl("tagged", { ttl: "1 hour", tags: () => ["t"] }), Effect.withSpan("first"))
    )
    yield* Cached.invalidate({ tag: "t" })
    yield* TestClock.adjust(100)
    yield* Fiber.join(tagged)
    const told = (span: Tracer.Span | undefined) => Object.fromEntries(span!.attributes)
    expect(told(spans[0])).toMatchObject({ "cache.stored": false, "cache.refused": "changed" })
    const hanging = Effect.andThen(Effect.map(current, (span) => spans.push(span)), Effect.never)
    let loads = 0
    const due = Effect.suspend(() => loads++ === 0 ? Effect.succeed(0) : hanging).pipe(
      Cached.refreshAhead("due", { ttl: "1 hour", refreshAfter: "1 minute" }),
      Effect.withSpan("due")
    )
    yield* due
    yield* TestClock.adjust("2 minutes")
    yield* due
    yield* settle
    yield* elapse("5 minutes")
    expect(spans.length).toBe(2)
    expect(told(spans[1])).toMatchObject({ "cache.outcome": "timeout", "cache.refresh": true, "cache.stored": false })
  })

  test("is linked to the span of each read, though one fiber makes them", function*() {
    const { load, spans } = traced()
    const reads = yield* started(
      Effect.forEach(["a", "b"], (name) => Effect.withSpan(ttl(load, name), name), { discard: true })
    )
    yield* elapse(100)
    yield* TestClock.adjust(100)
    yield* Fiber.join(reads)
    expect(spans.map((span) => linksOf(span))).toEqual([["a"], ["b"]])
  })

  test("is linked to 128 at most", function*() {
    const { load, spans } = traced()
    const readers = yield* Effect.forEach(
      Array.from({ length: 200 }),
      (_, i) => start(Effect.withSpan(ttl(load), `${i}`))
    )
    yield* settle
    yield* TestClock.adjust(100)
    yield* Fiber.joinAll(readers)
    expect(linksOf(spans[0])).toEqual(Array.from({ length: 128 }, (_, i) => `${i}`))
  })

  test("is not made where no caller has one", function*() {
    const { spans, tracer } = tracing()
    const reads = Effect.gen(function*() {
      const read = ttl(Effect.delay(current, 100))
      const readers = yield* Effect.all([start(read), start(read)])
      yield* settle
      yield* TestClock.adjust(100)
      expect(yield* Fiber.joinAll(readers)).toEqual([undefined, undefined])
    })
    yield* Effect.withTracer(reads, tracer)
    expect(spans).toEqual([])
  })
})

const testTraced = testIn(Layer.merge(CacheLayer.memory(), tracerLayer))

describe("the span of a load", () => {
  it.effect("is linked to a caller that joined before it began, though its starter has none", () =>
    Effect.gen(function*() {
      const fake = fakeStore()
      fake.behave = (operation) => operation === "get" ? { before: Effect.sleep(10) } : {}
      const test = Effect.gen(function*() {
        const { load, spans } = traced()
        const first = yield* start(ttl(load))
        const second = yield* start(Effect.withSpan(ttl(load), "second"))
        for (let i = 0; i < 30; i++) yield* Effect.andThen(TestClock.adjust(10), settle)
        yield* Fiber.joinAll([first, second])
        expect(linksOf(spans[0])).toEqual(["second"])
      })
      yield* Effect.provide(test, over(fake))
    }).pipe(withTracer))

  testTraced("of a refresh is linked to the caller that asked for it, and to one that joins", function*() {
    const { load, spans } = traced()
    const options = { ttl: "1 hour", refreshAfter: "1 minute" } as const
    yield* Cached.refreshAhead(Effect.succeed("0"), "k", options)
    yield* TestClock.adjust("2 minutes")
    yield* Effect.withSpan(Cached.refreshAhead(load, "k", options), "reader")
    const joining = Cached.softTtl(load, "k", { ttl: "1 hour", softTtl: 0 })
    const joined = yield* start(Effect.withSpan(joining, "joined"))
    yield* TestClock.adjust(100)
    yield* Fiber.join(joined)
    expect(linksOf(spans[0])).toEqual(["reader", "joined"])
    expect(spans[0]!.attributes.get("cache.refresh")).toBe(true)
  })

  testTraced("of many leads from their call to the callers of each", function*() {
    const spans: Array<Tracer.Span | undefined> = []
    const users = Cached.many(User, (keys) =>
      Effect.delay(
        Effect.map(current, (span) => {
          spans.push(span)
          return keys.map(({ id }) => Exit.succeed(`${id}`))
        }),
        100
      ), { ttl: "1 hour" })
    const one = Cached.fn(User, () => Effect.never, { ttl: "1 hour" })
    const many = yield* start(Effect.withSpan(users([{ id: 1 }, { id: 2 }]), "many"))
    const joined = yield* start(Effect.withSpan(one({ id: 2 }), "joined"))
    yield* TestClock.adjust(100)
    expect(yield* Fiber.join(joined)).toBe("2")
    yield* Fiber.join(many)
    expect(spans.length).toBe(1)
    // Its call runs in the span of the first.
    expect(spans[0]!.attributes.get("cache.key")).toBe(CacheKey.id(new User({ id: 1 })))
    expect(linksOf(spans[0])).toEqual(["many", "effect-cached.load"])
    const ofSecond = spans[0]!.links[1]!.span as Tracer.Span
    expect(ofSecond.attributes.get("cache.key")).toBe(CacheKey.id(new User({ id: 2 })))
    expect(linksOf(ofSecond)).toEqual(["many", "joined"])
  })

  const test = testIn(CacheLayer.memory())

  test("is not made where no tracer is", function*() {
    const { load, spans } = traced()
    const reader = yield* start(Effect.withSpan(ttl(load), "reader"))
    yield* TestClock.adjust(100)
    yield* Fiber.join(reader)
    expect(spans.map((span) => span?.name)).toEqual(["reader"])
  })

  it.effect("is sampled if a caller's is, has what the program annotates its spans with, and the time", () =>
    Effect.gen(function*() {
      const { load, spans } = traced()
      yield* taking(100, Effect.withSpan(ttl(load), "one", { sampled: false }))
      yield* taking(100, Effect.withSpan(ttl(load, "other"), "other"))
      expect(spans.map((span) => span?.sampled)).toEqual([false, true])
      expect(spans[1]!.attributes.get("service")).toBe("a")
      const { status } = spans[1]!
      expect(status._tag === "Ended" && status.endTime - status.startTime).toBe(100_000_000n)
    }).pipe(Effect.provide(CacheLayer.memory()), withTracer, Effect.annotateSpans("service", "a")))

  test("is not made where tracing is switched off", function*() {
    const { spans, tracer } = tracing()
    const read = Effect.withTracerEnabled(ttl(Effect.succeed("a")), false)
    yield* Effect.withTracer(Effect.withSpan(read, "reader"), tracer)
    expect(spans.map((span) => span.name)).toEqual(["reader"])
  })
})

/** The events that the cache adds to a span. */
const eventsOn = (span: Tracer.Span | undefined) =>
  (span as Tracer.NativeSpan).events.map(([name, , attributes]) => {
    expect(name).toBe("effect-cached.read")
    return attributes
  })

describe("the span around a read", () => {
  test("gets one event if the read waited, was served stale or a fallback, and none for a hit", function*() {
    const { spans, tracer } = tracing()
    const of = (name: string) => eventsOn(spans.find((span) => span.name === name))
    const key = new User({ id: 1 })
    const id = CacheKey.id(key)
    const options = { ttl: "1 hour", softTtl: "1 minute", retryAfter: 0 } as const
    const soft = (load: Effect.Effect<string>) => Cached.softTtl(load, key, options)
    const test = Effect.gen(function*() {
      const load = soft(Effect.delay(Effect.succeed("a"), 100))
      const first = yield* start(Effect.withSpan(load, "first"))
      yield* TestClock.adjust(40)
      const second = yield* start(Effect.withSpan(load, "second"))
      yield* TestClock.adjust(60)
      yield* Fiber.joinAll([first, second])
      yield* Effect.withSpan(load, "hit")
      yield* TestClock.adjust("2 minutes")
      const failing = Cached.softTtl(Effect.die("down"), key, { ...options, fallbackOn: () => true })
      yield* Effect.withSpan(failing, "fallback")
      yield* Effect.withSpan(
        Cached.refreshAhead(Effect.succeed("b"), key, { ttl: "1 hour", refreshAfter: "1 minute" }),
        "stale"
      )
      yield* settle
    })
    yield* Effect.withTracer(Effect.provide(test, CacheLayer.memory()), tracer)
    const about = { "cache.key": id, "cache.class": "User" }
    expect(of("first")).toEqual([{ ...about, "cache.source": "load", "cache.waited_millis": 100 }])
    expect(of("second")).toEqual([{ ...about, "cache.source": "joined", "cache.waited_millis": 60 }])
    expect(of("hit")).toEqual([])
    expect(of("fallback")).toEqual([{ ...about, "cache.source": "fallback", "cache.waited_millis": 0 }])
    expect(of("stale")).toEqual([{ ...about, "cache.source": "stale", "cache.waited_millis": 0 }])
  })

  test("gets one event of a bulk read, however many keys waited", function*() {
    const { spans, tracer } = tracing()
    const users = Cached.many(User, (keys) => Effect.succeed(keys.map(({ id }) => Exit.succeed(`${id}`))), {
      strategy: "softTtl",
      ttl: "1 hour",
      softTtl: "1 minute"
    })
    const keys = Array.from({ length: 50 }, (_, id) => ({ id }))
    yield* Effect.withTracer(Effect.provide(Effect.withSpan(users(keys), "many"), CacheLayer.memory()), tracer)
    const many = spans.find((span) => span.name === "many")
    expect(eventsOn(many).map((event) => event!["cache.source"])).toEqual(["load"])
  })
})

test("steps of a load are children of its span, also those before the load, and none where the store has the entry", function*() {
  const { spans, tracer } = tracing()
  const fake = fakeStore()
  fake.behave = () => ({ before: Effect.sleep(10) })
  const test = Effect.gen(function*() {
    const { load } = traced()
    const reader = yield* start(Effect.withSpan(ttl(load), "reader"))
    for (let i = 0; i < 30; i++) yield* Effect.andThen(TestClock.adjust(10), settle)
    yield* Fiber.join(reader)
  })
  yield* Effect.withTracer(Effect.provide(test, over(fake)), tracer)
  const own = spans.find((span) => span.name === "effect-cached.load")!
  const steps = spans.filter((span) => Option.getOrUndefined(span.parent) === own)
  expect(steps.map((span) => span.name)).toEqual([
    "effect-cached.get",
    "effect-cached.acquire",
    "effect-cached.commit"
  ])
  for (const { attributes, status } of steps) {
    expect(attributes.get("cache.result")).toBe("success")
    expect(status._tag === "Ended" && status.endTime - status.startTime).toBe(10_000_000n)
  }
  const again = tracing()
  const found = Effect.gen(function*() {
    const reader = yield* start(Effect.withSpan(ttl(Effect.succeed("new")), "reader"))
    for (let i = 0; i < 10; i++) yield* Effect.andThen(TestClock.adjust(10), settle)
    yield* Fiber.join(reader)
  })
  yield* Effect.withTracer(Effect.provide(found, over(fake)), again.tracer)
  expect(again.spans.map((span) => span.name)).toEqual(["reader"])
})

describe("Cached.traceReads", () => {
  test("makes a span for each read, hits included, also in loads and for each answer of a bulk read", function*() {
    const { spans, tracer } = tracing()
    const inner = ttl(Effect.succeed("inner"), "inner")
    const outer = ttl(inner, "outer")
    const users = Cached.many(User, (keys) => Effect.succeed(keys.map(({ id }) => Exit.succeed(`${id}`))), {
      ttl: "1 hour"
    })
    const test = Effect.gen(function*() {
      yield* Effect.all([outer, outer, inner, users([{ id: 1 }, { id: 2 }])]).pipe(
        Cached.traceReads,
        Effect.withSpan("around")
      )
      yield* outer
    })
    yield* Effect.withTracer(Effect.provide(test, CacheLayer.memory()), tracer)
    const reads = spans.filter((span) => span.name === "effect-cached.read")
    expect(reads.map(({ attributes }) => [attributes.get("cache.key"), attributes.get("cache.source")])).toEqual([
      ["outer", "load"],
      ["inner", "load"],
      ["outer", "memory"],
      ["inner", "memory"],
      [undefined, "load"],
      [undefined, "load"]
    ])
    const parents = reads.map((span) => (Option.getOrUndefined(span.parent) as Tracer.Span).name)
    expect(parents).toEqual(["around", "effect-cached.load", "around", "around", "around", "around"])
    expect(reads.every((span) => span.status._tag === "Ended")).toBe(true)
  })

  test("makes one span for each read of an effect that is traced twice, also in a load", function*() {
    const { spans, tracer } = tracing()
    const inner = ttl(Effect.succeed("inner"), "inner").pipe(Cached.traceReads)
    const users = Cached.many(User, (keys) => Effect.succeed(keys.map(({ id }) => Exit.succeed(`${id}`))), {
      ttl: "1 hour"
    })
    const test = Effect.all([ttl(inner, "outer"), inner, users([{ id: 1 }]).pipe(Cached.traceReads)])
    yield* Effect.withTracer(Effect.provide(Cached.traceReads(test), CacheLayer.memory()), tracer)
    const reads = spans.filter((span) => span.name === "effect-cached.read")
    expect(reads.map(({ attributes }) => attributes.get("cache.key"))).toEqual(["outer", "inner", "inner", undefined])
  })

  test("spans last as long as the reads, and end with them", function*() {
    const { spans, tracer } = tracing()
    const { load } = traced()
    const test = Effect.gen(function*() {
      const failing = ttl(Effect.delay(Effect.fail("down"), 50), "failing")
      const reads = yield* start(Cached.traceReads(Effect.all([Effect.exit(failing), ttl(load)], { concurrency: 2 })))
      yield* TestClock.adjust(50)
      yield* TestClock.adjust(50)
      yield* Fiber.join(reads)
    })
    yield* Effect.withTracer(Effect.provide(test, CacheLayer.memory()), tracer)
    const reads = spans.filter((span) => span.name === "effect-cached.read")
    const ended = reads.map(({ status }) =>
      status._tag === "Ended" ? [Exit.isSuccess(status.exit), status.endTime - status.startTime] : []
    )
    expect(ended).toEqual([[false, 50_000_000n], [true, 100_000_000n]])
  })
})

describe("log lines", () => {
  type Line = readonly [message: unknown, annotations: unknown]

  const logging = () => {
    const lines: Array<Line> = []
    const logger = Logger.make(({ fiber, message }) => {
      const [text] = Array.isArray(message) ? message : [message]
      lines.push([text, { ...fiber.getRef(References.CurrentLogAnnotations) }])
    })
    return { lines, layer: Logger.layer([logger]) }
  }

  test("of a load have its key and its class, beside what they have", function*() {
    const { layer, lines } = logging()
    const user = new User({ id: 1 })
    const inner = ttl(Effect.as(Effect.log("inner"), "value"), "string")
    const load = Effect.log("before").pipe(
      Effect.andThen(inner),
      Effect.tap(() => Effect.annotateLogs(Effect.log("after"), "own", 1))
    )
    const reads = Effect.gen(function*() {
      yield* Cached.ttl(load, user, { ttl: "1 hour" })
      yield* Effect.log("outside")
    })
    yield* Effect.annotateLogs(reads, "caller", "me").pipe(Effect.provide([layer, CacheLayer.memory()]))
    const about = { "cache.key": CacheKey.id(user), "cache.class": "User" }
    expect(lines).toEqual([
      ["before", { caller: "me", ...about }],
      ["inner", { caller: "me", "cache.key": "string" }],
      ["after", { caller: "me", ...about, own: 1 }],
      ["outside", { caller: "me" }]
    ])
  })

  test("of a load for many have the class alone", function*() {
    const { layer, lines } = logging()
    const users = Cached.many(
      User,
      (keys) => Effect.as(Effect.log("many"), keys.map(({ id }) => Exit.succeed(`${id}`))),
      { ttl: "1 hour" }
    )
    yield* users([{ id: 1 }, { id: 2 }]).pipe(Effect.provide([layer, CacheLayer.memory()]))
    expect(lines).toEqual([["many", { "cache.class": "User" }]])
  })

  test("of the cache about a key have it, and what is about none has not", function*() {
    const { layer, lines } = logging()
    const fake = fakeStore()
    const test = Effect.gen(function*() {
      const user = new User({ id: 1 })
      const soft = { ttl: "1 hour", softTtl: "1 minute" } as const
      for (const key of [user, "k" as never]) {
        yield* Cached.softTtl(Effect.succeed("1"), key, soft)
        yield* TestClock.adjust("2 minutes")
        yield* Cached.softTtl(Effect.suspend(() => Effect.die("down")), key, { ...soft, fallbackOn: () => true })
      }
      yield* Cached.ttl(Effect.succeed("1"), "nonsense", { ttl: () => NaN })
      yield* Cached.set(new User({ id: 2 }), 2 as never)
      fake.behave = () => ({ before: Effect.die("broken") })
      yield* Cached.invalidate("other")
      yield* settle
      const about = { "cache.key": CacheKey.id(user), "cache.class": "User" }
      expect(lines.map(([, annotations]) => annotations)).toEqual([
        about,
        { "cache.key": "k" },
        { "cache.key": "nonsense" },
        { "cache.key": CacheKey.id(new User({ id: 2 })), "cache.class": "User" },
        {}
      ])
    })
    yield* Effect.provide(test, Layer.provide(over(fake), layer))
  })
})
