/** Operations of a cache in any order, against a model of a few lines: the same over every kind of store. */
import { describe, expect, it } from "@effect/vitest"
import { Clock, Duration, Effect, Exit, Layer, Option, Schema, Stream } from "effect"
import { Cached, CacheLayer } from "effect-cached"
import { MemoryStore } from "effect-cached/memory"
import { TestClock } from "effect/testing"
import type { SetCondition } from "../../src/cached/byHand.ts"
import { caches } from "../support/caches.ts"
import { sized } from "../support/everything.ts"
import * as Looking from "../support/looking.ts"
import { tempDirectory } from "../support/tempDirectory.ts"

const keys = ["a", "b", "c"] as const

const Operation = Schema.Struct({
  name: Schema.Literals([
    "set",
    "set keepTtl",
    "set ifAbsent",
    "set ifPresent",
    "set ifUnchanged",
    "getEntry",
    "touch",
    "remove",
    "hard",
    "soft",
    "matching",
    "ttl",
    "softTtl, failing",
    "refreshAhead",
    "pass",
    "look"
  ]),
  key: Schema.Literals(keys),
  ttl: Schema.Literals(["0 millis", "10 millis", "20 millis", "Infinity"]),
  tags: Schema.Literals(["", "t", "u", "tu"]),
  pattern: Schema.Literals(["*", "[ab]", "c*", "b"])
})

type Operation = typeof Operation.Type

const Operations = Schema.Array(Operation).check(Schema.isMinLength(5), Schema.isMaxLength(40))

interface Modelled {
  readonly value: number
  readonly tags: ReadonlyArray<string>
  readonly write: number
  expiresAt: number
  stale: boolean
}

const model = () => {
  const entries = new Map<string, Modelled>()
  const live = (key: string, now: number) => {
    const entry = entries.get(key)
    return entry !== undefined && now < entry.expiresAt ? entry : undefined
  }
  let writes = 0
  const put = (key: string, value: number, expiresAt: number, tags: ReadonlyArray<string>) =>
    entries.set(key, { value, tags, expiresAt, stale: false, write: ++writes })
  return { entries, live, put }
}

/**
 * One operation after the other; lifetimes in units of so many milliseconds. They are functions: a constant would be
 * limited by the next reader's
 */
const run = (operations: ReadonlyArray<Operation>) => {
  const step = stepper(1)
  return Effect.forEach(operations, step, { discard: true })
}

const stepper = (unit: number) => {
  const { entries, live, put } = model()
  const seen = new Map<string, { readonly writeId: string; readonly write: number }>()
  return Effect.fnUntraced(function*({ key, name, pattern, tags: text, ttl: lifetime }: Operation, n: number) {
    const now = yield* Clock.currentTimeMillis
    const tags = Array.from(text)
    const ttl = Duration.toMillis(lifetime) * unit
    const entry = live(key, now)
    const setIf = Effect.fnUntraced(function*(holds: boolean, condition: SetCondition) {
      expect(yield* Cached.set(key, n, { ttl, tags, ...condition })).toBe(holds)
      if (holds) put(key, n, now + ttl, tags)
    })
    switch (name) {
      case "set":
        yield* Cached.set(key, n, { ttl, tags })
        put(key, n, now + ttl, tags)
        break
      case "set keepTtl":
        yield* Cached.set(key, n, { tags, keepTtl: true })
        put(key, n, entry?.expiresAt ?? Infinity, tags)
        break
      case "set ifAbsent":
        yield* setIf(entry === undefined, { ifAbsent: true })
        break
      case "set ifPresent":
        yield* setIf(entry !== undefined, { ifPresent: true })
        break
      case "set ifUnchanged": {
        const { write, writeId } = seen.get(key) ?? { write: -1, writeId: "0".repeat(32) }
        yield* setIf(entry?.write === write, { ifUnchanged: writeId })
        break
      }
      case "getEntry": {
        const found = Option.getOrUndefined(yield* Cached.getEntry(key))
        expect([found?.value, found?.expiresAt, found && found.softExpiresAt === -Infinity])
          .toEqual([entry?.value, entry?.expiresAt, entry?.stale])
        if (found !== undefined) seen.set(key, { writeId: found.writeId, write: entry!.write })
        break
      }
      case "touch":
        expect(yield* Cached.touch(key, ttl)).toBe(entry !== undefined)
        if (entry !== undefined) entry.expiresAt = now + ttl
        break
      case "remove":
        yield* Cached.remove(key)
        entries.delete(key)
        break
      case "hard":
      case "soft":
        yield* Effect.forEach(tags, (tag) => Cached.invalidate({ tag }, { mode: name }))
        for (const [key, entry] of entries) {
          if (!entry.tags.some((tag) => tags.includes(tag))) continue
          if (name === "hard") entries.delete(key)
          else entry.stale = true
        }
        break
      case "matching": {
        yield* Cached.invalidate({ matching: pattern })
        const gone = { "*": keys, "[ab]": ["a", "b"], "c*": ["c"], "b": ["b"] } as const
        for (const key of gone[pattern]) entries.delete(key)
        break
      }
      case "ttl": {
        const isServed = entry !== undefined && !entry.stale
        expect(yield* Cached.ttl(Effect.succeed(n), key, { ttl: () => ttl, tags })).toBe(isServed ? entry.value : n)
        // A value with a ttl of zero is not stored: a stale one stays.
        if (!isServed && ttl > 0) put(key, n, now + ttl, tags)
        break
      }
      case "softTtl, failing": {
        const times = { ttl: () => 10 * unit, softTtl: 10 * unit }
        const exit = yield* Effect.exit(
          Cached.softTtl(Effect.fail("down"), key, { ...times, tags, retryAfter: 0, fallbackOn: "all" })
        )
        expect(exit).toEqual(entry === undefined ? Exit.fail("down") : Exit.succeed(entry.value))
        break
      }
      case "refreshAhead": {
        const read = Cached.refreshAhead(Effect.succeed(n), key, {
          ttl: () => 20 * unit,
          refreshAfter: 20 * unit,
          tags
        })
        expect(yield* read).toBe(entry?.value ?? n)
        // Behind it.
        for (let i = 0; i < 50; i++) yield* Effect.yieldNow
        if (entry === undefined || entry.stale) put(key, n, now + 20 * unit, tags)
        break
      }
      case "pass":
        yield* TestClock.adjust(5 * unit)
        break
      case "look": {
        expect(yield* Cached.getMany(keys)).toEqual(
          keys.map((key) => Option.map(Option.fromUndefinedOr(live(key, now)), ({ value }) => value))
        )
        const ids = yield* Stream.runCollect(Looking.ids())
        expect(Array.from(ids).sort()).toEqual(keys.filter((key) => live(key, now) !== undefined))
      }
    }
  })
}

