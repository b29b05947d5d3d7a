/** The view that processes on one folder have of each other. */
import { afterAll, describe, expect, it } from "@effect/vitest"
import { pool, sleep, until } from "../processes/processes.ts"
import { clock, type Line } from "../processes/recording.ts"
import { polled, read, shared, type Two } from "./two.ts"

const timeout = 180_000
const { end, open } = pool()
afterAll(end)

/** When the load of each value began: a read that begins before an invalidation may get a value loaded after it. */
const startsOf = (loads: ReadonlyArray<Line>) => {
  const starts = new Map(loads.map((line) => [line["value"], line.at]))
  return (value: string): number => starts.get(value)!
}

describe("P2 · an invalidation reaches the memory of the others", () => {
  it("within 100 ms, while they read all the time", { timeout }, async () => {
    const { loads, workers } = await open(2)
    const [a, b] = workers as Two
    // Long enough for a machine on which each answer is late.
    const watching = b.ask({ do: "watch", key: "k", millis: 6000 })
    await sleep(200)
    const invalidated: Array<readonly [askedAt: number, at: number]> = []
    for (let i = 0; i < 12; i++) {
      const askedAt = clock()
      invalidated.push([askedAt, await a.ask({ do: "invalidate", key: "k" })])
      await sleep(200)
    }
    const seen = await watching
    expect(new Set(seen.map(([, value]) => value)).size).toBe(13)
    const startOf = startsOf(loads())
    for (const [i, [askedAt, at]] of invalidated.entries()) {
      // The other one may know of it before this one has its answer.
      const last = seen.findLast(([, value]) => startOf(value) <= askedAt)![0]
      // Time in which the process could not run does not count.
      const times = [at, ...seen.map(([readAt]) => readAt).filter((readAt) => readAt > at && readAt <= last)]
      const gaps = times.slice(1).map((time, n) => time - times[n]!)
      const waited = gaps.reduce((sum, gap) => sum + Math.max(0, gap - 20), 0)
      const told = `invalidation ${i}, read after ${gaps.map(Math.round).join(", ")} ms`
      expect(last - at - waited, told).toBeLessThan(100 + 20)
    }
  })

  it("in a pause of theirs: the first read after it asks first", { timeout }, async () => {
    const { workers } = await open(2)
    const [a, b] = workers as Two
    const value = await shared([a, b])
    await sleep(400)
    await a.ask({ do: "invalidate", key: "k" })
    expect(await read(b)).not.toBe(value)
  })

  it("while they are stopped: the first read after that asks first", { timeout }, async () => {
    const { lines, loads, workers } = await open(2)
    const [a, b] = workers as Two
    const watching = b.ask({ do: "watch", key: "k", millis: 6000, everyMillis: 1 })
    const times: Array<readonly [stoppedAt: number, invalidatedAt: number]> = []
    for (let i = 0; i < 12; i++) {
      await sleep(100)
      b.signal("SIGSTOP")
      const stoppedAt = clock()
      const invalidatedAt = await a.ask({ do: "invalidate", key: "k" })
      times.push([stoppedAt, invalidatedAt])
      await sleep(150)
      b.signal("SIGCONT")
    }
    const seen = await watching
    // A process that is stopped while it writes keeps the store from taking the invalidation, which is pending then.
    const removals = lines("remove").filter((line) => line.process === a.name && line["fault"] === undefined)
    const taken = times.filter(([stoppedAt, invalidatedAt]) =>
      removals.some(({ at, until }) => at >= stoppedAt && until <= invalidatedAt)
    )
    expect(taken.length).toBeGreaterThanOrEqual(times.length / 2)
    const startOf = startsOf(loads())
    const stale = taken.map(([stoppedAt, invalidatedAt]) =>
      seen.filter(([readAt, value]) => readAt > invalidatedAt && startOf(value) <= stoppedAt).length
    )
    // The turn that was stopped may have begun its read.
    expect(Math.max(...stale)).toBeLessThanOrEqual(1)
    expect(stale.filter((reads) => reads > 0).length).toBeLessThanOrEqual(2)
  })

  it("by a tag", { timeout }, async () => {
    const { workers } = await open(2)
    const [a, b] = workers as Two
    const tagged = { options: { tags: ["t"] } }
    const value = await shared([a, b], "k", tagged)
    const other = await shared([a, b], "other")
    await a.ask({ do: "invalidateTag", tag: "t" })
    await polled()
    expect(await read(b, "k", tagged)).not.toBe(value)
    expect(await read(b, "other")).toBe(other)
  })

  it("by a set, whose value all have then", { timeout }, async () => {
    const { workers } = await open(2)
    const [a, b] = workers as Two
    await shared([a, b])
    await a.ask({ do: "set", key: "k", value: "set" })
    await polled()
    expect([await read(a), await read(b)]).toEqual(["set", "set"])
  })

  it("during a load of theirs: a later caller does not get its result", { timeout }, async () => {
    const { loads, workers } = await open(2)
    const [a, b] = workers as Two
    const slow = read(b, "k", { load: { sleepMillis: 1500 } })
    await until("its load", () => loads().length === 1)
    await a.ask({ do: "invalidate", key: "k" })
    await polled()
    const later = await read(b)
    expect(later).not.toBe(loads()[0]!["value"])
    expect(await slow).toBe(loads()[0]!["value"])
    expect([await read(a), await read(b)]).toEqual([later, later])
  })
})
