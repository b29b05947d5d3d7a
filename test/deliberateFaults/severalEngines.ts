/** Deliberate faults that seeded schedules of several engines on one store find. */
import { type Fault, faultsOf } from "./fault.ts"

export const faults: ReadonlyArray<Fault> = faultsOf([
  ["changes are not applied", "poll", "applyChange(self, tier, one)", "void one"],
  ["gaps are ignored", "applyChange", `case "Gap":`, ""],
  [
    "leases are not asked for",
    "acquireLeases",
    "\"shareLoad\") ?? store.capabilities.shared",
    "\"shareLoad\") ?? false",
    { sought: "always" }
  ],
  [
    "leases are not exclusive",
    "take",
    "if (left === 0 || lease.owner === owner) {",
    "if (left < Infinity || lease.owner === owner) {"
  ],
  [
    "pending invalidations are not respected",
    "isPending",
    "self.all !== undefined || (self.ids.size > 0 && self.ids.has(id))",
    "self.all !== undefined && (self.ids.size > 0 && self.ids.has(id))"
  ],
  [
    "two processes make the same tokens",
    "make",
    "tokens = Tokens.make(Context.get(context, Tokens.Seed))",
    "tokens = Tokens.make(() => Uint32Array.of(1, 2, 3, 4))"
  ],
  [
    "waits for ever",
    "joinOf",
    "waitMillis !== undefined && waitedMillis >= waitMillis",
    "waitMillis !== undefined && waitedMillis >= waitMillis * 1000"
  ],
  [
    "loads beside the holder before `wait` is over",
    "joinOf",
    "waitMillis !== undefined && waitedMillis >= waitMillis",
    "waitMillis !== undefined && waitedMillis >= waitMillis * 0.8"
  ],
  ["what has ended is stored", "commit", "if (!self.leases.isCurrent(id, generation, now)) return false", ""],
  [
    "owner and generation are one",
    "take",
    "if (lease.owner !== owner) lease.joinedAt = undefined",
    `if (lease.owner !== owner) {
      lease.joinedAt = undefined
      ;(lease as { generation: string }).generation = owner
    }`
  ],
  [
    "what a transaction has set is in memory before its commit",
    "setNow",
    "Entries.put(self.own, entry, now)",
    "Entries.put(self.own, entry, now); Entries.put(self.root.base, copyOf(entry, { bornAt: self.root.base.tagEpochs.epoch }), now)",
    { draws: ["transactions"] }
  ],
  ["a commit leaves what memory has of before it", "settle", "return void forget(base, item.id)", "return", {
    draws: ["transactions"]
  }],
  [
    "what a transaction sets ends no generation",
    "carryOut",
    "Entries.setAll(self, [step], now)",
    "Entries.write(self, step.id, step.entry, now)",
    { draws: ["transactions"] }
  ],
  ["a transaction does not read what it has set", "setNow", "Entries.put(self.own, entry, now)", "", {
    draws: ["transactions"]
  }],
  [
    "changes that the store reports by itself are not applied",
    "follow",
    "if (change?._tag !== \"Coherent\") return applyChange(self, tier, change)",
    "if (change?._tag !== \"Coherent\") return",
    { draws: ["pushes"] }
  ],
  [
    "memory keeps what may have changed without a report",
    "markTracked",
    "if (wasTracked) return unverifyAll(self, tier)",
    "if (wasTracked) return",
    { draws: ["pushes"] }
  ],
  [
    "what the store did not acknowledge is not sent again",
    "markUnsent",
    "Pending.markUnsent(tier.pending, item)",
    "Pending.acknowledge(tier.pending, item)",
    { draws: ["pushes"] }
  ],
  // About one schedule of 2,000 finds it.
  ["no second local drop", "acknowledged", "item.target._tag === \"Tags\"", "false", {
    sought: "by hand",
    draws: ["pushes"]
  }],
  [
    "tag versions are read after the load",
    "prepare",
    "const own = yield* versionsToWrite(asking, dependencies?.own ?? entry.tags, declaredTags(self, request), markers)",
    `const after = yield* ask(tier, asking.budget, "markers", tier.store.markers(declaredTags(self, request)))
const own = yield* versionsToWrite(asking, dependencies?.own ?? entry.tags, declaredTags(self, request), isFault(after) ? markers : after)`,
    { draws: ["pushes"] }
  ],
  [
    "several ids are removed here, and not from the store",
    "removeFromStore",
    "store.remove(wave)",
    "Effect.succeed(wave.map(() => true))",
    { draws: ["byHand"] }
  ],
  [
    "what a look-up has found enters memory, however old it is",
    "completeWave",
    "const isNewest = !Memory.hasNewer",
    "const isNewest = self.mutations >= mutations || !Memory.hasNewer",
    { draws: ["byHand"] }
  ],
  ["a cache without memory has one", "layerParts", "flag(name, given) ? {} : { capacity: 0 }", "({})", {
    draws: ["layers"]
  }],
  [
    "a call for several ids answers for the wrong one",
    "beginCall",
    "Exit.isFailure(exits) ? exits : exits.value[place]!",
    "Exit.isFailure(exits) ? exits : exits.value[exits.value.length - 1 - place]!",
    { draws: ["classes"] }
  ],
  [
    "a pattern does not concern what is being loaded",
    "ids",
    "Stream.concat(store.scanLoads({ prefix }), Stream.filter(entries, (id) => !isPage(id)))",
    "Stream.filter(entries, (id) => !isPage(id))",
    { draws: ["patterns"] }
  ],
  ["a pattern is not reported", "report", "store.invalidateTags([ofPattern + pattern])", "Effect.void", {
    draws: ["patterns"]
  }],
  [
    "a reported pattern is not applied",
    "applyChange",
    "if (matches !== undefined) applyPattern(self, tier, matches)",
    "",
    { draws: ["patterns"] }
  ],
  ["a clock that is set back prolongs what memory has", "WallTime", "this.setBackMillis += Math.ceil(setBack)", "", {
    draws: ["setBack"]
  }],
  // About one schedule of 6,000 finds it.
  ["a clock that is set back prolongs what the store has", "isOver", "now + time.olderBy(meta.createdAt)", "now", {
    sought: "by hand",
    draws: ["setBack"]
  }],
  ["what the store has of the future is served", "hasEnded", " || createdAt - now > clocks.aheadMillis", "", {
    draws: ["setBack"]
  }]
])
