/** Which failures fall back on a stale value, and which are answers in its place. */
import { describe, expect, it } from "@effect/vitest"
import { Cause, Effect, Exit, Fiber, Layer, Logger, Option, Schedule, Schema } from "effect"
import { Cached, CacheError, CacheKey, CacheLayer, CachePolicy, type Caching, type Strategy } from "effect-cached"
import { TestClock } from "effect/testing"
import { caches, elapse, ended, fakeStore, over, overFake, settle, start, started, taking } from "../support/caches.ts"
import { made } from "../support/strategies.ts"
import { test, testIn } from "../support/tests.ts"

const inMemory = testIn(CacheLayer.memory())

class Down extends Schema.TaggedError<Down>()("Down", {}) {}
class Gone extends Schema.TaggedError<Gone>()("Gone", {}) {}
class Row extends CacheKey.Class<Row>()("Row", {
  payload: { id: Schema.Int },
  success: Schema.String,
  error: Schema.Union([Down, Gone])
}) {}

type Outcome = Effect.Effect<string, Down | Gone>

const down = Exit.fail(new Down())
const gone = Exit.fail(new Gone())
const good = Exit.succeed("good")
const isGone = (exit: Exit.Exit<string, Down | Gone>) =>
  Exit.isFailure(exit) &&
  exit.cause.reasons.some((reason) => Cause.isFailReason(reason) && reason.error._tag === "Gone")

/** An origin whose answer the test sets. */
const origin = () => {
  const state = { answer: Effect.succeed("good") as Outcome, calls: 0 }
  const load = Effect.suspend(() => {
    state.calls++
    return state.answer
  })
  return { state, load }
}

/** A value that is due for a load, how it is read, and the origin. */
const due = <R>(cached: (load: Outcome, key: string) => Effect.Effect<string, Down | Gone, R>) =>
  Effect.gen(function*() {
    const { load, state } = origin()
    const read = cached(load, "k")
    yield* read
    yield* TestClock.adjust("8 minutes")
    return { load, read, state }
  })

const times = { ttl: "10 minutes", softTtl: "7 minutes" } as const

/** Ways to say that `Gone` is an answer, and `Down` is not. */
const ways = [
  {
    name: "softTtl with fallbackOn",
    cached: (load: Outcome, key: string) => Cached.softTtl(load, key, { ...times, fallbackOn: ["Down"] })
  },
  {
    name: "softTtl with a `when` that stores it",
    cached: (load: Outcome, key: string) =>
      Cached.softTtl(load, key, { ...times, fallbackOn: "all", when: (exit) => Exit.isSuccess(exit) || isGone(exit) })
  },
  {
    name: "failover with fallbackOn",
    cached: (load: Outcome, key: string) => Cached.failover(load, key, { ttl: "10 minutes", fallbackOn: ["Down"] })
  },
  {
    name: "failover with a `when` that stores it",
    cached: (load: Outcome, key: string) =>
      load.pipe(
        Cached.failover(key, {
          ttl: "10 minutes",
          when: (exit) => Exit.isSuccess(exit) || isGone(exit),
          fallbackOn: "all"
        })
      )
  },
  {
    name: "a strategy with fallbackOn",
    cached: (load: Outcome, key: string) =>
      load.pipe(Cached.withStrategy(key, { strategy: { strategy: "softTtl", ...times }, fallbackOn: ["Down"] }))
  }
] as const

