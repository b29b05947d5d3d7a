/** Serializers around serializers: what is read, what is refused, and the bytes that they write. */
import { describe, expect, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Redacted, Schema } from "effect"
import type { CacheEntry, Serializer } from "effect-cached/adapters"
import * as Compressed from "effect-cached/serializers/Compressed"
import * as Encrypted from "effect-cached/serializers/Encrypted"
import { Json } from "effect-cached/serializers/Json"
import * as Signed from "effect-cached/serializers/Signed"
import { Structured } from "effect-cached/serializers/Structured"
import { brotliCompressSync, constants, gzipSync } from "node:zlib"
import { randomOf } from "../support/random.ts"
import { test } from "../support/tests.ts"
import { keys, nestings, secretBytes, secretText, wrapIn } from "./support.ts"

const codecOf = (serializer: Serializer.Serializer) => serializer.make<unknown, never>(undefined)

const meta = (serializer: number, more: Partial<CacheEntry.Meta> = {}): CacheEntry.Meta => ({
  createdAt: 1000,
  softExpiresAt: 2000,
  expiresAt: 3000,
  loadMillis: 5,
  outcome: "success",
  tags: [{ tag: "t", version: "0".repeat(24) }],
  writeId: "0".repeat(32),
  serializer,
  ...more
})

const value = {
  text: "a text that repeats, a text that repeats, a text that repeats",
  list: [1, null, "é\ud83d\ude00"]
}

/** Whole numbers below a bound that look random, the same in each run. */
const dice = (seed: number) => {
  const random = randomOf(seed)
  return (below: number): number => Math.floor(random() * below)
}

const odd = ["", "a", "\ud800", "é\u{1f600}", "__proto__", "\u0000", "x".repeat(3000)]

const jsonOf = (next: (below: number) => number, depth = 0): unknown => {
  switch (next(depth > 3 ? 5 : 7)) {
    case 0:
      return null
    case 1:
      return next(2) === 0
    case 2:
      return next(1000) / 8
    case 3:
      return -next(2 ** 31) * 1e6
    case 4:
      return odd[next(odd.length)]
    case 5:
      return Array.from({ length: next(5) }, () => jsonOf(next, depth + 1))
    default:
      return Object.fromEntries(Array.from({ length: next(5) }, (_, i) => [`${i}é`, jsonOf(next, depth + 1)]))
  }
}

/** The answer of a decoder to any bytes: the value, or a `SerializerError`, never a defect. */
const answerOf = Effect.fnUntraced(function*(codec: Serializer.Codec<unknown>, bytes: Uint8Array, id = "id") {
  const exit = yield* Effect.exit(Effect.suspend(() => codec.decode(bytes, id)))
  if (Exit.isSuccess(exit)) return { value: exit.value }
  const error = yield* Effect.flip(exit)
  expect(error).toMatchObject({ _tag: "SerializerError", operation: "decode" })
  return undefined
})

