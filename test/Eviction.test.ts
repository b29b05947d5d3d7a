import { describe, expect, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { Cached, CacheLayer, Eviction } from "effect-cached"

const node = (id: string): Eviction.Node => ({ id, previous: undefined, next: undefined })

/** what a tier does with its policy: writes and reads by id, at most `capacity` at a time */
const drive = (eviction: Eviction.Eviction, capacity: number) => {
  const policy = eviction.make({ capacity })
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
      remove(id)
      const fresh = node(id)
      held.set(id, fresh)
      policy.added(fresh)
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
    const tier = drive(Eviction.lru, 3)
    for (const id of ["a", "b", "c"]) tier.write(id)
    tier.read("a")
    tier.write("b")
    tier.write("d")
    expect(tier.evicted).toEqual(["c"])
    tier.write("e")
    expect(tier.evicted).toEqual(["c", "a"])
  })

  it("has no victim where nothing is held, and forgets what was removed", () => {
    const tier = drive(Eviction.lru, 3)
    expect(tier.policy.victim()).toBe(undefined)
    tier.write("a")
    tier.remove("a")
    expect(tier.policy.victim()).toBe(undefined)
  })

  const Step = Schema.Struct({
    kind: Schema.Literals(["write", "read", "remove"]),
    id: Schema.Literals(["a", "b", "c", "d", "e", "f"])
  })

  it.prop("does what a list in order of use does", [Schema.Array(Step)], ([steps]) => {
    const tier = drive(Eviction.lru, 3)
    const evicted: Array<string> = []
    let order: Array<string> = []
    for (const { id, kind } of steps) {
      tier[kind](id)
      const there = order.includes(id)
      order = order.filter((other) => other !== id)
      if (kind === "write" || (kind === "read" && there)) order.push(id)
      if (order.length > 3) evicted.push(order.shift()!)
    }
    expect(tier.evicted).toEqual(evicted)
    expect(Array.from(tier.held.keys()).sort()).toEqual([...order].sort())
  })
})

describe("a full memory tier", () => {
  const get = (key: string) => Effect.succeed(key).pipe(Cached.ttl({ key, ttl: "1 hour" }))

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

  it.effect("asks the policy it was given", () => {
    const asked: Array<string> = []
    const fifo: Eviction.Eviction = {
      name: "fifo",
      make: ({ capacity }) => {
        const nodes = new Set<Eviction.Node>()
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
    }).pipe(Effect.provide(CacheLayer.memory({ capacity: 2, eviction: fifo })))
  })

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
