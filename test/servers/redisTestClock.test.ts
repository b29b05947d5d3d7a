/** A test that moves the clock of its cache: entries over a real server end by it too. */
import { describe, expect } from "@effect/vitest"
import { Effect } from "effect"
import { Cached, CacheLayer } from "effect-cached"
import { TestClock } from "effect/testing"
import { forAll } from "../support/forAll.ts"
import { isMissing } from "../support/needs.ts"
import { freshPrefix, program, startServer } from "../support/redis.ts"
import { test } from "../support/tests.ts"

describe.skipIf(isMissing(program))("Redis · TestClock", () => {
  const server = forAll(() => startServer())

  test.each([true, false])("entries end by the clock of the program (memory: %s)", function*(memory) {
    let loads = 0
    const rate = Effect.sync(() => ++loads).pipe(Cached.ttl("rate", { ttl: "5 minutes" }))
    const program = Effect.gen(function*() {
      const answers = [yield* rate]
      yield* TestClock.adjust("4 minutes")
      answers.push(yield* rate)
      yield* TestClock.adjust("1 minute")
      answers.push(yield* rate)
      yield* TestClock.adjust("1 hour")
      answers.push(yield* rate)
      return answers
    })
    const cache = CacheLayer.redis({
      url: server.url,
      prefix: freshPrefix(),
      connect: "required",
      ...memory ? {} : { memory: false }
    })
    expect(yield* Effect.provide(program, cache)).toEqual([1, 1, 2, 3])
  })

  test("a healthy server that is slower than the moved clock is not given up", function*() {
    let loads = 0
    const rate = Effect.sync(() => ++loads).pipe(Cached.ttl("rate", { ttl: "5 minutes" }))
    const program = Effect.gen(function*() {
      const answers = [yield* rate]
      server.signal("SIGSTOP")
      yield* TestClock.adjust("1 minute")
      server.signal("SIGCONT")
      answers.push(yield* rate)
      return answers
    }).pipe(Effect.ensuring(Effect.sync(() => server.signal("SIGCONT"))))
    const cache = CacheLayer.redis({ url: server.url, prefix: freshPrefix(), connect: "required", memory: false })
    expect(yield* Effect.provide(program, cache)).toEqual([1, 1])
  })
})
