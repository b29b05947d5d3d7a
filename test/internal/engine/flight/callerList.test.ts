/** The list of the callers of a flight. */
import { describe, expect, it } from "@effect/vitest"
import { CallerList } from "../../../../src/internal/engine/flight/callerList.ts"
import type { Caller } from "../../../../src/internal/engine/state.ts"

const make = (count: number) => {
  const callers = new CallerList()
  const all = Array.from({ length: count }, () => ({ place: 0 }) as Caller)
  for (const caller of all) callers.add(caller)
  return { callers, all }
}

describe("Callers", () => {
  it("keeps the order of arrival, without callers that left", () => {
    const { all, callers } = make(5)
    callers.delete(all[1]!)
    callers.delete(all[1]!)
    expect([...callers]).toEqual([all[0], all[2], all[3], all[4]])
    expect(callers.size).toBe(4)
    expect(all.map((caller) => callers.has(caller))).toEqual([true, false, true, true, true])
  })

  it("is empty after it was cleared", () => {
    const { all, callers } = make(3)
    callers.clear()
    expect([...callers]).toEqual([])
    expect(callers.size).toBe(0)
    expect(callers.has(all[0]!)).toBe(false)
  })

  it("does not visit callers that leave meanwhile, also where it closes up", () => {
    const { all, callers } = make(100)
    const visited: Array<Caller> = []
    for (const caller of callers) {
      visited.push(caller)
      if (visited.length > 1) continue
      for (const other of all.slice(1, 90)) callers.delete(other)
      callers.add({ place: 0 } as Caller)
      callers.delete(all[95]!)
    }
    expect(visited).toEqual([all[0], ...all.slice(90, 95), ...all.slice(96)])
    expect(callers.size).toBe(11)
  })

  it("answers each once, in their order, also where it closes up or one is added meanwhile", () => {
    const { all, callers } = make(100)
    const late = { place: 0 } as Caller
    const first = callers.next()
    for (const other of all.slice(1, 90)) callers.delete(other)
    callers.add(late)
    const answered = [first]
    for (let next = callers.next(); next !== undefined; next = callers.next()) answered.push(next)
    expect(answered).toEqual([all[0], ...all.slice(90), late])
    expect(callers.size).toBe(0)
  })

  it("does not grow where many come and go", () => {
    const { all: [first], callers } = make(1)
    for (let i = 0; i < 10_000; i++) {
      const caller = { place: 0 } as Caller
      callers.add(caller)
      expect(caller.place).toBeLessThan(100)
      callers.delete(caller)
    }
    expect([...callers]).toEqual([first])
  })
})
