/** The laws find what is wrong with a store or a serializer. */
import { describe, expect, it } from "@effect/vitest"
import { Effect, Exit, Stream } from "effect"
import type { Serializer, Store } from "effect-cached/adapters"
import { MemoryStore } from "effect-cached/memory"
import { Structured } from "effect-cached/serializers/Structured"
import { type Law, serializerLaws, storeLaws, withTimePassing } from "effect-cached/testing"
import type { Failures } from "../../src/ports/stores.ts"
import { type Singly, singly } from "../../src/testing/internal/singly.ts"
import { isSame } from "../../src/testing/law.ts"
import { pluralOf } from "../support/pluralOf.ts"
import { entry } from "../support/stored.ts"
import { test } from "../support/tests.ts"

/** Whether each law holds, in virtual time. */
const hold = (laws: ReadonlyArray<Law>) =>
  withTimePassing(Effect.forEach(laws, ({ run }) => Effect.map(Effect.exit(run), Exit.isSuccess)), {
    step: "500 millis"
  })

const named = (laws: ReadonlyArray<Law>, name: string) => laws.filter((law) => law.name === name)

type Breaking = (store: Singly) => Partial<Store.Store>

const brokenStores: ReadonlyArray<readonly [fault: string, law: string, breaking: Breaking]> = [
  [
    "stores every commit",
    "a commit under an unknown generation is refused",
    ({ set }) => ({ commit: pluralOf.commit((id, _, entry) => set(id, entry)) })
  ],
  ["removes without ending the generation", "a commit after remove is refused", () => {
    const entries = new Map()
    return {
      get: (id) => Effect.sync(() => ({ entry: entries.get(id), versions: [] })),
      commit: pluralOf.commit((id, _, entry) => Effect.sync(() => !!entries.set(id, entry))),
      remove: pluralOf.remove((id) => Effect.sync(() => entries.delete(id)))
    }
  }],
  [
    "lists only loads without an entry",
    "scanLoads lists the ids of loads that may still be stored, by a prefix",
    ({ get, scanLoads }) => ({
      scanLoads: (options) =>
        Stream.filterEffect(scanLoads(options), (id) => Effect.map(get(id, []), ({ entry }) => entry === undefined))
    })
  ],
  [
    "lists no loads",
    "scanLoads lists the ids of loads that may still be stored, by a prefix",
    () => ({ scanLoads: () => Stream.empty })
  ],
  ["lets all lead", "acquire by another owner answers Wait, with no more than the lease", ({ acquire }) => ({
    acquire: pluralOf.acquire((id, options) => acquire(id, { ...options, join: true }))
  })],
  [
    "forgets how long each caller waits",
    "acquire by another owner answers Wait, with no more than the lease",
    ({ acquire }) => ({
      acquire: pluralOf.acquire((id, options) =>
        Effect.map(
          acquire(id, options),
          (acquired) => acquired._tag === "Wait" ? { ...acquired, leftMillis: 1e9 } : acquired
        )
      )
    })
  ],
  ["answers what was rejected for ever", "acquire answers Hit with an entry that was not rejected", ({ acquire }) => ({
    acquire: pluralOf.acquire((id, options) => acquire(id, { ...options, rejectedWriteId: undefined }))
  })],
  ["joins ids", "unusual ids are kept apart", ({ get, set }) => ({
    get: (id, tags) => get(Buffer.from(id).toString(), tags),
    set: pluralOf.set((id, entry, condition) => set(Buffer.from(id).toString(), entry, condition))
  })],
  ["ends ids at NUL", "unusual ids are kept apart", ({ get, set }) => ({
    get: (id, tags) => get(id.split("\u0000")[0]!, tags),
    set: pluralOf.set((id, entry, condition) => set(id.split("\u0000")[0]!, entry, condition))
  })],
  [
    "sets whatever the condition",
    "a conditional set writes only if its condition holds",
    ({ set }) => ({ set: pluralOf.set((id, entry) => set(id, entry)) })
  ],
  [
    "never changes a version",
    "a marker stays the same until its tag is invalidated",
    () => ({ invalidateTags: () => Effect.void })
  ],
  [
    "takes soft for hard",
    "a soft invalidation changes the soft half of a version, a hard one both halves",
    ({ invalidateTags }) => ({ invalidateTags: (tags) => invalidateTags(tags) })
  ],
  [
    "takes hard for soft",
    "a soft invalidation changes the soft half of a version, a hard one both halves",
    ({ invalidateTags }) => ({ invalidateTags: (tags) => invalidateTags(tags, "soft") })
  ],
  ["takes what is stale for gone", "an entry made stale by a tag counts as present", ({ invalidateTags }) => ({
    invalidateTags: (tags) => invalidateTags(tags)
  })],
  ["does not count what is soft", "soft and hard invalidations both move the invalidation counter", ({ markers }) => ({
    markers: (tags) => Effect.map(markers(tags), (answer) => ({ ...answer, seq: 0 }))
  })],
  ["forgets notes", "Granted has the number of failed leaders in a row and the last note", ({ release }) => ({
    release: (id, owner) => release(id, owner)
  })],
  ["takes every release for a failure", "a failure is forgotten after a release without a note", ({ release }) => ({
    release: (id, owner, note = Uint8Array.of()) => release(id, owner, note)
  })],
  ["never forgets a failure", "failures are forgotten one second after the last", ({ release, acquire }) => {
    let failures: Failures | undefined
    return {
      release: (id, owner, note) => {
        failures = note && { count: 1 + (failures?.count ?? 0), note }
        return release(id, owner, note)
      },
      acquire: pluralOf.acquire((id, options) =>
        Effect.map(
          acquire(id, options),
          (acquired) => acquired._tag === "Granted" ? { ...acquired, failures } : acquired
        )
      )
    }
  }],
  ["has versions for tags it never saw", "a tag without a marker has no version", ({ get }) => ({
    get: (id, tags) => Effect.map(get(id, tags), ({ entry }) => ({ entry, versions: tags.map(() => "0".repeat(24)) }))
  })],
  ["remembers tags by their list", "each read has the versions of its own tags", ({ get }) => {
    const known = new WeakMap<ReadonlyArray<string>, ReadonlyArray<string>>()
    return {
      get: (id, tags) => {
        const asked = known.get(tags) ?? Array.from(tags)
        known.set(tags, asked)
        return get(id, asked)
      }
    }
  }],
  ["loses tags", "an entry comes back with every field and byte", ({ set }) => ({
    set: pluralOf.set((id, entry, condition) => set(id, { ...entry, meta: { ...entry.meta, tags: [] } }, condition))
  })],
  ["forgets constants", "the mark of a constant lifetime comes back", ({ set }) => ({
    set: pluralOf.set((id, { meta: { isConstant: _, ...meta }, payload }, condition) =>
      set(id, { meta, payload }, condition)
    )
  })],
  ["loses etags", "an ETag comes back, an empty one too", ({ set }) => ({
    set: pluralOf.set((id, { meta: { etag: _, ...meta }, payload }, condition) => set(id, { meta, payload }, condition))
  })],
  ["touches whatever there is", "touch refuses an entry that is missing, expired or of another write", (
    { touch }
  ) => ({ touch: (id, { writeId: _, ...deadlines }) => touch(id, deadlines) })],
  ["touches by setting", "touch does not end a generation", ({ get, set }) => ({
    touch: (id, { softExpiresAt, expiresAt }) =>
      Effect.flatMap(get(id, []), ({ entry }) =>
        entry === undefined
          ? Effect.succeed(false)
          : set(id, { ...entry, meta: { ...entry.meta, softExpiresAt, expiresAt } }))
  })],
  ["forgets the deadline that matters", "touch changes only the deadlines of an entry", ({ touch }) => ({
    touch: (id, { writeId, softExpiresAt }) => touch(id, { writeId, softExpiresAt, expiresAt: softExpiresAt })
  })],
  [
    "answers in its own order",
    "getMany answers in the order of its ids, missing and repeated ones included",
    ({ getMany }) => ({
      getMany: (ids) => getMany([...new Set(ids)])
    })
  ],
  [
    "counts what it received",
    "concurrent increments are all counted",
    () => ({ increment: (_, by) => Effect.succeed(by) })
  ],
  ["makes a counter by reading it", "increment by 0 reads the counter and creates none", ({ increment }) => ({
    increment: (name, by, options) =>
      by === 0
        ? Effect.andThen(increment(name, 1, options), increment(name, -1))
        : increment(name, by, options)
  })],
  ["counts on past the safe integers", "a sum that is not a safe integer fails and changes nothing", () => {
    const counters = new Map<string, number>()
    return {
      increment: (name, by) =>
        Effect.sync(() => {
          counters.set(name, (counters.get(name) ?? 0) + by)
          return counters.get(name)!
        })
    }
  }],
  ["makes counters that never end", "counter answers the value and the expiry", ({ increment }) => ({
    increment: (name, by) => increment(name, by)
  })],
  ["touches a counter by creating it again", "touchCounter changes only the expiry", (
    { increment, removeCounter }
  ) => ({
    touchCounter: (name, expiresAt) =>
      Effect.as(Effect.andThen(removeCounter(name), increment(name, 1, { expiresAt })), true)
  })],
  ["always removes a counter", "removeCounter answers whether there was a counter", ({ removeCounter }) => ({
    removeCounter: (name) => Effect.as(removeCounter(name), true)
  })],
  [
    "lists counters without their expiry",
    "scanCounters gives every counter once, with its value and expiry",
    ({ scanCounters }) => ({
      scanCounters: (options) => Stream.map(scanCounters(options), (counter) => ({ ...counter, expiresAt: Infinity }))
    })
  ],
  ["lists counters of any name", "scanCounters takes a prefix literally", ({ scanCounters }) => ({
    scanCounters: (options) => scanCounters({ ...options, prefix: options?.prefix?.replace("*", "") })
  })],
  ["lists one page of counters", "scanCounters gives all of 600 counters", ({ scanCounters }) => ({
    scanCounters: (options) => Stream.take(scanCounters(options), 256)
  })],
  ["clears no counters", "clear removes the counters", ({ scan, remove }) => ({
    clear: Stream.runForEach(scan(), ({ id }) => remove(id))
  })],
  ["keeps counters among entries", "a counter and an entry of one name are independent", ({ increment, set }) => ({
    increment: (name, by, options) => Effect.tap(increment(name, by, options), () => set(name, entry(0)))
  })],
  ["sets many without ending loads", "set of many ends the generations of its ids", () => {
    const entries = new Map()
    return {
      get: (id) => Effect.sync(() => ({ entry: entries.get(id), versions: [] })),
      commit: pluralOf.commit((id, _, entry) => Effect.sync(() => !!entries.set(id, entry))),
      set: (requests) => Effect.sync(() => requests.map(({ entry, id }) => entries.set(id, entry).has(id)))
    }
  }],
  ["sets many in its own order", "set sets each of many entries, and of one id the last", ({ many }) => ({
    set: (requests) => many.set(requests.toReversed())
  })],
  ["sets many whatever is there", "set checks the condition of each of many entries, in their order", ({ many }) => ({
    set: (requests) => many.set(requests.map(({ entry, id }) => ({ id, entry })))
  })],
  [
    "forgets one of many to remove",
    "remove answers for each of many ids whether there was an entry, and ends its generation",
    (
      { many }
    ) => ({ remove: (ids) => Effect.map(many.remove(ids.slice(1)), (removed) => [true, ...removed]) })
  ],
  [
    "acquires many as if each were the first",
    "acquire answers each of many requests like one alone",
    ({ many }) => ({
      acquire: (requests) => many.acquire(requests.map((request) => ({ ...request, join: true })))
    })
  ],
  [
    "commits many unguarded",
    "commit of many stores once under each current generation",
    ({ many }) => ({ commit: (requests) => many.set(requests) })
  ],
  ["answers for the first of many", "operations on many accept 300 ids", ({ many }) => ({
    acquire: (requests) => many.acquire(requests.slice(0, 64))
  })],
  ["takes a prefix for a pattern", "scan takes a prefix literally", ({ scan }) => ({
    scan: (options) => scan({ prefix: options?.prefix?.replace("*", "") })
  })],
  ["checks nothing", "a check of transact that does not hold refuses every step, and is named", ({ transact }) => ({
    transact: (request) => transact!({ ...request, checks: [] })
  })],
  [
    "does what has no check although another fails",
    "a check of transact that does not hold refuses every step, and is named",
    ({ transact }) => ({
      transact: (request) =>
        Effect.tap(transact!(request), ({ _tag }) =>
          _tag === "Conflict"
            ? transact!({ checks: [], steps: request.steps.slice(0, 1) })
            : Effect.void)
    })
  ],
  [
    "lets two look before either writes",
    "of concurrent transactions that check one value, one is carried out",
    ({ transact }) => ({
      transact: ({ checks, steps }) =>
        Effect.flatMap(transact!({ checks, steps: [] }), (answer) =>
          answer._tag === "Conflict"
            ? Effect.succeed(answer)
            : Effect.andThen(Effect.yieldNow, transact!({ checks: [], steps })))
    })
  ],
  [
    "sets without ending generations",
    "a commit in transact stores under a current generation once, and is refused under any other",
    ({ transact }) => ({
      transact: ({ checks, steps }) =>
        transact!({ checks, steps: steps.map((step) => step._tag === "Commit" ? { ...step, _tag: "Set" } : step) })
    })
  ],
  ["chooses versions itself", "transact invalidates tags with the given versions", ({ transact }) => ({
    transact: ({ checks, steps }) =>
      transact!({
        checks,
        steps: steps.map((step) => step._tag === "InvalidateTags" ? { ...step, mode: "hard" } : step)
      })
  })],
  [
    "counts before it may fail",
    "counters in transact: a sum that is not a safe integer fails, and nothing happens",
    ({ transact }) => ({
      transact: ({ checks, steps }) =>
        Effect.map(
          Effect.forEach(steps, (step) => transact!({ checks, steps: [step] })),
          (answers) => answers.at(-1)!
        )
    })
  ],
  [
    "tells a position that stays",
    "a position, if transact answers with one, moves with every change, and only then",
    ({ transact }) => ({
      transact: ({ checks, steps }) =>
        Effect.map(
          transact!({ checks: checks.filter(({ _tag }) => _tag !== "Position"), steps }),
          (answer) => answer._tag === "Committed" ? { ...answer, position: "1" } : answer
        )
    })
  ],
  ["clears nothing", "clear removes every entry, and later sets are stored", () => ({ clear: Effect.void })]
]

