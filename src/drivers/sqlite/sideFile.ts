/** A small SQLite database for locks or guards, separate from the database of a cache. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Scheduler from "effect/Scheduler"
import type * as Scope from "effect/Scope"
import * as fs from "node:fs"
import * as path from "node:path"
import { DatabaseSync } from "node:sqlite"
import { backoff as limits } from "../../internal/defaults/folders.ts"
import { lastingDispatcher } from "../../internal/time/lastingDispatcher.ts"
import { monotonicMillis } from "../../internal/time/monotonic.ts"
import { makeFolder, requirePlainFile } from "../shared/folderTrust.ts"
import { isBusy, isDamage, isDetached, reasonOf } from "./fault.ts"
import { atomically, busyMillis, pragma } from "./file/schema.ts"
import type { FolderOptions } from "./options.ts"
import * as Backoff from "./transactions/backoff.ts"
import { countOperation } from "./transactions/snapshot.ts"

/** How many times to try to open the file, which may be removed during an attempt, perhaps with its folder. */
const mostOpens = 8

interface Options<Statements, E> extends FolderOptions {
  readonly name: string
  /** The version of the schema, which is part of the file name. */
  readonly format: number
  readonly schema: string
  readonly prepare: (database: DatabaseSync) => Statements
  readonly toError: (operation: string, cause: unknown) => E
}

interface Opened<Statements> {
  readonly database: DatabaseSync
  readonly inode: number | undefined
  readonly statements: Statements
}

export interface SideFile<Statements, E = unknown> extends Options<Statements, E> {
  readonly file: string
  readonly backoff: Backoff.Backoff
  opened: Opened<Statements> | undefined
  isClosed: boolean
}

/** Opens the file until the scope closes. `operation` is passed to `toError` if the file cannot be opened. */
export const make = <Statements, E extends { readonly cause?: unknown }>(
  operation: string,
  options: Options<Statements, E>
): Effect.Effect<SideFile<Statements, E>, E, Scope.Scope> =>
  Effect.withFiber((fiber) => {
    const clock = fiber.getRef(Clock.Clock)
    const dispatcher = lastingDispatcher(fiber.getRef(Scheduler.Scheduler))
    const { directory, format, name } = options
    const self: SideFile<Statements, E> = {
      ...options,
      file: path.join(directory, `${name}.v${format}.db`),
      backoff: Backoff.make(() => monotonicMillis(clock), dispatcher),
      opened: undefined,
      isClosed: false
    }
    const opened = Effect.as(attempt(self, operation, () => {}), self)
    return Effect.acquireRelease(opened, () => Effect.sync(() => close(self)))
  })

/** Runs steps, and repeats them while another process holds the lock. This is safe: refused steps change nothing. */
export const attempt = <Statements, E extends { readonly cause?: unknown }, A>(
  self: SideFile<Statements, E>,
  operation: string,
  steps: (statements: Statements, clock: Clock.Clock) => A
): Effect.Effect<A, E> =>
  Effect.clockWith((clock) => {
    const { backoff, toError } = self
    const once = Effect.try({
      try: () => run(self, (statements) => steps(statements, clock)),
      catch: (cause) => toError(operation, cause)
    })
    return Backoff.retrying(once, {
      millis: limits.sideFileMillis,
      refusedBy: ({ cause }) => isBusy(cause) ? { backoff, thrown: cause } : undefined
    })
  })

/** Runs steps in one write transaction. Must be called within `attempt`. */
export const write = <Statements, A>({ backoff, opened }: SideFile<Statements>, steps: () => A): A =>
  Backoff.attempt(backoff, () => atomically(opened!.database, steps))

/** Runs steps on the file. Opens the file first if it is not open or was replaced. */
const run = <Statements, A>(self: SideFile<Statements>, steps: (statements: Statements) => A): A => {
  try {
    return steps(current(self).statements)
  } catch (thrown) {
    // Closes the file. The next operation opens it again, in case it has been repaired or restored.
    if (isDamage(thrown) || isDetached(thrown)) leave(self)
    throw thrown
  } finally {
    countOperation()
  }
}

const current = <Statements>(self: SideFile<Statements>): Opened<Statements> => {
  if (self.isClosed) throw new Error(`the file of ${self.name} is closed`)
  if (self.opened !== undefined && self.opened.inode === inodeOf(self.file)) return self.opened
  leave(self)
  return self.opened = openStaying(self)
}

const openStaying = <Statements>(self: SideFile<Statements>): Opened<Statements> => {
  for (let opens = 1;; opens++) {
    try {
      makeFolder(self.directory, self.trustFolder)
      requirePlainFile(self.file, self.trustFolder)
      return open(self)
    } catch (thrown) {
      if (!isDetached(thrown) || reasonOf(thrown, "open") === "Full" || opens === mostOpens) throw thrown
    }
  }
}

const open = <Statements>({ file, format, prepare, schema }: SideFile<Statements>): Opened<Statements> => {
  const database = new DatabaseSync(file, { timeout: busyMillis })
  try {
    if (pragma(database, "user_version") === 0) {
      database.exec("PRAGMA journal_mode = WAL")
      atomically(database, () => {
        if (pragma(database, "user_version") === 0) database.exec(`${schema}; PRAGMA user_version = ${format}`)
      })
    }
    if (pragma(database, "user_version") !== format) throw new Error(`${file} belongs to another release`)
    database.exec("PRAGMA synchronous = NORMAL")
    return { database, inode: inodeOf(file), statements: prepare(database) }
  } catch (thrown) {
    database.close()
    throw thrown
  }
}

const inodeOf = (file: string): number | undefined => fs.statSync(file, { throwIfNoEntry: false })?.ino

const leave = <Statements>(self: SideFile<Statements>): void => {
  self.opened?.database.close()
  self.opened = undefined
}

const close = <Statements>(self: SideFile<Statements>): void => {
  self.isClosed = true
  leave(self)
}