describe.each(caches)("over $name", (cache) => {
  describe.each(ways)("$name", ({ cached }) => {
    testIn(cache.layer())("an outage is answered with the stale value, an answer is the caller's", function*() {
      const { read, state } = yield* due(cached)
      state.answer = down
      expect(yield* read).toBe("good")
      yield* TestClock.adjust("5 seconds")
      state.answer = gone
      expect(yield* Effect.exit(read)).toEqual(gone)
    })

    testIn(cache.layer())("an answer within the pause after an outage ends the fallback at once", function*() {
      const { load, read, state } = yield* due(cached)
      state.answer = down
      expect(yield* read).toBe("good")
      const impatient = load.pipe(
        Cached.failover("k", { ttl: "10 minutes", retryAfter: 0, fallbackOn: ["Down"] })
      )
      state.answer = gone
      expect(yield* Effect.exit(impatient)).toEqual(gone)
      expect(yield* Effect.exit(read)).toEqual(gone)
    })

    testIn(cache.layer())("a value set by hand is a fallback again", function*() {
      const { load, read, state } = yield* due(cached)
      state.answer = gone
      expect(yield* Effect.exit(read)).toEqual(gone)
      yield* Cached.set("k", "set", { ttl: "10 minutes" })
      state.answer = down
      const soft = load.pipe(Cached.failover("k", { ttl: "10 minutes", fallbackOn: ["Down"] }))
      expect(yield* soft).toBe("set")
    })

    testIn(cache.layer())("an answer of one caller is one for all", function*() {
      const { load, read, state } = yield* due(cached)
      state.answer = Effect.delay(gone, "1 second")
      const others = load.pipe(Cached.failover("k", { ttl: "10 minutes", fallbackOn: "all" }))
      const both = [yield* start(read), yield* start(others)]
      yield* settle
      yield* TestClock.adjust("1 second")
      expect(both.map(ended)).toEqual([gone, gone])
      state.answer = down
      expect(yield* Effect.exit(others)).toEqual(down)
    })

    testIn(cache.layer())("a caller that joins decides by its own options", function*() {
      const { load, read, state } = yield* due(cached)
      state.answer = Effect.delay(gone, "1 second")
      const others = load.pipe(Cached.failover("k", { ttl: "10 minutes", fallbackOn: "all" }))
      const both = [yield* start(others), yield* start(read)]
      yield* settle
      yield* TestClock.adjust("1 second")
      expect(both.map(ended)).toEqual([Exit.succeed("good"), gone])
      yield* TestClock.adjust("5 seconds")
      state.answer = down
      expect(yield* Effect.exit(others)).toEqual(down)
    })

    testIn(cache.layer())("a load that answers after its callers have left counts too", function*() {
      const { load, state } = origin()
      const read = cached(load, "k")
      const impatient = load.pipe(
        Cached.failover("k", { ttl: "10 minutes", softTimeout: "1 second", fallbackOn: ["Down"] })
      )
      yield* read
      yield* TestClock.adjust("8 minutes")
      state.answer = Effect.delay(gone, "3 seconds")
      expect(yield* taking("1 second", impatient)).toBe("good")
      yield* TestClock.adjust("2 seconds")
      const second = yield* start(impatient)
      yield* TestClock.adjust("2 seconds")
      expect(ended(second)).toBe("still waiting")
      yield* TestClock.adjust("1 second")
      expect(yield* Fiber.await(second)).toEqual(gone)
    })

    testIn(cache.layer())("a refresh that is asked for, and answers, ends the fallback too", function*() {
      const { read, state } = yield* due(cached)
      state.answer = gone
      expect(yield* Effect.exit(CachePolicy.refresh(read))).toEqual(gone)
      state.answer = down
      expect(yield* Effect.exit(read)).toEqual(down)
    })

    testIn(cache.layer())("a load that reads and writes nothing in the cache changes nothing there", function*() {
      const { read, state } = yield* due(cached)
      state.answer = gone
      expect(yield* Effect.exit(CachePolicy.disable("set")(read))).toEqual(gone)
      state.answer = down
      expect(yield* read).toBe("good")
    })

    testIn(cache.layer())("an invalidation while it loads: its answer concerns no newer value", function*() {
      const { load, read, state } = yield* due(cached)
      state.answer = Effect.delay(gone, "1 second")
      const old = yield* started(read)
      yield* Cached.set("k", "set", { ttl: "10 minutes" })
      yield* TestClock.adjust("1 second")
      expect(yield* Fiber.await(old)).toEqual(gone)
      state.answer = down
      expect(yield* load.pipe(Cached.failover("k", { ttl: "10 minutes", fallbackOn: "all" }))).toBe("set")
    })
  })

  // The failure that softTtl stores takes the place of the value (below).
  describe.each(ways.filter(({ name }) => name !== "softTtl with a `when` that stores it"))("$name", ({ cached }) => {
    it.effect("after an answer the value is no fallback, and stays stored, until a load succeeds", () =>
      Effect.gen(function*() {
        const { read, state } = yield* due(cached)
        state.answer = gone
        expect(yield* Effect.exit(read)).toEqual(gone)
        state.answer = down
        expect(yield* Effect.exit(read)).toEqual(down)
        // The failure throttles nothing: there is no value to serve meanwhile.
        expect(yield* Effect.exit(read)).toEqual(down)
        expect(state.calls).toBe(4)
        expect(yield* Cached.getOption("k")).toEqual(Option.some("good"))
        state.answer = Effect.succeed("new")
        expect(yield* read).toBe("new")
        yield* TestClock.adjust("8 minutes")
        state.answer = down
        expect(yield* read).toBe("new")
      }).pipe(Effect.provide(cache.layer())))
  })

  it.effect("a load that succeeds makes the value a fallback again, though its own is not stored", () =>
    Effect.gen(function*() {
      const { load, state } = origin()
      const options = { ...times, fallbackOn: ["Down"] } as const
      const read = load.pipe(Cached.softTtl("k", options))
      yield* read
      yield* TestClock.adjust("8 minutes")
      state.answer = gone
      expect(yield* Effect.exit(read)).toEqual(gone)
      state.answer = Effect.succeed("not stored")
      expect(yield* load.pipe(Cached.softTtl("k", { ...options, when: () => false }))).toBe("not stored")
      state.answer = down
      expect(yield* read).toBe("good")
    }).pipe(Effect.provide(cache.layer())))

  testIn(cache.layer())("in a read of many each key has its own", function*() {
    let answers: ReadonlyArray<Exit.Exit<string, Down | Gone>> = [Exit.succeed("one"), Exit.succeed("two")]
    const rows = Cached.many(Row, (keys) => Effect.sync(() => keys.map(({ id }) => answers[id - 1]!)), {
      strategy: "failover",
      ttl: "10 minutes",
      fallbackOn: ["Down"]
    })
    const both = rows([{ id: 1 }, { id: 2 }])
    yield* both
    answers = [down, gone]
    expect(yield* both).toEqual([Exit.succeed("one"), gone])
    answers = [gone, down]
    expect(yield* both).toEqual([gone, down])
  })
})

