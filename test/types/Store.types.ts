/** Types that the compiler must infer from stores and their taps; checked by `tsc`, not run. */
import { Context, Effect, Layer, type Scope, Stream } from "effect"
import { CacheError } from "effect-cached"
import { type CacheEntry, Store } from "effect-cached/adapters"
import { FilesStore } from "effect-cached/files"
import { MemoryStore } from "effect-cached/memory"
import { SqliteStore } from "effect-cached/sqlite"
import type { Markers } from "../../src/ports/stores.ts"
import { singly } from "../../src/testing/internal/singly.ts"
import { pluralOf } from "../support/pluralOf.ts"
import { is, same } from "./same.ts"

type Failure = CacheError.StoreError
type SyncStore = Store.Store & { readonly getUnsafe: NonNullable<Store.Store["getUnsafe"]> }
class Client extends Context.Service<Client, { readonly url: string }>()("Client") {}
class Failed extends Error {
  readonly _tag = "Failed"
}
declare const entry: CacheEntry.Stored
declare const store: Store.Store
declare const down: Failure

// ---------------------------------------------------------------------------------------------------------------------
// stores of one's own
// ---------------------------------------------------------------------------------------------------------------------

const simple = Store.make({
  name: "simple",
  get: (id) => {
    same<typeof id, string>(true)
    return Effect.succeed(id === "" ? undefined : entry)
  },
  set: (_id, entry) => {
    same<typeof entry, CacheEntry.Stored>(true)
    return Effect.void
  },
  remove: () => Effect.succeed(true)
})
same<typeof simple, Store.Store>(true)
export const whole: Store.Store = Store.make({
  name: "whole",
  capabilities: { shared: true, lasting: true },
  get: () => Effect.fail(down),
  set: () => Effect.fail(down),
  setIfAbsent: (id, entry) => {
    same<typeof entry, CacheEntry.Stored>(true)
    return Effect.succeed(id === "")
  },
  remove: () => Effect.fail(down),
  getMany: (ids) => Effect.succeed(ids.map(() => undefined)),
  scan: (options) => Stream.succeed({ id: options?.prefix ?? "", meta: entry.meta }),
  size: Effect.succeed(0),
  clear: Effect.void,
  counters: {
    increment: (_name, by, options) => Effect.succeed(by + (options?.expiresAt ?? 0)),
    counter: () => Effect.succeed({ value: 1, expiresAt: Infinity }),
    touchCounter: (_name, expiresAt) => Effect.succeed(expiresAt > 0),
    removeCounter: () => Effect.succeed(true)
  },
  changes: Stream.make({ _tag: "AllChanged" }, { _tag: "Changed", id: "x" })
})
// A store may implement an operation better itself.
export const better: Store.Store = Store.complete({
  ...simple,
  acquire: pluralOf.acquire(() => Effect.succeed({ _tag: "Hit", entry }))
})
// @ts-expect-error the core has to be written
Store.complete({ name: "nothing" })

const sync = Store.makeSync({
  name: "sync",
  get: (id) => id === "" ? "damaged" : entry,
  set: (_id, _entry, now) => {
    same<typeof now, number>(true)
  },
  setIfAbsent: (_id, entry, now) => {
    same<typeof entry, CacheEntry.Stored>(true)
    return now > 0
  },
  remove: () => false,
  scan: (prefix) => [{ id: prefix, meta: entry.meta }],
  atomic: (steps) => steps(),
  reasonOf: () => "Full",
  attempt: (operation, run) =>
    Effect.try({
      try: run,
      catch: (cause) => new CacheError.StoreError({ store: "sync", operation, reason: "Unavailable", cause })
    })
})
same<typeof sync, SyncStore>(true)

// @ts-expect-error no `remove`
Store.make({ name: "x", get: () => Effect.undefined, set: () => Effect.void })
const parts = { name: "x", set: () => Effect.void, remove: () => Effect.succeed(true) }
// @ts-expect-error an unknown option
Store.make({ ...parts, get: () => Effect.undefined, del: 1 })
// @ts-expect-error a failure of another type
Store.make({ ...parts, get: () => Effect.fail("x") })
// @ts-expect-error no such capability
Store.make({ ...parts, get: () => Effect.undefined, capabilities: { eternal: true } })
// @ts-expect-error it says whether it wrote
Store.make({ ...parts, get: () => Effect.undefined, setIfAbsent: () => Effect.void })
// @ts-expect-error services: a store has what it needs when it is made
Store.make({ ...parts, get: () => Effect.as(Client, entry) })
// @ts-expect-error an effect from a storage that answers at once
Store.makeSync({ name: "x", get: () => Effect.undefined, set: () => {}, remove: () => true })
// @ts-expect-error no such reason
Store.makeSync({ name: "x", get: () => entry, set: () => {}, remove: () => true, reasonOf: () => "Tired" })

