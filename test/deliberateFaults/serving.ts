/** Deliberate faults of what strategies serve, which their seeded schedules find. */
import type { Fault } from "./fault.ts"

export const faults: ReadonlyArray<Fault> = [
  {
    name: "an outage is never answered with the stale value",
    sought: "always",
    in: "orStale",
    find: "if (verdict !== \"Outage\") return exit",
    replace: "if (verdict === \"Outage\") return exit"
  },
  {
    name: "softTtl never falls back",
    in: "softTtl",
    find: "? \"Serve\" : \"LoadOrStale\"",
    replace: "? \"Serve\" : \"LoadOrStale\" && \"Load\""
  },
  {
    name: "refreshAhead never refreshes",
    in: "refreshAhead",
    find: "? \"Serve\" : \"ServeAndRefresh\"",
    replace: "? \"Serve\" : \"ServeAndRefresh\" && \"Serve\""
  },
  {
    name: "refreshAhead makes its callers wait",
    in: "refreshAhead",
    find: "? \"Serve\" : \"ServeAndRefresh\"",
    replace: "? \"Serve\" : \"ServeAndRefresh\" && \"Load\""
  },
  {
    name: "sliding never slides",
    in: "sliding",
    find: "Math.max(entry.expiresAt, Math.min(now + toMillis(options.idle!), entry.softExpiresAt))",
    replace: "entry.expiresAt + 0 * now * toMillis(options.idle!)"
  },
  {
    name: "probabilistic is never early",
    in: "probabilistic",
    find: "? \"ServeAndRefresh\" : \"Serve\"",
    replace: "? \"ServeAndRefresh\" && \"Serve\" : \"Serve\""
  },
  {
    name: "the cache never serves anything that it has stored",
    in: "find",
    find: "if (entry === undefined) return absent(readerOf(self, fiber, request, policy))",
    replace: `if (entry === undefined || entry.reads >= 0) {
      const joining = { readsStore: false, stale: undefined, rejectedWriteId: undefined, mutations: self.mutations }
      return join(readerOf(self, fiber, request, policy), joining)
    }`,
    also: [{
      in: "joinOrStart",
      find: "planInMemory(engine, starter, request, entry) === \"Serve\"",
      replace: "id === \"\" && planInMemory(engine, starter, request, entry) === \"Serve\""
    }]
  },
  {
    name: "ttl serves beyond its end",
    in: "ttl",
    find: "isGone(entry, now) ? \"Load\" : \"Serve\"",
    replace: "entry === undefined || now < 0 ? \"Load\" : \"Serve\""
  },
  {
    name: "failover never asks",
    in: "failover",
    find: "? \"Load\" : \"LoadOrStale\"",
    replace: "? \"Load\" : \"LoadOrStale\" && \"Serve\""
  },
  {
    name: "softTtl never loads again",
    in: "softTtl",
    find: "? \"Serve\" : \"LoadOrStale\"",
    replace: "? \"Serve\" : \"LoadOrStale\" && \"Serve\""
  },
  {
    name: "maxHits never ends",
    in: "maxHits",
    find: "if (reads >= hits!) return \"Load\"",
    replace: "if (reads >= 1e9 * hits!) return \"Load\""
  },
  {
    name: "reads are not counted",
    in: "maxHits",
    find: "if (reads >= hits!) return \"Load\"",
    replace: "if (reads > hits!) return \"Load\""
  },
  {
    name: "throttle is ignored",
    sought: "always",
    in: "isThrottled",
    find: "leftOf(self.retryAt.get(id), now) > 0",
    replace: "id.length === 0"
  },
  {
    name: "an answer ends no fallback",
    in: "endFallback",
    find: "self.answered.set(id, [writeId, before])",
    replace: "self.answered.delete(writeId)"
  },
  {
    name: "a soft timeout does not pin",
    in: "serveStale",
    find: "flight.pinned = !self.isPrivate || flight.pinned || keepAlive(self, flight.starter, [flight])",
    replace: ""
  },
  {
    name: "a failed load removes the value",
    in: "reportFailure",
    find: "if (hasBegun(flight)) flight.counters.loadFailures++",
    replace: `if (hasBegun(flight)) flight.counters.loadFailures++
Memory.remove(self.memory, id, "invalidated")`
  },
  {
    name: "failures replace good values",
    in: "toEntry",
    find: "if (Exit.isFailure(exit) && (!isCacheable(exit.cause) || hasGoodValue(self, flight, now))) return undefined",
    replace: "if (Exit.isFailure(exit) && !isCacheable(exit.cause)) return undefined"
  }
]
