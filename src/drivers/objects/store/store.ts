/** The store over a bucket, which processes share if it honours conditions. */
import { farMillis } from "../../../internal/defaults/bounds.ts"
import { atOnce, each } from "../../../internal/store/many.ts"
import * as Store from "../../../ports/stores.ts"
import { storeName } from "../bucket/fault.ts"
import * as Counters from "./counters.ts"
import * as Entries from "./entries.ts"
import * as Leases from "./leases.ts"
import type * as Objects from "./objects.ts"
import * as Tags from "./tags.ts"

export const storeOver = (self: Objects.Objects): Store.Store => {
  const { bucket } = self
  const tags = Tags.make(self)
  return Store.complete({
    name: storeName,
    capabilities: { shared: bucket.guardsWrites, changes: false },
    // Also if the server is near, one request for an entry and its lease is cheaper than two.
    distanceMillis: () => Math.max(farMillis, bucket.nearestMillis === Infinity ? 0 : bucket.nearestMillis),
    get: Entries.get(self, tags),
    set: (requests) => atOnce(requests, Entries.set(self, tags)),
    remove: (ids) => each(ids, Entries.remove(self, tags)),
    touch: Entries.touch(self, tags),
    acquire: (requests) => atOnce(requests, Leases.acquire(self, tags)),
    commit: (requests) => atOnce(requests, Leases.commit(self)),
    renew: Leases.renew(self),
    release: Leases.release(self),
    markers: tags.markers,
    invalidateTags: tags.invalidateTags,
    scan: Entries.scan(self),
    scanLoads: Entries.scanLoads(self),
    clear: Entries.clear(self),
    ...Counters.countersOf(self)
  })
}
