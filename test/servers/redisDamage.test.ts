/**
 * Foreign data under the names of the store, or damaged data: at most a miss, and the next load or write repairs it.
 */
import { describe, expect } from "@effect/vitest"
import { Cause, Effect, Exit, Option, Stream } from "effect"
import { Cached, type CacheError } from "effect-cached"
import type { CacheEntry, Store } from "effect-cached/adapters"
import { RedisStore } from "effect-cached/redis"
import { createClient } from "redis"
import * as Keys from "../../src/drivers/redis/protocol/keys.ts"
import { maxTags } from "../../src/internal/codec/frame.ts"
import { singly } from "../../src/testing/internal/singly.ts"
import { forAll } from "../support/forAll.ts"
import { isMissing } from "../support/needs.ts"
import { freshPrefix, program, startEither, startServer } from "../support/redis.ts"
import { processesOn } from "../support/redisProcesses.ts"
import { stored, textOf } from "../support/stored.ts"
import { storeFrom } from "../support/storeFrom.ts"
import { test } from "../support/tests.ts"
import { until } from "../support/until.ts"

const connect = "required"
/** A machine under load answers late. */
const storeTimeout = "10 seconds"

const entryOf = (text: string, tags: ReadonlyArray<CacheEntry.TagVersion> = []) =>
  stored(text, {
    createdAt: 1,
    softExpiresAt: 4_000_000_000_000,
    expiresAt: 4_000_000_000_000,
    tags,
    writeId: "ab".repeat(16)
  })

const reasonOf = (effect: Effect.Effect<unknown, { readonly reason: string }>) =>
  Effect.map(Effect.flip(effect), ({ reason }) => reason)

type Damage = (key: string) => ReadonlyArray<string>

const text = (value: string): Damage => (key) => ["SET", key, value]
const list: Damage = (key) => ["RPUSH", key, "1"]

/** Answers of no command of the store. */
const shapes: ReadonlyArray<unknown> = [
  ...[null, undefined, 7, "OK", Buffer.from("OK")],
  ...[[], [7], [null, [7]], [[7], [null]]]
]

interface AnyClient {
  duplicate(options?: object): AnyClient
  sendCommand(args: ReadonlyArray<unknown>, options?: unknown): Promise<unknown>
}

/** A client each of whose answers goes through a function. */
const changing = <Client>(client: Client, change: (answer: unknown) => unknown): Client => {
  const { duplicate, sendCommand } = client as AnyClient
  return Object.assign(client as object, {
    duplicate: (options?: object) => changing(duplicate.call(client, options), change),
    sendCommand: (args: ReadonlyArray<unknown>, options?: unknown) =>
      sendCommand.call(client, args, options).then(change)
  }) as Client
}

/** Puts something else under a key, whatever is there, in one atomic step. */
const damaging = (key: string, how: Damage): ReadonlyArray<string> => [
  ...["EVAL", `redis.call("UNLINK", KEYS[1]) redis.call(unpack(ARGV))`, "1", key],
  ...how(key)
]

const markersOf = (version: string): ReadonlyArray<readonly [string, Damage]> => [
  ["five bytes", text("abcde")],
  ["nothing", text("")],
  ["a version alone", text(version)],
  ["a version and no number", text(`${version}x`)],
  ["a version and half of a number", text(`${version}1e3`)],
  ["a version and more than a number", text(`${version}${"9".repeat(30)}`)],
  ["a list", list]
]

const noEras: ReadonlyArray<readonly [string, Damage]> = [
  ...["abc", "", "1e3", "-4", "1.5", "0x1f", " 7", "9".repeat(30)].map((value) => [`"${value}"`, text(value)] as const),
  ["a list", list]
]

