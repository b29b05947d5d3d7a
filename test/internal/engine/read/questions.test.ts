/**
 * Questions to a store that answers through a callback: the readers that share one, and the consequences of each
 * kind of answer.
 */
import { describe, expect, it } from "@effect/vitest"
import { type Context, Effect, Exit, Fiber, Layer, Stream } from "effect"
import { Cached, CacheLayer, CachePolicy } from "effect-cached"
import { Store } from "effect-cached/adapters"
import { StoreError } from "effect-cached/CacheError"
import { MemoryStore } from "effect-cached/memory"
import { TestClock } from "effect/testing"
import { singly } from "../../../../src/testing/internal/singly.ts"
import { counting, elapse, settle, start, started } from "../../../support/caches.ts"
import { warningsOf } from "../../../support/logged.ts"
import { pluralOf } from "../../../support/pluralOf.ts"
import { testWith } from "../../../support/tests.ts"

type Done = Parameters<NonNullable<Store.Store["getCallback"]>>[2]
type Answer = Parameters<Done>[0]

/** A store that answers a question after a time with what `change` makes of the answer; `undefined`: never. */
const asked = (
  change: (answer: Answer, times: number) => Answer | undefined = (answer) => answer,
  millis: (times: number) => number = () => 10,
  options: CacheLayer.LayerOptions = { memory: false }
) => {
  const counts = { questions: 0, flights: 0 }
  const thrown: Array<unknown> = []
  const inner = MemoryStore.make()
  const fails = { remove: false, acquire: false }
  const make = Effect.contextWith((context: Context.Context<never>) =>
    Effect.succeed<Store.Store>({
      ...inner,
      get: (id, tags) => {
        counts.flights++
        return inner.get(id, tags)
      },
      remove: pluralOf.remove((...args) =>
        fails.remove
          ? Effect.fail(new StoreError({ store: "asked", operation: "remove", reason: "Unavailable" }))
          : singly(inner).remove(...args)
      ),
      acquire: pluralOf.acquire((...args) => fails.acquire ? Effect.never : singly(inner).acquire(...args)),
      getUnsafe: undefined,
      getCallback: (id, tags, done) => {
        const times = ++counts.questions
        const answer = change(Exit.succeed(inner.getUnsafe(id, tags)), times)
        if (answer === undefined) return
        Effect.runForkWith(context)(Effect.sleep(millis(times))).addObserver(() => {
          try {
            done(answer)
          } catch (error) {
            thrown.push(error)
          }
        })
      }
    })
  )
  const layer = CacheLayer.layer(options).pipe(Layer.provide(Layer.effect(Store.Store, make)))
  return { counts, fails, layer, thrown }
}

const testAsked = testWith(asked, ({ layer }) => layer)

const loaded = (tags?: ReadonlyArray<string>) => Cached.ttl(Effect.succeed("loaded"), "k", { ttl: "1 hour", tags })

const stored = (value = "stored", tags: ReadonlyArray<string> = []) => Cached.set("k", value, { ttl: "1 hour", tags })

/** Lets time pass for the readers, and returns what they got. */
const after = (millis: number, ...readers: ReadonlyArray<Fiber.Fiber<string>>) =>
  Effect.gen(function*() {
    yield* elapse(millis)
    return readers.map((reader) => {
      const exit = reader.pollUnsafe()
      return exit !== undefined && Exit.isSuccess(exit) ? exit.value : exit
    })
  })

const unavailable = Exit.fail(new StoreError({ store: "asked", operation: "get", reason: "Unavailable" }))

