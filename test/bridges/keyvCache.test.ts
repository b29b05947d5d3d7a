/** A cache as a storage of Keyv. */
import { expect, it } from "@effect/vitest"
import { Effect, Layer, ManagedRuntime } from "effect"
import { Cached, CacheLayer } from "effect-cached"
import { KeyvCache } from "effect-cached/bridges"
import { TestClock } from "effect/testing"
import { Keyv } from "keyv"

const runtimeOf = Effect.acquireRelease(
  Effect.sync(() => ManagedRuntime.make(Layer.provideMerge(CacheLayer.memory(), TestClock.layer()))),
  (runtime) => runtime.disposeEffect
)

const listed = async <A>(values: AsyncIterable<A>): Promise<Array<A>> => {
  const all: Array<A> = []
  for await (const value of values) all.push(value)
  return all
}

const long = "x".repeat(300)

it.effect("keeps the values of namespaces apart, lists them, and clears one", () =>
  Effect.gen(function*() {
    const runtime = yield* runtimeOf
    yield* Effect.promise(async () => {
      const make = (namespace: string) => new Keyv({ store: KeyvCache.make(runtime), namespace })
      const [a, b, ab] = [make("a"), make("b"), make("a:b")]
      await a.setMany([{ key: "1", value: { n: 1 } }, { key: long, value: 2 }])
      await b.set("1", null)
      await ab.set("1", false)
      expect(await a.getMany(["1", "none", long])).toEqual([{ n: 1 }, undefined, 2])
      expect([await b.get("1"), await ab.get("1")]).toEqual([null, false])
      expect(await listed(b.iterator!(undefined))).toEqual([["1", null]])
      const all = await listed(KeyvCache.make(runtime).iterator())
      expect(all.map(([key]) => key).toSorted()).toEqual(["a:1", `a:${long}`, "a:b:1", "b:1"].toSorted())
      expect(await a.delete("1")).toBe(true)
      expect(await a.delete("1")).toBe(false)
      await a.clear()
      expect([await a.get(long), await a.has("1"), await b.has("1"), await ab.has("1")])
        .toEqual([undefined, false, true, true])
      expect(await runtime.runPromise(Cached.size)).toBe(2)
    })
  }).pipe(Effect.scoped))

it.effect("keeps a value for its time to live, by the clock of the runtime", () =>
  Effect.gen(function*() {
    const runtime = yield* runtimeOf
    yield* Effect.promise(async () => {
      const storage = KeyvCache.make(runtime, { prefix: "[a]*" })
      await storage.setMany([{ key: "1", value: "a", ttl: 1000 }, { key: "2", value: "b" }])
      expect(await storage.hasMany(["1", "2", "3"])).toEqual([true, true, false])
      await runtime.runPromise(TestClock.adjust("1 second"))
      expect(await storage.getMany(["1", "2"])).toEqual([undefined, "b"])
      expect(await listed(storage.iterator())).toEqual([["2", "b"]])
      expect([await storage.deleteMany(["1", "2"]), await storage.deleteMany(["2"])]).toEqual([true, false])
    })
  }).pipe(Effect.scoped))

it("refuses what is no runtime, options that do not exist, and prefixes that are no text", () => {
  const runtime = ManagedRuntime.make(CacheLayer.memory())
  expect(() => KeyvCache.make(CacheLayer.memory() as never)).toThrow("KeyvCache.make needs a runtime")
  expect(() => KeyvCache.make(runtime, { prefix: "~" })).toThrow("prefix of KeyvCache.make must be")
  expect(() => KeyvCache.make(runtime, { namespace: "a" } as never)).toThrow(/has no option "namespace"/)
})
