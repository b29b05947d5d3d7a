/** Answers of Redis are checked: keys come back, and no answer of a server makes a decoder throw. */
import { describe, expect, it } from "@effect/vitest"
import { faultOf, scrubbing } from "../../../src/drivers/redis/fault.ts"
import * as Keys from "../../../src/drivers/redis/protocol/keys.ts"
import * as Replies from "../../../src/drivers/redis/protocol/replies.ts"
import * as Frame from "../../../src/internal/codec/frame.ts"
import { entry, oddTexts } from "../../../src/testing/internal/storeFixtures.ts"

/** A generator with a seed (mulberry32). */
const dice = (seed: number) => () => {
  seed = (seed + 0x6d2b79f5) | 0
  let t = Math.imul(seed ^ (seed >>> 15), 1 | seed)
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
  return ((t ^ (t >>> 14)) >>> 0) / 4294967296
}

/** Any answer that the client may give: bulk and simple strings, numbers, null, lists of them. */
const anyAnswer = (random: () => number, depth = 0): unknown => {
  const kinds = depth < 3 ? 9 : 7
  switch (Math.floor(random() * kinds)) {
    case 0:
      return null
    case 1:
      return Math.floor(random() * 20) - 3
    case 2:
      return ["OK", "ERA", "FOREIGN", ""][Math.floor(random() * 4)]
    case 3:
      return Buffer.from(Array.from({ length: Math.floor(random() * 40) }, () => Math.floor(random() * 256)))
    case 4:
      return Buffer.from(String(Math.floor((random() - 0.5) * 1e18)))
    case 5: {
      const frame = Replies.toFrame("id", entry(1, { tags: [{ tag: "t", version: "ab".repeat(12) }] }), 0)
      const at = Math.floor(random() * frame.length)
      if (random() < 0.8) frame[at] = Math.floor(random() * 256)
      return frame.subarray(0, random() < 0.5 ? at : frame.length)
    }
    case 6:
      return random() < 0.5 ? undefined : [1e300, NaN, -1, 16_383, 16_384][Math.floor(random() * 5)]
    default:
      return Array.from({ length: Math.floor(random() * 5) }, () => anyAnswer(random, depth + 1))
  }
}

describe("keys", () => {
  const keys = Keys.make("a:b%{*")

  it("of odd texts are apart, in one slot for one id, and give the text back", () => {
    const texts = [...oddTexts, "\u00000", "\u0000d83d", "a\ud83d\u0000", "\ud83d\ude00\ud83d"]
    const all = new Set<string>()
    for (const text of texts) {
      const slots = new Set<number>()
      for (const kind of ["v", "l", "f", "t", "n"] as const) {
        const key = keys.of(kind, "12", text)
        // As a server gets it.
        const received = Buffer.from(key).toString()
        all.add(received)
        expect(keys.partsOf(received)).toEqual({ kind, era: "12", text })
        slots.add(Keys.slotOf(/\{([^}]*)\}/.exec(received)![1]!))
        expect(/\{([^}]*)\}/.exec(received)![1]).toBe(Keys.hashOf(text))
      }
      expect(slots.size).toBe(1)
    }
    expect(all.size).toBe(5 * new Set(texts).size)
  })

  it("that begin with the same in braces are in one slot", () => {
    const slotsOf = (...texts: ReadonlyArray<string>) => texts.map((text) => Keys.slotOfKey(["v", text]))
    const together = slotsOf("{cart:7}:items", "{cart:7}", "{cart:7}}", "cart:7", "{cart:7}{x}")
    expect(new Set(together).size).toBe(1)
    const apart = slotsOf("cart:7:items", " {cart:7}", "{}cart:7", "{cart:7", "{cart:8}", "{}", "{", "")
    expect(new Set([...apart, ...together]).size).toBe(9)
  })

  it("have the slots of Redis", () => {
    // CLUSTER KEYSLOT of 7.0.15.
    expect(["123456789", "foo", "user1000"].map(Keys.slotOf)).toEqual([12_739, 12_182, 3443])
  })

  it("of other prefixes are others'", () => {
    expect(Keys.make("a").of("v", "1", "x")).not.toBe(Keys.make("a:v").of("v", "1", "x"))
    expect(Keys.make("a").partsOf(Keys.make("a:v").of("v", "1", "x"))).toBe(undefined)
    expect(Keys.make("a%3Av").prefix).not.toBe(Keys.make("a:v").prefix)
  })
})

