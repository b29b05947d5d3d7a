/** `transact` of stores made from three functions, and of SQLite: the remains after a failed step. */
import { describe, expect } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { CacheError } from "effect-cached"
import { type CacheEntry, Store } from "effect-cached/adapters"
import { FilesStore } from "effect-cached/files"
import { MemoryStore } from "effect-cached/memory"
import { SqliteStore } from "effect-cached/sqlite"
import { singly } from "../../src/testing/internal/singly.ts"
import { start, started } from "../support/caches.ts"
import { entry } from "../support/stored.ts"
import { storeFrom } from "../support/storeFrom.ts"
import { tempDirectory } from "../support/tempDirectory.ts"
import { test } from "../support/tests.ts"

const set = (id: string, n: number): Store.TransactStep => ({ _tag: "Set", id, entry: entry(n) })

/** Three functions over a map, of which `set` fails for one id. */
const failingAt = (bad: string) => {
  const entries = new Map<string, CacheEntry.Stored>()
  const sync = Store.makeSync({
    name: "map",
    get: (id) => entries.get(id),
    set: (id, entry) => {
      if (id === bad) throw new Error("no")
      entries.set(id, entry)
    },
    remove: (id) => entries.delete(id)
  })
  const late = Store.make({
    name: "map",
    get: (id) => Effect.as(Effect.yieldNow, entries.get(id)),
    set: (id, entry) =>
      Effect.andThen(
        Effect.yieldNow,
        id === bad
          ? Effect.fail(new CacheError.StoreError({ store: "map", operation: "set", reason: "Unavailable" }))
          : Effect.sync(() => entries.set(id, entry))
      ),
    remove: (id) => Effect.andThen(Effect.yieldNow, Effect.sync(() => entries.delete(id)))
  })
  return { entries, sync, late }
}

describe("a step that fails", () => {
  for (const kind of ["sync", "late"] as const) {
    test(`leaves nothing of the transaction in a ${kind} storage`, function*() {
      const { entries, [kind]: store } = failingAt("c")
      yield* singly(store).set("a", entry(0))
      const steps: ReadonlyArray<Store.TransactStep> = [
        set("a", 1),
        set("b", 2),
        set("c", 3),
        { _tag: "Increment", name: "n", by: 1 }
      ]
      const error = yield* Effect.flip(store.transact!({ checks: [], steps }))
      expect([error.reason, error.operation]).toEqual(["Unavailable", kind === "sync" ? "transact" : "set"])
      expect([...entries.keys()]).toEqual([])
      expect(yield* store.increment("n", 0)).toBe(0)
    })
  }

  test("is undone with all others in a database", function*() {
    const store = yield* storeFrom(SqliteStore.layer({ directory: yield* tempDirectory, maxValue: 1000 }))
    yield* singly(store).set("a", entry(0))
    const { changesUnsafe } = store
    const large: CacheEntry.Stored = { ...entry(2), payload: new Uint8Array(1001) }
    const { reason } = yield* Effect.flip(store.transact!({
      checks: [],
      steps: [
        set("a", 1),
        { _tag: "InvalidateTags", mode: "hard", tags: [{ tag: "t", version: "0".repeat(24) }] },
        { _tag: "Set", id: "b", entry: large }
      ]
    }))
    expect(reason).toBe("TooLarge")
    expect((yield* store.get("a", ["t"])).entry?.meta.writeId).toBe(entry(0).meta.writeId)
    expect((yield* store.get("a", ["t"])).versions).toEqual([undefined])
    expect(changesUnsafe?.()).toEqual([])
  })
})

describe("transact", () => {
  test("refuses more steps, or bytes, than it takes at once, whole", function*() {
    const many = Array.from({ length: 20_001 }, (_, i) => set(`id ${i}`, i))
    const part: CacheEntry.Stored = { ...entry(1), payload: new Uint8Array(1024 ** 2) }
    const large = Array.from(
      { length: 33 },
      (_, i): Store.TransactStep => ({ _tag: "Set", id: `id ${i}`, entry: part })
    )
    const { late } = failingAt("")
    for (const store of [MemoryStore.make(), late]) {
      for (const steps of [many, large]) {
        const { reason } = yield* Effect.flip(store.transact!({ checks: [], steps }))
        expect(reason).toBe("TooLarge")
      }
      expect((yield* store.get("id 0", [])).entry).toBeUndefined()
    }
  })

  test("is missing where processes share a storage that has no step for several ids", function*() {
    const files = yield* storeFrom(FilesStore.layer({ directory: yield* tempDirectory }))
    const map = new Map<string, CacheEntry.Stored>()
    const shared = Store.make({
      name: "map",
      capabilities: { shared: true },
      get: (id) => Effect.sync(() => map.get(id)),
      set: (id, entry) => Effect.sync(() => void map.set(id, entry)),
      setIfAbsent: (id, entry) => Effect.sync(() => !map.has(id) && !!map.set(id, entry)),
      remove: (id) => Effect.sync(() => map.delete(id))
    })
    expect([files.transact, shared.transact]).toEqual([undefined, undefined])
  })

  test("holds its ids against other writes, and continues when its caller is interrupted", function*() {
    const { entries, late } = failingAt("")
    const fiber = yield* start(late.transact!({ checks: [], steps: [set("a", 1), set("b", 1)] }))
    const other = yield* start(singly(late).set("b", entry(2)))
    yield* started(Fiber.interrupt(fiber))
    expect(other.pollUnsafe()).toBeDefined()
    expect([entries.get("a"), entries.get("b")].map((stored) => stored?.meta.writeId))
      .toEqual([entry(1).meta.writeId, entry(2).meta.writeId])
  })
})
