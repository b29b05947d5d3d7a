/** Names and rows of the store on PostgreSQL: every text has bytes of its own, and no reply of a server throws. */
import { describe, expect, it } from "@effect/vitest"
import { Schema } from "effect"
import { crc32 } from "node:zlib"
import { compare, fromBytes, named, nameOf, rangeOf } from "../../../src/drivers/postgres/session/names.ts"
import { decode } from "../../../src/drivers/postgres/store/rows.ts"
import * as Frame from "../../../src/internal/codec/frame.ts"
import { oddTexts } from "../../../src/testing/internal/storeFixtures.ts"

const isIn = (prefix: string, key: Uint8Array): boolean => {
  const { from, to } = rangeOf(prefix)
  return Buffer.compare(from, key) <= 0 && Buffer.compare(key, to) < 0 || key[0] === 0xff
}

describe("names of rows", () => {
  it.prop("come back, and are found by each of their prefixes", [Schema.String, Schema.String], ([a, b]) => {
    for (const text of [a, b, a + b, (a + b + "x").repeat(400), `${a}\ud800`, `${a}\u0000${b}`]) {
      const { key, whole } = named(text)
      expect(nameOf(key, whole)).toBe(text)
      expect(key.length).toBeLessThan(1000)
      for (let end = 0; end <= Math.min(20, text.length); end++) {
        expect(isIn(text.slice(0, end), key), JSON.stringify([text, end])).toBe(true)
      }
    }
  })

  it("differ where their texts do", () => {
    const all = oddTexts.map(named)
    for (const [i, one] of all.entries()) {
      expect(all.findIndex((other) => compare(one, other) === 0)).toBe(i)
      expect(nameOf(one.key, one.whole)).toBe(oddTexts[i])
    }
  })
})

describe("rows of a server", () => {
  const meta = {
    ...{ createdAt: 1, softExpiresAt: 2, expiresAt: 3, loadMillis: 4, outcome: "success" as const },
    ...{
      tags: [{ tag: "t", version: "0".repeat(24) }],
      writeId: "0".repeat(32),
      serializer: 1,
      isConstant: true as const
    }
  }
  const payload = Uint8Array.of(1, 2, 3)
  const frame = Frame.encode("id", { meta, payload }, crc32)

  it("have the deadlines of the last touch", () => {
    expect(decode("id", [frame, null, 3, null], 0)?.meta).toEqual(meta)
    expect(decode("id", [frame, 20, Infinity, true], 0)?.meta).toEqual({
      ...meta,
      softExpiresAt: 20,
      expiresAt: Infinity
    })
    const { isConstant: _, ...byHand } = meta
    expect(decode("id", [frame, 20, 30, false], 0)?.meta).toEqual({ ...byHand, softExpiresAt: 20, expiresAt: 30 })
  })

  it.prop("that are damaged are no entries, and nothing throws", [
    Schema.Int,
    Schema.Int,
    Schema.Union([Schema.String, Schema.Number, Schema.Null, Schema.Boolean])
  ], ([at, by, other]) => {
    const damaged = Uint8Array.from(frame)
    const place = Math.abs(at) % frame.length
    damaged[place] = damaged[place]! ^ (Math.abs(by) % 255 + 1)
    expect(decode("id", [damaged, null, 3, null], 0)).toBeUndefined()
    expect(decode("id", [frame.subarray(0, place), other, other, other], 0)).toBeUndefined()
    expect(decode("other", [frame, null, 3, null], 0)).toBeUndefined()
    for (const row of [[], [other], [other, other, other, other]]) expect(decode("id", row, 0)).toBeUndefined()
    expect(typeof fromBytes(other)).toBe("string")
  })
})
