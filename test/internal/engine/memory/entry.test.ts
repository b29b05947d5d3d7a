/** Entries share what they have in common, and each keeps what is its own. */
import { describe, expect, it } from "@effect/vitest"
import { Effect, Exit, Fiber } from "effect"
import { Entry } from "../../../../src/internal/engine/memory/entry.ts"
import { adopt } from "../../../../src/internal/engine/request/adopt.ts"
import { standard } from "../../../../src/internal/engine/request/callPolicy.ts"
import type { Flights, Request } from "../../../../src/internal/engine/state.ts"
import { WallTime } from "../../../../src/internal/time/wallTime.ts"
import { randomOf } from "../../../support/random.ts"
import { test } from "../../../support/tests.ts"

const counters = {} as never
const options = {
  id: "a",
  exit: Exit.succeed(1) as Exit.Exit<unknown, unknown>,
  createdAt: 1000,
  softExpiresAt: 1500,
  expiresAt: 2000,
  loadMillis: 3,
  tags: [] as ReadonlyArray<string>,
  bornAt: 0,
  writeId: undefined as string | undefined,
  etag: undefined as string | undefined,
  constant: undefined as unknown,
  endsWithParts: false,
  counters,
  time: new WallTime()
}

const termsOf = (entry: Entry): unknown => (entry as unknown as { readonly terms: unknown }).terms

const shown = (entry: Entry) => ({
  id: entry.id,
  exit: entry.exit,
  createdAt: entry.createdAt,
  softExpiresAt: entry.softExpiresAt,
  expiresAt: entry.expiresAt,
  loadMillis: entry.loadMillis,
  tags: entry.tags,
  writeId: entry.writeId,
  etag: entry.etag,
  constant: entry.constant,
  endsWithParts: entry.endsWithParts,
  counters: entry.counters,
  time: entry.time
})