describe.each(caches)("an answer that is stored, over $name", (cache) => {
  const test = testIn(cache.layer())
  const storing = { ttl: "1 hour", softTtl: "1 minute", fallbackOn: ["Down"], storeFailures: ["Gone"] } as const
  const row = new Row({ id: 1 })
  const ahead = { ttl: "1 hour", refreshAfter: "1 minute", storeFailures: ["Gone"] } as const

  // A failure of a string key is kept in memory only.
  const keys = [["a key with schemas", row], ["a string key", "row"]] as const
  test.each(keys.slice(0, cache.memory ? 2 : 1))(
    "takes the place of a value that is due, for its own soft deadline (%s)",
    function*([, key]) {
      const { load, state } = origin()
      const read = Cached.softTtl(load, key as string, storing)
      yield* read
      yield* TestClock.adjust("2 minutes")
      state.answer = gone
      for (let i = 0; i < 5; i++) {
        expect(yield* Effect.exit(read)).toEqual(gone)
        yield* TestClock.adjust("1 second")
      }
      expect(state.calls).toBe(2)
      expect(yield* Cached.getOption(key as string)).toEqual(Option.none())
      yield* TestClock.adjust("55 seconds")
      state.answer = Effect.succeed("again")
      expect(yield* read).toBe("again")
      expect(yield* Cached.getOption(key as string)).toEqual(Option.some("again"))
    }
  )

  test("of a batch, too", function*() {
    let calls = 0
    let answers: ReadonlyArray<Exit.Exit<string, Down | Gone>> = [Exit.succeed("one"), Exit.succeed("two")]
    const rows = Cached.many(Row, (keys) => {
      calls++
      return Effect.sync(() => keys.map(({ id }) => answers[id - 1]!))
    }, { strategy: "softTtl", ...storing })
    const both = rows([{ id: 1 }, { id: 2 }])
    yield* both
    yield* TestClock.adjust("2 minutes")
    answers = [down, gone]
    expect(yield* both).toEqual([Exit.succeed("one"), gone])
    expect(yield* both).toEqual([Exit.succeed("one"), gone])
    expect(calls).toBe(2)
    expect(yield* Cached.getOption(row)).toEqual(Option.some("one"))
    expect(yield* Cached.getOption(new Row({ id: 2 }))).toEqual(Option.none())
  })

  test("under failover only that of a value that was marked as stale", function*() {
    const { load, state } = origin()
    const { softTtl: _, ...rest } = storing
    const read = Cached.failover(load, row, { ...rest, tags: ["rows"] })
    yield* read
    state.answer = gone
    expect(yield* Effect.exit(read)).toEqual(gone)
    expect(yield* Cached.getOption(row)).toEqual(Option.some("good"))
    yield* Cached.invalidate({ tag: "rows" }, { mode: "soft" })
    expect(yield* Effect.exit(read)).toEqual(gone)
    expect(yield* Cached.getOption(row)).toEqual(Option.none())
  })

  test.each(
    [
      ["fresh", "30 seconds", (load: Outcome) => CachePolicy.refresh(Cached.softTtl(load, row, storing)), gone],
      ["served by refreshAhead", "2 minutes", (load: Outcome) => Cached.refreshAhead(load, row, ahead), good],
      [
        "served by refreshAhead, and the refresh is asked for",
        "2 minutes",
        (load: Outcome) => CachePolicy.refresh(Cached.refreshAhead(load, row, ahead)),
        gone
      ]
    ] as const
  )("never that of a value that is %s", function*([, age, read, answer]) {
    const { load, state } = origin()
    yield* read(load)
    yield* TestClock.adjust(age)
    state.answer = gone
    expect(yield* Effect.exit(read(load))).toEqual(answer)
    yield* settle
    yield* TestClock.adjust("1 second")
    expect(state.calls).toBeGreaterThan(1)
    expect(yield* Cached.getOption(row)).toEqual(Option.some("good"))
  })

  test("never that of a value that a touch has made fresh while it loads", function*() {
    const { load, state } = origin()
    const read = Cached.softTtl(load, row, storing)
    yield* read
    yield* TestClock.adjust("2 minutes")
    state.answer = Effect.delay(gone, "1 second")
    const reader = yield* started(read)
    yield* Cached.touch(row, "1 hour")
    yield* elapse("1 second")
    expect(ended(reader)).toEqual(gone)
    expect(yield* Cached.getOption(row)).toEqual(Option.some("good"))
  })

  test("never that of a value that its strategy refuses to judge", function*() {
    const { load, state } = origin()
    const soft = made({ strategy: "softTtl", ttl: "1 hour", softTtl: "1 minute" })
    let throws = false
    const strategy: Strategy.Strategy = {
      ...soft,
      decide: (entry, now, random) => {
        if (throws) throw new Error("no decision")
        return soft.decide(entry, now, random)
      }
    }
    const slow = Effect.delay(load, "1 second")
    const read = Effect.tapError(slow, () => Effect.sync(() => void (throws = true))).pipe(
      Cached.withStrategy(row, { strategy, fallbackOn: ["Down"], storeFailures: ["Gone"] })
    )
    const first = yield* start(read)
    yield* TestClock.adjust("1 second")
    expect(ended(first)).toEqual(good)
    yield* TestClock.adjust("2 minutes")
    state.answer = gone
    const own = yield* start(read)
    const other = yield* started(Cached.softTtl(slow, row, storing))
    yield* elapse("1 second")
    expect([ended(own), ended(other)]).toEqual([gone, gone])
    expect(yield* Cached.getOption(row)).toEqual(Option.some("good"))
  })
})