for (const kind of ["server", "cluster"] as const) {
  describe.skipIf(isMissing(program))(`Redis · damage on a ${kind}`, () => {
    const either = forAll(() => startEither(kind))
    const ask = (...args: ReadonlyArray<string>) => Effect.promise(() => either.ask(...args))
    const keysOf = (pattern: string) => Effect.promise(() => either.keysOf(pattern))

    const make = (prefix: string) => storeFrom(RedisStore.layer({ ...either.where, prefix, connect, storeTimeout }))

    const keyOf = (pattern: string) =>
      Effect.map(keysOf(pattern), (keys) => {
        expect(keys).toHaveLength(1)
        return keys[0]!
      })

    const damage = (key: string, how: Damage) => ask(...damaging(key, how))

    const granted = (store: Store.Store, id: string) =>
      Effect.map(
        singly(store).acquire(id, { owner: "a", leaseMillis: 1000, rejectedWriteId: undefined, join: false }),
        (answer) => answer._tag === "Granted" ? answer.generation : ""
      )

    /** Each way to write an entry. */
    const writes = (
      store: Store.Store
    ): ReadonlyArray<readonly [string, Effect.Effect<unknown, CacheError.StoreError>]> => [
      ["set", singly(store).set("id", entryOf("new"))],
      ["set, if there is none", singly(store).set("id", entryOf("new"), { _tag: "IfAbsent" })],
      [
        "commit",
        Effect.flatMap(granted(store, "id"), (generation) => singly(store).commit("id", generation, entryOf("new")))
      ],
      ["transact", store.transact!({ checks: [], steps: [{ _tag: "Set", id: "id", entry: entryOf("new") }] })],
      [
        "transact, if there is none",
        store.transact!({
          checks: [{ _tag: "Entry", id: "id", condition: { _tag: "IfAbsent" } }],
          steps: [{ _tag: "Set", id: "id", entry: entryOf("new") }]
        })
      ],
      [
        "transact with a load",
        Effect.flatMap(
          granted(store, "id"),
          (generation) =>
            store.transact!({ checks: [], steps: [{ _tag: "Commit", id: "id", generation, entry: entryOf("new") }] })
        )
      ]
    ]

    test.live("data that begins like an entry is a miss, and is written over, however short it is", function*() {
      const prefix = freshPrefix()
      const store = yield* make(prefix)
      yield* singly(store).set("id", entryOf("old"))
      const key = yield* keyOf(`${prefix}:v:*`)
      for (const begin of ["ec", "ec\u0001", "ec\u0001\u0000"]) {
        for (const [name, write] of writes(store)) {
          yield* damage(key, text(begin))
          expect((yield* store.get("id", [])).entry).toBe(undefined)
          yield* write
          expect([name, textOf((yield* store.get("id", [])).entry)]).toEqual([name, "new"])
        }
        yield* damage(key, text(begin))
        yield* singly(store).remove("id")
        expect(yield* ask("EXISTS", key)).toBe(0)
      }
      yield* singly(store).set("id", entryOf("whole"))
      yield* ask("SETRANGE", key, "10", "\u0003")
      expect(yield* store.get("id", [])).toMatchObject({ entry: undefined, isDamaged: true })
    })

    test.live("data that begins otherwise is left alone, however short it is", function*() {
      const prefix = freshPrefix()
      const store = yield* make(prefix)
      yield* singly(store).set("id", entryOf("old"))
      const key = yield* keyOf(`${prefix}:v:*`)
      const newer = text("ec\u0002")
      for (const theirs of [text(""), text("e"), text("ex"), newer, list]) {
        for (const [name, write] of writes(store)) {
          // The result of a load is stored beside a transaction there, which does not fail with it.
          if (kind === "cluster" && name === "transact with a load") continue
          yield* damage(key, theirs)
          expect([name, yield* reasonOf(write)]).toEqual([name, "Unsupported"])
          expect(yield* ask("EXISTS", key)).toBe(1)
        }
        expect(yield* store.get("id", [])).toEqual({ entry: undefined, versions: [] })
        expect(yield* singly(store).remove("id")).toBe(theirs === newer)
      }
    })

    test.live("damage of one of many ids concerns that id alone", function*() {
      const prefix = freshPrefix()
      const store = yield* make(prefix)
      const ids = ["a", "b", "c"]
      const texts = Effect.map(store.getMany(ids), (found) => found.map(textOf))
      const acquired = store.acquire(
        ids.map((id) => ({ id, owner: "a", leaseMillis: 60_000, rejectedWriteId: undefined, join: false }))
      )
      const tagsOf = (answers: ReadonlyArray<Store.Acquired>) => answers.map(({ _tag }) => _tag)
      const leases = yield* acquired
      expect(tagsOf(leases)).toEqual(["Granted", "Granted", "Granted"])
      yield* damage(yield* keyOf(`${prefix}:l:*}b`), list)
      const results = ids.map((id, i) => {
        const lease = leases[i]!
        return { id, generation: lease._tag === "Granted" ? lease.generation : "", entry: entryOf("result") }
      })
      yield* Effect.exit(store.commit(results))
      const [first, , last] = yield* texts
      expect([first, last]).toEqual(["result", "result"])
      yield* store.set(ids.map((id) => ({ id, entry: entryOf("set") })))
      expect(yield* texts).toEqual(["set", "set", "set"])
      const key = yield* keyOf(`${prefix}:v:*}b`)
      yield* damage(key, text("ec\u0001\u0000"))
      expect(tagsOf(yield* acquired)).toEqual(["Hit", "Granted", "Hit"])
      yield* damage(key, list)
      const setting = store.set(ids.map((id) => ({ id, entry: entryOf("again") })))
      expect(yield* reasonOf(setting)).toBe("Unsupported")
      expect(yield* texts).toEqual(["again", undefined, "again"])
      expect(yield* store.remove(ids)).toEqual([true, false, true])
    })

    test.live("a marker that is none counts as missing: a load gets a fresh one", function*() {
      const prefix = freshPrefix()
      const [store, other] = yield* Effect.all([make(prefix), make(prefix)])
      const { markers: [whole, beside] } = yield* store.markers(["t", "u"])
      const key = yield* keyOf(`${prefix}:t:*}t`)
      for (const [name, how] of markersOf("0123456789ab")) {
        yield* damage(key, how)
        const { markers: [fresh, same], seq } = yield* other.markers(["t", "u"])
        expect(same).toEqual(beside)
        // Both halves are new: no entry from before counts.
        expect([name, fresh!.version.slice(0, 12)]).not.toEqual([name, whole!.version.slice(0, 12)])
        expect([name, fresh!.version.slice(0, 12)]).not.toEqual([name, Buffer.from("012345").toString("hex")])
        expect(fresh!.seq).toBe(seq)
        expect((yield* store.markers(["t"])).markers).toEqual([fresh])
        expect((yield* store.get("id", ["t"])).versions).toEqual([fresh!.version])
        expect(Number(yield* ask("PTTL", key))).toBeGreaterThan(0)
      }
    })

    test.live("an invalidation replaces a marker that is none, gives it an end, and leaves one without an end as it is", function*() {
      const prefix = freshPrefix()
      const store = yield* make(prefix)
      yield* store.markers(["t"])
      const key = yield* keyOf(`${prefix}:t:*}t`)
      for (const [name, how] of markersOf("0123456789ab")) {
        for (const mode of ["hard", "soft"] as const) {
          yield* damage(key, how)
          const before = yield* Effect.map(store.get("id", ["t"]), ({ versions }) => versions[0]?.slice(0, 12))
          yield* store.invalidateTags(["t"], mode)
          const [after] = (yield* store.get("id", ["t"])).versions
          expect([name, mode, after]).toEqual([name, mode, expect.stringMatching(/^[0-9a-f]{24}$/)])
          expect(after!.slice(0, 12)).not.toBe(before)
          expect((yield* store.markers(["t"])).markers[0]!.version).toBe(after)
          expect([name, mode, Number(yield* ask("PTTL", key)) > 0]).toEqual([name, mode, true])
          yield* ask("PERSIST", key)
          yield* store.invalidateTags(["t"], mode)
          expect([name, mode, yield* ask("PTTL", key)]).toEqual([name, mode, -1])
        }
      }
    })

    test.live("a transaction takes an entry for missing whose tag has a marker that is none", function*() {
      const prefix = freshPrefix()
      const store = yield* make(prefix)
      // Both are in one slot.
      const [id, tag] = ["{cart:7}:list", "{cart:7}"]
      for (const [name, how] of markersOf("0123456789ab")) {
        const { markers: [marker] } = yield* store.markers([tag])
        yield* singly(store).set(id, entryOf("old", [{ tag, version: marker!.version }]))
        yield* damage(yield* keyOf(`${prefix}:t:*`), how)
        const answer = yield* store.transact!({
          checks: [{ _tag: "Entry", id, condition: { _tag: "IfAbsent" } }],
          steps: [{ _tag: "Set", id, entry: entryOf("new") }]
        })
        expect([name, answer._tag]).toEqual([name, "Committed"])
      }
    })

    test.live("a transaction that removes a damaged counter first changes it as one that is none", function*() {
      const prefix = freshPrefix()
      const store = yield* make(prefix)
      const steps = [
        { _tag: "TouchCounter", name: "n", expiresAt: Infinity },
        { _tag: "Increment", name: "n", by: 5 }
      ] as const
      yield* store.increment("n", 1)
      const key = yield* keyOf(`${prefix}:n:*`)
      for (const how of [text("oops"), list]) {
        yield* damage(key, how)
        for (const step of steps) {
          expect(yield* reasonOf(store.transact!({ checks: [], steps: [step] }))).toBe("Corrupt")
        }
        yield* store.transact!({ checks: [], steps: [{ _tag: "RemoveCounter", name: "n" }, ...steps] })
        expect(yield* store.counter("n")).toEqual({ value: 5, expiresAt: Infinity })
      }
    })

    test.live("an era that is none counts as missing: another one begins", function*() {
      const prefix = freshPrefix()
      const { era } = Keys.make(prefix)
      const store = yield* make(prefix)
      yield* singly(store).set("id", entryOf("old"))
      for (const [name, how] of noEras) {
        const before = Number(yield* ask("GET", era))
        yield* damage(era, how)
        expect([name, (yield* store.get("id", [])).entry]).toEqual([name, undefined])
        expect(Number(yield* ask("GET", era))).toBeGreaterThan(before)
        yield* singly(store).set("id", entryOf(name))
        // The same for a process that comes later, or writes first.
        yield* damage(era, how)
        const other = yield* make(prefix)
        expect(yield* singly(other).set("id", entryOf(name))).toBe(true)
        expect(textOf((yield* store.get("id", [])).entry)).toBe(name)
        yield* damage(era, how)
        yield* store.clear
        expect((yield* other.get("id", [])).entry).toBe(undefined)
        expect(String(yield* ask("GET", era))).toMatch(/^[0-9]{16}$/)
      }
    })

    test.live("an invalid count of invalidations starts again, from the time", function*() {
      const prefix = freshPrefix()
      const { sequence } = Keys.make(prefix)
      const store = yield* make(prefix)
      const { seq: first } = yield* store.markers(["t"])
      let last = first
      for (const [name, how] of noEras) {
        for (
          const [step, run] of Object.entries({
            markers: store.markers(["t"]),
            invalidateTags: store.invalidateTags(["t"]),
            acquire: granted(store, `${name} ${last}`)
          })
        ) {
          yield* damage(sequence, how)
          const exit = yield* Effect.exit(run)
          expect([name, step, exit._tag]).toEqual([name, step, "Success"])
          const { seq } = yield* store.markers(["t"])
          expect(seq).toBeGreaterThan(last)
          last = seq
        }
      }
    })

    test.live("an entry has as many tags as a frame can count, or is refused", function*() {
      const prefix = freshPrefix()
      const store = yield* make(prefix)
      const tagged = (count: number) =>
        entryOf("many", Array.from({ length: count }, (_, i) => ({ tag: `t${i}`, version: "ab".repeat(12) })))
      const many = tagged(maxTags)
      yield* singly(store).set("id", many)
      expect((yield* store.get("id", [])).entry?.meta.tags).toEqual(many.meta.tags)
      const exit = yield* Effect.exit(singly(store).set("more", tagged(maxTags + 1)))
      expect(Exit.isFailure(exit) && String(exit.cause)).toContain("65536 tags")
      expect(yield* keysOf(`${prefix}:v:*more`)).toEqual([])
    })
  })
}

