/** If a Redis server reports no changes to a user, processes publish them to each other. */
import { afterAll, beforeAll, describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { Cached, CachePolicy, Transaction } from "effect-cached"
import { isMissing } from "../support/needs.ts"
import { freshPrefix, program, type Server, startServer } from "../support/redis.ts"
import { processesOn, warned } from "../support/redisProcesses.ts"
import { until } from "../support/until.ts"

const timeout = 180_000

describe.skipIf(isMissing(program))("Redis · published changes", () => {
  let server: Server
  beforeAll(async () => {
    server = await startServer()
  })
  afterAll(() => server.end())

  const { areInMemory, ask, process, urlOf } = processesOn(() => server)

  it.live.each([["messages", "1 hour"], ["none", "1 second"]] as const)(
    "P2 · coherence %s is chosen without a warning: a change arrives by itself, or after maxStaleness",
    ([coherence, maxStaleness]) =>
      warned((warnings) =>
        Effect.scoped(Effect.gen(function*() {
          const prefix = freshPrefix()
          const [a, b, c] = [
            yield* process(prefix),
            yield* process(prefix, { coherence: "keys" }),
            yield* process(prefix, { coherence, maxStaleness })
          ]
          const listeners = Effect.map(
            ask("PUBSUB", "NUMSUB", `${prefix}:m`),
            (told) => (told as Array<unknown>)[1] === (coherence === "messages" ? 1 : 0)
          )
          yield* until("the listener", listeners)
          yield* a.read()
          for (const [i, one] of [a, b, c].entries()) {
            yield* until("c's memory", Effect.andThen(c.read(), c.isInMemory))
            yield* one.use(Cached.set("k", -i - 1, { ttl: "1 hour" }))
            for (const other of [a, b, c]) {
              yield* until("the change", Effect.map(other.read(), (value) => value === -i - 1))
            }
          }
          expect((yield* c.use(Cached.stats)).coherence).toBe("none")
          expect(warnings).toEqual([])
        }))
      ),
    timeout
  )

  it.live.each(["-client|tracking", "-client|trackinginfo"])(
    "P2 · where the server reports no changes to a user (%s), those that others publish arrive",
    (right) =>
      warned((warnings) =>
        Effect.scoped(Effect.gen(function*() {
          const url = yield* urlOf("deaf", right)
          const prefix = freshPrefix()
          const [a, b, c] = [
            yield* process(prefix),
            yield* process(prefix, { url }),
            yield* process(prefix, { url })
          ]
          const areDeaf = Effect.map(
            ask("PUBSUB", "NUMSUB", `${prefix}:m`),
            (told) => (told as Array<unknown>)[1] === 2
          )
          yield* until("the listeners", areDeaf)
          const all = [a, b, c]
          yield* a.read()
          let last = 0
          const everywhere = (what: string, done: (value: number) => boolean) =>
            Effect.gen(function*() {
              for (const one of all) {
                yield* until(what, Effect.map(one.read(), (value) => done(value)))
                last = yield* one.read()
              }
              yield* until("all memories", areInMemory(...all))
            })
          yield* everywhere("the first value", () => true)
          for (const [i, one] of all.entries()) {
            yield* one.use(Cached.set("k", -i - 1, { ttl: "1 hour", tags: ["t"] }))
            yield* everywhere("what was set", (value) => value === -i - 1)
            // The process that sets it comes last, and a tracking process comes after an untracked one: entries that
            // they derive again are published too.
            for (const other of all.toSpliced(i, 1).toReversed().concat(one)) {
              yield* until(
                "what derives",
                Effect.map(other.derived, (value) => value === -i - 1)
              )
            }
          }
          for (const one of all) {
            const before = last
            yield* one.use(Cached.invalidateTag("t"))
            yield* everywhere("another load", (value) => value !== before)
          }
          for (const one of all) {
            const before = last
            yield* one.use(Cached.invalidate("k"))
            yield* everywhere("another load", (value) => value !== before)
          }
          for (const one of all) {
            const before = last
            yield* one.use(Cached.clear)
            yield* everywhere("another load", (value) => value !== before)
          }
          for (const [i, one] of all.entries()) {
            yield* one.use(Transaction.run(Cached.set("k", 10 + i, { ttl: "1 hour" })))
            yield* everywhere("the transaction", (value) => value === 10 + i)
          }
          expect(warnings.filter((warning) => warning.includes("cannot all be followed"))).toHaveLength(2)
          expect(warnings.filter((warning) => warning.includes("The changes of"))).toHaveLength(2)
        }))
      ),
    timeout
  )

  it.live.each([["that tracks", []], ["that is deaf", ["-client|tracking"]]] as const)(
    "P2 · what %s changes as soon as it has started, and last before it ends, is published",
    ([name, rights]) =>
      Effect.scoped(Effect.gen(function*() {
        const prefix = freshPrefix()
        const a = yield* process(prefix, { url: yield* urlOf("deaf", "-client|tracking") })
        yield* until(
          "the listener",
          Effect.map(ask("PUBSUB", "NUMSUB", `${prefix}:m`), (told) => (told as Array<unknown>)[1] === 1)
        )
        const url = yield* urlOf(name.replaceAll(" ", ""), ...rights)
        for (const pause of ["0 millis", "500 millis"] as const) {
          for (const change of [Cached.invalidate("k"), Cached.invalidateTag("t"), Cached.clear]) {
            const before = yield* a.read()
            yield* Effect.scoped(Effect.gen(function*() {
              const b = yield* process(prefix, { url })
              yield* Effect.sleep(pause)
              yield* b.use(change)
            }))
            yield* until("another load", Effect.map(a.read(), (value) => value !== before))
          }
        }
      })),
    timeout
  )

  it.live(
    "P2 · while every process tracks nothing is published, and one that may track after all receives every change",
    () =>
      Effect.scoped(Effect.gen(function*() {
        const url = yield* urlOf("later", "-client|tracking")
        const prefix = freshPrefix()
        const published = Effect.map(ask("INFO", "commandstats"), (text) =>
          /cmdstat_publish:calls=(\d+)/.exec(String(text))?.[1])
        const a = yield* process(prefix)
        const before = yield* published
        yield* a.use(Cached.set("k", 1, { ttl: "1 hour" }))
        yield* a.use(Cached.invalidateTag("t"))
        expect(yield* published).toBe(before)
        const b = yield* process(prefix, { url })
        yield* until(
          "the listener",
          Effect.map(ask("EXISTS", `${prefix}:m:{${prefix}}`), (is) =>
            is === 1)
        )
        yield* urlOf("later")
        const listens = Effect.map(ask("PUBSUB", "NUMSUB", `${prefix}:m`), (told) => (told as Array<unknown>)[1] === 1)
        for (let i = 0; yield* listens; i++) {
          if (i === 400) throw new Error("it was not tried again")
          yield* Effect.sleep("100 millis")
        }
        yield* until("both memories", areInMemory(a, b))
        const keys = (yield* ask("KEYS", `${prefix}:v:*`)) as ReadonlyArray<string>
        yield* ask("UNLINK", ...keys.map(String))
        yield* until("another load", Effect.map(b.read(), (value) => value !== 1))
      })),
    timeout
  )

  it.live(
    "P2 · the result of a load is published, too",
    () =>
      Effect.scoped(Effect.gen(function*() {
        const url = yield* urlOf("loading", "-client|tracking")
        const prefix = freshPrefix()
        const [a, b] = [yield* process(prefix, { url }), yield* process(prefix, { url })]
        const areDeaf = Effect.map(ask("PUBSUB", "NUMSUB", `${prefix}:m`), (told) => (told as Array<unknown>)[1] === 2)
        yield* until("the listeners", areDeaf)
        const value = yield* a.read()
        yield* until("both memories", areInMemory(a, b))
        // Neither process receives that change.
        const keys = (yield* ask("KEYS", `${prefix}:v:*`)) as ReadonlyArray<string>
        yield* ask("UNLINK", ...keys.map(String))
        expect([yield* a.read(), yield* b.read()]).toEqual([value, value])
        const fresh = yield* CachePolicy.refresh(b.read())
        expect(fresh).not.toBe(value)
        yield* until("the result", Effect.map(a.read(), (now) => now === fresh))
        // A message of another release is not understood: everything may have changed.
        yield* until("both memories", areInMemory(a, b))
        yield* ask("UNLINK", ...keys.map(String))
        yield* ask("PUBLISH", `${prefix}:m`, "{}")
        yield* until("another load", Effect.map(a.read(), (now) => now !== fresh))
      })),
    timeout
  )
})