describe.each(caches)("in the background, over $name", (cache) => {
  testIn(cache.layer())(
    "the answer of a refresh in the background, and that of keepFresh, ends the fallback",
    function*() {
      const { load, state } = origin()
      const soft = (id: number) => load.pipe(Cached.softTtl(new Row({ id }), { ...times, fallbackOn: ["Down"] }))
      const ahead = load.pipe(
        Cached.refreshAhead(new Row({ id: 1 }), { ttl: "10 minutes", refreshAfter: "7 minutes" })
      )
      const fn = Cached.fn(Row, () => load, { strategy: "softTtl", ...times, fallbackOn: ["Down"] })
      yield* ahead
      yield* Cached.keepFresh(fn, { id: 2 }, Schedule.spaced("8 minutes"))
      yield* settle
      yield* TestClock.adjust("7 minutes")
      // The refreshing caller's strategy decides which outcome is an answer.
      state.answer = gone
      expect(
        yield* load.pipe(
          Cached.withStrategy(new Row({ id: 1 }), {
            strategy: { strategy: "refreshAhead", ttl: "10 minutes", refreshAfter: "7 minutes" },
            fallbackOn: ["Down"]
          })
        )
      ).toBe("good")
      yield* settle
      yield* elapse("90 seconds")
      state.answer = down
      expect(yield* Effect.exit(soft(1))).toEqual(down)
      expect(yield* Effect.exit(soft(2))).toEqual(down)
    }
  )
})

