/** An origin or handler that hangs once: a resource that is asked for all the time can be used again soon. */
import { describe, expect, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Stream } from "effect"
import { CacheLayer } from "effect-cached"
import { LoadTimeout } from "effect-cached/CacheError"
import { CachedHttpClient, HttpCacheMiddleware } from "effect-cached/http"
import { type HttpClientError, HttpClientRequest, HttpServerRequest, HttpServerResponse } from "effect/http"
import { TestClock } from "effect/testing"
import { elapse, settle, start, taking } from "../support/caches.ts"
import { testIn } from "../support/tests.ts"
import { originOf, type Reply, shared, textOf, url } from "./origin.ts"
import { serving } from "./serving.ts"

interface Answer {
  readonly at: number
  readonly value: string
}

/** Asks every so many milliseconds, and notes what each request gets. Those that wait leave at the end. */
const busily = Effect.fnUntraced(function*<R>(
  ask: Effect.Effect<string, unknown, R>,
  millis: number,
  every = 40
) {
  const answers: Array<Answer> = []
  const fibers: Array<Fiber.Fiber<unknown, unknown>> = []
  for (let at = 0; at < millis; at += every) {
    const note = (exit: Exit.Exit<string, unknown>) =>
      void answers.push({ at, value: Exit.isSuccess(exit) ? exit.value : "failed" })
    fibers.push(yield* Effect.forkChild(Effect.map(Effect.exit(ask), note), { startImmediately: true }))
    yield* settle
    yield* TestClock.adjust(every)
  }
  for (const fiber of fibers) fiber.interruptUnsafe()
  yield* settle
  return answers
})

const recovered = (answers: ReadonlyArray<Answer>, value: string) =>
  answers.find((one) => one.value === value)?.at ?? Infinity

/** Counts what runs at the same time. */
const counted = () => {
  const state = { started: 0, running: 0, most: 0 }
  const hang = Effect.never
  const run = <A, E>(answer: (n: number) => Effect.Effect<A, E> | undefined) =>
    Effect.suspend(() => {
      const n = ++state.started
      state.most = Math.max(state.most, ++state.running)
      return Effect.ensuring(answer(n) ?? hang, Effect.sync(() => state.running--))
    })
  return { state, run }
}

const fresh = { "cache-control": "max-age=60" }

/** A body that sends `text`, and then nothing more. */
const hanging = (text: string) =>
  new ReadableStream<Uint8Array>({
    start: (controller) => text === "" ? undefined : controller.enqueue(new TextEncoder().encode(text))
  })

const test = testIn(CacheLayer.memory({ refresh: { timeout: "10 minutes" } }))

