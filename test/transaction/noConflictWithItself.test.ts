/**
 * A transaction that runs alone never conflicts, whatever it does: otherwise it would conflict with itself, and retry
 * forever.
 */
import { describe, expect, it } from "@effect/vitest"
import { Effect, Exit, Schedule } from "effect"
import { Cached, CacheLayer, type Caching, Transaction } from "effect-cached"
import { areDrawn, firstOfToday } from "../simulation/daySeeds.ts"
import { thirdOf } from "../support/everything.ts"

type Step = Effect.Effect<unknown, unknown, Caching.Caching>

const read = Effect.succeed("loaded").pipe(Cached.ttl("k", { ttl: "1 hour" }))
const tagged = Cached.set("k", 1, { ttl: "1 hour", tags: ["t"] })
const rolledBack = (step: Step): Step => Effect.exit(Transaction.run(Effect.andThen(step, Effect.fail("back"))))

const steps: { readonly [name: string]: Step } = {
  getOption: Cached.getOption("k"),
  has: Cached.has("k"),
  getMany: Cached.getMany(["k", "o"]),
  read,
  many: Effect.all([read, Cached.getOption("o")]),
  set: Cached.set("k", 2),
  setTagged: tagged,
  setIfAbsent: Cached.set("k", 3, { ifAbsent: true }),
  setIfPresent: Cached.set("k", 4, { ifPresent: true }),
  setKeepTtl: Cached.set("k", 5, { keepTtl: true }),
  setEnded: Cached.set("k", 6, { ttl: 0 }),
  touch: Cached.touch("k", "2 hours"),
  touchEnded: Cached.touch("k", 0),
  remove: Cached.remove("k"),
  removeMany: Cached.remove(["k", "o", "k"]),
  invalidateTag: Cached.invalidate({ tag: "t" }),
  invalidateTagSoftly: Cached.invalidate({ tag: "t" }, { mode: "soft" }),
  clear: Cached.clear,
  removeMatching: Cached.remove({ matching: "k*" }),
  increment: Cached.counter("n").increment(),
  savepoint: Transaction.run(tagged),
  savepointTouches: Transaction.run(Cached.touch("k", "3 hours")),
  rolledBack: rolledBack(Effect.andThen(Cached.touch("k", "3 hours"), Cached.invalidate({ tag: "t" })))
}

const before: { readonly [name: string]: Step } = {
  nothing: Effect.void,
  "an entry": Cached.set("k", 0, { ttl: "1 hour" }),
  "an entry with the tag": tagged,
  "an entry whose tag was invalidated softly": Effect.andThen(tagged, Cached.invalidate({ tag: "t" }, { mode: "soft" }))
}

const kinds = (["fast", "locked", "serializable"] as const).flatMap((isolation) =>
  Object.keys(before).map((name) => ({ isolation, name }))
)

// A sixth of all 146,004; where everything is tested another one each day.
const part = areDrawn ? Math.floor(firstOfToday / 100_000) % 6 : 2
const drawn = process.env["ALL_TRIPLES"] === "1" ? kinds : kinds.filter((_, i) => i % 6 === part)

const once = { retry: Schedule.recurs(0) }

describe.each(drawn)("$isolation, over $name", ({ isolation, name }) => {
  it.effect("each three steps are committed at the first try", () =>
    Effect.gen(function*() {
      const conflicts: Array<string> = []
      const names = Object.keys(steps)
      for (const [i, first] of names.entries()) {
        for (const [j, second] of names.entries()) {
          for (const third of thirdOf(names, i + j)) {
            yield* Cached.clear
            yield* before[name]!
            const all = Effect.andThen(Effect.andThen(steps[first]!, steps[second]!), steps[third]!)
            const exit = yield* Effect.exit(Transaction.run(all, { isolation, ...once }))
            if (Exit.isFailure(exit)) conflicts.push(`${first}, ${second}, ${third}: ${exit.cause}`)
          }
        }
      }
      expect(conflicts).toEqual([])
    }).pipe(Effect.provide(CacheLayer.memory())), 120_000)
})
