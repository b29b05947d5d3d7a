/** The answers and acts of an inspector, through its protocol. */
import { describe, expect, it } from "@effect/vitest"
import { Clock, Context, Deferred, Effect, Fiber, Layer, Logger, Schema, Stream } from "effect"
import { Cached, CacheKey, CacheLayer, type Caching } from "effect-cached"
import { CacheInspector } from "effect-cached/inspector"
import { CacheEventSchema } from "effect-cached/schemas"
import { FetchHttpClient, HttpClient, HttpClientRequest, HttpRouter, HttpServer } from "effect/http"
import { HttpApiClient } from "effect/http-api"
import { execFileSync } from "node:child_process"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import type { ServerOptions } from "../../src/inspector/options.ts"
import * as Look from "../../src/internal/engine/operations/look.ts"
import * as Looking from "../support/looking.ts"
import { stoppedAfterEach } from "../support/stopped.ts"
import { serving, token } from "./serving.ts"

const served = stoppedAfterEach(serving)

class User
  extends CacheKey.Class<User>()("User", { payload: { id: Schema.Number }, success: Schema.Number, indexes: [] })
{}

const user = (id: number) => Effect.succeed(id).pipe(Cached.ttl(new User({ id }), { ttl: "1 hour" }))

/** The last message of a pass. */
const passed = async (one: Awaited<ReturnType<typeof served>>, body: object) => {
  const { bytes } = await one.post("pass", { cache: 0, order: "memory", ...body })
  return JSON.parse(bytes.match(/^data: (.*)$/gm)!.at(-1)!.slice("data: ".length))
}

/** The client that programs derive from `Api`. */
const clientOf = (port: number) =>
  HttpApiClient.make(CacheInspector.Api.prefix("/cache/api"), {
    transformClient: HttpClient.mapRequest((request) =>
      request.pipe(
        HttpClientRequest.prependUrl(`http://localhost:${port}`),
        HttpClientRequest.bearerToken(token),
        HttpClientRequest.setHeader("origin", `http://localhost:${port}`)
      )
    )
  }).pipe(Effect.provide(FetchHttpClient.layer))

describe("overview", () => {
  it("has the numbers of Cached.stats, by class too", async () => {
    const one = await served()
    await one.run(Effect.all([user(1), user(1), user(2), Cached.set("a", 1)]))
    const { caches: [cache], process: { host, id, pid } } = await one.json("overview", {})
    const stats = await one.run(Cached.stats)
    expect({ host: typeof host, id: id.length, pid }).toEqual({ host: "string", id: 16, pid: process.pid })
    for (const name of ["hits", "misses", "loads", "invalidations"] as const) {
      expect(cache.counts[name]).toBe(stats[name])
    }
    expect(cache.classes.User.hits).toBe(1)
    expect(cache).toMatchObject({ name: "default", size: 3, weight: 3, capacity: 10_000, hasCurve: false, store: null })
  })

  it("has no slot of the future after the clock was set back", async () => {
    let offset = 0
    const clock: Clock.Clock = Object.assign(Object.create(Clock.Clock.defaultValue()), {
      currentTimeMillisUnsafe: () => Date.now() + offset,
      currentTimeMillis: Effect.sync(() => Date.now() + offset)
    })
    const cache = CacheLayer.memory().pipe(Layer.provideMerge(Layer.succeed(Clock.Clock, clock)))
    const one = await served({}, { cache })
    await one.json("overview", {})
    offset = -600_000
    const { at, caches: [{ slots }] } = await one.json("overview", {})
    expect(Math.abs(at - Date.now() - offset)).toBeLessThan(5000)
    expect(slots.map((slot: any) => slot.at)).toEqual([at - at % 10_000])
  })

  it("counts in slots from the first look on", async () => {
    const one = await served()
    await one.run(user(1))
    const first = await one.json("overview", {})
    await one.run(Effect.all([user(1), user(1), user(2)]))
    const { caches: [{ slots }], since } = await one.json("overview", {})
    const sum = (name: string) => slots.reduce((sum: number, slot: any) => sum + (slot.counts[name] ?? 0), 0)
    expect([sum("hits"), sum("misses"), sum("loads")]).toEqual([2, 1, 1])
    expect(since).toBe(first.since)
  })

  it("has all caches of the program by name", async () => {
    class Pages extends Context.Service<Pages, Caching.Shape>()("Pages") {}
    const cache = Layer.merge(CacheLayer.memory(), CacheLayer.named(Pages, CacheLayer.memory({ capacity: 7 })))
    const one = await served({ caches: [Pages] } as never, { cache: cache as never })
    const { caches } = await one.json("overview", {})
    expect(caches.map(({ capacity, name }: any) => [name, capacity])).toEqual([["default", 10_000], ["Pages", 7]])
  })
})

