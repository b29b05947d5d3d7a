/** Tags in memory: invalidations since an entry was last known to be right. */
import { describe, expect, it } from "@effect/vitest"
import { Schema } from "effect"
import { tagEpochs as limit } from "../../../../src/internal/defaults/bounds.ts"
import * as TagEpochs from "../../../../src/internal/engine/memory/tagEpochs.ts"

const Tag = Schema.Literals(["a", "b", "c", "d"])
const Invalidation = Schema.Struct({ tags: Schema.Array(Tag), mode: Schema.Literals(["hard", "soft"]) })

describe("an entry of some tags", () => {
  it.prop("has changed if one of them was invalidated after it was born, by its mode", {
    invalidations: Schema.Array(Invalidation),
    tags: Schema.Array(Tag)
  }, ({ invalidations, tags }) => {
    const epochs = TagEpochs.make()
    // Born before the first invalidation, after the first, and so on.
    const births = [epochs.epoch]
    for (const { mode, tags } of invalidations) {
      TagEpochs.invalidate(epochs, tags, mode)
      births.push(epochs.epoch)
    }
    for (const [i, bornAt] of births.entries()) {
      const after = invalidations.slice(i).filter((one) => one.tags.some((tag) => tags.includes(tag)))
      const [isHard, isSoft] = (["hard", "soft"] as const).map((mode) => after.some((one) => one.mode === mode))
      expect(TagEpochs.changedSince(epochs, tags, bornAt)).toBe(isHard)
      expect(TagEpochs.softenedSince(epochs, tags, bornAt)).toBe(isSoft)
      expect(TagEpochs.movedSince(epochs, tags, bornAt)).toBe(isHard || isSoft)
    }
  })

  it("is looked at again after every invalidation, whatever its tags", () => {
    const epochs = TagEpochs.make()
    const seen = [epochs.epoch]
    for (const tags of [["a"], [], ["a", "b"]]) {
      TagEpochs.invalidate(epochs, tags)
      seen.push(epochs.epoch)
    }
    expect(new Set(seen).size).toBe(4)
    expect(seen).toEqual(seen.toSorted((a, b) => a - b))
  })

  it("is born after all that has happened elsewhere", () => {
    const epochs = TagEpochs.make()
    epochs.ensureTracking = () => TagEpochs.invalidate(epochs, ["a"])
    const bornAt = TagEpochs.epochNow(epochs)
    expect(bornAt).toBe(1)
    expect(TagEpochs.changedSince(epochs, ["a"], bornAt)).toBe(false)
  })
})

describe("P7 · the table of tags is bounded", () => {
  it.each(["hard", "soft"] as const)("what is forgotten errs to a miss, what is remembered does not (%s)", (mode) => {
    const epochs = TagEpochs.make()
    const has = mode === "hard" ? TagEpochs.changedSince : TagEpochs.softenedSince
    const bornAt = epochs.epoch
    TagEpochs.invalidate(epochs, ["again"], mode)
    const since = () => has(epochs, ["never"], bornAt)
    for (let i = 1; i < limit; i++) TagEpochs.invalidate(epochs, [`tag ${i}`], mode)
    // Invalidated again it is the last to be forgotten.
    TagEpochs.invalidate(epochs, ["again"], mode)
    for (let i = 1; i < limit; i++) {
      expect(since()).toBe(false)
      TagEpochs.invalidate(epochs, [`more ${i}`], mode)
    }
    const { older, recent } = epochs[mode]
    expect(older.size + recent.size).toBe(limit)
    expect(since()).toBe(true)
    expect(has(epochs, ["tag 1"], bornAt)).toBe(true)
    expect(has(epochs, ["again"], limit - 1)).toBe(true)
    expect(has(epochs, ["never", "tag 1", "again"], epochs.epoch)).toBe(false)
    expect(has(epochs, ["never"], limit)).toBe(false)
  })

  it("the one of the other mode forgets nothing by it", () => {
    const epochs = TagEpochs.make()
    for (let i = 0; i < 2 * limit + 10; i++) TagEpochs.invalidate(epochs, [`tag ${i}`], "soft")
    expect(TagEpochs.changedSince(epochs, ["never"], 0)).toBe(false)
  })
})