describe("a client", () => {
  const hangs = (which: number, reply: Reply = { body: "ok", headers: fresh }) => {
    const { run, state } = counted()
    return { state, origin: originOf(() => run((n) => n === which ? undefined : Effect.succeed(reply))) }
  }

  test.each(
    [
      ["its timeout", { timeout: 200 }, 400, 40],
      ["maxLoad, where requests leave", { maxLoad: 500 }, 1000, 40],
      ["5 seconds", {}, 5500, 250]
    ] as const
  )("headers that never come: %s", function*([, options, within, every]: readonly [string, object, number, number]) {
    const { origin, state } = hangs(1)
    const client = yield* shared(origin, options)
    const answers = yield* busily(Effect.timeout(textOf(client), 300), within, every)
    expect(recovered(answers, "ok")).toBeLessThanOrEqual(within)
    expect(state.started).toBe(2)
    expect(state.most).toBe(1)
    expect(state.running).toBe(0)
  })

  test("a stale response that may not be served is no reason to wait for refresh.timeout", function*() {
    const headers = { "cache-control": "max-age=1, must-revalidate" }
    const { origin, state } = hangs(2, { body: "ok", headers })
    const client = yield* shared(origin, { timeout: 200 })
    yield* textOf(client)
    yield* TestClock.adjust("2 seconds")
    const answers = yield* busily(textOf(client), 1000)
    expect(recovered(answers, "ok")).toBeLessThanOrEqual(400)
    expect(state.most).toBe(1)
  })

  test("a request that is not answered in time fails as one that could not reach the origin", function*() {
    const client = yield* shared(hangs(1).origin, { timeout: 200 })
    const { reason } = (yield* taking(200, Effect.flip(client.get(url)))) as HttpClientError.HttpClientError
    expect(reason._tag).toBe("TransportError")
    expect((reason as { readonly cause?: unknown }).cause).toBeInstanceOf(LoadTimeout)
  })

  test("a stale response is served in its place, where it may", function*() {
    for (const [control, expected] of [["max-age=1", "200 ok"], ["max-age=1, must-revalidate", "504 "]] as const) {
      const client = yield* shared(hangs(2, { body: "ok", headers: { "cache-control": control } }).origin, {
        timeout: 200
      })
      const at = `${url}?${control}`
      yield* textOf(client, at)
      yield* TestClock.adjust("2 seconds")
      const response = yield* taking(200, client.get(at))
      expect(`${response.status} ${yield* response.text}`).toBe(expected)
    }
  })

  test.each(
    [
      ["HEAD", "HEAD", {}],
      ["a range", "GET", { range: "bytes=0-1" }],
      ["no-store", "GET", { "cache-control": "no-store" }]
    ] as const
  )("%s: a request of its own is bounded too", function*([, method, headers]) {
    const client = yield* shared(hangs(1).origin, { timeout: 200 })
    const ask = method === "HEAD" ? client.head(url, { headers }) : client.get(url, { headers })
    expect(Exit.isFailure(yield* taking(200, Effect.exit(ask)))).toBe(true)
  })

  test("requests whose response may not be shared wait no longer in all", function*() {
    const { run } = counted()
    const unshared: Reply = { body: "own", headers: { "cache-control": "no-store" } }
    const origin = originOf(() => run((n) => n === 1 ? Effect.delay(Effect.succeed(unshared), 150) : undefined))
    const client = yield* shared(origin, { timeout: 200 })
    const first = yield* start(textOf(client))
    const second = yield* start(Effect.exit(client.get(url)))
    yield* elapse(150)
    expect(yield* Fiber.join(first)).toBe("own")
    yield* elapse(50)
    expect(second.pollUnsafe()).toBeDefined()
  })

  test.each(
    [
      ["before its first byte", "", {}],
      ["in the middle", "hal", {}],
      ["in the middle, beside its fields", "hal", { "content-length": "5" }],
      ["in the middle, and it is large", "hal", { "content-length": "100000" }]
    ] as const
  )("a body that stops %s", function*([, sent, length]) {
    for (const options of [{ timeout: 200 }, { maxLoad: 200 }]) {
      const { run, state } = counted()
      const first = { headers: { ...fresh, ...length }, body: hanging(sent) }
      const body = "x".repeat(Number((length as Record<string, string>)["content-length"] ?? 5))
      const origin = originOf(() =>
        run((n) => Effect.succeed(n === 1 ? first : { headers: { ...fresh, ...length }, body }))
      )
      const client = yield* shared(origin, options)
      const answers = yield* busily(Effect.timeout(textOf(client, `${url}?${Object.keys(options)}`), 300), 1000)
      expect(recovered(answers, body)).toBeLessThanOrEqual(400)
      expect(state.started).toBe(2)
    }
  })

  test("requests that have received nothing of a body that hangs share another one", function*() {
    const { run, state } = counted()
    const headers = { ...fresh, "content-type": "text/plain" }
    const origin = originOf(() =>
      run((n) => Effect.delay(Effect.succeed({ headers, body: n === 1 ? hanging("") : "whole" }), n === 1 ? 0 : 20))
    )
    const client = yield* shared(origin, { maxLoad: 200 })
    const readers: Array<Fiber.Fiber<string, unknown>> = []
    for (let i = 0; i < 10; i++) readers.push(yield* start(textOf(client)))
    yield* TestClock.adjust(210)
    readers.push(yield* start(textOf(client)))
    yield* settle
    yield* elapse(20)
    for (const reader of readers) expect(yield* Fiber.join(reader)).toBe("whole")
    expect(state.started).toBe(2)
  })

  test("a body of which parts arrive is not asked for again, however long it takes", function*() {
    const { run, state } = counted()
    let controller!: ReadableStreamDefaultController<Uint8Array>
    const body = new ReadableStream<Uint8Array>({ start: (one) => void (controller = one) })
    const client = yield* shared(originOf(() => run(() => Effect.succeed({ headers: fresh, body }))), {
      maxLoad: 200
    })
    const readers: Array<Fiber.Fiber<string, unknown>> = []
    for (let i = 0; i < 10; i++) {
      readers.push(yield* start(textOf(client)))
      yield* settle
      controller.enqueue(new Uint8Array([65]))
      yield* settle
      yield* TestClock.adjust(150)
    }
    controller.close()
    yield* settle
    for (const reader of readers) expect(yield* Fiber.join(reader)).toBe("A".repeat(10))
    expect(state.started).toBe(1)
  })
})

