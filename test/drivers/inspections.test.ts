/** The inspections of the stores in a folder. */
import { describe, expect } from "@effect/vitest"
import { Effect, Stream } from "effect"
import type { CacheEntry } from "effect-cached/adapters"
import { FilesStore } from "effect-cached/files"
import { SqliteStore } from "effect-cached/sqlite"
import { singly } from "../../src/testing/internal/singly.ts"
import { storeFrom } from "../support/storeFrom.ts"
import { tempDirectory } from "../support/tempDirectory.ts"
import { test } from "../support/tests.ts"

describe("an inspection of a folder", () => {
  const meta: CacheEntry.Meta = {
    ...{ createdAt: 0, softExpiresAt: Infinity, expiresAt: Infinity, loadMillis: 0, outcome: "success" as const },
    ...{ tags: [], writeId: "0".repeat(32), serializer: 5 }
  }

  test.live.each(["disk", "files"] as const)(
    "of %s lists the ids of a prefix, and each once while others write",
    function*(kind) {
      const directory = yield* tempDirectory
      const driver = kind === "disk" ? SqliteStore : FilesStore
      const store = yield* storeFrom(driver.layer({ directory }))
      const odd = ["a", "aa", "a\u0000", "a\ud800", "\u{1f600}a", "\ud83d", "~", "z\uffff", "b"]
      const all = [...odd, ...Array.from({ length: 600 }, (_, i) => `b${i}`)]
      yield* store.set(all.map((id) => ({ id, entry: { meta, payload: new Uint8Array(1) } })))
      const { entries } = yield* driver.inspect({ directory })
      for (const prefix of ["", "a", "aa", "b", "b1", "\ud83d", "\u{1f600}", "none", "z\uffff", "a\u0000"]) {
        const seen = yield* Stream.runCollect(Stream.map(entries({ prefix }), ({ id }) => id))
        expect([prefix, seen.toSorted()]).toEqual([prefix, all.filter((id) => id.startsWith(prefix)).toSorted()])
      }
      const rewritten: Array<string> = []
      const writing = Stream.runForEach(entries(), ({ entry, id }) => {
        rewritten.push(id)
        return Effect.andThen(
          singly(store).set(id, entry!),
          rewritten.length > all.length ? Effect.die("twice") : Effect.void
        )
      })
      yield* writing
      expect(rewritten.toSorted()).toEqual(all.toSorted())
    }
  )
})
