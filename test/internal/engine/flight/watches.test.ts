/** Notes of changes while calls for many keys run: one list for all of them, of bounded length. */
import { expect, it } from "@effect/vitest"
import { watchedIds } from "../../../../src/internal/defaults/bounds.ts"
import * as Watches from "../../../../src/internal/engine/flight/watches.ts"
import * as TagEpochs from "../../../../src/internal/engine/memory/tagEpochs.ts"
import type { Flights } from "../../../../src/internal/engine/state.ts"

const engine = (): Flights => ({ tagEpochs: TagEpochs.make(), watches: Watches.make() }) as Flights

it("a watch sees the changes since it began, and none before", () => {
  const self = engine()
  const first = Watches.begin(self)
  Watches.noteChange(self, "a")
  const second = Watches.begin(self)
  Watches.noteChange(self, "b")
  const changed = (watch: Watches.Watch) => ["a", "b", "c"].filter((id) => Watches.hasChanged(self, watch, id))
  expect([changed(first), changed(second)]).toEqual([["a", "b"], ["b"]])
  Watches.noteChange(self, "a")
  expect(changed(second)).toEqual(["a", "b"])
  Watches.noteAll(self)
  expect([changed(first), changed(second)]).toEqual([["a", "b", "c"], ["a", "b", "c"]])
  expect(changed(Watches.begin(self))).toEqual([])
})

it("P7 · many calls that do not end share one list, which is bounded; what has left it counts as changed", () => {
  const self = engine()
  const before = Array.from({ length: 1000 }, () => Watches.begin(self))
  for (let i = 0; i < 2.5 * watchedIds; i++) {
    Watches.noteChange(self, `id ${i}`)
    expect(self.watches.changedAt.size).toBeLessThanOrEqual(watchedIds)
  }
  expect(before.every((watch) => Watches.hasChanged(self, watch, "id 0"))).toBe(true)
  expect(before.every((watch) => Watches.hasChanged(self, watch, "another"))).toBe(true)
  // One that begins now is not hit by what was forgotten before it.
  const after = Watches.begin(self)
  expect(Watches.hasChanged(self, after, "id 0")).toBe(false)
  Watches.noteChange(self, "late")
  expect([Watches.hasChanged(self, after, "late"), Watches.hasChanged(self, after, "another")]).toEqual([true, false])
})

it("nothing is noted without a watch, and nothing is kept afterwards", () => {
  const self = engine()
  Watches.noteChange(self, "a")
  Watches.noteAll(self)
  const watch = Watches.begin(self)
  expect(Watches.hasChanged(self, watch, "a")).toBe(false)
  Watches.noteChange(self, "a")
  Watches.end(self)
  expect(self.watches).toMatchObject({ count: 0, changedAt: new Map() })
  expect(Watches.hasChanged(self, Watches.begin(self), "a")).toBe(false)
})
