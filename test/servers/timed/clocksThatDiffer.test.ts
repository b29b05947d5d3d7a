/** Processes of one machine whose clocks differ. */
import { afterAll, beforeAll, describe, expect, it } from "@effect/vitest"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { sleep, start, startThrough, until, type Worker } from "../../processes/processes.ts"
import { linesOf } from "../../processes/recording.ts"
import { anHourAhead } from "../../support/anHourAhead.ts"
import { isMissing } from "../../support/needs.ts"

const timeout = 180_000

describe.skipIf(isMissing("faketime"))("two processes, one of them an hour ahead", () => {
  const root = mkdtempSync(join(tmpdir(), "effect-cached-"))
  const file = join(root, "recording.jsonl")
  let workers: ReadonlyArray<Worker> = []

  beforeAll(async () => {
    workers = await Promise.all([start(), startThrough(anHourAhead)])
    const options = { directory: join(root, "cache"), file }
    await Promise.all(workers.map((worker) => worker.ask({ do: "open", options })))
  }, timeout)

  afterAll(async () => {
    await Promise.all(workers.map((worker) => worker.end()))
    rmSync(root, { recursive: true, force: true })
  })

  const read = async (worker: Worker, key: string, sleepMillis = 0) =>
    (await worker.ask({ do: "read", key, load: { sleepMillis }, options: { ttl: "1 day", softTtl: "23 hours" } }))
      .values[0]!

  const of = (what: string, id: string) => linesOf(file).filter((line) => line.what === what && line.id === id)

  it(
    "both load what the other is loading; the first result is stored, and the other is not",
    { timeout },
    async () => {
      const [now, ahead] = workers as [Worker, Worker]
      const first = read(now, "loaded", 1000)
      await until("the first one loads", () => of("load", "loaded").length === 1)
      const second = read(ahead, "loaded", 100)
      await Promise.all([first, second])
      expect(of("load", "loaded")).toHaveLength(2)
      // The other process may have learned of it, and then does not ask the store.
      expect(of("commit", "loaded").filter((line) => line["answer"] === true)).toHaveLength(1)
      // It used its own value for its waiting callers, and does not believe one that is made an hour from now.
      const again = await read(now, "loaded")
      expect([await first, await second]).not.toContain(again)
      expect(of("load", "loaded")).toHaveLength(3)
      await until("the other process reads it", async () => await read(ahead, "loaded") === again)
    }
  )

  it("neither serves what the other has invalidated", { timeout }, async () => {
    for (const [i, by] of [...workers, ...workers].entries()) {
      const key = `invalidated ${i}`
      const before = await read(workers[0]!, key)
      expect(await read(workers[1]!, key)).toBe(before)
      await by.ask({ do: "invalidate", key })
      await sleep(150)
      const after = await Promise.all(workers.map((worker) => read(worker, key)))
      expect(after).not.toContain(before)
    }
  })
})
