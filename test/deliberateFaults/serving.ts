/** Deliberate faults of what strategies serve, which their seeded schedules find. */
import { type Fault, faultsOf } from "./fault.ts"

export const faults: ReadonlyArray<Fault> = faultsOf([
  [
    "an outage is never answered with the stale value",
    "orStale",
    "if (verdict !== \"Outage\") return exit",
    "if (verdict === \"Outage\") return exit",
    { sought: "always" }
  ],
  ["softTtl never falls back", "softTtl", "? \"Serve\" : \"LoadOrStale\"", "? \"Serve\" : \"LoadOrStale\" && \"Load\""],
  [
    "refreshAhead never refreshes",
    "refreshAhead",
    "? \"Serve\" : \"ServeAndRefresh\"",
    "? \"Serve\" : \"ServeAndRefresh\" && \"Serve\""
  ],
  [
    "refreshAhead makes its callers wait",
    "refreshAhead",
    "? \"Serve\" : \"ServeAndRefresh\"",
    "? \"Serve\" : \"ServeAndRefresh\" && \"Load\""
  ],
  [
    "sliding never slides",
    "sliding",
    "Math.max(entry.expiresAt, Math.min(now + toMillis(options.idle!), entry.softExpiresAt))",
    "entry.expiresAt + 0 * now * toMillis(options.idle!)"
  ],
  [
    "probabilistic is never early",
    "probabilistic",
    "? \"ServeAndRefresh\" : \"Serve\"",
    "? \"ServeAndRefresh\" && \"Serve\" : \"Serve\""
  ],
  [
    "the cache never serves anything that it has stored",
    "find",
    "if (entry === undefined) return absent(readerOf(self, fiber, request, policy))",
    `if (entry === undefined || entry.reads >= 0) {
      const joining = { readsStore: false, stale: undefined, rejectedWriteId: undefined, mutations: self.mutations }
      return join(readerOf(self, fiber, request, policy), joining)
    }`,
    {
      also: [{
        in: "joinOrStart",
        find: "planInMemory(engine, starter, request, entry) === \"Serve\"",
        replace: "id === \"\" && planInMemory(engine, starter, request, entry) === \"Serve\""
      }]
    }
  ],
  [
    "ttl serves beyond its end",
    "ttl",
    "isGone(entry, now) ? \"Load\" : \"Serve\"",
    "entry === undefined || now < 0 ? \"Load\" : \"Serve\""
  ],
  ["failover never asks", "failover", "? \"Load\" : \"LoadOrStale\"", "? \"Load\" : \"LoadOrStale\" && \"Serve\""],
  [
    "softTtl never loads again",
    "softTtl",
    "? \"Serve\" : \"LoadOrStale\"",
    "? \"Serve\" : \"LoadOrStale\" && \"Serve\""
  ],
  ["maxHits never ends", "maxHits", "if (reads >= hits!) return \"Load\"", "if (reads >= 1e9 * hits!) return \"Load\""],
  ["reads are not counted", "maxHits", "if (reads >= hits!) return \"Load\"", "if (reads > hits!) return \"Load\""],
  ["throttle is ignored", "isThrottled", "leftOf(self.retryAt.get(id), now) > 0", "id.length === 0", {
    sought: "always"
  }],
  [
    "an answer ends no fallback",
    "endFallback",
    "self.answered.set(id, [writeId, before])",
    "self.answered.delete(writeId)"
  ],
  [
    "a soft timeout does not pin",
    "serveStale",
    "flight.pinned = !self.isPrivate || flight.pinned || keepAlive(self, flight.starter, [flight])",
    ""
  ],
  [
    "a failed load removes the value",
    "reportFailure",
    "if (hasBegun(flight)) flight.counters.loadFailures++",
    `if (hasBegun(flight)) flight.counters.loadFailures++
Memory.remove(self.memory, id, "invalidated")`
  ],
  [
    "failures replace good values",
    "toEntry",
    "if (Exit.isFailure(exit) && (!isCacheable(exit.cause) || hasGoodValue(self, flight, now))) return undefined",
    "if (Exit.isFailure(exit) && !isCacheable(exit.cause)) return undefined"
  ]
])
