/** The frame around a stored payload: a written frame can be read, a damaged one is noticed. */
import { describe, expect, it } from "@effect/vitest"
import { Arbitrary, Schema } from "effect"
import { crc32 } from "node:zlib"
import type { Stored } from "../../../src/CacheEntry.ts"
import * as Frame from "../../../src/internal/codec/frame.ts"

const hexOf = (bytes: number) => (n: number) => (n >>> 0).toString(16).padStart(8, "0").repeat(4).slice(0, 2 * bytes)

const Word = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 0xffff_ffff }))
const Millis = Schema.NullOr(Schema.Number.check(Schema.isFinite()))

/** Text of any UTF-16 units, half surrogate pairs too. */
const text = Arbitrary.map(
  Arbitrary.array(Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 0xffff })))),
  (units) => String.fromCharCode(...units)
)

const stored = Arbitrary.map(
  Arbitrary.all({
    times: Arbitrary.schema(Schema.Tuple([Millis, Millis, Millis])),
    words: Arbitrary.schema(Schema.Tuple([Word, Word])),
    failure: Arbitrary.schema(Schema.Boolean),
    etag: Arbitrary.array(text, { maxLength: 1 }),
    isConstant: Arbitrary.schema(Schema.Boolean),
    tags: Arbitrary.array(Arbitrary.all({ tag: text, version: Arbitrary.map(Arbitrary.schema(Word), hexOf(12)) })),
    payload: Arbitrary.schema(Schema.Uint8Array)
  }),
  ({ etag: [etag], failure, isConstant, payload, tags, times, words }): Stored => ({
    meta: {
      createdAt: times[0] ?? 0,
      softExpiresAt: times[1] ?? Infinity,
      expiresAt: times[2] ?? Infinity,
      loadMillis: words[0],
      outcome: failure ? "failure" : "success",
      tags,
      writeId: hexOf(16)(words[1]),
      serializer: 1 + (words[1] % 255),
      ...etag === undefined ? {} : { etag },
      ...isConstant ? { isConstant, ...failure ? { endsWithParts: true as const } : {} } : {}
    },
    payload
  })
)

const plain = (entry: Stored | undefined) => entry && { ...entry, payload: Uint8Array.from(entry.payload) }

const example: Stored = {
  meta: {
    createdAt: 1_700_000_000_000,
    softExpiresAt: Infinity,
    expiresAt: Infinity,
    loadMillis: 3,
    outcome: "success",
    tags: [{ tag: "tag", version: "0123456789abcdef01234567" }, { tag: "\ud800", version: "76543210fedcba9876543210" }],
    writeId: "00112233445566778899aabbccddeeff",
    serializer: 1
  },
  payload: Uint8Array.of(1, 2, 3, 4, 5)
}

