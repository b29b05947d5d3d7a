/** String keys carry ids: the same problem of thousands of them is one mistake, and one warning. */
import { describe, expect, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { Cached, CacheLayer } from "effect-cached"
import { Store } from "effect-cached/adapters"
import { MemoryStore } from "effect-cached/memory"
import { warningsOf } from "../support/logged.ts"
import { made } from "../support/strategies.ts"
import { test } from "../support/tests.ts"

class Row {
  readonly name = "row"
  read(): string {
    return this.name
  }
}

class Page extends Row {}

const ids = Array.from({ length: 300 }, (_, i) => `user:${i}`)

const everywhere = Effect.provide(CacheLayer.layer().pipe(Layer.provide(MemoryStore.layer)))

const ttl = "1 hour"

const readAll = (
  read: (key: string) => Effect.Effect<unknown, unknown, any>
): Effect.Effect<ReadonlyArray<string>, never, never> =>
  warningsOf(everywhere(Effect.forEach(ids, (key) => Effect.exit(read(key)), { discard: true }))) as never

const mistakes: Record<string, (key: string) => Effect.Effect<unknown, unknown, any>> = {
  "a value that cannot be stored": (key) => Effect.succeed(new Row()).pipe(Cached.ttl(key, { ttl })),
  "a part of a value that cannot be stored": (key) =>
    Effect.succeed({ [key]: new Row(), [`x${key}`]: [new Row()] }).pipe(Cached.ttl(key, { ttl })),
  "a tags function that throws": (key) =>
    Effect.succeed(1).pipe(Cached.ttl(key, {
      ttl,
      tags: () => {
        throw new Error(`no tags for ${key} of "${key}"\n12:30 ${key}`)
      }
    })),
  "a ttl that is none": (key) => Effect.succeed(key).pipe(Cached.ttl(key, { ttl: () => key as never })),
  "a touch that throws": (key) => {
    const read = Effect.succeed(1).pipe(Cached.withStrategy(key, {
      strategy: {
        ...made({ strategy: "ttl", ttl }),
        touch: () => {
          throw new Error(key)
        }
      } as never
    }))
    return Effect.andThen(read, read)
  },
  "a softTimeout that does nothing": (key) =>
    Effect.succeed(1).pipe(Cached.ttl(key, { ttl, softTimeout: "1 second" } as never)),
  "a resource": (key) =>
    Effect.acquireRelease(Effect.succeed(() => key), () => Effect.void).pipe(
      Cached.ttl(key, { ttl, when: () => false })
    )
}

describe("one warning for 300 string keys with", () => {
  for (const [name, read] of Object.entries(mistakes)) {
    it.effect(name, () => Effect.map(readAll(read), (warnings) => expect(warnings).toHaveLength(1)))
  }

  test("a callback of onRemoval that fails", function*() {
    const test = Effect.gen(function*() {
      yield* Cached.onRemoval(({ id }) => Effect.die(new Error(id)))
      yield* Effect.forEach(ids, (key) => Cached.set(key, 1))
      yield* Effect.forEach(ids, (key) => Cached.invalidate(key))
    })
    const warnings = yield* warningsOf(Effect.provide(Effect.scoped(test), CacheLayer.memory()))
    expect(warnings).toEqual([expect.stringMatching(/^A callback of Cached.onRemoval failed for "user:0",/)])
  })

  test("damaged entries", function*() {
    const store = Store.makeSync({
      name: "map",
      get: () => "damaged",
      set: () => {},
      remove: () => true
    })
    const cache = CacheLayer.layer().pipe(Layer.provide(Layer.succeed(Store.Store, store)))
    const read = Effect.forEach(ids, (key) => Effect.succeed(1).pipe(Cached.ttl(key, { ttl })))
    expect(yield* warningsOf(Effect.provide(read, cache))).toHaveLength(1)
  })
})

test("two causes are two warnings", function*() {
  const other = (key: string) =>
    Effect.succeed(1).pipe(Cached.ttl(key, {
      ttl,
      tags: () => {
        throw new Error("another line")
      }
    }))
  const both = (key: string) =>
    Effect.andThen(
      Effect.all([mistakes["a tags function that throws"]!(key), other(`other ${key}`)]),
      Effect.forEach(
        [new Row(), new Page()],
        (value) => Effect.succeed(value).pipe(Cached.ttl(`${value.constructor.name} ${key}`, { ttl }))
      )
    )
  const all = yield* readAll(both)
  expect(all.map((warning) => warning.match(/Row|Page|result/)?.[0]).toSorted(), all.join("\n")).toEqual([
    "Page",
    "Row",
    "result",
    "result"
  ])
})
