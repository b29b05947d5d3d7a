/** One warning for caches that are built in a loop, or one for each call. */
import { afterEach, beforeEach, describe, expect, it, vi } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { Cached, CacheLayer } from "effect-cached"
import { Store } from "effect-cached/adapters"
import { MemoryStore } from "effect-cached/memory"
import { warningsOf } from "../support/logged.ts"
import { test } from "../support/tests.ts"

const load = Effect.succeed(1).pipe(Cached.ttl("k", { ttl: "1 hour" }))

/** A new cache over a new store of this name. */
const cacheOn = (name: string) =>
  CacheLayer.layer().pipe(Layer.provide(Layer.sync(Store.Store, () => ({ ...MemoryStore.make(), name }))))

const rounds = (times: number, round: Effect.Effect<unknown>) => warningsOf(Effect.repeat(round, { times: times - 1 }))

const said = (kind: string) =>
  `20 caches (${kind}) were closed in a row without a hit: provide their layer once, where the program is run, not in ` +
  "a loop or around each call (logged once)"

describe("caches that are built and closed in a row", () => {
  beforeEach(() => void vi.stubEnv("NODE_ENV", "production"))
  afterEach(() => void vi.unstubAllEnvs())

  it.live("have one warning, of the twentieth without a hit", () =>
    Effect.gen(function*() {
      const round = Effect.suspend(() => Effect.provide(load, CacheLayer.memory()))
      expect(yield* rounds(19, round)).toEqual([])
      expect(yield* rounds(1, round)).toEqual([said("in memory")])
      expect(yield* rounds(50, round)).toEqual([])
    }))

  it.live("each provided freshly, over a store", () =>
    Effect.gen(function*() {
      const layer = cacheOn("fresh")
      const round = Effect.provide(load, Layer.fresh(layer))
      expect(yield* rounds(19, round)).toEqual([])
      expect(yield* rounds(30, round)).toEqual([said("fresh")])
    }))

  it.live("are not warned of if some of them serve a hit, or share a load", () =>
    Effect.gen(function*() {
      const both = Effect.all([load, load])
      const joining = Effect.all([Effect.delay(load, 1), load], { concurrency: "unbounded" })
      for (const [name, some] of Object.entries({ both, joining })) {
        const round = Effect.suspend(() => Effect.provide(load, cacheOn(name)))
        expect(yield* rounds(19, round)).toEqual([])
        yield* Effect.provide(some, cacheOn(name))
        expect(yield* rounds(19, round)).toEqual([])
        expect(yield* rounds(1, round)).toEqual([said(name)])
      }
    }))

  it.live("are not warned of if they load nothing", () =>
    Effect.gen(function*() {
      expect(yield* rounds(30, Effect.provide(Cached.set("k", 1), cacheOn("idle")))).toEqual([])
    }))

  it.live("are not warned of by a test runner", () =>
    Effect.gen(function*() {
      vi.stubEnv("NODE_ENV", "test")
      expect(yield* rounds(30, Effect.suspend(() => Effect.provide(load, cacheOn("run by vitest"))))).toEqual([])
    }))

  test("are not warned of in tests, whose clock is a test's", function*() {
    expect(yield* rounds(30, Effect.provide(load, cacheOn("tested")))).toEqual([])
  })
})
