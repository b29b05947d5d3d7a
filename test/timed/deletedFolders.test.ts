/** Folders that are deleted, and logs that are removed, under processes that use them. */
import { afterAll, describe, expect, it } from "@effect/vitest"
import { readdirSync, rmSync } from "node:fs"
import { join } from "node:path"
import { pool, sleep } from "../processes/processes.ts"

const pools: Array<ReturnType<typeof pool>> = []
afterAll(() => Promise.all(pools.map(({ end }) => end())))

const one = (answer: { readonly values: ReadonlyArray<string> }) => answer.values[0]!

/** How long an invalidation of another process may take to hold. */
const seenMillis = 150

// Most of the time they rest.
describe.concurrent("an invalidation by a process that has not noticed it", () => {
  const removals: Record<string, (directory: string) => void> = {
    "that the folder was deleted": (directory) => rmSync(directory, { recursive: true, force: true }),
    "that the log was removed": (directory) => {
      for (const name of readdirSync(directory)) {
        if (name.endsWith("-wal")) rmSync(join(directory, name), { force: true })
      }
    },
    "that the index of the log was removed": (directory) => {
      for (const name of readdirSync(directory)) {
        if (name.endsWith("-shm")) rmSync(join(directory, name), { force: true })
      }
    }
  }

  for (const [what, remove] of Object.entries(removals)) {
    it(`(${what}) is lost by no process`, async () => {
      const { end, open } = pool()
      pools.push({ end, open })
      const { directory, openOptions, workers: [a, b, c] } = await open(3)
      for (let round = 0; round < 10; round++) {
        const key = `key ${round}`
        // `a` looks now and in 50 ms again; `b` rests, and looks with its next read
        await sleep(seenMillis)
        await a!.ask({ do: "read", key: "warm" })
        remove(directory)
        await c!.ask({ do: "close" })
        await c!.ask({ do: "open", options: openOptions })
        const old = [one(await b!.ask({ do: "read", key })), one(await c!.ask({ do: "read", key }))]
        await a!.ask({ do: "invalidate", key })
        await sleep(seenMillis)
        const seen = [one(await b!.ask({ do: "read", key })), one(await c!.ask({ do: "read", key }))]
        for (const value of old) expect(seen).not.toContain(value)
        // And they share what they load.
        expect(new Set(seen).size).toBe(1)
        expect(one(await a!.ask({ do: "read", key }))).toBe(seen[0])
      }
    }, 60_000)
  }
})
