/** A disk that is really full, and a log that grows: with real files on a small file system of their own. */
import { describe, expect, it } from "@effect/vitest"
import { Effect, type Scope } from "effect"
import type { Store } from "effect-cached/adapters"
import type { StoreError } from "effect-cached/CacheError"
import { SqliteGuards, SqliteStore } from "effect-cached/sqlite"
import { existsSync, readdirSync, rmSync, statfsSync, statSync, truncateSync } from "node:fs"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { singly } from "../../src/testing/internal/singly.ts"
import { fillDisk } from "../support/fullDisk.ts"
import { guardsOf } from "../support/services.ts"
import { smallDisk } from "../support/smallDisk.ts"
import { changesOf, entry, read } from "../support/sqlite.ts"
import { storeFrom } from "../support/storeFrom.ts"
import { tempDirectory } from "../support/tempDirectory.ts"
import { sleep, start, type Worker } from "./processes.ts"

const canMount = (() => {
  const disk = smallDisk(1)
  disk?.end()
  return disk !== undefined
})()

const disk = (megabytes: number) =>
  Effect.map(
    Effect.acquireRelease(Effect.sync(() => smallDisk(megabytes)!), ({ end }) => Effect.sync(end)),
    ({ directory }) => directory
  )

const fill = (directory: string) => void fillDisk(join(directory, "others"))

const freeBytes = (directory: string) => statfsSync(directory).bavail * statfsSync(directory).bsize

/** Writes until the disk is full for the cache, and answers how many were stored. */
const fillCache = Effect.fnUntraced(function*(store: Store.Store, bytes: number, count: number) {
  let stored = 0
  for (let i = 0; i < count; i++) {
    const exit = yield* Effect.exit(singly(store).set(`id ${i}`, entry(i & 255, bytes)))
    if (exit._tag === "Success") stored++
  }
  return stored
})

describe.skipIf(!canMount)("a disk that the cache itself has filled", () => {
  for (const megabytes of [4, 24]) {
    it.live(`(${megabytes} MB) is no end: old entries go, and new ones are stored`, () =>
      Effect.gen(function*() {
        const root = yield* disk(megabytes)
        const directory = join(root, "cache")
        const a = yield* storeFrom(SqliteStore.layer({ directory, storeTimeout: 50 }))
        const b = yield* storeFrom(SqliteStore.layer({ directory, storeTimeout: 50 }))
        yield* fillCache(a, 20_000, megabytes * 120)
        for (let i = 0; i < 20; i++) expect(yield* singly(a).set(`new ${i}`, entry(i, 20_000))).toBe(true)
        expect(read(b, "new 19")).toEqual(entry(19, 20_000))
        yield* singly(a).remove("new 19")
        yield* b.invalidateTags(["tag"])
        expect(read(b, "new 19")).toBeUndefined()
      }), 60_000)
  }

  it.live(
    "(24 MB) is no end either where all have ended while they made room: the reserve is gone",
    () =>
      Effect.gen(function*() {
        const root = yield* disk(24)
        const directory = join(root, "cache")
        const open = storeFrom(SqliteStore.layer({ directory, storeTimeout: 50 }))
        yield* Effect.scoped(Effect.flatMap(open, (store) => fillCache(store, 20_000, 24 * 40)))
        rmSync(join(directory, "cache.v2.reserve"))
        fill(root)
        // Enough to open it, too little for the reserve.
        truncateSync(join(root, "others"), statSync(join(root, "others")).size - 1024 ** 2)
        const [a, b] = [yield* open, yield* open]
        expect(yield* singly(a).set("new", entry(1, 20_000))).toBe(true)
        expect(read(b, "new")).toEqual(entry(1, 20_000))
        expect(read(b, `id ${24 * 40 - 1}`), "only as much goes as is needed").toBeDefined()
      }),
    60_000
  )
})

