/**
 * Storages of one's own that outlive their process: the entries that a program finds again after a restart, and those
 * it does not.
 */
import { describe, expect, it } from "@effect/vitest"
import { Effect, Layer, Schema, Stream } from "effect"
import { Cached, CacheError, CacheKey, CacheLayer } from "effect-cached"
import { type CacheEntry, Store } from "effect-cached/adapters"
import { withTimePassing } from "effect-cached/testing"
import { TestClock } from "effect/testing"
import { markersKept } from "../src/internal/defaults/stores.ts"
import { warningsOf } from "./support/logged.ts"

type Stored = CacheEntry.Stored

class Item extends CacheKey.Class<Item>()("Item", { payload: { n: Schema.Number }, success: Schema.String }) {}

class Row extends CacheKey.Class<Row>()("Row", {
  payload: { table: Schema.String, n: Schema.Number },
  success: Schema.String,
  indexes: ["table"]
}) {}

/** A map as a storage, with the ids that were asked for. */
const storage = (entries = new Map<string, Stored>()) => {
  const gets: Array<string> = []
  const sets: Array<string> = []
  return {
    entries,
    gets,
    sets,
    parts: {
      name: "map",
      get: (id: string) =>
        Effect.sync(() => {
          gets.push(id)
          return entries.get(id)
        }),
      set: (id: string, entry: Stored) =>
        Effect.sync(() => {
          sets.push(id)
          entries.set(id, entry)
        }),
      remove: (id: string) => Effect.sync(() => entries.delete(id)),
      scan: () => Stream.suspend(() => Stream.fromIterable(Array.from(entries, ([id, { meta }]) => ({ id, meta }))))
    },
    syncParts: {
      name: "map",
      get: (id: string) => {
        gets.push(id)
        return entries.get(id)
      },
      set: (id: string, entry: Stored) => {
        sets.push(id)
        entries.set(id, entry)
      },
      remove: (id: string) => entries.delete(id),
      scan: () => Array.from(entries, ([id, { meta }]) => ({ id, meta }))
    }
  }
}

type Storage = ReturnType<typeof storage>

const setIfAbsent = (entries: Map<string, Stored>) => (id: string, entry: Stored) =>
  !entries.has(id) && !!entries.set(id, entry)

/** Every way to make a store that outlives its process. */
const lasting: Record<string, (self: Storage) => Store.Store> = {
  "Store.make, lasting": ({ parts }) => Store.make({ ...parts, capabilities: { lasting: true } }),
  "Store.make, with setIfAbsent": ({ entries, parts }) =>
    Store.make({ ...parts, setIfAbsent: (id, entry) => Effect.sync(() => setIfAbsent(entries)(id, entry)) }),
  "Store.make, shared": ({ entries, parts }) =>
    Store.make({
      ...parts,
      capabilities: { shared: true },
      setIfAbsent: (id, entry) => Effect.sync(() => setIfAbsent(entries)(id, entry))
    }),
  "Store.makeSync, lasting": ({ syncParts }) => Store.makeSync({ ...syncParts, capabilities: { lasting: true } }),
  "Store.makeSync, shared": ({ entries, syncParts }) =>
    Store.makeSync({ ...syncParts, capabilities: { shared: true }, setIfAbsent: setIfAbsent(entries) })
}

/** Runs a program in a process of its own: a new store and a new cache over the storage. */
const inProcess = <A, E>(self: Storage, make: (self: Storage) => Store.Store, use: Effect.Effect<A, E, any>) => {
  const layer = CacheLayer.layer().pipe(Layer.provide(Layer.sync(Store.Store, () => make(self))))
  return withTimePassing(Effect.provide(use, layer) as Effect.Effect<A, E>)
}

const counted = () => {
  let loads = 0
  const load = Effect.sync(() => `load ${++loads}`)
  return {
    item: load.pipe(Cached.ttl(new Item({ n: 1 }), { ttl: "1 hour" })),
    row: load.pipe(Cached.ttl(new Row({ table: "t", n: 1 }), { ttl: "1 hour" })),
    tagged: load.pipe(Cached.ttl("tagged", { ttl: "1 hour", tags: ["t"] })),
    late: load.pipe(
      Effect.tap(() => Cached.annotate({ tags: ["late"] })),
      Cached.ttl("late", { ttl: "1 hour" })
    )
  }
}

