/** Cached streams: the stored part, the elements that each consumer gets, and the remains. */
import { assert, describe, expect, it } from "@effect/vitest"
import { Cause, Deferred, Effect, Exit, Fiber, Layer, Option, Queue, Scheduler, Schema, Scope, Stream } from "effect"
import { Cached, CacheError, CacheKey, CacheLayer, CachePolicy } from "effect-cached"
import { type Eviction, Store } from "effect-cached/adapters"
import { MemoryStore } from "effect-cached/memory"
import { TestClock } from "effect/testing"
import { caches, elapse, ended, fakeStore, over, overFake, settle, start, started, taking } from "../support/caches.ts"
import * as Looking from "../support/looking.ts"
import { made } from "../support/strategies.ts"
import { test, testIn } from "../support/tests.ts"

interface Counts {
  runs: number
  pulled: number
  released: number
}

/** A stream whose runs are counted, in chunks of two. */
const counted = <A>(
  elements: (run: number) => ReadonlyArray<A>,
  end: (run: number) => Effect.Effect<void, string> = () => Effect.void
) => {
  const counts: Counts = { runs: 0, pulled: 0, released: 0 }
  const stream: Stream.Stream<A, string> = Stream.suspend(() => {
    const run = ++counts.runs
    return Stream.fromIterable(elements(run)).pipe(
      Stream.tap(() => Effect.sync(() => counts.pulled++)),
      Stream.rechunk(2),
      Stream.concat(Stream.drain(Stream.fromEffect(end(run)))),
      Stream.ensuring(Effect.sync(() => counts.released++))
    )
  })
  return Object.assign(counts, { stream, rows: stream.pipe(Cached.stream("rows", { ttl: "1 hour" })) })
}

/** A stream that is fed by hand. */
const fed = Effect.map(Queue.unbounded<number, string | Cause.Done>(), (queue) => {
  const counts: Counts = { runs: 0, pulled: 0, released: 0 }
  const stream: Stream.Stream<number, string> = Stream.suspend(() => {
    counts.runs++
    return Stream.fromQueue(queue).pipe(Stream.ensuring(Effect.sync(() => counts.released++)))
  })
  return Object.assign(counts, {
    stream,
    rows: stream.pipe(Cached.stream("rows", { ttl: "1 hour" })),
    give: (...elements: ReadonlyArray<number>) => Effect.andThen(Queue.offerAll(queue, elements), settle),
    end: Effect.andThen(Queue.end(queue), settle),
    fail: (error: string) => Effect.andThen(Queue.fail(queue, error), settle)
  })
})

/** A consumer in a fiber of its own, and what it has got. */
const consumer = <A, E, R>(stream: Stream.Stream<A, E, R>) =>
  Effect.gen(function*() {
    const got: Array<A> = []
    const fiber = yield* start(Stream.runForEach(stream, (one) => Effect.sync(() => void got.push(one))))
    return { got, fiber, exit: Fiber.await(fiber) }
  })

/** Its fibers stop after some steps, until `goOn` is called. */
class Stopping extends Scheduler.MixedScheduler {
  #left: number
  readonly #held: Array<() => void> = []

