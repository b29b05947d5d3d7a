/**
 * A process that checks the laws of what it names, and prints a line for each: `laws.ts sqlite files …`. It runs under
 * any runtime, without a test framework.
 */
import { Cause, Effect, Exit, Layer, type Scope } from "effect"
import type { Store } from "effect-cached/adapters"
import { FilesStore } from "effect-cached/files"
import { KeyvStore } from "effect-cached/keyv"
import { MemoryStore } from "effect-cached/memory"
import { PersistenceStore } from "effect-cached/persistence"
import { SqliteGuards, SqliteStore } from "effect-cached/sqlite"
import {
  lastingStoreLaws,
  type Law,
  lockLaws,
  sharedStoreLaws,
  storeLaws,
  withTimePassing
} from "effect-cached/testing"
import { UnstorageStore } from "effect-cached/unstorage"
import { KeyValueStore } from "effect/persistence"
import { TestClock } from "effect/testing"
import { Keyv } from "keyv"
import { createStorage } from "unstorage"
import { endedRemovals } from "../support/endedRemovals.ts"
import { lockOf, processLock } from "../support/services.ts"
import { storeFrom } from "../support/storeFrom.ts"
import { tempDirectory } from "../support/tempDirectory.ts"

/** A line of the report. */
export interface Checked {
  readonly subject: string
  readonly law: string
  /** The violation; empty if the law holds. */
  readonly broken: string
}

const inDirectory = <A, E, R>(make: (directory: string) => Effect.Effect<A, E, R>) =>
  Effect.flatMap(tempDirectory, make)
const sqlite = (directory: string) => storeFrom(SqliteStore.layer({ directory }))
const files = (directory: string) => storeFrom(FilesStore.layer({ directory }))
const reopened = <A, E, R>(open: (directory: string) => Effect.Effect<A, E, R>) =>
  Effect.map(tempDirectory, (directory) => ({ open: open(directory) }))
const two = <A, E, R>(make: Effect.Effect<A, E, R>) => Effect.all([make, make])

const of = <E>(make: Effect.Effect<Store.Store, E, Scope.Scope>) => [...storeLaws(make), endedRemovals(make)]

/** The laws of everything that is kept somewhere, by what they are about. */
export const subjects: { readonly [name: string]: () => ReadonlyArray<Law> } = {
  memory: () => of(Effect.sync(() => MemoryStore.make())),
  sqlite: () => of<unknown>(inDirectory(sqlite)),
  "sqlite, two on one folder": () => sharedStoreLaws<unknown>(inDirectory((directory) => two(sqlite(directory)))),
  "sqlite, opened again": () => lastingStoreLaws<unknown, unknown>(reopened(sqlite)),
  files: () => of<unknown>(inDirectory(files)),
  "files, opened again": () => lastingStoreLaws<unknown, unknown>(reopened(files)),
  keyv: () => storeLaws(Effect.suspend(() => storeFrom(KeyvStore.layer(new Keyv({ throwOnErrors: true }))))),
  unstorage: () => storeLaws(Effect.suspend(() => storeFrom(UnstorageStore.layer(createStorage())))),
  "a KeyValueStore": () =>
    storeLaws(storeFrom(Layer.provide(PersistenceStore.layer(), Layer.fresh(KeyValueStore.layerMemory)))),
  "the lock of a process": () =>
    lockLaws(Effect.sync(() => {
      const lock = processLock()
      return [lock, lock]
    })),
  "the lock of a folder": () => lockLaws(inDirectory((directory) => two(lockOf(SqliteGuards.layer({ directory })))))
}

const check = async (subject: string, { name, run }: Law): Promise<Checked> => {
  const exit = await Effect.runPromiseExit(Effect.provide(withTimePassing(run), TestClock.layer()))
  return { subject, law: name, broken: Exit.isFailure(exit) ? Cause.pretty(exit.cause) : "" }
}

if (import.meta.main) {
  for (const subject of process.argv.slice(2)) {
    for (const law of subjects[subject]!()) console.log(JSON.stringify(await check(subject, law)))
  }
}
