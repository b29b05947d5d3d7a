/** Deliberate faults of caches that URLs and variables choose, of routes, and of caches with disabled operations. */
import type { UnitFault } from "../fault.ts"

export const faults: ReadonlyArray<UnitFault> = [
  {
    name: "a password in a URL is not reported",
    in: "readUrl",
    find: `accountIn(url.authority).password !== ""`,
    replace: `accountIn(url.authority).password === ""`,
    by: "test/config/CacheConfig.test.ts"
  },
  {
    name: "an option in the URL overrides its variable",
    in: "valuesOf",
    find: `reading === undefined || reading === "code"`,
    replace: `reading === undefined || reading === "code" || values.has(option)`,
    by: "test/config/CacheConfig.test.ts"
  },
  {
    name: "a blank variable counts as one that is set",
    in: "variable",
    find: `.trim() === ""`,
    replace: `.trim() === "none"`,
    by: "test/config/CacheConfig.test.ts"
  },
  {
    name: "an operation that is disabled for the whole program works by hand",
    in: "withCaching",
    find: "cache.policy === undefined ? policy",
    replace: "cache.policy !== null ? policy",
    by: "test/layers/withDisabled.test.ts"
  },
  {
    name: "a read of many has the policy of its fiber, not that of its cache",
    in: "underPolicy",
    find: "Fiber.isFiber(first)",
    replace: "Fiber.isFiber(cache)",
    by: "test/layers/withDisabled.test.ts"
  },
  {
    name: "a transaction has the operations that its cache has not",
    in: "underPolicy",
    find: "underPolicy(inside === undefined ? transaction : inside(transaction), change)",
    replace: "transaction",
    by: "test/layers/withDisabled.test.ts"
  },
  {
    name: "results of many are in the order of their caches",
    in: "manyOf",
    find: "results[place] = all[i]![at]!",
    replace: "results.push(all[i]![at]!)",
    by: "test/layers/routed.test.ts"
  },
  {
    name: "a shorter prefix wins",
    in: "routed",
    find: "b.prefix.length - a.prefix.length",
    replace: "a.prefix.length - b.prefix.length",
    by: "test/layers/routed.test.ts"
  },
  {
    name: "a key whose id is a hash is invalidated in the default cache only",
    in: "routeOfId",
    find: "name === undefined ? undefined",
    replace: "name === undefined ? 0",
    by: "test/layers/routed.test.ts"
  },
  {
    name: "a tag of one route only is invalidated",
    in: "onAll",
    find: "everywhere(caches,",
    replace: "everywhere(caches.slice(0, 1),",
    by: "test/layers/routed.test.ts"
  },
  {
    name: "a transaction over two routes is half of one",
    in: "make",
    find: "transaction.beside?.(other) ?? other",
    replace: "other",
    by: "test/layers/routed.test.ts"
  },
  {
    name: "over a disabled default, a transaction undoes nothing",
    in: "mainOf",
    find: "enabled.length === 1",
    replace: "enabled.length === 0",
    by: "test/layers/routed.test.ts"
  },
  {
    name: "over a disabled default and several others, a transaction is none",
    in: "make",
    find: "if (needsOne !== undefined && isUnclear) throw mistake(needsOne)",
    replace: "",
    by: "test/layers/routed.test.ts"
  },
  {
    name: "an entry that a tier cannot read keeps others from loading it",
    in: "packed",
    find: "entry === undefined ? Effect.map(",
    replace: "entry === null ? Effect.map(",
    by: "test/layers/tieredStore.test.ts"
  },
  {
    name: "a profile is set in the default cache, and not in that of the class",
    in: "keyOf",
    find: "{ \"~class\": { name } }",
    replace: "{}",
    by: "test/CacheProfiles.test.ts"
  },
  {
    name: "a tier in the middle is believed whatever it answers",
    in: "make",
    find: "store: validateAnswers(options.store),\n  clock",
    replace: "clock",
    by: "test/layers/tiered.test.ts"
  },
  {
    name: "two tiers may have one folder",
    in: "areSame",
    find: "one.name !== other.name",
    replace: "one.name === other.name",
    by: "test/layers/tiered.test.ts"
  },
  {
    name: "tiers are invalidated from the first to the last",
    in: "removing",
    find: "return Effect.onExit(change, (exit) => {",
    replace: `const first = Effect.forEach(self.middles, (middle, i) => Middle.remove(middle, ids, tokens.at(-1 - i)!))
    return Effect.onExit(Effect.andThen(first, change), (exit) => {
      if (Exit.isSuccess(exit)) return Effect.void`,
    by: "test/layers/tiered.test.ts"
  },
  {
    name: "a tier is filled after the invalidation",
    in: "get",
    find:
      "const answer = yield* standIn === undefined ? last.get(id, tags) : orStandIn(self, last.get(id, tags), standIn)",
    replace:
      `const answer = yield* standIn === undefined ? last.get(id, tags) : orStandIn(self, last.get(id, tags), standIn)
  for (const one of missed) {
    const generations = yield* Middle.begin(one.middle, [id])
    Object.assign(one, { generations })
  }`,
    by: "test/layers/tiered.test.ts"
  },
  {
    name: "the lease of a load is that of the nearest tier",
    in: "over",
    find: "last.acquire(requests)",
    replace: "self.middles[0]!.store.acquire(requests)",
    by: "test/layers/tieredStore.test.ts"
  },
  {
    name: "copies of an earlier process are trusted",
    in: "isTrusted",
    find: "if (self.coherent > 0) return at > self.since",
    replace: "if (self.coherent > 0) return at >= 0",
    by: "test/layers/tiered.test.ts"
  },
  {
    name: "a tier is asked although it has not acknowledged a removal",
    in: "isPending",
    find: "clearing !== undefined || pending.has(id)",
    replace: "clearing !== undefined && pending.has(id)",
    by: "test/layers/tiered.test.ts"
  },
  {
    name: "a tier that fails is reported again and again",
    in: "failed",
    find: "if (self.incident !== undefined) return void (self.incident.at = at)",
    replace: "",
    by: "test/layers/tiered.test.ts"
  },
  {
    name: "a profile is combined with that of an inner layer",
    in: "under",
    find: "classed === undefined || request instanceof Profiled",
    replace: "classed === undefined",
    by: "test/CacheProfiles.test.ts"
  },
  {
    name: "a profile keeps results that the program does not store",
    in: "Parts",
    find: `own === "skip" || !active.hasTimes ? own : lifetime`,
    replace: "!active.hasTimes ? own : lifetime",
    by: "test/CacheProfiles.test.ts"
  },
  {
    name: "a profile that does not fit the strategies so far is set",
    in: "operations",
    find: "for (const strategy of classed.seen) Profiles.plan(active, strategy)",
    replace: "",
    by: "test/CacheProfiles.test.ts"
  },
  {
    name: "a profile in a transaction is none",
    in: "make",
    find: "make(inside === undefined ? transaction : inside(transaction), classes)",
    replace: "inside === undefined ? transaction : inside(transaction)",
    by: "test/CacheProfiles.test.ts"
  },
  {
    name: "an empty variable of a profile counts as one that is set",
    in: "addVariable",
    find: `text.trim() !== ""`,
    replace: "true",
    by: "test/config/profiles.test.ts"
  },
  {
    name: "JSON of profiles overrides single variables",
    in: "addVariable",
    find: "texts.get(one.className)!.set(one.option,",
    replace: "if (!texts.get(one.className)!.has(one.option)) texts.get(one.className)!.set(one.option,",
    by: "test/config/profiles.test.ts"
  },
  {
    name: "a tier in the middle has a serializer that is ignored",
    in: "build",
    find: "isUsual || tier.serializer === serializer",
    replace: "true",
    by: "test/layers/tiered.test.ts"
  }
]