describe("frame", () => {
  it.prop("gives back what went in", { id: text, entry: stored }, ({ entry, id }) => {
    expect(plain(Frame.decode(id, Frame.encode(id, entry, crc32), crc32))).toEqual(entry)
  })

  it("has the tags of the frame before only where their bytes are the same", () => {
    const newer = {
      ...example,
      meta: { ...example.meta, tags: example.meta.tags.map(({ tag }) => ({ tag, version: "0".repeat(24) })) }
    }
    const read = (entry: Stored) => {
      const frame = Frame.encode("id", entry, crc32)
      const decoded = Frame.decode("id", frame, crc32)
      // The decoded tags must not depend on these bytes.
      frame.fill(0)
      return decoded?.meta.tags
    }
    const tags = read(example)
    expect(tags).toEqual(example.meta.tags)
    expect(read(example)).toBe(tags)
    expect(read(newer)).toEqual(newer.meta.tags)
    expect(read(example)).toEqual(example.meta.tags)
  })

  it.prop("of one id is a miss under another", { id: text, other: text, entry: stored }, ({ entry, id, other }) => {
    // The checksum sees U+FFFD for half a pair, which is why a store may not compare ids by it alone.
    if (Buffer.from(id).equals(Buffer.from(other))) return
    expect(Frame.decode(other, Frame.encode(id, entry, crc32), crc32)).toBeUndefined()
  })

  it.prop("is a miss when cut off anywhere or with any bit flipped", { id: text, entry: stored }, ({ entry, id }) => {
    const frame = Frame.encode(id, entry, crc32)
    for (let length = 0; length < frame.length; length++) {
      expect(Frame.decode(id, frame.subarray(0, length), crc32)).toBeUndefined()
    }
    for (let bit = 0; bit < frame.length * 8; bit++) {
      const damaged = Uint8Array.from(frame)
      damaged[bit >> 3]! ^= 1 << (bit & 7)
      expect(Frame.decode(id, damaged, crc32)).toBeUndefined()
    }
  })

  it("of another format or with an unknown flag is a miss, though whole", () => {
    for (const at of [0, 1, 2, 3]) {
      const other = Frame.encode("id", example, crc32)
      other[at]! ^= 2
      const end = other.length - 4
      new DataView(other.buffer).setUint32(end, crc32(other.subarray(0, end), crc32("id")), true)
      expect(Frame.decode("id", other, crc32)).toBeUndefined()
    }
  })

  it("without an etag has the bytes that it always had", () => {
    expect(Buffer.from(Frame.encode("id", example, crc32)).toString("hex")).toBe(
      [
        "65630100",
        "00112233445566778899aabbccddeeff",
        "01",
        "4278bcfe56800000",
        "7ff0000000000000",
        "7ff0000000000000",
        "00000003",
        "0002",
        "00000003",
        "0123456789abcdef01234567",
        "746167",
        "80000002",
        "76543210fedcba9876543210",
        "d800",
        "0102030405",
        "7dd08541"
      ].join("")
    )
  })

  it("has its etag between the tags and the payload", () => {
    const encode = (etag: string) =>
      Buffer.from(Frame.encode("id", { ...example, meta: { ...example.meta, etag } }, crc32)).toString("hex")
    const plain = Buffer.from(Frame.encode("id", example, crc32)).toString("hex")
    const tagsEnd = 2 * (51 + 19 + 18)
    for (const [etag, bytes] of [["", "00000000"], ["\"é\"", "0000000422c3a922"], ["\udfff", "80000002dfff"]]) {
      expect(encode(etag!).slice(0, -8)).toBe(
        "65630108" + plain.slice(8, tagsEnd) + bytes! + "0102030405"
      )
    }
  })

  it("says that its lifetime is a constant in one bit, and in nothing else", () => {
    const bytes = (meta: Partial<Stored["meta"]>) =>
      Buffer.from(Frame.encode("id", { ...example, meta: { ...example.meta, ...meta } }, crc32)).toString("hex")
    for (
      const [meta, flags] of [[{}, "04"], [{ outcome: "failure" }, "05"], [{ etag: "e" }, "0c"], [{
        endsWithParts: true
      }, "14"]] as const
    ) {
      const [plain, constant] = [bytes(meta), bytes({ ...meta, isConstant: true })]
      expect(constant.slice(0, 8)).toBe(`656301${flags}`)
      expect(constant.slice(8, -8)).toBe(plain.slice(8, -8))
    }
    expect(bytes({ isConstant: true })).toMatch(/0102030405[0-9a-f]{8}$/)
  })

  it("of a release that knew no constants is read, and is none", () => {
    const before =
      "6563010000112233445566778899aabbccddeeff014278bcfe568000007ff00000000000007ff000000000000000000003" +
      "0002000000030123456789abcdef012345677461678000000276543210fedcba9876543210d80001020304057dd08541"
    expect(plain(Frame.decode("id", Buffer.from(before, "hex"), crc32))).toEqual(example)
  })

  it("has its write id in bytes 5 to 20, where scripts of other stores look for it", () => {
    const frame = Frame.encode("id", example, crc32)
    expect(Buffer.from(frame.subarray(4, 20)).toString("hex")).toBe(example.meta.writeId)
  })
})
