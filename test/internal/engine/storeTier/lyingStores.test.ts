/**
 * Stores that break the promises of their types: nothing dies of them, nothing hangs, and it is over once they recover.
 */
import { describe, expect, it } from "@effect/vitest"
import { Cause, Context, Effect, Exit, Fiber, Layer, Logger, Option, Stream } from "effect"
import { Cached, CacheLayer, Caching } from "effect-cached"
import { Store } from "effect-cached/adapters"
import { StoreError } from "effect-cached/CacheError"
import { MemoryStore } from "effect-cached/memory"
import { TestClock } from "effect/testing"
import { counting, elapse, ended, settle, start } from "../../../support/caches.ts"
import { thirdOf } from "../../../support/everything.ts"
import * as Looking from "../../../support/looking.ts"
import { pluralOf } from "../../../support/pluralOf.ts"
import { entry } from "../../../support/stored.ts"
import { test, testIn } from "../../../support/tests.ts"

const cacheOver = (store: Store.Store, options?: CacheLayer.LayerOptions) =>
  Layer.provide(CacheLayer.layer(options), Layer.succeed(Store.Store, store))

/** A store that may recover: from then on each operation is that of a good one. */
const mendable = (broken: { readonly [Name in keyof Store.Store]?: unknown }) => {
  const good = MemoryStore.make()
  const state = { isBroken: true, asked: 0 }
  const names = Object.keys(broken) as Array<keyof Store.Store>
  const part = (name: keyof Store.Store) => {
    const answer = () => {
      state.asked++
      return state.isBroken ? broken[name] : good[name]
    }
    // An operation that is a value in the port is looked up each time.
    if (Effect.isEffect(good[name])) return Effect.suspend(answer as () => Effect.Effect<unknown>)
    return (...arguments_: ReadonlyArray<unknown>) =>
      (answer() as (...given: typeof arguments_) => unknown)(...arguments_)
  }
  const store = {
    ...good,
    capabilities: { shared: true, changes: false },
    ...Object.fromEntries(names.map((name) => [name, part(name)]))
  } as Store.Store
  return { store, state }
}

const { meta, payload } = entry(1)
const wrongMeta = [
  undefined,
  {},
  { ...meta, expiresAt: Number.NaN },
  { ...meta, outcome: "perhaps" },
  { ...meta, serializer: undefined },
  { ...meta, tags: null },
  { ...meta, tags: [{ tag: "t" }] },
  { ...meta, writeId: 7 }
]
const wrongEntries = [null, "entry", { meta }, ...wrongMeta.map((meta) => ({ meta, payload }))]
const noBooleans = [undefined, null, 1, "yes"]
const noLists = [undefined, [], [true, "yes"], ...noBooleans.map((answer) => [answer])]

const wrongAnswers = [
  undefined,
  { entry: undefined },
  { entry: { meta: { ...meta, tags: [{ tag: "t", version: "v" }] }, payload } },
  ...wrongEntries.map((entry) => ({ entry, versions: [] })),
  { entry: undefined, versions: [7] }
]

/** Invalid answers of each operation. */
const lies: { readonly [Name in keyof Store.Store]?: ReadonlyArray<unknown> } = {
  get: wrongAnswers,
  getMany: [undefined, [], "entries", ...wrongEntries.map((entry) => [entry])],
  set: noLists,
  remove: noLists,
  touch: noBooleans,
  acquire: [
    undefined,
    {},
    { _tag: "Perhaps" },
    { _tag: "Hit" },
    ...wrongEntries.map((entry) => ({ _tag: "Hit", entry })),
    { _tag: "Wait" },
    { _tag: "Wait", leftMillis: Number.NaN },
    { _tag: "Wait", leftMillis: -1 },
    { _tag: "Wait", leftMillis: "soon" },
    { _tag: "Granted" },
    { _tag: "Granted", generation: "g", seq: "1" },
    { _tag: "Granted", generation: "g", failures: { count: 3 } }
  ].flatMap((answer) => [answer, [answer]]),
  commit: noLists,
  renew: noLists,
  release: noBooleans,
  markers: [undefined, {}, { seq: 1, markers: [{}] }, { seq: Number.NaN, markers: [{ version: "v", seq: 1 }] }],
  size: [undefined, "1", Number.NaN, -1, 0.5],
  increment: [undefined, "1", Number.NaN, 0.5]
}

/** Values that are neither an effect nor a stream. */
const noEffects = [undefined, {}, Promise.resolve(true)]

