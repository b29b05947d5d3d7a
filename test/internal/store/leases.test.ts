/** State that `Store.makeSync` keeps in memory for a storage: generations, lines, markers, counters. */
import { describe, expect, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import * as Counters from "../../../src/internal/store/counters.ts"
import * as Lines from "../../../src/internal/store/fromStorage/lines.ts"
import * as Leases from "../../../src/internal/store/leases.ts"
import * as Markers from "../../../src/internal/store/markers/markers.ts"
import { test } from "../../support/tests.ts"

const newGeneration = () => "generation"

const asking = (owner: string, id = "id") => ({ id, owner, leaseMillis: 1000, rejectedWriteId: undefined, join: false })

describe("generations", () => {
  it("of loads that never ended are forgotten after their life", () => {
    const generations = Leases.make()
    for (let i = 0; i < 100_000; i++) generations.acquire(asking("a", `id ${i}`), i * 3600, newGeneration)
    expect(generations.size()).toBeLessThan(4096)
  })

  it("given back live shorter", () => {
    const generations = Leases.make()
    for (let i = 0; i < 100_000; i++) {
      generations.acquire(asking("a", `id ${i}`), i * 10, newGeneration)
      generations.release(`id ${i}`, "a", i * 10)
    }
    expect(generations.size()).toBeLessThan(4096)
  })

  it("a clock set back freezes no lease", () => {
    const generations = Leases.make()
    generations.acquire(asking("a"), 1_000_000, newGeneration)
    expect(generations.leftMillis(asking("b"), 0)).toBe(0)
    expect(generations.acquire(asking("b"), 0, newGeneration)).toEqual({ _tag: "Wait", leftMillis: 1000 })
    expect(generations.leftMillis(asking("b"), 400)).toBe(600)
    expect(generations.acquire(asking("b"), 1000, newGeneration)._tag).toBe("Granted")
  })

  it("a clock set back makes no joining caller wait for longer", () => {
    const generations = Leases.make()
    const beside = (owner: string) => ({ ...asking(owner), leaseMillis: 900_000, join: { afterMillis: 200 } })
    generations.acquire({ ...asking("a"), leaseMillis: 900_000 }, 1_000_000, newGeneration)
    generations.acquire(beside("b"), 1_000_000, newGeneration)
    expect(generations.leftMillis(beside("c"), 0)).toBe(0)
    expect(generations.acquire(beside("c"), 0, newGeneration)).toEqual({ _tag: "Wait", leftMillis: 200 })
    expect(generations.leftMillis(beside("c"), 150)).toBe(50)
    expect(generations.acquire(beside("c"), 200, newGeneration)._tag).toBe("Granted")
  })

  it("a clock set back forgets a failure", () => {
    const generations = Leases.make()
    generations.acquire(asking("a"), 1_000_000, newGeneration)
    generations.release("id", "a", 1_000_000, Uint8Array.of(1))
    expect(generations.acquire(asking("b"), 0, newGeneration)).toEqual({
      _tag: "Granted",
      generation: "generation"
    })
  })

  it("remember a failure for 999 milliseconds", () => {
    const generations = Leases.make()
    const fail = (now: number) => {
      generations.acquire(asking("a"), now, newGeneration)
      generations.release("id", "a", now, Uint8Array.of(now & 255))
    }
    fail(0)
    fail(999)
    expect(generations.acquire(asking("b"), 1998, newGeneration)).toMatchObject({ failures: { count: 2 } })
    expect(generations.acquire(asking("b"), 1999, newGeneration)).not.toHaveProperty("failures")
    fail(3000)
    expect(generations.acquire(asking("b"), 3000, newGeneration)).toMatchObject({ failures: { count: 1 } })
  })

  it("that have died refuse, also before they are forgotten", () => {
    const generations = Leases.make()
    generations.acquire(asking("a"), 0, newGeneration)
    expect(generations.isCurrent("id", "generation", 3_599_999)).toBe(true)
    expect(generations.isCurrent("id", "generation", 3_600_000)).toBe(false)
    expect(generations.acquire(asking("b"), 3_600_000, () => "another")).toEqual({
      _tag: "Granted",
      generation: "another"
    })
  })
})

describe("lines", () => {
  test("leave nothing behind", function*() {
    const lines = Lines.make()
    const waiting = yield* Effect.forkChild(Lines.run(lines, "id", "write", Effect.never), { startImmediately: true })
    const second = yield* Effect.forkChild(Lines.run(lines, "id", "write", Effect.void), { startImmediately: true })
    yield* Lines.run(lines, "other", "write", Effect.void)
    expect(Array.from(lines.keys())).toEqual(["id"])
    yield* Fiber.interrupt(second)
    yield* Fiber.interrupt(waiting)
    yield* Effect.exit(Lines.run(lines, "failed", "write", Effect.fail("no")))
    yield* Effect.exit(Lines.run(lines, "interrupted", "write", Effect.interrupt))
    expect(Array.from(lines.keys())).toEqual(["id"])
  })
})

describe("markers", () => {
  it("are softened where the hard half is the same and the soft one is not", () => {
    const [first, softened, hardened] = ["aaaaaaaaaaaa1", "aaaaaaaaaaaa2", "baaaaaaaaaaa1"].map((start) =>
      start.padEnd(24, "0")
    ) as [string, string, string]
    expect(Markers.isSoftened(first, softened)).toBe(true)
    expect(Markers.isSoftened(first, first)).toBe(false)
    expect(Markers.isSoftened(first, hardened)).toBe(false)
  })

  it("that were forgotten come back as others, also from a soft invalidation", () => {
    const markers = Markers.make(1)
    let next = 1
    const newVersion = () => String(next++).repeat(24).slice(0, 24)
    const [first] = markers.markers(["first"], newVersion).markers
    markers.markers(["second"], newVersion)
    markers.invalidate(["first"], newVersion, "soft")
    expect(Markers.isSoftened(first!.version, markers.version("first")!)).toBe(false)
    expect(markers.version("first")).toBe("3".repeat(24))
    markers.invalidate(["first"], newVersion, "soft")
    expect(markers.version("first")).toBe("3".repeat(12) + "4".repeat(12))
  })

  it("are so many at most, and a forgotten one is another when it comes back", () => {
    const markers = Markers.make(10)
    let next = 0
    const newVersion = () => String(next++)
    const [first] = markers.markers(["first"], newVersion).markers
    for (let i = 0; i < 10; i++) markers.markers([`tag ${i}`], newVersion)
    expect(markers.version("first")).toBeUndefined()
    expect(markers.version("tag 9")).toBeDefined()
    expect(markers.markers(["first"], newVersion).markers[0]!.version).not.toBe(first!.version)
  })

  it("asked for again and again stay", () => {
    const markers = Markers.make(10)
    let next = 0
    const newVersion = () => String(next++)
    const [first] = markers.markers(["first"], newVersion).markers
    for (let i = 0; i < 100; i++) markers.markers(["first", `tag ${i}`], newVersion)
    expect(markers.version("first")).toBe(first!.version)
  })
})

describe("counters", () => {
  it("that have expired are forgotten", () => {
    const counters = Counters.make()
    for (let i = 0; i < 100_000; i++) {
      Counters.increment(counters, { store: "memory", name: `n ${i}`, by: 1, now: i, expiresAt: i + 10 })
    }
    expect(counters.size()).toBeLessThan(4096)
  })
})
