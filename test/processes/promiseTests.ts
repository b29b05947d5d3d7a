/** The promises other than P1, by real processes that share a server and are stopped and killed. */
import { describe, expect, it } from "@effect/vitest"
import { type Open, sleep, until, type Worker } from "./processes.ts"
import { clock } from "./recording.ts"

const timeout = 180_000

type Two = [Worker, Worker]

const read = async (worker: Worker, key = "k", more: object = {}) =>
  (await worker.ask({ do: "read", key, ...more })).values[0]!

/** Both read from the server: without memory nothing is between them and it. */
const without = { memory: false } as const

/** Those that hold on a folder, too. */
export const testsOfTwo = (open: Open): void => {
  describe("P3 · other processes", () => {
    it("that wait and are killed, or leave, disturb no other", { timeout }, async () => {
      const { loads, workers } = await open(4)
      const [a, b, c, d] = workers as [Worker, Worker, Worker, Worker]
      const leading = read(a, "k", { load: { sleepMillis: 1000 } })
      await until("a's load", () => loads().length === 1)
      const waiting = [b, c, d].map((worker) => read(worker).catch(() => "killed"))
      await sleep(200)
      b.signal("SIGKILL")
      await c.ask({ do: "close" })
      const value = await leading
      const answers = await Promise.all(waiting)
      expect([answers[0], answers[2]]).toEqual(["killed", value])
      expect(loads()).toHaveLength(1)
    })
  })

  describe("P5 · a load that fails", () => {
    it.each(["failure", "defect"] as const)(
      "with a %s is not stored, and leaves the lease to the next at once",
      {
        timeout
      },
      async (outcome) => {
        const { loads, workers } = await open(2, { lease: 20_000, wait: 30_000 })
        const [a, b] = workers as Two
        const failing = read(a, "k", { load: { outcome, sleepMillis: 500 } })
        await until("a's load", () => loads().length === 1)
        const { millis, values } = await b.ask({ do: "read", key: "k" })
        expect(await failing).toMatch(/^no value/)
        expect(values).toEqual([loads()[1]!["value"]])
        expect(millis).toBeLessThan(10_000)
      }
    )
  })

  describe("P6 · a stale value of another process", () => {
    it("stands in for a load that fails, and stays", { timeout }, async () => {
      const { workers } = await open(2)
      const [a, b] = workers as Two
      const options = { softTtl: 50 }
      const value = await read(a, "k", { options })
      await sleep(100)
      const failing = { options, load: { outcome: "failure" } }
      expect(await read(b, "k", failing)).toBe(value)
      expect(await read(a, "k", failing)).toBe(value)
    })
  })

  describe("P7 · closing", () => {
    it("releases its leases: another leads at once", { timeout }, async () => {
      const { loads, workers } = await open(2, { lease: 20_000, wait: 30_000, shutdownTimeout: 100 })
      const [a, b] = workers as Two
      const leading = read(a, "k", { load: { sleepMillis: 20_000 } })
      await until("a's load", () => loads().length === 1)
      const waiting = read(b)
      const at = clock()
      await a.ask({ do: "close" })
      expect(await leading).toMatch(/^no value/)
      expect(await waiting).toBe(loads()[1]!["value"])
      expect(clock() - at).toBeLessThan(10_000)
    })

    it("leaves nothing behind: the process ends by itself", { timeout }, async () => {
      const { workers } = await open(1)
      await read(workers[0]!)
      await workers[0]!.ask({ do: "close" })
      await workers[0]!.leave()
      expect(workers[0]!.isAlive()).toBe(false)
    })
  })
}

