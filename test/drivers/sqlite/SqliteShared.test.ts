/** One SQLite file in two processes: leases, changes, locks. */
import { describe, expect } from "@effect/vitest"
import { Clock, Effect, Exit, Fiber, Stream } from "effect"
import type { Store } from "effect-cached/adapters"
import { SqliteStore } from "effect-cached/sqlite"
import { TestClock } from "effect/testing"
import { singly } from "../../../src/testing/internal/singly.ts"
import { changesOf, connection, entry, read } from "../../support/sqlite.ts"
import { storeFrom } from "../../support/storeFrom.ts"
import { tempDirectory } from "../../support/tempDirectory.ts"
import { test } from "../../support/tests.ts"

const asking = (owner: string) => ({ owner, leaseMillis: 1000, rejectedWriteId: undefined, join: false })

/** Two stores on one directory, as two processes would have them. */
const twoStores = (options?: Partial<SqliteStore.Options>) =>
  Effect.gen(function*() {
    const directory = yield* tempDirectory
    const a = yield* storeFrom(SqliteStore.layer({ directory, ...options }))
    const b = yield* storeFrom(SqliteStore.layer({ directory, ...options }))
    return { a, b, directory }
  })

describe("a lease between processes", () => {
  test("is not frozen by a clock that was set back", function*() {
    const { a, b } = yield* twoStores()
    yield* TestClock.setTime(10_000_000)
    yield* singly(a).acquire("id", asking("a"))
    yield* TestClock.setTime(1000)
    expect(yield* singly(b).acquire("id", asking("b"))).toEqual({ _tag: "Wait", leftMillis: 1000 })
    yield* TestClock.adjust("400 millis")
    expect(yield* singly(b).acquire("id", asking("b"))).toEqual({ _tag: "Wait", leftMillis: 600 })
    yield* TestClock.adjust("600 millis")
    expect(yield* singly(b).acquire("id", asking("b"))).toMatchObject({ _tag: "Granted" })
  })

  test("a process that led beside the holder is not put into the future by a clock that was set back", function*() {
    const { a, b } = yield* twoStores()
    const beside = (owner: string) => ({ ...asking(owner), leaseMillis: 900_000, join: { afterMillis: 200 } })
    yield* TestClock.setTime(10_000_000)
    yield* singly(a).acquire("id", { ...asking("a"), leaseMillis: 900_000 })
    yield* singly(a).acquire("id", beside("b"))
    yield* TestClock.setTime(1000)
    expect(yield* singly(b).acquire("id", beside("c"))).toEqual({ _tag: "Wait", leftMillis: 200 })
    yield* TestClock.adjust("200 millis")
    expect(yield* singly(b).acquire("id", beside("c"))).toMatchObject({ _tag: "Granted" })
  })

  test.each([10_000, 3_600_000])(
    "is taken for ended by a process whose clock is %i ms ahead: two load, one is stored",
    function*(millis) {
      const { a, b } = yield* twoStores()
      const clock = yield* Clock.Clock
      const currentTimeMillisUnsafe = () => clock.currentTimeMillisUnsafe() + millis
      const ahead: Clock.Clock = {
        ...clock,
        currentTimeMillisUnsafe,
        currentTimeMillis: Effect.sync(currentTimeMillisUnsafe),
        sleep: (duration) => clock.sleep(duration),
        monotonicTimeNanosUnsafe: () => clock.monotonicTimeNanosUnsafe()
      }
      const inFuture = Effect.provideService(Clock.Clock, ahead)
      const generationOf = (acquired: Store.Acquired) =>
        acquired._tag === "Granted" ? acquired.generation : acquired._tag
      const first = generationOf(yield* singly(a).acquire("id", asking("a")))
      const second = generationOf(yield* inFuture(singly(b).acquire("id", asking("b"))))
      expect(yield* inFuture(singly(b).commit("id", second, entry(2)))).toBe(true)
      expect(yield* singly(a).commit("id", first, entry(1))).toBe(false)
      expect(read(a, "id")).toEqual(entry(2))
      // And what is invalidated meanwhile is stored by neither.
      const third = generationOf(yield* singly(a).acquire("other", asking("a")))
      const fourth = generationOf(yield* inFuture(singly(b).acquire("other", asking("b"))))
      yield* singly(a).remove("other")
      expect(yield* inFuture(singly(b).commit("other", fourth, entry(1)))).toBe(false)
      expect(yield* singly(a).commit("other", third, entry(1))).toBe(false)
    }
  )

  test("remembers a failure for 999 milliseconds, and none from a future", function*() {
    const { a, b } = yield* twoStores()
    const fail = Effect.andThen(singly(a).acquire("id", asking("a")), a.release("id", "a", Uint8Array.of(1)))
    yield* fail
    yield* TestClock.adjust("999 millis")
    yield* fail
    yield* TestClock.adjust("999 millis")
    expect(yield* singly(b).acquire("id", asking("b"))).toMatchObject({
      failures: { count: 2, note: Uint8Array.of(1) }
    })
    yield* TestClock.adjust("1 millis")
    expect(yield* singly(b).acquire("id", asking("b"))).not.toHaveProperty("failures")
    yield* b.release("id", "b", Uint8Array.of(2))
    expect(yield* singly(a).acquire("id", asking("a"))).toMatchObject({ failures: { count: 1 } })
    yield* TestClock.setTime(0)
    expect(yield* singly(a).acquire("id", asking("a"))).not.toHaveProperty("failures")
  })

  test("dies with its generation: what was loaded too long is refused, and the row goes", function*() {
    const { a, b, directory } = yield* twoStores()
    const first = yield* singly(a).acquire("id", asking("a"))
    for (let i = 0; i < 500; i++) yield* singly(a).acquire(`id ${i}`, asking("a"))
    yield* TestClock.adjust("1 hour")
    expect(yield* singly(a).commit("id", (first as { generation: string }).generation, entry(1))).toBe(false)
    const next = yield* singly(b).acquire("id", asking("b"))
    expect(next).toMatchObject({ _tag: "Granted" })
    expect(next).not.toEqual(first)
    for (let i = 0; i < 1024; i++) yield* singly(a).acquire("same", asking("a"))
    const database = yield* connection(directory)
    expect(database.prepare("SELECT id FROM lease ORDER BY id").all()).toEqual([{ id: "id" }, { id: "same" }])
  })

  test("a hit, and having to wait, ask for no lock: another may be writing", function*() {
    const { a, b, directory } = yield* twoStores()
    yield* singly(a).set("hit", entry(1))
    yield* singly(a).acquire("taken", asking("a"))
    const database = yield* connection(directory)
    database.exec("BEGIN IMMEDIATE")
    expect(yield* singly(b).acquire("hit", asking("b"))).toMatchObject({ _tag: "Hit" })
    expect(yield* singly(b).acquire("taken", asking("b"))).toMatchObject({ _tag: "Wait" })
    const leading = yield* Effect.forkChild(Effect.flip(singly(b).acquire("free", asking("b"))), {
      startImmediately: true
    })
    yield* TestClock.adjust("1 second")
    expect(yield* Fiber.join(leading)).toMatchObject({ reason: "Timeout", operation: "acquire" })
  })

  test("is not granted, and no process waits, where another has stored since the look", function*() {
    const { a, b } = yield* twoStores()
    // Read when the lease is written.
    const meanwhile = {
      ...asking("a"),
      id: "id",
      get leaseMillis() {
        Effect.runSync(singly(b).set("id", entry(1)))
        return 5000
      }
    }
    const acquiring = yield* Effect.forkChild(a.acquire([meanwhile]), { startImmediately: true })
    expect(acquiring.pollUnsafe()).toMatchObject(Exit.succeed([{ _tag: "Hit" }]))
  })

  test("is not granted where another has got a lease since the look", function*() {
    const { a, b } = yield* twoStores()
    const meanwhile = {
      ...asking("a"),
      id: "id",
      get leaseMillis() {
        Effect.runSync(singly(b).acquire("id", asking("b")))
        return 5000
      }
    }
    expect(yield* a.acquire([meanwhile])).toMatchObject([{ _tag: "Wait" }])
  })

  test("no process reads an older state of the database after a hit: the log can be emptied", function*() {
    const { a, b, directory } = yield* twoStores()
    yield* singly(a).set("hit", entry(1))
    expect(yield* singly(b).acquire("hit", asking("b"))).toMatchObject({ _tag: "Hit" })
    yield* singly(a).set("hit", entry(2))
    const database = yield* connection(directory)
    expect(database.prepare("PRAGMA wal_checkpoint(TRUNCATE)").get()).toMatchObject({ busy: 0 })
  })
})

