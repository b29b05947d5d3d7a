/** Reads a database through a connection of its own that cannot write. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as fs from "node:fs"
import type { DatabaseSync } from "node:sqlite"
import { crc32 } from "node:zlib"
import { StoreError } from "../../CacheError.ts"
import * as Frame from "../../internal/codec/frame.ts"
import { inspectedBytes } from "../../internal/defaults/folders.ts"
import type { Inspected, Inspection } from "../../ports/inspection.ts"
import { requireOwn, requirePlainFile } from "../shared/folderTrust.ts"
import { reasonOf } from "./fault.ts"
import * as Databases from "./file/databases.ts"
import * as File from "./file/schema.ts"
import type { FolderOptions } from "./options.ts"

const attempt = <A>(operation: string, run: () => A): Effect.Effect<A, StoreError> =>
  Effect.try({
    try: run,
    catch: (cause) => new StoreError({ store: "sqlite", operation, reason: reasonOf(cause, operation), cause })
  })

export const open = ({ directory, trustFolder }: FolderOptions) =>
  Effect.map(
    Effect.acquireRelease(
      attempt("open", () => {
        const file = fs.existsSync(directory) ? Databases.fileInUse(directory) : undefined
        if (file === undefined || !fs.existsSync(file)) throw new Error(Databases.whatIsIn(directory))
        requireOwn(directory, trustFolder)
        requirePlainFile(file, trustFolder)
        return File.openToRead(file)
      }),
      (database) => Effect.sync(() => File.close(database))
    ),
    over
  )

const over = (database: DatabaseSync): Inspection => {
  const entry = database.prepare("SELECT frame FROM entry WHERE id = ?")
  const marker = database.prepare("SELECT version FROM marker WHERE tag = ?")
  const page = database.prepare("SELECT seq, id, frame FROM entry WHERE seq > ? ORDER BY seq LIMIT 256")
  page.setReturnArrays(true)
  return {
    get: (id, tags) =>
      attempt("get", () => {
        const frame = entry.get(File.toColumn(id))?.["frame"]
        const stored = frame instanceof Uint8Array ? Frame.decode(id, frame, crc32) : undefined
        const versions = tags.map((tag) => marker.get(File.toColumn(tag))?.["version"] as string | undefined)
        return { entry: stored, versions, isDamaged: frame !== undefined && stored === undefined }
      }),
    entries: ({ prefix = "" } = {}) =>
      Stream.paginate(
        -Infinity,
        (after) => attempt("scan", () => pageAfter(page.iterate(after) as Iterable<any>, prefix))
      )
  }
}

type Page = readonly [ReadonlyArray<Inspected>, Option.Option<number>]

/** Reads a page, which ends early after a few megabytes. */
const pageAfter = (rows: Iterable<readonly [seq: unknown, id: unknown, frame: unknown]>, prefix: string): Page => {
  const found: Array<Inspected> = []
  let bytes = 0
  let last: number | undefined
  for (const [seq, column, frame] of rows) {
    last = Number(seq)
    const id = File.fromColumn(column)
    if (!id.startsWith(prefix)) continue
    found.push({ id, entry: frame instanceof Uint8Array ? Frame.decode(id, frame, crc32) : undefined })
    bytes += (frame as Uint8Array).length
    if (bytes > inspectedBytes) break
  }
  return [found, Option.fromUndefinedOr(last)]
}
