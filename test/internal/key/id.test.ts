/** The id of a long key is a hash, which is remembered for a while. */
import { afterEach, beforeEach, describe, expect, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { Cached, CacheKey, CacheLayer } from "effect-cached"
import { longTexts } from "../../../src/internal/defaults/bounds.ts"
import { idOfString, remembered } from "../../../src/internal/key/id.ts"

const long = (n: number, length = 1_000_000): string => `${n} `.padEnd(length, "x")

/** How many single characters are looked at: to hash a text takes each of them. */
const charactersSeen = <A>(run: () => A): number => {
  const { charCodeAt } = String.prototype
  let seen = 0
  const counting = function(this: string, index: number): number {
    seen++
    return charCodeAt.call(this, index)
  }
  Object.assign(String.prototype, { charCodeAt: counting })
  try {
    run()
    return seen
  } finally {
    Object.assign(String.prototype, { charCodeAt })
  }
}

beforeEach(() => remembered.clear())
afterEach(() => remembered.clear())

describe("a long key", () => {
  it("is hashed once, not on every hit", () => {
    const key = long(1)
    const get = Effect.succeed(1).pipe(Cached.ttl(key, { ttl: "1 hour" }))
    const program = Effect.gen(function*() {
      const run = yield* Effect.context<never>()
      expect(charactersSeen(() => Effect.runSyncWith(run as never)(get as never))).toBeGreaterThan(1_000_000)
      expect(charactersSeen(() => Effect.runSyncWith(run as never)(get as never))).toBeLessThan(100)
    })
    Effect.runSync(Effect.provide(program, CacheLayer.memory()))
  })

  it("of a class is hashed once, though its object is another", () => {
    class Page extends CacheKey.Class<Page>()("Page", { payload: { html: Schema.String }, success: Schema.Number }) {}
    const idOf = () => CacheKey.id(new Page({ html: long(1) }))
    const id = idOf()
    expect(charactersSeen(() => expect(idOf()).toBe(id))).toBeLessThan(1000)
  })

  it("has the same id when it is forgotten, and no other one has it", () => {
    const ids = Array.from({ length: 3 * longTexts.count }, (_, i) => idOfString(long(i, 300)))
    expect(new Set(ids).size).toBe(ids.length)
    expect(Array.from({ length: 3 * longTexts.count }, (_, i) => idOfString(long(i, 300)))).toEqual(ids)
    expect(ids.every((id) => /^~#[\w-]{43}$/.test(id))).toBe(true)
  })
})

describe("the number of remembered ids is bounded", () => {
  const units = () => Array.from(remembered.keys()).reduce((sum, text) => sum + text.length, 0)

  it("in number", () => {
    for (let i = 0; i < 1000; i++) idOfString(long(i, 300))
    expect(remembered.size).toBe(longTexts.count)
  })

  it("in size, the oldest forgotten first", () => {
    for (let i = 0; i < 12; i++) idOfString(long(i))
    expect(units()).toBeLessThanOrEqual(longTexts.units)
    expect([remembered.has(long(11)), remembered.has(long(0))]).toEqual([true, false])
    for (let i = 0; i < 100; i++) idOfString(long(i, 300))
    expect(remembered.size).toBe(longTexts.count)
  })

  it("to texts that are not too long themselves, and to none that are short", () => {
    idOfString("short")
    idOfString(long(1, longTexts.units + 1))
    expect(remembered.size).toBe(0)
  })
})
