/** The decisions of a strategy about an entry of any age, and the lifetime it gives a result. */
import { describe, expect, it } from "@effect/vitest"
import { Exit, Schema } from "effect"
import { CacheError, type Strategy } from "effect-cached"
import type { CacheEntry } from "effect-cached/adapters"
import { made } from "./support/strategies.ts"

const minutes = (n: number) => n * 60_000

/** Stored at 1000, stale from 7 minutes on, gone from 10 minutes on. */
const at = 1000
const entry: CacheEntry.Timing = {
  createdAt: at,
  softExpiresAt: at + minutes(7),
  expiresAt: at + minutes(10),
  loadMillis: 100,
  outcome: "success"
}
const forever: CacheEntry.Timing = { ...entry, softExpiresAt: Infinity, expiresAt: Infinity }

const half = () => 0.5

const soft = at + minutes(7)
const hard = at + minutes(10)

const strategies = {
  ttl: made({ strategy: "ttl", ttl: "10 minutes" }),
  softTtl: made({ strategy: "softTtl", ttl: "10 minutes", softTtl: "7 minutes" }),
  refreshAhead: made({ strategy: "refreshAhead", ttl: "10 minutes", refreshAfter: "7 minutes" }),
  probabilistic: made({ strategy: "probabilistic", ttl: "10 minutes" }),
  failover: made({ strategy: "failover", ttl: "10 minutes" }),
  untilInvalidated: made({ strategy: "untilInvalidated" }),
  sliding: made({ strategy: "sliding", idle: "10 minutes" }),
  maxHits: made({ strategy: "maxHits", hits: 2, ttl: "10 minutes" })
}

/** By the time: when stored, a millisecond before stale, then, after it; a millisecond before gone, then, after it. */
const times = [at, soft - 1, soft, soft + 1, hard - 1, hard, hard + 1]

const table: Record<keyof typeof strategies, ReadonlyArray<Strategy.Decision>> = {
  ttl: ["Serve", "Serve", "Serve", "Serve", "Serve", "Load", "Load"],
  softTtl: ["Serve", "Serve", "LoadOrStale", "LoadOrStale", "LoadOrStale", "Load", "Load"],
  refreshAhead: ["Serve", "Serve", "ServeAndRefresh", "ServeAndRefresh", "ServeAndRefresh", "Load", "Load"],
  // With the dice at 0.5 a load of 100 ms is worth it from 70 ms before the end on.
  probabilistic: ["Serve", "Serve", "Serve", "Serve", "ServeAndRefresh", "Load", "Load"],
  failover: ["LoadOrStale", "LoadOrStale", "LoadOrStale", "LoadOrStale", "LoadOrStale", "Load", "Load"],
  untilInvalidated: ["Serve", "Serve", "Serve", "Serve", "Serve", "Load", "Load"],
  sliding: ["Serve", "Serve", "Serve", "Serve", "Serve", "Load", "Load"],
  maxHits: ["Serve", "Serve", "Serve", "Serve", "Serve", "Load", "Load"]
}

const names = Object.keys(strategies) as Array<keyof typeof strategies>

describe("decide", () => {
  it.each(names)("%s, as a table over its boundaries", (name) => {
    expect(times.map((now) => strategies[name].decide(entry, now, half))).toEqual(table[name])
  })

  it.each(names)("%s loads where nothing is stored", (name) => {
    expect(strategies[name].decide(undefined, at, half)).toBe("Load")
  })

  it.each(["ttl", "softTtl", "refreshAhead", "probabilistic", "untilInvalidated", "sliding", "maxHits"] as const)(
    "%s serves for ever what never expires",
    (name) => {
      expect(strategies[name].decide(forever, Number.MAX_SAFE_INTEGER, half)).toBe("Serve")
    }
  )

  it("probabilistic refreshes from the moment its dice say, and beta moves that", () => {
    const from = (beta: number, dice: number) => hard - Math.floor(100 * beta * -Math.log(dice))
    for (const beta of [0.5, 1, 2]) {
      const { decide } = made({ strategy: "probabilistic", ttl: "10 minutes", beta })
      for (const dice of [0.01, 0.5, 0.9]) {
        expect(decide(entry, from(beta, dice) - 1, () => dice)).toBe("Serve")
        expect(decide(entry, from(beta, dice), () => dice)).toBe("ServeAndRefresh")
      }
    }
    // The very moment: these dice move it by the time of the load.
    expect(strategies.probabilistic.decide(entry, hard - 100, () => Math.exp(-1))).toBe("ServeAndRefresh")
  })

  it("probabilistic does not refresh early what took no time to load, and throws no dice for it", () => {
    const dice = () => expect.fail("thrown")
    expect(strategies.probabilistic.decide({ ...entry, loadMillis: 0 }, hard - 1, dice)).toBe("Serve")
  })

  it("probabilistic throws its dice once a decision, the others never", () => {
    for (const name of names) {
      let thrown = 0
      strategies[name].decide(entry, soft, () => {
        thrown++
        return 0.5
      })
      expect(thrown).toBe(name === "probabilistic" ? 1 : 0)
    }
  })
})