describe("readers share a question", () => {
  testAsked("until a tag of theirs or of the question is invalidated", function*({ counts }) {
    yield* stored("stored", ["t"])
    const readers = [yield* start(loaded(["t"]))]
    yield* Cached.invalidate({ tag: "another" })
    readers.push(yield* start(loaded(["t"])))
    expect(counts.questions).toBe(1)
    readers.push(yield* start(loaded(["another"])))
    expect(counts.questions).toBe(2)
    yield* Cached.invalidate({ tag: "another" })
    readers.push(yield* start(loaded()))
    expect(counts.questions).toBe(3)
    expect(yield* after(100, ...readers)).toEqual(["stored", "stored", "stored", "stored"])
  })

  testAsked("also when an older one about the same id is answered", function*({ counts }) {
    yield* stored("old")
    const first = yield* start(loaded())
    yield* TestClock.adjust(5)
    yield* Fiber.interrupt(first)
    yield* stored("new")
    const second = yield* start(loaded())
    yield* TestClock.adjust(6)
    const third = yield* start(loaded())
    expect(yield* after(10, second, third)).toEqual(["new", "new"])
    expect(counts).toEqual({ questions: 2, flights: 0 })
  })

  testAsked("but what it says is asked again by a flight if the id was set meanwhile", function*({ counts }) {
    yield* stored("old")
    const reading = yield* start(loaded())
    yield* stored("new")
    expect(yield* after(10, reading)).toEqual(["new"])
    expect(counts).toEqual({ questions: 1, flights: 1 })
  })

  it.effect("as many as a turn has room for; the others have a flight, which asks too", () => {
    const { counts, layer } = asked(undefined, () => 100)
    return Effect.gen(function*() {
      yield* stored()
      const readers = yield* Effect.forEach(Array.from({ length: 257 }), () => start(loaded()))
      yield* settle
      for (let i = 0; i < 20; i++) yield* after(10)
      expect(new Set(yield* after(100, ...readers))).toEqual(new Set(["stored"]))
      expect(counts.questions).toBe(1)
      expect(counts.flights).toBeGreaterThan(0)
      expect(yield* Cached.stats).toMatchObject({ storeHits: 257, misses: 0 })
    }).pipe(Effect.provide(layer))
  })

  testAsked("and one that leaves counts as a miss, and not as a hit", function*({ thrown }) {
    yield* stored()
    const [first, second] = [yield* start(loaded()), yield* start(loaded())]
    yield* Fiber.interrupt(first)
    expect(yield* after(10, second)).toEqual(["stored"])
    yield* Fiber.interrupt(yield* start(loaded()))
    yield* after(10)
    expect(thrown).toEqual([])
    expect(yield* Cached.stats).toMatchObject({ storeHits: 1, misses: 2, storeFailures: 0 })
  })

  it.effect("whose value enters memory once", () => {
    const { counts, layer } = asked(undefined, undefined, {})
    return Effect.gen(function*() {
      yield* stored()
      yield* Cached.set("other", 1)
      yield* Cached.resize(1)
      const readers = [yield* start(loaded()), yield* start(loaded())]
      expect(yield* after(10, ...readers)).toEqual(["stored", "stored"])
      expect(yield* loaded()).toBe("stored")
      expect(counts).toEqual({ questions: 1, flights: 0 })
      expect((yield* Cached.stats).removals.replaced).toBe(0)
    }).pipe(Effect.provide(layer))
  })
})

describe("no question is asked", () => {
  testAsked("under a storeTimeout of the read", function*({ counts }) {
    yield* stored()
    expect(yield* CachePolicy.storeTimeout("1 second")(loaded())).toBe("stored")
    expect(counts).toEqual({ questions: 0, flights: 1 })
  })

  testAsked("while the id is loaded", function*({ counts }) {
    const { load } = counting(1000)
    const read = load.pipe(Cached.ttl("k", { ttl: "1 hour" }))
    const first = yield* start(read)
    yield* after(10)
    const second = yield* start(read)
    yield* after(1000)
    expect([first.pollUnsafe(), second.pollUnsafe()]).toEqual([Exit.succeed(1), Exit.succeed(1)])
    expect(counts.questions).toBe(1)
  })

  testAsked("while the id is loaded again: a flight asks, and answers with what is stored", function*({ counts }) {
    yield* stored()
    yield* start(CachePolicy.refresh(Effect.delay(loaded(), "1 second")))
    yield* settle
    const reading = yield* started(loaded())
    expect(yield* after(1000, reading)).toEqual(["stored"])
    expect(counts.questions).toBe(1)
  })

  testAsked("about an id whose invalidation the store has not acknowledged", function*({ counts, fails }) {
    yield* stored()
    fails.remove = true
    yield* Effect.ignore(Cached.invalidate("k"))
    const reading = yield* start(loaded())
    expect(yield* after(1000, reading)).toEqual(["loaded"])
    expect(counts.questions).toBe(0)
    fails.remove = false
    yield* after(60_000)
  })
})