describe("answers", () => {
  it("of any shape are understood or refused, and never throw", () => {
    const random = dice(7)
    let understood = 0
    for (let i = 0; i < 50_000; i++) {
      const answer = anyAnswer(random)
      const { entry } = Replies.toEntry("id", answer, 0)
      const all = [
        entry,
        Replies.toLease(answer),
        Replies.toMarker(answer),
        Replies.toVersion(answer),
        Replies.toCount(answer),
        Replies.toInteger(answer),
        Replies.toCounter(answer, anyAnswer(random), 0),
        Replies.toPage(answer),
        Replies.slots(answer, "host"),
        Replies.toText(answer)
      ]
      for (const value of all) if (value !== undefined) understood++
      const lease = Replies.toLease(answer)
      if (lease?._tag === "Wait") expect(lease.leftMillis).toBeGreaterThan(0)
      const count = Replies.toCount(answer)
      if (count !== undefined) expect(Number.isSafeInteger(count) && count >= 0).toBe(true)
    }
    expect(understood).toBeGreaterThan(1000)
  })

  it("entries come back in our time, whatever the server's clock shows", () => {
    const stored = entry(1, { createdAt: 1000, softExpiresAt: 2000, expiresAt: Infinity })
    for (const offset of [0, 3_600_000, -3_600_000]) {
      const frame = Replies.toFrame("id", stored, offset)
      const { entry } = Replies.toEntry("id", frame, offset)
      expect(entry!.meta).toEqual(stored.meta)
      expect(Replies.toEntry("another id", frame, offset)).toEqual({ entry: undefined, isDamaged: true })
    }
    expect(Replies.toEntry("id", Replies.toFrame("id", stored, 0), 500).entry!.meta.createdAt).toBe(500)
  })

  it("frames of another release are no damage", () => {
    const frame = Replies.toFrame("id", entry(1), 0)
    frame[2] = Frame.format + 1
    expect(Replies.toEntry("id", frame, 0)).toEqual({ entry: undefined, isDamaged: false })
    expect(Replies.toEntry("id", Buffer.from("another program's"), 0)).toEqual({ entry: undefined, isDamaged: false })
  })

  it("redirections are read, and nothing else is one", () => {
    expect(Replies.redirection("MOVED 3999 127.0.0.1:6381")).toEqual({ kind: "MOVED", host: "127.0.0.1", port: 6381 })
    expect(Replies.redirection("ASK 3999 [::1]:6381")).toEqual({ kind: "ASK", host: "::1", port: 6381 })
    for (const message of ["", "MOVED", "MOVED 1", "MOVED x a:1", "ASK 1 a:0", "ASK 1 a:99999", "ERR MOVED 1 a:1"]) {
      expect(Replies.redirection(message)).toBe(undefined)
    }
  })

  it("slots count if every one has a master", () => {
    const row = (from: number, to: number, host: unknown = Buffer.from("h")) => [from, to, [host, 7000, "id", []]]
    expect(Replies.slots([row(0, 8000), row(8001, 16_383, null)], "seed")).toEqual([
      { from: 0, to: 8000, address: { host: "h", port: 7000 } },
      { from: 8001, to: 16_383, address: { host: "seed", port: 7000 } }
    ])
    for (const answer of [[], [row(0, 16_382)], [row(5, 1)], [[0, 16_383, []]], [[0, 16_383]], "x", null]) {
      expect(Replies.slots(answer, "seed")).toBe(undefined)
    }
  })
})

describe("faults", () => {
  it("keep the words of an error, without secrets, and nothing of the command", () => {
    const scrub = scrubbing(["s3cret", "s3"])
    const thrown = Object.assign(new Error("ERR unknown command 'AUTH', with args beginning with: 's3cret'"), {
      command: ["AUTH", "s3cret"]
    })
    const fault = faultOf(thrown, scrub)
    expect(JSON.stringify(fault)).not.toContain("s3")
    expect(fault.message).toContain("unknown command")
  })

  it("are without secrets that were never given: of a client of the program's", () => {
    const scrub = scrubbing([])
    for (
      const text of [
        "ERR unknown command 'AUTH', with args beginning with: 's3cret'",
        "ERR unknown command `AUTH`, with args beginning with: `user`, `s3cret`,\n",
        "Invalid URL: redis://user:s3cret@host:6379, rediss://:s3@cret/s3cret@host"
      ]
    ) {
      expect(faultOf(new Error(text), scrub).message).not.toContain("s3")
    }
    expect(scrub("connect redis://host:6379")).toBe("connect redis://host:6379")
  })

  it("of anything that is thrown are faults", () => {
    for (const thrown of [undefined, null, 1, "text", {}, [], { message: 1 }, { code: "EPROTO" }]) {
      expect(faultOf(thrown, (text) => text).reason).toBe(
        (thrown as { code?: string } | undefined)?.code === "EPROTO" ? "Denied" : "Unavailable"
      )
    }
  })
})