const asFunction = (name: keyof Store.Store, answer: () => unknown): unknown =>
  name === "size" || name === "clear" ? Effect.suspend(answer as never) : answer

interface Broken {
  readonly name: string
  readonly operation: keyof Store.Store
  readonly with: unknown
}

const operations = [...Object.keys(lies), "invalidateTags", "clear"] as ReadonlyArray<keyof Store.Store>

const broken: ReadonlyArray<Broken> = [
  ...operations.flatMap((operation) => [
    {
      name: `${operation} throws`,
      operation,
      with: asFunction(operation, () => {
        throw new Error("broken")
      })
    },
    { name: `${operation} dies`, operation, with: asFunction(operation, () => Effect.die("broken")) },
    ...noEffects.map((answer) => ({
      name: `${operation} gives ${String(answer)} instead of an effect`,
      operation,
      with: asFunction(operation, () => answer)
    })),
    ...(lies[operation] ?? []).map((answer) => ({
      name: `${operation} answers ${JSON.stringify(answer)}`,
      operation,
      with: asFunction(operation, () => Effect.succeed(answer))
    }))
  ]),
  ...[...wrongAnswers, "thrown"].map((answer, i) => ({
    name: `getUnsafe is wrong in way ${i}`,
    operation: "getUnsafe" as const,
    with: () => {
      if (answer === "thrown") throw new Error("broken")
      return answer
    }
  })),
  ...[
    () => {
      throw new Error("broken")
    },
    ...noEffects.map((answer) => () => answer),
    () => Stream.die("broken"),
    () =>
      Stream.suspend(() => {
        throw new Error("broken")
      }),
    () => Stream.unwrap(Effect.never),
    () => Stream.never,
    ...[null, 7, {}, { id: 7, meta }, ...wrongMeta.map((meta) => ({ id: "k", meta }))]
      .map((item) => () => Stream.make({ id: "a", meta }, item))
  ].map((scan, i) => ({ name: `scan is wrong in way ${i}`, operation: "scan" as const, with: scan }))
]

/** Every public operation that asks the store. */
const programs = () => {
  const { counts, load } = counting()
  const read = load.pipe(Cached.ttl("k", { ttl: "1 hour", tags: ["t"] }))
  const slide = load.pipe(Cached.sliding("s", { idle: "1 minute", ttl: "1 hour" }))
  const failing = Effect.fail("down").pipe(Cached.ttl("f", { ttl: "1 hour" }), Effect.ignore)
  const slow = Effect.sleep("3 seconds").pipe(Cached.ttl("slow", { ttl: "1 hour" }))
  const all: ReadonlyArray<readonly [name: string, Effect.Effect<unknown, unknown, Caching.Caching>]> = [
    ["read", read],
    ["read of a sliding entry", slide],
    ["a later read of it", Effect.andThen(Effect.sleep("30 seconds"), slide)],
    ["read that fails", failing],
    ["read that is slow", slow],
    ["getOption", Cached.getOption("other")],
    ["getMany", Cached.getMany(["k", "other"])],
    ["set", Cached.set("d", 1, { tags: ["t"] })],
    ["set if absent", Cached.set("e", 1, { ifAbsent: true })],
    ["touch", Cached.touch("d", "1 hour")],
    ["increment", Cached.counter("n").increment()],
    ["invalidate", Cached.invalidate("k")],
    ["invalidateMany", Cached.invalidate(["k", "d"])],
    ["invalidateTag", Cached.invalidate({ tag: "t" })],
    ["size", Cached.size],
    ["ping", Store.ping],
    ["entries", Stream.runCollect(Cached.entries())],
    ["invalidateMatching", Looking.progressOf("k*")],
    ["clear", Cached.clear]
  ]
  return { all, counts, read }
}

/** Runs to its end under a clock that moves; a program that hangs has no end. */
const ending = <A, E, R>(self: Effect.Effect<A, E, R>) =>
  Effect.gen(function*() {
    const fiber = yield* start(self)
    for (let seconds = 1; seconds < 100 && fiber.pollUnsafe() === undefined; seconds *= 2) {
      yield* elapse(seconds * 1000)
    }
    return ended(fiber)
  })

/** A program may only succeed, or fail with the error of its type. */
const verdict = (exit: Exit.Exit<unknown, unknown> | "still waiting"): string => {
  if (exit === "still waiting") return exit
  if (Exit.isSuccess(exit)) return "fine"
  const { cause } = exit
  return Cause.hasDies(cause) || Cause.hasInterrupts(cause) || !(Cause.squash(cause) instanceof StoreError)
    ? Cause.pretty(cause)
    : "fine"
}