describe.each(caches)("over $name", (cache) => {
  it.effect.prop(
    "AI-05 · operations in any order do what the model says",
    [Operations],
    ([operations]) => run(operations).pipe(Effect.provide(cache.layer())),
    { timeout: 300_000, arbitrary: { runs: sized(300, 100) } }
  )
})

const routed = [
  ["memory alone", () => CacheLayer.routed({ default: CacheLayer.memory(), routes: [["b", CacheLayer.memory()]] })],
  ["three caches, one over a store", () =>
    CacheLayer.routed({
      default: CacheLayer.memory(),
      routes: [["a", CacheLayer.layer().pipe(Layer.provide(MemoryStore.layer))], ["b", CacheLayer.memory()]]
    })]
] as const

describe.each(routed.map(([name, layer]) => ({ name, layer })))("over routes: $name", ({ layer }) => {
  it.effect.prop(
    "operations in any order do what the model says",
    [Operations],
    ([operations]) => run(operations).pipe(Effect.provide(layer())),
    { timeout: 300_000, arbitrary: { runs: sized(300, 100) } }
  )
})

const folders = [
  ["SQLite", (directory: string) => CacheLayer.disk({ directory })],
  ["SQLite without memory", (directory: string) => CacheLayer.disk({ directory, memory: false })],
  ["files", (directory: string) => CacheLayer.files({ directory })],
  ["files without memory", (directory: string) => CacheLayer.files({ directory, memory: false })]
] as const

describe.each(folders.map(([name, layer]) => ({ name, layer })))("over a folder: $name", ({ layer }) => {
  it.effect.prop(
    "operations in any order do what the model says",
    [Operations],
    ([operations]) =>
      Effect.scoped(Effect.gen(function*() {
        const directory = yield* tempDirectory
        yield* run(operations).pipe(Effect.provide(layer(directory)))
      })),
    { timeout: 300_000, arbitrary: { runs: 25 } }
  )
})

it.effect.prop(
  "operations of two engines on one folder, each after the other has received the last, do what the model says",
  [
    Schema.Array(Operation).check(Schema.isMinLength(30), Schema.isMaxLength(40)),
    Schema.Array(Schema.Boolean).check(Schema.isMinLength(40), Schema.isMaxLength(40))
  ],
  ([operations, whose]) =>
    Effect.scoped(Effect.gen(function*() {
      const directory = yield* tempDirectory
      const engine = Layer.build(Layer.fresh(CacheLayer.disk({ directory })))
      const engines = [yield* engine, yield* engine] as const
      const step = stepper(10_000)
      for (const [n, operation] of operations.entries()) {
        yield* step(operation, n).pipe(Effect.provide(engines[whose[n] === true ? 0 : 1]))
        yield* TestClock.adjust(60)
      }
    })),
  { timeout: 300_000, arbitrary: { runs: 30 } }
)