  constructor(steps: number) {
    super("async", (run) => {
      if (this.#left > 0) setImmediate(run)
      else this.#held.push(run)
      return () => {}
    })
    this.#left = steps
  }

  override shouldYield(): boolean {
    return --this.#left === 0
  }

  goOn(): void {
    this.#left = Infinity
    for (const run of this.#held) run()
  }
}

class Rows extends CacheKey.Class<Rows>()("Rows", {
  payload: { id: Schema.Int },
  success: Schema.Struct({ n: Schema.Int, at: Schema.Date }),
  error: Schema.String
}) {}

const row = (n: number) => ({ n, at: new Date(n) })

const errorOf = (exit: Exit.Exit<unknown, unknown>): unknown =>
  Exit.isFailure(exit) ? Cause.squash(exit.cause) : "no failure"

describe.each(caches)("Cached.stream, over $name", (cache) => {
  const provided = Effect.provide(cache.layer())
  const test = testIn(cache.layer())

  const whole: ReadonlyArray<ReadonlyArray<unknown>> = [[0, "", false, null, "a", 0], []]
  test.each(whole)("CA-41 · a stream that has ended is served again, falsy elements too: %j", function*(elements) {
    const source = counted(() => elements)
    for (let i = 0; i < 3; i++) expect(yield* Stream.runCollect(source.rows)).toEqual(elements)
    expect(source.runs).toBe(1)
    yield* TestClock.adjust("1 hour")
    expect(yield* Stream.runCollect(source.rows)).toEqual(elements)
    expect(source.runs).toBe(2)
  })

  test("CA-41 · elements of a class are decoded as its schema says", function*() {
    const source = counted(() => [row(1), row(2), row(3)])
    const rows = source.stream.pipe(Cached.stream(new Rows({ id: 1 }), { strategy: "untilInvalidated" }))
    expect(yield* Stream.runCollect(rows)).toEqual([row(1), row(2), row(3)])
    expect(yield* Stream.runCollect(rows)).toEqual([row(1), row(2), row(3)])
    expect(source.runs).toBe(1)
    yield* Cached.invalidate(new Rows({ id: 1 }))
    yield* Stream.runDrain(rows)
    expect(source.runs).toBe(2)
    yield* Cached.invalidate({ all: Rows })
    yield* Stream.runDrain(rows)
    expect(source.runs).toBe(3)
    expect((yield* Cached.stats).classes["Rows"]).toMatchObject({ loads: 3 })
  })

  test("CA-41 · nothing is stored of a stream that is not consumed to its end, and nothing beyond the demand is pulled", function*() {
    const source = counted(() => [1, 2, 3, 4, 5, 6, 7, 8])
    expect(yield* Stream.runCollect(Stream.take(source.rows, 3))).toEqual([1, 2, 3])
    expect([source.pulled, source.released]).toEqual([4, 1])
    expect(yield* Stream.runCollect(source.rows)).toEqual([1, 2, 3, 4, 5, 6, 7, 8])
    expect(source.runs).toBe(2)
  })

  test("CA-41, CA-83 · a failure at the end is not served again", function*() {
    const source = counted(() => [1, 2, 3], () => Effect.fail("broken"))
    for (const run of [1, 2]) {
      const { exit, got } = yield* consumer(source.rows)
      expect(errorOf(yield* exit)).toBe("broken")
      expect(got).toEqual([1, 2, 3])
      expect(source.runs).toBe(run)
    }
  })

  test("CA-41 · unless it is to be stored: then it is the end of what is served", function*() {
    const source = counted(() => [row(1), row(2)], () => Effect.fail("broken"))
    const ends: Array<unknown> = []
    const rows = source.stream.pipe(
      Cached.stream(new Rows({ id: 1 }), { ttl: "1 hour", when: (exit) => ends.push(errorOf(exit)) > 0 })
    )
    for (let i = 0; i < 3; i++) {
      const { exit, got } = yield* consumer(rows)
      expect(errorOf(yield* exit)).toBe("broken")
      expect(got).toEqual([row(1), row(2)])
    }
    expect(source.runs).toBe(1)
    expect(new Set(ends)).toEqual(new Set(["broken"]))
  })

  test("P5 · a defect passes, and is not stored", function*() {
    const source = counted(() => [1], () => Effect.die("bug"))
    const rows = source.stream.pipe(Cached.stream("rows", { ttl: "1 hour", when: () => true }))
    for (let i = 0; i < 2; i++) expect(errorOf(yield* Effect.exit(Stream.runDrain(rows)))).toBe("bug")
    expect(source.runs).toBe(2)
  })

  test("P1 · all consumers at the same time share one run; a late one starts with the first element", function*() {
    const source = yield* fed
    const first = yield* consumer(source.rows)
    yield* source.give(1, 2)
    const late = yield* consumer(source.rows)
    yield* settle
    expect([first.got, late.got]).toEqual([[1, 2], [1, 2]])
    yield* source.give(3)
    yield* source.end
    yield* Fiber.join(first.fiber)
    yield* Fiber.join(late.fiber)
    expect([first.got, late.got, source.runs, source.released]).toEqual([[1, 2, 3], [1, 2, 3], 1, 1])
    expect(yield* Stream.runCollect(source.rows)).toEqual([1, 2, 3])
    expect(source.runs).toBe(1)
  })

  test("P3 · one that leaves does not disturb the others; the last one ends the run", function*() {
    const source = yield* fed
    const [first, second] = [yield* consumer(source.rows), yield* consumer(source.rows)]
    yield* source.give(1)
    yield* Fiber.interrupt(first.fiber)
    yield* source.give(2)
    expect([second.got, source.released]).toEqual([[1, 2], 0])
    yield* Fiber.interrupt(second.fiber)
    yield* settle
    expect(source.released).toBe(1)
  })

  test("P3 · a failure of the run reaches all", function*() {
    const source = yield* fed
    const both = [yield* consumer(source.rows), yield* consumer(source.rows)]
    yield* source.give(1)
    yield* source.fail("broken")
    for (const { exit, got } of both) {
      expect(errorOf(yield* exit)).toBe("broken")
      expect(got).toEqual([1])
    }
  })

  test("P2 · an invalidation while it runs: its consumers continue, nothing is stored, and the next one begins again", function*() {
    const source = counted((run) => [run, run, run, run])
    const gate = yield* Queue.unbounded<void>()
    const slow = Stream.tap(source.stream, () => Queue.take(gate))
    const rows = slow.pipe(Cached.stream("rows", { ttl: "1 hour", tags: ["tag"] }))
    for (const invalidate of [Cached.invalidate("rows"), Cached.invalidate({ tag: "tag" }), Cached.clear]) {
      yield* Cached.invalidate("rows")
      const before = source.runs
      const inside = yield* consumer(rows)
      yield* Queue.offerAll(gate, [undefined, undefined])
      yield* settle
      yield* invalidate
      const after = yield* consumer(rows)
      yield* Queue.offerAll(gate, Array(10).fill(undefined))
      yield* Fiber.join(inside.fiber)
      yield* Fiber.join(after.fiber)
      yield* Queue.takeAll(gate)
      expect([inside.got, after.got]).toEqual([Array(4).fill(before + 1), Array(4).fill(before + 2)])
      expect(yield* Stream.runCollect(rows)).toEqual(after.got)
      expect(source.runs).toBe(before + 2)
    }
  })

  test("P2 · with tags of the result no consumer joins a run from before an invalidation", function*() {
    const source = yield* fed
    const rows = source.stream.pipe(
      Cached.stream("rows", {
        ttl: "1 hour",
        tags: (exit) => Exit.isSuccess(exit) ? [`size:${exit.value.elements}`] : []
      })
    )
    const first = yield* consumer(rows)
    yield* source.give(1)
    yield* Cached.invalidate({ tag: "size:1" })
    const second = yield* consumer(rows)
    yield* settle
    expect(source.runs).toBe(2)
    yield* Fiber.interrupt(first.fiber)
    yield* Fiber.interrupt(second.fiber)
  })

  test("a consumer that has joined a run before its tag was invalidated reads it to its end", function*() {
    const source = yield* fed
    const rows = source.stream.pipe(Cached.stream("rows", { ttl: "1 hour", tags: ["tag"] }))
    const first = yield* consumer(rows)
    yield* Cached.invalidate({ tag: "another" })
    const second = yield* consumer(rows)
    yield* source.give(1, 2)
    yield* Cached.invalidate({ tag: "tag" })
    yield* source.give(3)
    yield* source.end
    expect(Exit.isSuccess(yield* first.exit) && Exit.isSuccess(yield* second.exit)).toBe(true)
    expect([first.got, second.got]).toEqual([[1, 2, 3], [1, 2, 3]])
    expect(source.runs).toBe(1)
  })

  test("CA-52 · tags of the result, which is how much there was", function*() {
    const source = counted(() => [1, 2, 3])
    const rows = source.stream.pipe(
      Cached.stream("rows", {
        ttl: "1 hour",
        tags: (exit) => Exit.isSuccess(exit) ? [`size:${exit.value.elements}`] : []
      })
    )
    yield* Stream.runDrain(rows)
    yield* Cached.invalidate({ tag: "size:2" })
    yield* Stream.runDrain(rows)
    expect(source.runs).toBe(1)
    yield* Cached.invalidate({ tag: "size:3" })
    yield* Stream.runDrain(rows)
    expect(source.runs).toBe(2)
  })

  test("softTtl falls back on the whole stale stream while a consumer has got nothing", function*() {
    const source = counted((run) => run === 2 ? [] : [run, run], (run) => run === 1 ? Effect.void : Effect.fail("down"))
    const times = { ttl: "1 hour", softTtl: "1 minute" } as const
    const options = { strategy: "softTtl", ...times, retryAfter: 0, fallbackOn: "all" } as const
    const rows = source.stream.pipe(Cached.stream("rows", options))
    expect(yield* Stream.runCollect(rows)).toEqual([1, 1])
    yield* TestClock.adjust("1 minute")
    expect(yield* Stream.runCollect(rows)).toEqual([1, 1])
    expect(source.runs).toBe(2)
    const { exit, got } = yield* consumer(rows)
    expect(errorOf(yield* exit)).toBe("down")
    expect(got).toEqual([3, 3])
    const whole = source.stream.pipe(Cached.stream("rows", { ...options, emit: "whenComplete" }))
    expect(yield* Stream.runCollect(whole)).toEqual([1, 1])
    expect(source.runs).toBe(4)
    yield* TestClock.adjust("1 hour")
    expect(errorOf(yield* Effect.exit(Stream.runDrain(whole)))).toBe("down")
  })

  test("fallbackOn sees the failure of the stream", function*() {
    class Gone extends Schema.TaggedError<Gone>()("Gone", {}) {}
    class Down extends Schema.TaggedError<Down>()("Down", {}) {}
    let failure: Gone | Down | undefined
    const stream = Stream.suspend(() => failure === undefined ? Stream.make(1) : Stream.fail(failure))
    const strategy = { strategy: "softTtl", ttl: "1 hour", softTtl: "1 minute" } as const
    const seen: Array<unknown> = []
    const named = stream.pipe(Cached.stream("rows", { ...strategy, retryAfter: 0, fallbackOn: ["Down"] }))
    const asked = Cached.stream(stream, "rows", {
      ...strategy,
      retryAfter: 0,
      fallbackOn: (cause) => seen.push(Cause.squash(cause)) > 0
    })
    yield* Stream.runDrain(named)
    yield* TestClock.adjust("1 minute")
    failure = new Down()
    expect(yield* Stream.runCollect(named)).toEqual([1])
    expect(yield* Stream.runCollect(asked)).toEqual([1])
    expect(seen[0]).toBeInstanceOf(Down)
    failure = new Gone()
    expect(errorOf(yield* Effect.exit(Stream.runDrain(named)))).toBeInstanceOf(Gone)
  })

  test("past maxBytes it continues, is not stored, and is no longer joined", function*() {
    const text = "x".repeat(40_000)
    const source = counted((run) => Array.from({ length: 8 }, (_, i) => `${run} ${i} ${text}`))
    const rows = source.stream.pipe(Cached.stream("rows", { ttl: "1 hour", maxBytes: 100_000 }))
    const first = yield* consumer(Stream.tap(rows, () => Effect.sleep(10)))
    for (let i = 0; i < 6; i++) yield* Effect.andThen(TestClock.adjust(10), settle)
    const second = yield* consumer(rows)
    yield* Fiber.join(second.fiber)
    yield* TestClock.adjust(1000)
    yield* Fiber.join(first.fiber)
    expect([source.runs, first.got.length, second.got.length]).toEqual([2, 8, 8])
    expect(second.got[0]!.slice(0, 3)).toBe("2 0")
    yield* Stream.runDrain(rows)
    expect(source.runs).toBe(3)
  })

  describe("a slow consumer", () => {
    const text = "x".repeat(50_000)
    const source = () => counted(() => Array.from({ length: 100 }, (_, i) => `${i} ${text}`))

    test("holds no other consumer up while the stream can be stored", function*() {
      const { stream } = source()
      const rows = stream.pipe(Cached.stream("rows", { ttl: "1 hour" }))
      const slow = yield* consumer(Stream.tap(rows, () => Effect.sleep("1 hour")))
      expect((yield* Stream.runCollect(rows)).length).toBe(100)
      for (let i = 0; i < 101; i++) yield* Effect.andThen(TestClock.adjust("1 hour"), settle)
      yield* Fiber.join(slow.fiber)
      expect(slow.got.map((one) => one.slice(0, one.indexOf(" ")))).toEqual(
        Array.from({ length: 100 }, (_, i) => String(i))
      )
    })

    test("gets StreamLagged where it cannot, after 5 seconds", function*() {
      const { stream } = source()
      const rows = stream.pipe(Cached.stream("rows", { ttl: "1 hour", maxBytes: 300_000 }))
      const slow = yield* consumer(Stream.tap(rows, () => Effect.sleep("1 hour")))
      const quick = yield* consumer(rows)
      yield* settle
      yield* TestClock.adjust(4000)
      expect([quick.got.length > 10, quick.got.length < 40]).toEqual([true, true])
      yield* elapse(2000)
      expect(quick.got.length).toBe(100)
      yield* elapse("20 hours")
      expect(errorOf(yield* slow.exit)).toEqual(new CacheError.StreamLagged({ key: "rows" }))
    })

    test("does not get it where one that is waited for is as far behind", function*() {
      const { stream } = source()
      const options = { ttl: "1 hour", maxBytes: 300_000 } as const
      const slowly = Stream.tap(() => Effect.sleep("10 seconds"))
      const waited = yield* consumer(slowly(stream.pipe(Cached.stream("rows", { ...options, whenSlow: "wait" }))))
      const rows = stream.pipe(Cached.stream("rows", options))
      const slow = yield* consumer(slowly(rows))
      const quick = yield* consumer(rows)
      for (let i = 0; i < 101; i++) yield* Effect.andThen(TestClock.adjust("10 seconds"), settle)
      yield* Fiber.join(slow.fiber)
      expect([waited.got.length, slow.got.length, quick.got.length]).toEqual([100, 100, 100])
    })

    test("that continues, but holds others up for 5 seconds in all, gets it too", function*() {
      const { stream } = source()
      const rows = stream.pipe(Cached.stream("rows", { ttl: "1 hour", maxBytes: 300_000 }))
      const slow = yield* consumer(Stream.tap(rows, () => Effect.sleep("1 second")))
      const quick = yield* consumer(rows)
      for (let i = 0; i < 4; i++) yield* Effect.andThen(TestClock.adjust("1 second"), settle)
      expect(quick.got.length).toBeLessThan(40)
      for (let i = 0; i < 3; i++) yield* Effect.andThen(TestClock.adjust("1 second"), settle)
      expect(quick.got.length).toBe(100)
      for (let i = 0; i < 20; i++) yield* Effect.andThen(TestClock.adjust("1 second"), settle)
      expect(errorOf(yield* slow.exit)).toEqual(new CacheError.StreamLagged({ key: "rows" }))
    })

    test("may take its time where no other consumer waits, and where it catches up in between", function*() {
      const chunk = Array.from({ length: 100 }, (_, i) => `${i} ${text}`)
      const rows = Stream.fromArrays(chunk, ["half"], chunk, ["end"]).pipe(
        Stream.rechunk(100),
        Cached.stream("rows", { ttl: "1 hour", maxBytes: 300_000 })
      )
      const alone = yield* consumer(Stream.tap(rows, () => Effect.sleep("10 seconds")))
      for (let i = 0; i < 203; i++) yield* Effect.andThen(TestClock.adjust("10 seconds"), settle)
      yield* Fiber.join(alone.fiber)
      expect(alone.got.length).toBe(202)
      const together = rows.pipe(Stream.tap((row) => row.startsWith("0 ") ? Effect.sleep("4 seconds") : Effect.void))
      const slow = yield* consumer(together)
      const quick = yield* consumer(rows)
      for (let i = 0; i < 20; i++) yield* Effect.andThen(TestClock.adjust("1 second"), settle)
      yield* Fiber.join(slow.fiber)
      yield* Fiber.join(quick.fiber)
      expect([slow.got.length, quick.got.length]).toEqual([202, 202])
    })

    test("or holds the run up", function*() {
      const { stream } = source()
      const rows = stream.pipe(Cached.stream("rows", { ttl: "1 hour", maxBytes: 300_000, whenSlow: "wait" }))
      const slow = yield* consumer(Stream.tap(rows, () => Effect.sleep("1 hour")))
      const quick = yield* consumer(rows)
      yield* settle
      yield* TestClock.adjust("10 hours")
      expect([quick.got.length > 20, quick.got.length < 50]).toEqual([true, true])
      for (let i = 0; i < 100; i++) yield* Effect.andThen(TestClock.adjust("1 hour"), settle)
      yield* Fiber.join(slow.fiber)
      yield* Fiber.join(quick.fiber)
      expect([slow.got.length, quick.got.length]).toEqual([100, 100])
    })
  })

  test("a run without elements that takes longer than maxRun is not stored either", function*() {
    let runs = 0
    const empty = Stream.fromEffectDrain(Effect.andThen(Effect.sync(() => void runs++), Effect.sleep("2 minutes")))
      .pipe(
        Cached.stream("none", { ttl: "1 hour", maxRun: "90 seconds" })
      )
    for (const before of [1, 2]) {
      const fiber = yield* Effect.forkChild(Stream.runCollect(empty))
      yield* TestClock.adjust("10 minutes")
      yield* Fiber.join(fiber)
      expect(runs).toBe(before)
    }
  })

  test("a run that takes longer than maxRun is not stored", function*() {
    const text = "x".repeat(70_000)
    const source = counted(() => [`1 ${text}`, `2 ${text}`, `3 ${text}`])
    const rows = source.stream.pipe(
      Stream.tap(() => Effect.sleep("1 minute")),
      Cached.stream("rows", { ttl: "1 hour", maxRun: "90 seconds" })
    )
    for (const runs of [1, 2]) {
      const { fiber } = yield* consumer(rows)
      yield* TestClock.adjust("10 minutes")
      yield* Fiber.join(fiber)
      expect(source.runs).toBe(runs)
    }
  })

  test("an effect and a stream under one key are misses for each other", function*() {
    let loads = 0
    const value = Effect.sync(() => ++loads).pipe(Cached.ttl("k", { ttl: "1 hour" }))
    const source = counted((run) => [`run ${run}`])
    const rows = source.stream.pipe(Cached.stream("k", { ttl: "1 hour" }))
    expect([yield* value, yield* Stream.runCollect(rows), yield* value]).toEqual([1, ["run 1"], 2])
    expect([yield* Stream.runCollect(rows), yield* Stream.runCollect(rows)]).toEqual([["run 2"], ["run 2"]])
    expect(yield* Cached.getOption("k")).toMatchObject({ _tag: "None" })
  })

  test("the elements of a stream are no previous value, of a stream or of an effect", function*() {
    const seen: Array<unknown> = []
    const previous = Effect.map(Cached.previous(Rows), (previous) => void seen.push(Option.isSome(previous)))
    const key = new Rows({ id: 1 })
    const rows = Stream.unwrap(Effect.as(previous, Stream.make(row(1)))).pipe(
      Cached.stream(key, { strategy: "softTtl", ttl: "1 hour", softTtl: "1 minute", fallbackOn: "all" })
    )
    yield* Stream.runDrain(rows)
    yield* TestClock.adjust("2 minutes")
    yield* Stream.runDrain(rows)
    yield* TestClock.adjust("2 minutes")
    yield* Effect.as(previous, row(2)).pipe(Cached.ttl(key, { ttl: "1 hour" }))
    expect(seen).toEqual([false, false, false])
  })

  test("its pages are in no listing, and leave with it", function*() {
    const text = "x".repeat(300_000)
    const source = counted(() => Array.from({ length: 8 }, (_, i) => `${i} ${text}`))
    const gone: Array<string> = []
    yield* Effect.forkChild(
      Stream.runForEach(Cached.events(), (event) => Effect.sync(() => void ("id" in event && gone.push(event.id))))
    )
    yield* settle
    yield* Stream.runDrain(source.rows)
    expect((yield* Stream.runCollect(source.rows)).length).toBe(8)
    expect(source.runs).toBe(1)
    expect(yield* Cached.size).toBe(1)
    expect((yield* Stream.runCollect(Cached.entries())).map(({ id }) => id)).toEqual(["rows"])
    expect((yield* Stream.runCollect(Looking.ids())).map(String)).toEqual(["rows"])
    yield* Cached.invalidate({ matching: "*" })
    yield* Stream.runDrain(source.rows)
    expect(source.runs).toBe(2)
    yield* Cached.clear
    expect(yield* Cached.size).toBe(0)
    yield* settle
    expect(gone.filter((id) => id.startsWith("~:"))).toEqual([])
  })

  test("CachePolicy: bypass runs the origin, readOnly stores nothing, refresh runs again", function*() {
    const source = counted((run) => [run])
    const collect = Stream.runCollect(source.rows)
    expect(yield* CachePolicy.bypass(collect)).toEqual([1])
    expect(yield* CachePolicy.disable("set")(collect)).toEqual([2])
    expect([yield* collect, yield* collect]).toEqual([[3], [3]])
    expect([yield* CachePolicy.refresh(collect), yield* collect]).toEqual([[4], [4]])
  })

  it.effect("functions of the options that throw cost the storing, and nothing else", () =>
    Effect.gen(function*() {
      const source = counted(() => [1, 2])
      const throwing = () => {
        throw new Error("mistake")
      }
      for (const options of [{ ttl: throwing }, { ttl: 1000, when: throwing }, { ttl: 1000, tags: throwing }]) {
        const rows = source.stream.pipe(Cached.stream("rows", options as never)) as typeof source.stream
        expect(yield* Stream.runCollect(rows as never)).toEqual([1, 2])
      }
      expect(yield* Cached.size).toBe(0)
    }).pipe(provided) as Effect.Effect<void>)
})

describe("Cached.stream over a store", () => {
  const pagesOf = (entries: Map<string, unknown>) => Array.from(entries.keys()).filter((id) => id.startsWith("~:p:"))

  test.overFake("CA-41 · an interrupted consumer leaves no manifest and no pages", function*(fake) {
    const text = "x".repeat(70_000)
    const source = counted(() => Array.from({ length: 20 }, (_, i) => `${i} ${text}`), () => Effect.never)
    const { fiber, got } = yield* consumer(source.rows)
    yield* settle
    expect([got.length, pagesOf(fake.entries).length > 15]).toEqual([20, true])
    yield* Fiber.interrupt(fiber)
    yield* settle
    expect(Array.from(fake.entries.keys())).toEqual([])
  })

  test("the manifest is written after the last page", function*() {
    const fake = fakeStore()
    const text = "x".repeat(70_000)
    yield* Stream.fromIterable([1, 2, 3].map((n) => `${n} ${text}`)).pipe(
      Cached.stream("rows", { ttl: "1 hour" }),
      Stream.runDrain,
      Effect.provide(over(fake))
    )
    const written = fake.calls.filter((call) => call.startsWith("set ")).map((call) =>
      call.includes("~:p:") ? "page" : "manifest"
    )
    expect(written).toEqual(["page", "page", "page", "manifest"])
  })

  test.overFake("a run that is replaced leaves a minute later", function*(fake) {
    const source = counted((run) => [run])
    yield* Stream.runDrain(source.rows)
    const [old] = pagesOf(fake.entries)
    yield* CachePolicy.refresh(Stream.runDrain(source.rows))
    expect(pagesOf(fake.entries).length).toBe(2)
    yield* TestClock.adjust("1 minute")
    expect(pagesOf(fake.entries).length).toBe(1)
    expect(pagesOf(fake.entries)).not.toContain(old)
    expect(yield* Stream.runCollect(source.rows)).toEqual([2])
  })

  it.effect("so does one that was invalidated, and one that has ended when memory lets it go", () =>
    overFake(function*(fake) {
      const run = (key: string) => Stream.runDrain(Stream.make(1).pipe(Cached.stream(key, { ttl: "10 seconds" })))
      yield* run("a")
      yield* run("b")
      yield* Cached.invalidate("b")
      yield* TestClock.adjust("11 seconds")
      yield* run("c")
      yield* run("d")
      expect(pagesOf(fake.entries).length).toBe(4)
      yield* TestClock.adjust("1 minute")
      expect(pagesOf(fake.entries).map((id) => id.slice(-1))).toEqual(["c", "d"])
    }, { capacity: 2 }))

  it.effect("of very many pages the oldest leave before their time, and not those that are served", () =>
    overFake(function*(fake) {
      const text = "x".repeat(70_000)
      const rows = (n: number) =>
        Stream.fromIterable(Array.from({ length: 20 }, () => text)).pipe(Cached.stream(`rows ${n}`, { ttl: "1 hour" }))
      for (let n = 0; n < 60; n++) yield* Stream.runDrain(rows(n))
      for (let n = 0; n < 50; n++) yield* Cached.invalidate(`rows ${n}`)
      yield* TestClock.adjust("2 seconds")
      expect(pagesOf(fake.entries).length).toBe(500 + 200)
      for (let n = 50; n < 60; n++) expect((yield* Stream.runCollect(rows(n))).length).toBe(20)
      yield* TestClock.adjust("1 minute")
      expect(pagesOf(fake.entries).length).toBe(200)
    }, { capacity: 1000 }))

  test("a planted manifest that claims a huge number of pages does not make their removal endless", function*() {
    const fake = fakeStore()
    const rows = Stream.make(1).pipe(Cached.stream("rows", { ttl: "1 hour" }))
    yield* Stream.runDrain(rows).pipe(Effect.provide(over(fake)))
    const { meta, payload } = fake.entries.get("rows")!
    const [run, , ...rest] = JSON.parse(new TextDecoder().decode(payload))
    const planted = new TextEncoder().encode(JSON.stringify([run, Number.MAX_SAFE_INTEGER, ...rest]))
    fake.entries.set("rows", { meta, payload: planted })
    yield* Effect.gen(function*() {
      let asked = 0
      fake.behave = (operation) => {
        // Ends the test if there is no limit.
        if (operation === "remove" && ++asked > 10_000) return { before: Effect.never }
        return {}
      }
      yield* Stream.runDrain(Stream.take(rows, 1))
      yield* CachePolicy.refresh(Stream.runDrain(rows))
      yield* Cached.invalidate("rows")
      for (let i = 0; i < 3; i++) yield* Effect.andThen(TestClock.adjust("1 minute"), settle)
      expect(pagesOf(fake.entries)).toEqual([])
      expect(asked).toBeLessThan(5000)
    }).pipe(Effect.provide(over(fake)))
  })

  test.overFake("pages that no manifest names are swept when they are older than any run", function*(fake) {
    const rows = (key: string) => Stream.make(1).pipe(Cached.stream(key, { strategy: "untilInvalidated" }))
    yield* Stream.runDrain(rows("a"))
    yield* Stream.runDrain(rows("b"))
    yield* Cached.invalidate("a")
    expect(pagesOf(fake.entries).length).toBe(2)
    yield* TestClock.adjust("61 minutes")
    yield* Stream.runDrain(rows("c"))
    yield* settle
    expect(pagesOf(fake.entries).map((id) => id.slice(-1)).sort()).toEqual(["b", "c"])
  })

  it.effect("a replay reads at most two pages ahead: an answer of the store is waited for while others come", () =>
    overFake(function*(fake) {
      const text = "x".repeat(70_000)
      const elements = Array.from({ length: 30 }, (_, i) => `${i} ${text}`)
      const rows = Stream.fromIterable(elements).pipe(Cached.stream("rows", { ttl: "1 hour" }))
      yield* Stream.runDrain(rows)
      let reading = 0
      let most = 0
      fake.behave = (operation, id) =>
        operation !== "get" || !id.startsWith("~:p:") ? {} : {
          before: Effect.andThen(Effect.sync(() => most = Math.max(most, ++reading)), Effect.sleep(100)),
          after: Effect.sync(() => reading--)
        }
      const { exit, got } = yield* consumer(rows)
      yield* TestClock.adjust(100)
      expect([got.length > 0, got.length < 5, most]).toEqual([true, true, 3])
      yield* TestClock.adjust(1000)
      expect(Exit.isSuccess(yield* exit)).toBe(true)
      expect(got).toEqual(elements)
      expect(most).toBe(3)
      // A slow consumer that takes one element has not read on.
      fake.calls.length = 0
      const slow = yield* start(Stream.runForEach(rows, () => Effect.never))
      yield* TestClock.adjust("1 minute")
      expect(fake.calls.filter((call) => call.startsWith("get ~:p:")).length).toBe(3)
      yield* Fiber.interrupt(slow)
      expect(reading).toBe(0)
    }, { memory: false, storeTimeout: "1 second" }))

  test.withoutMemory("a consumer that leaves a replay leaves no question behind", function*(fake) {
    const text = "x".repeat(70_000)
    const rows = Stream.fromIterable([1, 2, 3].map((n) => `${n} ${text}`)).pipe(
      Cached.stream("rows", { ttl: "1 hour" })
    )
    yield* Stream.runDrain(rows)
    let asked = 0
    let left = 0
    fake.behave = (operation, id) =>
      operation !== "get" || !id.startsWith("~:p:") ? {} : {
        before: Effect.andThen(
          Effect.sync(() => asked++),
          Effect.onInterrupt(Effect.never, () => Effect.sync(() => left++))
        )
      }
    const { fiber } = yield* consumer(rows)
    yield* settle
    yield* Fiber.interrupt(fiber)
    expect([asked, left]).toEqual([3, 3])
  })

  describe("a page that is lost", () => {
    const text = "x".repeat(70_000)
    const elements = (run: number) => Array.from({ length: 30 }, (_, i) => `${run} ${i} ${text}`)
    const cut = new CacheError.StreamCut({ key: "rows" })
    const lose = ({ entries }: { readonly entries: Map<string, unknown> }, page: number) => {
      for (const id of pagesOf(entries)) if (id.endsWith(`:${page}:rows`)) entries.delete(id)
    }

    test.withoutMemory("ends a consumer of those before it, and the next one starts a run", function*(fake) {
      const source = counted(elements)
      yield* Stream.runDrain(source.rows)
      lose(fake, 15)
      const { exit, got } = yield* consumer(source.rows)
      expect([errorOf(yield* exit), got]).toEqual([cut, elements(1).slice(0, 15)])
      expect([yield* Stream.runCollect(source.rows), source.runs]).toEqual([elements(2), 2])
      expect([yield* Stream.runCollect(source.rows), source.runs]).toEqual([elements(2), 2])
    })

    test.withoutMemory("P4 · and is the first: the origin runs at once, also while the store is down", function*(fake) {
      const source = counted(elements)
      yield* Stream.runDrain(source.rows)
      lose(fake, 0)
      expect([yield* Stream.runCollect(source.rows), source.runs]).toEqual([elements(2), 2])
      fake.behave = (operation, id) =>
        operation === "get" && id === "rows" ? {} : {
          before: Effect.fail(new CacheError.StoreError({ store: "fake", operation, reason: "Unavailable" }))
        }
      expect([yield* Stream.runCollect(source.rows), source.runs]).toEqual([elements(3), 3])
    })

    test.withoutMemory("where nothing may be set, the stored stream stays", function*(fake) {
      const { rows } = counted(elements)
      yield* Stream.runDrain(rows)
      lose(fake, 7)
      const stored = Array.from(fake.entries.keys())
      expect(errorOf(yield* Effect.exit(CachePolicy.disable("set")(Stream.runDrain(rows))))).toEqual(cut)
      yield* settle
      expect(Array.from(fake.entries.keys())).toEqual(stored)
    })

    test.withoutMemory(
      "of a run that continues: it ends the late consumer, and the run is not stored",
      function*(fake) {
        const [gate, end] = [yield* Deferred.make<void>(), yield* Deferred.make<void>()]
        const source = counted(() => elements(1), (run) => run === 1 ? Deferred.await(end) : Effect.void)
        const ahead = yield* consumer(source.rows)
        const behind = yield* consumer(Stream.tap(source.rows, () => Deferred.await(gate)))
        yield* settle
        expect([ahead.got.length, behind.got.length]).toEqual([30, 0])
        lose(fake, 3)
        yield* Deferred.succeed(gate, undefined)
        expect([errorOf(yield* behind.exit), behind.got]).toEqual([cut, elements(1).slice(0, 3)])
        expect([source.runs, ended(ahead.fiber)]).toEqual([1, "still waiting"])
        const again = yield* consumer(source.rows)
        expect(Exit.isSuccess(yield* again.exit)).toBe(true)
        yield* Deferred.succeed(end, undefined)
        expect(Exit.isSuccess(yield* ahead.exit)).toBe(true)
        expect([ahead.got, source.runs, source.released]).toEqual([elements(1), 2, 2])
        expect([yield* Stream.runCollect(source.rows), source.runs]).toEqual([elements(1), 2])
      }
    )

    test("the first one, of a stream that has ended with a failure, runs the origin", function*() {
      class Failing extends CacheKey.Class<Failing>()("Failing", {
        payload: {},
        success: Schema.String,
        error: Schema.String
      }) {}
      const fake = fakeStore()
      yield* Effect.gen(function*() {
        const source = counted(() => elements(1))
        const rows = Stream.concat(source.stream, Stream.fail("the end")).pipe(
          Cached.stream(new Failing({}), { ttl: "1 hour", when: () => true })
        )
        const first = yield* consumer(rows)
        yield* first.exit
        const page = pagesOf(fake.entries).find((id) => id.includes(":0:"))!
        expect(fake.entries.delete(page)).toBe(true)
        const second = yield* consumer(rows)
        expect(errorOf(yield* second.exit)).toBe("the end")
        expect([second.got, source.runs]).toEqual([elements(1), 2])
      }).pipe(Effect.provide(over(fake, { memory: false })))
    })

    test.withoutMemory("P4 · a page without elements is lost, and one with fewer of them is no end", function*(fake) {
      const answer = (end: string, change: (payload: Uint8Array) => Uint8Array) => {
        for (const [id, entry] of fake.entries) {
          if (id.endsWith(end) && entry.payload.length > 0) {
            fake.entries.set(id, { ...entry, payload: change(entry.payload) })
          }
        }
      }

      const numbers = Array.from({ length: 500 }, (_, i) => `${i} ${"x".repeat(1000)}`)
      const source = counted(() => numbers)
      yield* Stream.runDrain(source.rows)
      answer(":3:rows", () => new Uint8Array())
      expect(errorOf(yield* (yield* consumer(source.rows)).exit)).toEqual(cut)
      expect([yield* Stream.runCollect(source.rows), source.runs]).toEqual([numbers, 2])
      // Its first element alone.
      answer(
        ":3:rows",
        (payload) => payload.slice(0, 4 + new DataView(payload.buffer, payload.byteOffset).getUint32(0))
      )
      const { exit, got } = yield* consumer(source.rows)
      expect(errorOf(yield* exit)).toEqual(cut)
      expect(got.length).toBeLessThan(500)
    })
  })

  test.overFake("a stream that was invalidated or overwritten leaves a minute later, for its readers", function*(fake) {
    const source = counted((run) => [run])
    const rows = source.stream.pipe(Cached.stream("rows", { strategy: "untilInvalidated", tags: ["table"] }))
    const collect = Stream.runCollect(rows)
    for (const removed of [Cached.invalidate("rows"), Cached.set("rows", "a value"), Cached.clear]) {
      yield* collect
      expect(pagesOf(fake.entries).length).toBe(1)
      yield* removed
      yield* TestClock.adjust("1 minute")
      expect(pagesOf(fake.entries)).toEqual([])
    }
    yield* collect
    yield* Cached.invalidate({ tag: "table" })
    yield* collect
    expect(pagesOf(fake.entries).length).toBe(2)
    yield* TestClock.adjust("1 minute")
    expect(pagesOf(fake.entries).length).toBe(1)
    expect([yield* collect, source.runs]).toEqual([[5], 5])
  })

  test.overFake("a stream that is only gone here keeps its pages: the store still names them", function*(fake) {
    const source = counted((run) => [run])
    const rows = source.stream.pipe(Cached.stream("rows", { strategy: "untilInvalidated" }))
    yield* Stream.runDrain(rows)
    fake.behave = (operation, id) =>
      operation === "remove" && id === "rows"
        ? { before: Effect.fail(new CacheError.StoreError({ store: "fake", operation, reason: "Unavailable" })) }
        : {}
    yield* Cached.invalidate("rows")
    yield* TestClock.adjust("1 minute")
    expect(fake.entries.has("rows")).toBe(true)
    expect(pagesOf(fake.entries).length).toBe(1)
  })

  test("P4 · a store that is down, or hangs, costs the storing alone", function*() {
    const text = "x".repeat(70_000)
    const down = Effect.fail(new CacheError.StoreError({ store: "fake", operation: "set", reason: "Unavailable" }))
    for (const before of [down, Effect.never]) {
      const fake = fakeStore()
      fake.behave = (operation, id) => operation === "set" && id.includes(":3:") ? { before } : {}
      yield* Effect.gen(function*() {
        const source = counted(() => Array.from({ length: 8 }, (_, i) => `${i} ${text}`))
        const { fiber, got } = yield* consumer(source.rows)
        yield* TestClock.adjust("1 second")
        yield* Fiber.join(fiber)
        expect(got.length).toBe(8)
        yield* settle
        expect(Array.from(fake.entries.keys())).toEqual([])
      }).pipe(Effect.provide(over(fake)))
    }
  })

  it.effect("P4 · elements that cannot be encoded pass, and are not stored", () =>
    Effect.gen(function*() {
      const source = counted(() => [1, () => 2, 3])
      expect((yield* Stream.runCollect(source.rows)).length).toBe(3)
      yield* Stream.runDrain(source.rows)
      expect(source.runs).toBe(2)
    }).pipe(Effect.provide(CacheLayer.layer().pipe(Layer.provide(MemoryStore.layer)))))

  test("another cache over the same store serves it, and its failure", function*() {
    const store = Layer.succeed(Store.Store, MemoryStore.make())
    const other = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
      Effect.provide(effect, CacheLayer.layer().pipe(Layer.provide(store)), { local: true })
    const source = counted((run) => [row(run), row(run)], () => Effect.fail("broken"))
    const read = consumer(source.stream.pipe(Cached.stream(new Rows({ id: 1 }), { ttl: "1 hour", when: () => true })))
    for (let i = 0; i < 2; i++) {
      yield* other(Effect.gen(function*() {
        const { exit, got } = yield* read
        expect(errorOf(yield* exit)).toBe("broken")
        expect(got).toEqual([row(1), row(1)])
      }))
    }
    expect(source.runs).toBe(1)
  })

  test("P1 · with lease one process runs, and others wait for it; without it none waits", function*() {
    for (const [lease, runs] of [[true, 1], [false, 2]] as const) {
      const shared = fakeStore()
      const store = { ...shared.store, capabilities: { shared: true, changes: false } }
      const layer = CacheLayer.layer().pipe(Layer.provide(Layer.succeed(Store.Store, store)))
      const source = yield* fed
      const rows = source.stream.pipe(Cached.stream("rows", { ttl: "1 hour", shareLoad: lease }))
      const first = yield* start(Stream.runCollect(rows).pipe(Effect.provide(layer, { local: true })))
      yield* source.give(1)
      const second = yield* start(Stream.runCollect(rows).pipe(Effect.provide(layer, { local: true })))
      yield* TestClock.adjust("1 minute")
      expect(source.runs).toBe(runs)
      yield* source.end
      yield* TestClock.adjust("1 minute")
      expect(yield* Fiber.join(first)).toEqual([1])
      assert.isArray(yield* Fiber.join(second))
      expect(source.runs).toBe(runs)
    }
  })

  describe("a layer that closes ends its consumers, though their run cannot be interrupted", () => {
    const elements = Array.from({ length: 3 }, (_, i) => `${i} ${"x".repeat(70_000)}`)

    test("in the middle of it", function*() {
      const hanging = Stream.drain(Stream.fromEffect(Effect.uninterruptible(Effect.sleep("1 hour"))))
      const rows = Stream.concat(Stream.fromIterable(elements), hanging).pipe(Cached.stream("rows", { ttl: "1 hour" }))
      const scope = yield* Scope.make()
      const context = yield* Layer.buildWithScope(over(fakeStore(), { memory: false }), scope)
      const { fiber, got } = yield* consumer(Stream.provideContext(rows, context))
      yield* settle
      expect(got).toEqual(elements)
      yield* taking("5 seconds", Scope.close(scope, Exit.void))
      yield* settle
      const exit = ended(fiber)
      expect(Exit.isExit(exit) && errorOf(exit)).toBeInstanceOf(CacheError.CacheClosed)
    })
  })
})

describe("Cached.stream in memory", () => {
  it.effect("a softTimeout of the layer is for values: a run takes as long as its consumers do", () =>
    Effect.gen(function*() {
      const source = counted((run) => [run, run], () => Effect.sleep("10 minutes"))
      const rows = source.stream.pipe(
        Cached.stream("rows", {
          strategy: "softTtl",
          ttl: "1 day",
          softTtl: "1 hour",
          emit: "whenComplete",
          fallbackOn: "all"
        })
      )
      const first = yield* consumer(rows)
      yield* TestClock.adjust("10 minutes")
      yield* first.exit
      yield* TestClock.adjust("2 hours")
      const { exit, got } = yield* consumer(rows)
      yield* TestClock.adjust("9 minutes")
      expect(got).toEqual([])
      yield* TestClock.adjust("1 minute")
      expect(Exit.isSuccess(yield* exit)).toBe(true)
      expect([got, source.runs]).toEqual([[2, 2], 2])
    }).pipe(Effect.provide(CacheLayer.memory({ defaults: { softTimeout: "1 second" } }))))

  it.effect("P7 · a page of a large stream that has given way costs another run, not a mixture", () =>
    Effect.gen(function*() {
      const text = "x".repeat(300_000)
      const source = counted((run) => Array.from({ length: 8 }, (_, i) => `${run} ${i} ${text}`))
      yield* Stream.runDrain(source.rows)
      for (let i = 0; i < 18; i++) yield* Cached.set(`other ${i}`, i)
      const got = yield* Stream.runCollect(source.rows)
      expect([source.runs, new Set(got.map((one) => one.slice(0, 1)))]).toEqual([2, new Set(["2"])])
      expect((yield* Cached.stats).size).toBeLessThanOrEqual(20)
    }).pipe(Effect.provide(CacheLayer.memory({ capacity: 20 }))))

  it.effect("P7 · the pages of a large stream leave memory with it, whatever removes it", () =>
    Effect.gen(function*() {
      const text = "x".repeat(300_000)
      const source = counted((run) => Array.from({ length: 8 }, (_, i) => `${run} ${i} ${text}`))
      const rows = source.stream.pipe(Cached.stream("rows", { ttl: "1 hour", tags: ["table"] }))
      const size = Effect.map(Cached.stats, ({ size }) => size)
      yield* Stream.runDrain(rows)
      expect(yield* size).toBe(9)
      yield* Cached.invalidate("rows")
      expect(yield* size).toBe(0)
      yield* Stream.runDrain(rows)
      yield* CachePolicy.refresh(Stream.runDrain(rows))
      expect(yield* size).toBe(9)
      yield* Cached.invalidate({ tag: "table" })
      yield* Stream.runDrain(rows)
      expect(yield* size).toBe(9)
      yield* Cached.set("rows", "a value")
      expect(yield* size).toBe(1)
      yield* Stream.runDrain(rows)
      yield* Cached.invalidate({ matching: "ro*" })
      expect(yield* size).toBe(0)
      yield* Stream.runDrain(rows)
      yield* TestClock.adjust("1 hour")
      expect(yield* size).toBe(0)
      expect(source.runs).toBe(6)
    }).pipe(Effect.provide(CacheLayer.memory())))

  it.effect("P7 · and with each other: what is left of one without a page is of no use", () =>
    Effect.gen(function*() {
      const text = "x".repeat(300_000)
      const source = counted((run) => Array.from({ length: 8 }, (_, i) => `${run} ${i} ${text}`))
      const gone: Array<string> = []
      yield* Effect.forkChild(Cached.onRemoval(({ cause, id }) => Effect.sync(() => void gone.push(`${cause} ${id}`))))
      yield* settle
      yield* Stream.runDrain(source.rows)
      yield* Cached.set("one more", 1)
      yield* settle
      expect(gone).toEqual(["evicted rows"])
      expect((yield* Cached.stats).size).toBe(1)
      // There is no room for it at all.
      const larger = counted(() => Array.from({ length: 20 }, (_, i) => `${i} ${text}`))
      expect((yield* Stream.runCollect(larger.stream.pipe(Cached.stream("larger", { ttl: "1 hour" })))).length).toBe(20)
      expect((yield* Cached.stats).size).toBeLessThanOrEqual(1)
    }).pipe(Effect.provide(CacheLayer.memory({
      capacity: 9,
      eviction: {
        name: "the second",
        make: () => {
          const nodes = new Set<Eviction.Node>()
          return {
            added: (node) => void nodes.add(node),
            read: () => {},
            removed: (node) => void nodes.delete(node),
            // Evicts the first page of a stream, and not its manifest.
            victim: () => Array.from(nodes)[1]
          }
        }
      }
    }))))

  it.effect("a consumer that replays a large stream while it leaves reads it to its end", () =>
    Effect.gen(function*() {
      const text = "x".repeat(300_000)
      const source = counted((run) => Array.from({ length: 8 }, (_, i) => `${run} ${i} ${text}`))
      yield* Stream.runDrain(source.rows)
      const got: Array<string> = []
      yield* Stream.runForEach(source.rows, (one) =>
        Effect.gen(function*() {
          got.push(one.slice(0, 3))
          if (got.length === 2) yield* Cached.invalidate("rows")
        }))
      expect(got).toEqual(Array.from({ length: 8 }, (_, i) => `1 ${i}`))
      expect(source.runs).toBe(1)
    }).pipe(Effect.provide(CacheLayer.memory())))

  testIn(CacheLayer.disabled)("CacheLayer.disabled runs the origin each time", function*() {
    const source = counted((run) => [run])
    expect([yield* Stream.runCollect(source.rows), yield* Stream.runCollect(source.rows)]).toEqual([[1], [2]])
  })

  test("a layer that closes lets a run end for 5 seconds, and ends its consumers with CacheClosed then", function*() {
    for (const ends of [true, false]) {
      const source = yield* fed
      const scope = yield* Scope.make()
      const context = yield* Layer.buildWithScope(CacheLayer.memory(), scope)
      const { exit, got } = yield* consumer(Stream.provideContext(source.rows, context))
      yield* source.give(1)
      const closing = yield* start(Scope.close(scope, Exit.void))
      yield* TestClock.adjust("4 seconds")
      yield* source.give(2)
      expect([got, source.released]).toEqual([[1, 2], 0])
      if (ends) yield* source.end
      else yield* TestClock.adjust("1 second")
      yield* Fiber.join(closing)
      expect(source.released).toBe(1)
      const outcome = yield* exit
      if (ends) expect(outcome).toEqual(Exit.void)
      else expect(errorOf(outcome)).toBeInstanceOf(CacheError.CacheClosed)
      const late = yield* Effect.exit(Stream.runDrain(Stream.provideContext(source.rows, context)))
      expect(errorOf(late)).toBeInstanceOf(CacheError.CacheClosed)
    }
  })

  test("a layer that closes ends its consumers, whatever the step at which their fibers are then", function*() {
    const rows = Stream.never.pipe(Cached.stream("rows", { ttl: "1 hour" }))
    for (let steps = 1; steps <= 100; steps++) {
      const scope = yield* Scope.make()
      const context = yield* Layer.buildWithScope(CacheLayer.memory({ shutdownTimeout: 1 }), scope)
      const scheduler = new Stopping(steps)
      const consuming = Stream.runDrain(Stream.provideContext(rows, context))
      const fiber = yield* started(Effect.provideService(consuming, Scheduler.Scheduler, scheduler))
      yield* taking(1, Scope.close(scope, Exit.void))
      scheduler.goOn()
      yield* settle
      expect([steps, ended(fiber)]).not.toEqual([steps, "still waiting"])
    }
  })

  it.effect("a circle is found", () =>
    Effect.gen(function*() {
      const self: Stream.Stream<number, CacheError.StreamLagged | CacheError.StreamCut, any> = Stream.suspend(() =>
        self
      ).pipe(
        Cached.stream("self", { ttl: "1 hour" })
      )
      const exit = yield* Effect.exit(Stream.runDrain(self))
      expect(errorOf(exit)).toBeInstanceOf(CacheError.CacheCycle)
    }).pipe(Effect.provide(CacheLayer.memory())) as Effect.Effect<void>)

  it.each<[what: string, options: unknown, says: string | RegExp]>([
    ["no options", undefined, "needs options"],
    ["no ttl", {}, "ttl is missing"],
    ["a ttl that is none", { ttl: "1 hoor" }, "hoor"],
    [
      "ttl beside a strategy",
      { ttl: 1, strategy: { ttl: 1 } },
      "strategy must be the name of a strategy, not a value of type object: its options stand beside the name"
    ],
    [
      "another strategy",
      { strategy: "refreshAhead", ttl: 2, refreshAfter: 1 },
      /use one of ttl, softTtl, untilInvalidated$/
    ],
    [
      "a strategy of one's own",
      { strategy: { ...made({ strategy: "ttl", ttl: 1 }) } },
      "strategy must be the name of a strategy"
    ],
    ["an unknown option", { ttl: 1, maxBites: 1 }, "did you mean \"maxBytes\"?"],
    ["an option of values", { ttl: 1, copy: "freeze" }, "no option \"copy\""],
    [
      "maxBytes that is no size",
      { ttl: 1, maxBytes: 0 },
      "Cached.stream (key \"k\"): \"maxBytes\" must be a size above zero"
    ],
    ["a maxRun of two hours", { ttl: 1, maxRun: "2 hours" }, "maxRun must be at most 1h"],
    ["a maxRun of zero", { ttl: 1, maxRun: 0 }, "maxRun must be longer than 0"],
    ["an unknown whenSlow", { ttl: 1, whenSlow: "drop" }, "whenSlow must be \"fail\" or \"wait\""],
    ["an unknown emit", { ttl: 1, emit: "late" }, "emit must be \"atOnce\" or \"whenComplete\""]
  ])("bad input: %s", (_, options, says) => {
    const call = () => Cached.stream("k", options as never)
    expect(call).toThrow(CacheError.CacheConfigError)
    expect(call).toThrow(says)
  })

  it.each([undefined, 5, { ttl: 1 }])("bad input: the key %s", (key) => {
    expect(() => Cached.stream(key as never, { ttl: 1 })).toThrow(CacheError.CacheConfigError)
  })

  it("bad input: an effect", () => {
    expect(() => Cached.stream(Effect.succeed(1) as never, "k", { ttl: 1 })).toThrow("needs a stream")
  })
})
