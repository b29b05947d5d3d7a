/** The services that `Cached.make` captures, and the callers that it does not keep alive. */
import { expect, it } from "@effect/vitest"
import { Context, Effect, Exit, Layer, Schema, Scope, Stream } from "effect"
import { Cached, CacheKey, CacheLayer, type Caching } from "effect-cached"
import { globSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { test } from "../support/tests.ts"

const root = join(import.meta.dirname, "../..")
const strategy = { ttl: "1 hour" } as const

/** All keys that Effect exports. */
const keysOfEffect = async (): Promise<ReadonlyArray<Context.Key<any, any>>> => {
  const { exports } = JSON.parse(readFileSync(join(root, "node_modules/effect/package.json"), "utf8")) as {
    readonly exports: Readonly<Record<string, unknown>>
  }
  const entries = Object.keys(exports).filter((name) => /^\.(\/[\w-]+)?$/.test(name) && exports[name] !== null)
  const modules = await Promise.all(entries.map((entry) => import(join("effect", entry)) as Promise<object>))
  return modules.flatMap((module) => Object.values(module)).flatMap((namespace: unknown) =>
    typeof namespace === "object" && namespace !== null ? Object.values(namespace).filter(Context.isKey) : []
  )
}

/** The keys that a load has because the function was made where they were set. */
const capturedOf = (values: ReadonlyMap<string, unknown>) =>
  Effect.gen(function*() {
    const keys = Cached.fn(() => "keys", () =>
      Effect.contextWith((context) => Effect.succeed(Array.from(context.mapUnsafe.keys()))), strategy)
    const plain = new Set(yield* keys())
    yield* keys.invalidate()
    const made = yield* Cached.make(keys).pipe(
      Effect.updateContext((context: Context.Context<any>) =>
        Context.makeUnsafe<any>(new Map([...values, ...context.mapUnsafe]))
      )
    )
    return (yield* made()).filter((key) =>
      !plain.has(key)
    ).sort()
  }).pipe(
    Effect.updateContext((context: Context.Context<any>) =>
      Context.omit(Layer.CurrentMemoMap)(context) as typeof context
    ),
    Effect.provide(CacheLayer.memory())
  )

test("all services that Effect exports, and no reference", function*() {
  const all = yield* Effect.promise(keysOfEffect)
  const services = new Set(all.filter((key) => !Context.isReference(key)).map(({ key }) => key))
  expect(services.size).toBeGreaterThan(90)
  expect(new Set(all.filter(Context.isReference).map(({ key }) => key)).size).toBeGreaterThan(60)
  const ofCaller = [
    "effect/Effect/Transaction",
    "effect/Layer/CurrentMemoMap",
    "effect/Scope",
    "effect/Tracer/ParentSpan"
  ]
  for (const key of ofCaller) expect(services.delete(key)).toBe(true)
  // Parts of a definition, such as of a tool, which are in no fiber's context.
  const annotation = /^effect\/(ai\/Tool|cluster\/ClusterSchema|http-api\/OpenApi)\//
  const values = all.map((key) => [key.key, Context.isReference(key) ? key.defaultValue() : undefined] as const)
  expect(yield* capturedOf(new Map(values))).toEqual([...services].filter((key) => !annotation.test(key)).sort())
})

test("of the keys of the cache itself, those of its services", function*() {
  const text = globSync("src/**/*.ts", { cwd: root }).map((file) => readFileSync(join(root, file), "utf8")).join("\n")
  const declared = /Context\.(?:Reference|Service)\b[^"]*?\(\s*"(effect-cached\/[^"]+)"/g
  const keys = new Set(Array.from(text.matchAll(declared), ([, key]) => key!))
  for (const key of ["Within", "CachePolicy", "Job", "Guard/Held"]) {
    expect(keys.has(`effect-cached/${key}`)).toBe(true)
  }
  keys.delete("effect-cached/Caching")
  expect(yield* capturedOf(new Map(Array.from(keys, (key) => [key, undefined])))).toEqual([
    "effect-cached/GuardStore",
    "effect-cached/HttpCache/TagName",
    "effect-cached/Lock",
    "effect-cached/Serializer",
    "effect-cached/Store",
    "effect-cached/testing/RecordingCache"
  ])
})

test("not the connection of an SQL transaction that is open at the construction", function*() {
  const connection = Context.Service("a connection")
  const keys = yield* capturedOf(
    new Map<string, unknown>([
      ["effect/sql/CurrentTransactionService", connection],
      [connection.key, {}],
      ["Db", {}]
    ])
  )
  expect(keys).toEqual(["Db"])
})

class Caller extends Context.Service<Caller, object>()("Caller") {}
class Item extends CacheKey.Class<Item>()("Item", { payload: { id: Schema.Int }, success: Schema.Int }) {}
class Pages extends Context.Service<Pages, Caching.Shape>()("Pages") {}

it("nothing of a caller, once it has ended", async () => {
  const lookup = (n: number) => Effect.succeed(n)
  const byKey = Cached.fn((n: number) => `n:${n}`, lookup, strategy)
  const { find, items, page, rows } = await Effect.runPromise(
    Effect.gen(function*() {
      const context = yield* Layer.build(
        Layer.merge(CacheLayer.memory(), CacheLayer.named(Pages, Layer.fresh(CacheLayer.memory())))
      )
      return yield* Effect.all({
        find: Cached.make(byKey),
        page: Cached.make(Cached.withCache(byKey, Pages)),
        items: Cached.make(
          Cached.many(Item, (keys) => Effect.succeed(keys.map(({ id }) => Exit.succeed(id))), strategy)
        ),
        rows: Cached.make((n: number) => Stream.make(n).pipe(Cached.stream(`rows:${n}`, { ttl: "1 hour" })))
      }).pipe(Effect.provideContext(context))
    }).pipe(Effect.provideService(Scope.Scope, await Effect.runPromise(Scope.make())))
  )
  const calls: ReadonlyArray<Effect.Effect<unknown, unknown>> = [
    find(1),
    find(1),
    find.refresh(1),
    find.invalidate(1),
    page(1),
    page(1),
    items([{ id: 1 }]),
    Stream.runDrain(rows(1)),
    find(1)
  ]
  // A function of its own, whose frame ends: a variable of this one would keep the last service alive.
  const callBy = async (call: Effect.Effect<unknown, unknown>): Promise<WeakRef<object>> => {
    const service = {}
    await Effect.runPromise(Effect.provideService(call, Caller, service))
    return new WeakRef(service)
  }
  const callers: Array<WeakRef<object>> = []
  for (const call of calls) callers.push(await callBy(call))
  setFlagsFromString("--expose-gc")
  const collect: () => void = runInNewContext("gc")
  for (let i = 0; i < 3; i++) {
    await new Promise((resolve) => setImmediate(resolve))
    collect()
  }
  expect(callers.map((caller) => caller.deref())).toEqual(calls.map(() => undefined))
})
