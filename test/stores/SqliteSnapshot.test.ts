/** Reads of one step are one transaction, which nobody can tell from reads of their own. */
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import * as SqliteStore from "effect-cached/stores/SqliteStore"
import { connection, entry, read, type SqliteStoreType } from "../support/sqlite.ts"
import { tempDirectory } from "../support/tempDirectory.ts"

/** So many reads that they are one transaction. */
const readOften = (store: SqliteStoreType, id = "id") => {
  let found = read(store, id)
  for (let i = 0; i < 20; i++) found = read(store, id)
  return found
}

/** The program is busy. */
const busyFor = (millis: number) => {
  for (const until = performance.now() + millis; performance.now() < until;);
}

/** A store with an entry, and a connection as another process would have it. */
const make = Effect.gen(function*() {
  const directory = yield* tempDirectory
  const store = yield* SqliteStore.make({ directory })
  yield* store.set("id", entry(1))
  const other = yield* connection(directory)
  const removeAll = () => other.exec("DELETE FROM entry")
  const emptyLog = () => Number(other.prepare("PRAGMA wal_checkpoint(TRUNCATE)").get()!["busy"])
  return { directory, emptyLog, removeAll, store }
})

describe("reads of one step of the program", () => {
  it.effect("see what another process has committed before the step began", () =>
    Effect.gen(function*() {
      const { removeAll, store } = yield* make
      expect(readOften(store)).toEqual(entry(1))
      yield* Effect.promise(() => Promise.resolve())
      removeAll()
      expect(read(store, "id")).toBeUndefined()
    }))

  it.effect("see what this process writes in that step, through this store or another one", () =>
    Effect.gen(function*() {
      const { directory, store } = yield* make
      const another = yield* SqliteStore.make({ directory })
      for (const [i, by] of [store, another, store, another].entries()) {
        readOften(store)
        Effect.runSync(by.set("id", entry(i + 2)))
        expect(read(store, "id")).toEqual(entry(i + 2))
        expect(read(another, "id")).toEqual(entry(i + 2))
      }
    }))

  it.live("see what another process commits while the step takes long", () =>
    Effect.gen(function*() {
      const { removeAll, store } = yield* make
      expect(readOften(store)).toEqual(entry(1))
      removeAll()
      busyFor(5)
      expect(read(store, "id")).toBeUndefined()
    }))

  it.effect("keep nobody from emptying the log afterwards", () =>
    Effect.gen(function*() {
      const { emptyLog, removeAll, store } = yield* make
      readOften(store)
      removeAll()
      expect(emptyLog()).toBe(1)
      yield* Effect.promise(() => Promise.resolve())
      expect(emptyLog()).toBe(0)
    }))

  it.effect("go on where the database was replaced meanwhile, and close the former one", () =>
    Effect.gen(function*() {
      const { directory, store } = yield* make
      readOften(store)
      const { rmSync } = yield* Effect.promise(() => import("node:fs"))
      rmSync(directory, { recursive: true })
      readOften(store)
      yield* store.set("id", entry(2))
      expect(readOften(store)).toEqual(entry(2))
    }))
})