export const promiseTests = (open: Open): void => {
  describe("P2 · changes by one process", () => {
    it("is seen by the next read of the others: an invalidation, a tag, a set", { timeout }, async () => {
      const { workers } = await open(2, without)
      const [a, b] = workers as Two
      const tagged = { options: { tags: ["t"] } }
      const value = await read(a, "k", tagged)
      expect(await read(b, "k", tagged)).toBe(value)
      await a.ask({ do: "invalidateTag", tag: "t" })
      const next = await read(b, "k", tagged)
      expect(next).not.toBe(value)
      expect(await read(a, "k", tagged)).toBe(next)
      await b.ask({ do: "invalidate", key: "k" })
      expect(await read(a, "k", tagged)).not.toBe(next)
      await a.ask({ do: "set", key: "k", value: "set" })
      expect(await read(b, "k")).toBe("set")
    })

    it("is believed by the memory of the others for maxStaleness, and no longer", { timeout }, async () => {
      const { workers } = await open(2, { maxStaleness: 1000 })
      const [a, b] = workers as Two
      const value = await read(a)
      expect(await read(b)).toBe(value)
      await a.ask({ do: "invalidate", key: "k" })
      await sleep(1300)
      const next = await read(b)
      expect(next).not.toBe(value)
      expect(await read(a)).toBe(next)
    })

    it("during a load of theirs: a later caller does not get its result", { timeout }, async () => {
      const { loads, workers } = await open(2, without)
      const [a, b] = workers as Two
      const slow = read(b, "k", { load: { sleepMillis: 1500 } })
      await until("its load", () => loads().length === 1)
      await a.ask({ do: "invalidate", key: "k" })
      const later = await read(a)
      expect(later).not.toBe(loads()[0]!["value"])
      expect(await slow).toBe(loads()[0]!["value"])
      expect([await read(a), await read(b)]).toEqual([later, later])
    })
  })

  testsOfTwo(open)

  describe.each([2, 8])("P1 · P2 · P3 · P8 · %i processes, one of which is stopped and one killed", (count) => {
    it("share a load, and see a change of what it read, as soon as they run", { timeout }, async () => {
      const { loads, workers } = await open(count, { maxStaleness: 2000, wait: 30_000 })
      const page = { options: { inherit: "changes" }, load: { sleepMillis: 500, needs: { key: "input", load: {} } } }
      const readPage = (worker: Worker) => read(worker, "page", page)
      const reads = workers.map((worker) => readPage(worker).catch(() => "killed"))
      await until("a load", () => loads("page").length === 1)
      const leader = workers.find(({ name }) => name === loads("page")[0]!.process)!
      const others = workers.filter((worker) => worker !== leader)
      // If there are only two, the one that does not lead is stopped first, and killed afterwards.
      const stopped = others[0]!
      const killed = others.at(-1)!
      if (killed !== stopped) killed.signal("SIGKILL")
      const [first, ...more] = new Set(await Promise.all(reads))
      expect([first, ...more].filter((value) => value !== "killed")).toEqual([loads("page")[0]!["value"]])
      expect([loads("page").length, loads("input").length]).toEqual([1, 1])

      stopped.signal("SIGSTOP")
      await leader.ask({ do: "invalidate", key: "input" })
      const next = await readPage(leader)
      expect(next).not.toBe(loads("page")[0]!["value"])
      const running = others.filter((worker) => worker !== stopped && worker !== killed)
      for (const worker of running) await until("the change", async () => await readPage(worker) === next)
      expect(loads("input")).toHaveLength(2)
      stopped.signal("SIGCONT")
      await until("the change", async () => await readPage(stopped) === next)

      if (killed === stopped) killed.signal("SIGKILL")
      await leader.ask({ do: "set", key: "input", value: "set" })
      const last = await readPage(leader)
      expect(last).not.toBe(next)
      for (const worker of running) await until("the last change", async () => await readPage(worker) === last)
    })
  })
}

/** `signal` goes to the server. */
export const stoppedServerTests = (open: Open, signal: (name: "SIGCONT" | "SIGSTOP") => void): void =>
  it("P4 · F23 · stopped: no read fails, the circuit opens after three timeouts and closes with a probe", {
    timeout
  }, async () => {
    const { workers } = await open(2, { ...without, storeTimeout: 100 })
    const [a, b] = workers as Two
    const value = await read(a)
    signal("SIGSTOP")
    const times: Array<number> = []
    for (let i = 0; i < 12; i++) {
      const at = clock()
      expect(await read(a, `k${i}`)).toMatch(/^p/)
      times.push(clock() - at)
    }
    // Three wait for the server, the others are answered without it: but for what the machine takes.
    expect(times.filter((millis) => millis > 90).length).toBeLessThanOrEqual(8)
    await a.ask({ do: "invalidate", key: "k" })
    signal("SIGCONT")
    await until("the server is used again", async () => {
      const key = `fresh ${clock()}`
      const first = await read(a, key)
      return await read(b, key) === first
    })
    // The invalidation that was lost meanwhile reaches all processes.
    await until("the invalidation is replayed", async () => await read(b) !== value)
  })