describe("wrapped serializers", () => {
  test.each(nestings.map((names) => ({ names })))("every value of JSON comes back through %j", function*({ names }) {
    const codec = codecOf(wrapIn(Structured, names))
    const next = dice(1)
    for (const value of Array.from({ length: 60 }, () => jsonOf(next))) {
      const bytes = yield* codec.encode(value, "id", meta(codec.id))
      expect(yield* codec.decode(bytes, "id", meta(codec.id))).toEqual(value)
    }
  })

  test("no decoder throws or hangs for bytes that are random, cut or changed", function*() {
    for (const names of nestings) {
      const codec = codecOf(wrapIn(Structured, names))
      const bytes = yield* codec.encode(value, "id")
      const authenticated = names.at(-1) !== "zstd" && names.at(-1) !== "gzip" && names.at(-1) !== "brotli"
      const next = dice(2)
      const damages: ReadonlyArray<() => Uint8Array> = [
        () => Uint8Array.from({ length: next(200) }, () => next(256)),
        () => bytes.slice(0, next(bytes.length)),
        () => bytes.map((byte, i, { length }) => i === next(length) ? byte ^ 255 : byte),
        () => {
          const copy = bytes.slice()
          copy[next(copy.length)]! ^= 1 + next(255)
          return copy
        }
      ]
      const damaged = Array.from({ length: 200 }, (_, i) => damages[i % damages.length]!())
      for (const one of damaged.filter((one) => Buffer.compare(one, bytes) !== 0)) {
        const answer = yield* answerOf(codec, one)
        if (authenticated) expect(answer).toBe(undefined)
      }
    }
  })

  test("an entry that is made constant is refused, and one that is constant no more is read", function*() {
    for (const names of nestings.filter((names) => names.includes("signed") || names.includes("aes"))) {
      const codec = codecOf(wrapIn(Structured, names))
      const [plain, constant] = [meta(codec.id), meta(codec.id, { isConstant: true })]
      const written = yield* codec.encode(value, "id", plain)
      expect(yield* codec.decode(written, "id", plain)).toEqual(value)
      expect(Exit.isFailure(yield* Effect.exit(codec.decode(written, "id", constant)))).toBe(true)
      const writtenConstant = yield* codec.encode(value, "id", constant)
      for (const one of [plain, constant]) expect(yield* codec.decode(writtenConstant, "id", one)).toEqual(value)
    }
  })

  it("names, extensions and content types follow the wrappers", () => {
    const shown = ({ contentType, extension, name }: Serializer.Serializer) => [name, extension, contentType]
    expect(shown(wrapIn(Json, ["gzip"]))).toEqual(["json+gzip", ".json.gz", "application/gzip"])
    expect(shown(wrapIn(Json, ["zstd", "aes"]))).toEqual([
      "json+zstd+encrypted",
      ".json.zst.enc",
      "application/octet-stream"
    ])
    expect(shown(wrapIn(Json, ["signed"])).slice(0, 2)).toEqual(["json+signed", ".json.signed"])
  })

  test("golden bytes: later releases read them", function*() {
    const golden: ReadonlyArray<readonly [ReadonlyArray<string>, string]> = [
      [["gzip"], "H4sIAAAAAAAAA1NKz89JSc1TGKVGqVFqlBql6EQpAQBZ/1ssegUAAAAABXoBAQ=="],
      [["brotli"], "G3kFAKRBRMrclCKeVbLxdKUGAQAABXoCAQ=="],
      // Earlier builds wrote frames of zstd without a checksum.
      [["zstd"], "KLUv/WB6BIUAAEgiZ29sZGVuICIBAG7pL1wAAAV6AwE="],
      [["zstd"], "KLUv/WR6BIUAAEgiZ29sZGVuICIBAG7pL1yWY03FAAAFegMB"],
      [
        ["signed"],
        "AQEBYUCPQAAAAAAAQJ9AAAAAAABAp3AAAAAAADzXIia8/SAfIerSrZLdkDEqTvYTD4biN4CCEL90zfJyImdvbGRlbiBnb2xkZW4gIg=="
      ],
      [
        ["aes"],
        "AQEBYUCPQAAAAAAAQJ9AAAAAAABAp3AAAAAAAHubXM1tbhEV0Dg8QcG8sz2RXy25wZYGcj1BxDIkOdpye20Wq/5a/k0MHDgH"
      ],
      [
        ["xchacha"],
        "AgEBYUCPQAAAAAAAQJ9AAAAAAABAp3AAAAAAANR2aqTrkz/BFr0Ne1Ht1rGN6X1aHXCPKB4tQNidx9SgSfjQZTcsXoSCIJAP59let/97MJEEmToD"
      ],
      [
        ["zstd", "aes"],
        "AUABYUCPQAAAAAAAQJ9AAAAAAABAp3AAAAAAADGK9/XzafoSUa2em/wKCGqXyDV6GwhagmmT2kUx7MPnt7+Va6f/rTp8a8g9Hqa5I/ecGiQilmzbZHhoaQ=="
      ],
      [
        ["zstd", "aes", "signed"],
        "AUIBYUCPQAAAAAAAQJ9AAAAAAABAp3AAAAAAAGhuj+WZgOKyNrCQVc0JQrCzT2YoKX5BjgYyIF4mOAsNAUABYUCPQAAAAAAAQJ9AAAAAAABAp3AAAAAAADFYrDs0cREEPCMhKGggCxYDLRT+6Fa8EtyoQ/FEWh7eu6cwAzq8pVGEj61MzHqn" +
        "VbjxkSzo7MHsv9/z9A=="
      ]
    ]
    for (const [names, base64] of golden) {
      const codec = codecOf(wrapIn(Json, names))
      const bytes = Uint8Array.from(atob(base64), (byte) => byte.charCodeAt(0))
      expect(yield* codec.decode(bytes, "id", meta(codec.id))).toMatch(/^(golden ){2,}$/)
    }
  })
})

