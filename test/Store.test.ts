/** Operations that `Store.make` and `Store.makeSync` derive from the few that they are given. */
import { describe, expect, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, Layer, References, Stream } from "effect"
import { CacheError } from "effect-cached"
import { type CacheEntry, Store } from "effect-cached/adapters"
import { MemoryStore } from "effect-cached/memory"
import { TestClock } from "effect/testing"
import { singly } from "../src/testing/internal/singly.ts"
import { pluralOf } from "./support/pluralOf.ts"
import { entry } from "./support/stored.ts"

type Stored = CacheEntry.Stored

const { CacheConfigError, StoreError } = CacheError

const asking = (owner: string, rejectedWriteId?: string): Omit<Store.AcquireRequest, "id"> => ({
  owner,
  leaseMillis: 1000,
  rejectedWriteId,
  join: false
})

const acquireLease = (store: Store.Store, id: string, options = asking("a")) =>
  Effect.map(
    singly(store).acquire(id, options),
    (acquired) => acquired._tag === "Granted" ? acquired.generation : expect.fail(acquired._tag)
  )

/** A storage whose operations begin when asked and settle when the test opens their gate. */
const gated = () => {
  const entries = new Map<string, Stored>()
  const log: Array<string> = []
  const gates: Array<Deferred.Deferred<void, CacheError.StoreError>> = []
  const write = <A>(name: string, run: () => A) =>
    Effect.suspend(() => {
      const gate = Deferred.makeUnsafe<void, CacheError.StoreError>()
      gates.push(gate)
      log.push(name)
      return Effect.map(Deferred.await(gate), run)
    })
  const store = Store.make({
    name: "gated",
    get: (id) => Effect.sync(() => entries.get(id)),
    set: (id, stored) => write(`set ${stored.payload[0]}`, () => entries.set(id, stored)),
    remove: (id) => write("remove", () => entries.delete(id)),
    scan: () => Stream.suspend(() => Stream.fromIterable(Array.from(entries, ([id, { meta }]) => ({ id, meta }))))
  })
  const open = (n: number) => Deferred.succeed(gates[n]!, undefined)
  return { entries, log, gates, store, open }
}

const begin = <A, E>(effect: Effect.Effect<A, E>) => Effect.forkChild(effect, { startImmediately: true })

const settle = Effect.repeat(Effect.yieldNow, { times: 20 })