describe("storeLaws", () => {
  for (const [fault, law, breaking] of brokenStores) {
    test(`find a store that ${fault}`, function*() {
      const make = Effect.sync((): Store.Store => {
        const store = MemoryStore.make()
        return { ...store, ...breaking(singly(store)) }
      })
      expect(yield* hold(named(storeLaws(make), law))).toEqual([false])
    })
  }

  test("excuse what a store does not support", function*() {
    const laws = yield* hold(storeLaws(Effect.sync((): Store.Store => {
      const store = MemoryStore.make()
      const unsupported = Effect.fail({ _tag: "StoreError", reason: "Unsupported" } as never)
      return { ...store, size: unsupported, clear: unsupported }
    })))
    expect(laws).not.toContain(false)
  })
})

type Codec = Serializer.Codec<any>

const breakCodec = (breaking: (codec: Codec) => Partial<Codec>): Serializer.Serializer => ({
  ...Structured,
  make: ((schema: never) => {
    const codec: Codec = Structured.make(schema)
    return { ...codec, ...breaking(codec) }
  }) as never
})

const shared = new Uint8Array(100_000)

const brokenSerializers: ReadonlyArray<readonly [fault: string, law: string, Serializer.Serializer]> = [
  [
    "drops what JSON does not know",
    "without a schema: undefined in a record comes back as it was or is refused",
    breakCodec(() => ({
      encode: (value) => Effect.sync(() => new TextEncoder().encode(JSON.stringify(value) ?? "null")),
      decode: (bytes) => Effect.sync(() => JSON.parse(new TextDecoder().decode(bytes)))
    }))
  ],
  [
    "throws at damaged bytes",
    "damaged bytes are a SerializerError, never a defect",
    breakCodec(({ decode }) => ({
      decode: (bytes) => Effect.orDie(decode(bytes, "id"))
    }))
  ],
  [
    "answers one buffer again and again",
    "encoded bytes do not change later",
    breakCodec(({ encode }) => ({
      encode: (value) =>
        Effect.map(encode(value, "id"), (bytes) => {
          shared.set(bytes.subarray(0, shared.length))
          return shared.subarray(0, bytes.length)
        })
    }))
  ],
  [
    "shows values in errors",
    "a secret is never written in the clear nor shown in an error",
    breakCodec(({ encode }) => ({
      encode: (value) => Effect.mapError(encode(value, "id"), (error) => ({ ...error, value } as never))
    }))
  ],
  [
    "takes the whole buffer of a view",
    "a view into a larger buffer is decoded",
    breakCodec(({ decode }) => ({
      decode: (bytes) => decode(new Uint8Array(bytes.buffer), "id")
    }))
  ],
  [
    "has an id of more than a byte",
    "it has a name, a content type and an extension",
    breakCodec(() => ({ id: 256 }))
  ]
]

