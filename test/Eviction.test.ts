/** Which entry each policy of eviction lets go, by traces of reads and writes. */
import { describe, expect, it } from "@effect/vitest"
import { Effect, Option, Schema } from "effect"
import { Cached, CacheLayer, CachePolicy } from "effect-cached"
import type { Eviction } from "effect-cached/adapters"
import { TestClock } from "effect/testing"
import { policies } from "../src/internal/eviction/policies.ts"
import * as Looking from "./support/looking.ts"

const node = (id: string): Eviction.Node => ({ id, previous: undefined, next: undefined })

/** The use that a tier makes of its policy: writes and reads by id, at most `capacity` at a time. */
const drive = (eviction: Eviction.Eviction, capacity: number) => {
  const policy = eviction.make({ capacity, weighed: false, seed: () => 1 })
  const held = new Map<string, Eviction.Node>()
  const evicted: Array<string> = []
  const remove = (id: string) => {
    const known = held.get(id)
    if (known === undefined) return
    held.delete(id)
    policy.removed(known)
  }
  return {
    policy,
    evicted,
    held,
    remove,
    write(id: string) {
      const fresh = node(id)
      const old = held.get(id)
      if (old !== undefined && policy.replaced !== undefined) policy.replaced(old, fresh)
      else {
        remove(id)
        policy.added(fresh)
      }
      held.set(id, fresh)
      while (held.size > capacity) {
        const victim = policy.victim()!
        evicted.push(victim.id)
        remove(victim.id)
      }
    },
    read(id: string) {
      const known = held.get(id)
      if (known !== undefined) policy.read(known)
    }
  }
}

describe("lru", () => {
  it("evicts what was not read or written for the longest time", () => {
    const tier = drive(policies.lru, 3)
    for (const id of ["a", "b", "c"]) tier.write(id)
    tier.read("a")
    tier.write("b")
    tier.write("d")
    expect(tier.evicted).toEqual(["c"])
    tier.write("e")
    expect(tier.evicted).toEqual(["c", "a"])
  })

  it("has no victim where nothing is held, and forgets what was removed", () => {
    const tier = drive(policies.lru, 3)
    expect(tier.policy.victim()).toBe(undefined)
    tier.write("a")
    tier.remove("a")
    expect(tier.policy.victim()).toBe(undefined)
  })
})

describe("fifo", () => {
  it("evicts what came in first: neither reads nor new values count", () => {
    const tier = drive(policies.fifo, 3)
    for (const id of ["a", "b", "c"]) tier.write(id)
    tier.read("a")
    tier.write("a")
    tier.write("b")
    tier.write("d")
    tier.write("e")
    expect(tier.evicted).toEqual(["a", "b"])
  })

  it("an entry that left and comes back is new", () => {
    const tier = drive(policies.fifo, 2)
    for (const id of ["a", "b"]) tier.write(id)
    tier.remove("a")
    tier.write("a")
    tier.write("c")
    expect(tier.evicted).toEqual(["b"])
  })
})

describe("leastRecentlyUpdated", () => {
  it("ME-15: evicts the oldest write: a new value counts, a read does not", () => {
    const tier = drive(policies.leastRecentlyUpdated, 3)
    for (const id of ["a", "b", "c"]) tier.write(id)
    tier.write("a")
    tier.read("b")
    tier.write("d")
    tier.write("e")
    expect(tier.evicted).toEqual(["b", "c"])
  })
})

type Kind = "write" | "read" | "remove"

/** The order of the entries after a step, first the one to evict, kept in an array. */
const models: ReadonlyArray<{
  readonly eviction: Eviction.Eviction
  readonly moves: (kind: Kind) => boolean
}> = [
  { eviction: policies.lru, moves: () => true },
  { eviction: policies.fifo, moves: () => false },
  { eviction: policies.leastRecentlyUpdated, moves: (kind) => kind === "write" }
]