describe("Store.make", () => {
  it.effect("a late commit is over before the removal that came after it begins", () =>
    Effect.gen(function*() {
      const { entries, log, open, store } = gated()
      const generation = yield* acquireLease(store, "id")
      const put = yield* begin(singly(store).commit("id", generation, entry(1)))
      const drop = yield* begin(singly(store).remove("id"))
      yield* settle
      expect(log).toEqual(["set 1"])
      yield* open(0)
      expect(yield* Fiber.join(put)).toBe(true)
      yield* settle
      expect(log).toEqual(["set 1", "remove"])
      yield* open(1)
      yield* Fiber.join(drop)
      expect(entries.size).toBe(0)
    }))

  it.effect("a removal is done though its caller gave up while a commit hung", () =>
    Effect.gen(function*() {
      const { entries, log, open, store } = gated()
      const generation = yield* acquireLease(store, "id")
      const put = yield* begin(Effect.timeoutOption(singly(store).commit("id", generation, entry(1)), "1 second"))
      const drop = yield* begin(Effect.timeoutOption(singly(store).remove("id"), "1 second"))
      yield* TestClock.adjust("2 seconds")
      expect((yield* Fiber.join(put))._tag).toBe("None")
      expect((yield* Fiber.join(drop))._tag).toBe("None")
      yield* open(0)
      yield* settle
      expect(log).toEqual(["set 1", "remove"])
      yield* open(1)
      yield* settle
      expect(entries.size).toBe(0)
    }))

  it.effect("a thousand drops given up while a commit hangs are one removal", () =>
    Effect.gen(function*() {
      const { log, open, store } = gated()
      const set = yield* begin(singly(store).set("id", entry(1)))
      for (let i = 0; i < 1000; i++) yield* Fiber.interrupt(yield* begin(singly(store).remove("id")))
      yield* open(0)
      yield* Fiber.join(set)
      yield* settle
      yield* open(1)
      yield* settle
      expect(log).toEqual(["set 1", "remove"])
    }))

  it.effect("a set given up before its turn is not done", () =>
    Effect.gen(function*() {
      const { log, open, store } = gated()
      const first = yield* begin(singly(store).set("id", entry(1)))
      yield* Fiber.interrupt(yield* begin(singly(store).set("id", entry(2))))
      yield* open(0)
      yield* Fiber.join(first)
      yield* settle
      expect(log).toEqual(["set 1"])
    }))

  it.effect("a commit that waits behind a removal is refused", () =>
    Effect.gen(function*() {
      const { entries, log, open, store } = gated()
      const generation = yield* acquireLease(store, "id")
      const drop = yield* begin(singly(store).remove("id"))
      const put = yield* begin(singly(store).commit("id", generation, entry(1)))
      yield* open(0)
      yield* Fiber.join(drop)
      expect(yield* Fiber.join(put)).toBe(false)
      expect(log).toEqual(["remove"])
      expect(entries.size).toBe(0)
    }))

  it.effect("a right given while a set is on its way ends with it", () =>
    Effect.gen(function*() {
      const { entries, open, store } = gated()
      const set = yield* begin(singly(store).set("id", entry(1)))
      const acquired = yield* begin(singly(store).acquire("id", asking("a")))
      yield* open(0)
      yield* Fiber.join(set)
      expect((yield* Fiber.join(acquired))._tag).toBe("Hit")
      expect(entries.get("id")).toEqual(entry(1))
    }))

  it.effect("an entry that is being written when clear is called is removed behind it", () =>
    Effect.gen(function*() {
      const { entries, log, open, store } = gated()
      const generation = yield* acquireLease(store, "id")
      const put = yield* begin(singly(store).commit("id", generation, entry(1)))
      const clear = yield* begin(store.clear)
      yield* settle
      yield* open(0)
      yield* Fiber.join(put)
      yield* settle
      expect(log).toEqual(["set 1", "remove"])
      yield* open(1)
      yield* Fiber.join(clear)
      expect(entries.size).toBe(0)
    }))

  it.effect("a touch while clear runs finds nothing, and brings nothing back", () =>
    Effect.gen(function*() {
      const { entries, log, open, store } = gated()
      entries.set("id", entry(1))
      const deadlines = { softExpiresAt: 1, expiresAt: 2 }
      const clear = yield* begin(store.clear)
      const touch = yield* begin(store.touch("id", deadlines))
      yield* settle
      expect(yield* Fiber.join(touch)).toBe(false)
      expect(log).toEqual(["remove"])
      yield* open(0)
      yield* Fiber.join(clear)
      entries.set("id", entry(1))
      const earlier = yield* begin(store.touch("id", deadlines))
      yield* settle
      const second = yield* begin(store.clear)
      yield* settle
      yield* open(2)
      yield* settle
      yield* open(1)
      expect(yield* Fiber.join(earlier)).toBe(true)
      yield* settle
      yield* open(3)
      yield* Fiber.join(second)
      expect(log).toEqual(["remove", "set 1", "remove", "remove"])
      expect(entries.size).toBe(0)
    }))

  it.effect.each([
    { name: "clear", run: ({ clear }: Store.Store) => clear },
    {
      name: "a transaction that clears",
      run: ({ transact }: Store.Store) => transact!({ checks: [], steps: [{ _tag: "Clear" }] })
    }
  ])("a touch brings nothing back, whatever the step of $name at which it begins", ({ run }) =>
    Effect.gen(function*() {
      // A fiber yields after so many operations, so not each number of them lets a touch in everywhere.
      for (const operations of [3, 4, 5, 6]) {
        for (let steps = 0; steps < 30; steps++) {
          const entries = new Map([["id", entry(1)]])
          const store = Store.make({
            name: "slow to touch",
            get: (id) => Effect.suspend(() => Effect.delay(Effect.succeed(entries.get(id)), 1)),
            set: (id, stored) => Effect.delay(Effect.sync(() => entries.set(id, stored)), 1),
            remove: (id) => Effect.sync(() => entries.delete(id)),
            clear: Effect.sync(() => entries.clear())
          })
          const clear = yield* begin(Effect.provideService(run(store), References.MaxOpsBeforeYield, operations))
          for (let i = 0; i < steps; i++) yield* Effect.yieldNow
          yield* begin(store.touch("id", { softExpiresAt: 1, expiresAt: 2 }))
          yield* TestClock.adjust(5)
          yield* Fiber.join(clear)
          expect(entries.size, `a yield after ${operations} operations, and a touch after ${steps} yields`).toBe(0)
        }
      }
    }))

  it.effect("a read that never answers keeps no other behind it once its caller has gone (F6)", () =>
    Effect.gen(function*() {
      const entries = new Map<string, Stored>()
      let hang = true
      const store = Store.make({
        name: "hanging",
        get: (id) =>
          Effect.suspend(() => hang ? Effect.uninterruptible(Effect.never) : Effect.succeed(entries.get(id))),
        set: (id, stored) => Effect.sync(() => entries.set(id, stored)),
        remove: (id) => Effect.sync(() => entries.delete(id))
      })
      const stuck = yield* begin(singly(store).acquire("id", asking("a")))
      const drop = yield* begin(singly(store).remove("id"))
      expect(drop.pollUnsafe()).toBeUndefined()
      yield* Fiber.interrupt(stuck)
      yield* Fiber.join(drop)
      hang = false
      yield* acquireLease(store, "id")
    }))

  it.effect("a commit that waits before a removal is refused as soon as the removal is asked", () =>
    Effect.gen(function*() {
      const { gates, log, open, store } = gated()
      const generation = yield* acquireLease(store, "id")
      const failing = yield* begin(Effect.exit(singly(store).commit("id", generation, entry(1))))
      const waiting = yield* begin(singly(store).commit("id", generation, entry(2)))
      const drop = yield* begin(singly(store).remove("id"))
      yield* Deferred.fail(gates[0]!, new StoreError({ store: "gated", operation: "set", reason: "Unavailable" }))
      yield* Fiber.join(failing)
      expect(yield* Fiber.join(waiting)).toBe(false)
      yield* open(1)
      yield* Fiber.join(drop)
      expect(log).toEqual(["set 1", "remove"])
    }))

  it.effect("a right given while a removal waits ends with the removal", () =>
    Effect.gen(function*() {
      const { open, store } = gated()
      const set = yield* begin(singly(store).set("id", entry(1)))
      const acquired = yield* begin(acquireLease(store, "id", asking("a", entry(1).meta.writeId)))
      const drop = yield* begin(singly(store).remove("id"))
      yield* open(0)
      yield* Fiber.join(set)
      const generation = yield* Fiber.join(acquired)
      yield* settle
      yield* open(1)
      yield* Fiber.join(drop)
      expect(yield* singly(store).commit("id", generation, entry(2))).toBe(false)
    }))

  it.effect("a right from before clear, or from while it runs, stores nothing", () =>
    Effect.gen(function*() {
      const gate = yield* Deferred.make<void>()
      const entries = new Map<string, Stored>()
      const store = Store.make({
        name: "slow to clear",
        get: (id) => Effect.sync(() => entries.get(id)),
        set: (id, stored) => Effect.sync(() => entries.set(id, stored)),
        remove: (id) => Effect.sync(() => entries.delete(id)),
        clear: Effect.andThen(Effect.sync(() => entries.clear()), Deferred.await(gate))
      })
      const before = yield* acquireLease(store, "before")
      const clear = yield* begin(store.clear)
      expect(yield* singly(store).commit("before", before, entry(1))).toBe(false)
      const during = yield* acquireLease(store, "during")
      yield* Deferred.succeed(gate, undefined)
      yield* Fiber.join(clear)
      expect(yield* singly(store).commit("during", during, entry(2))).toBe(false)
      expect(entries.size).toBe(0)
    }))

  it.effect("ids do not wait for each other", () =>
    Effect.gen(function*() {
      const { log, open, store } = gated()
      yield* begin(singly(store).set("a", entry(1)))
      const other = yield* begin(singly(store).set("b", entry(2)))
      expect(log).toEqual(["set 1", "set 2"])
      yield* open(1)
      expect(yield* Fiber.join(other)).toBe(true)
    }))

  it.effect("a commit that failed leaves its generation to another", () =>
    Effect.gen(function*() {
      const { gates, log, open, store } = gated()
      const generation = yield* acquireLease(store, "id")
      const put = yield* begin(Effect.exit(singly(store).commit("id", generation, entry(1))))
      const failure = new StoreError({ store: "gated", operation: "set", reason: "Unavailable" })
      yield* Deferred.fail(gates[0]!, failure)
      expect(yield* Fiber.join(put)).toEqual(Exit.fail(failure))
      const again = yield* begin(singly(store).commit("id", generation, entry(2)))
      yield* open(1)
      expect(yield* Fiber.join(again)).toBe(true)
      expect(log).toEqual(["set 1", "set 2"])
    }))

  it.effect("a defect of the storage reaches its caller and does not stop the line", () =>
    Effect.gen(function*() {
      let broken = true
      const store = Store.make({
        name: "broken",
        get: () => Effect.succeed(undefined),
        set: () => broken ? Effect.die("broken") : Effect.void,
        remove: () => Effect.succeed(false)
      })
      expect(yield* Effect.exit(singly(store).set("id", entry(1)))).toEqual(Exit.die("broken"))
      broken = false
      expect(yield* singly(store).set("id", entry(1))).toBe(true)
    }))

  it.effect("twenty thousand callers of one id need no deeper stack", () =>
    Effect.gen(function*() {
      const { open, store } = gated()
      const first = yield* begin(singly(store).set("id", entry(1)))
      const takes = yield* begin(
        Effect.all(Array.from({ length: 20_000 }, () => singly(store).acquire("id", asking("a"))), {
          concurrency: "unbounded"
        })
      )
      yield* open(0)
      yield* Fiber.join(first)
      expect((yield* Fiber.join(takes)).every(({ _tag }) => _tag === "Hit")).toBe(true)
    }))

  it.effect("an operation that cannot be derived is unsupported, and touches nothing", () =>
    Effect.gen(function*() {
      const entries = new Map([["id", entry(1)]])
      const store = Store.make({
        name: "simple",
        get: (id) => Effect.sync(() => entries.get(id)),
        set: (id, stored) => Effect.sync(() => entries.set(id, stored)),
        remove: (id) => Effect.sync(() => entries.delete(id))
      })
      const generation = yield* acquireLease(store, "other")
      for (const operation of [store.size, store.clear, Stream.runDrain(store.scan())]) {
        expect(yield* Effect.flip(operation)).toMatchObject({
          _tag: "StoreError",
          reason: "Unsupported",
          store: "simple"
        })
      }
      expect(entries.size).toBe(1)
      expect(yield* singly(store).commit("other", generation, entry(2))).toBe(true)
      expect(yield* Stream.runCollect(store.changes)).toEqual([])
      expect(store.capabilities).toEqual({ shared: false, changes: false, separate: true })
    }))

  it("an option it does not know, or one that is missing, is refused at once", () => {
    const storage = {
      name: "s",
      get: () => Effect.succeed(undefined),
      set: () => Effect.void,
      remove: () => Effect.succeed(false)
    }
    expect(() => Store.make({ ...storage, sise: Effect.succeed(1) } as never)).toThrow(/no option "sise"/)
    expect(() => Store.make({ ...storage, capabilities: { share: true } } as never)).toThrow(CacheConfigError)
    expect(() => Store.make({ ...storage, set: undefined } as never)).toThrow(/needs "set"/)
    const counters = Store.make(storage)
    expect(() => Store.make({ ...storage, counters })).toThrow(/cannot clear the counters/)
    expect(Store.make({ ...storage, counters, clear: Effect.void }).name).toBe(storage.name)
    expect(() => Store.makeSync({ ...storage, name: 1 } as never)).toThrow(/needs "name"/)
    expect(() => Store.makeSync(undefined as never)).toThrow(/Store.makeSync needs options/)
  })

  it.each<readonly [part: string, wrong: unknown, kind: string]>([
    ["clear", () => Effect.void, "an Effect"],
    ["size", () => Effect.succeed(1), "an Effect"],
    ["changes", [], "a Stream"],
    ["getMany", "all", "a function"],
    ["capabilities", true, "an object"]
  ])("a part of another kind is refused: %s", (part, wrong, kind) => {
    const storage = {
      name: "s",
      get: () => Effect.undefined,
      set: () => Effect.void,
      remove: () => Effect.succeed(false)
    }
    expect(() => Store.make({ ...storage, [part]: wrong })).toThrow(`Store.make needs "${part}", ${kind}`)
  })

  it("counters that are not complete, and a capability of another kind, are refused", () => {
    const storage = {
      name: "s",
      get: () => Effect.undefined,
      set: () => Effect.void,
      remove: () => Effect.succeed(false)
    }
    const { increment } = MemoryStore.make()
    expect(() => Store.make({ ...storage, clear: Effect.void, counters: { increment } } as never))
      .toThrow("Store.make counters needs \"counter\", a function")
    expect(() => Store.make({ ...storage, capabilities: { shared: "yes" } } as never)).toThrow(
      /needs "shared", a boolean/
    )
  })

  it("the core of a store is complete, and its parts are of their kinds", () => {
    const core = MemoryStore.make()
    expect(() => Store.complete({ ...core, acquire: undefined } as never))
      .toThrow("Store.complete needs \"acquire\", a function")
    expect(() => Store.complete({ ...core, size: () => core.size } as never))
      .toThrow("Store.complete needs \"size\", an Effect")
    expect(Store.complete({ ...core, path: "/tmp" } as never)).toMatchObject({ path: "/tmp" })
    expect(() => Store.complete(undefined as never)).toThrow(CacheConfigError)
  })

  it.effect("a layer makes the store", () =>
    Effect.gen(function*() {
      const store = Store.make({
        name: "provided",
        get: () => Effect.succeed(undefined),
        set: () => Effect.void,
        remove: () => Effect.succeed(false)
      })
      const { name } = yield* Effect.provide(
        Store.Store,
        Layer.effect(Store.Store, Effect.succeed(store)) as Layer.Layer<Store.Store>
      )
      expect(name).toBe("provided")
    }))
})

