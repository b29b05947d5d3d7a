/**
 * The package exports few names: each is one more to find, to learn and to keep. A name counts once for its module,
 * members of namespaces included. A type is exported if programs write it: not if it is only that of a parameter.
 */
import { describe, expect, it } from "@effect/vitest"
import { type Documented, publicModules } from "../docs/publicDocs.ts"

/** The most that all modules may export together. Lower them with each name that goes. */
const limits = { values: 199, types: 144 }

/** The most that one module may export, for those that a program reads as one list. */
const limitsOfModules = { Cached: 80, CacheLayer: 30, CachePolicy: 8, Guard: 14, Strategy: 12, Transaction: 8 }

const count = (modules: Iterable<ReadonlyArray<Documented>>) => {
  const all = [...modules].flat()
  const values = all.filter(({ isValue }) => isValue).length
  return { values, types: all.length - values }
}

describe("public names", () => {
  it("are counted by kind, and once where a value and a type have one name", () => {
    const value = { name: "Lock", isValue: true, doc: "" }
    const type = { name: "Lock", isValue: false, doc: "" }
    expect(count([[value, type], [type]])).toEqual({ values: 1, types: 2 })
    expect(publicModules.get("Lock")!.filter(({ name }) => name === "Lock")).toHaveLength(2)
  })

  it("are no more than agreed", () => {
    expect(count(publicModules.values())).toEqual(limits)
  })

  it.each(Object.entries(limitsOfModules))("of %s are at most %d", (name, most) => {
    const module = publicModules.get(name)!
    expect(module.length).toBeGreaterThan(0)
    expect(module.length).toBeLessThanOrEqual(most)
  })
})
