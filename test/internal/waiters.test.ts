import { describe, expect, it } from "@effect/vitest"
import type { Waiter } from "../../src/internal/engine/flight.ts"
import { Waiters } from "../../src/internal/engine/waiters.ts"

const make = (count: number) => {
  const waiters = new Waiters()
  const all = Array.from({ length: count }, () => ({ place: 0 }) as Waiter)
  for (const waiter of all) waiters.add(waiter)
  return { waiters, all }
}

describe("Waiters", () => {
  it("keeps the order in which they came, without those who left", () => {
    const { all, waiters } = make(5)
    waiters.delete(all[1]!)
    waiters.delete(all[1]!)
    expect([...waiters]).toEqual([all[0], all[2], all[3], all[4]])
    const visited: Array<Waiter> = []
    waiters.forEach((waiter) => visited.push(waiter))
    expect(visited).toEqual([...waiters])
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

  it.for(
    [
      ["forEach", (waiters: Waiters, visit: (waiter: Waiter) => void) => waiters.forEach(visit)],
      ["for … of", (waiters: Waiters, visit: (waiter: Waiter) => void) => {
        for (const waiter of waiters) visit(waiter)
      }]
    ] as const
  )("%s does not visit who leaves meanwhile, also where it closes up", ([, each]) => {
    const { all, waiters } = make(100)
    const visited: Array<Waiter> = []
    each(waiters, (waiter) => {
      visited.push(waiter)
      if (visited.length > 1) return
      for (const other of all.slice(1, 90)) waiters.delete(other)
      waiters.add({ place: 0 } as Waiter)
      waiters.delete(all[95]!)
    })
    expect(visited).toEqual([all[0], ...all.slice(90, 95), ...all.slice(96)])
    expect(waiters.size).toBe(11)
  })

  it("does not grow where many come and go", () => {
    const { all: [first], waiters } = make(1)
    for (let i = 0; i < 10_000; i++) {
      const waiter = { place: 0 } as Waiter
      waiters.add(waiter)
      expect(waiter.place).toBeLessThan(100)
      waiters.delete(waiter)
    }
    expect([...waiters]).toEqual([first])
  })
})
