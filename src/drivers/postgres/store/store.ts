/** Assembles the store over a session. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Store from "../../../ports/stores.ts"
import { storeName } from "../../shared/sql/fault.ts"
import type { Session } from "../session/session.ts"
import { changes } from "./changes.ts"
import * as Counters from "./counters.ts"
import * as Entries from "./entries.ts"
import * as Leases from "./leases.ts"
import * as Reads from "./reads.ts"
import * as Tags from "./tags.ts"
import { tidying } from "./tidy.ts"
import { transact } from "./transact.ts"

export const storeOver = Effect.fnUntraced(function*(
  self: Session
): Effect.fn.Return<Store.Store, never, Scope.Scope> {
  yield* tidying(self)
  const context = Context.omit(self.sql.transactionService)(yield* Effect.context<never>()) as Context.Context<never>
  return Store.complete({
    name: storeName,
    capabilities: { shared: true, changes: true, dependencies: true },
    // Near or unknown: an acquire also reads the entry, so a read that will probably load saves a statement.
    distanceMillis: () => 0,
    getCallback: Reads.callback(self, context),
    getMany: Reads.getMany(self),
    set: Entries.set(self),
    remove: Entries.remove(self),
    touch: Entries.touch(self),
    acquire: Leases.acquire(self),
    commit: Leases.commit(self),
    renew: Leases.renew(self),
    release: Leases.release(self),
    markers: Tags.markers(self),
    invalidateTags: Tags.invalidate(self),
    scan: Entries.scan(self),
    scanLoads: Entries.scanLoads(self),
    size: Entries.size(self),
    clear: Entries.clear(self),
    ...Counters.operations(self),
    scanCounters: Counters.scan(self),
    transact: transact(self),
    changes: changes(self)
  })
})
