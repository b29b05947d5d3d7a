/** Makes a store over an asynchronous storage. Operations that write the same id run one after another. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import type { Storage } from "../../../ports/storage.ts"
import type { Store, StoreCore } from "../../../ports/store.ts"
import { mistake } from "../../options/options.ts"
import * as InTurns from "../../time/streamsInTurns.ts"
import * as Tokens from "../../token.ts"
import { complete } from "../complete.ts"
import * as Lasting from "../lasting.ts"
import * as Leases from "../leases.ts"
import { atOnce, each } from "../many.ts"
import * as MarkerEntries from "../markers/markerEntries.ts"
import { newVersion } from "../markers/markers.ts"
import * as Tags from "../markers/storageTags.ts"
import * as StoredMarkers from "../markers/storedMarkers.ts"
import * as Parts from "../parts.ts"
import * as Entries from "./entries.ts"
import * as Lines from "./lines.ts"
import { transacting } from "./transact.ts"

const parts: Parts.Parts<Storage> = {
  name: "a string",
  capabilities: "an object",
  get: "a function",
  set: "a function",
  setIfAbsent: "a function",
  remove: "a function",
  getMany: "a function",
  scan: "a function",
  size: "an Effect",
  clear: "an Effect",
  counters: "an object",
  changes: "a Stream"
}

const partsOfCounters: Parts.Parts<NonNullable<Storage["counters"]>> = {
  increment: "a function",
  counter: "a function",
  touchCounter: "a function",
  removeCounter: "a function",
  scanCounters: "a function"
}
const neededOfCounters = ["increment", "counter", "touchCounter", "removeCounter"] as const

export const make = (storage: Storage): Store => {
  Parts.check("Store.make", storage, parts, ["name", "get", "set", "remove"])
  const keepsMarkers = Lasting.keepsMarkers("Store.make", storage)
  if (storage.counters !== undefined) {
    Parts.requireKinds("Store.make counters", storage.counters, partsOfCounters, neededOfCounters)
    if (storage.clear === undefined) {
      throw mistake(`Store.make cannot clear the counters of "${storage.name}": give it a clear that removes them too`)
    }
  }

  const lines = Lines.make()
  const getMany: Store["getMany"] = storage.getMany ?? ((ids) => each(ids, storage.get))
  const self: Entries.Lined = {
    storage,
    tags: keepsMarkers ? StoredMarkers.make(storage, getMany, lines) : Tags.ofProcess(storage),
    leases: Leases.make(),
    lines,
    clearing: Lines.make(),
    tokensOf: Tokens.lazily()
  }
  const operations = operationsOf(self)
  const separate = storage.getMany === undefined ? { separate: true } : {}
  const store = complete({
    ...operations,
    capabilities: { ...operations.capabilities, ...separate },
    getMany,
    ...keepsMarkers
      ? MarkerEntries.hiddenIn(storage)
      : { scan: storage.scan, size: storage.size, changes: storage.changes },
    ...storage.counters
  })
  return store.capabilities.shared ? store : { ...store, transact: transacting(self, store) }
}

const operationsOf = (self: Entries.Lined): StoreCore => {
  const { leases, lines, storage, tags } = self
  const versionsBy = (fiber: Fiber.Fiber<any, any>) => () => newVersion(self.tokensOf(fiber))
  return {
    name: storage.name,
    capabilities: { shared: storage.capabilities?.shared ?? false, changes: storage.changes !== undefined },
    get: tags.get,
    set: (requests) =>
      atOnce(
        requests,
        ({ condition, entry, id }) => Lines.run(lines, id, "write", Entries.set(self, id, entry, condition))
      ),
    remove: (ids) => each(ids, (id) => Entries.remove(self, id)),
    touch: (id, options) => Lines.run(lines, id, "write", Entries.touch(self, id, options)),
    acquire: (requests) =>
      atOnce(requests, (request) => Lines.run(lines, request.id, "read", Entries.acquire(self, request))),
    commit: (requests) =>
      atOnce(requests, (request) => Lines.run(lines, request.id, "write", Entries.commit(self, request))),
    scanLoads: ({ prefix = "" } = {}) => Stream.suspend(() => InTurns.each(leases.ids(prefix))),
    renew: (ids, ...asked) =>
      Effect.map(Clock.currentTimeMillis, (now) => ids.map((id) => leases.renew(id, ...asked, now))),
    release: (id, owner, note) => Effect.map(Clock.currentTimeMillis, (now) => leases.release(id, owner, now, note)),
    markers: (names) => Effect.withFiber((fiber) => tags.markers(names, versionsBy(fiber))),
    invalidateTags: (names, mode) => Effect.withFiber((fiber) => tags.invalidate(names, versionsBy(fiber), mode)),
    clear: Entries.clear(self)
  }
}
