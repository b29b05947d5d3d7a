/** A small database beside that of a cache: the file of locks, and the file of guards. */
import * as fs from "node:fs"
import * as path from "node:path"
import { DatabaseSync } from "node:sqlite"
import { makeFolder, requirePlainFile } from "../shared/folderTrust.ts"
import { isDamage, isDetached, reasonOf } from "./fault.ts"
import { atomically, pragma } from "./file/schema.ts"
import { countOperation } from "./transactions/snapshot.ts"

/** How long SQLite itself waits, in milliseconds. That blocks the process, so a schedule does the rest of the waiting. */
const busyMillis = 5

/** How often a file is opened that is removed meanwhile, perhaps with its folder. */
const mostOpens = 8

interface Options<Statements> {
  readonly directory: string
  readonly trustFolder: boolean
  /** the name of the file, without its format */
  readonly name: string
  /** goes up with every change of the schema, and is a part of the name of the file */
  readonly format: number
  readonly schema: string
  readonly prepare: (database: DatabaseSync) => Statements
}

export interface SideFile<Statements> {
  /** Runs steps on the file in the directory, which is opened if it is not open, or was replaced. Throws what SQLite throws. */
  readonly run: <A>(steps: (opened: Statements, database: DatabaseSync) => A) => A
  readonly close: () => void
}

interface Opened<Statements> {
  readonly database: DatabaseSync
  readonly inode: number | undefined
  readonly statements: Statements
}

export const make = <Statements>(options: Options<Statements>): SideFile<Statements> => {
  const { directory, format, name, trustFolder } = options
  const file = path.join(directory, `${name}.v${format}.db`)
  let opened: Opened<Statements> | undefined
  let isClosed = false
  const leave = () => {
    opened?.database.close()
    opened = undefined
  }
  const current = (): Opened<Statements> => {
    if (isClosed) throw new Error(`The file of ${name} is closed`)
    if (opened !== undefined && opened.inode === inodeOf(file)) return opened
    leave()
    return opened = openStaying()
  }
  const openStaying = (): Opened<Statements> => {
    for (let opens = 1;; opens++) {
      try {
        makeFolder(directory, trustFolder)
        requirePlainFile(file, trustFolder)
        return open(file, options)
      } catch (thrown) {
        if (!isDetached(thrown) || reasonOf(thrown, "open") === "Full" || opens === mostOpens) throw thrown
      }
    }
  }
  return {
    close: () => {
      isClosed = true
      leave()
    },
    run: (steps) => {
      try {
        const { database, statements } = current()
        return steps(statements, database)
      } catch (thrown) {
        // the next operation opens it again, and it may have been repaired
        if (isDamage(thrown) || isDetached(thrown)) leave()
        throw thrown
      } finally {
        countOperation()
      }
    }
  }
}

const inodeOf = (file: string): number | undefined => fs.statSync(file, { throwIfNoEntry: false })?.ino

const open = <Statements>(file: string, { format, prepare, schema }: Options<Statements>): Opened<Statements> => {
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
