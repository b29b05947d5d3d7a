/**
 * Each event, during each state of a read. The table of `docs/maintaining/engine/flight.md` is written
 * from it: `UPDATE_DOCS=1`.
 */
import { describe } from "@effect/vitest"
import { Context, Effect, Fiber, Latch, Layer, Option, Queue, Stream } from "effect"
import { Cached, CacheLayer, Caching } from "effect-cached"
import { Store } from "effect-cached/adapters"
import { StoreError } from "effect-cached/CacheError"
import { MemoryStore } from "effect-cached/memory"
import { TestClock } from "effect/testing"
import { singly } from "../../../src/testing/internal/singly.ts"
import { pluralOf } from "../../support/pluralOf.ts"
import { expectRegions } from "../../support/regions.ts"
import { storeFrom } from "../../support/storeFrom.ts"
import { test } from "../../support/tests.ts"

const key = "k"
const tags = ["t"]
const ttl = "1 hour"
const bySet = 8
const bySetElsewhere = 9

/** Each holds one step, until all are opened. */
const makeGates = () => {
  const closed = new Map<string, Latch.Latch>()
  const all = new Set<Latch.Latch>()
  return {
    close: (name: string) => {
      const gate = Latch.makeUnsafe()
      closed.set(name, gate)
      all.add(gate)
    },
    open: Effect.suspend(() => {
      closed.clear()
      return Effect.forEach(all, (gate) => gate.open, { discard: true })
    }),
    wait: (name: string) =>
      Effect.suspend(() => {
        const gate = closed.get(name)
        closed.delete(name)
        return gate === undefined ? Effect.void : gate.await
      })
  }
}

/** Two caches over one store. The first follows the changes that it receives, and its steps can be held. */
const start = Effect.gen(function*() {
  const base = yield* storeFrom(MemoryStore.layer)
  const gates = makeGates()
  const changes = yield* Queue.unbounded<Store.Change | "lost">()
  const lease = { owner: "" }
  const store: Store.Store = {
    ...base,
    capabilities: { ...base.capabilities, shared: true, changes: true },
    getUnsafe: undefined,
    getCallback: undefined,
    changesUnsafe: undefined,
    get: (id, tags) => Effect.tap(base.get(id, tags), () => gates.wait("get")),
    acquire: pluralOf.acquire((id, options) => {
      lease.owner = options.owner
      return singly(base).acquire(id, options)
    }),
    commit: pluralOf.commit((...args) => Effect.andThen(gates.wait("commit"), singly(base).commit(...args))),
    changes: Stream.fromQueue(changes).pipe(
      Stream.mapEffect((change) =>
        change === "lost"
          ? Effect.fail(new StoreError({ store: "shared", operation: "changes", reason: "Unavailable" }))
          : Effect.succeed(change)
      )
    )
  }
  const over = (store: Store.Store, options?: CacheLayer.LayerOptions) =>
    Effect.map(
      Layer.build(Layer.fresh(Layer.provide(CacheLayer.layer(options), Layer.succeed(Store.Store, store)))),
      (context) => Effect.provideService(Caching.Caching, Context.get(context, Caching.Caching))
    )
  let loads = 0
  const load = Effect.suspend(() => {
    const value = ++loads
    return Effect.as(gates.wait("load"), value)
  })
  return {
    base,
    gates,
    lease,
    here: yield* over(store, { storeTimeout: ttl }),
    there: yield* over(base, { memory: false }),
    read: Cached.softTtl(load, key, { softTtl: "1 minute", ttl, tags }),
    tell: (change: Store.Change | "lost") => Queue.offer(changes, change)
  }
})
type Started = Effect.Success<typeof start>

interface Waiting {
  /** The read in this state. */
  readonly fiber?: Fiber.Fiber<number, unknown>
  /** Lets the read continue, beside opening the gates. */
  readonly end?: Effect.Effect<unknown, unknown>
}

const settle = TestClock.adjust("1 second")
const reading = ({ here, read }: Started) => Effect.forkChild(here(read), { startImmediately: true })

/** A read that waits where a gate holds it. */
const heldAt = (gate: string) =>
  Effect.fnUntraced(function*(self: Started) {
    self.gates.close(gate)
    const fiber = yield* reading(self)
    yield* settle
    return { fiber }
  })

