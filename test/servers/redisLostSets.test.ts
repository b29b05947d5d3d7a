/**
 * A value that is set while its request or its answer is lost on the way to a real server: its process reads the value
 * as long as the server is away. Then the value stays, or its loss is an event.
 */
import { describe, expect } from "@effect/vitest"
import { Effect, Fiber, Layer, Option, Stream } from "effect"
import { Cached, CacheLayer, CachePolicy } from "effect-cached"
import type { Caching } from "effect-cached/Caching"
import { ending } from "../support/ending.ts"
import { forAll } from "../support/forAll.ts"
import { isMissing } from "../support/needs.ts"
import { startProxy } from "../support/proxy.ts"
import { freePorts, freshPrefix, program, startServer } from "../support/redis.ts"
import { test } from "../support/tests.ts"
import { until } from "../support/until.ts"

const get = Effect.map(Cached.getOption("k"), Option.getOrUndefined)
const set = (value: string) => Cached.set("k", value, { ttl: "1 hour" })

describe.skipIf(isMissing(program))("Redis · a set that is lost on its way", () => {
  const server = forAll(() => startServer())

  /** A process behind a proxy, and another one beside it, which keeps nothing in memory. */
  const both = (memory: boolean) =>
    Effect.gen(function*() {
      const proxy = yield* ending(() => startProxy(server.port))
      const options = { prefix: freshPrefix(), connect: "required", storeTimeout: "5 seconds" } as const
      const build = (more: CacheLayer.RedisOptions) =>
        Effect.map(
          Layer.build(Layer.fresh(CacheLayer.redis({ ...options, maxStaleness: "1 hour", ...more }))),
          (context) => <A, E>(effect: Effect.Effect<A, E, Caching>) => Effect.provideContext(effect, context)
        )
      const [far, near] = [
        yield* build({ url: proxy.url, memory }),
        yield* build({ url: server.url, memory: false })
      ]
      const lost: Array<string> = []
      yield* far(Stream.runForEach(Cached.events(), (event) =>
        Effect.sync(() => {
          if (event._tag === "LostSet") lost.push(event.id)
        }))).pipe(Effect.forkScoped)
      const [closed] = yield* Effect.promise(() => freePorts(1))
      // A report of the first value that arrives once the server is away counts as a change by another process.
      const reported = Effect.gen(function*() {
        const { told } = yield* far(Cached.stats)
        // The question whether the first value is the process's own is sent before the last of these.
        const isReported = Effect.andThen(
          Effect.andThen(near(Cached.set("reported", true)), far(Cached.has("reported"))),
          Effect.map(far(Cached.stats), (stats) => stats.told > told)
        )
        yield* until("the report", isReported)
        yield* far(Cached.has("other"))
      })
      /** Sets a value whose request or answer is lost with the connection. The server is away from then on. */
      const loses = <A, E>(what: "request" | "answer", setting: Effect.Effect<A, E, Caching>) =>
        Effect.gen(function*() {
          expect(yield* far(set("old"))).toBe(true)
          if (memory) yield* reported
          if (what === "request") proxy.swallow(true)
          else proxy.mute(true)
          const fiber = yield* Effect.forkChild(far(setting))
          if (what === "request") yield* Effect.sleep("200 millis")
          else yield* until("the value", Effect.map(near(get), (value) => value === "new"))
          proxy.redirect(closed!)
          proxy.swallow(false)
          proxy.mute(false)
          return yield* Fiber.join(fiber)
        })
      const readsNew = Effect.map(far(get), (value) => expect(value).toBe("new"))
      /** Returns when the process uses the server again. */
      const back = Effect.gen(function*() {
        yield* near(Cached.set("back", true))
        proxy.redirect(server.port)
        yield* until("the connection", far(Cached.has("back")))
      })
      return { back, far, loses, lost, near, readsNew, until }
    })

  /** The process reads its own value, at once and for a while. */
  const readsFor = (millis: number, reads: Effect.Effect<unknown, unknown>) =>
    Effect.repeat(Effect.delay(reads, "10 millis"), { times: millis / 10 })

  test.live.each([true, false])("stays if the answer is lost, with memory: %s", function*(memory) {
    const { back, loses, lost, near, readsNew } = yield* both(memory)
    expect(yield* loses("answer", set("new"))).toBe(true)
    yield* readsNew
    yield* readsFor(500, readsNew)
    yield* back
    // Until the process has asked for the value, and from then on.
    yield* readsFor(1500, readsNew)
    expect(yield* near(get)).toBe("new")
    expect(lost).toEqual([])
  })

  test.live.each([true, false])("is lost with an event if the request is lost, with memory: %s", function*(memory) {
    const { back, far, loses, lost, near, readsNew, until } = yield* both(memory)
    expect(yield* loses("request", set("new"))).toBe(true)
    yield* readsNew
    yield* readsFor(500, readsNew)
    expect(yield* near(get)).toBe("old")
    expect(lost).toEqual([])
    yield* back
    yield* until("the event", Effect.sync(() => lost.length > 0))
    expect(lost).toEqual(["k"])
    expect(yield* far(get)).toBe(undefined)
    // The older value has been replaced.
    yield* until("the removal", Effect.map(near(get), (value) => value === undefined))
  })

  test.live.each(["request", "answer"] as const)("fails under strict if its %s is lost", function*(what) {
    const { loses, readsNew } = yield* both(true)
    const error = yield* loses(what, Effect.flip(CachePolicy.strict(set("new"))))
    expect(error).toMatchObject({ _tag: "StoreError", reason: "Unavailable" })
    yield* readsNew
  })
})
