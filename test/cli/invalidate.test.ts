/** The invalidations of the command beside other programs. */
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import type { CacheEntry } from "effect-cached"
import { MemoryStore } from "effect-cached/memory"
import { soften } from "../../src/cli/invalidate.ts"

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
      yield* store.set("a", written(3_600_000, "1"))
      const whileReplaced: typeof store = {
        ...store,
        get: (id, tags) => Effect.tap(store.get(id, tags), () => store.set(id, written(1000, "2")))
      }
      yield* soften(whileReplaced, "a", 0)
      expect((yield* store.get("a", [])).entry?.meta).toMatchObject({ expiresAt: 1000, softExpiresAt: Infinity })
      yield* soften(store, "a", 0)
      expect((yield* store.get("a", [])).entry?.meta).toMatchObject({ expiresAt: 1000, softExpiresAt: 0 })
    }))
})