for (const [name, make] of Object.entries(lasting)) {
  describe(name, () => {
    it.effect("key classes and tagged strings are found after a restart", () =>
      Effect.gen(function*() {
        const self = storage()
        const { item, row, tagged } = counted()
        const all = Effect.all([item, row, tagged])
        const first = yield* inProcess(self, make, all)
        expect(yield* inProcess(self, make, all)).toEqual(first)
      }))

    it.effect("a read asks for one marker more, in the same step", () =>
      Effect.gen(function*() {
        const self = storage()
        const { item } = counted()
        yield* inProcess(self, make, item)
        self.gets.length = 0
        yield* inProcess(self, make, item)
        expect(self.gets.toSorted()).toEqual([CacheKey.id(new Item({ n: 1 })), "~:t:~Item"].toSorted())
      }))

    it.effect("a string without tags has no marker", () =>
      Effect.gen(function*() {
        const self = storage()
        const plain = Effect.succeed(1).pipe(Cached.ttl("plain", { ttl: "1 hour" }))
        yield* inProcess(self, make, plain)
        expect([self.sets, Array.from(self.entries.keys())]).toEqual([["plain"], ["plain"]])
      }))

    it.effect("a result is stored with a tag of its load only if the marker existed before", () =>
      Effect.gen(function*() {
        const self = storage()
        const { late } = counted()
        expect(yield* inProcess(self, make, late)).toBe("load 1")
        expect(self.entries.has("late")).toBe(false)
        yield* inProcess(
          self,
          make,
          Effect.gen(function*() {
            yield* Cached.set("other", 1, { ttl: "1 hour", tags: ["late"] })
            expect(yield* late).toBe("load 2")
          })
        )
        expect(self.entries.has("late")).toBe(true)
        expect(yield* inProcess(self, make, late)).toBe("load 2")
      }))

    it.effect("a marker that cannot be read counts as missing, and is made again", () =>
      Effect.gen(function*() {
        const self = storage()
        const store = make(self)
        yield* withTimePassing(Effect.gen(function*() {
          const { markers: [marker] } = yield* store.markers(["t"])
          const stored = self.entries.get("~:t:t")!
          self.entries.set("~:t:t", {
            ...stored,
            payload: new TextEncoder().encode("nonsense of the same length".slice(1))
          })
          expect((yield* store.get("id", ["t"])).versions).toEqual([undefined])
          const { markers: [again] } = yield* store.markers(["t"])
          expect(again!.version).not.toBe(marker!.version)
          expect((yield* store.get("id", ["t"])).versions).toEqual([again!.version])
        }))
      }))
  })
}

describe("a storage that does not last", () => {
  it.effect("keeps no markers: its tags end with the process", () =>
    Effect.gen(function*() {
      const self = storage()
      const { item } = counted()
      const make = ({ parts }: Storage) => Store.make(parts)
      expect(yield* inProcess(self, make, item)).toBe("load 1")
      const ids = Array.from(self.entries.keys()).filter((id) => !id.startsWith("~:p:fingerprints:"))
      expect(ids).toEqual([CacheKey.id(new Item({ n: 1 }))])
      expect(yield* inProcess(self, make, item)).toBe("load 2")
    }))
})

