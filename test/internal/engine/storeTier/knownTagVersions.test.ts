/** Versions of tags that the store has reported: when they spare another request. */
import { describe, expect, it } from "@effect/vitest"
import { knownTagVersions as limit } from "../../../../src/internal/defaults/bounds.ts"
import { polling } from "../../../../src/internal/defaults/processes.ts"
import * as TagEpochs from "../../../../src/internal/engine/memory/tagEpochs.ts"
import * as Known from "../../../../src/internal/engine/storeTier/knownTagVersions.ts"
import type { StoreTier } from "../../../../src/internal/engine/storeTier/storeTier.ts"

/** The view of a store: polled at 1000, and followed. */
const tierWith = (changed: Partial<StoreTier> = {}): StoreTier =>
  ({
    knownTagVersions: Known.make(),
    front: { tagEpochs: TagEpochs.make() },
    tracker: {},
    untracked: false,
    polledAt: 1000,
    ...changed
  }) as unknown as StoreTier

const tags = Object.freeze(["class:a"])

describe("versions that the store has reported", () => {
  it("is known by the list that it was asked with, until changes have to be polled again", () => {
    const tier = tierWith()
    Known.remember(tier, tags, ["v1"], 1000)
    expect(Known.find(tier, tags, 1000)).toEqual(["v1"])
    expect(Known.find(tier, tags, 1000 + polling.lateMillis - 1)).toEqual(["v1"])
    expect(Known.find(tier, Object.freeze(["class:a"]), 1000)).toBeUndefined()
  })

  const notKnown: ReadonlyArray<readonly [when: string, change: (tier: StoreTier) => number]> = [
    ["a tag was invalidated", ({ front }) => (TagEpochs.invalidate(front.tagEpochs, ["another"], "hard"), 1000)],
    ["a tag was softened", ({ front }) => (TagEpochs.invalidate(front.tagEpochs, ["another"], "soft"), 1000)],
    ["changes were last polled too long ago", () => 1000 + polling.lateMillis],
    ["the clock was set back", () => 999],
    ["there is no listener", (tier) => (Object.assign(tier, { tracker: undefined }), 1000)],
    ["the process is untracked", (tier) => (Object.assign(tier, { untracked: true }), 1000)],
    ["it was forgotten", ({ knownTagVersions }) => (Known.forget(knownTagVersions), 1000)]
  ]

  it.each(notKnown)("is not used when %s", (_, change) => {
    const tier = tierWith()
    Known.remember(tier, tags, ["v1"], 1000)
    const now = change(tier)
    expect(Known.find(tier, tags, now)).toBeUndefined()
  })

  it.each(notKnown.slice(2, -1))("is not kept when %s", (_, change) => {
    const tier = tierWith()
    const now = change(tier)
    Known.remember(tier, tags, ["v1"], now)
    expect(tier.knownTagVersions.byTags.size).toBe(0)
  })

  it("is kept for lists only that will be asked with again, and not for none", () => {
    const tier = tierWith()
    Known.remember(tier, ["class:a"], ["v1"], 1000)
    Known.remember(tier, Object.freeze([]), [], 1000)
    expect(tier.knownTagVersions.byTags.size).toBe(0)
  })

  it("before an invalidation does not come back with a later report", () => {
    const tier = tierWith()
    const others = Object.freeze(["class:b"])
    Known.remember(tier, tags, ["v1"], 1000)
    TagEpochs.invalidate(tier.front.tagEpochs, tags, "hard")
    Known.remember(tier, others, ["v2"], 1000)
    expect(Known.find(tier, others, 1000)).toEqual(["v2"])
    expect(Known.find(tier, tags, 1000)).toBeUndefined()
  })

  it("P7 · is bounded", () => {
    const tier = tierWith()
    for (let i = 0; i <= 2 * limit; i++) Known.remember(tier, Object.freeze([`class:${i}`]), ["v"], 1000)
    expect(tier.knownTagVersions.byTags.size).toBeLessThanOrEqual(limit)
  })
})