describe("entries", () => {
  it("come page by page in the order of memory, each once", async () => {
    const one = await served()
    await one.run(Cached.setMany(Array.from({ length: 250 }, (_, i) => [`k${i}`, i] as const)))
    const ids: Array<string> = []
    let cursor: string | undefined
    const sizes: Array<number> = []
    do {
      const page: any = await one.json("entries", { cache: 0, ...cursor === undefined ? {} : { cursor } })
      ids.push(...page.entries.map(({ id }: any) => id))
      sizes.push(page.entries.length)
      cursor = page.cursor ?? undefined
    } while (cursor !== undefined)
    expect(ids).toEqual(Array.from({ length: 250 }, (_, i) => `k${i}`))
    expect(sizes).toEqual([100, 100, 50])
  })

  it("continue after what is left of the last page", async () => {
    const one = await served()
    const ids = Array.from({ length: 250 }, (_, i) => `k${i}`)
    await one.run(Cached.setMany(ids.map((id) => [id, 1] as const)))
    const first = await one.json("entries", { cache: 0 })
    // One of the last ones of the page comes back at the end.
    await one.run(Effect.andThen(Cached.invalidate(["k50", "k98", "k99", "k100"]), Cached.set("k99", 1)))
    const second = await one.json("entries", { cache: 0, cursor: first.cursor })
    expect(second.entries.map(({ id }: any) => id)).toEqual(ids.slice(101, 201))
    const third = await one.json("entries", { cache: 0, cursor: second.cursor })
    expect(third.entries.map(({ id }: any) => id)).toEqual([...ids.slice(201), "k99"])
    await one.json("entries", { cache: 0 })
    const { cursor } = await one.json("entries", { cache: 0 })
    await one.run(Cached.invalidate(ids))
    expect((await one.post("entries", { cache: 0, cursor })).status).toBe(404)
  })

  it("that leave memory are collected while a page could be continued", async () => {
    const one = await served()
    const values = Array.from({ length: 250 }, (_, i) => ({ i }))
    const seventh = new WeakRef(values[7]!)
    await one.run(Cached.setMany(values.splice(0).map((value) => [`k${value.i}`, value] as const)))
    expect((await one.json("entries", { cache: 0 })).cursor).not.toBe(null)
    // So many changes that a Map is copied.
    await one.run(Effect.forEach(
      Array.from({ length: 5000 }, (_, i) => `k${i + 250}`),
      (id, i) => Effect.andThen(Cached.set(id, 1), Cached.invalidate(`k${i}`))
    ))
    setFlagsFromString("--expose-gc")
    const collect: () => void = runInNewContext("gc")
    await expect.poll(() => {
      collect()
      return seventh.deref()
    }).toBe(undefined)
  })

  it("are filtered and ranked by one pass", async () => {
    const one = await served()
    await one.run(Effect.gen(function*() {
      for (let id = 0; id < 20; id++) yield* user(id)
      for (const id of [3, 3, 3, 7, 7]) yield* user(id)
      yield* Cached.set("page:1", 1, { tags: ["pages"] })
      yield* Cached.set("page:2", 2, { tags: ["pages", "home"] })
    }))
    const hottest = await passed(one, { order: "hottest" })
    const expected = await one.run(Cached.ranking("hot", 100))
    expect(hottest.entries.map(({ id }: any) => id)).toEqual(expected.map(({ id }) => id))
    expect(hottest).toMatchObject({ isDone: true, scanned: 22, of: 22, matched: 22, weight: 22 })
    expect(hottest.classes).toEqual([
      { keyClass: "User", entries: 20, weight: 20 },
      { keyClass: null, entries: 2, weight: 2 }
    ])
    const matched = async (filter: object) => (await passed(one, filter)).matched
    expect(await matched({ pattern: "page:*" })).toBe(2)
    expect(await matched({ tag: "home" })).toBe(1)
    expect(await matched({ keyClass: "User" })).toBe(20)
    expect(await matched({ keyClass: "User", pattern: "page:*" })).toBe(0)
    expect(await matched({ state: "fresh" })).toBe(22)
    expect(await matched({ state: "stale" })).toBe(0)
  })

  it("tell why one is cached, and its value only if that is allowed", async () => {
    const one = await served({ values: true })
    await one.run(Effect.all([user(1), user(1)]))
    const { entries: [entry] } = await one.json("entries", { cache: 0 })
    expect(entry).toMatchObject({ keyClass: "User", isFresh: true, reads: 1, tags: ["~User"], outcome: "success" })
    const known = await one.json("entry", { cache: 0, id: entry.id })
    expect(known).toMatchObject({ status: "fresh", value: "1", entry: { id: entry.id } })
    expect(known.facts[0]).toMatchObject({ _tag: "Memory", reads: 1 })
    expect(known.next[0].source).toBe("memory")
    expect(await one.json("entry", { cache: 0, id: "unknown" })).toMatchObject({ entry: null, value: null })
  })

  it("of the store are a second source", async () => {
    const { MemoryStore } = await import("effect-cached/memory")
    const cache = CacheLayer.layer({ capacity: 1 }).pipe(Layer.provide(MemoryStore.layer))
    const one = await served({}, { cache: cache as never })
    await one.run(Cached.setMany([["a", 1], ["b", 2], ["c", 3]]))
    expect((await one.json("entries", { cache: 0 })).entries).toHaveLength(1)
    const { entries, isAll } = await one.json("store", { cache: 0 })
    expect([entries.map(({ id }: any) => id).sort(), isAll]).toEqual([["a", "b", "c"], true])
  })
})

