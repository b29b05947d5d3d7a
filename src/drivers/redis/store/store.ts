/** Implements the `Store` port on Redis. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { complete } from "../../../internal/store/complete.ts"
import * as Tokens from "../../../internal/token.ts"
import type { Store } from "../../../ports/store.ts"
import { storeName } from "../fault.ts"
import type { Opened } from "../open.ts"
import { changesOf } from "../tracking/changes.ts"
import * as Published from "../tracking/published.ts"
import { clear } from "./clearing.ts"
import * as Counters from "./counters.ts"
import * as Leases from "./leases.ts"
import * as Listing from "./listing.ts"
import * as Reads from "./reads.ts"
import * as Recovery from "./recovery.ts"
import * as State from "./state.ts"
import * as Tags from "./tags.ts"
import { transact } from "./transaction/transact.ts"
import * as Conditions from "./writing/conditions.ts"
import * as Writes from "./writing/writes.ts"

export const storeOver = Effect.fnUntraced(function*(
  { config: { maxValue, scrub }, debts, recovery, session }: Opened
): Effect.fn.Return<Store, never, Scope.Scope> {
  const tokens = Tokens.make(yield* Tokens.Seed)
  const options: State.StateOptions = {
    session,
    tokens,
    clock: yield* Clock.Clock,
    scope: yield* Effect.scope,
    maxValue,
    published: Published.make(tokens.next(8)),
    debts,
    changed: (changes) => Recovery.note(recovery, changes)
  }
  yield* Recovery.start(recovery, {
    session,
    invalidatorOver: (session) => invalidatorOf(State.make({ ...options, session, changed: () => {} }))
  })
  return storeOf(State.make(options), changesOf({ session, published: options.published, scrub }))
})

const invalidatorOf = (self: State.StoreState): Recovery.Invalidator => ({
  clear: clear(self),
  invalidateTags: (tags) => Tags.invalidateTags(self, tags),
  remove: (ids) => Writes.remove(self, ids)
})

const storeOf = (self: State.StoreState, changes: Store["changes"]): Store => {
  const { wire } = self.session
  return complete({
    name: storeName,
    capabilities: {
      shared: true,
      changes: true,
      dependencies: wire.isCluster ? "ids" : true,
      sharded: wire.isCluster
    },
    changes,
    isWhole: wire.isWhole,
    distanceMillis: wire.distanceMillis,
    getCallback: (id, tags, done) => Reads.getCallback(self, id, tags, done),
    getMany: (ids) => Reads.getMany(self, ids),
    set: (requests) => Conditions.set(self, requests),
    remove: (ids) => Writes.remove(self, ids),
    touch: (id, options) => Conditions.touch(self, id, options),
    acquire: (requests) => Leases.acquire(self, requests),
    commit: (requests) => Writes.commit(self, requests),
    renew: (ids, owner, leaseMillis) => Leases.renew(self, ids, owner, leaseMillis),
    release: (id, owner, note) => Leases.release(self, { id, owner }, note),
    markers: (tags) => Tags.markers(self, tags),
    invalidateTags: (tags, mode) => Tags.invalidateTags(self, tags, mode),
    scan: ({ prefix = "" } = {}) => Listing.scan(self, prefix),
    size: Listing.size(self),
    clear: clear(self),
    increment: (name, by, { expiresAt = Infinity } = {}) => Counters.increment(self, name, by, expiresAt),
    counter: (name) => Counters.counter(self, name),
    touchCounter: (name, expiresAt) => Counters.touchCounter(self, name, expiresAt),
    removeCounter: (name) => Counters.removeCounter(self, name),
    scanLoads: ({ prefix = "" } = {}) => Listing.scanLoads(self, prefix),
    scanCounters: ({ prefix = "" } = {}) => Listing.scanCounters(self, prefix),
    transact: (request) => transact(self, request)
  })
}
