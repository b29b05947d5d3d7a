/** Deliberate faults that the consistency check between real processes finds. */
import { type Fault, faultsOf } from "./fault.ts"
import { ordering } from "./units/sql.ts"

export interface ProcessFault extends Fault {
  /** It is found where files are removed and replaced, and the disk is full. */
  readonly removes?: boolean
  /** It is found on a server, or on machines whose folders are tiers before one. */
  readonly store?: "objects" | "postgres" | "redis" | "tiers"
}

const onBoth = faultsOf<ProcessFault>([
  ["no second local drop", "acknowledged", "item.target._tag === \"Tags\"", "false", { sought: "by hand" }],
  [
    "tag versions are read after the load",
    "prepare",
    "const own = yield* versionsToWrite(asking, dependencies?.own ?? entry.tags, declaredTags(self, request), markers)",
    `const after = yield* ask(tier, asking.budget, "markers", tier.store.markers(declaredTags(self, request)))
const own = yield* versionsToWrite(asking, dependencies?.own ?? entry.tags, declaredTags(self, request), isFault(after) ? markers : after)`,
    { sought: "by hand" }
  ]
])

const onRedis = faultsOf<ProcessFault>([
  ["an answer asked for before a change was reported enters memory", "applyChange", "noteChanged(flight)", "", {
    also: [{ in: "applyChange", find: "noteChange(self, change.id)", replace: "" }]
  }],
  [
    "memory keeps what may have changed without a report",
    "markTracked",
    "if (wasTracked) return unverifyAll(self, tier)",
    "if (wasTracked) return"
  ],
  [
    "what the store did not acknowledge is not sent again",
    "markUnsent",
    "Pending.markUnsent(tier.pending, item)",
    "Pending.acknowledge(tier.pending, item)"
  ],
  [
    "owner and generation are one",
    "acquire",
    `if held[2] ~= owner then redis.call("HDEL", l, "j") end`,
    `if held[2] ~= owner then
    held[1] = fresh
    redis.call("HSET", l, "g", fresh)
    redis.call("HDEL", l, "j")
  end`
  ],
  ["no generation guard", "write", `ownOf("HGET", KEYS[keyAt + 2], "g") ~= ARGV[at + 2]`, "false"]
])

export const faults: ReadonlyArray<ProcessFault> = [
  ...faultsOf<ProcessFault>([
    [
      "the results of a bulk call are guarded by one generation",
      "commitAll",
      "requests = commits.map(({ entry, generation, id }) => ({ id, generation, entry }))",
      "requests = commits.map(({ entry, id }) => ({ id, generation: commits[0]!.generation, entry }))"
    ],
    [
      "keys that are removed together stay in the store",
      "removeAll",
      "return dropEntry(self, id) && was",
      "return was"
    ],
    [
      "a lease is not exclusive",
      "leftOf",
      "Math.max(0, Math.min(until - now, leaseMillis))",
      "Math.min(0, Math.max(until - now, leaseMillis))",
      { sought: "by hand" }
    ],
    [
      "a missing marker counts as unchanged",
      "validityOf",
      "if (now === version) continue",
      "if (now === undefined || now === version) continue"
    ],
    ["an answer older than a change is used", "applyChange", "noteChanged(flight)", "", { sought: "by hand" }],
    [
      "the store is used despite a pending invalidation",
      "isPending",
      "self.all !== undefined || (self.ids.size > 0 && self.ids.has(id))",
      "self.all !== undefined || (self.ids.size < 0 && self.ids.has(id))",
      { sought: "by hand" }
    ],
    [
      "changes are ignored",
      "poll",
      "applyChange(self, tier, one)",
      `{ if (change._tag === "Coherent") applyChange(self, tier, one) }`,
      { sought: "always" }
    ],
    ["no epoch step after a gap", "applyChange", `case "Gap":`, "", { sought: "by hand" }],
    ["no epoch step before a pause", "rest", "self.tagEpochs.epoch++", "", { sought: "by hand" }],
    ["no generation guard", "commit", "if (!self.leases.isCurrent(id, generation, now)) return false", ""],
    [
      "a look-up does not wait for a commit of its keys",
      "lookup",
      "current === undefined || !meets(self, current)",
      "true",
      { sought: "by hand" }
    ],
    [
      "reports of a server are ignored",
      "listen",
      "for (const change of Published.changesIn(published, String(text)))",
      `for (const change of Published.changesIn(published, String(text)).filter(({ _tag }) => _tag !== "Changed"))`,
      { store: "redis" }
    ]
  ]),
  ...onBoth,
  ...[...onBoth, ...onRedis].map((fault): ProcessFault => ({
    sought: "by hand",
    ...fault,
    name: `${fault.name}, over Redis`,
    store: "redis"
  })),
  ...ordering.map((fault): ProcessFault => ({ ...fault, sought: "by hand", store: "postgres" })),
  ...faultsOf<ProcessFault>([
    ["an unconditional PUT, over a bucket", "put", "self.bucket.guardsWrites ? { etag } : undefined", "undefined", {
      sought: "by hand",
      store: "objects"
    }],
    [
      "a result is stored whatever its generation, over a bucket",
      "commit",
      "return isCurrent ?",
      "return isCurrent || seen.etag !== undefined ?",
      { sought: "by hand", store: "objects" }
    ],
    ["what was invalidated comes back with an older copy of the folder", "open", "invalidateAgain(self, tables)", "", {
      sought: "by hand",
      removes: true
    }],
    [
      "a log that was removed separates processes",
      "stateOf",
      `if (!isSame(log, self.log.mark) || !isSame(statOf(self.index.path), self.index.mark)) return "split"`,
      "",
      { sought: "by hand", removes: true }
    ],
    [
      "a step of a guard that another process can step into",
      "over",
      "SideFile.write(file, () => change(tables, clock.currentTimeMillisUnsafe()))",
      "change(tables, clock.currentTimeMillisUnsafe())",
      { sought: "by hand" }
    ],
    [
      "a tier keeps what another process has changed",
      "changed",
      `if (change._tag === "Changed") Middle.removeLater(middle, [change.id])`,
      `if (change._tag === "Changed") void 0`,
      { sought: "by hand", store: "tiers" }
    ]
  ])
]
