/** Deliberate faults of caches that URLs and variables choose, of routes, and of caches with disabled operations. */
import type { UnitFault } from "../fault.ts"

export const faults: ReadonlyArray<UnitFault> = [
  {
    name: "results of many are in the order of their caches",
    in: "manyOf",
    find: "results[place] = all[i]![at]!",
    replace: "results.push(all[i]![at]!)",
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
    in: "read",
    find: "for (const { versions } of answers)",
    replace: `for (const one of missed) {
        const generations = yield* Middle.begin(one.middle, asked)
        Object.assign(one, { generations })
      }
      for (const { versions } of answers)`,
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
    name: "JSON of profiles overrides single variables",
    in: "addVariable",
    find: "texts.get(one.className)!.set(one.option,",
    replace: "if (!texts.get(one.className)!.has(one.option)) texts.get(one.className)!.set(one.option,",
    by: "test/config/profiles.test.ts"
  }
]
