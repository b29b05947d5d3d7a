/** Several readers of one store's changes. */
import { describe, expect, it } from "@effect/vitest"
import { Context, Effect, Layer } from "effect"
import { Cached, CacheLayer, Caching } from "effect-cached"
import { SqliteStore } from "effect-cached/sqlite"
import { TestClock } from "effect/testing"
import { StoreError } from "../../../src/CacheError.ts"
import { changesKept } from "../../../src/internal/defaults/stores.ts"
import { reader as readerOf } from "../../../src/internal/store/readers.ts"
import type { Change } from "../../../src/ports/store.ts"
import { tempDirectory } from "../../support/tempDirectory.ts"
import { test } from "../../support/tests.ts"

const changed = (id: string): Change => ({ _tag: "Changed", id })

const reader = (read: () => ReadonlyArray<Change>) => readerOf("several", read)

const thrownBy = (run: () => unknown): unknown => {
  try {
    return { answered: run() }
  } catch (thrown) {
    return thrown
  }
}

const source = () => {
  let waiting: ReadonlyArray<Change> = []
  const read = () => {
    const changes = waiting
    waiting = []
    return changes
  }
  return { read, push: (...changes: ReadonlyArray<Change>) => waiting = [...waiting, ...changes] }
}

describe("several readers of one store's changes", () => {
  it("each receive all of them, in order", () => {
    const { push, read } = source()
    const [a, b] = [reader(read), reader(read)]
    push(changed("1"))
    expect(a()).toEqual([changed("1")])
    push(changed("2"))
    expect(b()).toEqual([changed("1"), changed("2")])
    expect(a()).toEqual([changed("2")])
    expect([a(), b()]).toEqual([[], []])
  })

  it("one that does not ask gets a gap in the end, and holds no more than that", () => {
    const { push, read } = source()
    const [a, b] = [reader(read), reader(read)]
    push(...Array.from({ length: changesKept + 1 }, (_, i) => changed(`${i}`)))
    a()
    expect(b()).toEqual([{ _tag: "Gap" }])
  })

  it("an answer that is not a list of changes is Corrupt, and the next answer begins with a gap, for all", () => {
    for (const lie of [null, undefined, 5, "abc", [null], [5], [{ _tag: "Changed" }], [{ _tag: "Other" }]]) {
      let lies = true
      const { push, read: truth } = source()
      const read = () => lies ? lie as never : truth()
      const [a, b] = [reader(read), reader(read)]
      expect(thrownBy(a)).toMatchObject({ _tag: "StoreError", store: "several", reason: "Corrupt" })
      lies = false
      push(changed("1"))
      expect([a(), b()]).toEqual([[{ _tag: "Gap" }, changed("1")], [{ _tag: "Gap" }, changed("1")]])
      expect([a(), b()]).toEqual([[], []])
    }
  })

  it("a StoreError says that nothing is lost; what else is thrown does not say so", () => {
    const said = new StoreError({ store: "several", operation: "listen", reason: "Timeout" })
    const bug = new TypeError("boom")
    let thrown: Error | undefined = said
    const ask = reader(() => {
      if (thrown !== undefined) throw thrown
      return [changed("1")]
    })
    expect(thrownBy(ask)).toBe(said)
    thrown = undefined
    expect(ask()).toEqual([changed("1")])
    thrown = bug
    expect(thrownBy(ask)).toMatchObject({ _tag: "StoreError", reason: "Unavailable", cause: bug })
    thrown = undefined
    expect(ask()).toEqual([{ _tag: "Gap" }, changed("1")])
  })
})

test("two caches over one store each see what another process did to it", function*() {
  const directory = yield* tempDirectory
  const caches = Effect.suspend(() => {
    // Built once, as it is one constant.
    const store = SqliteStore.layer({ directory })
    const cache = () => Layer.provide(Layer.fresh(CacheLayer.layer({})), store)
    class B extends Context.Service<B, Caching.Shape>()("B") {}
    return Effect.map(
      Layer.build(Layer.merge(cache(), CacheLayer.named(B, cache()))),
      (context) => [Context.get(context, Caching.Caching), Context.get(context, B)] as const
    )
  })
  const [here, there] = [yield* caches, yield* caches]
  let loads = 0
  const read = Effect.sync(() => `load ${++loads}`).pipe(Cached.ttl("k", { ttl: "1 hour" }))
  const both = (two: typeof here) => Effect.forEach(two, (cache) => Effect.provideService(read, Caching.Caching, cache))
  yield* both(here)
  yield* Effect.provideService(Cached.set("k", "new"), Caching.Caching, there[0])
  for (let i = 0; i < 5; i++) {
    yield* TestClock.adjust("50 millis")
    yield* both(here)
  }
  expect(yield* both(here)).toEqual(["new", "new"])
})