describe("the middleware", () => {
  const asking = <R>(ask: Effect.Effect<{ readonly status: number; readonly text: string }, unknown, R>) =>
    Effect.map(ask, ({ status, text }) => status === 200 ? text : `${status}`)

  const page = (headers: Record<string, string> = fresh) => HttpServerResponse.text("ok", { headers })

  test.each(
    [
      ["its timeout", { timeout: 200 }, 400],
      ["maxLoad, where clients leave", { maxLoad: 500 }, 1000]
    ] as const
  )("a handler that hangs: %s", function*([, options, within]: readonly [string, HttpCacheMiddleware.Options, number]) {
    const { run, state } = counted()
    const { ask } = yield* serving(() => run((n) => n === 1 ? undefined : Effect.succeed(page())), options)
    const answers = yield* busily(Effect.timeout(asking(ask()), 300), within)
    expect(recovered(answers, "ok")).toBeLessThanOrEqual(within)
    expect(state).toEqual({ started: 2, running: 0, most: 1 })
  })

  test("after timeout, the client gets 504, or what stale-if-error allows", function*() {
    for (const [control, expected] of [["max-age=1", 504], ["max-age=1, stale-if-error=60", 200]] as const) {
      const { run, state } = counted()
      const { ask } = yield* serving(
        () => run((n) => n === 2 ? undefined : Effect.succeed(page({ "cache-control": control }))),
        { timeout: 200 }
      )
      const path = `/${expected}`
      yield* ask(path)
      yield* TestClock.adjust("2 seconds")
      expect((yield* taking(200, ask(path))).status).toBe(expected)
      expect(state.started).toBe(2)
    }
  })

  test("504 says in Cache-Status that it came from the cache, also for HEAD", function*() {
    const { ask } = yield* serving(() => Effect.never, { timeout: 200 })
    for (const method of ["GET", "HEAD"]) {
      const { cacheStatus, status } = yield* taking(200, ask("/", { method }))
      expect([status, cacheStatus]).toEqual([504, "fwd=miss; detail=timeout"])
    }
  })

  test("an unsafe request may take as long as it takes", function*() {
    const { ask } = yield* serving(() => Effect.delay(Effect.succeed(page()), "1 minute"), { timeout: 200 })
    expect((yield* taking("1 minute", ask("/", { method: "POST" }))).status).toBe(200)
  })

  test.each(
    [["before its first byte", ""], ["in the middle", "hal"]] as const
  )("a body that stops %s", function*([, sent]) {
    const { run, state } = counted()
    const first = Stream.concat(
      sent === "" ? Stream.empty : Stream.make(new TextEncoder().encode(sent)),
      Stream.never
    )
    const middleware = yield* HttpCacheMiddleware.make({ timeout: 200 })
    const handler = run((n) => {
      const body = n === 1 ? first : Stream.make(new TextEncoder().encode("whole"))
      return Effect.succeed(HttpServerResponse.stream(body, { headers: fresh }))
    })
    const request = HttpServerRequest.fromWeb(new Request(url))
    // Unlike the body of a web response, this one ends with its reader.
    const ask = middleware(handler).pipe(
      Effect.provideService(HttpServerRequest.HttpServerRequest, request),
      Effect.flatMap((response) =>
        HttpServerResponse.toClientResponse(response, { request: HttpClientRequest.get(url) }).text
      )
    )
    const answers = yield* busily(Effect.timeout(ask, 300), 1000)
    expect(recovered(answers, "whole")).toBeLessThanOrEqual(400)
    expect(state.started).toBe(2)
  })
})

describe("options that make no sense are refused", () => {
  it.each(["timeout", "maxLoad"])("%s", (option) => {
    const refused = `${option} must be longer than 0`
    expect(() => CachedHttpClient.layer({ mode: "shared", [option]: 0 })).toThrow(refused)
    expect(() => HttpCacheMiddleware.layer({ [option]: 0 })).toThrow(refused)
    expect(() => HttpCacheMiddleware.layer({ [option]: "soon" as never })).toThrow(option)
  })
})

