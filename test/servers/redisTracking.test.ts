/** Memory follows the changes of others on a Redis server. */
import { describe, expect, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Layer, Option } from "effect"
import { Cached, CacheLayer, CachePolicy, Transaction } from "effect-cached"
import type { Caching } from "effect-cached/Caching"
import { createClient } from "redis"
import { forAll } from "../support/forAll.ts"
import { isMissing } from "../support/needs.ts"
import { freshPrefix, program, startCluster, startServer } from "../support/redis.ts"
import { processesOn, warned } from "../support/redisProcesses.ts"
import { test } from "../support/tests.ts"
import { until } from "../support/until.ts"

const timeout = 180_000

describe.skipIf(isMissing(program))("Redis · changes", { timeout }, () => {
  const server = forAll(() => startServer())

  const { areInMemory, ask, process, two, urlOf } = processesOn(() => server)

  test.live.each(
    [
      ["an invalidation", Cached.invalidate("k")],
      ["an invalidated tag", Cached.invalidate({ tag: "t" })],
      ["a clear", Cached.clear],
      ["a set", Cached.set("k", -1, { ttl: "1 hour" })]
    ] as const
  )("P2 · %s of one process is seen by the memory of the other", function*([, change]) {
    const { a, b, value } = yield* two
    yield* a.use(change as Effect.Effect<unknown, never, Caching>)
    yield* until("the change", Effect.map(b.read(), (now) => now !== value))
    expect(yield* a.read()).toBe(yield* b.read())
  })

  test.live("own writes of many keys stay in memory, and a write by another process among them is seen", function*() {
    const { a, b } = yield* two
    const keys = Array.from({ length: 150 }, (_, i) => `m${i}`)
    const setAll = a.use(Cached.setMany(keys.map((key) => [key, -1] as const), { ttl: "1 hour" }))
    const storeHits = Effect.map(a.use(Cached.stats), (stats) => stats.storeHits)
    const readAll = Effect.forEach(keys, (key) => a.read(key), { discard: true })
    const areKept = Effect.gen(function*() {
      yield* setAll
      yield* Effect.sleep("200 millis")
      const before = yield* storeHits
      yield* readAll
      return (yield* storeHits) === before
    })
    yield* until("writes that stay", areKept)
    for (let i = 0; i < 10; i++) {
      const value = -100 - i
      // Reported as one message, the write of the other must not pass for an own one.
      yield* Effect.all([setAll, b.use(Cached.set("m70", value, { ttl: "1 hour" }))], { concurrency: "unbounded" })
      yield* b.use(Cached.set("m70", value, { ttl: "1 hour" }))
      yield* until("the write of the other", Effect.map(a.read("m70"), (now) => now === value))
    }
  })

  test.live("P2 · a touch of what another process sets at the same time leaves no older value in memory", function*() {
    const { a, b } = yield* two
    const keys = Array.from({ length: 200 }, (_, i) => `touched ${i}`)
    for (let value = 1; value <= 5; value++) {
      yield* a.use(Cached.setMany(keys.map((key) => [key, -value] as const), { ttl: "1 hour" }))
      const at = (key: string) =>
        Effect.all([
          b.use(Cached.set(key, value, { ttl: "1 hour" })),
          a.use(Cached.touch(key, "2 hours"))
        ], { concurrency: "unbounded" })
      yield* Effect.forEach(keys, at, { concurrency: "unbounded" })
      const areNew = Effect.map(
        Effect.forEach(keys, (key) => a.use(Cached.getOption(key))),
        (all) => all.every((found) => Option.getOrUndefined(found) === value)
      )
      yield* until("the values of the other", areNew)
    }
  })

  test.live("a value loaded or set with a new tag stays in memory", function*() {
    const { a } = yield* two
    const slow = Effect.delay(Effect.succeed(1), "30 millis")
    for (let i = 0; i < 5; i++) {
      yield* a.use(Cached.ttl(slow, `loaded ${i}`, { ttl: "1 hour", tags: [`loaded ${i}`] }))
      yield* a.use(Cached.set(`set ${i}`, 1, { ttl: "1 hour", tags: [`set ${i}`] }))
    }
    // A report whose writer the server names late counts as a change.
    const { refused } = yield* a.use(Cached.stats)
    expect(refused).toBeLessThan(5)
    yield* Effect.sleep("500 millis")
    const before = yield* a.use(Cached.stats)
    for (let i = 0; i < 5; i++) {
      yield* a.use(Cached.ttl(slow, `loaded ${i}`, { ttl: "1 hour", tags: [`loaded ${i}`] }))
      yield* a.use(Cached.ttl(slow, `set ${i}`, { ttl: "1 hour", tags: [`set ${i}`] }))
    }
    const after = yield* a.use(Cached.stats)
    expect(after.loads).toBe(before.loads)
    expect(after.hits - before.hits).toBeGreaterThan(0)
    yield* a.use(Cached.invalidate({ tag: "loaded 1" }))
    yield* a.use(Cached.ttl(slow, "loaded 1", { ttl: "1 hour", tags: ["loaded 1"] }))
    expect((yield* a.use(Cached.stats)).loads).toBe(after.loads + 1)
  })

  test.live.each(
    [
      ["a string", "SET", []],
      ["a string with a deadline", "SET", ["PX", "3600000"]],
      ["a list", "LPUSH", []]
    ] as const
  )(
    "P2 · what %s of another program keeps out of the store, leaves memory when it is removed",
    function*([, write, more]) {
      const { a, b, prefix } = yield* two
      const [key] = (yield* ask("KEYS", `${prefix}:v:*`)) as ReadonlyArray<string>
      for (const change of [Cached.invalidate("k"), Transaction.run(Cached.invalidate("k"))]) {
        yield* ask("UNLINK", String(key))
        yield* ask(write, String(key), "theirs", ...more)
        yield* until("both memories", areInMemory(a, b))
        const value = yield* b.read()
        yield* a.use(change as Effect.Effect<unknown, never, Caching>)
        yield* until("another load", Effect.map(b.read(), (now) => now !== value))
        expect(yield* ask("PTTL", String(key))).toSatisfy((left: number) => more.length === 0 ? left === -1 : left > 0)
      }
    }
  )

  test.live("a value that the server does not take stays in memory: the older one goes at once, and others may end the new one", function*() {
    const prefix = freshPrefix()
    const [a, b] = [yield* process(prefix, { maxValue: 1000 }), yield* process(prefix)]
    const large = "x".repeat(2000)
    const setLarge = Cached.set("k", large, { ttl: "1 hour" })
    const refreshLarge = Effect.succeed(large).pipe(
      Cached.ttl("k", { ttl: "1 hour" }),
      CachePolicy.refresh
    )
    for (const change of [setLarge, refreshLarge] as ReadonlyArray<Effect.Effect<unknown, never, Caching>>) {
      yield* b.use(Cached.set("k", 1, { ttl: "1 hour" }))
      yield* until("the small one", Effect.map(a.read(), (now) => now === 1))
      yield* until("both memories", areInMemory(a, b))
      yield* a.use(change)
      yield* until("the older one has gone", Effect.map(b.use(Cached.has("k")), (has) => !has))
      // Longer than pushed and repeated messages take.
      yield* Effect.sleep("1.5 seconds")
      expect(yield* a.use(Cached.getOption("k"))).toEqual(Option.some(large))
      expect(yield* b.use(Cached.size)).toBe(0)
      yield* b.use(Cached.invalidate("k"))
      yield* until("the new one has gone too", Effect.map(a.use(Cached.has("k")), (has) => !has))
    }
  })

  test.live("a value that the server does not take stays in memory right after a removal or a clear by its process", function*() {
    const prefix = freshPrefix()
    const [a, b] = [yield* process(prefix, { maxValue: 1000 }), yield* process(prefix)]
    yield* a.read()
    yield* b.read()
    yield* until("both memories", areInMemory(a, b))
    const unfit: ReadonlyArray<unknown> = ["x".repeat(2000), () => {}]
    const befores: ReadonlyArray<Effect.Effect<unknown, never, Caching>> = [
      Effect.void,
      Cached.set("k", 1, { ttl: "1 hour" }),
      Cached.remove("k"),
      Cached.clear
    ]
    for (const value of unfit) {
      for (const tags of [[], ["t"]]) {
        for (const before of befores) {
          for (const entries of [[["k", value]], [["k", value], ["other", 1]]] as const) {
            yield* a.use(Effect.andThen(before, Cached.setMany(entries, { ttl: "1 hour", tags })))
            yield* Effect.sleep("100 millis")
            expect(yield* a.use(Cached.getOption("k"))).toEqual(Option.some(value))
            expect(yield* b.use(Cached.has("k"))).toBe(false)
          }
        }
      }
      for (
        const change of [Cached.remove("k"), Cached.clear] as ReadonlyArray<Effect.Effect<unknown, never, Caching>>
      ) {
        yield* a.use(Effect.andThen(Cached.clear, Cached.set("k", value, { ttl: "1 hour" })))
        yield* b.use(change)
        yield* until("it has gone", Effect.map(a.use(Cached.has("k")), (has) => !has))
      }
    }
  })

  test.live("of values that the server does not take the last one counts: of two at once, and before any change arrives", function*() {
    const prefix = freshPrefix()
    const large = (of: string) => `${of}${"x".repeat(2000)}`
    const small = { maxValue: 1000 }
    const [a, b] = [yield* process(prefix, small), yield* process(prefix, small)]
    yield* a.read()
    yield* b.read()
    yield* until("both memories", areInMemory(a, b))
    const ids = Array.from({ length: 200 }, (_, i) => `id${i}`)
    const setAll = (of: string) =>
      Effect.forEach(ids, (id) => Cached.set(id, large(of), { ttl: "1 hour" }), { concurrency: "unbounded" })
    yield* Effect.all([a.use(setAll("a")), b.use(setAll("b"))], { concurrency: "unbounded" })
    const held = Effect.forEach(ids, (id) => Effect.all([a.use(Cached.has(id)), b.use(Cached.has(id))]))
    yield* until("one value each", Effect.map(held, (all) => all.every(([one, other]) => !(one && other))))
    // Its tracking connection is not there yet.
    const late = yield* process(prefix, small)
    yield* late.use(Cached.set("late", large("first"), { ttl: "1 hour" }))
    yield* Effect.sleep("400 millis")
    yield* late.use(Cached.set("late", large("second"), { ttl: "1 hour" }))
    yield* a.use(Cached.invalidate("late"))
    yield* until("no process has it", Effect.map(late.use(Cached.has("late")), (has) => !has))
  })

  test.live("FLUSHALL empties memory", function*() {
    const { b } = yield* two
    yield* ask("FLUSHALL")
    yield* until("another load", Effect.map(b.read(), () => b.of.loads > 0))
  })

  test.live("F22 · a value that was changed while no process could receive it is not served afterwards", function*() {
    const { b, prefix } = yield* two
    const keys = (yield* ask("KEYS", `${prefix}:v:*`)) as ReadonlyArray<string>
    // One after the other, before any of them can connect again.
    yield* Effect.promise(async () => {
      const client = await createClient({ url: server.url }).connect()
      const kill = ["normal", "pubsub"].map((type) =>
        client.sendCommand(["CLIENT", "KILL", "TYPE", type, "SKIPME", "yes"])
      )
      await Promise.all([...kill, client.sendCommand(["UNLINK", ...keys.map(String)])])
      client.destroy()
    })
    yield* until("another load", Effect.map(b.read(), () => b.of.loads > 0))
  })

  test.live("F25 · after its connection was lost a process receives changes again", function*() {
    const { a, b } = yield* two
    for (let i = 0; i < 3; i++) {
      yield* ask("CLIENT", "KILL", "TYPE", "pubsub")
      yield* until("its memory", b.isInMemory)
      yield* Effect.sleep("1 second")
      yield* until("its memory", b.isInMemory)
      const value = yield* b.read()
      yield* until("a store", Effect.map(a.read(), (now) => now === value))
      yield* a.use(Cached.invalidate("k"))
      yield* until("the change", Effect.map(b.read(), (now) => now !== value))
    }
  })

  test.live("F26 · an invalidation of an id that the server does not have reaches a process with it in memory", function*() {
    const prefix = freshPrefix()
    // Too large for the server: the loading process has it in memory alone.
    const [a, b] = [yield* process(prefix), yield* process(prefix, { maxValue: 100 })]
    let loads = 0
    const large = b.use(
      Cached.ttl(Effect.sync(() => `${++loads}${"x".repeat(1000)}`), "large", { ttl: "1 hour" })
    )
    const isInMemory = Effect.map(
      Effect.all([large, Effect.delay(large, "200 millis")]),
      ([one, two]) => one === two
    )
    yield* until("its memory", isInMemory)
    expect(yield* ask("EXISTS", ...((yield* ask("KEYS", `${prefix}:v:*`)) as ReadonlyArray<string>), "none")).toBe(
      0
    )
    const before = loads
    yield* a.use(Cached.invalidate("large"))
    yield* until("another load", Effect.map(large, () => loads > before))
  })

  test("a caller that waits for the load of another process is woken by a message of the server, not by asking again", function*() {
    const prefix = freshPrefix()
    const many = 8
    // Time stands still for them, so none of them asks again.
    const processes = yield* Effect.all(Array.from({ length: many }, () => process(prefix)), {
      concurrency: "unbounded"
    })
    const begun = Deferred.makeUnsafe<void>()
    const gate = Deferred.makeUnsafe<void>()
    let loads = 0
    const load = Effect.gen(function*() {
      loads++
      yield* Deferred.succeed(begun, undefined)
      yield* Deferred.await(gate)
      return "loaded"
    })
    const reads = processes.map(({ use }) => use(Cached.ttl(load, "woken", { ttl: "1 hour" })))
    const really = (what: string, is: Effect.Effect<boolean>) =>
      Effect.gen(function*() {
        for (let i = 0; i < 1000; i++) {
          if (yield* is) return
          yield* Effect.promise(() => new Promise((resolve) => setTimeout(resolve, 10)))
        }
        throw new Error(`${what} did not come`)
      })
    const listening = Effect.map(
      ask("PUBSUB", "NUMSUB", `${prefix}:m`),
      (told) => Number((told as ReadonlyArray<unknown>)[1])
    )
    const scripts = Effect.map(
      ask("INFO", "commandstats"),
      (info) => Number(/^cmdstat_evalsha:calls=(\d+)/m.exec(String(info))?.[1] ?? 0)
    )
    yield* really("all that listen", Effect.map(listening, (count) => count >= many))
    const asked = yield* scripts
    const leader = yield* Effect.forkChild(reads[0]!)
    yield* Deferred.await(begun)
    const waiting = yield* Effect.forkChild(Effect.all(reads.slice(1), { concurrency: "unbounded" }))
    yield* really("all that wait", Effect.map(scripts, (count) => count >= asked + many))
    yield* Deferred.succeed(gate, undefined)
    yield* really("their answers", Effect.sync(() => waiting.pollUnsafe() !== undefined))
    expect(yield* Fiber.join(waiting)).toEqual(Array.from({ length: many - 1 }, () => "loaded"))
    expect(yield* Fiber.join(leader)).toBe("loaded")
    expect(loads).toBe(1)
  })

  it.live("P2 · where a user may not subscribe, memory is trusted for maxStaleness, and that is warned of once", () =>
    warned((warnings) =>
      Effect.scoped(Effect.gen(function*() {
        const url = yield* urlOf("mute", "-subscribe")
        const prefix = freshPrefix()
        const [a, b] = [yield* process(prefix), yield* process(prefix, { url, maxStaleness: "2 seconds" })]
        const value = yield* a.read()
        for (let i = 0; i < 3; i++) {
          // Memory is in use: of many reads some do not ask the server.
          yield* until("b's memory", b.isInMemory)
          yield* a.use(Cached.set("k", -i - 1, { ttl: "1 hour" }))
          yield* until("the change", Effect.map(b.read(), (now) => now === -i - 1))
        }
        expect(value).toBeGreaterThan(0)
        expect(warnings.filter((warning) => warning.includes("cannot all be followed"))).toHaveLength(1)
        expect(warnings.join()).not.toContain("mute:mute")
      }))
    ))

  test.live("many changes at once reach a process that falls behind too", function*() {
    const { a, b, value } = yield* two
    const entries = Array.from({ length: 5000 }, (_, i) => a.use(Cached.set(`many ${i}`, i, { ttl: "1 hour" })))
    yield* Effect.all(entries, { concurrency: "unbounded", discard: true })
    yield* a.use(Cached.invalidate("k"))
    yield* until("the last change", Effect.map(b.read(), (now) => now !== value))
  })
})

