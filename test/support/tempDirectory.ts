/** A directory that is gone with its scope. */
import { Effect } from "effect"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

/** A directory of the test's own, removed with its scope. */
export const tempDirectory = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "effect-cached-"))),
  (directory) => Effect.sync(() => rmSync(directory, { recursive: true, force: true }))
)
