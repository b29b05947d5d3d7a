/** Entries by id against a plain `Map`, through random programs; and what a step does to the maps below. */
import { describe, expect, it, vi } from "@effect/vitest"
import * as Entries from "../../../../src/internal/engine/memory/entries.ts"
import type { Entry } from "../../../../src/internal/engine/memory/entry.ts"
import { sized } from "../../../support/everything.ts"
import { randomOf } from "../../../support/random.ts"

const entry = (id: string): Entry => ({ id }) as Entry

/** How many ids its maps have, with those that have left. */
const idsIn = (entries: Entries.Entries): number => Reflect.get(entries, "map").size

describe("entries by id", () => {
  it.each(Array.from({ length: sized(20, 5) }, (_, seed) => seed + 1))("are those of a Map (seed %i)", (seed) => {
    const random = randomOf(seed)
    const below = (n: number) => Math.floor(random() * n)
    const small = 2 ** below(6)
    const entries = Entries.make(small)
    const model = new Map<string, Entry>()
    let most = 0
    const put = (id: string) => {
      const one = entry(id)
      entries.set(id, one)
      model.set(id, one)
    }
    const remove = (id: string) => expect(entries.delete(id)).toBe(model.delete(id))
    for (let phase = 0; phase < 30; phase++) {
      const ids = 1 + below(400)
      const comes = random()
      for (let step = below(600); step > 0; step--) {
        const id = `${below(ids)}`
        if (random() < comes) put(id)
        else remove(id)
        if (random() < 0.0005) {
          const were = Array.from(Entries.empty(entries).values()).filter((entry) => entry !== undefined)
          expect(new Set(were)).toEqual(new Set(model.values()))
          expect(were.length).toBe(model.size)
          model.clear()
        }
        most = Math.max(most, model.size)
        expect(entries.size).toBe(model.size)
        const other = `${below(ids)}`
        expect(entries.get(other)).toBe(model.get(other))
        expect(entries.has(other)).toBe(model.has(other))
      }
      expect(Array.from(Entries.ids(entries)).toSorted()).toEqual(Array.from(model.keys()).toSorted())
      expect(new Set(entries.values())).toEqual(new Set(model.values()))
      expect(idsIn(entries)).toBeLessThanOrEqual(Math.max(2 * small, 2 * most))
    }
    for (const id of Array.from(Entries.ids(entries))) remove(id)
    expect(Array.from(entries.values())).toEqual([])
    expect(idsIn(entries)).toBe(0)
  })

  it.each(Array.from({ length: sized(20, 5) }, (_, seed) => seed + 1))(
    "are listed while they change (seed %i)",
    (seed) => {
      const random = randomOf(seed)
      const below = (n: number) => Math.floor(random() * n)
      for (let round = 0; round < 20; round++) {
        const entries = Entries.make(2 ** below(6))
        const count = 1 + below(200)
        const comes = random()
        const change = () => {
          const id = `${below(count)}`
          if (random() < comes) entries.set(id, entry(id))
          else if (entries.delete(id)) all.delete(id)
          if (random() < 0.001) {
            Entries.empty(entries)
            all.clear()
          }
        }
        let all = new Set<string>()
        for (let left = below(3 * count); left > 0; left--) change()
        // There all the time.
        all = new Set(Entries.ids(entries))
        const listed: Array<string> = []
        for (const id of Entries.ids(entries)) {
          expect(entries.has(id)).toBe(true)
          listed.push(id)
          for (let left = below(8); left > 0; left--) change()
        }
        expect(new Set(listed).size).toBe(listed.length)
        expect(Array.from(all).filter((id) => !listed.includes(id))).toEqual([])
      }
    }
  )

  it("that are listed while others take their place in another map are there, each once", () => {
    const entries = Entries.make(16)
    for (let i = 0; i < 1000; i++) entries.set(`${i}`, entry(`${i}`))
    const listed: Array<string> = []
    let next = 0
    for (const { id } of entries.values()) {
      expect(entries.has(id)).toBe(true)
      listed.push(id)
      // One of twenty stays, and those that come next in the list leave too.
      for (const end = next + 20; next < end && next < 1000; next++) if (next % 20 > 0) entries.delete(`${next}`)
    }
    expect(new Set(listed).size).toBe(listed.length)
    expect(Array.from(Entries.ids(entries)).every((id) => listed.includes(id))).toBe(true)
    expect(entries.size).toBe(50)
  })

  it("of a large memory leave without a long step: no map of which most have left is made smaller", () => {
    const small = 1024
    const entries = Entries.make(small)
    const count = 20_000
    for (let i = 0; i < count; i++) entries.set(`${i}`, entry(`${i}`))
    const most = new WeakMap<object, number>()
    let touched = 0
    const remove = Map.prototype.delete
    const put = Map.prototype.set
    const sets = vi.spyOn(Map.prototype, "set").mockImplementation(function(this: Map<unknown, unknown>, ...args) {
      touched++
      put.apply(this, args)
      most.set(this, Math.max(this.size, most.get(this) ?? 0))
      return this
    })
    const deletes = vi.spyOn(Map.prototype, "delete").mockImplementation(function(this: Map<unknown, unknown>, id) {
      touched++
      // It has room for as many, for the next power of two, or for twice that.
      const had = most.get(this) ?? count
      if (had > small && this.size <= 2 ** Math.ceil(Math.log2(had)) / 2) throw new Error("it is made smaller")
      return remove.call(this, id)
    })
    let longest = 0
    let left = count
    const many: Array<number> = []
    try {
      for (let i = 0; i < count; i++) {
        touched = 0
        entries.delete(`${i * 7919 % count}`)
        longest = Math.max(longest, touched)
        if (entries.size !== --left) throw new Error("it counts what has left")
        many.push(idsIn(entries) - left)
      }
    } finally {
      sets.mockRestore()
      deletes.mockRestore()
    }
    expect(longest).toBeLessThan(16)
    expect(Math.max(...many)).toBeLessThan(count)
    expect(idsIn(entries)).toBe(0)
  })

  it("that have left do not stay where few live on", () => {
    const entries = Entries.make(16)
    for (let i = 0; i < 10_000; i++) entries.set(`${i}`, entry(`${i}`))
    for (let i = 10; i < 10_000; i++) entries.delete(`${i}`)
    expect(entries.size).toBe(10)
    expect(idsIn(entries)).toBeLessThan(100)
  })
})
