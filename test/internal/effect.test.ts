/** The brands that identify types of Effect are those of the installed Effect. */
import { BigDecimal, Chunk, DateTime, HashMap, HashSet } from "effect"
import { describe, expect, it } from "vitest"
import * as Effects from "../../src/internal/effect.ts"

const { withPrototype: _, ...EffectTypes } = Effects

const utc = DateTime.makeUnsafe(0)
const named = DateTime.zoneMakeNamedUnsafe("Europe/London")
const offset = DateTime.zoneMakeOffset(3_600_000)

/** Values of each type. */
const values: { readonly [is in keyof typeof EffectTypes]: ReadonlyArray<unknown> } = {
  isChunk: [Chunk.make(1), Chunk.empty()],
  isHashMap: [HashMap.make(["a", 1]), HashMap.empty()],
  isHashSet: [HashSet.make(1), HashSet.empty()],
  isBigDecimal: [BigDecimal.fromBigInt(1n)],
  isUtc: [utc],
  isZoned: [DateTime.setZone(utc, named)],
  isTimeZone: [named, offset],
  isTimeZoneNamed: [named],
  isTimeZoneOffset: [offset]
}

const all = [...new Set(Object.values(values).flat()), undefined, null, 1, "", {}, [], new Map(), { _tag: "Utc" }]

describe("types of Effect", () => {
  it.each(Object.entries({ ...EffectTypes }))("%s distinguishes its values from all others", (name, is) => {
    expect(all.filter(is)).toEqual(values[name as keyof typeof values])
  })
})