describe.skipIf(!canMount)("a disk that others have filled", () => {
  for (const megabytes of [4, 24]) {
    for (const log of ["full", "empty"]) {
      it.live(
        `(${megabytes} MB, log ${log}) takes invalidations, and values when there is room again`,
        () =>
          Effect.gen(function*() {
            const root = yield* disk(megabytes)
            const directory = join(root, "cache")
            const a = yield* storeFrom(SqliteStore.layer({ directory, storeTimeout: 50 }))
            const b = yield* storeFrom(SqliteStore.layer({ directory, storeTimeout: 50 }))
            yield* fillCache(a, 20_000, megabytes * 15)
            if (log === "empty") {
              const database = new DatabaseSync(join(directory, "cache.v2.1.db"))
              database.exec("PRAGMA wal_checkpoint(TRUNCATE)")
              database.close()
            }
            fill(root)
            expect(freeBytes(root)).toBe(0)
            for (let i = 0; i < megabytes * 15; i++) yield* singly(a).remove(`id ${i}`)
            yield* a.invalidateTags(Array.from({ length: 100 }, (_, i) => `tag ${i}`))
            yield* a.clear
            for (let i = 0; i < megabytes * 15; i++) expect(read(b, `id ${i}`)).toBeUndefined()
            rmSync(join(root, "others"))
            yield* Effect.sleep(200)
            expect(yield* singly(a).set("again", entry(1, 20_000))).toBe(true)
            expect(read(b, "again")).toEqual(entry(1, 20_000))
            // And what is kept for the next time is back.
            expect(statSync(join(directory, "cache.v2.reserve")).size).toBe(2 * 1024 ** 2)
          }),
        60_000
      )
    }
  }

  it.live(
    "keeps its values, and stores no further ones: only an invalidation removes some",
    () =>
      Effect.gen(function*() {
        const root = yield* disk(16)
        const a = yield* storeFrom(SqliteStore.layer({ directory: join(root, "cache"), storeTimeout: 50 }))
        const lease = { owner: "a", leaseMillis: 1000, rejectedWriteId: undefined, join: false }
        yield* singly(a).acquire("id", lease)
        expect(yield* fillCache(a, 20_000, 40)).toBe(40)
        fill(root)
        for (let i = 0; i < 5; i++) {
          expect((yield* Effect.flip(singly(a).set(`new ${i}`, entry(i, 20_000)))).reason).toBe("Full")
        }
        yield* Effect.exit(a.release("id", "a"))
        expect(yield* a.size).toBe(40)
        // The oldest entries make room for it.
        yield* singly(a).remove("id 39")
        expect(read(a, "id 39")).toBeUndefined()
        rmSync(join(root, "others"))
        yield* Effect.sleep(200)
        expect(yield* singly(a).set("again", entry(3, 20_000))).toBe(true)
      }),
    60_000
  )

  it.live("also at a start: what is stored is served, and invalidations are taken", () =>
    Effect.gen(function*() {
      const root = yield* disk(4)
      const directory = join(root, "cache")
      const open = storeFrom(SqliteStore.layer({ directory, maxSize: "1 MiB", storeTimeout: 50 }))
      yield* Effect.scoped(Effect.flatMap(open, (store) => fillCache(store, 20_000, 20)))
      fill(root)
      const a = yield* open
      const b = yield* open
      expect(read(b, "id 1")).toEqual(entry(1, 20_000))
      yield* singly(a).remove("id 1")
      expect(read(b, "id 1")).toBeUndefined()
      expect(read(b, "id 2")).toEqual(entry(2, 20_000))
      rmSync(join(root, "others"))
      yield* Effect.sleep(200)
      expect(yield* singly(b).set("again", entry(3, 20_000))).toBe(true)
    }), 60_000)

  it.live(
    "at a start where also the reserve is gone: refused as full, and opened once there is room",
    () =>
      Effect.gen(function*() {
        const root = yield* disk(4)
        const directory = join(root, "cache")
        const guards = guardsOf(SqliteGuards.layer({ directory }))
        const store = storeFrom(SqliteStore.layer({ directory, maxSize: "1 MiB", storeTimeout: 50 }))
        const write = Effect.flatMap(store, (store) => singly(store).set("id", entry(1, 2000)))
        yield* Effect.scoped(Effect.andThen(guards, write))
        rmSync(join(directory, "cache.v2.reserve"))
        fill(root)
        for (const open of [store, guards]) {
          expect(yield* Effect.flip(Effect.scoped<unknown, StoreError, Scope.Scope>(open))).toMatchObject({
            _tag: "StoreError",
            reason: "Full"
          })
        }
        rmSync(join(root, "others"))
        yield* guards
        expect(read(yield* store, "id")).toEqual(entry(1, 2000))
      }),
    60_000
  )

  it.live("where also the reserve is gone: the full database is left for the next one", () =>
    Effect.gen(function*() {
      const root = yield* disk(8)
      const directory = join(root, "cache")
      const a = yield* storeFrom(SqliteStore.layer({ directory, storeTimeout: 50 }))
      const b = yield* storeFrom(SqliteStore.layer({ directory, storeTimeout: 50 }))
      yield* fillCache(a, 20_000, 100)
      expect(read(b, "id 1")).toEqual(entry(1, 20_000))
      // The log has no room of its own either.
      const database = new DatabaseSync(join(directory, "cache.v2.1.db"))
      database.exec("PRAGMA wal_checkpoint(TRUNCATE)")
      database.close()
      rmSync(join(directory, "cache.v2.reserve"))
      fill(root)
      // Refused while the other still has the file, whose room comes back when it looks for changes, every 50 ms.
      yield* Effect.exit(singly(a).remove("id 1"))
      yield* Effect.exit(Effect.try(() => changesOf(b)))
      yield* singly(a).remove("id 1")
      yield* a.invalidateTags(["tag"])
      expect(read(b, "id 1")).toBeUndefined()
      rmSync(join(root, "others"))
      yield* Effect.sleep(200)
      expect(yield* singly(a).set("again", entry(2, 20_000))).toBe(true)
      expect(read(b, "again")).toEqual(entry(2, 20_000))
    }), 60_000)

  it.live("stores nothing before there is room for the reserve, and removes", () =>
    Effect.gen(function*() {
      const root = yield* disk(8)
      const directory = join(root, "cache")
      const a = yield* storeFrom(SqliteStore.layer({ directory, storeTimeout: 50 }))
      yield* singly(a).set("id", entry(1, 20_000))
      rmSync(join(directory, "cache.v2.reserve"))
      fill(root)
      yield* singly(a).remove("id")
      // Room for a value, but not for the reserve.
      truncateSync(join(root, "others"), statSync(join(root, "others")).size - 1024 ** 2)
      yield* Effect.sleep(200)
      const { reason } = yield* Effect.flip(singly(a).set("id", entry(2, 2000)))
      expect(reason).toBe("Full")
      expect(read(a, "id")).toBeUndefined()
      yield* a.invalidateTags(["tag"])
      rmSync(join(root, "others"))
      yield* Effect.sleep(200)
      expect(yield* singly(a).set("id", entry(3, 2000))).toBe(true)
    }), 60_000)

  it.live("also takes them while a stopped process has the database open", () =>
    Effect.gen(function*() {
      const root = yield* disk(24)
      const directory = join(root, "cache")
      const stopped = yield* Effect.acquireRelease(
        Effect.promise(start),
        (worker) => Effect.promise(() => worker.end())
      )
      const options = { directory, file: join(yield* tempDirectory, "recording.jsonl") }
      yield* Effect.promise(() => stopped.ask({ do: "open", options }))
      yield* Effect.promise(() => stopped.ask({ do: "read", key: "k" }))
      const a = yield* storeFrom(SqliteStore.layer({ directory, storeTimeout: 50 }))
      yield* fillCache(a, 20_000, 400)
      stopped.signal("SIGSTOP")
      fill(root)
      for (let i = 0; i < 400; i++) yield* singly(a).remove(`id ${i}`)
      yield* a.invalidateTags(["tag"])
      const b = yield* storeFrom(SqliteStore.layer({ directory, storeTimeout: 50 }))
      for (let i = 0; i < 400; i++) expect(read(b, `id ${i}`)).toBeUndefined()
      rmSync(join(root, "others"))
      yield* Effect.sleep(200)
      expect(yield* singly(a).set("again", entry(1, 20_000))).toBe(true)
      expect(read(b, "again")).toEqual(entry(1, 20_000))
      stopped.signal("SIGCONT")
      yield* Effect.promise(() => sleep(300))
      expect((yield* Effect.promise(() => stopped.ask({ do: "read", key: "new" }))).served).toBe(1)
    }), 60_000)
})