describe("serializerLaws", () => {
  for (const [fault, law, serializer] of brokenSerializers) {
    test(`find a serializer that ${fault}`, function*() {
      expect(yield* hold(named(serializerLaws(serializer), law))).toEqual([false])
    })
  }

  test("try the values given", function*() {
    const broken = breakCodec(() => ({ decode: () => Effect.succeed(1) }))
    const laws = serializerLaws(broken, [1, 2]).filter(({ name }) => name.includes("given value"))
    expect(yield* hold(laws)).toEqual([true, false])
  })
})

describe("isSame", () => {
  it("sees every difference that a program can see", () => {
    const different: ReadonlyArray<readonly [unknown, unknown]> = [
      [0, -0],
      [1, 1n],
      [null, undefined],
      [{ a: undefined }, {}],
      [[undefined], Array(1)],
      [new Map([[1, 2]]), new Map([[1, 3]])],
      [new Set([1]), new Set([2])],
      [new Date(0), new Date(NaN)],
      [/a/g, /a/],
      [Uint8Array.of(1), Int8Array.of(1)],
      [Float64Array.of(0), Float64Array.of(-0)],
      [new ArrayBuffer(1), new ArrayBuffer(2)],
      [{}, Object.create(null)],
      [Object.assign([1], { a: 1 }), [1]]
    ]
    for (const [a, b] of different) expect(isSame(a, b) || isSame(b, a)).toBe(false)
    expect(isSame([NaN, { a: new Date(NaN) }], [NaN, { a: new Date(NaN) }])).toBe(true)
  })
})
