/** A stream that is larger than the heap of its process passes a folder, and comes back. */
import { expect, it } from "@effect/vitest"
import { execFile } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { promisify } from "node:util"
import { sized } from "../support/everything.ts"

// 1 GiB where all is tested
const mebibytes = process.env["LARGE_STREAM"] === undefined ? sized(1024, 160) : 1024
const heapMebibytes = 96

it("CA-41 · a stream that is larger than the heap is stored in a folder and served from it", async () => {
  const directory = mkdtempSync(join(tmpdir(), "large-stream-"))
  try {
    const { stdout } = await promisify(execFile)(process.execPath, [
      "--conditions=effect-cached-source",
      `--max-old-space-size=${heapMebibytes}`,
      join(import.meta.dirname, "largeStream.ts"),
      directory,
      String(mebibytes)
    ])
    const told = { bytes: mebibytes * 1024 ** 2, wrong: 0, next: mebibytes * 4 }
    expect(JSON.parse(stdout)).toEqual({ first: told, second: told, runs: 1, size: 1 })
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}, 900_000)
