/**
 * The promises of leases, with real processes that are killed and stopped. Numbers of loads are exact; lateness has
 * generous limits.
 */
import { describe, expect, it } from "@effect/vitest"
import { type Load, type Open, sleep, until, type Worker } from "./processes.ts"
import type { Line } from "./recording.ts"

const timeout = 180_000
/** A short lease, so that a test does not take long. */
const lease = 1000

/** A machine under load answers this much later. */
const late = 5000

const read = (worker: Worker, key = "k", more: object = {}) => worker.ask({ do: "read", key, ...more })

/** The process that loads first, once its load runs. */
const leaderOf = async ({ loads, workers }: Awaited<ReturnType<Open>>, id = "k"): Promise<Worker> => {
  await until("a load", () => loads(id).length > 0)
  return workers.find(({ name }) => name === loads(id)[0]!.process)!
}

/** The last moment until which a process was exclusive, at the latest. */
const exclusiveUntil = (lines: ReadonlyArray<Line>, { name }: Worker): number =>
  Math.max(
    ...lines.filter((line) =>
      line.process === name && (line["answer"] === "Granted" || line.what === "renew" && line["answer"] === true)
    )
      .map((line) => line.at + (line["leaseMillis"] as number))
  )

/** On a busy machine eight wait for each other's writes, and one that did so for too long would load alone. */
const patient = { storeTimeout: "1 minute" } as const