describe("a storage that several processes use", () => {
  const { entries, parts, syncParts } = storage()

  it("needs setIfAbsent, or tags of its own", () => {
    const capabilities = { shared: true }
    for (
      const made of [
        () => Store.make({ ...parts, capabilities }),
        () => Store.makeSync({ ...syncParts, capabilities })
      ]
    ) {
      expect(made).toThrow(CacheError.CacheConfigError)
      expect(made).toThrow("Give it `setIfAbsent`; if one process at a time uses it, it is `lasting` and not `shared`")
    }
    const tags = { version: () => undefined, markers: () => ({ seq: 0, markers: [] }), invalidate: () => {} }
    expect(Store.makeSync({ ...syncParts, capabilities, tags }).capabilities.shared).toBe(true)
    expect(Store.makeSync({ ...syncParts, capabilities, setIfAbsent: setIfAbsent(entries) }).capabilities.shared)
      .toBe(true)
  })

  it("must last, and its capabilities are checked", () => {
    expect(() => Store.make({ ...parts, capabilities: { shared: true, lasting: false } }))
      .toThrow("\"map\" is shared, so it must be lasting too")
    expect(() => Store.make({ ...parts, capabilities: { lasting: "yes" } } as never)).toThrow(/"lasting", a boolean/)
    expect(() => Store.make({ ...parts, setIfAbsent: true } as never)).toThrow(/"setIfAbsent", a function/)
  })

  it.effect("reports the change of a marker as that of its tag", () =>
    Effect.gen(function*() {
      const changes: ReadonlyArray<Store.Change> = [
        { _tag: "Coherent" },
        { _tag: "Changed", id: "~:t:~Item" },
        { _tag: "Changed", id: "~:t:~:~Item" },
        { _tag: "Changed", id: "~Item@x" }
      ]
      const changed: Store.Change = { _tag: "TagChanged", tag: "~Item" }
      const expected = [changes[0], changed, changed, changes[3]]
      const capabilities = { shared: true }
      const store = Store.make({
        ...parts,
        capabilities,
        setIfAbsent: () => Effect.succeed(true),
        changes: Stream.fromIterable(changes)
      })
      expect(Array.from(yield* Stream.runCollect(store.changes))).toEqual(expected)
      const sync = Store.makeSync({
        ...syncParts,
        capabilities,
        setIfAbsent: setIfAbsent(entries),
        changes: () => () => changes
      })
      expect(sync.changesUnsafe?.()).toEqual(expected)
    }))

  it.effect("a soft invalidation does not undo a hard one of another process, whenever that comes", () =>
    Effect.gen(function*() {
      const half = (store: Store.Store) =>
        Effect.map(store.markers(["t"]), ({ markers }) => markers[0]!.version.slice(0, 12))
      for (const step of ["before the marker is read", "before it is written", "after it was written"]) {
        const self = storage()
        const other = lasting["Store.makeSync, shared"]!(self)
        const { get, set } = self.parts
        let strikes = 0
        const strike = (now: string) =>
          Effect.suspend(() => now === step && strikes++ === 0 ? other.invalidateTags(["t"], "hard") : Effect.void)
        const isMarker = (id: string) => id === "~:t:t"
        let softens = false
        const store = Store.make({
          ...self.parts,
          capabilities: { shared: true },
          setIfAbsent: (id, entry) => Effect.sync(() => setIfAbsent(self.entries)(id, entry)),
          get: (id) => softens && isMarker(id) ? Effect.andThen(strike("before the marker is read"), get(id)) : get(id),
          set: (id, entry) =>
            softens && isMarker(id)
              ? strike("before it is written").pipe(
                Effect.andThen(set(id, entry)),
                Effect.andThen(strike("after it was written"))
              )
              : set(id, entry)
        })
        const before = yield* half(store)
        softens = true
        yield* store.invalidateTags(["t"], "soft")
        softens = false
        expect([step, (yield* half(store)) === before]).toEqual([step, false])
        expect(yield* half(other)).toBe(yield* half(store))
        const now = yield* half(store)
        yield* store.invalidateTags(["t"], "soft")
        expect(yield* half(store)).toBe(now)
      }
    }))

  it.effect("takes the marker that another process made a moment before", () =>
    Effect.gen(function*() {
      const self = storage()
      const other = lasting["Store.makeSync, shared"]!(self)
      const made: Array<string> = []
      const store = Store.make({
        ...self.parts,
        capabilities: { shared: true },
        setIfAbsent: (id, entry) =>
          Effect.map(other.markers(["t"]), ({ markers }) => {
            made.push(markers[0]!.version)
            return setIfAbsent(self.entries)(id, entry)
          })
      })
      const { markers } = yield* store.markers(["t"])
      expect(markers.map(({ version }) => version)).toEqual(made)
    }))

  it.effect("size needs scan: only a scan distinguishes markers from entries", () =>
    Effect.gen(function*() {
      const capabilities = { lasting: true }
      const store = Store.make({ ...parts, capabilities, scan: undefined, size: Effect.succeed(1) })
      expect(yield* Effect.flip(store.size)).toMatchObject({ reason: "Unsupported" })
      const sync = Store.makeSync({ ...syncParts, capabilities, scan: undefined, size: () => 1 })
      expect(yield* Effect.flip(sync.size)).toMatchObject({ reason: "Unsupported" })
    }))
})

