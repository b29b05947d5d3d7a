/** Test laws for the counters of a store. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { StoreError } from "../../CacheError.ts"
import { same } from "../law.ts"
import type { Singly } from "./singly.ts"
import { type Check, excused, oddTexts } from "./storeFixtures.ts"

const most = Number.MAX_SAFE_INTEGER

const reasonOf = (effect: Effect.Effect<unknown, StoreError>) => Effect.map(Effect.flip(effect), ({ reason }) => reason)

const allExcused = (laws: Record<string, Check>): Record<string, Check> =>
  Object.fromEntries(Object.entries(laws).map(([name, check]) => [name, (store) => excused(check(store))]))

const listed = (store: Singly, prefix?: string) =>
  Effect.map(
    Stream.runCollect(store.scanCounters({ prefix })),
    (all) => all.toSorted((a, b) => a.name < b.name ? -1 : 1)
  )

export const counterLaws = allExcused({
  "increment adds to a counter that starts at 0": Effect.fnUntraced(function*(store) {
    yield* same(yield* store.increment("n", 2), 2, "2")
    yield* same(yield* store.increment("n", -3), -1, "-1")
    yield* same(yield* store.increment("m", 1), 1, "another counter")
    for (const [i, name] of oddTexts.entries()) {
      yield* same(yield* store.increment(name, i + 1), i + 1, `odd name ${i}`)
    }
  }),

  "concurrent increments are all counted": Effect.fnUntraced(function*(store) {
    yield* Effect.all(Array.from({ length: 100 }, () => store.increment("n", 1)), { concurrency: "unbounded" })
    yield* same(yield* store.increment("n", 0), 100, "100")
  }),

  "a counter expires at the time given at its creation": Effect.fnUntraced(function*(store) {
    const now = yield* Clock.currentTimeMillis
    yield* store.increment("n", 5, { expiresAt: now + 2000 })
    yield* same(yield* store.increment("n", 1, { expiresAt: now + 900_000 }), 6, "not yet")
    yield* Effect.sleep("3 seconds")
    yield* same(yield* store.increment("n", 1), 1, "it starts again")
    yield* Effect.sleep("3 seconds")
    yield* same(yield* store.increment("n", 1), 2, "and stays")
  }),

  "a sum that is not a safe integer fails and changes nothing": Effect.fnUntraced(function*(store) {
    yield* store.increment("n", most)
    yield* store.increment("m", -most)
    for (
      const [name, by] of [["n", 1], ["n", most], ["m", -1], ["none", 0.5], ["none", most + 1], ["n", NaN]] as const
    ) {
      yield* same(yield* reasonOf(store.increment(name, by)), "OutOfRange", `${name} and ${by}`)
    }
    yield* same(yield* store.increment("n", 0), most, "as it was")
    yield* same(yield* store.increment("m", 0), -most, "as it was")
    yield* same(yield* store.increment("none", 1), 1, "was never made")
  }),

  "increment by 0 reads the counter and creates none": Effect.fnUntraced(function*(store) {
    const now = yield* Clock.currentTimeMillis
    yield* same(yield* store.increment("n", 0, { expiresAt: now + 2000 }), 0, "0")
    yield* same(yield* store.counter("n"), undefined, "there is none")
    yield* store.increment("n", 1)
    yield* same((yield* store.counter("n"))?.expiresAt, Infinity, "it is made without an end")
  }),

  "counter answers the value and the expiry": Effect.fnUntraced(function*(store) {
    const expiresAt = (yield* Clock.currentTimeMillis) + 2000
    yield* same(yield* store.counter("n"), undefined, "none")
    yield* store.increment("n", 5, { expiresAt })
    yield* same(yield* store.counter("n"), { value: 5, expiresAt }, "as it was made")
    yield* Effect.sleep("3 seconds")
    yield* same(yield* store.counter("n"), undefined, "expired")
  }),

  "touchCounter changes only the expiry": Effect.fnUntraced(function*(store) {
    const now = yield* Clock.currentTimeMillis
    yield* same(yield* store.touchCounter("n", now + 1000), false, "there is none")
    yield* same(yield* store.counter("n"), undefined, "and none was made")
    yield* store.increment("n", 5, { expiresAt: now + 2000 })
    yield* same(yield* store.touchCounter("n", Infinity), true, "touched")
    yield* same(yield* store.counter("n"), { value: 5, expiresAt: Infinity }, "for ever")
    yield* same(yield* store.touchCounter("n", now + 2000), true, "touched again")
    yield* Effect.sleep("3 seconds")
    yield* same(yield* store.touchCounter("n", now + 900_000), false, "it has expired")
    yield* same(yield* store.increment("n", 1), 1, "it starts again")
  }),

  "removeCounter answers whether there was a counter": Effect.fnUntraced(function*(store) {
    const now = yield* Clock.currentTimeMillis
    yield* store.increment("n", 5)
    yield* store.increment("m", 1)
    yield* same(yield* store.removeCounter("n"), true, "there was one")
    yield* same(yield* store.removeCounter("n"), false, "there is none")
    yield* same(yield* store.increment("n", 1), 1, "it starts again")
    yield* same(yield* store.increment("m", 0), 1, "the other is left alone")
    yield* store.increment("short", 1, { expiresAt: now + 2000 })
    yield* Effect.sleep("3 seconds")
    yield* same(yield* store.removeCounter("short"), false, "it has expired")
  }),

  "scanCounters gives every counter once, with its value and expiry": Effect.fnUntraced(function*(store) {
    const expiresAt = (yield* Clock.currentTimeMillis) + 900_000
    yield* same(yield* listed(store), [], "there are none")
    yield* store.increment("n", 5)
    yield* store.increment("n", -2)
    yield* store.increment("m", 1, { expiresAt })
    yield* same(
      yield* listed(store),
      [{ name: "m", value: 1, expiresAt }, { name: "n", value: 3, expiresAt: Infinity }],
      "both"
    )
    yield* store.removeCounter("m")
    yield* same((yield* listed(store)).map(({ name }) => name), ["n"], "one was removed")
  }),

  "scanCounters takes a prefix literally": Effect.fnUntraced(function*(store) {
    for (const name of ["a*b", "axb", "a*", "b"]) yield* store.increment(name, 1)
    yield* same((yield* listed(store, "a*")).map(({ name }) => name), ["a*", "a*b"], "those that begin with a*")
    for (const name of oddTexts) yield* store.increment(name, 1)
    const odd = new Set((yield* listed(store)).map(({ name }) => name))
    yield* same(oddTexts.filter((name) => !odd.has(name)), [], "odd names are listed")
  }),

  "scanCounters gives all of 600 counters": Effect.fnUntraced(function*(store) {
    const names = Array.from({ length: 600 }, (_, i) => `n${i}`)
    yield* Effect.forEach(names, (name) => store.increment(name, 1), { discard: true })
    yield* same((yield* listed(store)).map(({ name }) => name), names.toSorted(), "all, each once")
  }),

  "clear removes the counters": Effect.fnUntraced(function*(store) {
    yield* store.increment("n", 5)
    yield* store.clear
    yield* same(yield* store.counter("n"), undefined, "none")
    yield* same(yield* store.increment("n", 1), 1, "it starts again")
  }),

  "a counter and an entry of one name are independent": Effect.fnUntraced(function*(store) {
    yield* store.increment("id", 1)
    yield* same((yield* store.get("id", [])).entry, undefined, "no entry")
    yield* same(yield* store.remove("id"), false, "none to remove")
    yield* same(yield* store.increment("id", 1), 2, "and the counter stays")
  })
})