describe.each(models)("$eviction.name against a list", ({ eviction, moves }) => {
  const Step = Schema.Struct({
    kind: Schema.Literals(["write", "write", "read", "remove"]),
    id: Schema.Literals(["a", "b", "c", "d", "e", "f"])
  })
  const Steps = Schema.Array(Step).check(Schema.isMaxLength(60))

  it.prop("evicts what the list does", [Steps], ([steps]) => {
    const tier = drive(eviction, 3)
    const evicted: Array<string> = []
    let order: Array<string> = []
    for (const { id, kind } of steps) {
      tier[kind](id)
      const there = order.includes(id)
      const stays = there && kind !== "remove" && !moves(kind)
      if (!stays) order = order.filter((other) => other !== id)
      if (!stays && (kind === "write" || (kind === "read" && there))) order.push(id)
      if (order.length > 3) evicted.push(order.shift()!)
      expect(tier.policy.victim()?.id).toBe(order[0])
      expect(tier.policy.victim()).toBe(tier.held.get(order[0]!))
    }
    expect(tier.evicted).toEqual(evicted)
    expect(Array.from(tier.held.keys()).sort()).toEqual([...order].sort())
  }, { arbitrary: { runs: 500 } })

  it.prop("leaves no link to or from what left", [Steps], ([steps]) => {
    const tier = drive(eviction, 3)
    const all = new Set<Eviction.Node>()
    for (const { id, kind } of steps) {
      tier[kind](id)
      for (const node of tier.held.values()) all.add(node)
    }
    const linked = Array.from(all).filter((node) => node.previous !== undefined || node.next !== undefined)
    expect(new Set(linked)).toEqual(new Set(tier.held.values()))
  })
})

