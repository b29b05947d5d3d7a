/** Durations in all their forms, and what is none. */
import { describe, expect, it } from "@effect/vitest"
import { Duration, Schema } from "effect"
import { CacheError, Ttl } from "effect-cached"

describe("parse", () => {
  it.each(
    [
      ["1d2h3m50s", 93_830_000],
      ["1D2H3M50S", 93_830_000],
      ["1w", 604_800_000],
      ["1.5h", 5_400_000],
      ["250ms", 250],
      ["1m", 60_000],
      ["1m1ms", 60_001],
      ["90", 90_000],
      ["0", 0],
      ["0.5", 500],
      ["10 minutes", 600_000],
      ["1 hour", 3_600_000],
      ["Infinity", Infinity]
    ] as const
  )("%s", (text, millis) => {
    expect(Duration.toMillis(Ttl.parse(text))).toBe(millis)
  })

  it.each([
    "",
    " ",
    "soon",
    "1m10",
    "10x",
    "1h 30m",
    "s",
    "1s1m",
    "1m1m",
    "-5",
    "1e3",
    "NaN",
    "1.h",
    ".5h",
    "1d2h!",
    "10minutes and more"
  ])("refuses %j: nothing is guessed", (text) => {
    expect(() => Ttl.parse(text)).toThrow(CacheError.CacheConfigError)
  })

  const Part = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 10_000 }))

  it.prop("is the sum of its parts", [Part, Part, Part, Part], ([d, h, m, s]) => {
    expect(Duration.toMillis(Ttl.parse(`${d}d${h}h${m}m${s}s`))).toBe(((d * 24 + h) * 60 + m) * 60_000 + s * 1000)
  })
})

describe("toMillis", () => {
  it.each(
    [
      [500, 500],
      [-1, -1],
      [Infinity, Infinity],
      ["10 minutes", 600_000],
      ["Infinity", Infinity],
      [Duration.hours(1), 3_600_000],
      [Duration.infinity, Infinity],
      [{ minutes: 1, seconds: 1 }, 61_000],
      [5_000_000n, 5],
      [[1, 500_000_000], 1500]
    ] as const
  )("%s", (input, millis) => {
    expect(Ttl.toMillis(input as Duration.Input)).toBe(millis)
    expect(Ttl.toMillis(input as Duration.Input)).toBe(millis)
  })

  it.each([NaN, [NaN, 0], { seconds: NaN }, "soon", "10", "1h", null, true])(
    "refuses %s, and names what",
    (input) => {
      expect(() => Ttl.toMillis(input as never, "timeout")).toThrow(CacheError.CacheConfigError)
      expect(() => Ttl.toMillis(input as never, "timeout")).toThrow(/^timeout is not a duration/)
    }
  )

  it("says what is missing", () => {
    expect(() => Ttl.toMillis(undefined as never, "timeout")).toThrow(
      /^timeout is missing\. Write it like "10 minutes"/
    )
  })
})