describe.skipIf(isMissing(program))("Redis · changes of a cluster", { timeout }, () => {
  const cluster = forAll(() => startCluster({ nodeTimeout: 1000 }))

  test.live("every master reports them; after lost connections, and after one is replaced, again", function*() {
    const prefix = freshPrefix()
    const options = {
      nodes: cluster.nodes,
      prefix,
      maxStaleness: "1 hour",
      storeTimeout: "5 seconds"
    } as const
    const [a, b] = [
      yield* Layer.build(CacheLayer.redis(options)),
      yield* Layer.build(CacheLayer.redis(options))
    ]
    let loads = 0
    const keys = Array.from({ length: 30 }, (_, i) => `k${i}`)
    const all = Effect.forEach(keys, (key) => Cached.ttl(Effect.sync(() => ++loads), key, { ttl: "1 hour" }), {
      concurrency: "unbounded"
    })
    const isInMemory = Effect.gen(function*() {
      yield* all
      const before = (yield* Cached.stats).storeHits
      yield* all
      return (yield* Cached.stats).storeHits === before
    })
    const areHeard = Effect.gen(function*() {
      yield* Effect.provideContext(until("its memory", isInMemory), b)
      const before = yield* Effect.provideContext(all, b)
      yield* Effect.provideContext(Cached.invalidate(keys), a)
      const areChanged = Effect.map(all, (values) => values.every((value, i) => value !== before[i]))
      yield* Effect.provideContext(until("all changes", areChanged), b)
    })
    const askAll = (...args: ReadonlyArray<string>) =>
      Effect.promise(() => Promise.all(cluster.servers.slice(1).map((server) => server.ask(...args))))
    yield* areHeard
    yield* askAll("CLIENT", "KILL", "TYPE", "pubsub")
    yield* Effect.sleep("1 second")
    yield* areHeard
    cluster.servers[0]!.signal("SIGKILL")
    const replica = cluster.servers[3]!
    yield* until(
      "another master",
      Effect.promise(async () => String((await replica.ask("ROLE") as ReadonlyArray<unknown>)[0]) === "master")
    )
    yield* Effect.sleep("2 seconds")
    yield* areHeard
  })
})