describe("maxHits, by the reads there were", () => {
  const after = (strategy: Strategy.Strategy, now = at) =>
    [undefined, 0, 1, 2, 3, 4, 1000].map((reads) => strategy.decide({ ...entry, reads }, now, half))

  it.each([
    [{ hits: 1 }, ["Serve", "Serve", "Load", "Load", "Load", "Load", "Load"]],
    [{ hits: 3 }, ["Serve", "Serve", "Serve", "Serve", "Load", "Load", "Load"]],
    [{ hits: 3, refreshAfter: 1 }, [
      "ServeAndRefresh",
      "ServeAndRefresh",
      "ServeAndRefresh",
      "ServeAndRefresh",
      "Load",
      "Load",
      "Load"
    ]],
    [{ hits: 3, refreshAfter: 3 }, ["Serve", "Serve", "Serve", "ServeAndRefresh", "Load", "Load", "Load"]]
  ])("%j", (options, decisions) => {
    const strategy = made({ strategy: "maxHits", ...options, ttl: "10 minutes" })
    expect(after(strategy)).toEqual(decisions)
    expect(after(strategy, hard)).toEqual(decisions.map(() => "Load"))
    expect(strategy.countsReads).toBe(true)
  })

  it("CA-38 · three hits in a day, with a refresh from the first on, is what cashews calls dynamic", () => {
    const strategy = made({ strategy: "maxHits", hits: 3, refreshAfter: 1, ttl: "24 hours" })
    expect(after(strategy)).toEqual([...Array(4).fill("ServeAndRefresh"), ...Array(3).fill("Load")])
    expect(strategy.lifetime(Exit.succeed(1), "k")).toEqual({ softTtl: minutes(1440), ttl: minutes(1440) })
  })
})

describe("sliding, by its reads", () => {
  const strategy = made({ strategy: "sliding", idle: "1 minute", ttl: "10 minutes" })
  const read = (options: Partial<CacheEntry.Timing>, now: number) =>
    strategy.touch!({ ...entry, softExpiresAt: at + minutes(10), expiresAt: at + minutes(1), ...options }, now)

  it("a read moves the end to idle from now, not past ttl, and never nearer", () => {
    expect(read({}, at)).toBe(at + minutes(1))
    expect(read({}, at + 1)).toBe(at + minutes(1) + 1)
    expect(read({ expiresAt: at + minutes(9.5) }, at + minutes(9.4))).toBe(at + minutes(10))
    expect(read({ expiresAt: at + minutes(9) }, at + minutes(2))).toBe(at + minutes(9))
    // Its clock was set back.
    expect(read({}, at - minutes(5))).toBe(at + minutes(1))
  })

  it("keeps ttl where reads cannot move it, and idle as the end", () => {
    const good = Exit.succeed(1)
    expect(strategy.lifetime(good, "k")).toEqual({ softTtl: minutes(10), ttl: minutes(1) })
    expect(made({ strategy: "sliding", idle: 5 }).lifetime(good, "k")).toEqual({ softTtl: Infinity, ttl: 5 })
    expect(made({ strategy: "sliding", idle: 5, ttl: () => 3 }).lifetime(good, "k")).toEqual({ softTtl: 3, ttl: 3 })
    expect(made({ strategy: "sliding", idle: 5, ttl: () => 0 }).lifetime(good, "k")).toBe("skip")
    expect(() => made({ strategy: "sliding", idle: 5, ttl: 0 })).toThrow("ttl is zero or less")
  })

  it.prop("no read moves it past ttl, nor nearer", [Schema.Int, Schema.Int], ([passed, end]) => {
    const expiresAt = at + Math.min(Math.abs(end), minutes(10))
    const moved = read({ expiresAt }, at + Math.abs(passed))
    expect(moved).toBeGreaterThanOrEqual(expiresAt)
    expect(moved).toBeLessThanOrEqual(at + minutes(10))
  })
})