/** Brings a read into a state. */
const states: { readonly [state: string]: (self: Started) => Effect.Effect<Waiting, any> } = {
  "memory": ({ here, read }) => Effect.as(here(read), {}),
  "asking": Effect.fnUntraced(function*(self) {
    yield* self.there(self.read)
    return yield* heldAt("get")(self)
  }),
  "waiting": Effect.fnUntraced(function*(self) {
    yield* singly(self.base).acquire(key, {
      owner: "other",
      leaseMillis: 60_000,
      rejectedWriteId: undefined,
      join: false
    })
    const fiber = yield* reading(self)
    yield* settle
    const end = Effect.andThen(self.base.release(key, "other"), self.tell({ _tag: "LoadEnded", id: key }))
    return { fiber, end }
  }),
  "loading": heldAt("load"),
  "storing": heldAt("commit"),
  "reloading": Effect.fnUntraced(function*(self) {
    yield* self.here(self.read)
    yield* TestClock.adjust("2 minutes")
    return yield* heldAt("load")(self)
  })
}

/** Through the public API, or by another process. */
const events: { readonly [event: string]: (self: Started) => Effect.Effect<unknown, unknown> } = {
  "nothing": () => Effect.void,
  "touch": ({ here }) => here(Cached.touch(key, ttl)),
  "set": ({ here }) => here(Cached.set(key, bySet, { ttl, tags })),
  "invalidate": ({ here }) => here(Cached.invalidate(key)),
  "invalidate:soft": ({ here }) => here(Cached.invalidate(key, { mode: "soft" })),
  "tag": ({ here }) => here(Cached.invalidate({ tag: "t" })),
  "tag:soft": ({ here }) => here(Cached.invalidate({ tag: "t" }, { mode: "soft" })),
  "pattern": ({ here }) => here(Cached.invalidate({ matching: "k*" })),
  "clear": ({ here }) => here(Cached.clear),
  "other:set": ({ tell, there }) =>
    Effect.andThen(there(Cached.set(key, bySetElsewhere, { ttl, tags })), tell({ _tag: "Changed", id: key })),
  "other:invalidate": ({ tell, there }) =>
    Effect.andThen(there(Cached.invalidate(key)), tell({ _tag: "Changed", id: key })),
  "other:tag": ({ tell, there }) =>
    Effect.andThen(there(Cached.invalidate({ tag: "t" })), tell({ _tag: "TagChanged", tag: "t" })),
  "other:clear": ({ tell, there }) => Effect.andThen(there(Cached.clear), tell({ _tag: "AllChanged" })),
  "reports:lost": ({ tell }) => tell({ _tag: "Gap" }),
  "reports:ended": ({ tell }) => tell("lost")
}

const cellOf = Effect.fnUntraced(function*(
  enter: (self: Started) => Effect.Effect<Waiting, any>,
  event: (self: Started) => Effect.Effect<unknown, unknown>
) {
  const self = yield* start
  const { base, gates, lease, tell, there } = self
  yield* tell({ _tag: "Coherent" })
  yield* settle
  const { end = Effect.void, fiber } = yield* enter(self)
  const isHeld = Effect.suspend(() => singly(base).renew(key, lease.owner, 60_000))
  const held = yield* isHeld
  // An event that asks the store may wait for the gate, too.
  const done = yield* Effect.forkChild(event(self), { startImmediately: true })
  yield* settle
  const isKept = yield* isHeld
  const later = yield* reading(self)
  yield* settle
  yield* gates.open
  yield* end
  yield* settle
  yield* Fiber.join(done)
  const answer = fiber === undefined ? [] : [yield* Fiber.join(fiber)]
  const next = yield* Fiber.join(later)
  const stored = Option.getOrElse(yield* there(Cached.getOption(key)), () => "–")
  return `${[...answer, next, stored].join("")}${held && !isKept ? "*" : ""}`
})

describe("the table of events", () => {
  test("is what happens", function*() {
    const rows = [["", ...Object.keys(states)]]
    for (const [name, event] of Object.entries(events)) {
      const row = [name]
      for (const enter of Object.values(states)) row.push(yield* Effect.scoped(cellOf(enter, event)))
      rows.push(row)
    }
    const [first, ...others] = rows.map(([name, ...cells]) =>
      [name!.padEnd(16), ...cells.map((cell, i) => cell.padEnd(rows[0]![i + 1]!.length))].join("  ").trimEnd()
    )
    const table = ["```text", first, ...others, "```"].join("\n")
    expectRegions("docs/maintaining/engine/flight.md", { "what events do": table })
  })
})