describe("fallbackOn", () => {
  const provided = Effect.provide(CacheLayer.memory())
  const after = <E>(
    outcome: Effect.Effect<string, E>,
    options: { readonly fallbackOn: any; readonly when?: () => boolean }
  ) =>
    Effect.gen(function*() {
      yield* Cached.set("k", "stale")
      return yield* Effect.exit(outcome.pipe(Cached.failover("k", { ttl: "1 hour", ...options })))
    })
  const both = Cause.combine(Cause.fail(new Down()), Cause.fail(new Gone()))

  inMemory("falls back only where every failure of the cause has a tag of the list", function*() {
    expect(yield* after(Effect.failCause(both), { fallbackOn: ["Down", "Gone"] })).toEqual(Exit.succeed("stale"))
    expect(yield* after(Effect.failCause(both), { fallbackOn: ["Down"] })).toEqual(Exit.failCause(both))
    expect(yield* after(Effect.fail("no tag"), { fallbackOn: ["Down"] })).toEqual(Exit.fail("no tag"))
    expect(yield* after(Effect.fail(null), { fallbackOn: [] })).toEqual(Exit.fail(null))
  })

  inMemory("a defect is no answer: it does not fall back, and what falls back after it does", function*() {
    const options = { fallbackOn: ["Down"] }
    expect(yield* after(Effect.die("bug"), options)).toEqual(Exit.die("bug"))
    expect(yield* Effect.fail(new Down()).pipe(Cached.failover("k", { ttl: 1, fallbackOn: ["Down"] }))).toBe(
      "stale"
    )
  })

  inMemory("a function decides alone, about defects too", function*() {
    const options = { fallbackOn: Cause.hasDies }
    expect(yield* after(Effect.die("bug"), options)).toEqual(Exit.succeed("stale"))
    expect(yield* after(down, options)).toEqual(down)
    expect(yield* after(gone, { fallbackOn: () => true })).toEqual(Exit.succeed("stale"))
  })

  inMemory("a timeout always falls back, the caller's and one inside the load", function*() {
    const options = { ttl: "1 hour", fallbackOn: [], when: () => true } as const
    yield* Cached.set("k", "stale")
    const reader = yield* start(
      (Effect.never as Effect.Effect<string>).pipe(Cached.failover("k", { ...options, timeout: 100 }))
    )
    yield* TestClock.adjust(100)
    expect(yield* Fiber.join(reader)).toBe("stale")
    const inner = new CacheError.LoadTimeout({ key: "inner", timeoutMillis: 1 })
    expect(yield* after(Effect.fail(inner), { fallbackOn: [] })).toEqual(Exit.succeed("stale"))
  })

  inMemory("a failure that a function refuses is an answer, so a later outage is not hidden", function*() {
    expect(yield* after(gone, { fallbackOn: () => false })).toEqual(gone)
    const down = Effect.fail("down").pipe(Cached.failover("k", { ttl: 1, fallbackOn: "all" }))
    expect(yield* Effect.flip(down)).toBe("down")
  })

  inMemory("a defect or a timeout that a function refuses is no answer", function*() {
    const bug = new Error("bug")
    expect(yield* after(Exit.die(bug), { fallbackOn: () => false })).toEqual(Exit.die(bug))
    const late = Effect.never.pipe(Cached.failover("k", { ttl: 1, timeout: 1, fallbackOn: () => false }))
    const fiber = yield* Effect.forkChild(Effect.exit(late), { startImmediately: true })
    yield* TestClock.adjust(1)
    expect(Exit.isFailure(yield* Fiber.join(fiber))).toBe(true)
    expect(yield* Effect.fail("down").pipe(Cached.failover("k", { ttl: 1, fallbackOn: "all" }))).toBe("stale")
  })

  inMemory("a `when` that throws makes no answer", function*() {
    const when = () => {
      throw new Error("bug")
    }
    expect(yield* after(gone, { when, fallbackOn: "all" })).toEqual(Exit.succeed("stale"))
  })

  test("an answer is no incident: nothing is logged, and it is counted as a failed load", function*() {
    const lines: Array<unknown> = []
    const logger = Logger.layer([Logger.make(({ message }) => void lines.push(message))])
    yield* Effect.gen(function*() {
      const { read, state } = yield* due((load) => load.pipe(Cached.softTtl("k", { ...times, fallbackOn: ["Down"] })))
      state.answer = gone
      yield* Effect.exit(read)
      expect((yield* Cached.stats).loadFailures).toBe(1)
      // Nor is an outage after it, which no stale value hides.
      state.answer = down
      yield* Effect.exit(read)
      expect((yield* Cached.stats).loadFailures).toBe(2)
    }).pipe(provided, Effect.provide(logger))
    expect(lines).toEqual([])
  })

  inMemory.each([["a text", "Down"], ["numbers", [404]], ["a number", 404]])(
    "%s is no way to name outages",
    function*([, given]) {
      const exit = yield* after(Effect.succeed("x"), { fallbackOn: given })
      expect(Exit.isFailure(exit) && Cause.squash(exit.cause)).toBeInstanceOf(CacheError.CacheConfigError)
    }
  )

  it.effect("another process learns of an answer by its own load", () => {
    const fake = fakeStore()
    const { load, state } = origin()
    const read = load.pipe(Cached.softTtl("k", { ...times, fallbackOn: ["Down"] }))
    const inOne = Effect.gen(function*() {
      yield* read
      yield* TestClock.adjust("8 minutes")
      state.answer = gone
      expect(yield* Effect.exit(read)).toEqual(gone)
    }).pipe(Effect.provide(over(fake)))
    const inOther = Effect.gen(function*() {
      state.answer = down
      expect(yield* read).toBe("good")
      yield* TestClock.adjust("5 seconds")
      state.answer = gone
      expect(yield* Effect.exit(read)).toEqual(gone)
    }).pipe(Effect.provide(over(fake)))
    return Effect.andThen(inOne, inOther)
  })

  test("another process learns of an answer that is stored from the store", function*() {
    const fake = fakeStore()
    const { load, state } = origin()
    const read = load.pipe(
      Cached.softTtl(new Row({ id: 1 }), { ...times, fallbackOn: ["Down"], storeFailures: ["Gone"] })
    )
    const one = Effect.provide(yield* Layer.build(over(fake)))
    const other = Effect.provide(yield* Layer.build(over(fake)))
    yield* one(read)
    expect(yield* other(read)).toBe("good")
    yield* TestClock.adjust("8 minutes")
    state.answer = gone
    expect(yield* one(Effect.exit(read))).toEqual(gone)
    state.answer = down
    expect(yield* other(Effect.exit(read))).toEqual(gone)
    expect(state.calls).toBe(2)
  })
})

