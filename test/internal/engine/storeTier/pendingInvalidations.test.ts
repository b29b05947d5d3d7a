/** Invalidations that the store has not acknowledged: the entries they hide, and until when. */
import { describe, expect, it } from "@effect/vitest"
import { Schema } from "effect"
import { pendingInvalidations as limit } from "../../../../src/internal/defaults/stores.ts"
import * as Pending from "../../../../src/internal/engine/storeTier/pendingInvalidations.ts"

const idOf = (id: string) => ({ _tag: "Id", id }) as const
const tagsOf = (tags: ReadonlyArray<string>, mode: "hard" | "soft" = "hard") => ({ _tag: "Tags", tags, mode }) as const
const all = { _tag: "All" } as const

describe("a pending invalidation", () => {
  it("is so from its beginning until it is acknowledged, and nothing else", () => {
    const pending = Pending.make()
    const [one, tags] = [Pending.add(pending, idOf("a")), Pending.add(pending, tagsOf(["t", "u"]))]
    expect([Pending.isPending(pending, "a"), Pending.isPending(pending, "b")]).toEqual([true, false])
    expect([["t"], ["x", "u"], ["x"], []].map((some) => Pending.areTagsPending(pending, some)))
      .toEqual([true, true, false, false])
    Pending.acknowledge(pending, one)
    expect(Pending.isPending(pending, "a")).toBe(false)
    expect(Pending.isEmpty(pending)).toBe(false)
    Pending.acknowledge(pending, tags)
    expect(Pending.areTagsPending(pending, ["t", "u"])).toBe(false)
    expect(Pending.isEmpty(pending)).toBe(true)
  })

  it("an answer to an older question says nothing about a newer one", () => {
    const pending = Pending.make()
    const olders = [idOf("a"), tagsOf(["t", "u"]), all].map((target) => Pending.add(pending, target))
    Pending.add(pending, idOf("a"))
    Pending.add(pending, tagsOf(["t"]))
    Pending.add(pending, all)
    for (const older of olders) Pending.acknowledge(pending, older)
    expect(Pending.isPending(pending, "b")).toBe(true)
    expect([Pending.areTagsPending(pending, ["t"]), Pending.areTagsPending(pending, ["u"])]).toEqual([true, false])
    expect(Pending.size(pending)).toBe(3)
  })

  it("of everything makes every id unbelievable", () => {
    const pending = Pending.make()
    const item = Pending.add(pending, all)
    expect(Pending.isPending(pending, "whatever")).toBe(true)
    expect(pending.clears).toBe(1)
    Pending.acknowledge(pending, item)
    expect(Pending.isPending(pending, "whatever")).toBe(false)
    expect(pending.clears).toBe(1)
  })

  it("as gone does not become merely stale", () => {
    const pending = Pending.make()
    expect(Pending.pendingMode(pending, ["t"])).toBeUndefined()
    Pending.add(pending, tagsOf(["t"], "soft"))
    expect(Pending.pendingMode(pending, ["t"])).toBe("soft")
    expect(Pending.tagsTarget(pending, ["t", "u"], "soft").mode).toBe("soft")
    Pending.add(pending, tagsOf(["u"]))
    expect(Pending.pendingMode(pending, ["t", "u"])).toBe("hard")
    expect(Pending.tagsTarget(pending, ["t", "u"], "soft").mode).toBe("hard")
    expect(Pending.tagsTarget(pending, ["t"], "hard").mode).toBe("hard")
  })
})

describe("a failed invalidation", () => {
  it("is sent once more, each target once; targets that are in flight are not", () => {
    const pending = Pending.make()
    const tags = Pending.add(pending, tagsOf(["t", "u"]))
    const one = Pending.add(pending, idOf("a"))
    Pending.add(pending, idOf("b"))
    expect(Array.from(pending.unsent)).toEqual([])
    Pending.markUnsent(pending, tags)
    Pending.markUnsent(pending, one)
    expect(new Set(Array.from(pending.unsent))).toEqual(new Set([one, tags]))
    expect(Array.from(pending.unsent)).toHaveLength(2)
    Pending.markAllUnsent(pending)
    expect(Array.from(pending.unsent)).toHaveLength(3)
  })

  it("P7 · becomes one clear when it is too much", () => {
    const pending = Pending.make()
    const items = Array.from({ length: limit + 1 }, (_, i) => Pending.add(pending, idOf(`id ${i}`)))
    for (const item of items.slice(1)) Pending.markUnsent(pending, item)
    // The one that is being asked about is no incident.
    expect(Pending.size(pending)).toBe(limit + 1)
    Pending.markUnsent(pending, items[0]!)
    expect(Pending.size(pending)).toBe(1)
    expect(Array.from(pending.unsent).map(({ target }) => target)).toEqual([all])
    expect(Pending.isPending(pending, "whatever")).toBe(true)
  })
})

