/** Attacks on annotated endpoints: names used twice, results of one shape, wrong schemas and names, early leavers. */
import { describe, expect, it } from "@effect/vitest"
import { Effect, Exit, Layer, Schema, Stream } from "effect"
import { CacheError, CacheLayer } from "effect-cached"
import { HttpCache } from "effect-cached/http"
import { MemoryStore } from "effect-cached/memory"
import { HttpClient, HttpClientResponse } from "effect/http"
import { HttpApi, HttpApiClient, HttpApiEndpoint, HttpApiGroup } from "effect/http-api"
import { Rpc, RpcGroup, RpcTest } from "effect/rpc"
import type { EndpointOptions } from "../../src/http/endpoints/calls.ts"
import { testIn } from "../support/tests.ts"

const test = testIn(CacheLayer.memory())

const minute = { ttl: "1 minute" } as const
const inMemory = Effect.provide(CacheLayer.memory())
const overStore = Effect.provide(Layer.provide(CacheLayer.layer({ memory: false }), MemoryStore.layer))

class Found extends Schema.Class<Found>("Found")({ id: Schema.Finite }) {}
class Made extends Schema.Class<Made>("Made")({ id: Schema.Finite }) {}

const counting = () => {
  let runs = 0
  return { next: Effect.sync(() => ++runs), count: () => runs }
}

const get = HttpApiEndpoint.get("get", "/", { success: Schema.Finite }).pipe(
  HttpCache.annotate({ strategy: minute, shared: true })
)
const put = HttpApiEndpoint.put("put", "/", { error: Schema.String }).pipe(
  HttpCache.annotate({ invalidates: () => [HttpCache.tag(get)] })
)
const either = HttpApiEndpoint.get("either", "/either", { success: [Found, Made] }).pipe(
  HttpCache.annotate({ strategy: minute, shared: true })
)
const api = HttpApi.make("api").add(HttpApiGroup.make("group").add(get, put, either))

/** A client of a server that counts its answers, from `start` on. */
const clientOf = (status: () => number = () => 204, start = 0) => {
  let answers = start
  const httpClient = HttpClient.make((request) =>
    Effect.sync(() =>
      HttpClientResponse.fromWeb(
        request,
        request.method === "GET" ? Response.json(++answers) : status() === 204
          ? new Response(null, { status: 204 })
          : Response.json("no", { status: status() })
      )
    )
  )
  return { httpClient, baseUrl: "http://example.com" }
}

/** A handler as the server calls it, for endpoints without parts too. */
const asking = (handler: unknown) => handler as (request: object) => Effect.Effect<unknown>

const configError = (make: () => unknown): string => {
  try {
    make()
  } catch (error) {
    expect(error).toBeInstanceOf(CacheError.CacheConfigError)
    return (error as Error).message
  }
  throw new Error("nothing was refused")
}

describe.each([["memory", inMemory], ["a store", overStore]] as const)("over %s", (_, over) => {
  it.effect("a result keeps its kind, also beside another of the same shape", () =>
    Effect.gen(function*() {
      const all = yield* HttpCache.handlers(api, "group", { either: () => Effect.succeed(new Made({ id: 1 })) })
      for (let i = 0; i < 2; i++) expect(yield* asking(all.either)({})).toBeInstanceOf(Made)
    }).pipe(over))

  it.effect("a mutation invalidates whatever form of the response its caller wants, if it has succeeded", () =>
    Effect.gen(function*() {
      let status = 204
      const plain = yield* HttpApiClient.makeWith(api, clientOf(() => status))
      const { group } = yield* HttpCache.client(api, plain)
      expect(yield* group.get()).toBe(1)
      yield* group.put({ responseMode: "response-only" })
      expect(yield* group.get()).toBe(2)
      yield* group.put({ responseMode: "decoded-and-response" })
      expect(yield* group.get()).toBe(3)
      status = 500
      yield* group.put({ responseMode: "response-only" })
      yield* Effect.flip(group.put({ responseMode: "decoded-and-response" }))
      expect(yield* group.get()).toBe(3)
    }).pipe(over))

  it.effect("clients of two servers share nothing, if each has the name of its server", () =>
    Effect.gen(function*() {
      const [one, two] = [clientOf(), clientOf(undefined, 100)]
      const first = yield* HttpCache.client(api, yield* HttpApiClient.makeWith(api, one), { server: "one" })
      const second = yield* HttpCache.client(api, yield* HttpApiClient.makeWith(api, two), { server: "two" })
      for (let i = 0; i < 2; i++) expect([yield* first.group.get(), yield* second.group.get()]).toEqual([1, 101])
      yield* first.group.put()
      expect(yield* first.group.get()).toBe(2)
    }).pipe(over))

  it.effect("a part of the request that makes no difference is not in the key", () =>
    Effect.gen(function*() {
      const { count, next } = counting()
      const headers = { authorization: Schema.RedactedFromValue(Schema.String) }
      const traced = HttpApiEndpoint.get("traced", "/", { headers, success: Schema.Finite })
      const of = (options: EndpointOptions) => {
        const endpoint = traced.annotate(HttpCache.Endpoint, { strategy: minute, shared: true, ...options })
        const api = HttpApi.make("api").add(HttpApiGroup.make("group").add(endpoint))
        return HttpCache.handlers(api, "group", { traced: () => next })
      }
      expect(configError(() => of({}))).toContain("list the field in `ignore`")
      expect(configError(() => of({ ignore: ["header" as never] }))).toContain("ignore must be a list")
      const { traced: cached } = yield* of({ ignore: ["headers"] })
      for (const authorization of ["a", "b"]) yield* asking(cached)({ headers: { authorization } })
      expect(count()).toBe(1)
    }).pipe(over))
})

