/** `coherence: "auto"`: a process changes between the kinds of reports, without a gap and without emptying memory. */
import { afterAll, beforeAll, describe, expect, it } from "@effect/vitest"
import { Effect, Fiber, Logger, Stream } from "effect"
import { Cached } from "effect-cached"
import { choice } from "../../src/internal/defaults/redis.ts"
import { isMissing } from "../support/needs.ts"
import { freshPrefix, program, type Server, startServer } from "../support/redis.ts"
import { processesOn } from "../support/redisProcesses.ts"
import { until } from "../support/until.ts"

const timeout = 180_000

const usual = { ...choice }

describe.skipIf(isMissing(program))("Redis · the kind of reports changes by itself", () => {
  let server: Server
  beforeAll(async () => {
    server = await startServer()
    // A minute is half a second, and one of 64 entries is counted under "keys".
    Object.assign(choice, { lookMillis: 100, countMillis: 500, restMillis: 1000, leastSampled: 2, sampleSize: 1 })
  })
  afterAll(async () => {
    Object.assign(choice, usual)
    await server.end()
  })

  const { ask, process } = processesOn(() => server, { coherence: "auto" })
  type Process = Effect.Success<ReturnType<typeof process>>

  const coherence = ({ use }: Process) => Effect.map(use(Cached.stats), ({ coherence }) => coherence)
  const is = (one: Process, kind: string) => Effect.map(coherence(one), (now) => now === kind)
  const keysOf = (name: string, count: number) => Array.from({ length: count }, (_, i) => `${name} ${i}`)
  const readAll = (one: Process, keys: ReadonlyArray<string>) =>
    Effect.forEach(keys, (key) => one.read(key), { concurrency: "unbounded" })
  const setAll = (one: Process, keys: ReadonlyArray<string>, value: number) =>
    one.use(Cached.setMany(keys.map((key) => [key, value] as const), { ttl: "1 hour", tags: ["t"] }))

  /** Changes entries that `b` does not hold until it asks for reports by key. */
  const toKeys = (a: Process, b: Process) =>
    until("reports by key", Effect.andThen(setAll(a, keysOf("other", 200), 1), is(b, "keys")))

  const pair = Effect.gen(function*() {
    const prefix = freshPrefix()
    const a = yield* process(prefix, { coherence: "broadcast" })
    const b = yield* process(prefix)
    yield* until("reports", is(b, "broadcast"))
    return { a, b, prefix }
  })

  it.live(
    "P2 · where few changes concern it, a process changes to keys; memory stays, and all of it is reported",
    () => {
      const lines: Array<string> = []
      const logger = Logger.make(({ logLevel, message }) => {
        if (logLevel === "Info" || logLevel === "Warn") lines.push(String(message))
      })
      return Effect.scoped(Effect.gen(function*() {
        const { a, b } = yield* pair
        const mine = keysOf("mine", 1500)
        yield* readAll(b, mine)
        // The reports of its own writes have arrived.
        yield* Effect.sleep("500 millis")
        yield* readAll(b, mine)
        const tagged = b.use(Cached.ttl(b.load, { key: "tagged", ttl: "1 hour", tags: ["its own"] }))
        yield* until(
          "its memory",
          Effect.map(Effect.all([tagged, Effect.delay(tagged, "200 millis")]), ([x, y]) => x === y)
        )
        const events = yield* Effect.forkChild(
          b.use(Stream.runCollect(Stream.take(Stream.filter(Cached.events, ({ _tag }) => _tag === "Reports"), 1))),
          { startImmediately: true }
        )
        const before = yield* b.use(Cached.stats)
        yield* toKeys(a, b)
        expect(Array.from(yield* Fiber.join(events))).toEqual([{ _tag: "Reports", of: "reads" }])
        expect(lines.filter((line) => line.includes("now reports"))).toEqual([
          "The store \"redis\" now reports changes of what this process has read"
        ])
        yield* readAll(b, mine)
        const { misses, storeHits } = yield* b.use(Cached.stats)
        expect([misses, storeHits]).toEqual([before.misses, before.storeHits])
        const former = yield* tagged
        yield* a.use(Cached.invalidateTag("its own"))
        yield* until("another load", Effect.map(tagged, (now) => now !== former))
        const { told } = yield* b.use(Cached.stats)
        yield* setAll(a, keysOf("other", 200), 2)
        yield* setAll(a, mine.slice(0, 500), -1)
        const some = readAll(b, mine.slice(0, 500))
        yield* until("the changes", Effect.map(some, (all) => all.every((one) => one === -1)))
        // One in 64 of the others may be reported, too.
        expect((yield* b.use(Cached.stats)).told - told).toBeLessThan(600)
        yield* setAll(a, mine, -2)
        yield* until("all changes", Effect.map(readAll(b, mine), (all) => all.every((one) => one === -2)))
      })).pipe(Effect.provide(Logger.layer([logger])))
    },
    timeout
  )

  it.live(
    "P2 · where most changes concern it, a process changes back, and no change is missed",
    () =>
      Effect.scoped(Effect.gen(function*() {
        const { a, b } = yield* pair
        yield* toKeys(a, b)
        const mine = keysOf("mine", 1000)
        yield* readAll(b, mine)
        let value = 0
        const isBack = Effect.gen(function*() {
          yield* setAll(a, mine, --value)
          yield* until("the changes", Effect.map(readAll(b, mine), (all) => all.every((one) => one === value)))
          return yield* is(b, "broadcast")
        })
        yield* until("all reports", isBack)
        yield* isBack
      })),
    timeout
  )

  it.live(
    "P2 · a value that was loaded during the change is reported, or is not in memory",
    () =>
      Effect.scoped(Effect.gen(function*() {
        const { a, b } = yield* pair
        const slow = b.use(
          Cached.ttl(Effect.delay(b.load, "4 seconds"), { key: "slow", ttl: "1 hour", tags: ["late"] })
        )
        const loading = yield* Effect.forkChild(slow, { startImmediately: true })
        yield* toKeys(a, b)
        expect(loading.pollUnsafe()).toBe(undefined)
        yield* Fiber.join(loading)
        yield* a.use(Cached.invalidateTag("late"))
        const loads = b.of.loads
        yield* until("another load", Effect.andThen(slow, Effect.sync(() => b.of.loads > loads)))
      })),
    timeout
  )

  it.live(
    "P2 · a server that refuses the other kind leaves the present one as it is",
    () =>
      Effect.scoped(Effect.gen(function*() {
        yield* ask("ACL", "SETUSER", "few", "reset", "on", ">few", "~*", "&*", "+@all", "-client|id")
        const prefix = freshPrefix()
        const a = yield* process(prefix, { coherence: "broadcast" })
        const b = yield* process(prefix, { url: server.url.replace("redis://", "redis://few:few@") })
        yield* until("reports", is(b, "broadcast"))
        yield* b.read()
        yield* until("its memory", b.isInMemory)
        yield* ask("ACL", "LOG", "RESET")
        const isRefused = Effect.map(ask("ACL", "LOG"), (log) => JSON.stringify(log).includes("client|id"))
        yield* until("the refusal", Effect.andThen(setAll(a, keysOf("other", 200), 1), isRefused))
        expect(yield* coherence(b)).toBe("broadcast")
        expect(yield* b.isInMemory).toBe(true)
        yield* a.use(Cached.set("k", -1, { ttl: "1 hour" }))
        yield* until("the change", Effect.map(b.read(), (one) => one === -1))
      })),
    timeout
  )

  it.live(
    "P2 · nor does a refusal to report all changes again empty memory",
    () => {
      const lines: Array<string> = []
      const logger = Logger.make(({ message }) => void lines.push(String(message)))
      return Effect.scoped(Effect.gen(function*() {
        yield* ask("ACL", "SETUSER", "later", "reset", "on", ">later", "~*", "&*", "+@all")
        const prefix = freshPrefix()
        const a = yield* process(prefix, { coherence: "broadcast" })
        const b = yield* process(prefix, { url: server.url.replace("redis://", "redis://later:later@") })
        yield* until("reports", is(b, "broadcast"))
        yield* toKeys(a, b)
        const mine = keysOf("mine", 1000)
        yield* readAll(b, mine)
        yield* ask("ACL", "SETUSER", "later", "-client|tracking")
        yield* ask("ACL", "LOG", "RESET")
        const isRefused = Effect.map(ask("ACL", "LOG"), (log) => JSON.stringify(log).includes("client|tracking"))
        let value = 0
        const change = Effect.gen(function*() {
          yield* setAll(a, mine, --value)
          yield* until("the changes", Effect.map(readAll(b, mine), (all) => all.every((one) => one === value)))
        })
        yield* until("the refusal", Effect.andThen(change, isRefused))
        for (let i = 0; i < 5; i++) yield* Effect.andThen(change, Effect.sleep("100 millis"))
        expect(lines.filter((line) => line.includes("cannot be followed"))).toEqual([])
      })).pipe(Effect.provide(Logger.layer([logger])))
    },
    timeout
  )

  it.live(
    "two caches with different prefixes choose separately",
    () =>
      Effect.scoped(Effect.gen(function*() {
        const [first, second] = [yield* pair, yield* pair]
        yield* toKeys(first.a, first.b)
        expect(yield* coherence(second.b)).toBe("broadcast")
      })),
    timeout
  )
})