describe("a server whose client leaves or stays", () => {
  const page = HttpServerResponse.text("ok", { headers: fresh })

  /** As servers run middleware: nothing interrupts it, and routes say whether something may interrupt them. */
  const served = Effect.fnUntraced(function*(isInterruptible: boolean, hung: number) {
    const { run, state } = counted()
    const { ask } = yield* serving(
      () => {
        const answer = run((n) => n > hung ? Effect.succeed(page) : Effect.as(Effect.sleep("1 minute"), page))
        return isInterruptible ? Effect.interruptible(answer) : answer
      },
      undefined,
      Effect.uninterruptible
    )
    return { state, ask: Effect.map(ask(), (answer) => answer.text) }
  })

  test("300 clients that have given up leave no handler running, and the next one gets an answer at once", function*() {
    const { ask, state } = yield* served(true, 1)
    const clients = yield* Effect.forEach(Array.from({ length: 300 }), () => start(ask))
    yield* settle
    expect([state.started, state.running]).toEqual([1, 1])
    yield* Effect.forEach(clients, (client) => Fiber.interrupt(client))
    expect(state.running).toBe(0)
    expect(yield* ask).toBe("ok")
  })

  test(
    "a route that nothing may interrupt runs on, and the next client waits for it no longer than `wait`",
    function*() {
      const { ask, state } = yield* served(false, 1)
      const first = yield* start(ask)
      yield* settle
      first.interruptUnsafe()
      yield* settle
      expect(state.running).toBe(1)
      const second = yield* start(ask)
      yield* elapse("5 seconds")
      expect([state.started, yield* Fiber.join(second)]).toEqual([2, "ok"])
      yield* TestClock.adjust("1 minute")
    }
  )

  test(
    "while its client stays, others wait for 5 seconds and run it themselves; then the load runs again",
    function*() {
      const { ask, state } = yield* served(true, 1)
      const first = yield* start(ask)
      yield* settle
      const second = yield* start(ask)
      yield* TestClock.adjust("4900 millis")
      expect([state.started, second.pollUnsafe()]).toEqual([1, undefined])
      yield* elapse("100 millis")
      expect([state.started, yield* Fiber.join(second)]).toEqual([2, "ok"])
      expect(first.pollUnsafe()).toBe(undefined)
      const third = yield* start(ask)
      yield* settle
      expect([yield* Fiber.join(first), yield* Fiber.join(third), state.started]).toEqual(["ok", "ok", 3])
    }
  )

  test(
    "a handler that always hangs for one client hangs for no other: the load runs again with the newest one",
    function*() {
      let runs = 0
      const { ask } = yield* serving(
        ({ headers }) => {
          runs++
          if (headers["user-agent"] === "evil") return Effect.interruptible(Effect.never)
          return headers["user-agent"] === "wrong" ? Effect.fail("for one alone") : Effect.succeed(page)
        },
        undefined,
        Effect.uninterruptible
      )
      const of = (agent: string) => start(ask("/", { headers: { "user-agent": agent } }))
      const evil = yield* of("evil")
      yield* TestClock.adjust("5 seconds")
      const wrong = yield* of("wrong")
      yield* settle
      expect(wrong.pollUnsafe()?._tag).toBe("Failure")
      // A failure answers its own client alone: that of the first one has begun to run again, by itself.
      expect([evil.pollUnsafe(), runs]).toEqual([undefined, 3])
      const second = yield* of("evil")
      yield* TestClock.adjust("4900 millis")
      const third = yield* of("good")
      yield* TestClock.adjust("5100 millis")
      expect([(yield* Fiber.join(third)).text, runs]).toEqual(["ok", 5])
      expect([(yield* Fiber.join(yield* of("good"))).text, (yield* Fiber.join(second)).text, runs]).toEqual([
        "ok",
        "ok",
        6
      ])
      expect((yield* Fiber.join(yield* of("good"))).cacheStatus?.slice(0, 3)).toBe("hit")
      yield* Fiber.interrupt(evil)
    }
  )

  test("a handler that takes longer than `wait` is not run twice for its only client", function*() {
    let runs = 0
    const { ask } = yield* serving(
      () => Effect.delay(Effect.sync(() => (runs++, page)), "20 seconds"),
      undefined,
      Effect.uninterruptible
    )
    expect([(yield* taking("20 seconds", ask())).cacheStatus, runs]).toEqual([
      "fwd=uri-miss; fwd-status=200; ttl=40; stored",
      1
    ])
  })
})