describe("live", () => {
  it("has flights with phase, readers and what they wait for, and the events of the tail", async () => {
    const one = await served()
    const gate = await one.run(Deferred.make<void>())
    const inner = Effect.as(Deferred.await(gate), 1).pipe(Cached.ttl("inner", { ttl: "1 hour" }))
    const outer = inner.pipe(Cached.ttl("outer", { ttl: "1 hour" }))
    const readers = await one.run(Effect.all([1, 2, 3].map(() => Effect.forkDetach(outer, { startImmediately: true }))))
    const messages = await Effect.runPromise(Effect.scoped(Effect.gen(function*() {
      const client = yield* clientOf(one.port)
      const live = yield* client.reads.live({ payload: { flights: 0, tail: 0 } })
      const reading = yield* Effect.forkScoped(
        Stream.runCollect(Stream.takeUntil(live as Stream.Stream<any>, ({ _tag }) => _tag === "Events"))
      )
      // The first beat shows that the tail listens.
      yield* Effect.sleep("300 millis")
      yield* Effect.promise(() => one.run(Deferred.succeed(gate, undefined)))
      return yield* Fiber.join(reading)
    })))
    const [beat] = messages as Array<any>
    expect(beat.overview.actor).toBe("127.0.0.1")
    const byId = (id: string) => beat.flights.findIndex((flight: any) => flight.id === id)
    expect(beat.flights[byId("outer")]).toMatchObject({
      phase: "Loading",
      kind: "load",
      waiters: 3,
      waitsFor: [byId("inner")]
    })
    expect(beat.flights[byId("inner")]).toMatchObject({
      waiters: 1,
      parent: byId("outer"),
      isLate: false,
      isStorable: true
    })
    expect(beat.flights[byId("outer")].ageMillis).toBeGreaterThan(0)
    const { events } = (messages as Array<any>).at(-1)
    expect(events.map(({ event: { _tag, id } }: any) => [_tag, id])).toEqual([["Load", "inner"], ["Load", "outer"]])
    await Promise.all(readers.map((reader) => one.run(Fiber.join(reader))))
  })
})

