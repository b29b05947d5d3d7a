/** The walk through an engine finds what a soak is to bound. */
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { sizesOf } from "./sizes.ts"

interface Link {
  readonly id: number
  next: Link | undefined
}

describe("sizesOf", () => {
  it("finds maps, sets and lists by their paths, however deep", () => {
    const flight = { callers: { list: [1, 2, 3] }, waitsOn: new Map([[{ edges: new Set([1, 2]) }, 1]]) }
    const flights = new Map<string, object>([["a", flight], ["b", { queue: [] }]])
    expect(Object.fromEntries(sizesOf({ flights }))).toMatchObject({
      ".flights": 2,
      ".flights[].callers.list": 3,
      ".flights[].waitsOn": 1,
      ".flights[].waitsOn[key].edges": 2,
      ".flights[].queue": 0
    })
  })

  it("gives the largest of all that are at one place", () => {
    const sizes = sizesOf({ all: [new Set([1]), new Set([1, 2, 3]), new Set()] })
    expect(sizes.get(".all[]")).toBe(3)
  })

  it("counts the objects of a chain, which is one place", () => {
    let chain: Link | undefined
    for (let id = 0; id < 50_000; id++) chain = { id, next: chain }
    const sizes = sizesOf({ last: chain, each: { tags: [1] } })
    expect(sizes.get("(objects)")).toBe(50_000 + 3)
    expect(sizes.get(".each.tags")).toBe(1)
  })

  it("ends where links form a circle, and at what is the program's own", () => {
    const circle: { self?: unknown; load: unknown } = { load: Effect.succeed(new Map([[1, 1]])) }
    circle.self = { list: [circle] }
    expect(Object.fromEntries(sizesOf(circle))).toEqual({ ".self.list": 1, "(objects)": 3 })
  })
})
