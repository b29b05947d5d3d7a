/** Deadlines against a list that is searched, through random programs. */
import { describe, expect, it } from "@effect/vitest"
import { Exit } from "effect"
import { enteringDeadlines } from "../../../../src/internal/defaults/bounds.ts"
import * as Deadlines from "../../../../src/internal/engine/memory/deadlines.ts"
import { Entry } from "../../../../src/internal/engine/memory/entry.ts"
import { WallTime } from "../../../../src/internal/time/wallTime.ts"
import { randomOf } from "../../../support/random.ts"

const time = new WallTime()

const entry = (id: number, expiresAt: number, of = time) =>
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
    counters: {} as never,
    time: of
  })

const filedIn = ({ buckets }: Deadlines.Deadlines): ReadonlyArray<string> =>
  buckets.flatMap((head) => {
    const ids: Array<string> = []
    for (let due = head!.nextDue!; due !== head; due = due.nextDue!) ids.push((due as Entry).id)
    return ids
  })

describe("deadlines", () => {
  // How far apart deadlines are, in milliseconds: within seconds, minutes, hours, weeks, years.
  const spreads = [1000, 60_000, 7_200_000, 40 * 86_400_000, 800 * 86_400_000]

  it.each(spreads.flatMap((spread) => [1, 2].map((seed) => [seed, spread] as const)))(
    "names an expired entry where there is one (seed %i, %i ms)",
    (seed, spread) => {
      const random = randomOf(seed)
      const below = (n: number) => Math.floor(random() * n)
      const deadlines = Deadlines.make(time)
      const held = new Set<Entry>()
      const any = () => Array.from(held)[below(held.size)]!
      let now = 0
      for (let step = 0; step < 3000; step++) {
        const what = below(10)
        if (what < 4 || held.size === 0) {
          const fresh = entry(step, random() < 0.1 ? Infinity : now + below(spread))
          held.add(fresh)
          Deadlines.add(deadlines, fresh)
        } else if (what < 6) {
          const gone = any()
          held.delete(gone)
          Deadlines.remove(deadlines, gone)
        } else if (what === 6) {
          // A read.
          any().expiresAt += below(spread / 2)
        } else if (what === 7) {
          const other = any()
          other.live(undefined, Infinity, random() < 0.1 ? Infinity : now + below(spread / 3))
          Deadlines.changed(deadlines, other)
        } else now += below(spread / 16)
        const expired = Deadlines.firstExpired(deadlines, now)
        expect(expired === undefined).toBe(Array.from(held).every(({ expiresAt }) => expiresAt > now))
        if (expired === undefined) continue
        expect(held.has(expired) && expired.expiresAt <= now).toBe(true)
        if (below(2) === 0) continue
        held.delete(expired)
        Deadlines.remove(deadlines, expired)
      }
      const filed = filedIn(deadlines)
      const ids = Array.from(held).filter(({ expiresAt }) => expiresAt !== Infinity).map(({ id }) => id)
      expect(new Set(filed)).toEqual(new Set(ids))
      expect(deadlines.size).toBe(ids.length)
      expect(filed).toHaveLength(new Set(filed).size)
      for (const one of held) Deadlines.remove(deadlines, one)
      expect(deadlines.filled.every((bits) => bits === 0)).toBe(true)
      expect(filedIn(deadlines)).toEqual([])
      expect(Deadlines.isEmpty(deadlines)).toBe(true)
    }
  )

  it("files each entry a few times in its life, however long that is", () => {
    const deadlines = Deadlines.make(time)
    let asked = 0
    const life = 30 * 86_400_000
    const one = entry(0, life)
    Object.defineProperty(one, "expiresAt", { get: () => (asked++, life) })
    Deadlines.add(deadlines, one)
    for (let now = 0; now < life; now += 3_600_000) expect(Deadlines.firstExpired(deadlines, now)).toBeUndefined()
    expect(Deadlines.firstExpired(deadlines, life - 1)).toBeUndefined()
    expect(Deadlines.firstExpired(deadlines, life)).toBe(one)
    expect(asked).toBeLessThan(40)
  })

  it("a memory at rest for ten years is no work", () => {
    const deadlines = Deadlines.make(time)
    const one = entry(0, 10 * 365 * 86_400_000)
    Deadlines.add(deadlines, one)
    Deadlines.add(deadlines, entry(1, 1000))
    expect(Deadlines.firstExpired(deadlines, 2000)?.id).toBe("1")
    Deadlines.remove(deadlines, Deadlines.firstExpired(deadlines, 2000)!)
    let looks = 0
    const filled = new Proxy([...deadlines.filled], {
      get: (target, name) => {
        looks++
        return Reflect.get(target, name)
      }
    })
    expect(Deadlines.firstExpired({ ...deadlines, filled }, 9 * 365 * 86_400_000)).toBeUndefined()
    expect(looks).toBeLessThan(100_000)
  })

  it("finds one behind more that live than are looked at in one step, a little later", () => {
    const deadlines = Deadlines.make(time)
    const first = entry(0, 1100)
    for (const one of [...Array.from({ length: 2.5 * enteringDeadlines }, (_, i) => entry(1 + i, 1250)), first]) {
      Deadlines.add(deadlines, one)
    }
    expect(Deadlines.firstExpired(deadlines, 999)).toBeUndefined()
    const found = Array.from({ length: 3 }, () => Deadlines.firstExpired(deadlines, 1100)?.id)
    expect(found).toEqual([undefined, undefined, first.id])
    Deadlines.remove(deadlines, first)
    expect(Deadlines.firstExpired(deadlines, 1249)).toBeUndefined()
    expect(Deadlines.firstExpired(deadlines, 1250)).toBeDefined()
  })

  it("has nothing to do where the clock was set back: a loop that asks until nothing is due comes to an end", () => {
    const deadlines = Deadlines.make(time)
    Deadlines.add(deadlines, entry(0, 500))
    expect(Deadlines.firstExpired(deadlines, 400)).toBeUndefined()
    Deadlines.add(deadlines, entry(1, 300))
    expect(Deadlines.nextDue(deadlines, 200)).toBeUndefined()
    expect([Deadlines.firstExpired(deadlines, 450)?.id, Deadlines.firstExpired(deadlines, 200)?.id]).toEqual([
      "1",
      undefined
    ])
  })

  it.each([1, 2, 3])(
    "names all that have expired after the clock was set back, and none that has not (seed %i)",
    (seed) => {
      const random = randomOf(seed)
      const below = (n: number) => Math.floor(random() * n)
      const own = new WallTime()
      const deadlines = Deadlines.make(own)
      const held = new Set<Entry>()
      const spread = [1000, 7_200_000, 800 * 86_400_000][seed - 1]!
      let now = 2 * spread
      for (let step = 0; step < 2000; step++) {
        const what = below(8)
        if (what < 4) {
          const fresh = entry(step, now + below(spread), own)
          held.add(fresh)
          Deadlines.add(deadlines, fresh)
        } else if (what < 6) now += below(spread / 16)
        else if (what === 6 && random() < 0.2) {
          const by = Math.min(now, below(3 * spread))
          now -= by
          own.setBackMillis += by
        }
        const filed = filedIn(deadlines)
        expect(filed).toHaveLength(held.size)
        for (
          let expired = Deadlines.firstExpired(deadlines, now);
          expired;
          expired = Deadlines.firstExpired(deadlines, now)
        ) {
          expect(held.delete(expired) && expired.expiresAt <= now).toBe(true)
          Deadlines.remove(deadlines, expired)
        }
        expect(Array.from(held).every(({ expiresAt }) => expiresAt > now)).toBe(true)
      }
      expect(held.size).toBeGreaterThan(0)
      for (const one of held) Deadlines.remove(deadlines, one)
      expect(filedIn(deadlines)).toEqual([])
      expect(Deadlines.isEmpty(deadlines)).toBe(true)
    }
  )

  it("finds all of many, in no order but in time", () => {
    const deadlines = Deadlines.make(time)
    for (let i = 0; i < 10_000; i++) Deadlines.add(deadlines, entry(i, 1000 + i % 1000))
    for (let i = 0; i < 10_000; i++) Deadlines.remove(deadlines, Deadlines.firstExpired(deadlines, 2000)!)
    expect(Deadlines.firstExpired(deadlines, 2000)).toBeUndefined()
    expect(Deadlines.isEmpty(deadlines)).toBe(true)
  })
})