describe("acts", () => {
  const ready = async (options = {}, cache: Layer.Layer<Caching.Caching> = CacheLayer.memory()) => {
    const one = await served(options, { cache })
    await one.run(Effect.gen(function*() {
      yield* Effect.all([user(1), user(2)])
      yield* Cached.set("page:1", 1, { tags: ["pages"] })
      yield* Cached.set("page:2", 2)
    }))
    const { process } = await one.json("overview", {})
    const act = (target: object, mode = "hard") =>
      one.post("act", { cache: 0, process: process.id, target, mode }).then(({ body, status }) => ({
        status,
        ...JSON.parse(body)
      }))
    return { ...one, act, size: () => one.run(Cached.size) }
  }

  it("invalidate by key, tag, class and pattern, and clear, each with an event and a line of the log", async () => {
    const { act, logged, run, runtime, size } = await ready()
    const actors: Array<unknown> = []
    const encode = Schema.encodeSync(CacheEventSchema.CacheEvent)
    runtime.runFork(
      Stream.runForEach(
        Cached.events({ of: ["Invalidate"] }),
        (event) => Effect.sync(() => actors.push((encode(event) as typeof event).actor))
      )
    )
    expect(await act({ key: "page:2" })).toMatchObject({ status: 200, count: 1, pending: null, actor: "127.0.0.1" })
    expect(await size()).toBe(3)
    expect(await act({ tag: "pages" })).toMatchObject({ status: 200, count: null })
    expect(await size()).toBe(2)
    expect(await act({ pattern: "~User*:1*" })).toMatchObject({ status: 200, count: 1 })
    expect(await size()).toBe(1)
    expect(await act({ keyClass: "User" })).toMatchObject({ status: 200 })
    expect(await size()).toBe(0)
    expect(await act({ all: true })).toMatchObject({ status: 200 })
    expect(logged.filter((line) => line.includes("127.0.0.1 invalidated"))).toHaveLength(5)
    await run(Cached.invalidate("page:1"))
    await expect.poll(() => actors).toEqual([...Array.from({ length: 5 }, () => "127.0.0.1"), undefined])
  })

  it("invalidate softly by key, tag, class and pattern, and refuse to clear softly", async () => {
    const one = await ready()
    const stale = async () => (await passed(one, { state: "stale" })).entries.map(({ id }: any) => id).sort()
    expect(await one.act({ key: "page:2" }, "soft")).toMatchObject({ status: 200, count: 1 })
    expect(await stale()).toEqual(["page:2"])
    expect(await one.act({ tag: "pages" }, "soft")).toMatchObject({ status: 200 })
    expect(await stale()).toEqual(["page:1", "page:2"])
    expect(await one.act({ keyClass: "User" }, "soft")).toMatchObject({ status: 200 })
    expect(await stale()).toHaveLength(4)
    expect(await one.act({ all: true }, "soft")).toMatchObject({ status: 400 })
    expect(await one.size()).toBe(4)
    const other = await ready()
    expect(await other.act({ pattern: "page:*" }, "soft")).toMatchObject({ status: 200, count: 2 })
    expect((await passed(other, { state: "stale" })).matched).toBe(2)
  })

  it("do nothing that the cache has disabled, and say so", async () => {
    const { act, size } = await ready({}, CacheLayer.memory().pipe(CacheLayer.withDisabled(["invalidate", "clear"])))
    for (const target of [{ key: "page:2" }, { tag: "pages" }, { keyClass: "User" }, { pattern: "*" }]) {
      expect(await act(target)).toMatchObject({
        status: 400,
        message: expect.stringContaining("\"invalidate\" is disabled")
      })
    }
    expect(await act({ all: true })).toMatchObject({
      status: 400,
      message: expect.stringContaining("\"clear\" is disabled")
    })
    expect(await size()).toBe(4)
  })

  it("are refused for another process, and for what is not as it should be", async () => {
    const { act, post, size } = await ready()
    const { status } = await post("act", { cache: 0, process: "another", target: { all: true }, mode: "hard" })
    expect(status).toBe(409)
    expect((await act({ pattern: "[" })).status).toBe(400)
    expect(await size()).toBe(4)
  })

  it("are one line of the log each, whatever the names contain", async () => {
    const { json, logged, post, run } = await served({ authorize: Effect.succeed("eve\nadmin") })
    const id = "a\nINFO b\u001b[2J"
    await run(Cached.set(id, 1))
    const { process } = await json("overview", {})
    await post("act", { cache: 0, process: process.id, target: { key: id }, mode: "hard" })
    expect(logged[0]).toContain("eve\\nadmin invalidated the key \"a\\nINFO b\\u001b[2J\" (1 entries)")
  })
})