export const leaseTests = (open: Open): void => {
  describe("P1 · F17 · one load across processes", () => {
    it("eight processes with 500 callers each and one cold key make one load", { timeout }, async () => {
      const { loads, workers } = await open(8, patient)
      const answers = await Promise.all(
        workers.map((worker) => read(worker, "k", { callers: 500, load: { sleepMillis: 300 } }))
      )
      expect(loads()).toHaveLength(1)
      expect(answers.map(({ served }) => served)).toEqual(Array(8).fill(500))
      expect(new Set(answers.flatMap(({ values }) => values)).size).toBe(1)
    })

    it("thirty cold keys in eight processes make thirty loads", { timeout }, async () => {
      const { loads, workers } = await open(8, patient)
      const keys = Array.from({ length: 30 }, (_, i) => `k${i}`)
      await Promise.all(
        workers.flatMap((worker) => keys.map((key) => read(worker, key, { callers: 5, load: { sleepMillis: 20 } })))
      )
      expect(loads().map(({ id }) => id).toSorted()).toEqual(keys.toSorted())
    })

    it(
      "CA-43 · AI-17 · a load that takes longer than its lease is still one: its process prolongs it",
      { timeout },
      async () => {
        const { loads, workers } = await open(3, { lease, wait: 30_000 })
        await Promise.all(workers.map((worker) => read(worker, "k", { callers: 3, load: { sleepMillis: 3 * lease } })))
        expect(loads()).toHaveLength(1)
      }
    )

    it("without a lease each process loads, and what all have is one value", { timeout }, async () => {
      const { loads, workers } = await open(3, { lease })
      const beside = { load: { sleepMillis: 300 }, options: { shareLoad: false } }
      await Promise.all(workers.map((worker) => read(worker, "k", beside)))
      expect(loads()).toHaveLength(3)
      const values = await Promise.all(workers.map((worker) => read(worker, "k")))
      expect(new Set(values.flatMap(({ values }) => values)).size).toBe(1)
    })

    it(
      "at the end of its `wait` a waiting process loads beside it, and the first to end is stored",
      { timeout },
      async () => {
        const { lines, loads, workers } = await open(2, { lease, wait: 500, missesChanges: true })
        const [a, b] = workers as [Worker, Worker]
        const slow = read(a, "k", { load: { sleepMillis: 2500 } })
        await until("a's load", () => loads().length === 1)
        const { values } = await read(b)
        expect(loads()).toHaveLength(2)
        expect(loads()[1]!.at - loads()[0]!.at).toBeGreaterThan(490)
        expect(values).toEqual([loads()[1]!["value"]])
        await slow
        expect(lines("commit").map((line) => [line.process, line["answer"]])).toEqual([[b.name, true], [a.name, false]])
      }
    )
  })

  describe("P1 · a leader that is killed", () => {
    it("is replaced by one other at the end of its lease, and all are served", { timeout }, async () => {
      const fleet = await open(8, { lease })
      const { lines, loads, workers } = fleet
      const load = { sleepMillis: 800 }
      const reads = workers.map((worker) => read(worker, "k", { callers: 500, load }).catch(() => undefined))
      const leader = await leaderOf(fleet)
      leader.signal("SIGKILL")
      const killedAt = performance.now()
      const answers = await Promise.all(reads)
      expect(performance.now() - killedAt).toBeLessThan(lease + load.sleepMillis + late)
      expect(loads()).toHaveLength(2)
      expect(loads()[1]!.at).toBeGreaterThan(exclusiveUntil(lines(), leader) - 2)
      expect(answers.filter((answer) => answer === undefined)).toHaveLength(1)
      const served = answers.filter((answer) => answer !== undefined)
      expect(served.map(({ values }) => values)).toEqual(Array.from({ length: 7 }, () => [loads()[1]!["value"]]))
      expect(served.map(({ served }) => served)).toEqual(Array(7).fill(500))
    })

    it("twice in a row costs two leases and three loads", { timeout }, async () => {
      const fleet = await open(4, { lease, wait: 30_000 })
      const { lines, loads, workers } = fleet
      const reads = workers.map((worker) => read(worker, "k", { load: { sleepMillis: 500 } }).catch(() => undefined))
      for (const nth of [0, 1]) {
        await until("a load", () => loads().length > nth)
        const leader = workers.find(({ name }) => name === loads()[nth]!.process)!
        leader.signal("SIGKILL")
        await until("the next load", () => loads().length > nth + 1)
        expect(loads()[nth + 1]!.at).toBeGreaterThan(exclusiveUntil(lines(), leader) - 2)
      }
      await Promise.all(reads)
      expect(loads()).toHaveLength(3)
    })
  })

  describe("P1 · a leader that is stopped beyond its lease and continued", () => {
    const stopLeader = async (meanwhile: (others: ReadonlyArray<Worker>) => Promise<unknown>) => {
      const { lines, loads, workers } = await open(2, { lease, wait: 30_000, missesChanges: true })
      const [leader, other] = workers as [Worker, Worker]
      // Long enough to be stopped in, however late the signal comes.
      const first = read(leader, "k", { load: { sleepMillis: 2000 } })
      await until("its load", () => loads().length === 1)
      leader.signal("SIGSTOP")
      await sleep(lease + 300)
      await meanwhile([other])
      leader.signal("SIGCONT")
      const served = await first
      const commits = () =>
        lines("commit").map((line): unknown => [line.process === leader.name ? "leader" : "other", line["answer"]])
      const after = await Promise.all(workers.map((worker) => read(worker)))
      return {
        after: after.map(({ values }) => values[0]),
        loads: loads().map((line) => line["value"]),
        commits: commits(),
        served: served.values[0]
      }
    }

    it("stores its late result, where no other has stored", { timeout }, async () => {
      const { after, loads, commits, served } = await stopLeader(async () => {})
      expect(commits).toEqual([["leader", true]])
      expect(loads).toEqual([served])
      expect(after).toEqual([served, served])
    })

    it("is refused where another has stored", { timeout }, async () => {
      const { after, loads, commits, served } = await stopLeader(([other]) => read(other!))
      expect(commits).toEqual([["other", true], ["leader", false]])
      expect(loads).toHaveLength(2)
      // Its callers get what it has loaded; from then on all have the other's.
      expect(served).toBe(loads[0])
      expect(after).toEqual([loads[1], loads[1]])
    })

    it("is refused where another has invalidated", { timeout }, async () => {
      const { after, loads, commits } = await stopLeader(([other]) => other!.ask({ do: "invalidate", key: "k" }))
      expect(commits[0]).toEqual(["leader", false])
      expect(loads).toHaveLength(2)
      expect(after).toEqual([loads[1], loads[1]])
    })

    it("is refused where another has set", { timeout }, async () => {
      const { after, loads, commits } = await stopLeader(([other]) => other!.ask({ do: "set", key: "k", value: "set" }))
      expect(commits).toEqual([["leader", false]])
      expect(loads).toHaveLength(1)
      expect(after).toEqual(["set", "set"])
    })
  })

  describe("F27 · a load longer than its lease, in processes that can do nothing else", () => {
    it("is stored: once, by the first to end", { timeout }, async () => {
      const { lines, loads, workers } = await open(4, { lease: 300, wait: 30_000 })
      await Promise.all(workers.map((worker) => read(worker, "k", { load: { blockMillis: 1500 } })))
      expect(loads().length).toBeGreaterThan(0)
      expect(lines("commit").filter((line) => line["answer"] === true)).toHaveLength(1)
      const again = await Promise.all(workers.map((worker) => read(worker)))
      expect(new Set(again.flatMap(({ values }) => values)).size).toBe(1)
    })
  })

  describe("F27 · loads of several processes that need each other", () => {
    /** The load of a key that needs that of the next one, and so on, around as many keys. */
    const around = (keys: ReadonlyArray<string>, at: number, sleepMillis: number, depth = 6): Load => ({
      sleepMillis,
      ...depth === 0
        ? {}
        : {
          needs: {
            key: keys[(at + 1) % keys.length]!,
            load: around(keys, (at + 1) % keys.length, sleepMillis, depth - 1)
          }
        }
    })

    const inCircle = (workers: ReadonlyArray<Worker>, keys: ReadonlyArray<string>) =>
      keys.map((key, i) => read(workers[i]!, key, { load: around(keys, i, 300) }))

    for (const count of [2, 3]) {
      it(`${count} die of CacheCycle, or are freed by a process that only waits for them`, { timeout }, async () => {
        const { loads, workers } = await open(count + 1, { lease })
        const keys = Array.from({ length: count }, (_, i) => `k${i}`)
        const at = performance.now()
        const reads = inCircle(workers, keys)
        await until("their loads", () => loads().length === count)
        // Its own loads need nothing.
        const beside = read(workers[count]!, "other", { load: { needs: { key: "k0", load: {} } } })
        const values = (await Promise.all(reads)).map(({ values }) => values[0])
        expect(values.some((value) => value!.includes("CacheCycle")), String(values)).toBe(true)
        expect(performance.now() - at).toBeLessThan(300 + 2 * count * lease + late)
        expect((await beside).values).toEqual([loads("other")[0]!["value"]])
      })
    }

    it(
      "die too where one of the processes is killed, and another one takes over its load",
      { timeout },
      async () => {
        const { loads, workers } = await open(3, { lease: 5000 })
        const keys = ["k0", "k1", "k2"]
        const [first, ...others] = inCircle(workers, keys).map((reading) => reading.catch(() => undefined))
        await until("their loads", () => loads().length === 3)
        await sleep(500)
        workers[0]!.signal("SIGKILL")
        expect(await first).toBeUndefined()
        for (const answer of await Promise.all(others)) expect(answer!.values[0]).toContain("CacheCycle")
      }
    )

    it("die of nothing that a process has said which was stopped meanwhile", { timeout }, async () => {
      const { loads, workers } = await open(3, { lease, wait: 30_000 })
      const [a, b, c] = workers as [Worker, Worker, Worker]
      // "x" needs "y" here, and "y" needs "x" there; but another process has taken over "x", and needs nothing
      const inA = read(a, "x", { load: { sleepMillis: 2 * lease, needs: { key: "y", load: {} } } })
      await until("a's load", () => loads("x").length === 1)
      a.signal("SIGSTOP")
      const inC = read(c, "x", { load: { sleepMillis: 8 * lease } })
      await until("c's load", () => loads("x").length === 2)
      const inB = read(b, "y", { load: { needs: { key: "x", load: {} } } })
      await until("b's load", () => loads("y").length === 1)
      a.signal("SIGCONT")
      const values = (await Promise.all([inA, inB, inC])).map(({ values }) => values[0])
      expect(values).toEqual([loads("x")[0]!["value"], loads("y")[0]!["value"], loads("x")[1]!["value"]])
      expect(loads()).toHaveLength(3)
    })
  })
}