describe("markers of one process", () => {
  it.effect("are changed one after another: what is soft does not undo what is hard", () =>
    Effect.gen(function*() {
      const self = storage()
      const { parts } = self
      const store = Store.make({
        ...parts,
        capabilities: { lasting: true },
        get: (id) => Effect.delay(parts.get(id), "3 millis"),
        set: (id, entry) => Effect.delay(parts.set(id, entry), "1 millis")
      })
      yield* withTimePassing(Effect.gen(function*() {
        for (let round = 0; round < 10; round++) {
          const { markers: [before] } = yield* store.markers(["t"])
          const soft = Effect.delay(store.invalidateTags(["t"], "soft"), round % 2)
          const hard = Effect.delay(store.invalidateTags(["t"], "hard"), round % 3)
          yield* Effect.all([soft, hard], { concurrency: 2 })
          const { markers: [after] } = yield* store.markers(["t"])
          expect(after!.version.slice(0, 12)).not.toBe(before!.version.slice(0, 12))
        }
      }))
    }))

  it.effect("are made once for all callers at the same time", () =>
    Effect.gen(function*() {
      const { parts } = storage()
      const store = Store.make({
        ...parts,
        capabilities: { lasting: true },
        set: (id, entry) => Effect.delay(parts.set(id, entry), "5 millis")
      })
      const all = Effect.all(Array.from({ length: 20 }, () => store.markers(["t", "u", "t"])), {
        concurrency: "unbounded"
      })
      const answers = yield* withTimePassing(all)
      expect(new Set(answers.flatMap(({ markers }) => markers.map(({ version }) => version))).size).toBe(2)
      yield* TestClock.adjust("1 second")
    }))
})

describe("a storage that is not said to last, with entries of an earlier process", () => {
  const opened = {
    "Store.make": (of: Storage, capabilities?: Store.Storage["capabilities"]) =>
      Store.make({ ...of.parts, capabilities }),
    "Store.makeSync": (of: Storage, capabilities?: Store.Storage["capabilities"]) =>
      Store.makeSync({ ...of.syncParts, capabilities })
  }

  for (const [name, open] of Object.entries(opened)) {
    /** The warnings of a process, from its start to its end. */
    const started = (of: Storage, capabilities?: Store.Storage["capabilities"]) =>
      Effect.forEach(
        [1, 2, 3, 1, 2, 3],
        (n) => Effect.succeed("value").pipe(Cached.ttl(new Item({ n }), { ttl: 1e6 }))
      )
        .pipe(
          Effect.andThen(Effect.succeed(1).pipe(Cached.ttl("no tags", { ttl: 1e6 }))),
          Effect.provide(
            CacheLayer.layer({ memory: false }).pipe(
              Layer.provide(Layer.sync(Store.Store, () => open(of, capabilities)))
            )
          ),
          warningsOf
        )

    it.effect(`${name}: the second start says so, once`, () =>
      Effect.gen(function*() {
        const map = storage()
        expect(yield* started(map)).toEqual([])
        const warnings = yield* started(map)
        expect(warnings).toHaveLength(1)
        expect(warnings[0]).toMatch(/^The storage "map" has entries of an earlier process.*lasting: true/)
      }))

    it.effect(`${name}: there is no warning where the storage lasts, or is said not to`, () =>
      Effect.gen(function*() {
        for (const lasting of [true, false]) {
          const map = storage()
          yield* started(map, { lasting })
          expect(yield* started(map, { lasting })).toEqual([])
        }
      }))

    it.effect(`${name}: markers that have given way are no earlier process`, () =>
      Effect.gen(function*() {
        const map = storage()
        const read = (tag: string) => Effect.succeed(1).pipe(Cached.ttl(`key ${tag}`, { ttl: 1e6, tags: [tag] }))
        const warnings = yield* Effect.gen(function*() {
          yield* read("old")
          const tags = Array.from({ length: markersKept }, (_, i) => `tag ${i}`)
          for (let from = 0; from < markersKept; from += 10_000) {
            yield* Effect.succeed(1).pipe(
              Cached.ttl(`${from}`, { ttl: 1e6, tags: tags.slice(from, from + 10_000) })
            )
          }
          yield* read("old")
        }).pipe(
          Effect.provide(
            CacheLayer.layer({ memory: false, storeTimeout: "1 minute" }).pipe(
              Layer.provide(Layer.sync(Store.Store, () => open(map)))
            )
          ),
          warningsOf
        )
        expect(warnings).toEqual([])
      }))
  }
})
