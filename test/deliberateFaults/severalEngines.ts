/** Deliberate faults that seeded schedules of several engines on one store find. */
import type { Fault } from "./fault.ts"

export const faults: ReadonlyArray<Fault> = [
  {
    name: "changes are not applied",
    in: "poll",
    find: "applyChange(self, tier, one)",
    replace: "void one"
  },
  { name: "gaps are ignored", in: "applyChange", find: `case "Gap":`, replace: "" },
  {
    name: "leases are not asked for",
    sought: "always",
    in: "acquireLeases",
    find: "\"shareLoad\") ?? store.capabilities.shared",
    replace: "\"shareLoad\") ?? false"
  },
  {
    name: "leases are not exclusive",
    in: "take",
    find: "if (left === 0 || lease.owner === owner) {",
    replace: "if (left < Infinity || lease.owner === owner) {"
  },
  {
    name: "pending invalidations are not respected",
    in: "isPending",
    find: "self.all !== undefined || (self.ids.size > 0 && self.ids.has(id))",
    replace: "self.all !== undefined && (self.ids.size > 0 && self.ids.has(id))"
  },
  {
    name: "two processes make the same tokens",
    in: "make",
    find: "tokens = Tokens.make(Context.get(context, Tokens.Seed))",
    replace: "tokens = Tokens.make(() => Uint32Array.of(1, 2, 3, 4))"
  },
  {
    name: "waits for ever",
    in: "joinOf",
    find: "waitMillis !== undefined && waitedMillis >= waitMillis",
    replace: "waitMillis !== undefined && waitedMillis >= waitMillis * 1000"
  },
  {
    name: "loads beside the holder before `wait` is over",
    in: "joinOf",
    find: "waitMillis !== undefined && waitedMillis >= waitMillis",
    replace: "waitMillis !== undefined && waitedMillis >= waitMillis * 0.8"
  },
  {
    name: "what has ended is stored",
    in: "commit",
    find: "if (!self.leases.isCurrent(id, generation, now)) return false",
    replace: ""
  },
  {
    name: "owner and generation are one",
    in: "take",
    find: "if (lease.owner !== owner) lease.joinedAt = undefined",
    replace: `if (lease.owner !== owner) {
      lease.joinedAt = undefined
      ;(lease as { generation: string }).generation = owner
    }`
  },
  {
    name: "what a transaction has set is in memory before its commit",
    draws: ["transactions"],
    in: "setNow",
    find: "Entries.put(self.own, entry, now)",
    replace:
      "Entries.put(self.own, entry, now); Entries.put(self.root.base, copyOf(entry, { bornAt: self.root.base.tagEpochs.epoch }), now)"
  },
  {
    name: "a commit leaves what memory has of before it",
    draws: ["transactions"],
    in: "settle",
    find: "return void forget(base, item.id)",
    replace: "return"
  },
  {
    name: "what a transaction sets ends no generation",
    draws: ["transactions"],
    in: "carryOut",
    find: "Entries.setAll(self, [step], now)",
    replace: "Entries.write(self, step.id, step.entry, now)"
  },
  {
    name: "a transaction does not read what it has set",
    draws: ["transactions"],
    in: "setNow",
    find: "Entries.put(self.own, entry, now)",
    replace: ""
  },
  {
    name: "changes that the store reports by itself are not applied",
    draws: ["pushes"],
    in: "follow",
    find: "if (change?._tag !== \"Coherent\") return applyChange(self, tier, change)",
    replace: "if (change?._tag !== \"Coherent\") return"
  },
  {
    name: "memory keeps what may have changed without a report",
    draws: ["pushes"],
    in: "markTracked",
    find: "if (wasTracked) return unverifyAll(self, tier)",
    replace: "if (wasTracked) return"
  },
  {
    name: "what the store did not acknowledge is not sent again",
    draws: ["pushes"],
    in: "markUnsent",
    find: "Pending.markUnsent(tier.pending, item)",
    replace: "Pending.acknowledge(tier.pending, item)"
  },
  {
    name: "no second local drop",
    // About one schedule of 2,000 finds it.
    sought: "by hand",
    draws: ["pushes"],
    in: "acknowledged",
    find: "item.target._tag === \"Tags\"",
    replace: "false"
  },
  {
    name: "tag versions are read after the load",
    draws: ["pushes"],
    in: "prepare",
    find:
      "const own = yield* versionsToWrite(asking, dependencies?.own ?? entry.tags, declaredTags(self, request), markers)",
    replace: `const after = yield* ask(tier, asking.budget, "markers", tier.store.markers(declaredTags(self, request)))
const own = yield* versionsToWrite(asking, dependencies?.own ?? entry.tags, declaredTags(self, request), isFault(after) ? markers : after)`
  },
  {
    name: "several ids are removed here, and not from the store",
    draws: ["byHand"],
    in: "removeFromStore",
    find: "store.remove(wave)",
    replace: "Effect.succeed(wave.map(() => true))"
  },
  {
    name: "what a look-up has found enters memory, however old it is",
    draws: ["byHand"],
    in: "completeWave",
    find: "const isNewest = !Memory.hasNewer",
    replace: "const isNewest = self.mutations >= mutations || !Memory.hasNewer"
  },
  {
    name: "a cache without memory has one",
    draws: ["layers"],
    in: "layerParts",
    find: "flag(name, given) ? {} : { capacity: 0 }",
    replace: "({})"
  },
  {
    name: "a call for several ids answers for the wrong one",
    draws: ["classes"],
    in: "beginCall",
    find: "Exit.isFailure(exits) ? exits : exits.value[place]!",
    replace: "Exit.isFailure(exits) ? exits : exits.value[exits.value.length - 1 - place]!"
  },
  {
    name: "a pattern does not concern what is being loaded",
    draws: ["patterns"],
    in: "ids",
    find: "Stream.concat(store.scanLoads({ prefix }), Stream.filter(entries, (id) => !isPage(id)))",
    replace: "Stream.filter(entries, (id) => !isPage(id))"
  },
  {
    name: "a pattern is not reported",
    draws: ["patterns"],
    in: "report",
    find: "store.invalidateTags([ofPattern + pattern])",
    replace: "Effect.void"
  },
  {
    name: "a reported pattern is not applied",
    draws: ["patterns"],
    in: "applyChange",
    find: "if (matches !== undefined) applyPattern(self, tier, matches)",
    replace: ""
  },
  {
    name: "a clock that is set back prolongs what memory has",
    draws: ["setBack"],
    in: "WallTime",
    find: "this.setBackMillis += Math.ceil(setBack)",
    replace: ""
  },
  {
    name: "a clock that is set back prolongs what the store has",
    // About one schedule of 6,000 finds it.
    sought: "by hand",
    draws: ["setBack"],
    in: "isOver",
    find: "now + time.olderBy(meta.createdAt)",
    replace: "now"
  },
  {
    name: "what the store has of the future is served",
    draws: ["setBack"],
    in: "hasEnded",
    find: " || createdAt - now > clocks.aheadMillis",
    replace: ""
  }
]
