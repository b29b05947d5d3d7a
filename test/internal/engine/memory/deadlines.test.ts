/** Deadlines against a list that is searched, through random programs. */
import { describe, expect, it } from "@effect/vitest"
import { Exit } from "effect"
import * as Deadlines from "../../../../src/internal/engine/memory/deadlines.ts"
import { Entry } from "../../../../src/internal/engine/memory/entry.ts"

const entry = (id: number, expiresAt: number) =>
  new Entry({
    id: `${id}`,
    exit: Exit.void,
    createdAt: 0,
    softExpiresAt: Infinity,
    expiresAt,
    loadMillis: 0,
    tags: [],
    bornAt: 0,
    writeId: undefined,
    etag: undefined,
    constant: undefined,
    counters: {} as never
  })

/** mulberry32 */
const randomOf = (seed: number) => () => {
  seed = (seed + 0x6d2b79f5) | 0
  let t = Math.imul(seed ^ (seed >>> 15), 1 | seed)
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
  return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
}

describe("deadlines", () => {
  it.each([1, 2, 3, 4, 5])("names an expired entry where there is one (seed %i)", (seed) => {
    const random = randomOf(seed)
    const below = (n: number) => Math.floor(random() * n)
    const deadlines = Deadlines.make()
    const held = new Set<Entry>()
    const any = () => Array.from(held)[below(held.size)]!
    let now = 0
    for (let step = 0; step < 5000; step++) {
      const what = below(10)
      if (what < 4 || held.size === 0) {
        const fresh = entry(step, random() < 0.1 ? Infinity : now + below(1000))
        held.add(fresh)
        Deadlines.add(deadlines, fresh)
      } else if (what < 6) {
        const gone = any()
        held.delete(gone)
        Deadlines.remove(deadlines, gone)
      } else if (what === 6) {
        // a read
        any().expiresAt += below(500)
      } else if (what === 7) {
        const other = any()
        other.expiresAt = random() < 0.1 ? Infinity : now + below(300)
        Deadlines.changed(deadlines, other)
      } else now += below(60)
      const expired = Deadlines.firstExpired(deadlines, now)
      expect(expired === undefined).toBe(Array.from(held).every(({ expiresAt }) => expiresAt > now))
      if (expired === undefined) continue
      expect(held.has(expired) && expired.expiresAt <= now).toBe(true)
      if (below(2) === 0) continue
      held.delete(expired)
      Deadlines.remove(deadlines, expired)
    }
    const places = deadlines.entries.map(({ place }) => place)
    expect(places).toEqual(Array.from(places.keys()))
    const mislaid = Array.from(held).filter((one) =>
      one.expiresAt !== Infinity && !deadlines.newcomers.includes(one) && !deadlines.entries.includes(one)
    )
    expect(mislaid).toEqual([])
    for (const one of held) Deadlines.remove(deadlines, one)
    expect(deadlines).toMatchObject({ newcomers: [], entries: [], times: [] })
  })

  it("finds one among more newcomers than enter at once, a little later", () => {
    const deadlines = Deadlines.make()
    const first = entry(0, 1)
    for (const one of [first, ...Array.from({ length: 10_000 }, (_, i) => entry(1 + i, 1000))]) {
      Deadlines.add(deadlines, one)
    }
    expect(Deadlines.firstExpired(deadlines, 0)).toBeUndefined()
    expect(deadlines.entries).toEqual([])
    const found = Array.from({ length: 3 }, () => Deadlines.firstExpired(deadlines, 1))
    expect(found).toEqual([undefined, undefined, first])
    Deadlines.remove(deadlines, first)
    expect(Deadlines.firstExpired(deadlines, 999)).toBeUndefined()
    expect(Deadlines.firstExpired(deadlines, 1000)).toBeDefined()
  })
})