// ---------------------------------------------------------------------------------------------------------------------
// operations
// ---------------------------------------------------------------------------------------------------------------------

const answer = store.get("id", ["tag"])
same<typeof answer, Effect.Effect<Store.Answer, Failure>>(true)
is<Effect.Effect<boolean, Failure>>()(singly(store).set("id", entry, { _tag: "IfUnchanged", writeId: "x" }))
is<Effect.Effect<Store.Acquired, Failure>>()(
  singly(store).acquire("id", { owner: "me", leaseMillis: 1, rejectedWriteId: undefined, join: false })
)
is<Effect.Effect<boolean, Failure>>()(store.touch("id", { softExpiresAt: 1, expiresAt: Infinity }))
is<Effect.Effect<Markers, Failure>>()(store.markers(["t"]))
const soft = store.invalidateTags(["t"], "soft")
same<typeof soft, Effect.Effect<void, Failure>>(true)
const number = store.increment("n", 1, { expiresAt: undefined })
same<typeof number, Effect.Effect<number, Failure>>(true)
same<typeof store.changes, Stream.Stream<Store.Change, Failure>>(true)
same<typeof store.getUnsafe, ((id: string, tags: ReadonlyArray<string>) => Store.Answer) | undefined>(true)

// @ts-expect-error a condition without its `writeId`
singly(store).set("id", entry, { _tag: "IfUnchanged" })
// @ts-expect-error no such mode
store.invalidateTags(["t"], "gentle")
// @ts-expect-error it says whom it is exclusive for
singly(store).acquire("id", { leaseMillis: 1, rejectedWriteId: undefined, join: false })

// ---------------------------------------------------------------------------------------------------------------------
// layers
// ---------------------------------------------------------------------------------------------------------------------

const layer = Layer.effect(Store.Store, Effect.as(Client, store))
same<typeof layer, Layer.Layer<Store.Store, never, Client>>(true)
declare const opened: Effect.Effect<Store.Store, Failed, Client | Scope.Scope>
const scoped = Layer.effect(Store.Store, opened)
same<typeof scoped, Layer.Layer<Store.Store, Failed, Client>>(true)
const value145 = Layer.succeed(Store.Store, store)
same<typeof value145, Layer.Layer<Store.Store>>(true)
const value146 = Effect.map(Store.Store, (store) => store.name)
same<typeof value146, Effect.Effect<string, never, Store.Store>>(true)

same<typeof MemoryStore.layer, Layer.Layer<Store.Store>>(true)
is<SyncStore>()(MemoryStore.make())
const sqlite = SqliteStore.layer({ directory: "x", maxSize: "1 GB", storeTimeout: "1 second" })
same<typeof sqlite, Layer.Layer<Store.Store, Failure>>(true)
const files = FilesStore.layer({ directory: "x", maxSize: 5 })
same<typeof files, Layer.Layer<Store.Store, Failure>>(true)

// @ts-expect-error no directory
SqliteStore.layer({})
// @ts-expect-error an unknown option
SqliteStore.layer({ directory: "x", size: 1 })
// @ts-expect-error no directory
FilesStore.layer({ maxSize: 1 })
// @ts-expect-error another store's option
FilesStore.layer({ directory: "x", storeTimeout: 1 })
// @ts-expect-error no store
Layer.effect(Store.Store, Effect.succeed({ name: "x" }))

// ---------------------------------------------------------------------------------------------------------------------
// taps
// ---------------------------------------------------------------------------------------------------------------------

is<Layer.Layer<Store.Store>>()(MemoryStore.layer.pipe(Store.tap({ maxSize: "1 MB", minSize: 1 })))
is<Layer.Layer<Store.Store, Failure>>()(sqlite.pipe(Store.tap({
  around: (call, effect) => {
    same<typeof call, Store.StoreCall>(true)
    return Effect.andThen(Effect.log(call.operation), effect)
  }
})))
is<Layer.Layer<Store.Store, Failed, Client>>()(
  scoped.pipe(Store.tap({ around: (_, effect) => Effect.andThen(Client, effect) }))
)

// @ts-expect-error an unknown option
Store.tap({ maxSise: 1 })
// @ts-expect-error an answer of another type
Store.tap({ around: (_, effect) => Effect.as(effect, 1) })
// @ts-expect-error a failure of another type
Store.tap({ around: () => Effect.fail("x") })
// @ts-expect-error a layer of something else
Store.tap({ minSize: 1 })(Layer.succeed(Client, { url: "" }))
