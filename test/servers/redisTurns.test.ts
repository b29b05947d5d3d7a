/** Writes of one turn of the event loop: one script and one message for all, and an answer for each. */
import { describe, expect } from "@effect/vitest"
import { Effect, Exit, Fiber, Layer, Option } from "effect"
import { Cached, CacheLayer } from "effect-cached"
import type { Caching } from "effect-cached/Caching"
import { RedisStore } from "effect-cached/redis"
import { singly } from "../../src/testing/internal/singly.ts"
import { forAll } from "../support/forAll.ts"
import { isMissing } from "../support/needs.ts"
import { freshPrefix, program, startEither } from "../support/redis.ts"
import { entry } from "../support/stored.ts"
import { storeFrom } from "../support/storeFrom.ts"
import { test } from "../support/tests.ts"
import { until } from "../support/until.ts"

const fifty = Array.from({ length: 50 }, (_, i) => i)
const together = { concurrency: "unbounded" } as const
/** A machine under load answers late. */
const storeTimeout = "5 seconds"

describe.skipIf(isMissing(program)).each(["server", "cluster"] as const)("Redis · a turn, on a %s", (kind) => {
  const either = forAll(() => startEither(kind))

  const askAll = (...args: ReadonlyArray<string>) =>
    Effect.promise(() => Promise.all(either.servers.map((server) => server.ask(...args))))

  /** How often the servers have run commands whose names match, beside those of heartbeats. */
  const counted = (names: RegExp) =>
    Effect.map(
      askAll("INFO", "commandstats"),
      (told) =>
        Array.from(told.join("\n").matchAll(/cmdstat_(\w+):calls=(\d+)/g))
          .reduce((sum, [, name, calls]) => names.test(name!) ? sum + Number(calls) : sum, 0)
    )

  const costs = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
    Effect.gen(function*() {
      yield* askAll("CONFIG", "RESETSTAT")
      yield* effect
      return { scripts: yield* counted(/^eval/), messages: yield* counted(/publish$/) }
    })

  const makeCache = (prefix: string) =>
    Effect.map(
      Layer.build(CacheLayer.redis({ ...either.where, prefix, storeTimeout, maxStaleness: "1 hour" })),
      (context) => <A, E>(effect: Effect.Effect<A, E, Caching>) => Effect.provideContext(effect, context)
    )

  const makeStore = (prefix: string, maxValue?: number) =>
    storeFrom(RedisStore.layer({ ...either.where, prefix, storeTimeout, maxValue }))

  /** Half of the ids are in one slot of a cluster, and half in another. */
  const idOf = (i: number) => `{${i % 2}}:${i}`
  const parts = kind === "cluster" ? 2 : 1

  test.live("fifty sets, removals and invalidations at once are a script and a message each", function*() {
    const prefix = freshPrefix()
    const [a, b] = [yield* makeCache(prefix), yield* makeCache(prefix)]
    const read = (i: number) => b(Cached.getOption(idOf(i)))
    const set = (value: number) =>
      costs(a(Effect.forEach(fifty, (i) => Cached.set(idOf(i), value, { ttl: "1 hour" }), together)))
    yield* set(0)
    expect(yield* set(1)).toEqual({ scripts: parts, messages: parts })
    expect(yield* Effect.forEach(fifty, read)).toEqual(fifty.map(() => Option.some(1)))
    expect(yield* set(2)).toEqual({ scripts: parts, messages: parts })
    yield* until(
      "the others' changes",
      Effect.map(Effect.forEach(fifty, read), (all) => all.every((one) => Option.getOrUndefined(one) === 2))
    )
    expect(yield* costs(a(Effect.forEach(fifty, (i) => Cached.invalidate(idOf(i)), together)))).toEqual({
      scripts: parts,
      messages: parts
    })
    yield* until("the removals", Effect.map(Effect.forEach(fifty, read), (all) => all.every(Option.isNone)))
    const tags = a(Effect.forEach(fifty, (i) => Cached.invalidate({ tag: idOf(i) }), together))
    yield* tags
    // On a cluster, a script counts the invalidation first.
    expect(yield* costs(tags)).toEqual({ scripts: kind === "cluster" ? 1 + parts : 1, messages: parts })
  })
  const acquiring = { leaseMillis: 600_000, rejectedWriteId: undefined, join: false, owner: "a" } as const

  test.live("a lease that is given back in the turn in which it was asked for is free", function*() {
    const store = yield* makeStore(freshPrefix())
    yield* singly(store).acquire("other", acquiring)
    const asked = yield* Effect.forkChild(singly(store).acquire("id", acquiring), { startImmediately: true })
    expect(yield* store.release("id", acquiring.owner)).toBe(true)
    expect(yield* Fiber.join(asked)).toMatchObject({ _tag: "Granted" })
    expect(yield* singly(store).acquire("id", { ...acquiring, owner: "b" })).toMatchObject({ _tag: "Granted" })
  })

  test.live("what is refused for one id is refused for that id alone", function*() {
    const prefix = freshPrefix()
    const store = yield* makeStore(prefix, 100)
    const generations = yield* Effect.forEach(
      fifty,
      (i) =>
        Effect.map(
          singly(store).acquire(idOf(i), acquiring),
          (acquired) => acquired._tag === "Granted" ? acquired.generation : "none"
        )
    )
    yield* singly(store).remove(idOf(7))
    const size = (i: number) => i === 9 ? 1000 : 8
    const commit = (i: number) => singly(store).commit(idOf(i), generations[i]!, entry(i, size(i)))
    const committed = yield* Effect.forEach(fifty, (i) => Effect.exit(commit(i)), together)
    expect(committed.map((exit) => Exit.isSuccess(exit) ? exit.value : "TooLarge")).toEqual(
      fifty.map((i) => i === 9 ? "TooLarge" : i !== 7)
    )
    const held = yield* store.getMany(fifty.map(idOf))
    expect(held.flatMap((one, i) => one === undefined ? [i] : [])).toEqual([7, 9])

    yield* Effect.forEach(either.servers, (server) =>
      Effect.promise(async () => {
        const keys = await server.ask("KEYS", `${prefix}:v:*}${idOf(3)}`)
        for (const key of keys as Array<string>) await server.ask("SET", key, "of another program")
      }))
    // An entry with that many tags cannot be encoded.
    const tags = Array.from({ length: 65_536 }, (_, i) => ({ tag: String(i), version: "0".repeat(24) }))
    const set = (i: number) =>
      singly(store).set(idOf(i), entry(100 + i, size(i), i === 5 ? { tags, expiresAt: 1 } : {}))
    const reasons = yield* Effect.forEach(fifty, (i) =>
      Effect.match(set(i), {
        onSuccess: String,
        onFailure: ({ reason }) => reason
      }), together)
    expect(reasons).toEqual(fifty.map((i) => i === 9 ? "TooLarge" : i === 3 || i === 5 ? "Unsupported" : "true"))
    expect(yield* Effect.forEach(fifty, (i) => singly(store).remove(idOf(i)), together)).toEqual(
      fifty.map((i) => i !== 9 && i !== 3)
    )
  })

  test.live("writes to an id stay in their order, and a write whose caller leaves is not lost", function*() {
    const store = yield* makeStore(freshPrefix())
    const writes = [
      singly(store).remove("other"),
      singly(store).set("a", entry(1)),
      singly(store).remove("a"),
      singly(store).set("b", entry(2)),
      singly(store).remove("b"),
      singly(store).set("b", entry(3)),
      singly(store).set("c", entry(4))
    ]
    // Its caller leaves in the same turn.
    for (const write of writes) Effect.runFork(write).interruptUnsafe()
    yield* Effect.forEach(fifty, (i) => singly(store).set(idOf(i), entry(i)), together)
    const held = yield* store.getMany(["a", "b", "c"])
    expect(held.map((one) => one?.payload[0])).toEqual([undefined, 3, 4])
  })

  test.live("a lease that is asked for after a write in the same turn is not granted", function*() {
    const store = yield* makeStore(freshPrefix())
    const asked = [
      singly(store).acquire("other", acquiring),
      singly(store).set("a", entry(1)),
      singly(store).acquire("a", acquiring)
    ]
    expect(yield* Effect.all(asked, together)).toMatchObject([{ _tag: "Granted" }, true, { _tag: "Hit" }])
  })

  test.live("a script handles at most 64 ids, and a mebibyte of values", function*() {
    const store = yield* makeStore(freshPrefix())
    const set = (count: number, size: number) =>
      Effect.forEach(
        Array.from({ length: count }, (_, i) => i),
        (i) => singly(store).set(`{0}:${i}`, entry(i, size)),
        together
      )
    yield* set(2, 8)
    expect(yield* costs(set(65, 8))).toEqual({ scripts: 2, messages: 2 })
    expect(yield* costs(set(3, 500_000))).toEqual({ scripts: 2, messages: 2 })
  })
})