describe("the time of the store", () => {
  it("reaches all listeners, in whatever order they leave, and costs nothing after the last one has left", () => {
    const told: Array<string> = []
    const engine = { meter: undefined } as unknown as Parameters<typeof Look.onAsked>[0]
    const ask = () => engine.meter?.asked("get", "success", 1)
    const first = Look.onAsked(engine, () => told.push("first"))
    const second = Look.onAsked(engine, () => told.push("second"))
    ask()
    first()
    ask()
    second()
    expect([told, engine.meter]).toEqual([["first", "second", "second"], undefined])
  })
})

describe("an answer", () => {
  it("is refused by another process than the one whose numbers were seen", async () => {
    const one = await served()
    await one.run(Cached.set("a", 1))
    const { process } = await one.json("overview", {})
    for (
      const [endpoint, body] of [
        ["entries", {}],
        ["pass", { order: "memory" }],
        ["store", {}],
        ["entry", { id: "a" }],
        ["curve", {}]
      ] as const
    ) {
      const statusOf = async (process: string) => (await one.post(endpoint, { cache: 0, process, ...body })).status
      expect([endpoint, await statusOf(process.id), await statusOf("another")]).toEqual([endpoint, 200, 409])
    }
  })
})

describe("size", () => {
  it("has the curve of Cached.stats, or null", async () => {
    const without = await served()
    expect((await without.json("curve", { cache: 0 })).curve).toBe(null)
    const one = await served({}, { cache: CacheLayer.memory({ curve: true, capacity: 10 }) })
    await one.run(Effect.forEach(Array.from({ length: 500 }, (_, i) => i % 40), user))
    const { curve } = await one.json("curve", { cache: 0 })
    expect(curve).toEqual(await one.run(Looking.curve))
  })
})