describe("the log beside a database", () => {
  const logOf = (directory: string, generation = 1) => {
    const file = join(directory, `cache.v2.${generation}.db-wal`)
    return existsSync(file) ? statSync(file).size : 0
  }

  it.live("stays within its bound under four writers at full speed", () =>
    Effect.gen(function*() {
      const directory = join(yield* tempDirectory, "cache")
      const workers = yield* Effect.acquireRelease(
        Effect.promise(() => Promise.all([1, 2, 3, 4].map(start))),
        (workers) => Effect.promise(() => Promise.all(workers.map((worker) => worker.end())))
      )
      const options = { directory, file: join(yield* tempDirectory, "recording.jsonl"), maxSize: "20 MB" as const }
      yield* Effect.promise(() => Promise.all(workers.map((worker) => worker.ask({ do: "open", options }))))
      let most = 0
      const look = setInterval(() => {
        for (const generation of [1, 2, 3]) most = Math.max(most, logOf(directory, generation))
      }, 5)
      const write = async (worker: Worker, n: number) => {
        const end = performance.now() + 4000
        for (let i = 0; performance.now() < end; i++) {
          const keys = Array.from({ length: 32 }, (_, k) => `${n} ${i} ${k}`)
          await Promise.all(keys.map((key) => worker.ask({ do: "set", key, value: "x".repeat(20_000) })))
        }
      }
      yield* Effect.promise(() => Promise.all(workers.map(write)))
      clearInterval(look)
      // The bound is 2 MiB, and each writer may be in the middle of a transaction.
      expect(most).toBeLessThan(6 * 1024 ** 2)
      expect(readdirSync(directory).filter((name) => name.endsWith(".db"))).toEqual(["cache.v2.1.db"])
    }), 60_000)

  it.live(
    "is left for the next database where a reader never ends, and invalidations pass all the time",
    () =>
      Effect.gen(function*() {
        const directory = yield* tempDirectory
        const store = yield* storeFrom(SqliteStore.layer({ directory, maxSize: "1 MiB", storeTimeout: 50 }))
        yield* singly(store).set("id", entry(1))
        const reader = yield* Effect.acquireRelease(
          Effect.sync(() => new DatabaseSync(join(directory, "cache.v2.1.db"))),
          (database) => Effect.sync(() => database.close())
        )
        reader.exec("BEGIN; SELECT count(*) FROM entry")
        let refused = 0
        const until = performance.now() + 1500
        for (let i = 0; performance.now() < until; i++) {
          const exit = yield* Effect.exit(singly(store).set(`id ${i % 20}`, entry(i & 255, 20_000)))
          if (exit._tag === "Failure") refused++
          yield* Effect.sleep(10)
        }
        expect(refused).toBeGreaterThan(3)
        expect(logOf(directory)).toBeLessThan(3 * 128 * 1024)
        // Nothing but invalidations from here on.
        for (let i = 0; i < 3000 && existsSync(join(directory, "cache.v2.1.db")); i++) {
          yield* singly(store).remove(`id ${i}`)
        }
        yield* singly(store).remove("id")
        expect(existsSync(join(directory, "cache.v2.1.db"))).toBe(false)
        expect(yield* singly(store).set("id", entry(2, 20_000))).toBe(true)
        expect(read(store, "id")).toEqual(entry(2, 20_000))
      }),
    60_000
  )
})