describe("Compressed", () => {
  test("small values are stored as they are, and large ones are compressed on another thread", function*() {
    const codec = codecOf(Compressed.make(Json))
    expect((yield* codec.encode("short", "id")).length).toBe(7 + 6)
    expect(Exit.isExit(codec.encode("x".repeat(50_000), "id"))).toBe(true)
    const large = "a large text ".repeat(20_000)
    expect(Exit.isExit(codec.encode(large, "id"))).toBe(false)
    const bytes = yield* codec.encode(large, "id")
    expect(bytes.length).toBeLessThan(1000)
    expect(Exit.isExit(codec.decode(bytes, "id"))).toBe(false)
    expect(yield* codec.decode(bytes, "id")).toBe(large)
  })

  test("bytes that do not get smaller are stored as they are", function*() {
    const random = crypto.getRandomValues(new Uint8Array(5000))
    const inner = codecOf(Structured)
    const plain = yield* inner.encode(random, "id")
    const codec = codecOf(Compressed.make(Structured))
    const bytes = yield* codec.encode(random, "id")
    expect(bytes.length).toBe(plain.length + 6)
    expect(yield* codec.decode(bytes, "id")).toEqual(random)
  })

  test("a bit flipped in a frame of gzip or zstd is a miss, or changes no value", function*() {
    // Digits, because a change of one is JSON too.
    const numbers = Array.from({ length: 300 }, (_, i) => (i * 7919) % 1000)
    for (const name of ["gzip", "zstd"]) {
      const codec = codecOf(wrapIn(Json, [name]))
      const bytes = yield* codec.encode(numbers, "id")
      let misses = 0
      for (let bit = 0; bit < bytes.length * 8; bit++) {
        const flipped = bytes.slice()
        flipped[bit >> 3]! ^= 1 << (bit & 7)
        const answer = yield* answerOf(codec, flipped)
        if (answer === undefined) misses++
        else expect(answer.value).toEqual(numbers)
      }
      expect(misses).toBeGreaterThan(bytes.length * 7)
    }
  })

  const tail = (size: number, form: number) => {
    const bytes = new Uint8Array(6)
    new DataView(bytes.buffer).setUint32(0, size)
    bytes[4] = form
    bytes[5] = 1
    return bytes
  }

  test("a bomb is refused, whatever size it claims, and takes no memory", function*() {
    const bomb = gzipSync(new Uint8Array(300_000_000))
    const codec = codecOf(Compressed.make(Json, { maxSize: "1 MB" }))
    for (const size of [1_000_000, 0, 1, 1000, 300_000_000, 2 ** 32 - 1]) {
      const before = process.memoryUsage().rss
      expect(yield* answerOf(codec, Buffer.concat([bomb, tail(size, 1)]))).toBe(undefined)
      expect(process.memoryUsage().rss - before).toBeLessThan(100_000_000)
    }
  })

  test("a bomb of brotli, whose decoder fills its window first, holds no turn and takes little memory", function*() {
    const zeros = new Uint8Array(20_000_000)
    const codec = codecOf(Compressed.make(Json, { algorithm: "brotli" }))
    const planted = (window: number, large = 0) =>
      Buffer.concat([
        brotliCompressSync(zeros, {
          params: {
            [constants.BROTLI_PARAM_QUALITY]: 2,
            [constants.BROTLI_PARAM_LGWIN]: window,
            [constants.BROTLI_PARAM_LARGE_WINDOW]: large
          }
        }),
        tail(1000, 2)
      ])
    // A window of 4 MB is that of entries from before, so it is decompressed, but on another thread.
    expect(Exit.isExit(codec.decode(planted(22), "id"))).toBe(false)
    for (const window of [10, 11, 15, 16, 17, 18, 22]) expect(yield* answerOf(codec, planted(window))).toBe(undefined)
    for (const bomb of [planted(23), planted(24), planted(30, 1)]) {
      expect(Exit.isExit(codec.decode(bomb, "id"))).toBe(true)
      expect(yield* answerOf(codec, bomb)).toBe(undefined)
    }
    for (const size of [1100, 10_000, 65_000]) {
      const bytes = yield* codec.encode("x".repeat(size), "id")
      expect(Exit.isExit(codec.decode(bytes, "id"))).toBe(true)
      expect(yield* codec.decode(bytes, "id")).toBe("x".repeat(size))
    }
  })

  test("a value above maxSize is not written", function*() {
    const codec = codecOf(Compressed.make(Json, { maxSize: "1 kB" }))
    const error = yield* Effect.flip(codec.encode("x".repeat(2000), "id"))
    expect(error.message).toBe(
      `The serializer "json+zstd" could not encode a value: the value is larger than 1000 bytes (maxSize)`
    )
  })
})

