/** Derived entries over folders: a removal by one cache ends the entries that another one has derived. */
import { describe, expect } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { Cached, CacheLayer, type Caching } from "effect-cached"
import { tempDirectory } from "../support/tempDirectory.ts"
import { test } from "../support/tests.ts"
import { until } from "../support/until.ts"

const changes = { inherit: "changes", ttl: "1 day" } as const

const folders = [
  { name: "disk", polls: true, layer: (directory: string) => CacheLayer.disk({ directory }) },
  {
    name: "files",
    polls: false,
    layer: (directory: string) => CacheLayer.files({ directory, memory: false, inherit: "changes" })
  }
]

describe.each(folders)("derived entries on $name", ({ layer, polls }) => {
  /** Two caches on one folder, as two processes are. */
  const two = Effect.gen(function*() {
    const directory = yield* tempDirectory
    const make = Effect.map(Layer.build(Layer.fresh(layer(directory))), (context) => Effect.provide(context))
    return { a: yield* make, b: yield* make, make }
  })

  const names = new Map<number, number>()
  const user = (id: number) =>
    Effect.sync(() => `user ${id} v${names.get(id) ?? 0}`).pipe(Cached.ttl(`user:${id}`, { ttl: "1 day" }))
  let loads = 0
  const page: Effect.Effect<string, never, Caching.Caching> = Effect.suspend(() => {
    loads++
    return Effect.map(Effect.forEach([1, 2], user), (users) => users.join(", "))
  }).pipe(Cached.ttl("page", changes))
  const site = page.pipe(Cached.ttl("site", changes))

  test.live("P8 · a removal, a write by hand and a transaction end what another process has made", function*() {
    names.clear()
    const { a, b, make } = yield* two
    loads = 0
    const first = yield* a(site)
    expect(first).toBe("user 1 v0, user 2 v0")
    expect(yield* b(site)).toBe(first)
    expect(loads).toBe(1)
    // A new process, which does not know it yet.
    const fresh = (effect: Effect.Effect<unknown, unknown, Caching.Caching>) =>
      Effect.flatMap(make, (run) => run(effect))
    const sees = (run: typeof a, expected: string) =>
      polls ? until("the change", Effect.map(run(site), (seen) => seen === expected)) : Effect.void
    names.set(1, 1)
    yield* b(Cached.invalidate("user:1"))
    yield* sees(a, "user 1 v1, user 2 v0")
    expect(yield* a(site)).toBe("user 1 v1, user 2 v0")
    expect(yield* fresh(site)).toBe("user 1 v1, user 2 v0")
    expect(loads).toBe(2)
    yield* a(Cached.set("user:2", "by hand", { ttl: "1 day" }))
    yield* sees(b, "user 1 v1, by hand")
    expect(yield* b(site)).toBe("user 1 v1, by hand")
    expect(yield* fresh(site)).toBe("user 1 v1, by hand")
    expect(loads).toBe(3)
    // Nothing of it was read.
    yield* a(Cached.invalidate("user:3"))
    if (polls) yield* Effect.sleep("1 second")
    yield* b(site)
    yield* fresh(site)
    expect(loads).toBe(3)
  })
})
