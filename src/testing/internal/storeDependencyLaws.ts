/** Test laws for the markers of ids and of groups of ids, which stores with `capabilities.dependencies` support. */
import * as Effect from "effect/Effect"
import { same } from "../law.ts"
import type { Singly } from "./singly.ts"
import { acquireLease, asking, type Check, entry, writeId } from "./storeFixtures.ts"

const law = (check: Check): Check => (store) => store.capabilities.dependencies ? check(store) : Effect.void

const tags = ["~=a:1", "~*a", "~=a:2"]

const versionsOf = (store: Singly) => Effect.map(store.get("none", tags), ({ versions }) => versions)

/** Checks which markers remain after a step: those of an id, of its group, and of another id in the group. */
const leaves = (step: (store: Singly) => Effect.Effect<unknown, unknown>, left: ReadonlyArray<boolean>): Check =>
  law(Effect.fnUntraced(function*(store) {
    const before = (yield* store.markers(tags)).markers.map(({ version }) => version)
    yield* step(store)
    const after = yield* versionsOf(store)
    // The second marker belongs to the group. A store that supports only the markers of ids does not remove it.
    const isKept = (i: number) => left[i] === true || (i === 1 && store.capabilities.dependencies === "ids")
    yield* same(after, before.map((version, i) => isKept(i) ? version : undefined), "what is left")
  }))

const all = [true, true, true]
const others = [false, false, true]

export const dependencyLaws: Record<string, Check> = {
  "a removal ends the markers of its id and of the group, though nothing is stored": leaves(
    (store) => store.remove("a:1"),
    others
  ),
  "so does a removal of many": leaves((store) => store.many.remove(["b:1", "a:1"]), others),
  "so does a write by hand": leaves((store) => store.set("a:1", entry(1)), others),
  "so does a write of many": leaves((store) => store.many.set([{ id: "a:1", entry: entry(1) }]), others),
  "so does a transaction": leaves(
    (store) =>
      store.transact === undefined
        ? store.remove("a:1")
        : store.transact({ checks: [], steps: [{ _tag: "Remove", id: "a:1" }] }),
    others
  ),
  "a commit and a touch leave them": leaves(
    Effect.fnUntraced(function*(store) {
      const generation = yield* acquireLease(store, "a:1", asking("a"))
      yield* same(yield* store.commit("a:1", generation, entry(1)), true, "committed")
      yield* store.touch("a:1", { softExpiresAt: Infinity, expiresAt: Infinity })
      yield* store.acquire("a:1", {
        owner: "b",
        leaseMillis: 1000,
        rejectedWriteId: writeId(1),
        join: false
      })
    }),
    all
  ),
  "a write whose condition does not hold leaves them": leaves(
    (store) => store.set("a:1", entry(1), { _tag: "IfPresent" }),
    all
  )
}
