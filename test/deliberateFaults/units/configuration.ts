/** Deliberate faults of caches that URLs and variables choose, of routes, and of caches with disabled operations. */
import { foundBy, type UnitFault } from "../fault.ts"

export const faults: ReadonlyArray<UnitFault> = [
  ...foundBy("test/layers/routed.test.ts", [
    [
      "results of many are in the order of their caches",
      "manyOf",
      "results[place] = all[i]![at]!",
      "results.push(all[i]![at]!)"
    ],
    [
      "a key whose id is a hash is invalidated in the default cache only",
      "routeOfId",
      "name === undefined ? undefined",
      "name === undefined ? 0"
    ],
    ["a tag of one route only is invalidated", "onAll", "everywhere(caches,", "everywhere(caches.slice(0, 1),"]
  ]),
  ...foundBy("test/CacheProfiles.test.ts", [
    ["a profile is set in the default cache, and not in that of the class", "keyOf", "{ \"~class\": { name } }", "{}"]
  ]),
  ...foundBy("test/layers/tiered.test.ts", [
    [
      "a tier in the middle is believed whatever it answers",
      "make",
      "store: validateAnswers(options.store),\n  clock",
      "clock"
    ],
    [
      "tiers are invalidated from the first to the last",
      "removing",
      "return Effect.onExit(change, (exit) => {",
      `const first = Effect.forEach(self.middles, (middle, i) => Middle.remove(middle, ids, tokens.at(-1 - i)!))
    return Effect.onExit(Effect.andThen(first, change), (exit) => {
      if (Exit.isSuccess(exit)) return Effect.void`
    ],
    [
      "a tier is filled after the invalidation",
      "read",
      "for (const { versions } of answers)",
      `for (const one of missed) {
        const generations = yield* Middle.begin(one.middle, asked)
        Object.assign(one, { generations })
      }
      for (const { versions } of answers)`
    ]
  ]),
  ...foundBy("test/layers/tieredStore.test.ts", [
    [
      "the lease of a load is that of the nearest tier",
      "over",
      "last.acquire(requests)",
      "self.middles[0]!.store.acquire(requests)"
    ]
  ]),
  ...foundBy("test/config/profiles.test.ts", [
    [
      "JSON of profiles overrides single variables",
      "addVariable",
      "texts.get(one.className)!.set(one.option,",
      "if (!texts.get(one.className)!.has(one.option)) texts.get(one.className)!.set(one.option,"
    ]
  ])
]
