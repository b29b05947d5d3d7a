/** `CacheLayer.withTelemetry`: what spans, logs and events say about ids. */
import { describe, expect, it } from "@effect/vitest"
import { Cause, Effect, Exit, Fiber, Layer, Logger, References, Schedule, Schema, type Scope, Stream } from "effect"
import { Cached, CacheKey, CacheLayer, Caching, Guard } from "effect-cached"
import { GuardStore, Store, type Weigher } from "effect-cached/adapters"
import { StoreError } from "effect-cached/CacheError"
import { MemoryStore } from "effect-cached/memory"
import { TestClock } from "effect/testing"
import { createHash } from "node:crypto"
import { fakeStore, over, settle } from "../support/caches.ts"
import { memoryGuards } from "../support/services.ts"
import { test } from "../support/tests.ts"
import { tracing } from "../support/tracer.ts"

const secret = "ada@example.org"
const digestOf = (id: string) => createHash("sha256").update(id).digest("hex").slice(0, 16)
const digest = "cfe00dde46ef9426"

class User extends CacheKey.Class<User>()("User", { payload: { email: Schema.String }, success: Schema.String }) {}

/** Runs a program that logs, traces and tells events about ids, and returns all that it says. */
const saidBy = (cache: ReturnType<typeof CacheLayer.memory>) =>
  Effect.gen(function*() {
    const said: Array<string> = []
    const say = (what: unknown) => void said.push(JSON.stringify(what) ?? String(what))
    const logger = Logger.make(({ fiber, message }) => {
      say([...[message].flat().map((part) => Cause.isCause(part) ? Cause.pretty(part) : part)])
      say(fiber.getRef(References.CurrentLogAnnotations))
    })
    const { spans, tracer } = tracing()
    const program = Effect.gen(function*() {
      const told = yield* Effect.forkChild(
        Stream.runForEach(Cached.events(), (event) => Effect.sync(() => say(event))),
        { startImmediately: true }
      )
      const removed = yield* Effect.forkChild(
        Stream.runForEach(Cached.events({ of: ["Removed"] }), (event) => Effect.sync(() => say(event))),
        { startImmediately: true }
      )
      const soft = { ttl: "1 hour", softTtl: "1 minute", fallbackOn: () => true, retryAfter: 0 } as const
      for (const key of [secret, new User({ email: secret })] as const) {
        const load = Effect.log("loading").pipe(Effect.as("x"), Cached.softTtl(key as never, soft))
        yield* load
        yield* TestClock.adjust("2 minutes")
        yield* Effect.die(new Error(`no ${secret} here`)).pipe(Cached.softTtl(key as never, soft))
        yield* load.pipe(Cached.traceReads)
        yield* Cached.invalidate(key as never)
      }
      yield* Cached.set(secret, 1, { tags: [secret] })
      yield* Cached.invalidate({ tag: secret })
      yield* Cached.set(secret, 2)
      yield* settle
      yield* Fiber.interruptAll([told, removed])
    })
    yield* program.pipe(
      Effect.withSpan("program"),
      Effect.provide(cache.pipe(Layer.provideMerge(Logger.layer([logger])))),
      Effect.withTracer(tracer),
      Effect.provideService(References.MinimumLogLevel, "Trace")
    )
    for (const { attributes, events, name } of spans) say([name, ...attributes, ...events.map(([, , also]) => also)])
    return said
  })

/** The lines that are logged where ids are digests. */
const loggedBy = <A, E>(
  cache: Layer.Layer<Caching.Caching>,
  program: Effect.Effect<A, E, Caching.Caching | Scope.Scope>
) =>
  Effect.gen(function*() {
    const lines: Array<string> = []
    const logger = Logger.make(({ cause, message }) => {
      lines.push([...[message].flat().map(String), Cause.pretty(cause)].join(" "))
    })
    yield* Effect.scoped(program).pipe(
      Effect.provide(
        cache.pipe(CacheLayer.withTelemetry({ ids: "digest" }), Layer.provideMerge(Logger.layer([logger])))
      ),
      Effect.provideService(References.MinimumLogLevel, "Trace")
    )
    return lines
  })