describe("Store.makeSync", () => {
  const failing = (thrown: unknown) => {
    const fail = () => {
      throw thrown
    }
    return Store.makeSync({
      name: "failing",
      get: fail,
      set: fail,
      remove: fail,
      reasonOf: (cause) => cause === "full" ? "Full" : "Unavailable"
    })
  }

  it.effect("an error that the storage throws is a StoreError with the operation and the cause", () =>
    Effect.gen(function*() {
      for (const [thrown, reason] of [["full", "Full"], [new Error("x"), "Unavailable"]] as const) {
        const store = failing(thrown)
        expect(yield* Effect.flip(store.get("id", []))).toMatchObject({ operation: "get", reason, store: "failing" })
        expect(yield* Effect.flip(singly(store).set("id", entry(1)))).toMatchObject({ operation: "set", reason })
        expect(() => store.getUnsafe("id", [])).toThrow(StoreError)
      }
      const own = new StoreError({ store: "x", operation: "y", reason: "TooLarge" })
      expect(yield* Effect.flip(singly(failing(own)).set("id", entry(1)))).toBe(own)
    }))

  it.effect("a removal that failed has ended the generation even so", () =>
    Effect.gen(function*() {
      let broken = false
      const store = Store.makeSync({
        name: "broken",
        get: () => undefined,
        set: () => {},
        remove: () => {
          if (broken) throw new Error("broken")
          return false
        }
      })
      const generation = yield* acquireLease(store, "id")
      broken = true
      yield* Effect.flip(singly(store).remove("id"))
      expect(yield* singly(store).commit("id", generation, entry(1))).toBe(false)
    }))

  const listening = (read: () => ReadonlyArray<Store.Change>) => {
    let listeners = 0
    const store = Store.makeSync({
      name: "listening",
      get: () => undefined,
      set: () => {},
      remove: () => false,
      changes: () => {
        listeners++
        return read
      }
    })
    return { store, listeners: () => listeners }
  }

  it.effect("changes of the storage are reported at once, and to all listeners", () =>
    Effect.gen(function*() {
      let changes: ReadonlyArray<Store.Change> = []
      const { listeners, store } = listening(() => changes)
      expect(store.capabilities.changes).toBe(true)
      expect(store.changesUnsafe?.()).toEqual([])
      const received: Array<Store.Change> = []
      yield* Effect.forkChild(Stream.runForEach(store.changes, (change) => Effect.sync(() => received.push(change))))
      yield* TestClock.adjust("1 second")
      expect([received, listeners()]).toEqual([[{ _tag: "Coherent" }], 2])
      changes = [{ _tag: "Gap" }, { _tag: "Changed", id: "id" }]
      expect(store.changesUnsafe?.()).toBe(changes)
      yield* TestClock.adjust("50 millis")
      expect(received).toEqual([{ _tag: "Coherent" }, ...changes])
    }))

  it.effect("changes that cannot be reported now are a StoreError", () =>
    Effect.gen(function*() {
      const { store } = listening(() => {
        throw new Error("not now")
      })
      expect(() => store.changesUnsafe?.()).toThrow(StoreError)
      expect(yield* Effect.flip(Stream.runDrain(store.changes))).toMatchObject({ reason: "Unavailable" })
    }))

  it.effect("a value that a storage without transactions refuses does not spare the markers of those before it", () =>
    Effect.gen(function*() {
      const entries = new Map<string, CacheEntry.Stored>()
      const store = Store.makeSync({
        name: "map",
        get: (id) => entries.get(id),
        set: (id, entry) => {
          if (id === "b") throw new Error("refused")
          entries.set(id, entry)
        },
        remove: (id) => entries.delete(id)
      })
      const before = yield* store.markers(["~=a"])
      yield* Effect.flip(store.set([{ id: "a", entry: entry(1) }, { id: "b", entry: entry(2) }]))
      expect(entries.has("a")).toBe(true)
      expect((yield* store.markers(["~=a"])).markers[0]!.version).not.toBe(before.markers[0]!.version)
    }))

  it.effect("leases and transactions of the storage are used: a look before, and everything again inside", () =>
    Effect.gen(function*() {
      const asked: Array<string> = []
      const noting = <A>(name: string, answer: A) => () => {
        asked.push(name)
        return answer
      }
      const store = Store.makeSync({
        name: "leasing",
        get: noting("get", undefined),
        set: noting("set", undefined),
        remove: noting("remove", true),
        clear: noting("clear", undefined),
        leases: {
          leftMillis: ({ owner }) => owner === "late" ? 7 : 0,
          acquire: noting("acquire", { _tag: "Granted", generation: "g" } as const),
          isCurrent: noting("isCurrent", true),
          ids: () => [],
          end: noting("end", undefined),
          endAll: noting("endAll", undefined),
          renew: noting("renew", true),
          release: noting("release", true)
        },
        atomic: (steps) => {
          asked.push("[")
          const result = steps()
          asked.push("]")
          return result
        }
      })
      const options = { owner: "a", leaseMillis: 1, rejectedWriteId: undefined, join: false }
      const asks = (effect: Effect.Effect<unknown, CacheError.StoreError>) =>
        Effect.map(effect, (answer) => [answer, asked.splice(0).join(" ")])
      expect(yield* asks(singly(store).acquire("id", options))).toEqual([
        { _tag: "Granted", generation: "g", seq: 0 },
        "get [ get acquire ]"
      ])
      expect(yield* asks(singly(store).acquire("id", { ...options, owner: "late" }))).toEqual([
        { _tag: "Wait", leftMillis: 7 },
        "get"
      ])
      expect(yield* asks(singly(store).commit("id", "g", entry(1)))).toEqual([true, "[ isCurrent set end ]"])
      expect(yield* asks(singly(store).set("id", entry(1)))).toEqual([true, "[ end set ]"])
      // It finds nothing, so nothing counts as removed.
      expect(yield* asks(singly(store).remove("id"))).toEqual([false, "[ get end remove ]"])
      expect(yield* asks(store.clear)).toEqual([undefined, "[ endAll clear ]"])
      expect(yield* asks(singly(store).renew("id", "a", 1))).toEqual([true, "[ renew ]"])
      expect(yield* asks(store.release("id", "a"))).toEqual([true, "[ release ]"])
      // Many are one transaction, unless nothing has to be written.
      const requests = ["late", "a", "late"].map((owner, i) => ({ ...options, id: String(i), owner }))
      expect(yield* asks(store.acquire(requests))).toEqual([
        [{ _tag: "Wait", leftMillis: 7 }, { _tag: "Granted", generation: "g", seq: 0 }, {
          _tag: "Wait",
          leftMillis: 7
        }],
        "get get get [ get get acquire get ]"
      ])
      const late = requests.filter(({ owner }) => owner === "late")
      expect((yield* asks(store.acquire(late)))[1]).toBe("get get")
      const commits = ["a", "b"].map((id) => ({ id, generation: "g", entry: entry(1) }))
      expect(yield* asks(store.commit(commits))).toEqual([[true, true], "[ isCurrent set end isCurrent set end ]"])
      expect(yield* asks(store.set(commits))).toEqual([[true, true], "[ end set end set ]"])
      expect(yield* asks(store.remove(["a", "b"]))).toEqual([[false, false], "[ get end remove get end remove ]"])
    }))
})