const silent = Logger.layer([])

describe.each([{ memory: false, sync: false }, { memory: true, sync: true }])(
  "memory: $memory, a synchronous store: $sync",
  ({ memory, sync }) => {
    it.effect.each(thirdOf(broken, memory ? 1 : 0))(
      "$name: nothing dies, nothing hangs, and it is over once it recovers",
      (broken) => {
        const { state, store: sometimes } = mendable({ [broken.operation]: broken.with })
        const store = { ...sometimes, getUnsafe: sync ? sometimes.getUnsafe : undefined }
        return Effect.gen(function*() {
          const { all, counts, read } = programs()
          for (const [name, program] of all) expect([name, verdict(yield* ending(program))]).toEqual([name, "fine"])
          expect(counts.started).toBeGreaterThan(0)
          // A look at tags and metadata does not pass the operations that other programs need, and where `getUnsafe`
          // goes wrong, `get` is asked.
          if (state.asked > 0 && broken.operation !== "getUnsafe") {
            expect((yield* Cached.stats).storeFailures).toBeGreaterThan(0)
          }
          state.isBroken = false
          // Unacknowledged invalidations are sent again.
          yield* elapse("2 minutes")
          const before = counts.started
          const value = yield* read
          expect(yield* store.size).toBeGreaterThan(0)
          expect(yield* read).toBe(value)
          expect(counts.started).toBe(before + 1)
        }).pipe(Effect.provide(cacheOver(store, { memory })), Effect.provide(silent))
      }
    )
  }
)

describe("a Wait for a caller that does not wait", () => {
  it.effect("is Corrupt: the load begins, and the store is not asked every millisecond", () => {
    let asked = 0
    const waits: Store.Acquired = { _tag: "Wait", leftMillis: 60_000 }
    const store: Store.Store = {
      ...MemoryStore.make(),
      capabilities: { shared: true, changes: false },
      acquire: (requests) => Effect.sync(() => (asked++, requests.map(() => waits)))
    }
    return Effect.gen(function*() {
      const reader = yield* start(counting().load.pipe(Cached.ttl("k", { ttl: "1 hour" })))
      // Two that wait are asked for in one request.
      const other = yield* start(counting().load.pipe(Cached.ttl("l", { ttl: "1 hour" })))
      // As long as another process may renew its lease, and once more asked.
      yield* TestClock.adjust("11 seconds")
      const before = asked
      yield* TestClock.adjust("1 second")
      expect([ended(reader), ended(other)]).toEqual([Exit.succeed(1), Exit.succeed(1)])
      expect(asked - before).toBeLessThanOrEqual(1)
      expect(yield* ending(counting().load.pipe(Cached.ttl("beside", { ttl: "1 hour", shareLoad: false }))))
        .toEqual(Exit.succeed(1))
      expect((yield* Cached.stats).storeFailures).toBe(2)
    }).pipe(Effect.provide(cacheOver(store, { maxLoad: "5 seconds" })), Effect.provide(silent))
  })
})

/** Two processes over one store whose changes the first one asks for. */
const asking = (changesUnsafe: () => unknown) => {
  const store = MemoryStore.make()
  const pushed: Array<Store.Change> = []
  const state = { lies: false, gets: 0 }
  const shared: Store.Store = {
    ...store,
    capabilities: { shared: true, changes: true },
    getUnsafe: undefined,
    get: (...input) => Effect.suspend(() => (state.gets++, store.get(...input))),
    changesUnsafe: () => state.lies ? changesUnsafe() as never : pushed.splice(0)
  }
  const build = Effect.map(
    Layer.build(Layer.fresh(cacheOver(shared))),
    (context) => Effect.provideService(Caching.Caching, Context.get(context, Caching.Caching))
  )
  const elsewhere = (value: number) =>
    Effect.gen(function*() {
      const other = cacheOver(store, { memory: false })
      yield* Cached.set("k", value).pipe(Effect.provide(other))
      pushed.push({ _tag: "Changed", id: "k" })
    })
  return { build, elsewhere, state, pushed }
}