describe("a full memory tier", () => {
  const get = (key: string) => Effect.succeed(key).pipe(Cached.ttl(key, { ttl: "1 hour" }))

  it.effect("drops the least recently used: reads, lookups and writes are uses", () =>
    Effect.gen(function*() {
      yield* Effect.forEach(["a", "b", "c", "d"], get)
      yield* get("a")
      yield* Cached.getOption("b")
      yield* Cached.set("c", "c")
      yield* get("e")
      yield* get("f")
      const keys = ["a", "b", "c", "d", "e", "f"]
      const left = yield* Effect.filter(keys, Cached.has)
      expect(left).toEqual(["b", "c", "e", "f"])
      expect(yield* Cached.stats).toMatchObject({ evictions: 2, size: 4 })
    }).pipe(Effect.provide(CacheLayer.memory({ capacity: 4 }))))

  it.effect.each<[string, Eviction.Eviction, ReadonlyArray<string>]>([
    ["lru", policies.lru, ["a", "b", "e", "f"]],
    ["fifo", policies.fifo, ["c", "d", "e", "f"]],
    ["leastRecentlyUpdated (ME-15)", policies.leastRecentlyUpdated, ["a", "d", "e", "f"]]
  ])("under %s keeps what that policy keeps", ([, eviction, kept]) =>
    Effect.gen(function*() {
      yield* Effect.forEach(["a", "b", "c", "d"], get)
      yield* Cached.set("a", "new")
      expect(yield* get("b")).toBe("b")
      yield* get("e")
      yield* get("f")
      expect(yield* Effect.filter(["a", "b", "c", "d", "e", "f"], Cached.has)).toEqual(kept)
      expect(yield* Cached.stats).toMatchObject({ evictions: 2, size: 4 })
    }).pipe(Effect.provide(CacheLayer.memory({ capacity: 4, eviction }))))

  it.effect("a read that may not refresh what is due is a use as well", () =>
    Effect.gen(function*() {
      const due = Cached.refreshAhead(Effect.succeed("due"), "due", { ttl: "1 hour", refreshAfter: "1 minute" })
      yield* due
      yield* get("other")
      yield* TestClock.adjust("2 minutes")
      yield* CachePolicy.disable("set")(due)
      yield* get("new")
      expect(yield* Effect.filter(["due", "other"], Cached.has)).toEqual(["due"])
    }).pipe(Effect.provide(CacheLayer.memory({ capacity: 2, eviction: "lru" }))))

  it.effect("reports to a policy that asks for it that a new value has replaced an old one, once", () => {
    const told: Array<string> = []
    const nodes: Array<Eviction.Node> = []
    const eviction: Eviction.Eviction = {
      name: "told",
      make: () => ({
        added: (node) => {
          told.push(`added ${node.id}`)
          nodes.push(node)
        },
        replaced: (old, node) => {
          told.push(`replaced ${node.id}`)
          expect(old).toBe(nodes.at(-1))
          expect(node).not.toBe(old)
          nodes.push(node)
        },
        read: () => {},
        removed: (node) => {
          told.push(`removed ${node.id}`)
          expect(node).toBe(nodes.at(-1))
        },
        victim: () => undefined
      })
    }
    return Effect.gen(function*() {
      yield* Cached.set("a", 1)
      yield* Cached.set("a", 2)
      expect(yield* Cached.getOption("a")).toEqual(Option.some(2))
      yield* Cached.invalidate("a")
      yield* Cached.set("a", 3)
      expect(told).toEqual(["added a", "replaced a", "removed a", "added a"])
    }).pipe(Effect.provide(CacheLayer.memory({ eviction })))
  })

  it.effect("asks the policy it was given", () => {
    const asked: Array<string> = []
    const nodes = new Set<Eviction.Node>()
    const fifo: Eviction.Eviction = {
      name: "fifo",
      make: ({ capacity }) => {
        asked.push(`make ${capacity}`)
        return {
          added: (node) => void nodes.add(node),
          read: (node) => void asked.push(`read ${node.id}`),
          removed: (node) => void nodes.delete(node),
          victim: () => nodes.values().next().value
        }
      }
    }
    return Effect.gen(function*() {
      yield* get("a")
      yield* get("b")
      yield* get("a")
      yield* get("c")
      expect(yield* Cached.has("a")).toBe(false)
      expect(asked).toEqual(["make 2", "read a"])
      expect(Array.from(nodes, ({ id }) => id)).toEqual(["b", "c"])
      yield* Cached.clear
      expect(nodes.size).toBe(0)
    }).pipe(Effect.provide(CacheLayer.memory({ capacity: 2, eviction: fifo })))
  })

  it.effect("tells a policy of bounds and of values that are replaced, whatever it answers, until it throws", () => {
    const told: Array<string> = []
    const tell = (what: string) => ({ id }: Eviction.Node) => told.push(`${what} ${id}`)
    const talking: Eviction.Eviction = {
      name: "talking",
      make: () =>
        ({
          added: tell("added"),
          read: tell("read"),
          removed: tell("removed"),
          resized: (capacity: number) => told.push(`resized ${capacity}`),
          cleared: () => {
            throw new Error("cleared")
          },
          victim: () => undefined
        }) as never
    }
    return Effect.gen(function*() {
      yield* get("a")
      yield* get("a")
      yield* Cached.set("a", "new")
      yield* Cached.resize(3)
      expect(told).toEqual(["added a", "read a", "removed a", "added a", "resized 3"])
      expect((yield* Cached.stats).callbackFailures).toBe(0)
      yield* Cached.clear
      expect(yield* Cached.stats).toMatchObject({ callbackFailures: 1, size: 0 })
      yield* get("b")
      expect(told).toHaveLength(5)
    }).pipe(Effect.provide(CacheLayer.memory({ capacity: 2, eviction: talking })))
  })

  it.effect("tells the policy of reads, and empties it, although a curve is measured", () =>
    Effect.gen(function*() {
      yield* Effect.forEach(["a", "b", "a", "c"], get)
      expect(yield* Effect.filter(["a", "b", "c"], Cached.has)).toEqual(["a", "c"])
      yield* Cached.clear
      yield* Effect.forEach(["d", "e", "d", "f"], get)
      expect(yield* Effect.filter(["d", "e", "f"], Cached.has)).toEqual(["d", "f"])
      expect(yield* Cached.stats).toMatchObject({ evictions: 2, size: 2, removals: { invalidated: 2 } })
      // Asking whether an entry is there is a read of it.
      expect((yield* Looking.curve).reads).toBe(8 + 4)
      // So is storing what would have been a miss.
      yield* Cached.set("f", 1, { ttl: "1 minute" })
      yield* TestClock.adjust("1 minute")
      yield* Cached.set("f", 2)
      expect((yield* Looking.curve).reads).toBe(8 + 4 + 1)
    }).pipe(Effect.provide(CacheLayer.memory({ capacity: 2, eviction: "lru", curve: true }))))

  it.effect("lives with a policy that evicts the newcomer, or nothing", () => {
    let last: Eviction.Node | undefined
    const stubborn: Eviction.Eviction = {
      name: "stubborn",
      make: () => ({ added: (node) => void (last = node), read: () => {}, removed: () => {}, victim: () => last })
    }
    return Effect.gen(function*() {
      expect(yield* get("a")).toBe("a")
      expect(yield* get("b")).toBe("b")
      expect(yield* Effect.filter(["a", "b"], Cached.has)).toEqual(["a"])
    }).pipe(Effect.provide(CacheLayer.memory({ capacity: 1, eviction: stubborn })))
  })
})