describe.skipIf(isMissing(program))("Redis · damage, and memory elsewhere", () => {
  const server = forAll(() => startServer())

  const { areInMemory, ask, process, urlOf } = processesOn(() => server)

  test.live("a client that may not read takes nothing for damage: markers, era and count stay", function*() {
    const prefix = freshPrefix()
    const store = yield* storeFrom(RedisStore.layer({ url: server.url, prefix, connect, storeTimeout }))
    const before = yield* store.markers(["t"])
    const { era, sequence } = Keys.make(prefix)
    const names = yield* ask("MGET", era, sequence)
    const blind = yield* storeFrom(RedisStore.layer({ url: yield* urlOf("blind"), prefix, storeTimeout }))
    yield* ask("ACL", "SETUSER", "blind", "-get")
    for (
      const run of [
        blind.markers(["t"]),
        blind.invalidateTags(["t"]),
        blind.clear,
        singly(blind).set("id", entryOf(""))
      ]
    ) {
      expect((yield* Effect.exit(run))._tag).toBe("Failure")
    }
    expect(yield* store.markers(["t"])).toEqual(before)
    expect(yield* ask("MGET", era, sequence)).toEqual(names)
  })

  test.live("an answer of a wrong shape never ends the process, nor leaves an operation without an end", function*() {
    let shape: unknown
    let isLying = false
    const client = () => changing(createClient({ url: server.url }), (answer) => isLying ? shape : answer)
    const store = yield* storeFrom(RedisStore.layer({ client, prefix: freshPrefix(), connect, storeTimeout }))
    const acquired = { owner: "a", leaseMillis: 1000, rejectedWriteId: undefined, join: false }
    const operations: { readonly [name: string]: Effect.Effect<unknown, CacheError.StoreError> } = {
      get: store.get("id", ["t"]),
      getMany: store.getMany(["id", "b"]),
      set: singly(store).set("id", entryOf("")),
      setIf: singly(store).set("id", entryOf(""), { _tag: "IfAbsent" }),
      setMany: store.set([{ id: "id", entry: entryOf("") }, { id: "b", entry: entryOf("") }]),
      remove: singly(store).remove("id"),
      removeMany: store.remove(["id", "b"]),
      touch: store.touch("id", { softExpiresAt: 4_000_000_000_001, expiresAt: 4_000_000_000_001 }),
      acquire: singly(store).acquire("id", acquired),
      acquireMany: store.acquire(["id", "b"].map((id) => ({ ...acquired, id }))),
      commit: singly(store).commit("id", "ab", entryOf("")),
      commitMany: store.commit([
        { id: "id", generation: "ab", entry: entryOf("") },
        { id: "b", generation: "ab", entry: entryOf("") }
      ]),
      renew: singly(store).renew("id", "a", 1000),
      release: store.release("id", "a"),
      markers: store.markers(["t", "u"]),
      invalidateTags: store.invalidateTags(["t", "u"]),
      size: store.size,
      clear: store.clear,
      increment: store.increment("n", 1),
      counter: store.counter("n"),
      scan: Stream.runDrain(store.scan()),
      transact: store.transact!({ checks: [], steps: [{ _tag: "Set", id: "id", entry: entryOf("") }] })
    }
    for (shape of shapes) {
      for (const [name, operation] of Object.entries(operations)) {
        isLying = true
        const ended = yield* Effect.timeoutOption(Effect.exit(operation), "15 seconds")
        isLying = false
        const exit = Option.getOrUndefined(ended)
        const isTyped = exit !== undefined && (Exit.isSuccess(exit) || !Cause.hasDies(exit.cause))
        // One result for each of the two ids.
        const isWhole = exit?._tag !== "Success" || !Array.isArray(exit.value) || exit.value.length === 2
        expect([name, shape, isTyped, isWhole]).toEqual([name, shape, true, true])
      }
    }
    yield* until("it answers again", Effect.map(Effect.option(store.get("id", [])), Option.isSome))
  })

  test.live("P2 · after an invalid era, changes arrive as before", function*() {
    const prefix = freshPrefix()
    const [a, b] = [yield* process(prefix), yield* process(prefix)]
    const both = Effect.all([a.read(), b.read()])
    const { era } = Keys.make(prefix)
    for (const [name, how] of noEras) {
      yield* ask(...damaging(era, how))
      // Memory has the older value until the change arrives; `MGET`, because it may still be a list.
      yield* until(`${name}: another era`, Effect.map(ask("MGET", era), (now) => /^[0-9]{16}$/.test(String(now))))
      yield* until(`${name}: both memories`, areInMemory(a, b))
      yield* until(`${name}: the same value`, Effect.map(both, ([one, other]) => one === other))
      const [value] = yield* both
      yield* a.use(Cached.invalidate("k"))
      yield* until(`${name}: the change`, Effect.map(b.read(), (now) => now !== value))
    }
  })
})
