/** Deliberate faults that the consistency check between real processes finds. */
import type { Fault } from "./fault.ts"
import { ordering } from "./units/sql.ts"

export interface ProcessFault extends Fault {
  /** It is found where files are removed and replaced, and the disk is full. */
  readonly removes?: boolean
  /** It is found on a server, or on machines whose folders are tiers before one. */
  readonly store?: "objects" | "postgres" | "redis" | "tiers"
}

const noSecondDrop: ProcessFault = {
  name: "no second local drop",
  sought: "by hand",
  in: "acknowledged",
  find: "item.target._tag === \"Tags\"",
  replace: "false"
}

const versionsAfterLoad: ProcessFault = {
  name: "tag versions are read after the load",
  sought: "by hand",
  in: "prepare",
  find:
    "const own = yield* versionsToWrite(asking, dependencies?.own ?? entry.tags, declaredTags(self, request), markers)",
  replace: `const after = yield* ask(tier, asking.budget, "markers", tier.store.markers(declaredTags(self, request)))
const own = yield* versionsToWrite(asking, dependencies?.own ?? entry.tags, declaredTags(self, request), isFault(after) ? markers : after)`
}

const overRedis = (fault: ProcessFault): ProcessFault => ({
  sought: "by hand",
  ...fault,
  name: `${fault.name}, over Redis`,
  store: "redis"
})

export const faults: ReadonlyArray<ProcessFault> = [
  {
    name: "the results of a bulk call are guarded by one generation",
    in: "commitAll",
    find: "requests = commits.map(({ entry, generation, id }) => ({ id, generation, entry }))",
    replace: "requests = commits.map(({ entry, id }) => ({ id, generation: commits[0]!.generation, entry }))"
  },
  {
    name: "keys that are removed together stay in the store",
    in: "removeAll",
    find: "return dropEntry(self, id) && was",
    replace: "return was"
  },
  {
    name: "a lease is not exclusive",
    sought: "by hand",
    in: "leftOf",
    find: "Math.max(0, Math.min(until - now, leaseMillis))",
    replace: "Math.min(0, Math.max(until - now, leaseMillis))"
  },
  {
    name: "a missing marker counts as unchanged",
    in: "validityOf",
    find: "if (now === version) continue",
    replace: "if (now === undefined || now === version) continue"
  },
  {
    name: "an answer older than a change is used",
    sought: "by hand",
    in: "applyChange",
    find: "noteChanged(flight)",
    replace: ""
  },
  {
    name: "the store is used despite a pending invalidation",
    sought: "by hand",
    in: "isPending",
    find: "self.all !== undefined || (self.ids.size > 0 && self.ids.has(id))",
    replace: "self.all !== undefined || (self.ids.size < 0 && self.ids.has(id))"
  },
  {
    name: "changes are ignored",
    sought: "always",
    in: "poll",
    find: "applyChange(self, tier, one)",
    replace: `{ if (change._tag === "Coherent") applyChange(self, tier, one) }`
  },
  { name: "no epoch step after a gap", sought: "by hand", in: "applyChange", find: `case "Gap":`, replace: "" },
  {
    name: "no epoch step before a pause",
    sought: "by hand",
    in: "rest",
    find: "self.tagEpochs.epoch++",
    replace: ""
  },
  {
    name: "no generation guard",
    in: "commit",
    find: "if (!self.leases.isCurrent(id, generation, now)) return false",
    replace: ""
  },
  {
    name: "a look-up does not wait for a commit of its keys",
    sought: "by hand",
    in: "lookup",
    find: "current === undefined || !meets(self, current)",
    replace: "true"
  },
  noSecondDrop,
  versionsAfterLoad,
  {
    name: "reports of a server are ignored",
    store: "redis",
    in: "listen",
    find: "for (const change of Published.changesIn(published, String(text)))",
    replace:
      `for (const change of Published.changesIn(published, String(text)).filter(({ _tag }) => _tag !== "Changed"))`
  },
  overRedis(noSecondDrop),
  overRedis(versionsAfterLoad),
  overRedis({
    name: "an answer asked for before a change was reported enters memory",
    in: "applyChange",
    find: "noteChanged(flight)",
    replace: "",
    also: [{ in: "applyChange", find: "noteChange(self, change.id)", replace: "" }]
  }),
  overRedis({
    name: "memory keeps what may have changed without a report",
    in: "markTracked",
    find: "if (wasTracked) return unverifyAll(self, tier)",
    replace: "if (wasTracked) return"
  }),
  overRedis({
    name: "what the store did not acknowledge is not sent again",
    in: "markUnsent",
    find: "Pending.markUnsent(tier.pending, item)",
    replace: "Pending.acknowledge(tier.pending, item)"
  }),
  overRedis({
    name: "owner and generation are one",
    in: "acquire",
    find: `if held[2] ~= owner then redis.call("HDEL", l, "j") end`,
    replace: `if held[2] ~= owner then
    held[1] = fresh
    redis.call("HSET", l, "g", fresh)
    redis.call("HDEL", l, "j")
  end`
  }),
  overRedis({
    name: "no generation guard",
    in: "write",
    find: `ownOf("HGET", KEYS[keyAt + 2], "g") ~= ARGV[at + 2]`,
    replace: "false"
  }),
  ...ordering.map((fault) => ({ ...fault, sought: "by hand", store: "postgres" }) as const),
  {
    name: "an unconditional PUT, over a bucket",
    sought: "by hand",
    store: "objects",
    in: "put",
    find: "self.bucket.guardsWrites ? { etag } : undefined",
    replace: "undefined"
  },
  {
    name: "a result is stored whatever its generation, over a bucket",
    sought: "by hand",
    store: "objects",
    in: "commit",
    find: "return isCurrent ?",
    replace: "return isCurrent || seen.etag !== undefined ?"
  },
  {
    name: "what was invalidated comes back with an older copy of the folder",
    sought: "by hand",
    removes: true,
    in: "open",
    find: "invalidateAgain(self, tables)",
    replace: ""
  },
  {
    name: "a log that was removed separates processes",
    sought: "by hand",
    removes: true,
    in: "stateOf",
    find: `if (!isSame(log, self.log.mark) || !isSame(statOf(self.index.path), self.index.mark)) return "split"`,
    replace: ""
  },
  {
    name: "a step of a guard that another process can step into",
    sought: "by hand",
    in: "over",
    find: "SideFile.write(file, () => change(tables, clock.currentTimeMillisUnsafe()))",
    replace: "change(tables, clock.currentTimeMillisUnsafe())"
  },
  {
    name: "a tier keeps what another process has changed",
    sought: "by hand",
    store: "tiers",
    in: "changed",
    find: `if (change._tag === "Changed") Middle.removeLater(middle, [change.id])`,
    replace: `if (change._tag === "Changed") void 0`
  }
]
