/** The messages that scripts publish, as the process that has written them and as another one receives them. */
import { describe, expect, it } from "@effect/vitest"
import { changesIn, make, messageOf, silence } from "../../../src/drivers/redis/tracking/published.ts"
import { tracking } from "../../../src/internal/defaults/redis.ts"

const entry = (id: string) => ({ _tag: "Entry", id }) as const
const load = (id: string) => ({ _tag: "Load", id }) as const
const end = (id: string) => ({ _tag: "End", id }) as const

describe("published messages", () => {
  it("report to others what was changed, and whether it ends what depends on it", () => {
    const message = messageOf(make("a"), [entry("set \u0000\ud800"), load("loaded"), { _tag: "Tag", tag: "t" }])
    expect(changesIn(make("b"), message)).toEqual([
      { _tag: "TagChanged", tag: "t" },
      { _tag: "Changed", id: "loaded" },
      { _tag: "Changed", id: "set \u0000\ud800", endsMarkers: true }
    ])
    expect(changesIn(make("b"), messageOf(make("a"), [{ _tag: "All" }]))).toEqual([{ _tag: "AllChanged" }])
  })

  it("report the end of a load that has stored nothing to others alone", () => {
    const self = make("a")
    const message = messageOf(self, [end("k")])
    expect(changesIn(make("b"), message)).toEqual([{ _tag: "LoadEnded", id: "k" }])
    expect(changesIn(self, message)).toEqual([])
  })

  it("report nothing to the process that has written them, however late they arrive", () => {
    const self = make("a")
    const [first, second] = [
      messageOf(self, [entry("k"), { _tag: "Tag", tag: "t" }]),
      messageOf(self, [entry("other")])
    ]
    expect(changesIn(self, second)).toEqual([])
    expect(changesIn(self, first)).toEqual([])
    expect(changesIn(self, messageOf(self, [{ _tag: "All" }]))).toEqual([])
  })

  it("count as changes by another process if a newer one of the same id has arrived before: its script has run late", () => {
    const self = make("a")
    const [first, second] = [messageOf(self, [entry("k"), load("l")]), messageOf(self, [entry("k")])]
    expect(changesIn(self, second)).toEqual([])
    expect(changesIn(self, first)).toEqual([{ _tag: "Changed", id: "k", endsMarkers: true }])
  })

  it("that are older than all that a process remembers count as changes by another process, too", () => {
    const self = make("a")
    const first = messageOf(self, [entry("k")])
    const newer = messageOf(self, [entry("k")])
    expect(changesIn(self, newer)).toEqual([])
    for (let i = 0; i <= tracking.ownMessages; i++) changesIn(self, messageOf(self, [load(`${i}`)]))
    expect(changesIn(self, first)).toEqual([{ _tag: "Changed", id: "k", endsMarkers: true }])
  })

  it.each([
    "",
    "{}",
    "[]",
    "null",
    `["a",1,[],[],[]]`,
    `["a",1,[],[],[],false]`,
    `["a",1,[1],[],[],false,[]]`,
    `["a","1",[],[],[],false,[]]`
  ])(
    "of another release may report anything: %s",
    (text) => expect(changesIn(make("a"), text)).toEqual([{ _tag: "AllChanged" }])
  )

  it("are not sent for nothing, and one that only tries to publish reports nothing", () => {
    expect(messageOf(make("a"), [])).toBe("")
    expect(changesIn(make("a"), silence)).toEqual([])
  })
})