describe("Store.complete", () => {
  it.effect("takes an object whose operations use `this`", () =>
    Effect.gen(function*() {
      const whole = MemoryStore.make()
      const core = {
        ...whole,
        getMany: undefined,
        get(this: Store.Store, id: string, tags: ReadonlyArray<string>) {
          return whole.get(`${this.name} ${id}`, tags)
        }
      }
      const stored = entry(1)
      yield* singly(whole).set(`${whole.name} id`, stored)
      const [found, missing] = yield* Store.complete(core).getMany(["id", "other"])
      expect(found?.meta).toEqual(stored.meta)
      expect(missing).toBe(undefined)
    }))

  it.effect("does many in the order of one id, whatever a storage takes for each", () =>
    Effect.gen(function*() {
      const inner = MemoryStore.make()
      let calls = 0
      const slower = <A, E>(effect: Effect.Effect<A, E>) =>
        Effect.suspend(() => Effect.delay(effect, `${10 - calls++ % 10} millis`))
      const store = Store.complete({
        ...inner,
        set: pluralOf.set((id, entry) => slower(singly(inner).set(id, entry))),
        remove: pluralOf.remove((id) => slower(singly(inner).remove(id)))
      })
      const run = <A, E>(effect: Effect.Effect<A, E>) =>
        Effect.gen(function*() {
          const fiber = yield* Effect.forkChild(effect, { startImmediately: true })
          yield* TestClock.adjust("1 second")
          return yield* Fiber.join(fiber)
        })
      yield* run(store.set(Array.from({ length: 10 }, (_, i) => ({ id: "id", entry: entry(i) }))))
      expect((yield* inner.get("id", [])).entry).toEqual(entry(9))
      expect(yield* run(store.remove(["id", "id", "id"]))).toEqual([true, false, false])
    }))

  it.effect("derives no clear, which would not end the loads of what is not stored", () =>
    Effect.gen(function*() {
      const store = Store.complete({ ...MemoryStore.make(), clear: undefined })
      const generation = yield* acquireLease(store, "id")
      expect(yield* Effect.flip(store.clear)).toMatchObject({ reason: "Unsupported" })
      expect(yield* singly(store).commit("id", generation, entry(1))).toBe(true)
    }))

  it.effect("of a clear that is interrupted no counter is left", () =>
    Effect.gen(function*() {
      const { clear, counter, increment } = Store.complete({
        ...MemoryStore.make(),
        clear: Effect.never,
        increment: undefined,
        counter: undefined
      })
      yield* increment("n", 5)
      const clearing = yield* Effect.forkChild(clear, { startImmediately: true })
      yield* Fiber.interrupt(clearing)
      expect(yield* counter("n")).toBeUndefined()
    }))

  it.live("leaves others their turn between many", () =>
    Effect.gen(function*() {
      let turns = 0
      let other: NodeJS.Immediate | undefined
      const turn = () => {
        turns++
        other = setImmediate(turn)
      }
      turn()
      const store = Store.make({
        name: "at once",
        get: () => Effect.undefined,
        set: () => Effect.void,
        remove: () => Effect.succeed(false)
      })
      yield* store.remove(Array.from({ length: 20_000 }, (_, i) => `${i}`))
      clearImmediate(other)
      expect(turns).toBeGreaterThan(3)
    }))
})
