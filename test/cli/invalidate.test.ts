/** The invalidations of the command beside other programs. */
import { describe, expect, it } from "@effect/vitest"
import { Effect, Stream } from "effect"
import type { CacheEntry } from "effect-cached/adapters"
import { MemoryStore } from "effect-cached/memory"
import { soften } from "../../src/cli/invalidate.ts"
import { removeMatching } from "../../src/cli/rm.ts"
import * as Glob from "../../src/internal/text/glob.ts"
import { singly } from "../../src/testing/internal/singly.ts"
import { entry } from "../support/stored.ts"

it.effect("an invalidation by pattern keeps programs from storing what they are loading", () =>
  Effect.gen(function*() {
    const store = MemoryStore.make()
    const acquire = (id: string) =>
      Effect.map(
        singly(store).acquire(id, { owner: "a", leaseMillis: 1000, rejectedWriteId: undefined, join: false }),
        (acquired) => acquired._tag === "Granted" ? acquired.generation : ""
      )
    const [matching, other] = [yield* acquire("user:1"), yield* acquire("page:1")]
    yield* singly(store).set("user:2", entry(1))
    yield* removeMatching(store, Glob.make("user:*"))
    expect(yield* singly(store).commit("user:1", matching, entry(2))).toBe(false)
    expect(yield* singly(store).commit("page:1", other, entry(3))).toBe(true)
    expect(Array.from(yield* Stream.runCollect(store.scan()), ({ id }) => id)).toEqual(["page:1"])
  }))

describe("a soft invalidation of an id", () => {
  it.effect("leaves an entry as it is that another program writes meanwhile", () =>
    Effect.gen(function*() {
      const store = MemoryStore.make()
      const written = (expiresAt: number, digit: string): CacheEntry.Stored => ({
        meta: { ...meta, expiresAt, writeId: digit.repeat(32) },
        payload: new Uint8Array(1)
      })
      const meta = {
        createdAt: 0,
        softExpiresAt: Infinity,
        loadMillis: 0,
        outcome: "success",
        tags: [],
        serializer: 5
      } as const
      yield* singly(store).set("a", written(3_600_000, "1"))
      const whileReplaced: typeof store = {
        ...store,
        get: (id, tags) => Effect.tap(store.get(id, tags), () => singly(store).set(id, written(1000, "2")))
      }
      yield* soften(whileReplaced, "a", 0)
      expect((yield* store.get("a", [])).entry?.meta).toMatchObject({ expiresAt: 1000, softExpiresAt: Infinity })
      yield* soften(store, "a", 0)
      expect((yield* store.get("a", [])).entry?.meta).toMatchObject({ expiresAt: 1000, softExpiresAt: 0 })
    }))
})
