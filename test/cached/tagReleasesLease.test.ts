/** A load whose tag is invalidated keeps no other process waiting, since its result will not be stored. */
import { describe, expect } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber } from "effect"
import { Cached, CacheLayer } from "effect-cached"
import { TestClock } from "effect/testing"
import { found, hour, key, process, read, User } from "../support/bulkCalls.ts"
import { ended, settle, start } from "../support/caches.ts"
import { tempDirectory } from "../support/tempDirectory.ts"
import { test } from "../support/tests.ts"

const one = (text: string, load: Effect.Effect<unknown> = Effect.void) =>
  Cached.fn(User, ({ id }) => Effect.as(load, `${text} ${id}`), hour)

const two = Effect.gen(function*() {
  const directory = yield* tempDirectory
  const layer = CacheLayer.disk({ directory })
  const processes = yield* Effect.all([process(layer), process(layer)])
  yield* Effect.addFinalizer(() => TestClock.adjust("1 hour"))
  return processes
})

/** Time passes while each process does what it has to do. */
const pass = (millis: number) =>
  Effect.forEach(Array(millis / 50), () => Effect.andThen(TestClock.adjust(50), settle), { discard: true })

/** A load's gate, which opens at the end of a test that fails too, because the layers wait for loads. */
const gate = Effect.acquireRelease(
  Deferred.make<void>(),
  (opened) => Effect.andThen(Deferred.succeed(opened, undefined), pass(1000))
)

const ways = [
  { name: "a tag", run: Cached.invalidate({ tag: "users" }) },
  { name: "a tag among others", run: Cached.invalidate({ tag: "user:1" }) },
  { name: "the class", run: Cached.invalidate({ all: User }) },
  { name: "the id", run: Cached.invalidate(key(1)) }
]

describe.each(["this process", "another process"])("invalidated by %s", (by) => {
  test.each(ways)("by $name: another process loads at once", function*({ run }) {
    const [a, b] = yield* two
    const loading = yield* gate
    const before = yield* start(a(one("old", Deferred.await(loading))({ id: 1 })))
    // No other read keeps the first process looking for changes.
    yield* pass(1000)
    yield* by === "this process" ? a(run) : b(run)
    yield* pass(300)
    const after = yield* start(b(one("new")({ id: 1 })))
    yield* pass(300)
    expect(ended(after)).toEqual(Exit.succeed("new 1"))
    yield* Deferred.succeed(loading, undefined)
    yield* pass(300)
    expect(yield* Fiber.join(before)).toBe("old 1")
    expect([yield* a(found(1)), yield* b(found(1))]).toEqual(["new 1", "new 1"])
  })

  test.each(ways)("by $name, among the keys of a bulk call", function*({ run }) {
    const [a, b] = yield* two
    const loading = yield* gate
    const before = yield* start(a(read(300, Deferred.await(loading))))
    yield* pass(1000)
    yield* by === "this process" ? a(run) : b(run)
    yield* pass(300)
    const after = yield* start(b(one("new")({ id: 1 })))
    yield* pass(300)
    expect(ended(after)).toEqual(Exit.succeed("new 1"))
    yield* Deferred.succeed(loading, undefined)
    yield* pass(1000)
    expect((yield* Fiber.join(before))[1]).toEqual(Exit.succeed("old 1"))
    expect([yield* a(found(1)), yield* b(found(1))]).toEqual(["new 1", "new 1"])
  })
})

test("a load of other tags keeps its lease, and its result is stored", function*() {
  const [a, b] = yield* two
  const loading = yield* gate
  const leading = yield* start(a(one("first", Deferred.await(loading))({ id: 1 })))
  yield* pass(300)
  yield* a(Cached.invalidate({ tag: "user:2" }))
  yield* b(Cached.invalidate({ tag: "user:3" }))
  yield* pass(300)
  const waiting = yield* start(b(one("second")({ id: 1 })))
  yield* pass(300)
  expect(ended(waiting)).toBe("still waiting")
  yield* Deferred.succeed(loading, undefined)
  yield* pass(300)
  expect([yield* Fiber.join(leading), yield* Fiber.join(waiting)]).toEqual(["first 1", "first 1"])
})