describe("an answer", () => {
  it.effect.each(["life", "changes"] as const)(
    "is used although another id has changed meanwhile (inherit: %s)",
    (inherit) => {
      const { counts, layer } = asked()
      const read = Cached.ttl(loaded(), "outer", { ttl: "1 hour", inherit })
      return Effect.gen(function*() {
        yield* start(read)
        for (let i = 0; i < 4; i++) yield* after(10)
        for (const change of [Effect.void, Cached.set("other", 1)]) {
          const before = counts.flights
          const reading = yield* start(read)
          yield* change
          yield* after(10)
          expect(yield* after(10, reading)).toEqual(["loaded"])
          expect(counts.flights - before).toBe(0)
        }
      }).pipe(Effect.provide(layer))
    }
  )

  testAsked("with tags that were not asked about is asked for once more", function*({ counts }) {
    yield* stored("stored", ["late"])
    const reading = yield* start(loaded())
    yield* after(10)
    expect(yield* after(10, reading)).toEqual(["stored"])
    expect(counts).toEqual({ questions: 2, flights: 0 })
  })

  it.effect("whose tags change each time is left to a flight", () => {
    const { counts, layer } = asked((answer, times) =>
      Exit.map(answer, ({ entry, ...rest }) =>
        ({
          ...rest,
          entry: entry &&
            { ...entry, meta: { ...entry.meta, tags: entry.meta.tags.map((tag) => ({ ...tag, tag: `t${times}` })) } }
        }) as never)
    )
    return Effect.gen(function*() {
      yield* stored("stored", ["late"])
      const reading = yield* start(loaded())
      for (let i = 0; i < 4; i++) yield* after(10)
      expect(reading.pollUnsafe()).toBeDefined()
      expect(counts.questions).toBe(2)
    }).pipe(Effect.provide(layer))
  })

  it.effect("that is damaged is a miss, of which there is a warning", () => {
    let isDamaged = false
    const { layer } = asked((answer) => isDamaged ? Exit.succeed({ isDamaged, versions: [] } as never) : answer)
    return Effect.gen(function*() {
      const warnings = yield* warningsOf(
        Effect.gen(function*() {
          const missing = yield* start(loaded())
          expect(yield* after(10, missing)).toEqual(["loaded"])
          expect((yield* Cached.stats).storeFailures).toBe(0)
          isDamaged = true
          const reading = yield* start(loaded())
          expect(yield* after(10, reading)).toEqual(["loaded"])
          expect((yield* Cached.stats).storeFailures).toBe(1)
          yield* after(1000)
        }).pipe(Effect.provide(layer))
      )
      expect(warnings).toEqual([expect.stringContaining(`The entry "k" in the store`)])
    })
  })

  it.effect.each(
    [
      ["a failure", unavailable, "could not read an entry: it is unavailable."],
      ["a defect", Exit.die(new Error("broken")), "could not read an entry: it is unavailable (broken)."]
    ] as const
  )(
    "that is %s is a fault of the store, whom the load does not ask again",
    ([, answer, warning]) => {
      const { counts, layer } = asked(() => answer as Answer)
      return Effect.gen(function*() {
        const failures: Array<unknown> = []
        yield* start(
          Stream.runForEach(Cached.events({ of: ["StoreFailure"] }), (event) => Effect.sync(() => failures.push(event)))
        )
        const reading = yield* start(loaded())
        expect(yield* after(10, reading)).toEqual(["loaded"])
        expect(counts).toEqual({ questions: 1, flights: 0 })
        expect(failures).toMatchObject([{ operation: "get", reason: "Unavailable" }])
      }).pipe(
        Effect.provide(layer),
        warningsOf,
        Effect.map((warnings) => expect(warnings).toEqual([expect.stringContaining(warning)]))
      )
    }
  )

  it.effect("that is a failure is not asked for again, though the id has changed meanwhile", () => {
    const { counts, layer } = asked(() => unavailable)
    return Effect.gen(function*() {
      const reading = yield* start(loaded())
      yield* Cached.remove("k")
      expect(yield* after(10, reading)).toEqual(["loaded"])
      expect(counts).toEqual({ questions: 1, flights: 0 })
    }).pipe(Effect.provide(layer))
  })

  it.effect("that comes after the timeout no longer counts", () => {
    const { layer } = asked(undefined, () => 600)
    return Effect.gen(function*() {
      yield* stored()
      const reading = yield* start(loaded())
      expect(yield* after(500, reading)).toEqual(["loaded"])
      yield* after(1000)
      expect(yield* Cached.stats).toMatchObject({ storeHits: 0, storeFailures: 1 })
    }).pipe(Effect.provide(layer))
  })
})