describe("entries", () => {
  it("are what they were made of, whatever others were made before them", () => {
    const random = randomOf(1)
    const below = (n: number) => Math.floor(random() * n)
    const oneOf = <A>(...all: ReadonlyArray<A>): A => all[below(all.length)]!
    const strategies = [{}, {}]
    for (let i = 0; i < 5000; i++) {
      const createdAt = oneOf(0, 0.1, 1e12 + below(5000), 1e12 + random() * 5000, 1.5e12, 1000 + random() / 3)
      const tags = oneOf([], [], ["t"])
      const given = {
        ...options,
        id: `${i}`,
        exit: oneOf<Exit.Exit<unknown, unknown>>(Exit.succeed(i), Exit.fail("no"), Exit.succeed(Exit.fail(1))),
        createdAt,
        softExpiresAt: createdAt + oneOf(500, -Infinity, Infinity),
        expiresAt: createdAt + oneOf(1000, 60_000, Infinity),
        loadMillis: oneOf(0, 1, 65, 0.5),
        tags,
        writeId: oneOf(undefined, undefined, "w"),
        constant: oneOf(undefined, ...strategies),
        endsWithParts: oneOf(false, true)
      }
      const { bornAt, ...expected } = given
      const entry = new Entry(given)
      expect(entry.outcome).toBe(given.exit._tag === "Success" ? "success" : "failure")
      if (tags.length > 0) expect(entry.checkedAt).toBe(bornAt)
      const { expiresAt, softExpiresAt, ...rest } = shown(entry)
      // As before: a time from its beginning on.
      expect(expiresAt).toBe(createdAt + (given.expiresAt - createdAt))
      expect(softExpiresAt).toBe(createdAt + (given.softExpiresAt - createdAt))
      expect({ ...rest, expiresAt: given.expiresAt, softExpiresAt: given.softExpiresAt }).toEqual(expected)
    }
  })

  it("that were stored alike share what they have in common", () => {
    const [first, second] = [
      new Entry(options),
      new Entry({ ...options, id: "b", createdAt: 1007, softExpiresAt: 1507, expiresAt: 2007 })
    ]
    expect(termsOf(second)).toBe(termsOf(first))
    expect([second.createdAt, second.softExpiresAt, second.expiresAt]).toEqual([1007, 1507, 2007])
    for (
      const other of [
        { loadMillis: 4 },
        { expiresAt: 2001 },
        { softExpiresAt: 1501 },
        { constant: {} },
        { endsWithParts: true },
        { counters: {} as never },
        { exit: Exit.fail(1) },
        { tags: ["t"] },
        // A month later.
        { createdAt: 3e9, softExpiresAt: 3e9 + 500, expiresAt: 3e9 + 1000 }
      ]
    ) expect(termsOf(new Entry({ ...options, ...other }))).not.toBe(termsOf(first))
  })

  it("share it also where each has a weight, or the name of its write", () => {
    const first = new Entry(options)
    const [one, other] = ["one", "other"].map((writeId) => new Entry({ ...options, writeId })) as [Entry, Entry]
    one.weight = 7
    one.writeId = "another"
    expect([termsOf(one), termsOf(other)]).toEqual([termsOf(first), termsOf(first)])
    expect(termsOf(one)).toBe(termsOf(first))
    expect([one.weight, one.writeId, other.weight, other.writeId]).toEqual([7, "another", undefined, "other"])
  })

  it("share it with others of the same change", () => {
    const constant = {}
    const [one, other] = [
      new Entry(options),
      new Entry({ ...options, createdAt: 1007, softExpiresAt: 1507, expiresAt: 2007 })
    ]
    for (const entry of [one, other]) {
      entry.live(constant, entry.softExpiresAt, entry.expiresAt)
      entry.memoryExpiresAt = -Infinity
    }
    expect(termsOf(one)).toBe(termsOf(other))
    expect([one.createdAt, one.expiresAt, other.createdAt, other.expiresAt]).toEqual([1000, 2000, 1007, 2007])
    expect([other.constant, other.memoryExpiresAt]).toEqual([constant, -Infinity])
  })

  it("share it once readers have given them their constant", () => {
    const request = {
      constant: 2000,
      isConstant: (constant: unknown) => constant === 2000,
      constantLifetime: () => ({ softTtl: 2000, ttl: 2000 }),
      strategy: {}
    } as unknown as Request
    const engine = { readDefaults: {}, memory: { entries: new Map() } } as unknown as Flights
    const stored = { ...options, constant: Symbol("fromStore"), softExpiresAt: 2000 }
    const [one, other] = [new Entry(stored), new Entry({ ...stored, id: "b", expiresAt: 2700, softExpiresAt: 2700 })]
    for (const entry of [one, other]) adopt(engine, { policy: standard, request }, entry, 1100)
    expect(termsOf(one)).toBe(termsOf(other))
    expect([one.softExpiresAt, one.expiresAt, one.constant]).toEqual([3000, 3000, 2000])
  })

  it("are found among several kinds that come in turn", () => {
    const kinds = Array.from({ length: 4 }, () => ({ ...options, constant: {} }))
    const terms = kinds.map((kind) => termsOf(new Entry(kind)))
    expect(kinds.map((kind) => termsOf(new Entry(kind)))).toEqual(terms)
    for (const [i, kind] of kinds.entries()) expect(termsOf(new Entry(kind))).toBe(terms[i])
  })

  it.each<readonly [string, (entry: Entry) => void]>([
    ["a deadline", (entry) => (entry.expiresAt += 5)],
    ["a soft deadline", (entry) => (entry.softExpiresAt = -Infinity)],
    ["a constant", (entry) => entry.live({}, entry.softExpiresAt, entry.expiresAt)],
    ["a time in memory", (entry) => (entry.memoryExpiresAt = 1200)],
    ["a write id", (entry) => (entry.writeId = "w")],
    ["a weight", (entry) => (entry.weight = 7)]
  ])("keep %s for themselves", (_, change) => {
    const [changed, untouched] = [new Entry(options), new Entry({ ...options, id: "b" })]
    const all = (entry: Entry) => ({ ...shown(entry), memoryExpiresAt: entry.memoryExpiresAt, weight: entry.weight })
    const [before, asItWas] = [all(changed), all(untouched)]
    change(changed)
    expect(all(changed)).not.toEqual(before)
    expect(all(untouched)).toEqual(asItWas)
    change(changed)
    expect(all(new Entry({ ...options, id: "b" }))).toEqual(asItWas)
  })

  test("answer a fiber as their exits do, also where Effect has no short way", function*() {
    for (const exit of [Exit.succeed(1), Exit.fail("no"), Exit.die("bug"), Exit.succeed(undefined)]) {
      const entry = new Entry({ ...options, exit })
      const answer = Effect.withFiber<unknown, unknown>((fiber) => entry.answer(fiber))
      const without = Effect.withFiber<unknown, unknown>((fiber) =>
        Effect.suspend(() => entry.answer({ id: fiber.id } as unknown as Fiber.Fiber<any, any>))
      )
      for (const effect of [answer, without]) {
        expect(yield* Effect.exit(effect)).toEqual(exit)
        expect(yield* Fiber.await(yield* Effect.forkChild(effect))).toEqual(exit)
      }
    }
    // The short way is there.
    expect(yield* Effect.withFiber((fiber) => Effect.succeed("succeedWith" in fiber))).toBe(true)
  })
})