describe.each(["signed", "aes", "xchacha"])("authentication by %s", (name) => {
  const codec = codecOf(wrapIn(Json, [name]))
  const written = Effect.suspend(() => codec.encode("admin", "role:ada", meta(codec.id)))

  test("a bit flipped anywhere is noticed", function*() {
    const bytes = yield* written
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const flipped = bytes.slice()
      flipped[bit >> 3]! ^= 1 << (bit & 7)
      expect(Exit.isFailure(yield* Effect.exit(codec.decode(flipped, "role:ada", meta(codec.id))))).toBe(true)
    }
  })

  test("CA-24 · so is another id, tag, tag version, outcome, write, ETag, and a longer life", function*() {
    const bytes = yield* written
    expect(yield* codec.decode(bytes, "role:ada", meta(codec.id))).toBe("admin")
    expect(Exit.isFailure(yield* Effect.exit(codec.decode(bytes, "role:eve", meta(codec.id))))).toBe(true)
    expect(Exit.isFailure(yield* Effect.exit(codec.decode(bytes, "role:ada")))).toBe(true)
    const others: ReadonlyArray<Partial<CacheEntry.Meta>> = [
      { tags: [] },
      { tags: [{ tag: "u", version: "0".repeat(24) }] },
      { tags: [{ tag: "t", version: "1".repeat(24) }] },
      { outcome: "failure" },
      { writeId: "1".repeat(32) },
      { etag: "1" },
      { endsWithParts: true },
      { createdAt: 1000 + 61_000 },
      { softExpiresAt: 2000 + 61_000 },
      { expiresAt: 3000 + 61_000 },
      { expiresAt: Infinity },
      { expiresAt: NaN }
    ]
    for (const other of others) {
      const exit = yield* Effect.exit(codec.decode(bytes, "role:ada", meta(codec.id, other)))
      expect([other, exit._tag]).toEqual([other, "Failure"])
    }
  })

  test("an earlier end, and clocks that differ by less than a minute, are not", function*() {
    const bytes = yield* written
    for (const other of [{ expiresAt: 10 }, { createdAt: 31_000, softExpiresAt: 32_000, expiresAt: 33_000 }]) {
      expect(yield* codec.decode(bytes, "role:ada", meta(codec.id, other))).toBe("admin")
    }
  })

  test("an old payload of the same write is read again: the page says so", function*() {
    const old = yield* written
    yield* written
    expect(yield* codec.decode(old, "role:ada", meta(codec.id))).toBe("admin")
  })

  test("what was written with keys that are gone, or with other secrets, is refused without the secret", function*() {
    const bytes = yield* written
    const make = name === "signed" ? Signed.make : Encrypted.make
    const others = [
      { keys: { b: Redacted.make(secretBytes(1)) }, current: "b" },
      { keys: { a: Redacted.make(secretBytes(9)) }, current: "a" }
    ]
    for (const options of others) {
      const error = yield* Effect.flip(codecOf(make(Json, options)).decode(bytes, "role:ada", meta(codec.id)))
      expect(error.reason).toMatch(/^(its key is not among|these bytes, their id)/)
      expect(JSON.stringify(error) + error.stack).not.toContain("admin")
    }
  })

  test("a value of several megabytes is processed in pieces, and comes back", function*() {
    const large = "large".repeat(600_000)
    const encoding = codec.encode(large, "id")
    const bytes = yield* encoding
    // An effect that runs again, as after a retry, gives the same.
    expect(yield* encoding).toEqual(bytes)
    const decoding = codec.decode(bytes, "id")
    for (let i = 0; i < 2; i++) expect(yield* decoding).toBe(large)
    for (const step of [encoding, decoding]) {
      let turns = 0
      const counting = yield* Effect.forkChild(Effect.forever(Effect.sync(() => turns++)))
      yield* step
      yield* Fiber.interrupt(counting)
      expect(turns).toBeGreaterThan(3)
    }
  })
})