describe("20,000 items", () => {
  const count = 2 * limit

  /** How often the items of a map are listed. */
  const counted = <A>(map: ReadonlyMap<string, A>) => {
    const counts = { lists: 0 }
    for (const method of ["values", "entries", "forEach", Symbol.iterator] as const) {
      const list = map[method].bind(map) as (...given: ReadonlyArray<unknown>) => unknown
      Object.assign(map, { [method]: (...given: ReadonlyArray<unknown>) => (counts.lists++, list(...given)) })
    }
    return counts
  }

  it("are marked without a look at all of them for each", () => {
    const pending = Pending.make()
    const items = Array.from({ length: count }, (_, i) => Pending.add(pending, idOf(`id ${i}`)))
    const [ids, tags] = [counted(pending.ids), counted(pending.tags)]
    for (const item of items) Pending.markUnsent(pending, item)
    // Once, when one `clear` takes their place.
    expect([ids.lists, tags.lists]).toEqual([1, 1])
  })

  it("are marked as tags of one another too", () => {
    const pending = Pending.make()
    const tagsOfOne = Array.from({ length: count }, (_, i) => `tag ${i}`)
    Pending.markUnsent(pending, Pending.add(pending, tagsOf(tagsOfOne)))
    expect(pending.unsent.size).toBe(1)
    for (const tag of tagsOfOne.slice(1)) Pending.add(pending, tagsOf([tag]))
    expect(pending.unsent.size).toBe(1)
    Pending.add(pending, tagsOf([tagsOfOne[0]!, tagsOfOne[0]!]))
    expect(pending.unsent.size).toBe(0)
  })
})

it("a target that is replaced, acknowledged or gone is not unsent", () => {
  const pending = Pending.make()
  const [old, tags, everything] = [idOf("a"), tagsOf(["t", "u"]), all].map((target) => Pending.add(pending, target))
  for (const item of [old!, tags!, everything!]) Pending.markUnsent(pending, item)
  expect([["a", []], ["b", ["u"]], ["b", []]].map(([id, tags]) => Pending.isUnsent(pending, id as string, tags as [])))
    .toEqual([true, true, true])
  Pending.add(pending, all)
  Pending.add(pending, idOf("a"))
  Pending.acknowledge(pending, tags!)
  expect(pending.unsent.size).toBe(0)
  // Late answers to the older ones.
  for (const item of [old!, tags!, everything!]) Pending.markUnsent(pending, item)
  expect(pending.unsent.size).toBe(0)
  expect(Pending.isUnsent(pending, "a", ["t"])).toBe(false)
})

const Name = Schema.Literals(["a", "b", "c"])
const Step = Schema.Union([
  Schema.Struct({ do: Schema.Literal("id"), id: Name }),
  Schema.Struct({ do: Schema.Literal("tags"), tags: Schema.Array(Name), mode: Schema.Literals(["hard", "soft"]) }),
  Schema.Struct({ do: Schema.Literal("acknowledge"), nth: Schema.Literals([0, 1, 2, 3, 4]) }),
  Schema.Struct({ do: Schema.Literal("unsent"), nth: Schema.Literals([0, 1, 2, 3, 4]) })
])

it.prop("an id or tag is pending as long as its last invalidation is", { steps: Schema.Array(Step) }, ({ steps }) => {
  const pending = Pending.make()
  const items: Array<Pending.Item> = []
  const last = new Map<string, Pending.Item>()
  const done = new Set<Pending.Item>()
  const marked = new Set<Pending.Item>()
  for (const step of steps) {
    if (step.do === "id") {
      items.push(Pending.add(pending, idOf(step.id)))
      last.set(`id ${step.id}`, items.at(-1)!)
    } else if (step.do === "tags") {
      items.push(Pending.add(pending, tagsOf(step.tags, step.mode)))
      for (const tag of step.tags) last.set(`tag ${tag}`, items.at(-1)!)
    } else {
      const item = items[step.nth]
      if (item === undefined) continue
      if (step.do === "unsent") {
        Pending.markUnsent(pending, item)
        marked.add(item)
      } else {
        Pending.acknowledge(pending, item)
        done.add(item)
      }
    }
    const isPending = (what: string) => last.has(what) && !done.has(last.get(what)!)
    for (const name of ["a", "b", "c"]) {
      expect(Pending.isPending(pending, name)).toBe(isPending(`id ${name}`))
      expect(Pending.areTagsPending(pending, [name])).toBe(isPending(`tag ${name}`))
    }
    const isLast = (item: Pending.Item) => [...last.values()].includes(item)
    expect(pending.unsent).toEqual(new Set([...marked].filter((item) => isLast(item) && !done.has(item))))
  }
})
