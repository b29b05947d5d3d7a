/** A bounded map drops the keys that were set first, whatever was removed or set again meanwhile. */
import { expect, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { remember } from "../../src/internal/remember.ts"

const Step = Schema.Struct({
  what: Schema.Literals(["set", "set", "set", "remove", "clear"]),
  key: Schema.Literals(["a", "b", "c", "d", "e", "f", "g"])
})

it.effect.prop(
  "the oldest key leaves, after any removals",
  { steps: Schema.Array(Step), most: Schema.Literals([1, 2, 3, 5]) },
  ({ most, steps }) =>
    Effect.sync(() => {
      const map = new Map<string, number>()
      let known: ReadonlyArray<string> = []
      for (const [i, { key, what }] of steps.entries()) {
        const others = known.filter((one) => one !== key)
        if (what === "clear") {
          map.clear()
          known = []
        } else if (what === "remove") {
          map.delete(key)
          known = others
        } else {
          known = [...others, key]
          const dropped = known.length > most ? known[0] : undefined
          expect(remember(map, key, i, most)).toBe(dropped)
          if (dropped !== undefined) known = known.slice(1)
        }
        expect(Array.from(map.keys())).toEqual(known)
      }
    }),
  { arbitrary: { runs: 300 } }
)
