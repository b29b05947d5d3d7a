/** A map by id answers like a `Map`, and divides many ids among parts of which none grows in a long step. */
import { describe, expect, it } from "@effect/vitest"
import { IdMap } from "../../src/internal/idMap.ts"

describe.each([10, 300_000])("for %s ids", (most) => {
  it("answers like a Map", () => {
    const ours = new IdMap<number>(most)
    const map = new Map<string, number>()
    for (let i = 0; i < 2000; i++) {
      const id = `User:${(i * 7919) % 1000}`
      if (i % 5 === 4) {
        ours.delete(id)
        map.delete(id)
      } else {
        ours.set(id, i)
        map.set(id, i)
      }
      expect(ours.get(id)).toBe(map.get(id))
    }
    expect(ours.get("another")).toBe(undefined)
    expect(ours.add("another", 1)).toBe(1)
    expect(ours.add("another", 2)).toBe(1)
    map.set("another", 1)
    expect(ours.size).toBe(map.size)
    expect(ours.values()).toEqual(Array.from(map.values()))
  })
})

it.each([
  ["numbers", (i: number) => `User@01234567:${i}`],
  ["padded numbers", (i: number) => `User:${String(i).padStart(12, "0")}`],
  ["hexadecimal ids", (i: number) => `User:${Math.imul(i, 2_654_435_761).toString(16)}`],
  ["ids before a constant field", (i: number) => `User:${i}:en`],
  ["ids before a long constant field", (i: number) => `User@01234567:${i}:dashboard`]
])("divides ids that are %s", (_, idOf) => {
  const count = 300_000
  const map = new IdMap<number>(count)
  for (let i = 0; i < count; i++) map.set(idOf(i), i)
  const { parts } = map as unknown as { readonly parts: ReadonlyArray<Map<string, number>> }
  expect(Math.max(...parts.map(({ size }) => size))).toBeLessThan(131_072)
})
