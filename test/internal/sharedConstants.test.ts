/** Strategies with equal lifetimes have one constant, by which a hit sees that an entry needs no other deadlines. */
import { expect, it } from "@effect/vitest"
import { softTtl, ttl } from "../../src/internal/strategy/kinds.ts"
import { constantOfStrategy, ofKind } from "../../src/internal/strategy/make.ts"

it("functions with equal options share their constant, however the options say it", () => {
  const constant = constantOfStrategy(ofKind(softTtl, { ttl: "1 hour", softTtl: "1 minute" }))
  expect(constant).toEqual({ ttl: 3_600_000, softTtl: 60_000 })
  expect(constantOfStrategy(ofKind(softTtl, { ttl: "60 minutes", softTtl: 60_000 }))).toBe(constant)
  expect(constantOfStrategy(ofKind(softTtl, { ttl: "1 hour", softTtl: "2 minutes" }))).not.toBe(constant)
  expect(constantOfStrategy(ofKind(ttl, { ttl: "1 hour" }))).not.toBe(constant)
})

it("so many constants are remembered at most, and those that were forgotten are made again", () => {
  const first = constantOfStrategy(ofKind(ttl, { ttl: 1 }))
  for (let millis = 2; millis < 1500; millis++) ofKind(ttl, { ttl: millis })
  expect(constantOfStrategy(ofKind(ttl, { ttl: 1 }))).not.toBe(first)
  expect(constantOfStrategy(ofKind(ttl, { ttl: 1 }))).toEqual(first)
})