const Millis = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 1e9 }))
const Share = Schema.Number.check(Schema.isBetween({ minimum: 0.000_001, maximum: 0.999_999 }))

const timing = (createdAt: number, softAfter: number, hardAfter: number, loadMillis = 0): CacheEntry.Timing => ({
  createdAt,
  softExpiresAt: createdAt + Math.min(softAfter, hardAfter),
  expiresAt: createdAt + hardAfter,
  loadMillis,
  outcome: "success"
})

const lateness: Record<Strategy.Decision, number> = { Serve: 0, ServeAndRefresh: 1, LoadOrStale: 1, Load: 2 }

describe("decide, by its properties", () => {
  for (const name of names) {
    it.prop(`${name} never serves past ttl`, [Millis, Millis, Millis, Millis, Share], ([c, s, h, over, dice]) => {
      const stored = timing(c, s, h)
      expect(strategies[name].decide(stored, stored.expiresAt + over, () => dice)).toBe("Load")
    })

    it.prop(`${name} does not go back to an earlier decision`, [Millis, Millis, Millis, Millis, Millis, Share], (
      [c, s, h, now, later, dice]
    ) => {
      const stored = timing(c, s, h, 1000)
      const decide = (at: number) => lateness[strategies[name].decide(stored, at, () => dice)]
      expect(decide(c + now + later)).toBeGreaterThanOrEqual(decide(c + now))
    })

    it.prop(
      `${name} decides the same from the same`,
      [Millis, Millis, Millis, Millis, Share],
      ([c, s, h, now, dice]) => {
        const stored = timing(c, s, h, 1000)
        const decide = () => strategies[name].decide(stored, c + now, () => dice)
        expect(decide()).toBe(decide())
      }
    )
  }

  for (const name of ["ttl", "softTtl", "refreshAhead", "untilInvalidated", "sliding", "maxHits"] as const) {
    it.prop(`${name} never loads while fresh`, [Millis, Millis, Millis, Millis], ([c, s, h, now]) => {
      const stored = timing(c, s, h)
      if (c + now < stored.softExpiresAt) expect(strategies[name].decide(stored, c + now, half)).toBe("Serve")
    })
  }

  it.prop("failover loads always", [Millis, Millis, Millis, Millis], ([c, s, h, now]) => {
    expect(["Load", "LoadOrStale"]).toContain(strategies.failover.decide(timing(c, s, h), c + now, half))
  })

  const refreshes = (stored: CacheEntry.Timing, now: number, dice: number) =>
    strategies.probabilistic.decide(stored, now, () => dice) === "ServeAndRefresh"

  it.prop("probabilistic: a costlier load is refreshed no later", [Millis, Millis, Millis, Millis, Share], (
    [h, now, cost, more, dice]
  ) => {
    if (now < h && refreshes(timing(0, h, h, cost), now, dice)) {
      expect(refreshes(timing(0, h, h, cost + more), now, dice)).toBe(true)
    }
  })

  it.prop("probabilistic: what refreshes now refreshes later too", [Millis, Millis, Millis, Millis, Share], (
    [h, now, later, cost, dice]
  ) => {
    const stored = timing(0, h, h, cost)
    if (now + later < h && refreshes(stored, now, dice)) expect(refreshes(stored, now + later, dice)).toBe(true)
  })
})