describe("handlers and clients that do not fit their API", () => {
  test("a handler with options", function*() {
    const { count, next } = counting()
    const handlers = { get: { handler: () => next, options: { uninterruptible: true } } }
    const all = yield* HttpCache.handlers(api, "group", handlers)
    expect(all.get.options).toEqual({ uninterruptible: true })
    for (let i = 0; i < 2; i++) yield* asking(all.get.handler)({})
    expect(count()).toBe(1)
  })

  test("names that the API does not have, and a client of something else", function*() {
    const wrong = { gets: () => Effect.succeed(1) }
    expect(configError(() => HttpCache.handlers(api, "group", wrong as never))).toContain("no endpoint \"gets\"")
    expect(configError(() => HttpCache.handlers(api, "groups" as never, {} as never))).toContain(
      "no group \"groups\""
    )
    const part = yield* HttpApiClient.group(api, { group: "group", ...clientOf() })
    expect(configError(() => HttpCache.client(api, part))).toContain("no method group.get")
    const group = RpcGroup.make(rpcOf("Read", {}))
    expect(configError(() => HttpCache.rpcClient(group, {} as never))).toContain("no method Read")
    const lines = Rpc.make("Lines", { success: Schema.Finite, stream: true }).pipe(
      HttpCache.annotate({ strategy: { strategy: "sliding", idle: "1 minute" }, shared: true })
    )
    const streams = RpcGroup.make(lines)
    expect(configError(() => HttpCache.rpcHandlers(streams, { Lines: () => Stream.empty }))).toContain(
      "there is no strategy \"sliding\""
    )
  })
})

const rpcOf = <const Name extends string>(name: Name, options: EndpointOptions) =>
  Rpc.make(name, { success: Schema.Finite }).annotate(HttpCache.Endpoint, {
    strategy: minute,
    shared: true,
    ...options
  })

describe("Rpc", () => {
  const Read = Rpc.make("Read", { success: Schema.Finite }).pipe(
    HttpCache.annotate({ strategy: minute, shared: true })
  )
  const Write = Rpc.make("Write").pipe(HttpCache.annotate({ invalidates: () => [HttpCache.tag(Read)] }))
  const Steps = Rpc.make("Steps", { success: Schema.Finite, error: Schema.String, stream: true }).pipe(
    HttpCache.annotate({ invalidates: () => [HttpCache.tag(Read)] })
  )
  const group = RpcGroup.make(Read, Write, Steps)

  const calling = Effect.gen(function*() {
    const { next } = counting()
    let fails = false
    const handlers = group.toLayer({
      Read: () => next,
      Write: () => Effect.void,
      Steps: () => fails ? Stream.fail("no") : Stream.make(1, 2, 3)
    })
    const plain = yield* RpcTest.makeClient(group).pipe(Effect.provide(handlers))
    return { client: yield* HttpCache.rpcClient(group, plain), fail: () => void (fails = true) }
  })

  test("a mutation invalidates, whatever its options are", function*() {
    const { client } = yield* calling
    expect(yield* client.Read()).toBe(1)
    yield* client.Write(undefined, { headers: { x: "1" } })
    expect(yield* client.Read()).toBe(2)
    yield* client.Write(undefined, { discard: true })
    expect(yield* client.Read()).toBe(3)
  })

  test(
    "a stream that changes something invalidates, also if its reader leaves early, but not if it fails",
    function*() {
      const { client, fail } = yield* calling
      expect(yield* client.Read()).toBe(1)
      yield* Stream.runDrain(client.Steps())
      expect(yield* client.Read()).toBe(2)
      yield* Stream.runDrain(Stream.take(client.Steps(), 1))
      expect(yield* client.Read()).toBe(3)
      fail()
      yield* Effect.flip(Stream.runDrain(client.Steps()))
      expect(yield* client.Read()).toBe(3)
    }
  )

  test("a group with a prefix keeps the tags of its requests", function*() {
    const prefixed = group.prefix("v1.")
    const { next } = counting()
    const handlers = prefixed.toLayer({
      "v1.Read": () => next,
      "v1.Write": () => Effect.void,
      "v1.Steps": () => Stream.empty
    })
    const client = yield* HttpCache.rpcClient(
      prefixed,
      yield* RpcTest.makeClient(prefixed).pipe(Effect.provide(handlers))
    )
    expect(yield* client["v1.Read"]()).toBe(1)
    yield* client["v1.Write"]()
    expect(yield* client["v1.Read"]()).toBe(2)
  })

  test("the payload of the key is the one that is sent, and a wrong one fails in the call", function*() {
    const { next } = counting()
    const id = Schema.Finite.pipe(Schema.withConstructorDefault(next))
    const told: Array<number> = []
    const Echo = Rpc.make("Echo", { payload: { id }, success: Schema.Finite }).pipe(
      HttpCache.annotate({
        strategy: minute,
        shared: true,
        tags: ({ id }, value) => {
          told.push(id, value)
          return []
        }
      })
    )
    const group = RpcGroup.make(Echo)
    const handlers = group.toLayer({ Echo: ({ id }) => Effect.succeed(id) })
    const plain = yield* RpcTest.makeClient(group).pipe(Effect.provide(handlers))
    const client = yield* HttpCache.rpcClient(group, plain)
    yield* client.Echo({})
    expect(told[0]).toBe(told[1])
    const call = client.Echo({ id: "x" as never })
    expect(Exit.hasDies(yield* Effect.exit(call))).toBe(true)
  })
})
