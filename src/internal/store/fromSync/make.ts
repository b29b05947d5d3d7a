/** Makes a store over a synchronous storage. Each operation is one step, so no two interleave within a process. */
import * as Stream from "effect/Stream"
import type { SyncStorage } from "../../../ports/storage.ts"
import type { Store } from "../../../ports/store.ts"
import { complete } from "../complete.ts"
import * as Counters from "../counters.ts"
import * as Lasting from "../lasting.ts"
import { inSteps } from "../many.ts"
import * as Parts from "../parts.ts"
import { unlessTooLarge } from "../transact.ts"
import * as Changes from "./changes.ts"
import * as Entries from "./entries.ts"
import * as Leases from "./leases.ts"
import * as Listing from "./listing.ts"
import * as Sync from "./sync.ts"
import * as Tags from "./tags.ts"
import { transact } from "./transact.ts"

const parts: Parts.Parts<SyncStorage> = {
  name: "a string",
  capabilities: "an object",
  get: "a function",
  set: "a function",
  setIfAbsent: "a function",
  remove: "a function",
  scan: "a function",
  size: "a function",
  maxSize: "a number",
  clear: "a function",
  counters: "an object",
  tags: "an object",
  leases: "an object",
  changes: "a function",
  atomic: "a function",
  orAtomic: "a function",
  snapshot: "a function",
  position: "a function",
  workedMillis: "a function",
  reasonOf: "a function",
  attempt: "a function"
}

const partsOfCounters: Parts.Parts<NonNullable<SyncStorage["counters"]>> = {
  get: "a function",
  set: "a function",
  remove: "a function",
  clear: "a function",
  scan: "a function"
}
const neededOfCounters = ["get", "set", "remove", "clear"] as const

export const make = (storage: SyncStorage): Store & { readonly getUnsafe: NonNullable<Store["getUnsafe"]> } => {
  Parts.check("Store.makeSync", storage, parts, ["name", "get", "set", "remove"])
  const keepsMarkers = Lasting.keepsMarkers("Store.makeSync", storage)
  if (storage.counters !== undefined) {
    Parts.requireKinds("Store.makeSync counters", storage.counters, partsOfCounters, neededOfCounters)
  }
  return over(Sync.make(storage, keepsMarkers))
}

const over = (self: Sync.Sync): Store & { readonly getUnsafe: NonNullable<Store["getUnsafe"]> } => {
  const { counters, leases, storage, tags } = self
  const { name } = storage
  const atomically = <A>(operation: string, step: (now: number) => A) => Sync.atomically(self, operation, step)
  const listen = Changes.listeningTo(self)
  const count = Listing.countOf(self)
  const clear = Listing.clearingOf(self)
  const scan = Listing.paged(storage, "scan", storage.scan)
  const store = complete({
    name,
    capabilities: {
      shared: Sync.isShared(self),
      changes: listen !== undefined,
      dependencies: tags.remove !== undefined
    },
    maxSize: storage.maxSize,
    workedMillis: storage.workedMillis,
    get: (id, names) => self.attempt("get", () => Entries.read(self, id, names), 1),
    getUnsafe: (id, names) => {
      // Creates no closure, because every hit in a store in memory takes this path.
      try {
        return Entries.read(self, id, names)
      } catch (cause) {
        throw Sync.toStoreError(storage, "get", cause)
      }
    },
    getMany: (ids) => inSteps(ids, (ids) => self.attempt("getMany", () => Entries.storedMany(self, ids), ids.length)),
    set: (requests) => Sync.forMany(self, "set", requests, Entries.setAll),
    remove: (ids) => Sync.forMany(self, "remove", ids, Entries.removeAll),
    touch: (id, options) => atomically("touch", (now) => Entries.touch(self, id, options, now)),
    acquire: (requests) => Leases.acquire(self, requests),
    commit: (requests) =>
      Sync.forMany(self, "commit", requests, (_, some, now) => some.map((one) => Leases.commit(self, one, now))),
    renew: (ids, ...asked) =>
      Sync.forMany(self, "renew", ids, (_, some, now) => some.map((id) => leases.renew(id, ...asked, now))),
    release: (id, owner, note) => atomically("release", (now) => leases.release(id, owner, now, note)),
    markers: (names) => Sync.withFiber(self, "markers", (fiber) => Tags.markers(self, names, fiber)),
    invalidateTags: (names, mode) =>
      Sync.withFiber(self, "invalidateTags", (fiber) => Tags.invalidate(self, names, mode, fiber)),
    scan: scan && ((options) => Stream.filter(scan(options), (entry) => !Sync.isMarker(self, entry))),
    scanLoads: Listing.paged(storage, "scanLoads", leases.ids),
    size: count && self.attempt("size", count, 1),
    clear: clear && atomically("clear", () => {
      clear()
      counters.clear()
    }),
    // Without `atomic`, other processes could see some of the transaction's entries before the rest.
    transact: Sync.isShared(self) && storage.atomic === undefined ?
      undefined :
      (request) => unlessTooLarge(name, request, () => atomically("transact", (now) => transact(self, request, now))),
    ...Counters.operations(name, (operation, _, step) => atomically(operation, (now) => step(counters, now))),
    counter: (counter) =>
      Sync.withFiber(self, "counter", (fiber) => Counters.live(counters, counter, Sync.nowOf(fiber))),
    scanCounters: Listing.paged(storage, "scanCounters", counters.scan),
    changes: listen && Changes.following(listen),
    changesUnsafe: listen?.()
  })
  return store as typeof store & { readonly getUnsafe: NonNullable<Store["getUnsafe"]> }
}