describe("lifetime", () => {
  const good = Exit.succeed(1)
  const bad = Exit.fail("down")

  it.each(names)("%s: of every outcome, because the read says which are stored", (name) => {
    expect(strategies[name].lifetime(good, "k")).not.toBe("skip")
    expect(strategies[name].lifetime(bad, "k")).toEqual(strategies[name].lifetime(good, "k"))
  })

  it("is what the options say, in milliseconds", () => {
    expect(strategies.ttl.lifetime(good, "k")).toEqual({ ttl: minutes(10), softTtl: minutes(10) })
    expect(strategies.softTtl.lifetime(good, "k")).toEqual({ ttl: minutes(10), softTtl: minutes(7) })
    expect(strategies.refreshAhead.lifetime(good, "k")).toEqual({ ttl: minutes(10), softTtl: minutes(7) })
    expect(strategies.untilInvalidated.lifetime(good, "k")).toEqual({ ttl: Infinity, softTtl: Infinity })
  })

  it.each([0, -1, "0 seconds", -Infinity] as const)(
    "ttl %s: a mistake as a constant, and not stored where a function answers it",
    (ttl) => {
      expect(() => made({ strategy: "ttl", ttl })).toThrow("ttl is zero or less")
      expect(made({ strategy: "ttl", ttl: () => ttl }).lifetime(good, "k")).toBe("skip")
    }
  )

  it.each([-1, "-1 second", -Infinity] as const)(
    "softTtl and refreshAfter %s: a mistake as a constant, and 0 where a function answers it",
    (soft) => {
      expect(() => made({ strategy: "softTtl", ttl: "1 hour", softTtl: soft as never })).toThrow(
        "softTtl must be at least 0, not"
      )
      expect(() => made({ strategy: "refreshAhead", ttl: "1 hour", refreshAfter: soft as never })).toThrow(
        "refreshAfter must be at least 0, not"
      )
      const strategy = made({ strategy: "softTtl", ttl: "1 hour", softTtl: () => soft as never })
      expect(strategy.lifetime(good, "k")).toEqual({ ttl: minutes(60), softTtl: 0 })
      expect(made({ strategy: "softTtl", ttl: "1 hour", softTtl: 0 }).lifetime(good, "k")).toEqual({
        ttl: minutes(60),
        softTtl: 0
      })
    }
  )

  it("ttl as a function sees outcome and key", () => {
    const strategy = made({
      strategy: "ttl",
      ttl: (exit, key) => (Exit.isSuccess(exit) ? exit.value : 100) + key.length
    })
    expect(strategy.lifetime(Exit.succeed(5), "abc")).toEqual({ ttl: 8, softTtl: 8 })
    expect(strategy.lifetime(Exit.fail("x"), "abc")).toEqual({ ttl: 103, softTtl: 103 })
  })

  it("a soft deadline behind a computed ttl is just not reached", () => {
    expect(made({ strategy: "softTtl", ttl: () => 5, softTtl: 10 }).lifetime(good, "k")).toEqual({ ttl: 5, softTtl: 5 })
  })
})

describe("invalid options are thrown at once", () => {
  const wrong: ReadonlyArray<readonly [string, () => unknown]> = [
    ["no ttl", () => made({ strategy: "ttl" } as never)],
    ["no options", () => made(undefined as never)],
    ["a ttl that does not parse", () => made({ strategy: "ttl", ttl: "soon" as never })],
    ["NaN", () => made({ strategy: "ttl", ttl: NaN })],
    ["an unknown option", () => made({ strategy: "ttl", ttl: 1, tll: 2 } as never)],
    ["another strategy's option", () => made({ strategy: "ttl", ttl: 1, softTtl: 1 } as never)],
    ["no softTtl", () => made({ strategy: "softTtl", ttl: 1 } as never)],
    ["a softTtl longer than ttl", () => made({ strategy: "softTtl", ttl: 1, softTtl: 2 })],
    [
      "a softTtl that does not parse beside a computed ttl",
      () => made({ strategy: "softTtl", ttl: () => 1, softTtl: NaN })
    ],
    [
      "a refreshAfter longer than ttl",
      () => made({ strategy: "refreshAhead", ttl: "1 minute", refreshAfter: "1 hour" })
    ],
    ["no refreshAfter", () => made({ strategy: "refreshAhead", ttl: () => 1 } as never)],
    ["no softTtl beside a computed ttl", () => made({ strategy: "softTtl", ttl: () => 1 } as never)],
    ["jitter above 1", () => made({ strategy: "ttl", ttl: 1, jitter: 1.1 })],
    ["jitter below 0", () => made({ strategy: "ttl", ttl: 1, jitter: -0.1 })],
    ["jitter as text", () => made({ strategy: "ttl", ttl: 1, jitter: "0.5" as never })],
    ["jitter NaN", () => made({ strategy: "ttl", ttl: 1, jitter: NaN })],
    ["beta 0", () => made({ strategy: "probabilistic", ttl: 1, beta: 0 })],
    ["beta Infinity", () => made({ strategy: "probabilistic", ttl: 1, beta: Infinity })],
    ["beta NaN", () => made({ strategy: "probabilistic", ttl: 1, beta: NaN })],
    ["an option of a read", () => made({ strategy: "ttl", ttl: 1, when: () => true } as never)]
  ]

  it.each(wrong)("%s", (_, make) => {
    expect(make).toThrow(CacheError.CacheConfigError)
  })
})