describe("CacheLayer.withTelemetry", () => {
  test("without it, ids are in events, logs and spans", function*() {
    const said = (yield* saidBy(CacheLayer.memory())).filter((line) => line.includes(secret))
    const has = (part: string) => said.some((line) => line.includes(part))
    expect([has("Removed"), has("effect-cached.load"), has("cache.source"), has("The load of"), has("tags")])
      .toEqual([true, true, true, true, true])
  })

  test("digests say which lines are about one id, without saying the id", function*() {
    const said = yield* saidBy(CacheLayer.memory().pipe(CacheLayer.withTelemetry({ ids: "digest" })))
    // The words of the load itself are its own.
    const leaks = said.filter((line) => line.includes(secret) && !line.includes("no ada@example.org here"))
    expect(leaks).toEqual([])
    for (
      const part of ["\"Load\"", "\"Removed\"", "effect-cached.load", "The load of", "cache.source", "Invalidate"]
    ) {
      expect(said.filter((line) => line.includes(part) && line.includes(digest)), part).not.toEqual([])
    }
    expect(said.filter((line) => line.includes("User")).length).toBeGreaterThan(5)
  })

  test("or nothing says an id", function*() {
    const said = yield* saidBy(CacheLayer.withTelemetry(CacheLayer.memory(), { ids: "none" }))
    const leaks = said.filter((line) => line.includes(secret) && !line.includes("no ada@example.org here"))
    expect(leaks).toEqual([])
    expect(said.filter((line) => line.includes("\"cache.key\""))).toEqual([])
    expect(said).toContain(`{"_tag":"Invalidate","ids":[],"tags":[],"mode":"hard","all":false}`)
  })

  test("nor does the warning about a weigher", function*() {
    const weigher: Weigher.Weigher = (value, { id }) => {
      if (value === 2) throw new Error(`no weight for ${id}`)
      return 1
    }
    const cache = CacheLayer.memory({ maxWeight: 100, weigher })
    const said = yield* saidBy(CacheLayer.withTelemetry(cache, { ids: "digest" }))
    const warnings = said.filter((line) => line.includes("The weigher failed"))
    expect([warnings.length, warnings[0]!.includes(digest), warnings[0]!.includes(secret)]).toEqual([1, true, false])
  })

  test("nor do loads ahead of their readers, or the words of a store's own errors", function*() {
    const fake = fakeStore()
    const why = new Error(`the value of "${secret} "" x" is too large in '/cache/${secret}', at :6379`)
    fake.behave = (operation) =>
      operation === "set"
        ? { before: Effect.fail(new StoreError({ store: "fake", operation, reason: "TooLarge", cause: why })) }
        : {}
    const lookup = () => Effect.fail(`no ${CacheKey.id(new User({ email: secret }))}`)
    const user = Cached.fn(User, lookup, { ttl: "1 hour" })
    const program = Effect.gen(function*() {
      yield* Stream.runDrain(Cached.warm(user, [{ email: secret }]))
      yield* Cached.keepFresh(user, { email: secret }, Schedule.spaced("1 minute"))
      yield* Effect.succeed(1).pipe(Cached.ttl(secret, { ttl: "1 hour" }))
      yield* Cached.invalidate(`${secret}:*`)
      yield* settle
    })
    const lines = yield* loggedBy(over(fake), program)
    const about = (part: string) => lines.filter((line) => line.includes(part))
    for (
      const part of [
        "could not be loaded",
        "was not refreshed",
        "the value of … is too large in …, at :6379",
        "not a pattern"
      ]
    ) {
      expect(about(part), part).toHaveLength(1)
    }
    expect(about(secret)).toEqual([])
  })

  test("nor do the words of drivers: of a tier that fails, of a guard's store, of changes that cannot be read", function*() {
    const why = (operation: string) => {
      const cause = new Error(`"${secret}" is in the way of "b@example.org"`)
      return Effect.fail(new StoreError({ store: "fake", operation, reason: "Unavailable", cause }))
    }
    const middle = fakeStore()
    middle.behave = (operation) => ({ before: why(operation) })
    const { runUnsafe: _, ...guards } = memoryGuards()
    const guardStore = { ...guards, name: "guards", run: (kind: { readonly name: string }) => why(kind.name) }
    const near = MemoryStore.make()
    const unheard: Store.Store = {
      ...near,
      capabilities: { ...near.capabilities, shared: true, changes: true },
      changes: Stream.fromEffect(why("changes")),
      changesUnsafe: undefined
    }
    const tiers = CacheLayer.tiered([
      CacheLayer.memory(),
      over(middle),
      Layer.provide(CacheLayer.layer(), MemoryStore.layer)
    ])
    const program = Effect.gen(function*() {
      yield* Effect.succeed(1).pipe(Cached.ttl(secret, { ttl: "1 hour" }))
      yield* Cached.invalidate(secret)
      const rule = { key: secret, limit: 2, window: "1 minute" } as const
      yield* Effect.void.pipe(Guard.rateLimit(rule), Effect.provideService(GuardStore.GuardStore, guardStore))
      yield* TestClock.adjust("30 seconds")
    })
    const deaf = Layer.provide(CacheLayer.layer(), Layer.succeed(Store.Store, unheard))
    const lines = [...yield* loggedBy(tiers, program), ...yield* loggedBy(deaf, program)]
    for (const part of ["The tier \"fake\" of the cache fails", "Guards work without it", "Meanwhile memory is"]) {
      expect(lines.filter((line) => line.includes(part) && line.includes("…")), part).not.toEqual([])
    }
    expect(lines.filter((line) => line.includes("example.org"))).toEqual([])
  })

  test("nor does a line about a load that fails because of another one", function*() {
    let load: Effect.Effect<number, unknown> = Effect.succeed(1)
    const soft = { ttl: "1 hour", softTtl: "1 minute", fallbackOn: () => true } as const
    const outer = Effect.suspend(() => load).pipe(Cached.softTtl("outer", soft))
    const inner = Effect.never.pipe(Cached.ttl(secret, { ttl: "1 hour", timeout: "1 second" }))
    const program = Effect.gen(function*() {
      yield* outer
      yield* TestClock.adjust("2 minutes")
      const caching = yield* Caching.Caching
      load = Effect.provideService(inner, Caching.Caching, caching)
      const reading = yield* Effect.forkChild(outer)
      yield* TestClock.adjust("10 seconds")
      expect(yield* Fiber.join(reading)).toBe(1)
    })
    const line = (yield* loggedBy(CacheLayer.memory(), program)).join("\n")
    expect(line).toContain(`The load of "${digestOf("outer")}" failed: a stale value may be served`)
    expect(line).toContain(`LoadTimeout: The load of "${digest}" took longer than 1000 ms`)
    expect(line).not.toContain(secret)
  })

  test("nor does the failure of a span: of a load that names its key, of a read, of a load inside another", function*() {
    const spansOf = (cache: ReturnType<typeof CacheLayer.memory>) =>
      Effect.gen(function*() {
        const { spans, tracer } = tracing()
        const own = Effect.fail(new Error(`no user ${secret}`)).pipe(Cached.ttl(secret, { ttl: "1 hour" }))
        const slow = Effect.never.pipe(Cached.ttl(`${secret}!`, { ttl: "1 hour", timeout: "1 second" }))
        const outer = slow.pipe(Cached.ttl("outer", { ttl: "1 hour" }))
        const program = Effect.forEach([own, outer], (read) => Effect.exit(Cached.traceReads(read)), {
          concurrency: "unbounded"
        })
        const fiber = yield* Effect.forkChild(
          program.pipe(Effect.withSpan("program"), Effect.provide(cache), Effect.withTracer(tracer))
        )
        yield* TestClock.adjust("10 seconds")
        const exits = yield* Fiber.join(fiber)
        const ends = spans.flatMap(({ name, status }) =>
          status._tag === "Ended" && Exit.isFailure(status.exit) && !Exit.hasInterrupts(status.exit)
            ? [`${name} ${Cause.prettyErrors(status.exit.cause).map((error) => `${error.name}: ${error.message}`)}`]
            : []
        )
        return { ends: ends.toSorted(), exits }
      })
    const shown = (id: string, other: string) => [
      `effect-cached.load Error: no user ${id}`,
      `effect-cached.load LoadTimeout: The load of ${other} took longer than 1000 ms: raise \`timeout\`, or try again`,
      `effect-cached.read Error: no user ${id}`,
      `effect-cached.read LoadTimeout: The load of ${other} took longer than 1000 ms: raise \`timeout\`, or try again`,
      `effect-cached.read LoadTimeout: The load of ${other} took longer than 1000 ms: raise \`timeout\`, or try again`
    ]
    const plain = yield* spansOf(CacheLayer.memory())
    expect(plain.ends).toEqual(shown(secret, `"${secret}!"`))
    const hidden = yield* spansOf(CacheLayer.memory().pipe(CacheLayer.withTelemetry({ ids: "digest" })))
    expect(hidden.ends).toEqual(shown(digest, `"${digestOf(`${secret}!`)}"`))
    // The program gets the errors themselves.
    expect(hidden.exits.map(String)).toEqual(plain.exits.map(String))
  })

  test("a name is in spans and log lines, and changes nothing else", function*() {
    const plain = yield* saidBy(CacheLayer.memory())
    const said = yield* saidBy(CacheLayer.memory().pipe(CacheLayer.withTelemetry({ name: "users" })))
    const times = (all: ReadonlyArray<string>) => all.map((line) => line.replaceAll(/\d{3,}/g, "0"))
    const named = /"cache\.name":"users",|\["cache\.name","users"\],/g
    expect(times(said.map((line) => line.replaceAll(named, "")))).toEqual(times(plain))
    for (const part of ["effect-cached.load", "\"cache.key\":"]) {
      const lines = said.filter((line) => line.includes(part) && !line.includes("_tag"))
      expect(lines.length).toBeGreaterThan(0)
      for (const line of lines) expect(line).toMatch(/cache\.name":"users"|\["cache\.name","users"\]/)
    }
    const hidden = yield* saidBy(CacheLayer.memory().pipe(CacheLayer.withTelemetry({ name: "users", ids: "none" })))
    expect(hidden.some((line) => line.includes("users"))).toBe(true)
  })

  it("refuses other values, and other options", () => {
    const build = (options: object) => () => CacheLayer.withTelemetry(CacheLayer.memory(), options)
    expect(build({ ids: "hash" })).toThrow("ids of CacheLayer.withTelemetry must be \"plain\", \"digest\" or \"none\"")
    expect(build({ name: "" })).toThrow("name of CacheLayer.withTelemetry must be a text")
    expect(build({ name: "a\nb" })).toThrow("and no control characters")
    expect(build({ id: "none" })).toThrow("CacheLayer.withTelemetry has no option \"id\"")
  })

  test("refuses to be used twice", function*() {
    const { withTelemetry } = CacheLayer
    const cache = withTelemetry(withTelemetry(CacheLayer.memory(), { ids: "digest" }), { ids: "none" })
    const cause = yield* Effect.flip(Effect.sandbox(Effect.scoped(Layer.build(cache))))
    expect(Cause.pretty(cause)).toContain("use CacheLayer.withTelemetry once")
  })
})
