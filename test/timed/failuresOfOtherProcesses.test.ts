/** Processes on one folder when the folder or another process fails. */
import { afterAll, describe, expect, it } from "@effect/vitest"
import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { pool, until } from "../processes/processes.ts"
import { testsOfTwo } from "../processes/promiseTests.ts"
import { polled, read, shared, type Two } from "./two.ts"

const timeout = 180_000
const { end, open } = pool()
afterAll(end)

const fileOf = (directory: string): string =>
  join(directory, readdirSync(directory).filter((name) => name.endsWith(".db")).toSorted().at(-1)!)

describe("F26 · entries that the store has lost", () => {
  it("is invalidated in the memory of the others all the same", { timeout }, async () => {
    const { directory, workers } = await open(2)
    const [a, b] = workers as Two
    const value = await shared([a, b])
    await polled()
    expect(await read(b)).toBe(value)
    const database = new DatabaseSync(fileOf(directory))
    database.exec("DELETE FROM entry")
    database.close()
    expect(await read(b)).toBe(value)
    await a.ask({ do: "invalidate", key: "k" })
    await polled()
    expect(await read(b)).not.toBe(value)
  })
})

describe("F28 · F21 · a store that is full", () => {
  it("carries out invalidations, and never grows beyond its size, whichever process writes", { timeout }, async () => {
    const { directory, workers } = await open(4, { maxSize: "1 MiB" })
    const [a, b] = workers as Two
    const value = await shared([a, b])
    const tagged = { options: { tags: ["t"] } }
    const other = await shared([a, b], "other", tagged)
    // It reads entries once more that it read before it polled that change.
    await polled()
    expect([await read(b), await read(b, "other", tagged)]).toEqual([value, other])
    const size = { load: { size: 50_000 } }
    await Promise.all(
      workers.flatMap((worker) => Array.from({ length: 15 }, (_, i) => read(worker, `${worker.name} ${i}`, size)))
    )
    expect(statSync(fileOf(directory)).size).toBeLessThanOrEqual(1024 * 1024)
    expect(statSync(fileOf(directory)).size).toBeGreaterThan(1024 * 1024 * 0.8)
    expect([await read(b), await read(b, "other", tagged)]).toEqual([value, other])
    await a.ask({ do: "invalidate", key: "k" })
    await a.ask({ do: "invalidateTag", tag: "t" })
    expect(await a.ask({ do: "stats" })).toMatchObject({ lostInvalidations: 0 })
    await polled()
    expect(await read(b)).not.toBe(value)
    expect(await read(b, "other", tagged)).not.toBe(other)
  })
})

describe("P4 · a folder that fails", () => {
  it("locked by another program: reads load, invalidations hold at once and reach the others when it is free", {
    timeout
  }, async () => {
    const { directory, workers } = await open(2, { storeTimeout: 300 })
    const [a, b] = workers as Two
    const value = await shared([a, b])
    const database = new DatabaseSync(fileOf(directory))
    database.exec("BEGIN IMMEDIATE")
    const { millis, values } = await a.ask({ do: "read", key: "cold" })
    expect(values).toHaveLength(1)
    expect(millis).toBeLessThan(300 + 2000)
    await a.ask({ do: "invalidate", key: "k" })
    expect(await read(a)).not.toBe(value)
    expect(await read(b)).toBe(value)
    database.exec("ROLLBACK")
    database.close()
    await until("b has polled", async () => await read(b) !== value)
    expect(await a.ask({ do: "stats" })).toMatchObject({ lostInvalidations: 0 })
  })

  it("damaged while all use it: no read fails, and all share the next file", { timeout }, async () => {
    const { directory, loads, workers } = await open(3)
    for (let i = 0; i < 20; i++) await read(workers[i % 3]!, `k${i}`, { load: { size: 2000 } })
    const file = fileOf(directory)
    const database = new DatabaseSync(file)
    database.exec("PRAGMA wal_checkpoint(TRUNCATE)")
    database.close()
    writeFileSync(file, readFileSync(file).fill(0xAA))
    const answers = await Promise.all(workers.flatMap((worker) => [0, 1, 2].map((i) => read(worker, `new ${i}`))))
    for (const answer of answers) expect(answer).not.toMatch(/^no value/)
    await polled()
    await Promise.all(workers.map((worker) => read(worker, "after", { load: { sleepMillis: 200 } })))
    expect(loads("after")).toHaveLength(1)
    expect(fileOf(directory)).not.toBe(file)
  })

  it("deleted while all use it: no read fails, and it is made again for all", { timeout }, async () => {
    const { directory, loads, workers } = await open(3)
    const value = await shared(workers as unknown as Two)
    rmSync(directory, { recursive: true })
    expect(await read(workers[2]!)).not.toMatch(/^no value/)
    await polled()
    await Promise.all(workers.map((worker) => read(worker, "after", { load: { sleepMillis: 200 } })))
    expect(loads("after")).toHaveLength(1)
    expect(value).not.toMatch(/^no value/)
  })
})

testsOfTwo(open)
