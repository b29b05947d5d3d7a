/** The law of a store that reads what it removes: all of the library but those over a storage of three functions. */
import { Clock, Effect, type Scope } from "effect"
import type { CacheEntry, Store } from "effect-cached/adapters"
import type { Law } from "effect-cached/testing"
import { singly } from "../../src/testing/internal/singly.ts"
import { same } from "../../src/testing/law.ts"
import { stored } from "./stored.ts"

const entry = (more?: Partial<CacheEntry.Meta>) =>
  stored(Uint8Array.of(1, 2, 3), { writeId: "00000000000000000000000000000001", ...more })

const check = Effect.fnUntraced(function*(store: Store.Store) {
  const { markers } = yield* store.markers(["tag"])
  const tags = [{ tag: "tag", version: markers[0]!.version }]
  const soon = (yield* Clock.currentTimeMillis) + 2000
  for (const id of ["tagged", "tagged:2"]) yield* singly(store).set(id, entry({ tags }))
  for (const id of ["short", "short:2"]) yield* singly(store).set(id, entry({ expiresAt: soon }))
  for (const id of ["stale", "stale:2"]) yield* singly(store).set(id, entry({ softExpiresAt: soon }))
  yield* store.invalidateTags(["tag"], "hard")
  yield* Effect.sleep("3 seconds")
  yield* same(yield* singly(store).remove("tagged"), false, "its tag was invalidated")
  yield* same(yield* singly(store).remove("short"), false, "it has expired")
  yield* same(yield* singly(store).remove("stale"), true, "what is stale is there")
  yield* same(yield* store.remove(["tagged:2", "short:2", "stale:2"]), [false, false, true], "the same of many")
})

export const endedRemovals = <E>(make: Effect.Effect<Store.Store, E, Scope.Scope>): Law => ({
  name: "remove and removeMany answer that there was none where it has expired, or is gone by a tag",
  run: Effect.scoped(Effect.flatMap(make, check))
})
