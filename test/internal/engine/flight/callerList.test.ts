/** The list of those who wait for a flight. */
import { describe, expect, it } from "@effect/vitest"
import { Callers } from "../../../../src/internal/engine/flight/callerList.ts"
import type { Caller } from "../../../../src/internal/engine/flight/flight.ts"

const make = (count: number) => {
  const waiters = new Callers()
  const all = Array.from({ length: count }, () => ({ place: 0 }) as Caller)
  for (const waiter of all) waiters.add(waiter)
  return { waiters, all }
}

describe("Waiters", () => {
  it("keeps the order in which they came, without those who left", () => {
    const { all, waiters } = make(5)
    waiters.delete(all[1]!)
    waiters.delete(all[1]!)
    expect([...waiters]).toEqual([all[0], all[2], all[3], all[4]])
    expect(waiters.size).toBe(4)
    expect(all.map((waiter) => waiters.has(waiter))).toEqual([true, false, true, true, true])
  })

  it("has nobody after it was cleared", () => {
    const { all, waiters } = make(3)
    waiters.clear()
    expect([...waiters]).toEqual([])
    expect(waiters.size).toBe(0)
    expect(waiters.has(all[0]!)).toBe(false)
  })

  it("does not visit who leaves meanwhile, also where it closes up", () => {
    const { all, waiters } = make(100)
    const visited: Array<Caller> = []
    for (const waiter of waiters) {
      visited.push(waiter)
      if (visited.length > 1) continue
      for (const other of all.slice(1, 90)) waiters.delete(other)
      waiters.add({ place: 0 } as Caller)
      waiters.delete(all[95]!)
    }
    expect(visited).toEqual([all[0], ...all.slice(90, 95), ...all.slice(96)])
    expect(waiters.size).toBe(11)
  })

  it("answers each once, in their order, also where it closes up or one is added meanwhile", () => {
    const { all, waiters } = make(100)
    const late = { place: 0 } as Caller
    const first = waiters.next()
    for (const other of all.slice(1, 90)) waiters.delete(other)
    waiters.add(late)
    const answered = [first]
    for (let next = waiters.next(); next !== undefined; next = waiters.next()) answered.push(next)
    expect(answered).toEqual([all[0], ...all.slice(90), late])
    expect(waiters.size).toBe(0)
  })

  it("does not grow where many come and go", () => {
    const { all: [first], waiters } = make(1)
    for (let i = 0; i < 10_000; i++) {
      const waiter = { place: 0 } as Caller
      waiters.add(waiter)
      expect(waiter.place).toBeLessThan(100)
      waiters.delete(waiter)
    }
    expect([...waiters]).toEqual([first])
  })
})
