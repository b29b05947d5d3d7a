/** A load that hangs: its busy key recovers, because the load is run again once it has outlasted its readers. */
import { describe, expect, it } from "@effect/vitest"
import {
  Clock,
  Effect,
  Exit,
  Fiber,
  Layer,
  Option,
  RequestResolver,
  Schedule,
  Schema,
  Scope,
  Stream,
  Tracer
} from "effect"
import { Cached, CacheKey, CachePolicy } from "effect-cached"
import { CacheClosed, LoadTimeout } from "effect-cached/CacheError"
import { TestClock } from "effect/testing"
import { caches, start, taking } from "../support/caches.ts"
import { testIn } from "../support/tests.ts"

interface Source {
  started: number
  running: number
  /** The most loads that ran at once. */
  most: number
  readonly load: Effect.Effect<string>
}

/** A source whose loads take `millisOf`; the number of the load is its value. `Infinity`: the load hangs. */
const sourceOf = (millisOf: (n: number) => number): Source => {
  const source: Source = {
    started: 0,
    running: 0,
    most: 0,
    load: Effect.suspend(() => {
      const n = ++source.started
      source.most = Math.max(source.most, ++source.running)
      const millis = millisOf(n)
      const value = millis === Infinity ? Effect.never : Effect.delay(Effect.succeed(`${n}`), millis)
      return Effect.ensuring(value, Effect.sync(() => source.running--))
    })
  }
  return source
}

const hangs = (which: number, otherwise = 0) => sourceOf((n) => n === which ? Infinity : otherwise)

interface Answer {
  readonly at: number
  readonly value: string
}

/** Reads every `every` milliseconds, and notes what each reader gets and when. Readers that wait leave at the end. */
const busily = Effect.fnUntraced(function*<A, E, R>(
  read: Effect.Effect<A, E, R>,
  { every = 40, millis }: { readonly every?: number; readonly millis: number }
) {
  const answers: Array<Answer> = []
  const fibers: Array<Fiber.Fiber<unknown, unknown>> = []
  let now = 0
  for (; now < millis; now += every) {
    const note = (exit: Exit.Exit<A, E>) => {
      const value = Exit.isSuccess(exit)
        ? String(exit.value)
        : exit.cause.reasons[0]?._tag === "Fail" && exit.cause.reasons[0].error instanceof LoadTimeout
        ? "LoadTimeout"
        : "failed"
      answers.push({ at: now, value })
    }
    fibers.push(yield* Effect.forkChild(Effect.map(Effect.exit(read), note), { startImmediately: true }))
    yield* TestClock.adjust(every)
  }
  for (const fiber of fibers) fiber.interruptUnsafe()
  yield* TestClock.adjust(0)
  return answers
})

const count = (answers: ReadonlyArray<Answer>, value: string) => answers.filter((one) => one.value === value).length

/** When the first reader got a value that is not `old`. */
const recovered = (answers: ReadonlyArray<Answer>, old: ReadonlyArray<string> = []) =>
  answers.find(({ value }) => value !== "LoadTimeout" && value !== "failed" && !old.includes(value))?.at ?? Infinity