describe("a changesUnsafe that breaks", () => {
  const ways: ReadonlyArray<readonly [name: string, () => unknown]> = [
    ["throws", () => {
      throw new Error("broken")
    }],
    ["throws nothing", () => {
      throw undefined
    }],
    ...[
      undefined,
      null,
      7,
      "changes",
      {},
      [null],
      [{}],
      [{ _tag: "Other" }],
      [{ _tag: "Changed" }],
      Promise.resolve([])
    ]
      .map((answer, i) => [`gives no list of changes (${i})`, () => answer] as const)
  ]

  test.each(ways)("%s is one fault, and the process is not deaf for good", function*([, broken]) {
    const { build, elsewhere, pushed, state } = asking(broken)
    const messages: Array<string> = []
    const logger = Logger.make(({ message }) => void messages.push(String(message)))
    yield* Effect.gen(function*() {
      const within = yield* build
      const { counts, load } = counting()
      const read = within(load.pipe(Cached.ttl("k", { ttl: "1 hour" })))
      const reading = Effect.gen(function*() {
        for (let i = 0; i < 20; i++) {
          yield* TestClock.adjust("50 millis")
          yield* read
        }
      })
      yield* read
      state.lies = true
      state.gets = 0
      // Memory is trusted while the changes are not known for less than `maxStaleness`.
      yield* reading
      expect([counts.started, state.gets]).toEqual([1, 0])
      expect((yield* within(Cached.stats)).storeFailures).toBe(1)
      // The changes pushed meanwhile are lost.
      yield* elsewhere(70)
      pushed.length = 0
      state.lies = false
      yield* reading
      expect(yield* read).toBe(70)
      yield* elsewhere(71)
      yield* reading
      expect(yield* read).toBe(71)
      expect(counts.started).toBe(1)
    }).pipe(Effect.provide(Logger.layer([logger])))
    expect(messages).toEqual([
      expect.stringMatching(/could not report changes: (its answer is damaged|it is unavailable)/),
      expect.stringContaining("answers again")
    ])
  })
})

describe("a stream of changes that breaks", () => {
  const items = [null, undefined, 7, {}, { _tag: "Other" }, { _tag: "Changed" }, { _tag: "TagChanged", tag: 7 }]
  const coherent: Store.Change = { _tag: "Coherent" }
  const ways: ReadonlyArray<readonly [name: string, () => unknown]> = [
    ...noEffects.map((answer) => [`is ${String(answer)}`, () => answer] as const),
    ["dies", () => Stream.die("broken")],
    ...items.map((item) =>
      [
        `has ${JSON.stringify(item)}`,
        () =>
          Stream.make(coherent).pipe(
            Stream.concat(Stream.fromEffect(Effect.delay(Effect.succeed(item), "1 second"))),
            Stream.concat(Stream.never)
          )
      ] as const
    )
  ]

  testIn(silent).each(ways)("%s is followed again, and what it has hidden is found", function*([, broken]) {
    const store = MemoryStore.make()
    const state = { lies: true, followed: 0 }
    const shared: Store.Store = {
      ...store,
      capabilities: { shared: true, changes: true },
      getUnsafe: undefined,
      get changes(): Store.Store["changes"] {
        return Stream.suspend(() => {
          state.followed++
          return state.lies ? broken() as Store.Store["changes"] : Stream.concat(Stream.make(coherent), Stream.never)
        })
      }
    }
    const context = yield* Layer.build(cacheOver(shared))
    const read = counting().load.pipe(Cached.ttl("k", { ttl: "1 hour" }), Effect.provide(context))
    yield* settle
    yield* read
    yield* Cached.set("k", 70).pipe(Effect.provide(cacheOver(store, { memory: false })))
    yield* elapse("1100 millis")
    state.lies = false
    yield* elapse("1 minute")
    expect(state.followed).toBeGreaterThan(1)
    expect(yield* read).toBe(70)
    expect(yield* Cached.getOption("k").pipe(Effect.provide(context))).toEqual(Option.some(70))
  })
})

it.effect("a lease that cannot be renewed or released delays no load", () => {
  const { store } = mendable({
    renew: pluralOf.renew(() => {
      throw new Error("broken")
    }),
    release: () => {
      throw new Error("broken")
    }
  })
  return Effect.gen(function*() {
    const slow = (key: string) => Effect.as(Effect.sleep("8 seconds"), key).pipe(Cached.ttl(key, { ttl: "1 hour" }))
    expect(yield* ending(slow("a"))).toEqual(Exit.succeed("a"))
    const left = yield* start(slow("b"))
    yield* settle
    yield* Fiber.interrupt(left)
    expect(yield* ending(slow("b"))).toEqual(Exit.succeed("b"))
    expect((yield* Cached.stats).storeFailures).toBeGreaterThan(1)
  }).pipe(Effect.provide(cacheOver(store)), Effect.provide(silent))
})