describe("without an answer", () => {
  it.effect("each question has its own time, and so has one after a pause", () => {
    const { layer } = asked((answer, times) => times === 2 ? answer : undefined, () => 300)
    return Effect.gen(function*() {
      yield* stored()
      const first = yield* start(loaded())
      yield* TestClock.adjust(400)
      const other = yield* start(Cached.ttl(Effect.succeed("of another"), "other", { ttl: "1 hour" }))
      expect(yield* after(100, first, other)).toEqual(["loaded", undefined])
      expect(yield* after(200, other)).toEqual(["of another"])
      expect((yield* Cached.stats).storeFailures).toBe(1)
      yield* after(10_000)
      const late = yield* start(Cached.ttl(Effect.succeed("late"), "late", { ttl: "1 hour" }))
      expect(yield* after(499, late)).toEqual([undefined])
      expect(yield* after(1, late)).toEqual(["late"])
    }).pipe(Effect.provide(layer))
  })

  it.effect("the load begins when the store's time is over, however long a lease would take", () => {
    const { fails, layer } = asked(() => undefined)
    return Effect.gen(function*() {
      fails.acquire = true
      const reading = yield* start(loaded())
      expect(yield* after(500, reading)).toEqual(["loaded"])
    }).pipe(Effect.provide(layer))
  })

  it.effect.each([["ends", true, 3], ["is followed by a failure", false, 3]] as const)(
    "three times in a row, the store is left alone for a second; a row that %s does not count",
    ([, answers]) => {
      const { counts, layer } = asked((answer, times) => times === 3 ? answers ? answer : unavailable : undefined)
      const read = (key: string) =>
        Effect.gen(function*() {
          yield* start(Cached.ttl(Effect.succeed(key), key, { ttl: "1 hour" }))
          yield* after(500)
        })
      return Effect.gen(function*() {
        // A hit alone ends the row as well: nothing is stored after it.
        yield* Cached.set("c", "stored")
        for (const key of ["a", "b", "c", "d", "e"]) yield* read(key)
        expect(counts.questions).toBe(5)
        yield* read("f")
        expect(counts.questions).toBe(6)
        expect(yield* Cached.ttl(Effect.succeed("at once"), "g", { ttl: "1 hour" })).toBe("at once")
        expect(counts.questions).toBe(6)
      }).pipe(Effect.provide(layer))
    }
  )
})
