/** Processes of two releases, in which one key class differs by its `success`: what one changes leaves the other. */
import { describe, expect, it } from "@effect/vitest"
import { type Open, until, type Worker } from "./processes.ts"

const timeout = 180_000

const read = async (worker: Worker, key: string, more: object = {}) =>
  (await worker.ask({ do: "read", key, ...more })).values[0]!

export const releaseTests = (open: Open): void => {
  describe("P2 · two releases", () => {
    it("an invalidation, as the first that a process does, reaches the other's entry", { timeout }, async () => {
      const { workers } = await open(3)
      const [older, newer, third] = workers as [Worker, Worker, Worker]
      const value = await read(older, "old user 1")
      const kept = await read(older, "old user 2")
      expect(await read(third, "old user 1")).toBe(value)
      await newer.ask({ do: "invalidate", key: "new user 1" })
      await until("the change in memory", async () => await read(third, "old user 1") !== value)
      await until("the change in memory", async () => await read(older, "old user 1") !== value)
      // A rollback.
      const next = await read(newer, "new user 1")
      await older.ask({ do: "set", key: "old user 1", value: "set" })
      await until("the change in memory", async () => await read(newer, "new user 1") !== next)
      expect(await read(older, "old user 1")).toBe("set")
      expect(await read(third, "old user 2")).toBe(kept)
    })

    it("a load that runs in the other, even its first, is not stored", { timeout }, async () => {
      const { loads, workers } = await open(3, { memory: false })
      const [older, newer, third] = workers as [Worker, Worker, Worker]
      const slow = read(older, "old user 1", { load: { sleepMillis: 1000 } })
      await until("its load", () => loads().length === 1)
      await newer.ask({ do: "invalidate", key: "new user 1" })
      const value = await slow
      expect(await read(third, "old user 1")).not.toBe(value)
    })

    it("fingerprints that are first stored at once are all recorded", { timeout }, async () => {
      const { workers } = await open(4, { memory: false })
      const [a, b, c, d] = workers as [Worker, Worker, Worker, Worker]
      const keys = ["old user 1", "new user 1", "next user 1"]
      const values = await Promise.all([a, b, c].map((worker, i) => read(worker, keys[i]!)))
      await d.ask({ do: "invalidate", key: "old user 1" })
      const next = await Promise.all([a, b, c].map((worker, i) => read(worker, keys[i]!)))
      expect(next.filter((value) => values.includes(value))).toEqual([])
    })
  })
}