describe.each(caches)("over $name", (cache) => {
  const layer = cache.layer({ refresh: { timeout: 500 } })
  const test = testIn(layer)
  const key = "k"

  test("ttl: the readers of a timeout fail, and the next ones get the value of another load", function*() {
    const source = hangs(2)
    const read = source.load.pipe(Cached.ttl(key, { ttl: 100, timeout: 200 }))
    yield* read
    yield* TestClock.adjust(120)
    const answers = yield* busily(read, { millis: 4000 })
    expect(recovered(answers)).toBeLessThanOrEqual(400)
    expect(count(answers, "LoadTimeout")).toBeLessThanOrEqual(2)
    expect(source.most).toBe(1)
    expect(source.running).toBe(0)
  })

  test.each(
    [
      [
        "softTtl with softTimeout",
        Cached.softTtl(key, { ttl: "1 hour", softTtl: 100, softTimeout: 50, fallbackOn: "all" })
      ],
      ["softTtl with timeout", Cached.softTtl(key, { ttl: "1 hour", softTtl: 100, timeout: 200, fallbackOn: "all" })],
      ["failover", Cached.failover(key, { ttl: "1 hour", timeout: 100, fallbackOn: "all" })],
      ["refreshAhead past its ttl", Cached.refreshAhead(key, { ttl: 400, refreshAfter: 50, timeout: 200 })]
    ] as const
  )("%s: the load is tried again after refresh.timeout", function*([, cached]) {
    const source = hangs(2)
    const read = cached(source.load)
    yield* read
    yield* TestClock.adjust(120)
    const answers = yield* busily(read, { millis: 3000 })
    expect(recovered(answers, ["1"])).toBeLessThanOrEqual(1000)
    expect(source.most).toBe(1)
  })

  it.effect("a stale value that no timeout may be answered with is no reason to wait for refresh.timeout", () =>
    Effect.gen(function*() {
      const source = hangs(2)
      const read = source.load.pipe(
        Cached.softTtl(key, { ttl: "1 hour", softTtl: 100, timeout: 200, fallbackOn: () => false })
      )
      yield* read
      yield* TestClock.adjust(120)
      expect(recovered(yield* busily(read, { millis: 1000 }), ["1"])).toBeLessThanOrEqual(400)
    }).pipe(Effect.provide(cache.layer())))

  testIn()("a clock that is set forward during a load does not make readers patient", function*() {
    const source = sourceOf((n) => n === 2 ? Infinity : 20)
    const read = source.load.pipe(Cached.ttl(key, { ttl: 1000, timeout: 200 }))
    const wall = { ahead: 0 }
    const clock = yield* Clock.Clock
    const setForward: Clock.Clock = {
      ...clock,
      currentTimeMillisUnsafe: () => clock.currentTimeMillisUnsafe() + wall.ahead,
      sleep: (duration) => clock.sleep(duration),
      monotonicTimeNanosUnsafe: () => clock.monotonicTimeNanosUnsafe()
    }
    yield* Effect.gen(function*() {
      const first = yield* start(read)
      wall.ahead = 3_600_000
      yield* TestClock.adjust(20)
      expect(yield* Fiber.join(first)).toBe("1")
      yield* TestClock.adjust(1000)
      expect(recovered(yield* busily(read, { millis: 1000 }), ["1"])).toBeLessThanOrEqual(400)
    }).pipe(Effect.provide(cache.layer()), Effect.provideService(Clock.Clock, setForward))
  })

  testIn(cache.layer())("a stale value that has ended is no reason to wait for refresh.timeout", function*() {
    const source = hangs(2)
    const read = source.load.pipe(Cached.softTtl(key, { ttl: 1000, softTtl: 100, softTimeout: 50, timeout: 200 }))
    yield* read
    yield* TestClock.adjust(120)
    const answers = yield* busily(read, { millis: 3000 })
    expect(recovered(answers, ["1"])).toBeLessThanOrEqual(1400)
  })

  it.effect.each(
    [
      ["of the layer", { layer: 1000 }],
      ["of the key class", { ofClass: 1000 }],
      ["of the read", { ofRead: 1000 }]
    ] as const
  )("without a timeout, maxLoad %s counts", ([, maxLoad]: readonly [string, Record<string, number>]) => {
    class Answered extends CacheKey.Class<Answered>()("Answered", {
      success: Schema.String,
      maxLoad: maxLoad["ofClass"]
    }) {}
    return Effect.gen(function*() {
      const source = hangs(1)
      const read = source.load.pipe(Cached.ttl(new Answered(), { ttl: "1 hour", maxLoad: maxLoad["ofRead"] }))
      const answers = yield* busily(Effect.timeout(read, 200), { millis: 2500 })
      expect(recovered(answers)).toBeGreaterThanOrEqual(960)
      expect(recovered(answers)).toBeLessThanOrEqual(1040)
      expect(source.started).toBe(2)
      expect(source.most).toBe(1)
    }).pipe(Effect.provide(cache.layer({ maxLoad: maxLoad["layer"] })))
  })

  describe("many", () => {
    class User extends CacheKey.Class<User>()("User", { payload: { id: Schema.Int }, success: Schema.String }) {}
    const ids = (...numbers: ReadonlyArray<number>) => numbers.map((id) => ({ id }))
    const texts = (exits: ReadonlyArray<Exit.Exit<string, unknown>>) =>
      exits.map((exit) => Exit.isSuccess(exit) ? exit.value : "LoadTimeout").join()

    /** A lookup whose first call takes `millis`. */
    const lookupOf = (millis: number) => {
      const calls: Array<ReadonlyArray<number>> = []
      const lookup = (keys: ReadonlyArray<User>) =>
        Effect.suspend(() => {
          const n = calls.push(keys.map(({ id }) => id))
          const answers = Effect.succeed(keys.map(({ id }) => Exit.succeed(`${id}#${n}`)))
          return n > 1 ? answers : millis === Infinity ? Effect.never : Effect.delay(answers, millis)
        })
      return { calls, lookup }
    }

    test("outlasted keys leave their call", function*() {
      const { calls, lookup } = lookupOf(Infinity)
      const users = Cached.many(User, lookup, { ttl: "1 hour", timeout: 200 })
      const answers = yield* busily(Effect.map(users(ids(1, 2, 3)), texts), { millis: 2000 })
      const late = answers.filter(({ value }) => value.includes("LoadTimeout"))
      expect(late.length).toBeLessThanOrEqual(2)
      expect(late.every(({ at }) => at <= 400)).toBe(true)
      expect(calls.flat().toSorted()).toEqual([1, 1, 2, 2, 3, 3])
    })

    test("keys that leave in one turn share the next call", function*() {
      const { calls, lookup } = lookupOf(Infinity)
      const users = Cached.many(User, lookup, { ttl: "1 hour", maxLoad: 1000 })
      const read = Effect.timeout(Effect.map(users(ids(1, 2, 3)), texts), 200)
      const answers = yield* busily(read, { millis: 2000 })
      expect(recovered(answers)).toBeLessThanOrEqual(1040)
      expect(calls).toEqual([[1, 2, 3], [1, 2, 3]])
    })

    test("a key leaves a call that continues for another key", function*() {
      const { calls, lookup } = lookupOf(3000)
      const strategy = { ttl: "1 hour" } as const
      const users = Cached.many(User, lookup, { ...strategy, timeout: (key) => key.id === 1 ? 200 : 10_000 })
      const both = yield* start(Effect.map(users(ids(1, 2)), texts))
      const answers = yield* busily(Effect.map(users(ids(1)), texts), { millis: 1000 })
      expect(recovered(answers)).toBeLessThanOrEqual(400)
      yield* TestClock.adjust(3000)
      expect(yield* Fiber.join(both)).toBe("LoadTimeout,2#1")
      expect(calls).toEqual([[1, 2], [1]])
    })

    test("a key does not leave a call for which a patient reader waits", function*() {
      const { calls, lookup } = lookupOf(3000)
      const strategy = { ttl: "1 hour" } as const
      const patient = yield* start(Effect.map(Cached.many(User, lookup, strategy)(ids(1, 2)), texts))
      const hasty = Cached.many(User, lookup, { ...strategy, timeout: 200 })
      const answers = yield* busily(Effect.map(hasty(ids(1)), texts), { millis: 2000 })
      expect(count(answers, "LoadTimeout")).toBeGreaterThan(10)
      yield* TestClock.adjust(1000)
      expect(yield* Fiber.join(patient)).toBe("1#1,2#1")
      expect(calls).toEqual([[1, 2]])
    })

    it.effect("each retry of a refresh is another attempt of all its keys", () =>
      Effect.gen(function*() {
        const tries = [Effect.void, Effect.delay(Effect.fail("down"), 460), Effect.sleep(300)]
        let calls = 0
        const lookup = (keys: ReadonlyArray<User>) =>
          Effect.map(tries[calls++] ?? Effect.never, () => keys.map(({ id }) => Exit.succeed(`${id}#${calls}`)))
        const users = Cached.many(User, lookup, { strategy: "refreshAhead", ttl: 600, refreshAfter: 100 })
        yield* users(ids(1, 2))
        yield* TestClock.adjust(150)
        const answers = yield* busily(Effect.map(users(ids(1, 2)), texts), { millis: 800 })
        expect(count(answers, "1#3,2#3")).toBeGreaterThan(0)
        expect(calls).toBe(3)
      }).pipe(Effect.provide(cache.layer({ refresh: { timeout: 500, retry: Schedule.recurs(1) } }))))
  })

  test("a stream: a run without elements is left for another one", function*() {
    let runs = 0
    const origin = Stream.suspend(() => {
      const n = ++runs
      return n === 1 ? Stream.never : Stream.make(`${n}`, `${n}`)
    })
    const read = origin.pipe(Cached.stream(key, { ttl: "1 hour", maxLoad: 1000 }), Stream.runCollect)
    const answers = yield* busily(Effect.timeout(read, 200), { millis: 3000 })
    expect(recovered(answers)).toBeLessThanOrEqual(1040)
    expect(runs).toBe(2)
  })

  test("a stream: the next run is not that of a consumer that may not write", function*() {
    let runs = 0
    const origin = Stream.suspend(() => ++runs === 1 ? Stream.never : Stream.make("own"))
    const consume = (stream: Stream.Stream<string>) =>
      stream.pipe(Cached.stream(key, { ttl: "1 hour", maxLoad: 1000 }), Stream.runCollect)
    const first = yield* start(consume(origin))
    yield* TestClock.adjust(500)
    const second = yield* start(consume(origin))
    yield* TestClock.adjust(1000)
    const third = yield* start(CachePolicy.disable("set")(consume(Stream.make("read only"))))
    yield* TestClock.adjust(1000)
    for (const fiber of [first, second, third]) expect(fiber.pollUnsafe()).toEqual(Exit.succeed(["own"]))
  })

  test("a stream: consumers that have received elements stay with their run", function*() {
    let runs = 0
    const origin = Stream.suspend(() => {
      const n = ++runs
      return n === 1 ? Stream.concat(Stream.make("1"), Stream.never) : Stream.make(`${n}`)
    })
    const stream = origin.pipe(Cached.stream(key, { ttl: "1 hour", maxLoad: 1000 }))
    const received: Array<string> = []
    const first = yield* start(Stream.runForEach(stream, (element) => Effect.sync(() => received.push(element))))
    yield* TestClock.adjust(1000)
    expect(yield* Effect.timeoutOption(Stream.runCollect(stream), 500)).toEqual(Option.some(["2"]))
    yield* TestClock.adjust(100)
    expect([received, first.pollUnsafe(), runs]).toEqual([["1"], undefined, 2])
    expect(yield* Stream.runCollect(stream)).toEqual(["2"])
    yield* Fiber.interrupt(first)
  })

  test("a stream: each element shows that its run does not hang", function*() {
    let runs = 0
    const origin = Stream.suspend(() => {
      runs++
      return Stream.range(1, 10).pipe(Stream.mapEffect((n) => Effect.delay(Effect.succeed(n), 600)))
    })
    const read = origin.pipe(Cached.stream(key, { ttl: "1 hour", maxLoad: 1000 }), Stream.runCollect)
    const answers = yield* busily(read, { millis: 7000, every: 100 })
    expect(runs).toBe(1)
    expect(answers.at(-1)!.value).toBe("1,2,3,4,5,6,7,8,9,10")
  })

  class GetUser extends CacheKey.Class<GetUser>()("GetUser", { payload: { id: Schema.Int }, success: Schema.String }) {}

  /** An origin whose first batch never ends. */
  const hangingOnce = () => {
    const state = { batches: 0 }
    const origin = RequestResolver.make<GetUser>((entries) =>
      Effect.suspend(() => {
        if (++state.batches === 1) return Effect.never
        for (const entry of entries) entry.completeUnsafe(Exit.succeed(`batch ${state.batches}`))
        return Effect.void
      })
    )
    return { origin, state }
  }

  test("a resolver: once all callers have left, the next request reaches the origin", function*() {
    const { origin, state } = hangingOnce()
    const users = Cached.resolver(origin, { ttl: "1 hour" })
    const request = (id: number) => Effect.request(new GetUser({ id }), users)
    const hasty = yield* start(Effect.timeout(request(1), 300))
    const patient = yield* start(request(2))
    yield* TestClock.adjust(0)
    yield* TestClock.adjust(300)
    expect(Exit.isFailure(yield* Fiber.await(hasty))).toBe(true)
    expect(state.batches).toBe(1)
    yield* Fiber.interrupt(patient)
    yield* TestClock.adjust(0)
    expect(yield* request(1)).toBe("batch 2")
    expect(state.batches).toBe(2)
  })

  test("a resolver: readers that stay get another batch after maxLoad", function*() {
    const { origin } = hangingOnce()
    const users = Cached.resolver(origin, { ttl: "1 hour", maxLoad: 1000 })
    const answers = yield* busily(Effect.request(new GetUser({ id: 1 }), users), { millis: 2000 })
    expect(recovered(answers)).toBeLessThanOrEqual(1200)
    expect(count(answers, "failed")).toBe(0)
  })

  test("a source that is slower than its readers are patient still fills the cache", function*() {
    const run = Effect.fnUntraced(function*(timeout: number) {
      const source = sourceOf((n) => n === 1 ? 0 : 300)
      const read = source.load.pipe(Cached.ttl(`${timeout}`, { ttl: 2000, timeout }))
      yield* read
      yield* TestClock.adjust(2100)
      return { answers: yield* busily(read, { millis: 12_000 }), source }
    })
    const healthy = yield* run(1000)
    const slow = yield* run(200)
    expect(slow.source.most).toBe(1)
    expect(slow.source.started).toBeLessThanOrEqual(2 * healthy.source.started)
    expect(new Set(slow.answers.map(({ value }) => value)).size).toBeGreaterThan(3)
  })

  test("a source that hangs one time in twenty is loaded, and fails, about as often as a healthy one", function*() {
    const run = Effect.fnUntraced(function*(id: string, hangs: boolean) {
      let seed = 7
      const random = () => (seed = (seed * 1103515245 + 12345) & 0x7fffffff) / 0x7fffffff
      const source = sourceOf((n) => n === 1 ? 0 : hangs && n % 20 === 0 ? Infinity : 150 + 300 * random())
      const read = source.load.pipe(Cached.ttl(id, { ttl: 1000, timeout: 200 }))
      yield* read
      yield* TestClock.adjust(120)
      return { answers: yield* busily(read, { millis: 40_000, every: 100 }), source }
    })
    const healthy = yield* run("healthy", false)
    const hanging = yield* run("hanging", true)
    expect(hanging.source.started).toBeLessThanOrEqual(2 * healthy.source.started)
    expect(count(hanging.answers, "LoadTimeout")).toBeLessThanOrEqual(2 * count(healthy.answers, "LoadTimeout"))
    expect(new Set(hanging.answers.map(({ value }) => value)).size).toBeGreaterThan(healthy.source.started / 2)
  })

  test("a source that was slow before may be slow again, although its last load was quick", function*() {
    const source = sourceOf((n) => n % 2 === 1 ? 300 : 10)
    const read = (timeout: number) => source.load.pipe(Cached.ttl(key, { ttl: 1000, timeout }))
    for (const _ of [1, 2]) {
      const patient = yield* start(read(1000))
      yield* TestClock.adjust(1000)
      expect(Exit.isSuccess(yield* Fiber.await(patient))).toBe(true)
      yield* TestClock.adjust(1000)
    }
    expect(recovered(yield* busily(read(100), { millis: 600 }))).toBeLessThanOrEqual(320)
    expect(source.started).toBe(3)
  })

  testIn(cache.layer())("a source that hangs for good is tried ever less often", function*() {
    const source = sourceOf((n) => n === 1 ? 0 : Infinity)
    const read = source.load.pipe(Cached.ttl(key, { ttl: 100, timeout: 200 }))
    yield* read
    yield* TestClock.adjust(120)
    const answers = yield* busily(read, { millis: 600_000, every: 190 })
    // 2 + log2 of 60 s / 200 ms, then one in each minute.
    expect(source.started - 1).toBeLessThanOrEqual(2 + Math.log2(300) + 10)
    expect(source.most).toBe(1)
    expect(source.running).toBe(0)
    expect(count(answers, "1")).toBe(0)
  })

  test("P3: a hasty reader does not make a load run again for which a patient one waits", function*() {
    const source = sourceOf(() => 5000)
    const patient = yield* start(source.load.pipe(Cached.ttl(key, { ttl: "1 hour" })))
    const hasty = source.load.pipe(Cached.ttl(key, { ttl: "1 hour", timeout: 50 }))
    const answers = yield* busily(hasty, { millis: 5200, every: 20 })
    expect(yield* Fiber.join(patient)).toBe("1")
    expect(source.started).toBe(1)
    expect(count(answers, "1")).toBeGreaterThan(0)
  })

  test("once the patient reader has left, the others count", function*() {
    const source = hangs(1)
    const patient = yield* start(source.load.pipe(Cached.ttl(key, { ttl: "1 hour" })))
    const hasty = yield* start(busily(source.load.pipe(Cached.ttl(key, { ttl: "1 hour", timeout: 200 })), {
      millis: 2000
    }))
    yield* TestClock.adjust(0)
    expect(source.started).toBe(1)
    yield* Fiber.interrupt(patient)
    expect(recovered(yield* Fiber.join(hasty))).toBeLessThanOrEqual(400)
  })

  test.each(
    [
      ["a finalizer of a second", Effect.onExit(Effect.never, () => Effect.sleep(1000))],
      ["a finalizer that hangs", Effect.onExit(Effect.never, () => Effect.never)],
      ["an interruption that it catches", Effect.catchCause(Effect.never, () => Effect.succeed("caught"))]
    ] as const
  )("a load with %s gives way to the next attempt", function*([, first]) {
    let loads = 0
    const load = Effect.suspend((): Effect.Effect<string> => ++loads === 1 ? first : Effect.succeed(`${loads}`))
    const read = load.pipe(Cached.ttl(key, { ttl: "1 hour", timeout: 200 }))
    const answers = yield* busily(read, { millis: 2000 })
    expect(recovered(answers, ["caught"])).toBeLessThanOrEqual(600)
    expect(loads).toBe(2)
    yield* TestClock.adjust(5000)
    expect(yield* read).toBe("2")
  })

  test("an uninterruptible load is not run again", function*() {
    const source = sourceOf(() => 3000)
    const read = Effect.uninterruptible(source.load).pipe(Cached.ttl(key, { ttl: "1 hour", timeout: 200 }))
    yield* busily(read, { millis: 4000 })
    expect(source.started).toBe(1)
  })

  testIn()("callers of a load that gives way while the cache closes die with CacheClosed", function*() {
    const scope = yield* Scope.make()
    const context = yield* Layer.buildWithScope(layer, scope)
    const load = Effect.onInterrupt(Effect.never, () => Effect.sleep(500))
    const read = load.pipe(Cached.ttl(key, { ttl: "1 hour", maxLoad: 1000 }), Effect.provideContext(context))
    const readers = [yield* start(read)]
    yield* TestClock.adjust(1000)
    readers.push(yield* start(read))
    yield* start(Scope.close(scope, Exit.void))
    yield* TestClock.adjust(500)
    const closed = Exit.die(new CacheClosed({ key }))
    expect(readers.map((fiber) => fiber.pollUnsafe())).toEqual([closed, closed])
  })

  test("a load whose id was invalidated is not run again: the next readers have a load of their own", function*() {
    const source = hangs(1)
    const read = source.load.pipe(Cached.ttl(key, { ttl: "1 hour", timeout: 200 }))
    const first = yield* start(Effect.exit(read))
    yield* Cached.invalidate(key)
    expect(yield* read).toBe("2")
    yield* TestClock.adjust(200)
    expect(Exit.isFailure(yield* Fiber.join(first))).toBe(true)
    expect(source.started).toBe(2)
  })

  test("an invalidation while the load gives way: the callers get the next attempt, which is not stored", function*() {
    let loads = 0
    const load = Effect.suspend(() =>
      ++loads === 1 ? Effect.onExit(Effect.never, () => Effect.sleep(50)) : Effect.succeed(`${loads}`)
    )
    const read = load.pipe(Cached.ttl(key, { ttl: "1 hour", timeout: 200 }))
    yield* start(Effect.exit(read))
    yield* TestClock.adjust(100)
    const second = yield* start(read)
    yield* TestClock.adjust(130)
    yield* Cached.invalidate(key)
    yield* TestClock.adjust(30)
    expect(yield* Fiber.join(second)).toBe("2")
    expect(yield* read).toBe("3")
  })

  test("a caller that leaves while the load gives way waits for its finalizers, not for the next load", function*() {
    let loads = 0
    const load = Effect.suspend(() =>
      ++loads === 1 ? Effect.onExit(Effect.never, () => Effect.sleep(50)) : Effect.sleep(100)
    )
    const read = load.pipe(Cached.ttl(key, { ttl: "1 hour", timeout: 200 }))
    yield* start(Effect.exit(read))
    yield* TestClock.adjust(100)
    const second = yield* start(read)
    yield* TestClock.adjust(110)
    second.interruptUnsafe()
    yield* TestClock.adjust(0)
    const third = yield* start(CachePolicy.refresh(read))
    yield* TestClock.adjust(60)
    const exits = [second.pollUnsafe(), third.pollUnsafe()]
    // The next load ends before anything is asserted: a cache that closes would wait for it.
    yield* TestClock.adjust(100)
    expect(loads).toBe(2)
    expect(exits.map((exit) => exit && Exit.hasInterrupts(exit))).toEqual([true, undefined])
  })

  test("a clock that is set back does not end the patience", function*() {
    const source = hangs(1)
    const read = source.load.pipe(Cached.ttl(key, { ttl: "1 hour", maxLoad: 1000 }))
    yield* TestClock.setTime(10_000_000)
    yield* start(Effect.exit(read))
    yield* TestClock.setTime(1_000_000)
    const answers = yield* busily(Effect.timeout(read, 200), { millis: 2000 })
    expect(recovered(answers)).toBeLessThanOrEqual(1100)
  })

  test("an explicit refresh that hangs", function*() {
    const source = hangs(1)
    const read = source.load.pipe(Cached.ttl(key, { ttl: "1 hour", timeout: 200 }))
    expect(recovered(yield* taking(0, CachePolicy.refresh(busily(read, { millis: 1000 }))))).toBeLessThanOrEqual(400)
  })

  test("is a counter, an event and a warning for each key class, until a load succeeds", function*() {
    const seen: Array<unknown> = []
    const source = sourceOf((n) => n < 4 ? Infinity : 0)
    const other = hangs(1)
    const read = source.load.pipe(Cached.ttl(key, { ttl: "1 hour", timeout: 200 }))
    const readOther = other.load.pipe(Cached.ttl("other", { ttl: "1 hour", timeout: 200 }))
    yield* Effect.forkScoped(
      Stream.runForEach(Cached.events({ of: ["Restart"] }), (event) => Effect.sync(() => seen.push(event))),
      { startImmediately: true }
    )
    yield* TestClock.adjust(0)
    yield* busily(Effect.all([Effect.exit(read), Effect.exit(readOther)], { concurrency: 2 }), { millis: 3000 })
    const { loadFailures, loads, restarts } = yield* Cached.stats
    expect({ loadFailures, loads, restarts }).toEqual({ loads: 6, restarts: 4, loadFailures: 0 })
    yield* TestClock.adjust(0)
    expect(seen.filter((event) => (event as { id: string }).id === key)).toEqual([
      { _tag: "Restart", id: key, keyClass: undefined, millis: 200 },
      { _tag: "Restart", id: key, keyClass: undefined, millis: 400 },
      { _tag: "Restart", id: key, keyClass: undefined, millis: 800 }
    ])
  })
})

it.effect("the span of the attempt that gave way ends as restarted", () =>
  Effect.gen(function*() {
    const spans: Array<Tracer.NativeSpan> = []
    const tracer = Tracer.make({
      span: (options) => {
        const span = new Tracer.NativeSpan(options)
        if (options.name === "effect-cached.load") spans.push(span)
        return span
      }
    })
    const read = hangs(1).load.pipe(Cached.ttl("k", { ttl: "1 hour", timeout: 200 }))
    yield* Effect.withTracer(Effect.withSpan(busily(read, { millis: 1000 }), "caller"), tracer)
    expect(spans.map(({ attributes }) => attributes.get("cache.outcome"))).toEqual(["restarted", "success"])
    expect(spans.map(({ status }) => status._tag)).toEqual(["Ended", "Ended"])
  }).pipe(Effect.provide(caches[0]!.layer())))