describe.each(caches)("in the background, over $name", (cache) => {
  const test = testIn(cache.layer())

  /** A read after 8 minutes, whose load fails 2 seconds later, and the next one. */
  const readsOf = (read: (load: Outcome) => Effect.Effect<string, Down | Gone, Caching.Caching>, failure: Outcome) =>
    Effect.gen(function*() {
      const { load, state } = origin()
      const cached = read(Effect.delay(load, "2 seconds"))
      const first = yield* start(cached)
      yield* elapse("2 seconds")
      expect(ended(first)).toEqual(Exit.succeed("good"))
      yield* TestClock.adjust("8 minutes")
      state.answer = failure
      const stale = yield* start(cached)
      yield* elapse(1)
      const atOnce = ended(stale)
      yield* elapse("30 seconds")
      const next = yield* start(Effect.exit(cached))
      yield* elapse("2 seconds")
      return [atOnce, yield* Fiber.join(next)]
    })

  test("softTtl with softTimeout: 0 serves at once, and an answer ends the value", function*() {
    const options = { ...times, softTimeout: 0, fallbackOn: ["Down"] } as const
    expect(yield* readsOf(Cached.softTtl("down", options), down)).toEqual([good, good])
    expect(yield* readsOf(Cached.softTtl("gone", options), gone)).toEqual([good, gone])
  })

  test("refreshAhead serves at once, and no failure ends the value before its ttl", function*() {
    const options = { ttl: "10 minutes", refreshAfter: "7 minutes" } as const
    expect(yield* readsOf(Cached.refreshAhead("down", options), down)).toEqual([good, good])
    expect(yield* readsOf(Cached.refreshAhead("gone", options), gone)).toEqual([good, good])
    yield* TestClock.adjust("10 minutes")
    expect(yield* Effect.exit(Cached.refreshAhead("gone", options)(gone))).toEqual(gone)
  })
})

describe("where memory and the store have two values", () => {
  it.effect("an answer ends the fallback on both", () =>
    overFake(function*(fake) {
      const { load, state } = origin()
      const read = Cached.failover(load, "k", { ttl: "1 hour", retryAfter: 0, fallbackOn: ["Down"] })
      state.answer = Effect.succeed("older")
      yield* read
      // Only memory gets the next one.
      fake.behave = (operation) => operation === "set" ? { before: Effect.die("the disk is full") } : {}
      state.answer = Effect.succeed("newer")
      expect(yield* read).toBe("newer")
      fake.behave = () => ({})
      state.answer = gone
      expect(yield* Effect.exit(read)).toEqual(gone)
      // The newer one leaves memory, and the store still has the older one.
      yield* Cached.ttl(Effect.succeed("other"), "other", { ttl: "1 hour" })
      state.answer = down
      expect(yield* Effect.exit(read)).toEqual(down)
    }, { capacity: 1 }))
})
