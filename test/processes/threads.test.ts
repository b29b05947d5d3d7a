/** Worker threads of one process that open one folder at the same moment. */
import { afterAll, describe, expect, it } from "@effect/vitest"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Worker } from "node:worker_threads"

const root = mkdtempSync(join(tmpdir(), "effect-cached-"))
const program = new URL("../support/openingThread.ts", import.meta.url)
const threads: Array<Worker> = []

afterAll(async () => {
  await Promise.all(threads.map((thread) => thread.terminate()))
  rmSync(root, { recursive: true, force: true })
})

const ask = (thread: Worker, message: unknown) =>
  new Promise<string>((resolve) => {
    thread.once("message", resolve)
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has no origin
    thread.postMessage(message)
  })

describe("eight threads that open a folder which is not there", () => {
  it.each(["disk", "files"])("all succeed (%s)", async (kind) => {
    while (threads.length < 8) threads.push(new Worker(program, { execArgv: ["--conditions=effect-cached-source"] }))
    for (let round = 0; round < 12; round++) {
      const folder = join(root, `${kind} ${round}`)
      const failures = await Promise.all(threads.map((thread) => ask(thread, [kind, folder])))
      expect(failures.filter((failure) => failure !== "")).toEqual([])
    }
  }, 60_000)
})
