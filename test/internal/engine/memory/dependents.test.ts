/** Dependents of an id: only with one does a change move the epoch, after which every entry is checked again. */
import { describe, expect, it } from "@effect/vitest"
import { keptDependencies } from "../../../../src/internal/defaults/bounds.ts"
import * as Dependents from "../../../../src/internal/engine/memory/dependents.ts"
import * as TagEpochs from "../../../../src/internal/engine/memory/tagEpochs.ts"

describe("a change of an id", () => {
  const changes = (tags: ReadonlyArray<string>, id: string) => {
    const dependents = Dependents.make()
    for (const tag of tags) Dependents.add(dependents, tag)
    const epochs = TagEpochs.make()
    Dependents.idChanged(dependents, epochs, id)
    return epochs
  }

  it("moves no epoch where nothing depends on it", () => {
    for (const tags of [[], ["~=other"], ["~*others", "~=user:10"], ["user:1"]]) {
      expect(changes(tags, "user:1").epoch).toBe(0)
    }
  })

  it("invalidates the tags by which it is known, and no other", () => {
    const epochs = changes(["~=user:1", "~*user", "~=user:2"], "user:1")
    expect(epochs.epoch).toBe(1)
    expect(["~=user:1", "~*user", "~=user:2"].map((tag) => TagEpochs.changedSince(epochs, [tag], 0)))
      .toEqual([true, true, false])
  })

  it("no longer moves an epoch when the last one has left", () => {
    const dependents = Dependents.make()
    for (const change of [Dependents.add, Dependents.add, Dependents.remove, Dependents.remove]) {
      change(dependents, "~=user:1")
    }
    const epochs = TagEpochs.make()
    Dependents.idChanged(dependents, epochs, "user:1")
    expect([epochs.epoch, dependents.ofLoads]).toEqual([0, 0])
    expect(Dependents.has(dependents, "~=user:1")).toBe(false)
    Dependents.add(dependents, "~=user:1")
    expect(Dependents.has(dependents, "~=user:1")).toBe(true)
    Dependents.idChanged(dependents, epochs, "user:1")
    expect([epochs.epoch, dependents.ofLoads]).toEqual([1, 1])
  })

  it("P7 · few tags are kept of loads that have ended", () => {
    const dependents = Dependents.make()
    const tags = Array.from({ length: 3 * keptDependencies }, (_, i) => `~=user:${i}`)
    for (const tag of tags) Dependents.add(dependents, tag)
    for (const tag of tags) Dependents.remove(dependents, tag)
    expect([dependents.ofLoads, dependents.loads.size]).toEqual([0, keptDependencies])
  })
})