describe("layer", () => {
  const printed = async (use: () => Promise<unknown>) => {
    const lines: Array<string> = []
    const write = process.stderr.write
    process.stderr.write = ((text: string) => lines.push(text)) as never
    await use().finally(() => process.stderr.write = write)
    return lines.join("")
  }
  const build = (options: Omit<ServerOptions, "caches">) =>
    Effect.runPromise(
      Effect.scoped(Layer.build(CacheInspector.layer(options).pipe(Layer.provide(CacheLayer.memory()))))
    )

  it("prints its URL with a random token once, and never a token of one's own", async () => {
    const text = await printed(() => build({}))
    expect(text).toMatch(/^Cache inspector: http:\/\/127\.0\.0\.1:\d+\/#token=[\da-f]{32}\n$/)
    expect(await printed(() => build({ token }))).not.toContain(token)
  })

  it("fails with what to install if the package of the server is missing", () => {
    const program = `
      import { registerHooks } from "node:module"
      registerHooks({
        resolve(name, context, next) {
          if (name.startsWith("@effect/platform-node")) throw new Error("Cannot find package")
          return next(name, context)
        }
      })
      const { Effect, Layer } = await import("effect")
      const { CacheLayer } = await import("effect-cached")
      const { CacheInspector } = await import("effect-cached/inspector")
      const built = Layer.build(CacheInspector.layer().pipe(Layer.provide(CacheLayer.memory())))
      const { _tag, message } = await Effect.runPromise(Effect.flip(Effect.scoped(built)))
      console.log(_tag, message)`
    const args = ["--conditions=effect-cached-source", "--input-type=module", "-e", program]
    expect(execFileSync(process.execPath, args, { encoding: "utf8", env: { ...process.env, NODE_OPTIONS: "" } }))
      .toMatch(
        /^CacheConfigError .*npm install @effect\/platform-node\n$/
      )
  })

  it("fails if the port is in use, or warns", async () => {
    const other = createServer()
    await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve))
    const { port } = other.address() as AddressInfo
    await expect(build({ port })).rejects.toMatchObject({ _tag: "ServeError" })
    const logged: Array<string> = []
    await Effect.runPromise(
      Effect.scoped(
        Layer.build(CacheInspector.layer({ port, required: false }).pipe(Layer.provide(CacheLayer.memory())))
      ).pipe(
        Effect.provide(Logger.layer([Logger.make(({ message }) => logged.push(String(message)))]))
      )
    )
    expect(logged.join()).toContain(`not served on port ${port}`)
    other.close()
  })
})

describe("bad options", () => {
  const wrong: ReadonlyArray<readonly [name: string, make: () => unknown, says: string]> = [
    [
      "a remote host without a token",
      () => CacheInspector.layer({ host: "0.0.0.0", hosts: ["a.example"] }),
      "token of your own"
    ],
    ["a remote host without hosts", () => CacheInspector.layer({ host: "0.0.0.0", token }), "hosts"],
    ["a short token", () => CacheInspector.layer({ token: "short" }), "32 characters"],
    ["neither token nor authorize", () => CacheInspector.layerHttp({ path: "/cache", hosts: ["a"] }), "either token"],
    [
      "both",
      () => CacheInspector.layerHttp({ path: "/cache", hosts: ["a"], token, authorize: Effect.succeed("x") }),
      "either token"
    ],
    ["no hosts", () => CacheInspector.layerHttp({ path: "/cache", token } as never), "DNS rebinding"],
    [
      "a host with a port",
      () => CacheInspector.layerHttp({ path: "/cache", token, hosts: ["a:1"] }),
      "without scheme and port"
    ],
    [
      "a path that ends with a slash",
      () => CacheInspector.layerHttp({ path: "/cache/", token, hosts: ["a"] }),
      "like \"/cache\""
    ],
    ["an unknown option", () => CacheInspector.layer({ ports: 1 } as never), "no option \"ports\""]
  ]
  for (const [name, make, says] of wrong) {
    it(`${name}: says what to do`, () => {
      expect(make).toThrow(says)
    })
  }

  it("two inspectors on one path of a router", async () => {
    const one = () => CacheInspector.layerHttp({ path: "/cache", hosts: ["localhost"], token })
    const app = Layer.provide(Layer.merge(one(), one()), [CacheLayer.memory(), HttpServer.layerServices])
    const { dispose, handler } = HttpRouter.toWebHandler(app as never, { disableLogger: true })
    await expect(handler(new Request("http://localhost/cache"))).rejects.toThrow("two inspectors at /cache")
    await dispose().catch(() => undefined)
  })
})
