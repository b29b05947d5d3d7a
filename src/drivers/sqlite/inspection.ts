/** Reads a database through a connection of its own that cannot write. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Scheduler from "effect/Scheduler"
import * as Stream from "effect/Stream"
import * as fs from "node:fs"
import type { DatabaseSync, StatementSync } from "node:sqlite"
import { crc32 } from "node:zlib"
import type { StoreError } from "../../CacheError.ts"
import * as Frame from "../../internal/codec/frame.ts"
import { inspectedBytes } from "../../internal/defaults/folders.ts"
import { lastingDispatcher } from "../../internal/time/lastingDispatcher.ts"
import { monotonicMillis } from "../../internal/time/monotonic.ts"
import type { Inspected, Inspection } from "../../ports/inspection.ts"
import { requireOwn, requirePlainFile } from "../shared/folderTrust.ts"
import * as Connection from "./connection.ts"
import * as Databases from "./file/databases.ts"
import * as File from "./file/schema.ts"
import * as Operations from "./operations.ts"
import type { FolderOptions } from "./options.ts"

type Attempt = <A>(operation: string, run: () => A) => Effect.Effect<A, StoreError>

interface Options extends FolderOptions {
  readonly millis: number
}

export const open = Effect.fnUntraced(function*({ directory, millis, trustFolder }: Options) {
  const clock = yield* Clock.Clock
  const dispatcher = lastingDispatcher(yield* Scheduler.Scheduler)
  const retrying = { backoffs: Connection.makeBackoffs(() => monotonicMillis(clock), dispatcher), millis }
  const attempt: Attempt = (operation, run) => Operations.attempt(operation, retrying, run)
  const database = yield* Effect.acquireRelease(
    attempt("open", () => {
      const file = fs.existsSync(directory) ? Databases.fileInUse(directory) : undefined
      if (file === undefined || !fs.existsSync(file)) throw new Error(Databases.whatIsIn(directory))
      requireOwn(directory, trustFolder)
      requirePlainFile(file, trustFolder)
      return File.openToRead(file)
    }),
    (database) => Effect.sync(() => File.close(database))
  )
  return yield* attempt("open", () => over(database, attempt))
})

const over = (database: DatabaseSync, attempt: Attempt): Inspection => {
  const entry = database.prepare("SELECT frame FROM entry WHERE id = ?")
  const marker = database.prepare("SELECT version FROM marker WHERE tag = ?")
  // Lists by id, not by `seq`: a write moves an entry to the end of `seq`, where a copy to the same cache would find it
  // again and again.
  const pageFrom = (operator: ">=" | ">") => {
    const page = database.prepare(`SELECT id, frame FROM entry WHERE id ${operator} ? ORDER BY id LIMIT 256`)
    page.setReturnArrays(true)
    return page
  }
  const [first, next] = [pageFrom(">="), pageFrom(">")]
  return {
    get: (id, tags) =>
      attempt("get", () => {
        const frame = entry.get(File.toColumn(id))?.["frame"]
        const stored = frame instanceof Uint8Array ? Frame.decode(id, frame, crc32) : undefined
        const versions = tags.map((tag) => marker.get(File.toColumn(tag))?.["version"] as string | undefined)
        return { entry: stored, versions, isDamaged: frame !== undefined && stored === undefined }
      }),
    entries: ({ prefix = "" } = {}) => {
      const from = prefix === "" ? beforeAllIds : File.toColumn(prefix)
      // Only a prefix that is stored as text stands before all texts that begin with it.
      const start: Column = from instanceof Uint8Array ? beforeAllIds : from
      const isRange = start !== beforeAllIds
      return Stream.paginate<Place, Inspected, StoreError>(
        { page: first, after: start },
        ({ after, page }) =>
          attempt("scan", () => {
            const { found, last } = readPage(page.iterate(after) as Iterable<any>, prefix, isRange)
            return [found, Option.map(last, (after) => ({ page: next, after }))]
          })
      )
    }
  }
}

/** An id as it is stored: a text, or after all texts, the bytes of one that is not well-formed. */
type Column = string | number | Uint8Array

const beforeAllIds = -Infinity
const afterAllTexts = new Uint8Array(1)

interface Place {
  readonly page: StatementSync
  readonly after: Column
}

/** Reads a page, which ends early after a few megabytes, and says after which id the next one begins. */
const readPage = (rows: Iterable<readonly [id: Column, frame: unknown]>, prefix: string, isRange: boolean) => {
  const found: Array<Inspected> = []
  let bytes = 0
  let last: Column | undefined
  for (const [column, frame] of rows) {
    last = column
    const id = File.fromColumn(column)
    if (id.startsWith(prefix)) {
      found.push({ id, entry: frame instanceof Uint8Array ? Frame.decode(id, frame, crc32) : undefined })
      bytes += (frame as Uint8Array).length
      if (bytes > inspectedBytes) break
    } else if (isRange && typeof column === "string") {
      last = afterAllTexts
      break
    }
  }
  return { found, last: Option.fromUndefinedOr(last) }
}