describe("changes", () => {
  test("arrive within 100 ms where they are listened to", function*() {
    const { a, b } = yield* twoStores()
    const listening = yield* Effect.forkChild(Stream.runCollect(Stream.take(b.changes, 3)), {
      startImmediately: true
    })
    yield* TestClock.adjust("10 seconds")
    yield* singly(a).set("1", entry(1))
    // A poll takes nothing away from a listener.
    expect(changesOf(b)).toHaveLength(1)
    yield* TestClock.adjust("100 millis")
    yield* singly(a).set("2", entry(1))
    yield* TestClock.adjust("100 millis")
    expect(listening.pollUnsafe()).toBeDefined()
    expect(yield* Fiber.join(listening)).toEqual([
      { _tag: "Coherent" },
      { _tag: "Changed", id: "1" },
      { _tag: "Changed", id: "2" }
    ])
  })

  test("that are no longer kept are a gap, and those after them are reported", function*() {
    const { a, b, directory } = yield* twoStores({ maxSize: "1 MiB" })
    for (let i = 0; i < 2000; i++) yield* singly(a).remove(`id ${i}`)
    const changes = changesOf(b)
    expect(changes[0]).toEqual({ _tag: "Gap", why: expect.stringMatching(/^more than [0-9]+ changes/) })
    expect(changes.at(-1)).toEqual({ _tag: "Changed", id: "id 1999" })
    yield* singly(a).remove("next")
    expect(changesOf(b)).toEqual([{ _tag: "Changed", id: "next" }])
    const database = yield* connection(directory)
    expect(database.prepare("SELECT count(*) AS n FROM change").get()!["n"]).toBeLessThanOrEqual(256 + 256)
  })

  test("of ten thousand are kept", function*() {
    const { a, b } = yield* twoStores()
    const tags = Array.from({ length: 9000 }, (_, i) => `tag ${i}`)
    yield* a.invalidateTags(tags)
    for (let i = 0; i < 900; i++) yield* singly(a).remove(`id ${i}`)
    const changes = changesOf(b)
    expect(changes).toHaveLength(9900)
    expect(changes).not.toContainEqual({ _tag: "Gap" })
    yield* a.invalidateTags([...tags, ...tags])
    expect(changesOf(b)).toEqual([{ _tag: "Gap" }])
  })

  test("of this process alone are no gap for it, however many it makes at once", function*() {
    const { a, b } = yield* twoStores()
    const ids = Array.from({ length: 12_000 }, (_, i) => `id ${i}`)
    yield* a.remove(ids)
    expect(changesOf(a)).toEqual([])
    yield* b.remove(["theirs"])
    yield* a.remove(ids)
    yield* a.remove(ids)
    expect(changesOf(a)).toEqual([{ _tag: "Gap", why: expect.stringMatching(/^more than 10000 changes/) }])
    expect(changesOf(b)[0]).toMatchObject({ _tag: "Gap" })
    yield* a.remove(ids)
    expect(changesOf(a)).toEqual([])
  })

  test("are no less of a gap after a large transaction that was undone", function*() {
    const { a, b } = yield* twoStores({ maxValue: "1 KB" })
    const removes = Array.from({ length: 12_000 }, (_, i) => ({ _tag: "Remove", id: `id ${i}` }) as const)
    const tooLarge = { _tag: "Set", id: "large", entry: entry(1, 10_000) } as const
    yield* Effect.flip(a.transact!({ checks: [], steps: [...removes, tooLarge] }))
    expect(changesOf(a)).toEqual([])
    yield* b.transact!({ checks: [], steps: [...removes, { _tag: "Remove", id: "last" }] })
    expect(changesOf(a)[0]).toMatchObject({ _tag: "Gap" })
  })

  test("are a gap if somebody has emptied their table, however many come before the next look", function*() {
    const { a, b, directory } = yield* twoStores()
    const database = yield* connection(directory)
    const ids = Array.from({ length: 10 }, (_, i) => `id ${i}`)
    yield* a.remove(ids)
    expect(changesOf(b)).toHaveLength(10)
    yield* a.remove(["unseen"])
    database.exec("DELETE FROM change")
    expect(changesOf(b)).toEqual([{ _tag: "Gap" }])
    expect(changesOf(b)).toEqual([])
    yield* a.remove(ids)
    changesOf(b)
    for (const some of [1, 10, 20]) {
      database.exec("DELETE FROM change")
      yield* a.remove(Array.from({ length: some }, (_, i) => `other ${i}`))
      expect(changesOf(b)).toContainEqual({ _tag: "Gap" })
      yield* a.remove(["next"])
      expect(changesOf(b)).toEqual([{ _tag: "Changed", id: "next" }])
    }
  })

  test("of a very long id are a gap", function*() {
    const { a, b } = yield* twoStores()
    yield* singly(a).remove("x".repeat(100_000))
    expect(changesOf(b)).toEqual([{ _tag: "Gap" }])
  })
})