test("no two values are encrypted with one nonce", function*() {
  for (const [name, size] of [["aes", 12], ["xchacha", 24]] as const) {
    const codec = codecOf(wrapIn(Json, [name]))
    const nonces = new Set<string>()
    for (let i = 0; i < 500; i++) {
      const bytes = yield* codec.encode("the same", "id")
      nonces.add(bytes.slice(28, 28 + size).join(" "))
    }
    expect(nonces.size).toBe(500)
  }
})

it("wrong settings are refused with the right ones, and never show a secret", () => {
  const refusals: ReadonlyArray<readonly [() => unknown, string]> = [
    [() => Compressed.make("json" as never), "Compressed.make needs a serializer, like Json of"],
    [() => Compressed.make(Json.make(undefined) as never), "Compressed.make needs a serializer"],
    [() => Compressed.make(Compressed.make(Json)), "which is already compressed: wrap it once"],
    [() => Signed.make(Compressed.make(Signed.make(Json, keys)), keys), "which is already signed"],
    [
      () => Compressed.make(Json, { algorithm: "lz4" as never }),
      "knows the algorithms \"gzip\", \"brotli\" and \"zstd\""
    ],
    [() => Compressed.make(Json, { level: 9 } as never), "no option \"level\""],
    [() => Compressed.make(Json, { threshold: "many" as never }), "\"threshold\" must be a size above zero"],
    [() => Compressed.make(Json, { maxSize: "5 GiB" }), "less than 4 GiB"],
    [() => Signed.make(Json, undefined as never), "Signed.make needs options"],
    [() => Signed.make(Json, { keys: {}, current: "a" }), "needs at least one key"],
    [() => Signed.make(Json, { keys: keys.keys, current: "c" }), "one of its keys: \"a\", \"b\""],
    [() => Signed.make(Json, { ...keys, current: "toString" }), "one of its keys: \"a\", \"b\""],
    [() => Signed.make(Json, { keys: { a: secretText as never }, current: "a" }), "must be Redacted"],
    [() => Signed.make(Json, { keys: { a: Redacted.make("short") }, current: "a" }), "at least 32 bytes long"],
    [() => Signed.make(Json, { keys: { a: Redacted.make(1) as never }, current: "a" }), "must be text or bytes"],
    [() => Signed.make(Json, { keys: { "": Redacted.make(secretText) }, current: "" }), "must have 1 to 255 bytes"],
    [() => Encrypted.make(Json, { keys: { a: Redacted.make(secretText) }, current: "a" }), "it must be 32 bytes, or"],
    [() => Encrypted.make(Json, { keys: { a: Redacted.make(new Uint8Array(16)) }, current: "a" }), "32 bytes"],
    [() => Encrypted.make(Json, { ...keys, algorithm: "DES" as never }), "knows the algorithms \"AES-256-GCM\" and"],
    [() => Signed.make(Json, { ...keys, acceptPlain: "false" as never }), "acceptPlain of Signed.make must be true or"],
    [() => Encrypted.make(Json, { ...keys, prolongable: 1 as never }), "prolongable of Encrypted.make must be true or"],
    [
      () => Signed.make(Json, { keys: { "\ud800": keys.keys.a, "\ud801": keys.keys.a }, current: "\ud800" }),
      "two keys of one id"
    ],
    [() => Encrypted.make(Json, keys).make(Schema.Redacted(Schema.String)), "does not encrypt and refuses"]
  ]
  for (const [make, message] of refusals) {
    try {
      make()
      expect(message).toBe("refused")
    } catch (error) {
      expect(error).toMatchObject({ _tag: "CacheConfigError" })
      expect(String(error)).toContain(message)
      expect(String(error) + JSON.stringify(error)).not.toContain(secretText)
    }
  }
})

test("a key of 32 bytes may be given as base64, base64url or hexadecimal text", function*() {
  const bytes = Uint8Array.from({ length: 32 }, (_, i) => 255 - i)
  const codecFor = (secret: string | Uint8Array) =>
    codecOf(Encrypted.make(Json, { keys: { a: Redacted.make(secret) as Redacted.Redacted<string> }, current: "a" }))
  const written = yield* codecFor(bytes).encode("a text", "id")
  const base64 = Buffer.from(bytes).toString("base64")
  const base64Url = Buffer.from(bytes).toString("base64url")
  for (const text of [base64, `${base64}\n`, base64Url, Buffer.from(bytes).toString("hex")]) {
    expect(yield* codecFor(text).decode(written, "id")).toBe("a text")
  }
})
