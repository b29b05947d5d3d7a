/** Reads that may not load: what they end with, and that they count as misses. */
import { describe, expect } from "@effect/vitest"
import { Cause, Effect, Exit, Layer, Scope } from "effect"
import { Cached, CacheError, CacheLayer } from "effect-cached"
import { MemoryStore } from "effect-cached/memory"
import { counting, elapse, ended, start } from "../../../support/caches.ts"
import { test, testIn } from "../../../support/tests.ts"

const hour = { ttl: "1 hour" } as const

const defectOf = <A, E>(exit: Exit.Exit<A, E>): any => Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined

const overStore = Layer.provide(CacheLayer.layer(), MemoryStore.layer)

describe.each([["in memory", CacheLayer.memory()], ["over a store", overStore]] as const)("%s", (_, layer) => {
  test("a read of a closed cache names its key", function*() {
    const scope = yield* Scope.make()
    const context = yield* Layer.buildWithScope(layer, scope)
    const read = Effect.provide(Effect.exit(counting().load.pipe(Cached.ttl("k", hour))), context)
    yield* Scope.close(scope, Exit.void)
    const defect = defectOf(yield* read)
    expect(defect).toBeInstanceOf(CacheError.CacheClosed)
    expect(defect.key).toBe("k")
  })

  testIn(layer)("a read with a wrong option is a miss", function*() {
    const { counts, load } = counting()
    expect(
      defectOf(yield* Effect.exit(load.pipe(Cached.ttl("k", { ...hour, minLoad: "soon" as never })))).message
    )
      .toContain("minLoad")
    expect(counts.started).toBe(0)
    expect((yield* Cached.stats).misses).toBe(1)
  })
})

describe("with private flights", () => {
  const inMemory = testIn(CacheLayer.memory({ flights: "private" }))
  const cached = (key: string, load: Effect.Effect<string, never, any>): Effect.Effect<string, never, any> =>
    load.pipe(Cached.ttl(key, hour)) as never

  inMemory("a load that needs itself, however far inside, is a cycle, whose path is named", function*() {
    const a: Effect.Effect<string, never, any> = cached("a", Effect.suspend(() => cached("b", cached("c", a))))
    const defect = defectOf(yield* Effect.exit(a))
    expect(defect).toBeInstanceOf(CacheError.CacheCycle)
    expect(defect.path).toEqual(["a", "b", "c", "a"])
    expect(yield* cached("d", cached("e", Effect.succeed("fine")))).toBe("fine")
  })

  inMemory("two requests that load the same do not wait for each other", function*() {
    const { counts, load } = counting(10)
    const read = load.pipe(Cached.ttl("k", hour))
    const readers = [yield* start(read), yield* start(read)]
    yield* elapse(10)
    expect(readers.map(ended)).toEqual([Exit.succeed(1), Exit.succeed(2)])
    expect(counts.started).toBe(2)
  })
})
